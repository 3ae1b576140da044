package kafka

import (
	"context"
	"fmt"
	"strconv"
)

const minISRSetting = "min.insync.replicas"

// MinISR returns the min.insync.replicas in force of the given topics, whether it is their own or inherited: one small request for
// every 500 topics. A topic that has vanished is left out. What could not be read is in the error, the others are returned.
func (c *Client) MinISR(ctx context.Context, topics []string) (map[string]int, error) {
	resources := make([]ConfigResource, 0, len(topics))
	for _, name := range topics {
		resources = append(resources, ConfigResource{Kind: ResourceTopic, Name: name})
	}
	described, failed := c.describeConfigs(ctx, resources, []string{minISRSetting})
	out := make(map[string]int, len(topics))
	for r, entries := range described {
		for _, e := range entries {
			if e.Name != minISRSetting {
				continue
			}
			n, err := strconv.Atoi(e.Value)
			if err != nil {
				failed[r] = fmt.Errorf("%w: %s is %q", ErrInvalid, minISRSetting, e.Value)
				continue
			}
			out[r.Name] = n
		}
	}
	dropVanished(failed)
	return out, joinResources("reading "+minISRSetting+" of", failed)
}
