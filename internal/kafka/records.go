package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

// Versions of the requests for records: old ones that every Kafka since 2.1 has, without what is not needed here.
const (
	produceVersion = 7
	fetchVersion   = 10
)

// fetchBytes is how much one answer has at most, and fetchWithinMillis how long a broker may wait until there is anything.
const (
	fetchBytes        = 4 << 20
	fetchWithinMillis = 500
)

// Put writes a record to partition 0 of a topic and returns when all replicas in sync have it. A record whose answer is lost may be there twice,
// which is nothing in a compacted topic. ErrNotFound: there is no such topic.
func (c *Client) Put(ctx context.Context, topic, key string, value []byte) error {
	t, err := c.Topic(ctx, topic)
	if err != nil {
		return err
	}
	c.mutation("Produce", topic)
	_, err = request(ctx, c, c.broker(t.Partitions[0].Leader), "Produce", func(b *sarama.Broker) (*sarama.ProduceResponse, error) {
		now := time.Now()
		in := &sarama.ProduceRequest{Version: produceVersion, RequiredAcks: sarama.WaitForAll, Timeout: c.timeoutMillis()}
		in.AddBatch(topic, 0, &sarama.RecordBatch{
			Version: 2, FirstTimestamp: now, MaxTimestamp: now, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, PartitionLeaderEpoch: -1,
			Records: []*sarama.Record{{Key: []byte(key), Value: value}},
		})
		return b.Produce(in)
	}, func(r *sarama.ProduceResponse) error {
		block := r.GetBlock(topic, 0)
		if block == nil {
			return fmt.Errorf("%w: the answer to a record of topic %q says nothing of it", ErrInvalid, topic)
		}
		return topicError(topic, int16(block.Err), block.ErrorMessage)
	})
	if err != nil {
		return fmt.Errorf("writing a record of topic %q: %w", topic, err)
	}
	return nil
}

// Latest reads partition 0 of a topic from its beginning to the end that it has when the reading begins, and returns the last value of each key,
// without those that are null. ErrNotFound: there is no such topic.
func (c *Client) Latest(ctx context.Context, topic string) (map[string][]byte, error) {
	t, err := c.Topic(ctx, topic)
	if err != nil {
		return nil, err
	}
	latest, next, end := map[string][]byte{}, int64(0), int64(-1)
	for end < 0 || next < end {
		block, err := c.fetch(ctx, topic, t.Partitions[0].Leader, next)
		if err != nil {
			return nil, fmt.Errorf("reading topic %q: %w", topic, err)
		}
		if block.Err == sarama.ErrOffsetOutOfRange && block.LogStartOffset > next {
			next = block.LogStartOffset
			continue
		}
		if err := topicError(topic, int16(block.Err), nil); err != nil {
			return nil, fmt.Errorf("reading topic %q: %w", topic, err)
		}
		if end < 0 {
			end = block.HighWaterMarkOffset
		}
		before := next
		for _, set := range block.RecordsSet {
			if set.RecordBatch == nil {
				continue
			}
			for _, r := range set.RecordBatch.Records {
				if set.RecordBatch.Control {
					break
				}
				if r.Value == nil {
					delete(latest, string(r.Key))
				} else {
					latest[string(r.Key)] = r.Value
				}
			}
			next = max(next, set.RecordBatch.LastOffset()+1)
		}
		if next == before && next < end {
			return nil, fmt.Errorf("reading topic %q: %w: nothing follows offset %d, and it ends at %d", topic, ErrUnreachable, next, end)
		}
	}
	return latest, nil
}

// fetch is one answer, of whose error only the absence of the offset is left to the caller.
func (c *Client) fetch(ctx context.Context, topic string, leader int32, offset int64) (*sarama.FetchResponseBlock, error) {
	r, err := request(ctx, c, c.broker(leader), "Fetch", func(b *sarama.Broker) (*sarama.FetchResponse, error) {
		in := &sarama.FetchRequest{
			Version: fetchVersion, MaxWaitTime: fetchWithinMillis, MinBytes: 1, MaxBytes: fetchBytes, SessionEpoch: -1, Isolation: sarama.ReadUncommitted,
		}
		in.AddBlock(topic, 0, offset, fetchBytes, -1)
		return b.Fetch(in)
	}, func(r *sarama.FetchResponse) error {
		block := r.GetBlock(topic, 0)
		if block == nil {
			return errors.New("the answer says nothing of it")
		}
		if block.Err == sarama.ErrOffsetOutOfRange {
			return nil
		}
		return topicError(topic, int16(block.Err), nil)
	})
	if err != nil {
		return nil, err
	}
	return r.GetBlock(topic, 0), nil
}
