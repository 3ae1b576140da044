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
	var errs []error
	// An empty request would mean all partitions of the cluster; Chunk of nothing sends none.
	for chunk := range slices.Chunk(partitions, maxPartitionsPerRequest) {
		errs = append(errs, c.electPreferredChunk(ctx, chunk))
	}
	return errors.Join(errs...)
}

func (c *Client) electPreferredChunk(ctx context.Context, partitions []TopicPartition) error {
	byTopic := map[string][]int32{}
	for _, p := range partitions {
		byTopic[p.Topic] = append(byTopic[p.Topic], p.Partition)
	}
	c.mutation("ElectLeaders", fmt.Sprintf("%d partitions, the first is %s-%d", len(partitions), partitions[0].Topic, partitions[0].Partition))
	resp, err := request(ctx, c, c.anyBroker(), "ElectLeaders", func(b *sarama.Broker) (*sarama.ElectLeadersResponse, error) {
		return b.ElectLeaders(&sarama.ElectLeadersRequest{
			Version: 2, Type: sarama.PreferredElection, TopicPartitions: byTopic, TimeoutMs: c.timeoutMillis(),
		})
	}, func(r *sarama.ElectLeadersResponse) error { return kafkaError(int16(r.ErrorCode), nil) })
	if err != nil {
		return fmt.Errorf("electing the preferred leaders of %d partitions: %w", len(partitions), err)
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(resp.ReplicaElectionResults)) {
		results := resp.ReplicaElectionResults[name]
		for _, id := range slices.Sorted(maps.Keys(results)) {
			if r := results[id]; r.ErrorCode != sarama.ErrNoError && r.ErrorCode != sarama.ErrElectionNotNeeded {
				errs = append(errs, partitionError("electing the preferred leader of", name, id, int16(r.ErrorCode), r.ErrorMessage))
			}
		}
	}
	return errors.Join(errs...)
}
