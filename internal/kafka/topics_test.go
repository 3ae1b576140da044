package kafka_test

import (
	"slices"
	"testing"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// TestReplicasAreWhereTheyWereAskedFor: each partition of a new topic, and each one that is added, has the brokers named, in their order.
func TestReplicasAreWhereTheyWereAskedFor(t *testing.T) {
	const name = "placed"
	c, ctx := connect(t, shared), t.Context()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	want := [][]int32{{3, 1}, {2, 3}, {1, 2}, {2, 1}}
	topic := kafka.NewTopic{Name: name, Partitions: 7, ReplicationFactor: 3, Replicas: want[:2]}
	ok(c.CreateTopic(ctx, topic, true))
	ok(c.CreateTopic(ctx, topic, false))
	ok(c.AwaitTopic(ctx, name, 2))
	if err := c.AddPartitions(ctx, name, 4, [][]int32{{9, 1}, {2, 1}}, true); kafka.About(err) != kafka.SubjectReplicas {
		t.Errorf("a broker that is not there: %v, want a refusal of the replicas", err)
	}
	ok(c.AddPartitions(ctx, name, 4, want[2:], false))
	ok(c.AwaitTopic(ctx, name, 4))
	found, err := c.Topic(ctx, name)
	ok(err)
	for _, p := range found.Partitions {
		if !slices.Equal(p.Replicas, want[p.Partition]) {
			t.Errorf("partition %d has replicas %v, want %v", p.Partition, p.Replicas, want[p.Partition])
		}
	}
	ok(c.DeleteTopic(ctx, name))
}
