package check

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// maxOpen is how many records of one partition may be without an outcome.
	maxOpen = 2000
	// batchBytes is how large a batch gets, unless a single record is larger.
	batchBytes = 64 << 10
	// The producer sends in beats what has become due since the one before, see beat.
	shortestBeat, longestBeat = 10 * time.Millisecond, 100 * time.Millisecond
	// consumeEvery is how often the consumer is answered at least. An answer for each record would cost a small machine more than all else.
	consumeEvery = 500 * time.Millisecond
	// readBackStall is how long the reading at the end may go without a record before it is given up.
	readBackStall = time.Minute
)

// Run is a check under way. Its methods are safe for concurrent use.
type Run struct {
	options Options
	id      uint64
	// begin is each partition's end offset when the run started; what is before it is not looked at.
	begin    map[int32]int64
	ledgers  []*ledger
	started  time.Time
	failures *produceFailures

	producer, consumer *kgo.Client
	stopProducing      context.CancelFunc
	produced           chan struct{} // Closed when the producer has sent its last record.
	producedUntil      time.Time     // Valid when produced is closed.
	cancel             context.CancelFunc
	background         sync.WaitGroup
	closeOnce          sync.Once

	acked     atomic.Int64
	lastError atomic.Pointer[error]

	consumedMu sync.Mutex
	consumed   map[int32][]found
	read       int64
}

// Start begins to produce and to consume and returns. The context is for the start only: the run goes on until Stop or
// Close, one of which must be called. Errors: no broker answers, no such topic, options that cannot be used.
func Start(ctx context.Context, options Options) (*Run, error) {
	options, err := options.filled()
	if err != nil {
		return nil, err
	}
	r := &Run{options: options, id: rand.Uint64(), failures: &produceFailures{}, produced: make(chan struct{}), consumed: map[int32][]found{}}
	r.producer, err = newClient(ctx, options.Bootstrap, options.Security,
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()), // So that bytes on disk are what the rate and size say.
		// Batches of a size as producers make them. A follower is given whole batches and the beginning of one more, which it throws away: with
		// batches of up to a megabyte, a quarter of what is copied.
		kgo.ProducerBatchMaxBytes(int32(max(batchBytes, options.RecordBytes+1024))), //nolint:gosec // A record is far smaller than 2 GiB.
		kgo.RecordDeliveryTimeout(options.DeliveryTimeout),
		kgo.ProduceRequestTimeout(produceTimeout),
		kgo.RequestTimeoutOverhead(produceOverhead),
		// A broker that has just started may not know the topic for a moment; the default of 4 tries is over by then.
		kgo.UnknownTopicRetries(60),
		// The bound of maxOpen for each partition comes first.
		kgo.MaxBufferedRecords(math.MaxInt32),
		kgo.WithHooks(r.failures),
		kgo.WithLogger(options.logger("producer")),
	)
	if err != nil {
		return nil, err
	}
	if err := r.begins(ctx); err != nil {
		r.producer.Close()
		return nil, err
	}
	offsets := make(map[int32]kgo.Offset, len(r.begin))
	for p, at := range r.begin {
		offsets[p] = kgo.NewOffset().At(at)
	}
	r.consumer, err = newClient(ctx, options.Bootstrap, options.Security, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{options.Topic: offsets}), kgo.FetchMaxWait(consumeEvery), kgo.FetchMinBytes(batchBytes),
		kgo.WithLogger(options.logger("consumer")))
	if err != nil {
		r.producer.Close()
		return nil, err
	}

	// The start's context ends long before the run does.
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.cancel = cancel
	producing, stop := context.WithCancel(life)
	r.stopProducing = stop
	r.started = time.Now()
	for _, l := range r.ledgers {
		l.gap, l.served = newGap(r.started), served{start: r.started}
	}
	r.background.Go(func() { followSeeds(life, options.Bootstrap, r.producer, r.consumer) })
	r.background.Go(func() { r.produce(producing) })
	r.background.Go(func() { r.consume(life) })
	return r, nil
}

// begins reads the topic's partitions and where each of them ends now.
func (r *Run) begins(ctx context.Context) error {
	partitions, err := partitionsOf(ctx, r.producer, r.options.Topic)
	if err != nil {
		return err
	}
	if n := r.options.Partitions; n > len(partitions) {
		return fmt.Errorf("topic %s has %d partitions, fewer than the %d to be checked", r.options.Topic, len(partitions), n)
	} else if n > 0 {
		partitions = partitions[:n]
	}
	r.begin, err = listOffsets(ctx, r.producer, r.options.Topic, partitions, latest)
	if err != nil {
		return err
	}
	for _, p := range partitions {
		r.ledgers = append(r.ledgers, &ledger{partition: p})
	}
	return nil
}

// Acked is how many records have been acknowledged so far.
func (r *Run) Acked() int64 { return r.acked.Load() }

// Produced is closed when the producer has sent its last record: after Options.Records, or by Stop.
func (r *Run) Produced() <-chan struct{} { return r.produced }

// beat is in what time each partition gets one record, within bounds. What is due is sent then: all that goes to one broker makes one request, as
// it does of a producer that lingers, and no partition gets its records less often. A request for each record would cost a small machine more than
// all else.
func beat(partitions, rate int) time.Duration {
	return min(max(time.Second*time.Duration(partitions)/time.Duration(rate), shortestBeat), longestBeat)
}

// produce sends records at the rate of the options, over the partitions in turn.
func (r *Run) produce(ctx context.Context) {
	defer func() {
		r.producedUntil = time.Now()
		close(r.produced)
	}()
	ticker := time.NewTicker(beat(len(r.ledgers), r.options.Rate))
	defer ticker.Stop()
	// What falls due while nothing can be sent is let go after two of the longest beats: a burst would measure the client.
	burst := max(1, float64(r.options.Rate)*2*longestBeat.Seconds())
	due, sent, turn, last := 1.0, 0, 0, time.Now()
	for {
		for ; due >= 1; due-- {
			if !r.sendOne(turn) {
				break
			}
			turn++
			if sent++; sent == r.options.Records {
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			due = min(burst, due+now.Sub(last).Seconds()*float64(r.options.Rate))
			last = now
		}
	}
}

// sendOne sends a record to the next partition that takes one, and is false when none does.
func (r *Run) sendOne(turn int) bool {
	for i := range r.ledgers {
		l := r.ledgers[(turn+i)%len(r.ledgers)]
		sequence, ok := l.next()
		if !ok {
			continue
		}
		value, checksum := encode(r.id, l.partition, sequence, r.options.RecordBytes)
		l.seal(sequence, checksum)
		// TryProduce never waits, so a partition that is stuck does not hold up the others.
		r.producer.TryProduce(context.Background(), &kgo.Record{Topic: r.options.Topic, Partition: l.partition, Value: value},
			func(rec *kgo.Record, err error) {
				if err != nil {
					l.fail()
					r.lastError.Store(&err)
					return
				}
				l.ack(sequence, rec.Offset, time.Now())
				r.acked.Add(1)
			})
		return true
	}
	return false
}

// consume reads what is produced, as any consumer would.
func (r *Run) consume(ctx context.Context) {
	for {
		fetches := r.consumer.PollFetches(ctx)
		if ctx.Err() != nil || fetches.IsClientClosed() {
			return
		}
		// Errors of single partitions are repeated by the client; what matters is judged at the end.
		r.consumedMu.Lock()
		fetches.EachRecord(func(rec *kgo.Record) {
			r.read++
			r.consumed[rec.Partition] = append(r.consumed[rec.Partition], decode(r.id, rec.Partition, rec.Offset, rec.Value))
		})
		r.consumedMu.Unlock()
	}
}

// Stop ends the producing, waits until every record sent has an outcome, reads all of the run's records back and reports.
// An error means that the log could not be read to its end, and so that nothing is proved; violations are no error here
// but counts in the report (see Report.Problem). What happened in the excluded intervals is no part of Report.Availability. The run is
// closed afterwards in every case.
func (r *Run) Stop(ctx context.Context, excluded ...Interval) (Report, error) {
	defer r.Close()
	r.stopProducing()
	<-r.produced
	flushing, cancel := context.WithTimeout(ctx, r.options.DeliveryTimeout+requestTimeout)
	flushError := r.producer.Flush(flushing)
	cancel()
	now := time.Now()
	for _, l := range r.ledgers {
		l.close(r.producedUntil, now)
	}
	if flushError != nil && ctx.Err() != nil {
		return Report{}, fmt.Errorf("waiting for the last acknowledgements of topic %s (%d so far): %w", r.options.Topic, r.Acked(), flushError)
	}

	log, err := r.readBack(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("reading topic %s back after %d acknowledged records: %w", r.options.Topic, r.Acked(), err)
	}
	return r.report(log, excluded), nil
}

// Close gives the run up without a report. It may be called at any time, also after Stop.
func (r *Run) Close() {
	r.closeOnce.Do(func() {
		r.cancel()
		r.producer.Close()
		r.consumer.Close()
		r.background.Wait()
	})
}

func (r *Run) report(log map[int32][]found, excluded []Interval) Report {
	out := Report{
		Topic:                  r.options.Topic,
		DurationSeconds:        r.producedUntil.Sub(r.started).Seconds(),
		ProduceRequestsRetried: r.failures.count.Load(),
	}
	if err := r.lastError.Load(); err != nil {
		out.LastProduceError = (*err).Error()
	}
	r.consumedMu.Lock()
	defer r.consumedMu.Unlock()
	out.RecordsConsumed = r.read
	acknowledged := map[int32]served{}
	for _, l := range r.ledgers {
		l.mu.Lock()
		f := verify(l.partition, l.entries, r.consumed[l.partition], log[l.partition])
		out.add(f)
		out.RecordsAcked += l.acked
		out.RecordsFailed += int64(l.failed + l.open)
		millis := l.gap.longest.Milliseconds()
		out.LongestGapMillis = max(out.LongestGapMillis, millis)
		out.Partitions = append(out.Partitions, PartitionReport{
			Partition: l.partition, RecordsAcked: l.acked, RecordsLost: int64(len(f.lost)),
			LongestGapMillis: millis, LongestGapAt: l.gap.startedAt,
		})
		acknowledged[l.partition] = l.served
		l.mu.Unlock()
	}
	out.Windows = windowsOf(r.started, r.producedUntil, acknowledged)
	out.AvailabilityRaw, out.Availability = out.Windows.Availability(), out.Windows.Availability(excluded...)
	return out
}

// partitionsOf returns the topic's partitions in order.
func partitionsOf(ctx context.Context, client *kgo.Client, topic string) ([]int32, error) {
	request := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = kmsg.StringPtr(topic)
	request.Topics = append(request.Topics, t)
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("asking for topic %s: %w", topic, err)
	}
	if len(response.Topics) != 1 {
		return nil, fmt.Errorf("asking for topic %s: the broker answered with %d topics", topic, len(response.Topics))
	}
	if err := kerr.ErrorForCode(response.Topics[0].ErrorCode); err != nil {
		if errors.Is(err, kerr.UnknownTopicOrPartition) {
			return nil, fmt.Errorf("topic %s does not exist: create it first, with a retention that outlasts the check: %w", topic, err)
		}
		if errors.Is(err, kerr.TopicAuthorizationFailed) {
			return nil, fmt.Errorf("topic %s is not for this user, or does not exist: the check needs the right to write it and to read it: %w", topic, err)
		}
		return nil, fmt.Errorf("asking for topic %s: %w", topic, err)
	}
	partitions := make([]int32, len(response.Topics[0].Partitions))
	for i := range partitions {
		partitions[i] = int32(i) // Kafka numbers them from 0 without holes.
	}
	return partitions, nil
}
