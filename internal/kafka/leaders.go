package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/IBM/sarama"
)

// ElectPreferred makes the first replica of each partition its leader. A partition that it leads already is no error. Every
// partition whose preferred replica cannot lead now is in the error, the others are led by theirs.
func (c *Client) ElectPreferred(ctx context.Context, partitions []TopicPartition) error {
	return c.elect(ctx, sarama.PreferredElection, "the preferred leader", partitions)
}

// ElectUnclean makes the first live replica of each partition that has no leader its leader, though it has not got all that was
// acknowledged: what it lacks is lost. Where a replica in sync is live, Kafka takes that one and nothing is lost. It does so whatever
// unclean.leader.election.enable says, and leaves a partition that has a leader alone. Every partition that has no live replica is in the
// error.
func (c *Client) ElectUnclean(ctx context.Context, partitions []TopicPartition) error {
	return c.elect(ctx, sarama.UncleanElection, "any leader", partitions)
}

// elect asks for elections of one type; what says in an error whom they should have made.
func (c *Client) elect(ctx context.Context, kind sarama.ElectionType, what string, partitions []TopicPartition) error {
	var errs []error
	// An empty request would mean all partitions of the cluster; Chunk of nothing sends none.
	for chunk := range slices.Chunk(partitions, maxPartitionsPerRequest) {
		errs = append(errs, c.electChunk(ctx, kind, what, chunk))
	}
	return errors.Join(errs...)
}

func (c *Client) electChunk(ctx context.Context, kind sarama.ElectionType, what string, partitions []TopicPartition) error {
	byTopic := map[string][]int32{}
	for _, p := range partitions {
		byTopic[p.Topic] = append(byTopic[p.Topic], p.Partition)
	}
	c.mutation("ElectLeaders", fmt.Sprintf("%d partitions, the first is %s-%d", len(partitions), partitions[0].Topic, partitions[0].Partition))
	resp, err := request(ctx, c, c.anyBroker(), "ElectLeaders", func(b *sarama.Broker) (*sarama.ElectLeadersResponse, error) {
		return b.ElectLeaders(&sarama.ElectLeadersRequest{
			Version: 2, Type: kind, TopicPartitions: byTopic, TimeoutMs: c.timeoutMillis(),
		})
	}, func(r *sarama.ElectLeadersResponse) error { return kafkaError(int16(r.ErrorCode), nil) })
	if err != nil {
		return fmt.Errorf("electing %s of %d partitions: %w", what, len(partitions), err)
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(resp.ReplicaElectionResults)) {
		results := resp.ReplicaElectionResults[name]
		for _, id := range slices.Sorted(maps.Keys(results)) {
			if r := results[id]; r.ErrorCode != sarama.ErrNoError && r.ErrorCode != sarama.ErrElectionNotNeeded {
				errs = append(errs, partitionError("electing "+what+" of", name, id, int16(r.ErrorCode), r.ErrorMessage))
			}
		}
	}
	return errors.Join(errs...)
}
