package check

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// dialTimeout and requestTimeout are short: a broker that is stopped but not dead (SIGSTOP) accepts connections and
	// says nothing, and a longer wait would show up as a gap that is the client's and not Kafka's.
	dialTimeout    = 2 * time.Second
	requestTimeout = 3 * time.Second
	// produceTimeout and produceOverhead together are how long a produce request may go without an answer, the first of them what the broker
	// is given to have it in the ISR. They are shorter still: a leader that hangs is replaced when the controller misses it, and the records
	// sent to it go to the new one when the request is given up. A repetition costs nothing, since the producer is idempotent.
	produceTimeout  = time.Second
	produceOverhead = 1500 * time.Millisecond
	// seedsEvery is how often Bootstrap is asked again.
	seedsEvery = 2 * time.Second
)

// newClient connects to brokers that come and go.
func newClient(ctx context.Context, bootstrap Bootstrap, security Security, more ...kgo.Opt) (*kgo.Client, error) {
	if err := security.valid(); err != nil {
		return nil, err
	}
	seeds, err := bootstrap(ctx)
	if err != nil {
		return nil, fmt.Errorf("finding the brokers: %w", err)
	}
	if len(seeds) == 0 {
		return nil, fmt.Errorf("no broker address to start from")
	}
	client, err := kgo.NewClient(slices.Concat([]kgo.Opt{
		kgo.ClientID("kafkafleet-check"),
		kgo.SeedBrokers(seeds...),
		kgo.RequestTimeoutOverhead(requestTimeout),
		kgo.RetryTimeout(time.Minute),
		kgo.RetryBackoffFn(func(tries int) time.Duration {
			return min(time.Duration(tries)*50*time.Millisecond, 500*time.Millisecond)
		}),
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.MetadataMaxAge(5 * time.Second),
		kgo.DisableClientMetrics(),
	}, security.options(), more)...)
	if err != nil {
		return nil, fmt.Errorf("the Kafka client: %w", err)
	}
	return client, nil
}

// followSeeds keeps the clients' seed addresses up to date until ctx ends.
func followSeeds(ctx context.Context, bootstrap Bootstrap, clients ...*kgo.Client) {
	ticker := time.NewTicker(seedsEvery)
	defer ticker.Stop()
	var known []string
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		seeds, err := bootstrap(ctx)
		if err != nil || len(seeds) == 0 {
			continue // The old addresses are better than none.
		}
		slices.Sort(seeds)
		if slices.Equal(seeds, known) {
			continue
		}
		known = slices.Clone(seeds)
		for _, c := range clients {
			// An address that cannot be parsed is all that this can fail on; the client then keeps the ones it has.
			_ = c.UpdateSeedBrokers(seeds...)
		}
	}
}

// produceFailures counts produce requests that ended without an answer. It is a kgo hook.
type produceFailures struct{ count atomic.Int64 }

// OnBrokerE2E is called by kgo after each request.
func (p *produceFailures) OnBrokerE2E(_ kgo.BrokerMetadata, key int16, e2e kgo.BrokerE2E) {
	if key == int16(kmsg.Produce) && e2e.Err() != nil {
		p.count.Add(1)
	}
}

// logger writes what a client says to the options' Log.
func (o Options) logger(name string) kgo.Logger {
	if o.Log == nil {
		return kgo.BasicLogger(io.Discard, kgo.LogLevelNone, nil)
	}
	return kgo.BasicLogger(o.Log, kgo.LogLevelDebug, func() string {
		return time.Now().UTC().Format("15:04:05.000 ") + name + " "
	})
}
