package kafka_test

import (
	"errors"
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

// TestManyTopicsOfOneCaller has each topic of a call be answered by itself.
func TestManyTopicsOfOneCaller(t *testing.T) {
	c, ctx := connect(t, shared), t.Context()
	topic := func(name string, factor int16) kafka.NewTopic {
		return kafka.NewTopic{Name: name, Partitions: 2, ReplicationFactor: factor}
	}
	if err := c.CreateTopic(ctx, topic("many-there", 1), false); err != nil {
		t.Fatal(err)
	}
	failed := c.CreateTopics(ctx, []kafka.NewTopic{topic("many-a", 2), topic("many-there", 1), topic("many-b", 2), topic("many-wide", 9)})
	if len(failed) != 2 || !errors.Is(failed["many-there"], kafka.ErrExists) || kafka.About(failed["many-wide"]) != kafka.SubjectReplicationFactor {
		t.Errorf("creating: %v", failed)
	}
	if failed := c.AwaitTopics(ctx, map[string]int{"many-a": 2, "many-b": 2, "many-there": 2}); len(failed) > 0 {
		t.Errorf("awaiting: %v", failed)
	}
	if _, err := c.Reader().Topic(ctx, "many-a"); err != nil {
		t.Error(err)
	}
	if failed := c.DeleteTopics(ctx, []string{"many-a", "many-none", "many-b"}); len(failed) != 1 || !errors.Is(failed["many-none"], kafka.ErrNotFound) {
		t.Errorf("deleting: %v", failed)
	}
	if failed := c.AwaitTopicsGone(ctx, map[string]string{"many-a": "", "many-b": ""}); len(failed) > 0 {
		t.Errorf("awaiting the end: %v", failed)
	}
	if _, err := c.Reader().Topic(ctx, "many-a"); !errors.Is(err, kafka.ErrNotFound) {
		t.Errorf("what is read of a topic that was deleted with others: %v", err)
	}
}
