package model_test

import (
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/model"
)

// TestClock: a roll takes its boots, its stops and its bytes at the rate; nodes that are replaced together share the time, and twice the rate
// halves what the bytes take.
func TestClock(t *testing.T) {
	const bytes, rate = 600 << 20, 10 << 20 // A minute.
	took := func(surge int, change func(*model.Timing)) time.Duration {
		t.Helper()
		f := built(t, brokerGroup(3, 3, "4.3.1"), 3, 3)
		for i := range f.Partitions {
			f.Partitions[i].Bytes = bytes / 3
		}
		// Nothing but what a case is about takes time.
		f.Timing = model.Timing{BytesPerSecond: rate}
		change(&f.Timing)
		g := brokerGroup(3, 3, "4.3.1b")
		g.MaxSurge = surge
		began := f.Now
		if _, short := f.Run(g, 1000); short != "" {
			t.Fatal(short)
		}
		return f.Now.Sub(began)
	}
	minutes := func(m int) time.Duration { return time.Duration(m) * time.Minute }
	cases := map[string]struct {
		surge  int
		change func(*model.Timing)
		want   time.Duration
	}{
		"the bytes of three brokers, one after the other": {1, func(*model.Timing) {}, minutes(3)},
		"at twice the rate":                  {1, func(t *model.Timing) { t.BytesPerSecond *= 2 }, minutes(3) / 2},
		"boots":                              {1, func(t *model.Timing) { t.Boot = time.Minute }, minutes(6)},
		"stops":                              {1, func(t *model.Timing) { t.Stop = time.Minute }, minutes(6)},
		"the least that a move takes":        {1, func(t *model.Timing) { t.Copy = time.Minute }, minutes(6)},
		"the canary, and then two at a time": {2, func(t *model.Timing) { t.Boot = time.Minute }, minutes(4)},
		"at a rate that is no matter":        {1, func(t *model.Timing) { t.BytesPerSecond = 600 << 20 }, 3 * time.Second},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := took(c.surge, c.change).Round(time.Second); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}
