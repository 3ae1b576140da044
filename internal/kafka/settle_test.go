package kafka_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka/kafkatest"
)

// TestWhatABrokerCannotHaveSeenIsNotConfirmed hangs one of three brokers, which Kafka takes for alive for some seconds: nothing that is written
// meanwhile is told as known everywhere, by whichever way that is found out, and the error names the broker.
func TestWhatABrokerCannotHaveSeenIsNotConfirmed(t *testing.T) {
	// It is not fenced before the test has ended.
	cluster := kafkatest.Start(t, kafkatest.Options{Brokers: 3, Config: map[string]string{"broker.session.timeout.ms": "60000"}})
	c := connect(t, cluster)
	wait := func(what string, do func(ctx context.Context) error) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
		defer cancel()
		if err := do(ctx); !errors.Is(err, kafka.ErrUnreachable) || !strings.Contains(err.Error(), "broker 3") {
			t.Errorf("%s: %v", what, err)
		}
	}
	user, rate := "alice", 1e6
	for _, known := range []string{"before", "after"} {
		// The first time the brokers' way through the log is looked at; once that was in vain, each is asked about the object.
		if known == "before" {
			if err := errors.Join(c.CreateTopic(t.Context(), kafka.NewTopic{Name: "seen", Partitions: 1, ReplicationFactor: 1}, false), c.AwaitTopic(t.Context(), "seen", 1)); err != nil {
				t.Fatal(err)
			}
			if err := cluster.Pause(3); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = cluster.Resume(3) })
		}
		name := "unseen-" + known
		if err := c.CreateTopic(t.Context(), kafka.NewTopic{Name: name, Partitions: 1, ReplicationFactor: 1, Replicas: [][]int32{{1}}}, false); err != nil {
			t.Fatal(err)
		}
		wait("a topic "+known, func(ctx context.Context) error { return c.AwaitTopic(ctx, name, 1) })
		if known == "after" { // Of several, each is told.
			wait("topics", func(ctx context.Context) error {
				failed := c.AwaitTopics(ctx, map[string]int{name: 1, "seen": 1})
				if err := failed["seen"]; err == nil || !strings.Contains(err.Error(), `topic "seen"`) || len(failed) != 2 {
					t.Errorf("of two topics, this is told: %v", failed)
				}
				return failed[name]
			})
		}
	}
	wait("a quota", func(ctx context.Context) error {
		return c.AlterQuotas(ctx, kafka.QuotaEntity{User: &user}, []kafka.QuotaChange{{Key: "producer_byte_rate", Value: &rate}}, false)
	})
	wait("an ACL", func(ctx context.Context) error {
		return c.CreateACL(ctx, kafka.ACL{ResourceType: "Topic", ResourceName: "seen", PatternType: "Literal", Principal: "User:alice", Host: "*", Operation: "Read", Permission: "Allow"})
	})
}
