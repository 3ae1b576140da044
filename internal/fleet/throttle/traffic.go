package throttle

import (
	"slices"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
)

// window is how far apart two observations must be for a rate to be made of them: Kafka's own sizes grow in steps, by what a producer
// or a follower sends at a time.
const window = 5 * time.Second

// Growth is how fast partitions grow, in bytes per second of one replica.
type Growth map[plan.TopicPartition]int64

// Meter makes growth from observations. Its zero value works.
type Meter struct {
	// base is the observation that growth is measured from, next the one that will be when it is old enough.
	base, next sizes
	growth     Growth
}

// sizes are the sizes of partitions at one moment.
type sizes struct {
	at    time.Time
	bytes map[plan.TopicPartition]int64
}

// Observe takes the partitions as they are now.
func (m *Meter) Observe(partitions []plan.Partition, now time.Time) {
	if m.next.bytes != nil && now.Sub(m.next.at) < window {
		return
	}
	m.base, m.next = m.next, sizes{now, make(map[plan.TopicPartition]int64, len(partitions))}
	for _, p := range partitions {
		m.next.bytes[p.TopicPartition] = p.Bytes
	}
	if m.base.bytes == nil {
		return
	}
	m.growth = Growth{}
	seconds := m.next.at.Sub(m.base.at).Seconds()
	for tp, bytes := range m.next.bytes {
		// A size of nothing is also what a broker leaves behind that did not answer. Retention and compaction shrink, which is no traffic.
		if before := m.base.bytes[tp]; before > 0 && bytes > before {
			m.growth[tp] = int64(float64(bytes-before) / seconds)
		}
	}
}

// Growth is what was measured last, nil until there were two observations far enough apart.
func (m *Meter) Growth() Growth { return m.growth }

// Traffic is what clients and the usual replication use of each broker's network: in, the growth of the replicas in sync that it
// holds; out, the growth of the partitions that it leads, once for each follower in sync and once for a consumer. Replicas that are
// being copied are not in sync, and so no part of it.
func (g Growth) Traffic(partitions []plan.Partition) map[int32]Rates {
	traffic := map[int32]Rates{}
	for _, p := range partitions {
		grows := g[p.TopicPartition]
		if grows == 0 {
			continue
		}
		for _, id := range p.ISR {
			t := traffic[id]
			t.Follower += grows
			traffic[id] = t
		}
		t := traffic[p.Leader]
		t.Leader += grows * int64(len(p.ISR)) // The leader is in the ISR itself, which is the consumer's place in the count.
		traffic[p.Leader] = t
	}
	return traffic
}

// Need is what the partitions being copied gain meanwhile, by broker: on those that receive them, and on those that followers read them
// from. Kafka counts all that followers read of a throttled partition against the leader's limit, those in sync included.
func (g Growth) Need(copied []plan.Partition) map[int32]Rates {
	need := map[int32]Rates{}
	for _, p := range copied {
		grows := g[p.TopicPartition]
		for _, id := range p.Adding {
			if !slices.Contains(p.ISR, id) {
				t := need[id]
				t.Follower += grows
				need[id] = t
			}
		}
		t := need[p.Leader]
		t.Leader += grows * int64(len(p.Replicas)-1)
		need[p.Leader] = t
	}
	return need
}
