package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/IBM/sarama"
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

// TopicEnds returns the end of every partition of the topics, as LogEnds does. Topics that do not exist have none.
func (c *Client) TopicEnds(ctx context.Context, topics []string) (map[TopicPartition]int64, error) {
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
	var partitions []TopicPartition
	for _, t := range found {
		for _, p := range t.Partitions {
			partitions = append(partitions, TopicPartition{Topic: t.Name, Partition: p.Partition})
		}
	}
	return c.listOffsets(ctx, partitions, sarama.OffsetNewest)
}

// CommitOffsets sets the offsets of a group that has no members, and creates the group where there is none. Kafka refuses it as ErrInvalid when the group
// has a member by then. Every partition that was refused is in the error, the others are set.
func (c *Client) CommitOffsets(ctx context.Context, group string, offsets map[TopicPartition]int64) error {
	var errs []error
	for some := range slices.Chunk(slices.SortedFunc(maps.Keys(offsets), TopicPartition.Compare), maxPartitionsPerRequest) {
		errs = append(errs, c.commitOffsets(ctx, group, some, offsets))
	}
	return errors.Join(errs...)
}

// commitOffsets is CommitOffsets for as many partitions as one record batch of the coordinator's log has room for.
func (c *Client) commitOffsets(ctx context.Context, group string, partitions []TopicPartition, offsets map[TopicPartition]int64) error {
	c.mutation("OffsetCommit", fmt.Sprintf("group %s, %d partitions, the first is %s", group, len(partitions), partitions[0]))
	// No epoch of a leader is known of the offset, and an epoch that is wrong would have consumers look for a truncation of the log.
	const noEpoch = -1
	var r *sarama.OffsetCommitResponse
	err := c.onCoordinator(ctx, group, func(ctx context.Context, broker coordinator) (err error) {
		r, err = request(ctx, c, broker.nodes, "OffsetCommit", func(b *sarama.Broker) (*sarama.OffsetCommitResponse, error) {
			in := &sarama.OffsetCommitRequest{Version: 8, ConsumerGroup: group, ConsumerGroupGeneration: sarama.GroupGenerationUndefined}
			for _, p := range partitions {
				in.AddBlockWithLeaderEpoch(p.Topic, p.Partition, offsets[p], noEpoch, 0, "")
			}
			return b.CommitOffset(in)
		}, func(r *sarama.OffsetCommitResponse) error {
			// A repetition sets what was set already once more.
			for _, p := range partitions {
				if err := commitError(group, p, r); err != nil && passes(err) {
					return err
				}
			}
			return nil
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("setting offsets of group %q: %w", group, err)
	}
	var errs []error
	for _, p := range partitions {
		if err := commitError(group, p, r); err != nil {
			errs = append(errs, fmt.Errorf("setting the offset of group %q in %s: %w", group, p, classify(c.denied(err, "OffsetCommit"))))
		}
	}
	return errors.Join(errs...)
}

// commitError is what an answer says of one partition.
func commitError(group string, p TopicPartition, r *sarama.OffsetCommitResponse) error {
	code, ok := r.Errors[p.Topic][p.Partition]
	switch {
	case !ok:
		return fmt.Errorf("%w: the answer says nothing of it", ErrInvalid)
	case errors.Is(code, sarama.ErrTopicAuthorizationFailed):
		return topicError(p.Topic, int16(code), nil)
	}
	return groupError(group, int16(code), nil)
}
