package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
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
	const preferred = 0
	req := kmsg.NewPtrElectLeadersRequest()
	req.ElectionType = preferred
	req.TimeoutMillis = c.timeoutMillis()
	byTopic := map[string][]int32{}
	for _, p := range partitions {
		byTopic[p.Topic] = append(byTopic[p.Topic], p.Partition)
	}
	for name, ids := range byTopic {
		topic := kmsg.NewElectLeadersRequestTopic()
		topic.Topic, topic.Partitions = name, ids
		req.Topics = append(req.Topics, topic)
	}
	c.mutation("ElectLeaders", fmt.Sprintf("%d partitions, the first is %s-%d", len(partitions), partitions[0].Topic, partitions[0].Partition))
	resp, err := requestKRaft(ctx, c, c.anyBroker(), req, func(r *kmsg.ElectLeadersResponse) error { return kafkaError(r.ErrorCode, nil) })
	if err != nil {
		return fmt.Errorf("electing the preferred leaders of %d partitions: %w", len(partitions), err)
	}
	var errs []error
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 && p.ErrorCode != kerr.ElectionNotNeeded.Code {
				errs = append(errs, partitionError("electing the preferred leader of", t.Topic, p.Partition, p.ErrorCode, p.ErrorMessage))
			}
		}
	}
	return errors.Join(errs...)
}
