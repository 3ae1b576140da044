package check

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Movement is how much data a rollout copied from broker to broker.
type Movement struct {
	// ReplicasMoved is how many replicas were placed on a broker that did not hold that partition when the watch began. A
	// partition created later counts from its first placement.
	ReplicasMoved int `json:"replicas_moved"`
	// BytesMoved counts each of them once, with the partition's size at the end of the watch. For a partition that grows
	// meanwhile this is more than was copied at the time of the move.
	BytesMoved int64 `json:"bytes_moved"`
	// BytesHeld is the size of all replicas at the end.
	BytesHeld int64 `json:"bytes_held"`
}

// Ratio is bytes moved per byte held: 1.0 when every broker was replaced and each byte moved once. It is 0 when nothing is
// held.
func (m Movement) Ratio() float64 {
	if m.BytesHeld == 0 {
		return 0
	}
	return float64(m.BytesMoved) / float64(m.BytesHeld)
}

// ReplicaWatch records where the replicas of all topics, internal ones included, are placed over time.
type ReplicaWatch struct {
	client     *kgo.Client
	cancel     context.CancelFunc
	background sync.WaitGroup
	closeOnce  sync.Once

	mu        sync.Mutex
	placement placement
}

// WatchReplicas begins to look at the metadata at each interval, until Stop or Close, one of which must be called; the
// context is for the start only. A placement that lasts shorter than the interval can be missed. What the client may not see
// is not counted: it needs the rights to describe every topic and the cluster.
func WatchReplicas(ctx context.Context, bootstrap Bootstrap, security Security, interval time.Duration) (*ReplicaWatch, error) {
	client, err := newClient(ctx, bootstrap, security)
	if err != nil {
		return nil, err
	}
	w := &ReplicaWatch{client: client, placement: placement{}}
	first, err := replicasNow(ctx, client)
	if err != nil {
		client.Close()
		return nil, err
	}
	w.placement.see(first)
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w.cancel = cancel
	w.background.Go(func() { followSeeds(life, bootstrap, client) })
	w.background.Go(func() { w.poll(life, interval) })
	return w, nil
}

func (w *ReplicaWatch) poll(ctx context.Context, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if now, err := replicasNow(ctx, w.client); err == nil {
			w.mu.Lock()
			w.placement.see(now)
			w.mu.Unlock()
		}
	}
}

// Stop looks a last time, asks the brokers for the sizes and ends the watch. Errors: no broker answers, or a partition's
// size is known to none.
func (w *ReplicaWatch) Stop(ctx context.Context) (Movement, error) {
	defer w.Close()
	now, err := replicasNow(ctx, w.client)
	if err != nil {
		return Movement{}, err
	}
	sizes, err := partitionSizes(ctx, w.client)
	if err != nil {
		return Movement{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.placement.see(now)
	return w.placement.movement(now, sizes)
}

// Close ends the watch without a result. It may be called at any time, also after Stop.
func (w *ReplicaWatch) Close() {
	w.closeOnce.Do(func() {
		w.cancel()
		w.client.Close()
		w.background.Wait()
	})
}

// topicPartition names a partition.
type topicPartition struct {
	topic     string
	partition int32
}

func (p topicPartition) String() string { return fmt.Sprintf("%s-%d", p.topic, p.partition) }

// placement is every broker that a partition was ever seen on; true for those of its first sight.
type placement map[topicPartition]map[int32]bool

func (p placement) see(now map[topicPartition][]int32) {
	for partition, brokers := range now {
		known, ok := p[partition]
		if !ok {
			known = map[int32]bool{}
			p[partition] = known
		}
		for _, b := range brokers {
			if _, seen := known[b]; !seen {
				known[b] = !ok
			}
		}
	}
}

// movement counts what was added since the first sight. Partitions that are gone at the end count as replicas but not as bytes.
func (p placement) movement(now map[topicPartition][]int32, sizes map[topicPartition]int64) (Movement, error) {
	var m Movement
	for partition, brokers := range now {
		size, ok := sizes[partition]
		if !ok {
			return Movement{}, fmt.Errorf("no broker says how big partition %v is; its replicas are on %v", partition, brokers)
		}
		m.BytesHeld += size * int64(len(brokers))
	}
	for partition, seen := range p {
		for _, b := range slices.Sorted(maps.Keys(seen)) {
			if !seen[b] {
				m.ReplicasMoved++
				m.BytesMoved += sizes[partition]
			}
		}
	}
	return m, nil
}

// replicasNow returns the replicas of all partitions as one broker's metadata has them.
func replicasNow(ctx context.Context, client *kgo.Client) (map[topicPartition][]int32, error) {
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = nil // All topics.
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("asking where the replicas are: %w", err)
	}
	now := map[topicPartition][]int32{}
	for _, t := range response.Topics {
		if t.Topic == nil || t.ErrorCode != 0 {
			continue // A topic that is just being deleted.
		}
		for _, p := range t.Partitions {
			now[topicPartition{*t.Topic, p.Partition}] = p.Replicas
		}
	}
	return now, nil
}

// partitionSizes returns the size of each partition in bytes: the largest of its replicas, so that one still copying or one
// broker that does not answer does not make it smaller.
func partitionSizes(ctx context.Context, client *kgo.Client) (map[topicPartition]int64, error) {
	sizes := map[topicPartition]int64{}
	var fault error
	answered := false
	for _, shard := range client.RequestSharded(ctx, kmsg.NewPtrDescribeLogDirsRequest()) {
		response, ok := shard.Resp.(*kmsg.DescribeLogDirsResponse)
		if shard.Err != nil || !ok {
			fault = shard.Err
			continue
		}
		if err := kerr.ErrorForCode(response.ErrorCode); err != nil {
			fault = err
			continue
		}
		answered = true
		for _, dir := range response.Dirs {
			for _, t := range dir.Topics {
				for _, p := range t.Partitions {
					key := topicPartition{t.Topic, p.Partition}
					if !p.IsFuture {
						sizes[key] = max(sizes[key], p.Size)
					}
				}
			}
		}
	}
	if !answered {
		return nil, fmt.Errorf("asking how big the replicas are: no broker answered: %w", fault)
	}
	return sizes, nil
}
