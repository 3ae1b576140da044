package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// TestAGroupsLife: it has members, then offsets only, which can be set. It is the same for both protocols.
func TestAGroupsLife(t *testing.T) {
	const topic = "grouped"
	createTopic(t, shared, topic, []int32{1, 2}, []int32{2, 3})
	stamped(t, topic, 0, time.Now(), time.Now(), time.Now())
	for protocol, ctx := range map[string]context.Context{
		"classic":  t.Context(),
		"consumer": context.WithValue(t.Context(), "opt_in_kafka_next_gen_balancer_beta", true), //nolint:revive,staticcheck // The library looks for this text.
	} {
		t.Run(protocol, func(t *testing.T) {
			c := connect(t, shared)
			group := "life-" + protocol
			partitions := []kafka.TopicPartition{{Topic: topic}, {Topic: topic, Partition: 1}}
			if g, err := c.Group(t.Context(), group); !errors.Is(err, kafka.ErrNotFound) {
				t.Fatalf("a group that is not there: %+v, %v", g, err)
			}
			if offsets, err := c.CommittedOffsets(t.Context(), group); err != nil || len(offsets) != 0 {
				t.Errorf("the offsets of a group that is not there: %v, %v", offsets, err)
			}
			consumer := dial(t, shared, kgo.WithContext(ctx), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.ClientID("reader"), kgo.DisableAutoCommit())
			if fetches := consumer.PollFetches(t.Context()); fetches.Err() != nil || fetches.Empty() {
				t.Fatalf("nothing is read: %v", fetches.Err())
			}
			eventually(t, time.Minute, func() string {
				g, err := c.Group(t.Context(), group)
				if err != nil || !g.Active() || len(g.Members) != 1 || g.State != "Stable" {
					return fmt.Sprintf("%+v, %v", g, err)
				}
				if m := g.Members[0]; m.ClientID != "reader" || m.Host == "" || m.ID == "" || !slices.Equal(slices.Collect(maps.Keys(m.Partitions)), []string{topic}) {
					return fmt.Sprintf("%+v", m)
				}
				return ""
			})
			want := map[kafka.TopicPartition]int64{partitions[0]: 2}
			if err := c.CommitOffsets(t.Context(), group, want); !errors.Is(err, kafka.ErrInvalid) {
				t.Errorf("Kafka lets offsets be set while somebody takes part: %v", err)
			}
			consumer.Close()
			eventually(t, time.Minute, func() string {
				// Kafka forgets a group that has neither members nor offsets.
				if g, err := c.Group(t.Context(), group); !errors.Is(err, kafka.ErrNotFound) && g.Active() {
					return fmt.Sprintf("%+v, %v", g, err)
				}
				return ""
			})
			if err := c.CommitOffsets(t.Context(), group, want); err != nil {
				t.Fatal(err)
			}
			if offsets, err := c.CommittedOffsets(t.Context(), group); err != nil || !maps.Equal(offsets, want) {
				t.Errorf("%v, %v, want %v", offsets, err, want)
			}
			if g, err := c.Group(t.Context(), group); err != nil || g.Active() || g.State != "Empty" {
				t.Errorf("offsets only: %+v, %v", g, err)
			}
			missing := map[kafka.TopicPartition]int64{{Topic: "no-such-topic"}: 1, partitions[1]: 1}
			if err := c.CommitOffsets(t.Context(), group, missing); !errors.Is(err, kafka.ErrNotFound) {
				t.Errorf("a topic that is not there: %v", err)
			}
			want[partitions[1]] = 1
			if offsets, err := c.CommittedOffsets(t.Context(), group); err != nil || !maps.Equal(offsets, want) {
				t.Errorf("%v, %v, want %v", offsets, err, want)
			}
		})
	}
	if err := connect(t, shared).CommitOffsets(t.Context(), "life-none", nil); err != nil {
		t.Errorf("no offsets: %v", err)
	}
}
