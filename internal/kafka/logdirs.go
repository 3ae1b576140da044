package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/IBM/sarama"
)

// BrokerError is the error of one broker of several that were asked the same.
type BrokerError struct {
	Broker int32
	// What it was asked for.
	What string
	Err  error
}

func (e *BrokerError) Error() string {
	return fmt.Sprintf("%s of broker %d: %v", e.What, e.Broker, e.Err)
}

// Unwrap is the error without its broker.
func (e *BrokerError) Unwrap() error { return e.Err }

// Denying are the brokers that have answered that this user may not know, of an error of LogDirs.
func Denying(err error) (brokers []int32) {
	joined, ok := err.(interface{ Unwrap() []error }) //nolint:errorlint // It is the error of LogDirs, as that joins it.
	if !ok {
		return nil
	}
	for _, one := range joined.Unwrap() {
		if e := (*BrokerError)(nil); errors.As(one, &e) && errors.Is(one, ErrDenied) {
			brokers = append(brokers, e.Broker)
		}
	}
	return brokers
}

// LogDirs returns the log directories of the given brokers with all replicas in them, in the order of the brokers asked for. The
// brokers are asked at the same time. One that does not answer costs at most twice the client's Timeout and is named in the
// error, a *BrokerError of several that are joined; the directories of the others are returned with it.
func (c *Client) LogDirs(ctx context.Context, brokers []int32) ([]LogDir, error) {
	found := make([][]LogDir, len(brokers))
	errs := make([]error, len(brokers))
	var group sync.WaitGroup
	for i, id := range brokers {
		group.Go(func() {
			if found[i], errs[i] = c.logDirs(ctx, id); errs[i] != nil {
				errs[i] = &BrokerError{Broker: id, What: "log directories", Err: errs[i]}
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
