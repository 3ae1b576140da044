package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/IBM/sarama"
	"golang.org/x/sync/errgroup"
)

// offsetFetchVersion is an old one that every Kafka since 2.1 has.
const offsetFetchVersion = 5

// CommittedOffsets returns the offsets that a group has committed, each that of the next record to consume. Partitions without a commit are not in
// it, nor are those of topics that the login may not describe, which Kafka leaves out. A group that does not exist has none.
func (c *Client) CommittedOffsets(ctx context.Context, group string) (map[TopicPartition]int64, error) {
	committed := map[TopicPartition]int64{}
	err := c.atCoordinator(ctx, group, func(ctx context.Context, broker coordinator) error {
		r, err := request(ctx, c, broker.nodes, "OffsetFetch", func(b *sarama.Broker) (*sarama.OffsetFetchResponse, error) {
			return b.FetchOffset(&sarama.OffsetFetchRequest{Version: offsetFetchVersion, ConsumerGroup: group})
		}, func(r *sarama.OffsetFetchResponse) error { return groupError(group, int16(r.Err), nil) })
		if err != nil {
			return err
		}
		clear(committed)
		for topic, partitions := range r.Blocks {
			for id, p := range partitions {
				if err := topicError(topic, int16(p.Err), nil); err != nil {
					return c.denied(err, "OffsetFetch")
				}
				if p.Offset >= 0 {
					committed[TopicPartition{Topic: topic, Partition: id}] = p.Offset
				}
			}
		}
		return nil
	})
	if errors.Is(err, ErrNotFound) {
		return committed, nil
	}
	if err != nil {
		return nil, fmt.Errorf("offsets of group %q: %w", group, err)
	}
	return committed, nil
}

// LogEnds returns the end of every partition of the topics, the offset that the next record gets, as far as records are on all replicas in sync. It
// takes one request to each leader of a thousand partitions. Topics that do not exist have none. A partition without a leader is waited for like a
// broker that does not answer, and is ErrUnreachable then.
func (c *Client) LogEnds(ctx context.Context, topics []string) (map[TopicPartition]int64, error) {
	var ends map[TopicPartition]int64
	err := c.retry(ctx, 3, 0, func(ctx context.Context) (err error) {
		ends, err = c.logEnds(ctx, topics)
		return err
	})
	return ends, err
}

func (c *Client) logEnds(ctx context.Context, topics []string) (map[TopicPartition]int64, error) {
	if len(topics) == 0 {
		return nil, nil // A request without topics would ask for all of them.
	}
	found, failed := c.topicsAt(ctx, c.anyBroker(), topics)
	for name, err := range failed {
		if !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		// One broker may not have heard of it yet.
		t, err := c.Topic(ctx, name)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found[name] = t
	}
	led := map[int32][]TopicPartition{}
	for _, t := range found {
		for _, p := range t.Partitions {
			if p.Leader < 0 {
				return nil, fmt.Errorf("%w: partition %d of topic %q has no leader, and its end is not known", ErrUnreachable, p.Partition, t.Name)
			}
			led[p.Leader] = append(led[p.Leader], TopicPartition{Topic: t.Name, Partition: p.Partition})
		}
	}
	var mu sync.Mutex
	ends := map[TopicPartition]int64{}
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(atOnce)
	for leader, partitions := range led {
		for chunk := range slices.Chunk(partitions, maxPartitionsPerRequest) {
			work.Go(func() error {
				r, err := c.logEndsAt(ctx, leader, chunk)
				if err != nil {
					return err
				}
				mu.Lock()
				defer mu.Unlock()
				for _, p := range chunk {
					ends[p] = r.GetBlock(p.Topic, p.Partition).Offset
				}
				return nil
			})
		}
	}
	return ends, work.Wait()
}

// logEndsAt asks the leader of partitions for their ends. The answer has a block for each of them.
func (c *Client) logEndsAt(ctx context.Context, leader int32, partitions []TopicPartition) (*sarama.OffsetResponse, error) {
	return request(ctx, c, c.broker(leader), "ListOffsets", func(b *sarama.Broker) (*sarama.OffsetResponse, error) {
		in := sarama.NewOffsetRequest(sarama.MaxVersion)
		for _, p := range partitions {
			in.AddBlock(p.Topic, p.Partition, sarama.OffsetNewest, 1)
		}
		return b.GetAvailableOffsets(in)
	}, func(r *sarama.OffsetResponse) error {
		for _, p := range partitions {
			block := r.GetBlock(p.Topic, p.Partition)
			if block == nil {
				return fmt.Errorf("%w: the answer says nothing of partition %d of topic %q", ErrUnreachable, p.Partition, p.Topic)
			}
			if err := topicError(p.Topic, int16(block.Err), nil); err != nil {
				return err
			}
		}
		return nil
	})
}
