package fleet

import (
	"context"
	"slices"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/placement"
)

// ForeignTopics changes the topics of a Kafka that no fleet runs. Where Kafka chooses brokers it is left the choice; where it does not,
// which is for a change of the replication factor, replicas are placed by zone.
func ForeignTopics(k *kafka.Client) Topics { return foreignTopics{k} }

type foreignTopics struct{ kafka *kafka.Client }

// Create waits a while for brokers that are registered but have only just started, when they are what is missing.
func (t foreignTopics) Create(ctx context.Context, topic kafka.NewTopic) error {
	start := time.Now()
	for {
		err := t.kafka.CreateTopic(ctx, topic, false)
		if kafka.About(err) != kafka.SubjectReplicationFactor || time.Since(start) > topicPatience {
			return err
		}
		_, brokers, found := t.kafka.Brokers(ctx)
		if found != nil || len(brokers) < int(topic.ReplicationFactor) {
			return err
		}
		if pause(ctx, time.Second); ctx.Err() != nil {
			return err
		}
	}
}

func (t foreignTopics) CreateAll(ctx context.Context, topics []kafka.NewTopic) map[string]error {
	failed := t.kafka.CreateTopics(ctx, topics)
	return again(topics, failed, func(err error) bool { return kafka.About(err) == kafka.SubjectReplicationFactor }, func(topic kafka.NewTopic) error { return t.Create(ctx, topic) })
}

// AddPartitions corrects what Kafka gives: as many replicas as the first partition has at that moment, which is too many while it moves.
func (t foreignTopics) AddPartitions(ctx context.Context, topic string, total, factor int) error {
	if err := t.kafka.AddPartitions(ctx, topic, int32(total), nil, false); err != nil { //nolint:gosec // A topic has far fewer partitions.
		return err
	}
	if err := t.kafka.AwaitTopic(ctx, topic, total); err != nil {
		return err
	}
	found, err := t.kafka.Topic(ctx, topic)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(found.Partitions, func(p kafka.Partition) bool { return len(p.Target()) != factor }) {
		return t.SetReplicationFactor(ctx, topic, factor)
	}
	return nil
}

func (t foreignTopics) SetReplicationFactor(ctx context.Context, topic string, factor int) error {
	_, brokers, err := t.kafka.Brokers(ctx)
	if err != nil {
		return err
	}
	topics, err := t.kafka.Topics(ctx)
	if err != nil {
		return err
	}
	var f placement.Fleet
	for _, b := range brokers {
		state := placement.Live
		if b.Fenced {
			state = placement.Cordoned
		}
		f.Brokers = append(f.Brokers, placement.Broker{ID: b.ID, Zone: b.Rack, State: state})
	}
	for _, found := range topics {
		for _, p := range found.Partitions {
			f.Partitions = append(f.Partitions, placement.Partition{
				Topic: p.Topic, Partition: p.Partition, Replicas: p.Target(), Leader: p.Leader, InSync: p.ISR,
			})
		}
	}
	changed := placement.SetReplicationFactor(f, topic, factor)
	if err := unplaced(changed); err != nil {
		return err
	}
	list := reassignments(changed)
	if len(list) == 0 {
		return nil
	}
	if err := t.kafka.Reassign(ctx, list, true); err != nil {
		return err
	}
	return t.kafka.AwaitReplicas(ctx, topic, list)
}
