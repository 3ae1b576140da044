package kafka_test

import (
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// TestMinISR: a topic's own value, or the one that it inherits; topics that are not there are not in the answer.
func TestMinISR(t *testing.T) {
	c := connect(t, shared)
	createTopic(t, shared, "min-isr-own", []int32{1, 2, 3})
	createTopic(t, shared, "min-isr-inherited", []int32{1, 2, 3})
	if err := c.AlterConfigs(t.Context(), changes{topicResource("min-isr-own"): {set("min.insync.replicas", "3")}}, false); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"min-isr-own": 3, "min-isr-inherited": 1}
	eventually(t, time.Minute, func() string {
		got, err := c.MinISR(t.Context(), []string{"min-isr-own", "no-such-topic", "min-isr-inherited"})
		if err != nil || !maps.Equal(got, want) {
			return fmt.Sprintf("%v, %v, want %v", got, err, want)
		}
		return ""
	})
	if got, err := c.MinISR(t.Context(), []string{"min-isr-own", "not a topic's name"}); !errors.Is(err, kafka.ErrInvalid) || got["min-isr-own"] != 3 {
		t.Errorf("one that Kafka refuses does not hide the others: %v, %v", got, err)
	}
}
