package provider

import (
	"context"
	"fmt"
	"slices"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/placement"
)

// setReplicationFactor gives every partition of a topic so many replicas, and waits until they are in sync and the reassignment is done.
func setReplicationFactor(ctx context.Context, k *kafka.Client, topic string, factor int) error {
	_, brokers, err := k.Brokers(ctx)
	if err != nil {
		return err
	}
	topics, err := k.Topics(ctx)
	if err != nil {
		return err
	}
	var fleet placement.Fleet
	for _, b := range brokers {
		if !b.Fenced {
			fleet.Brokers = append(fleet.Brokers, placement.Broker{ID: b.ID, Zone: b.Rack})
		}
	}
	for _, t := range topics {
		for _, p := range t.Partitions {
			fleet.Partitions = append(fleet.Partitions, placement.Partition{Topic: p.Topic, Partition: p.Partition, Replicas: p.Target(), Leader: p.Leader, InSync: p.ISR})
		}
	}
	plan := placement.SetReplicationFactor(fleet, topic, factor)
	if len(plan.Left) > 0 {
		return fmt.Errorf("%d replicas of each partition cannot be placed on the %d live brokers: %s", factor, len(fleet.Brokers), plan.Left[0])
	}
	moves := plan.Moves
	list := make([]kafka.Reassignment, len(moves))
	for i, m := range moves {
		list[i] = kafka.Reassignment{Topic: topic, Partition: m.Partition.Partition, Replicas: m.To}
	}
	if len(list) == 0 {
		return nil
	}
	if err := k.Reassign(ctx, list, true); err != nil {
		return err
	}
	return k.AwaitReplicas(ctx, topic, list)
}

// addPartitions brings a topic to so many partitions, known to every broker. Kafka gives new ones as many replicas as the first has at
// that moment, which is too many while that one moves; they get the right number here.
func addPartitions(ctx context.Context, k *kafka.Client, topic string, total, factor int) error {
	if err := k.AddPartitions(ctx, topic, int32(total), false); err != nil { //nolint:gosec // The schema bounds it.
		return err
	}
	if err := k.AwaitTopic(ctx, topic, total); err != nil {
		return err
	}
	t, err := k.Topic(ctx, topic)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(t.Partitions, func(p kafka.Partition) bool { return len(p.Target()) != factor }) {
		return setReplicationFactor(ctx, k, topic, factor)
	}
	return nil
}
