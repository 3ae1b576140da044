package fleet

import (
	"context"
	"slices"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/throttle"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/placement"
)

// ForeignTopics changes the topics of a Kafka that no fleet runs. Where Kafka chooses brokers it is left the choice; where it does not,
// which is for a change of the replication factor, replicas are placed by zone.
func ForeignTopics(k *kafka.Client) Topics {
	t := foreignTopics{kafka: k}
	t.factors = newFactors(k, t.standing)
	return t
}

type foreignTopics struct {
	kafka   *kafka.Client
	factors *factors
}

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
	found, err := t.kafka.Reader().Topic(ctx, topic)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(found.Partitions, func(p kafka.Partition) bool { return len(p.Target()) != factor }) {
		return t.set(ctx, factorChange{topic: topic, factor: factor, added: true})
	}
	return nil
}

func (t foreignTopics) SetReplicationFactor(ctx context.Context, topic string, factor int, limit throttle.Policy) error {
	return t.set(ctx, factorChange{topic: topic, factor: factor, limit: limit})
}

func (t foreignTopics) set(ctx context.Context, change factorChange) error {
	return t.factors.set(ctx, change, func(begin func() error) error { return begin() })
}

// standing has replicas placed by what Kafka says of itself.
func (t foreignTopics) standing(ctx context.Context, do func(s standing)) error {
	_, brokers, err := t.kafka.Brokers(ctx)
	if err != nil {
		return err
	}
	topics, err := t.kafka.Topics(ctx)
	if err != nil {
		return err
	}
	s := standing{serving: map[int32]bool{}, noPlace: noPlace}
	var serving []int32
	for _, b := range brokers {
		state := placement.Live
		if b.Fenced {
			state = placement.Cordoned
		} else {
			serving = append(serving, b.ID)
		}
		s.serving[b.ID] = !b.Fenced
		s.fleet.Brokers = append(s.fleet.Brokers, placement.Broker{ID: b.ID, Zone: b.Rack, State: state})
	}
	o := observed{}
	for _, found := range topics {
		for _, p := range found.Partitions {
			tp := plan.TopicPartition{Topic: p.Topic, Partition: p.Partition}
			o.Partitions = append(o.Partitions, plan.Partition{TopicPartition: tp, Leader: p.Leader, Replicas: p.Replicas, Adding: p.Adding, Removing: p.Removing, ISR: p.ISR})
		}
	}
	// Where a broker does not say what it holds, or may not be asked, its partitions may be of any size.
	o.dirs, _ = t.kafka.LogDirs(ctx, serving)
	s.partitions, s.sizes = o.Partitions, led(o)
	for _, p := range s.partitions {
		s.fleet.Partitions = append(s.fleet.Partitions, placement.Partition{
			Topic: p.Topic, Partition: p.Partition, Replicas: p.Target(), Leader: p.Leader, InSync: p.ISR, Bytes: s.sizes[p.TopicPartition],
		})
	}
	do(s)
	return nil
}
