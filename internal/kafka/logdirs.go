package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/IBM/sarama"
)

// LogDirs returns the log directories of the given brokers with all replicas in them, in the order of the brokers asked for. The
// brokers are asked at the same time. One that does not answer costs at most twice the client's Timeout and is named in the
// error; the directories of the others are returned with it.
func (c *Client) LogDirs(ctx context.Context, brokers []int32) ([]LogDir, error) {
	found := make([][]LogDir, len(brokers))
	errs := make([]error, len(brokers))
	var group sync.WaitGroup
	for i, id := range brokers {
		group.Go(func() {
			if found[i], errs[i] = c.logDirs(ctx, id); errs[i] != nil {
				errs[i] = fmt.Errorf("log directories of broker %d: %w", id, errs[i])
			}
		})
	}
	group.Wait()
	var all []LogDir
	for _, dirs := range found {
		all = append(all, dirs...)
	}
	return all, errors.Join(errs...)
}

func (c *Client) logDirs(ctx context.Context, id int32) ([]LogDir, error) {
	resp, err := request(ctx, c, c.broker(id), "DescribeLogDirs", func(b *sarama.Broker) (*sarama.DescribeLogDirsResponse, error) {
		return b.DescribeLogDirs(&sarama.DescribeLogDirsRequest{Version: 4})
	}, func(r *sarama.DescribeLogDirsResponse) error { return kafkaError(int16(r.ErrorCode), nil) })
	if err != nil {
		return nil, err
	}
	var dirs []LogDir
	for _, d := range resp.LogDirs {
		dir := LogDir{Broker: id, Path: d.Path, TotalBytes: d.TotalBytes, UsableBytes: d.UsableBytes, Err: kafkaError(int16(d.ErrorCode), nil)}
		for _, t := range d.Topics {
			for _, p := range t.Partitions {
				dir.Replicas = append(dir.Replicas, Replica{
					Broker: id, Topic: t.Topic, Partition: p.PartitionID, Bytes: p.Size, Lag: p.OffsetLag, Future: p.IsTemporary, LogDir: d.Path,
				})
			}
		}
		dirs = append(dirs, dir)
	}
	return dirs, nil
}
