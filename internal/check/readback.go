package check

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The timestamps by which ListOffsets asks for the two ends of a log.
const (
	latest   int64 = -1
	earliest int64 = -2
)

// readBack reads each partition from where the run began to the high watermark, with a client that knows nothing of the
// run's history.
func (r *Run) readBack(ctx context.Context) (map[int32][]found, error) {
	partitions := make([]int32, 0, len(r.ledgers))
	for _, l := range r.ledgers {
		partitions = append(partitions, l.partition)
	}
	first, err := listOffsets(ctx, r.producer, r.options.Topic, partitions, earliest)
	if err != nil {
		return nil, err
	}
	end, err := listOffsets(ctx, r.producer, r.options.Topic, partitions, latest)
	if err != nil {
		return nil, err
	}
	log := map[int32][]found{}
	next := map[int32]int64{} // Of the partitions that are not read to their end yet.
	offsets := map[int32]kgo.Offset{}
	for _, p := range partitions {
		if from := max(first[p], r.begin[p]); from < end[p] {
			next[p] = from
			// No reset: a log that changes while it is read is an error and not a smaller log.
			offsets[p] = kgo.NewOffset().At(from)
		}
	}
	if len(next) == 0 {
		return log, nil
	}
	client, err := newClient(ctx, r.options.Bootstrap, r.options.Security,
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{r.options.Topic: offsets}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
	)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	following, stop := context.WithCancel(ctx)
	defer stop()
	go followSeeds(following, r.options.Bootstrap, client)

	var lastFault error
	progress := time.Now()
	for len(next) > 0 {
		polling, cancel := context.WithTimeout(ctx, time.Second)
		fetches := client.PollFetches(polling)
		cancel()
		fetches.EachError(func(_ string, p int32, err error) {
			if !errors.Is(err, context.DeadlineExceeded) {
				lastFault = fmt.Errorf("partition %d: %w", p, err)
			}
		})
		fetches.EachRecord(func(rec *kgo.Record) {
			p := rec.Partition
			if _, reading := next[p]; !reading {
				return
			}
			progress = time.Now()
			if rec.Offset < end[p] {
				log[p] = append(log[p], decode(r.id, p, rec.Offset, rec.Value))
			}
			if next[p] = rec.Offset + 1; next[p] >= end[p] {
				delete(next, p)
			}
		})
		if err := ctx.Err(); err != nil || time.Since(progress) > readBackStall {
			for p, at := range next {
				return nil, errors.Join(fmt.Errorf("%d partitions are not read to their end; partition %d stands at offset %d of %d", len(next), p, at, end[p]), lastFault, err)
			}
		}
	}
	return log, nil
}

// listOffsets returns one end of each partition's log. It repeats while a partition has no leader, for at most a minute.
func listOffsets(ctx context.Context, client *kgo.Client, topic string, partitions []int32, which int64) (map[int32]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		offsets, err := listOffsetsOnce(ctx, client, topic, partitions, which)
		if err == nil {
			return offsets, nil
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(250 * time.Millisecond):
		}
	}
}

func listOffsetsOnce(ctx context.Context, client *kgo.Client, topic string, partitions []int32, which int64) (map[int32]int64, error) {
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID = -1
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = topic
	for _, p := range partitions {
		rp := kmsg.NewListOffsetsRequestTopicPartition()
		rp.Partition = p
		rp.Timestamp = which
		t.Partitions = append(t.Partitions, rp)
	}
	request.Topics = append(request.Topics, t)
	offsets := make(map[int32]int64, len(partitions))
	for _, shard := range client.RequestSharded(ctx, request) {
		if shard.Err != nil {
			return nil, fmt.Errorf("asking for the offsets of topic %s: %w", topic, shard.Err)
		}
		response, ok := shard.Resp.(*kmsg.ListOffsetsResponse)
		if !ok {
			return nil, fmt.Errorf("asking for the offsets of topic %s: answered with %T", topic, shard.Resp)
		}
		for _, rt := range response.Topics {
			for _, rp := range rt.Partitions {
				if err := kerr.ErrorForCode(rp.ErrorCode); err != nil {
					return nil, fmt.Errorf("asking for the offset of topic %s, partition %d: %w", topic, rp.Partition, err)
				}
				offsets[rp.Partition] = rp.Offset
			}
		}
	}
	for _, p := range partitions {
		if _, ok := offsets[p]; !ok {
			return nil, fmt.Errorf("asking for the offset of topic %s, partition %d: no answer", topic, p)
		}
	}
	return offsets, nil
}
