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

// Copying is what was really copied from broker to broker: what replicas gained that were not in sync yet. A replica that is copied
// twice counts twice, as it does on the wire.
type Copying struct {
	Bytes   int64                   `json:"bytes"`
	Brokers map[int32]BrokerCopying `json:"brokers"`
}

// BrokerCopying is one broker's part in it.
type BrokerCopying struct {
	// BytesIn is what its own replicas gained, BytesOut what those gained that it led.
	BytesIn  int64 `json:"bytes_in"`
	BytesOut int64 `json:"bytes_out"`
	// FastestIn and FastestOut are the most that it was in any second, in bytes per second, and at least: where a busy broker took its
	// time to answer, it is not known when in that time it looked, and the longest time is taken.
	FastestIn  float64 `json:"fastest_in"`
	FastestOut float64 `json:"fastest_out"`
}

// CopyWatch looks at the log directories of all brokers time and again.
type CopyWatch struct {
	client     *kgo.Client
	cancel     context.CancelFunc
	background sync.WaitGroup
	closeOnce  sync.Once

	mu      sync.Mutex
	copying copying
}

// WatchCopying begins to look at each interval, until Stop or Close, one of which must be called; the context is for the start only.
// Rates are over a second, so the interval should be well below one. The client needs the rights to describe every topic and the cluster.
func WatchCopying(ctx context.Context, bootstrap Bootstrap, security Security, interval time.Duration) (*CopyWatch, error) {
	client, err := newClient(ctx, bootstrap, security)
	if err != nil {
		return nil, err
	}
	w := &CopyWatch{client: client}
	first, err := lookAtCopies(ctx, client)
	if err != nil {
		client.Close()
		return nil, err
	}
	w.copying.see(first)
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w.cancel = cancel
	w.background.Go(func() { followSeeds(life, bootstrap, client) })
	w.background.Go(func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-life.Done():
				return
			case <-ticker.C:
			}
			if now, err := lookAtCopies(life, client); err == nil {
				w.mu.Lock()
				w.copying.see(now)
				w.mu.Unlock()
			}
		}
	})
	return w, nil
}

// Stop looks a last time and ends the watch. An error means that no broker answers.
func (w *CopyWatch) Stop(ctx context.Context) (Copying, error) {
	defer w.Close()
	now, err := lookAtCopies(ctx, w.client)
	if err != nil {
		return Copying{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.copying.see(now)
	return w.copying.sum(), nil
}

// Close ends the watch without a result. It may be called at any time, also after Stop.
func (w *CopyWatch) Close() {
	w.closeOnce.Do(func() {
		w.cancel()
		w.client.Close()
		w.background.Wait()
	})
}

// copyLook is one look: the partitions as one broker's metadata has them, and then what each broker holds.
type copyLook struct {
	partitions map[topicPartition]copyPartition
	brokers    map[int32]heldBytes
	// silent are brokers that did not answer.
	silent []int32
}

type copyPartition struct {
	leader int32
	isr    []int32
}

// heldBytes is what a broker holds at a moment between these two.
type heldBytes struct {
	asked, answered time.Time
	bytes           map[topicPartition]int64
}

// copying adds looks up. Its zero value works.
type copying struct {
	partitions map[topicPartition]copyPartition
	// was are the partitions as they were when a broker last said what it holds, or before there was that broker.
	was     map[int32]map[topicPartition]copyPartition
	held    map[int32]map[topicPartition]int64
	in, out map[int32][]arrival
	total   int64
}

// arrival is bytes that came between two looks, the later of which was made between these moments.
type arrival struct {
	asked, answered time.Time
	bytes           int64
}

// see takes the next look. A replica that was not in the ISR when its broker answered before was being copied until now.
func (c *copying) see(l copyLook) {
	first := c.partitions == nil
	if first {
		c.was, c.held, c.in, c.out = map[int32]map[topicPartition]copyPartition{}, map[int32]map[topicPartition]int64{}, map[int32][]arrival{}, map[int32][]arrival{}
	}
	var asked, answered time.Time // of all brokers together
	out := map[int32]int64{}      // by leader
	for _, broker := range slices.Concat(l.silent, slices.Collect(maps.Keys(l.brokers))) {
		if c.was[broker] == nil {
			c.was[broker] = c.partitions
		}
	}
	for broker, now := range l.brokers {
		var in int64
		for tp, bytes := range now.bytes {
			was, known := c.was[broker][tp]
			grew := bytes - c.held[broker][tp]
			if first || !known || grew <= 0 || slices.Contains(was.isr, broker) {
				continue
			}
			in += grew
			out[was.leader] += grew
		}
		c.total += in
		c.in[broker] = append(c.in[broker], arrival{now.asked, now.answered, in})
		c.held[broker], c.was[broker] = now.bytes, l.partitions
		out[broker] += 0 // A look at which nothing left a broker is one too: it ends a second.
		if asked.IsZero() || now.asked.Before(asked) {
			asked = now.asked
		}
		if now.answered.After(answered) {
			answered = now.answered
		}
	}
	for leader, bytes := range out {
		c.out[leader] = append(c.out[leader], arrival{asked, answered, bytes})
	}
	c.partitions = l.partitions
}

func (c *copying) sum() Copying {
	all := Copying{Bytes: c.total, Brokers: map[int32]BrokerCopying{}}
	for broker, arrivals := range c.in {
		b := all.Brokers[broker]
		b.BytesIn, b.FastestIn = totalAndFastest(arrivals)
		all.Brokers[broker] = b
	}
	for broker, arrivals := range c.out {
		b := all.Brokers[broker]
		b.BytesOut, b.FastestOut = totalAndFastest(arrivals)
		all.Brokers[broker] = b
	}
	return all
}

// totalAndFastest adds arrivals up, and finds the most of any second: from each look on, what had come by the first look that is a
// second or more later, by the time from the question of the one to the answer of the other.
func totalAndFastest(arrivals []arrival) (total int64, fastest float64) {
	slices.SortStableFunc(arrivals, func(a, b arrival) int { return a.answered.Compare(b.answered) })
	for i, from := range arrivals {
		total += from.bytes
		var bytes int64
		for _, a := range arrivals[i+1:] {
			bytes += a.bytes
			if span := a.answered.Sub(from.asked); a.asked.Sub(from.asked) >= time.Second {
				fastest = max(fastest, float64(bytes)/span.Seconds())
				break
			}
		}
	}
	return total, fastest
}

// lookAtCopies asks one broker for the metadata, and then each for what it holds. One that does not answer is left out.
func lookAtCopies(ctx context.Context, client *kgo.Client) (copyLook, error) {
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = nil // All topics.
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return copyLook{}, fmt.Errorf("asking where the replicas are: %w", err)
	}
	l := copyLook{partitions: map[topicPartition]copyPartition{}, brokers: map[int32]heldBytes{}}
	for _, t := range response.Topics {
		if t.Topic == nil || t.ErrorCode != 0 {
			continue // A topic that is just being deleted.
		}
		for _, p := range t.Partitions {
			l.partitions[topicPartition{*t.Topic, p.Partition}] = copyPartition{p.Leader, p.ISR}
		}
	}
	var mu sync.Mutex
	var group sync.WaitGroup
	for _, b := range response.Brokers {
		group.Go(func() {
			held, err := heldBy(ctx, client.Broker(int(b.NodeID)))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				l.silent = append(l.silent, b.NodeID)
				return
			}
			l.brokers[b.NodeID] = held
		})
	}
	group.Wait()
	if len(l.brokers) == 0 {
		return l, fmt.Errorf("no broker says what it holds")
	}
	return l, nil
}

// heldBy asks one broker.
func heldBy(ctx context.Context, broker *kgo.Broker) (heldBytes, error) {
	asked := time.Now()
	response, err := kmsg.NewPtrDescribeLogDirsRequest().RequestWith(ctx, broker)
	if err != nil {
		return heldBytes{}, err
	}
	if err := kerr.ErrorForCode(response.ErrorCode); err != nil {
		return heldBytes{}, err
	}
	held := heldBytes{asked: asked, answered: time.Now(), bytes: map[topicPartition]int64{}}
	for _, dir := range response.Dirs {
		for _, t := range dir.Topics {
			for _, p := range t.Partitions {
				held.bytes[topicPartition{t.Topic, p.Partition}] += p.Size
			}
		}
	}
	return held, nil
}
