package fleet

import (
	"context"
	"math"
	"time"
)

// Forecast is what a plan says that a rollout takes.
type Forecast struct {
	Bytes    int64
	Duration time.Duration
}

// tellDone logs what a rollout took, with what was said beforehand. A run that had nothing to do says nothing.
func (c *Client) tellDone(ctx context.Context, cluster, group string, result Result, took time.Duration, forecast *Forecast) {
	if result.Steps == 0 {
		return
	}
	fields := map[string]any{
		"cluster": cluster, "group": group, "steps": result.Steps, "nodes_launched": len(result.Launched), "nodes_terminated": len(result.Terminated),
		"bytes_moved": result.BytesMoved, "s_actual": math.Round(took.Seconds()*10) / 10,
	}
	if forecast != nil {
		fields["bytes_predicted"], fields["s_predicted"] = forecast.Bytes, math.Round(forecast.Duration.Seconds())
	}
	c.opts.Log(ctx, "rollout done", fields)
}
