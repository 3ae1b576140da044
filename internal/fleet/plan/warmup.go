package plan

import (
	"cmp"
	"slices"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/placement"
)

const (
	// BatchTime is how long one broker takes to copy Group.BatchBytes.
	BatchTime = time.Minute
	// warmUpTime is how long the replicas that a broker warms up with take in all, tinyTime how long each of them takes; both at most.
	warmUpTime = time.Second
	tinyTime   = warmUpTime / 10
)

// warmUp returns which of the moves may start, as far as their receivers are concerned: one that holds next to nothing yet gets its tiny replicas
// first, and nothing else until it is in sync with them.
//
// A broker that has just started is slow at all that it does for the first time. Tiny partitions are copied at once, and handed over to it while the
// large ones are on their way: the threads that append those are what the hand-over waits for, and every acknowledgement of the tiny ones.
func warmUp(g Group, o Observation, moves []placement.Move) []placement.Move {
	within := func(d time.Duration) int64 { return int64(float64(g.BatchBytes) * d.Seconds() / BatchTime.Seconds()) }
	held, coming := map[int32]int64{}, map[int32]bool{}
	for _, p := range o.Partitions {
		for _, id := range p.Replicas {
			held[id] += p.Bytes
			if slices.Contains(p.Adding, id) && !slices.Contains(p.ISR, id) && p.Leader >= 0 {
				coming[id] = true
			}
		}
	}
	bySize := slices.Clone(moves)
	slices.SortStableFunc(bySize, func(a, b placement.Move) int { return cmp.Compare(a.Partition.Bytes, b.Partition.Bytes) })
	total, first := map[int32]int64{}, map[int32]map[TopicPartition]bool{}
	for _, m := range bySize {
		for _, id := range m.Added() {
			total[id] += m.Partition.Bytes
			if m.Partition.Bytes > within(tinyTime) || held[id]+total[id] > within(warmUpTime) {
				continue
			}
			if first[id] == nil {
				first[id] = map[TopicPartition]bool{}
			}
			first[id][nameOf(m)] = true
		}
	}
	return slices.DeleteFunc(moves, func(m placement.Move) bool {
		return slices.ContainsFunc(m.Added(), func(id int32) bool {
			cold := held[id] <= within(warmUpTime)
			return cold && (coming[id] || len(first[id]) > 0 && !first[id][nameOf(m)])
		})
	})
}
