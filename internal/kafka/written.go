package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// maxTimestamp asks ListOffsets for the record with the highest timestamp (KIP-734).
const maxTimestamp = -3

// LastWritten returns the highest timestamp of a topic's records, the zero time when there is none. Timestamps are those that producers gave, unless
// the topic has message.timestamp.type = LogAppendTime. A partition that has no leader is ErrUnreachable: it may have newer ones.
func (c *Client) LastWritten(ctx context.Context, topic string) (time.Time, error) {
	t, err := c.Topic(ctx, topic)
	if err != nil {
		return time.Time{}, err
	}
	led := map[int32][]int32{}
	for _, p := range t.Partitions {
		if p.Leader < 0 {
			return time.Time{}, fmt.Errorf("topic %q: %w: partition %d has no leader, and may have any record", topic, ErrUnreachable, p.Partition)
		}
		led[p.Leader] = append(led[p.Leader], p.Partition)
	}
	last := int64(-1)
	for leader, partitions := range led {
		req := kmsg.NewPtrListOffsetsRequest()
		asked := kmsg.NewListOffsetsRequestTopic()
		asked.Topic = topic
		for _, id := range partitions {
			p := kmsg.NewListOffsetsRequestTopicPartition()
			p.Partition, p.Timestamp = id, maxTimestamp
			asked.Partitions = append(asked.Partitions, p)
		}
		req.Topics = append(req.Topics, asked)
		resp, err := requestKRaft(ctx, c, c.broker(leader), req, func(r *kmsg.ListOffsetsResponse) error {
			for _, answered := range r.Topics {
				for _, p := range answered.Partitions {
					if err := topicError(topic, p.ErrorCode, nil); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return time.Time{}, fmt.Errorf("topic %q: %w", topic, err)
		}
		known := 0
		for _, answered := range resp.Topics {
			for _, p := range answered.Partitions {
				last = max(last, p.Timestamp)
				known++
			}
		}
		if known != len(partitions) {
			return time.Time{}, fmt.Errorf("topic %q: %w: broker %d was asked about %d partitions and told of %d", topic, ErrUnreachable, leader, len(partitions), known)
		}
	}
	if last < 0 {
		return time.Time{}, nil
	}
	return time.UnixMilli(last), nil
}
