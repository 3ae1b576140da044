package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
)

// LogEnds are the ends of a partition's log.
type LogEnds struct {
	// Start is the offset of the first record that there is, End that of the next one that all replicas in sync will have (the high watermark).
	// They are equal where there is none.
	Start, End int64
}

// LogEnds returns where the logs of partitions begin and end. ErrNotFound: a topic or a partition does not exist. A partition without a leader is
// ErrUnreachable.
func (c *Client) LogEnds(ctx context.Context, partitions []TopicPartition) (map[TopicPartition]LogEnds, error) {
	starts, err := c.listOffsets(ctx, partitions, sarama.OffsetOldest)
	if err != nil {
		return nil, err
	}
	ends, err := c.listOffsets(ctx, partitions, sarama.OffsetNewest)
	if err != nil {
		return nil, err
	}
	found := make(map[TopicPartition]LogEnds, len(partitions))
	for _, p := range partitions {
		found[p] = LogEnds{Start: starts[p], End: ends[p]}
	}
	return found, nil
}

// OffsetsSince returns the offset of the first record of each partition that has this timestamp or a later one, to the millisecond, -1 where there is
// none. Timestamps are those that producers gave, unless the topic has message.timestamp.type = LogAppendTime. The errors are those of LogEnds.
func (c *Client) OffsetsSince(ctx context.Context, partitions []TopicPartition, since time.Time) (map[TopicPartition]int64, error) {
	// A fraction of a millisecond is rounded up: a record of the millisecond before is older.
	millis := since.UnixMilli()
	if time.UnixMilli(millis).Before(since) {
		millis++
	}
	return c.listOffsets(ctx, partitions, max(millis, 0)) // Below zero are Kafka's signs for the ends.
}

// listOffsetsVersion is the version of ListOffsets that is asked for: the first whose answer says that a new leader does not know its high watermark yet
// (KIP-207), which is then asked for again.
const listOffsetsVersion = 5

func (c *Client) listOffsets(ctx context.Context, partitions []TopicPartition, timestamp int64) (map[TopicPartition]int64, error) {
	found := map[TopicPartition]int64{}
	err := c.onLeaders(ctx, "reading the offsets of", partitions, func(ctx context.Context, leader int32, some []TopicPartition) (map[TopicPartition]error, error) {
		r, err := request(ctx, c, c.broker(leader), "ListOffsets", func(b *sarama.Broker) (*sarama.OffsetResponse, error) {
			in := &sarama.OffsetRequest{Version: listOffsetsVersion, IsolationLevel: sarama.ReadUncommitted}
			for _, p := range some {
				in.AddBlock(p.Topic, p.Partition, timestamp, 1)
			}
			return b.GetAvailableOffsets(in)
		}, nil)
		if err != nil {
			return nil, err
		}
		errs := map[TopicPartition]error{}
		for _, p := range some {
			block := r.GetBlock(p.Topic, p.Partition)
			if block == nil {
				errs[p] = fmt.Errorf("%w: the answer says nothing of it", ErrInvalid)
				continue
			}
			found[p] = block.Offset
			errs[p] = c.denied(topicError(p.Topic, int16(block.Err), nil), "ListOffsets")
		}
		return errs, nil
	})
	return found, err
}

// DeleteRecords deletes the records of a topic before an offset of each partition, and returns where each log begins when all live replicas have deleted
// them. Offsets at or below that begin delete nothing. Kafka deletes nothing of a partition whose offset is beyond its end, nothing of a topic whose
// cleanup.policy is without "delete", and nothing of its own topics: ErrInvalid. Every partition that was refused is in the error, the others are deleted.
func (c *Client) DeleteRecords(ctx context.Context, topic string, before map[int32]int64) (map[int32]int64, error) {
	var partitions []TopicPartition
	for _, id := range slices.Sorted(maps.Keys(before)) {
		partitions = append(partitions, TopicPartition{Topic: topic, Partition: id})
	}
	starts := map[int32]int64{}
	err := c.onLeaders(ctx, "deleting records of", partitions, func(ctx context.Context, leader int32, some []TopicPartition) (map[TopicPartition]error, error) {
		c.mutation("DeleteRecords", fmt.Sprintf("%d partitions, the first is %s", len(some), some[0]))
		r, err := request(ctx, c, c.broker(leader), "DeleteRecords", func(b *sarama.Broker) (*sarama.DeleteRecordsResponse, error) {
			offsets := map[int32]int64{}
			for _, p := range some {
				offsets[p.Partition] = before[p.Partition]
			}
			return b.DeleteRecords(&sarama.DeleteRecordsRequest{
				Version: 2, Timeout: c.kafkaTimeout(), Topics: map[string]*sarama.DeleteRecordsRequestTopic{topic: {PartitionOffsets: offsets}},
			})
		}, nil)
		if err != nil {
			return nil, err
		}
		errs := map[TopicPartition]error{}
		for _, p := range some {
			var answer *sarama.DeleteRecordsResponsePartition
			if of := r.Topics[topic]; of != nil {
				answer = of.Partitions[p.Partition]
			}
			if answer == nil {
				errs[p] = fmt.Errorf("%w: the answer says nothing of it", ErrInvalid)
				continue
			}
			starts[p.Partition] = answer.LowWatermark
			errs[p] = c.denied(topicError(topic, int16(answer.Err), nil), "DeleteRecords")
		}
		return errs, nil
	})
	return starts, err
}

// asksLeader asks one broker about partitions that it leads. It returns what is answered about each; an error of the whole is about all of them.
type asksLeader func(ctx context.Context, leader int32, some []TopicPartition) (map[TopicPartition]error, error)

// onLeaders has the leaders of partitions asked about them, many in a request, and asks the new leader where one has changed meanwhile, until each has
// an answer. doing begins the texts of errors.
func (c *Client) onLeaders(ctx context.Context, doing string, partitions []TopicPartition, ask asksLeader) error {
	errs := map[TopicPartition]error{}
	left := partitions
	err := c.retry(ctx, 3, 0, func(ctx context.Context) error {
		led, unled := c.leaders(ctx, left)
		maps.Copy(errs, unled)
		for _, leader := range slices.Sorted(maps.Keys(led)) {
			for some := range slices.Chunk(led[leader], maxPartitionsPerRequest) {
				answers, err := ask(ctx, leader, some)
				for _, p := range some {
					errs[p] = answers[p]
					if err != nil {
						errs[p] = err
					}
				}
			}
		}
		var hope error
		left = slices.DeleteFunc(slices.Clone(left), func(p TopicPartition) bool {
			again := errs[p] != nil && passes(errs[p])
			if again {
				hope = errs[p]
			}
			return !again
		})
		return hope
	})
	// Those of one broker that does not answer have one and the same error.
	var failed []error
	for _, p := range partitions {
		if errs[p] != nil && !slices.ContainsFunc(failed, func(told error) bool { return errors.Is(told, errs[p]) }) {
			failed = append(failed, fmt.Errorf("%s %s: %w", doing, p, classify(errs[p])))
		}
	}
	if len(failed) == 0 && err != nil {
		return fmt.Errorf("%s %s: %w", doing, partitions[0], err)
	}
	return errors.Join(failed...)
}

// leaders are the partitions by the broker that leads them, and why there is none for the others.
func (c *Client) leaders(ctx context.Context, partitions []TopicPartition) (map[int32][]TopicPartition, map[TopicPartition]error) {
	names := map[string]bool{}
	for _, p := range partitions {
		names[p.Topic] = true
	}
	led, unled := map[int32][]TopicPartition{}, map[TopicPartition]error{}
	if len(names) == 0 {
		return led, unled // No names would ask for all topics.
	}
	found, failed := c.topicsAt(ctx, c.anyBroker(), slices.Sorted(maps.Keys(names)))
	for _, p := range partitions {
		i := slices.IndexFunc(found[p.Topic].Partitions, func(known Partition) bool { return known.Partition == p.Partition })
		switch {
		case failed[p.Topic] != nil:
			unled[p] = failed[p.Topic]
		case i < 0:
			unled[p] = fmt.Errorf("%w: topic %q has %d partitions, and no partition %d", ErrNotFound, p.Topic, len(found[p.Topic].Partitions), p.Partition)
		case found[p.Topic].Partitions[i].Leader < 0:
			unled[p] = kafkaError(kerr.LeaderNotAvailable.Code, nil)
		default:
			leader := found[p.Topic].Partitions[i].Leader
			led[leader] = append(led[leader], p)
		}
	}
	return led, unled
}
