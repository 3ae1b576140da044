// Package placement decides which replica lives on which broker. It is pure: data in, data out, the same answer for the same
// question.
//
// The order of what matters: one replica of a partition in a zone while there are zones enough; then the fewest bytes
// moved; then balance. A replica that need not move is never moved.
package placement

import (
	"cmp"
	"slices"
)

// Broker is a broker that may hold replicas.
type Broker struct {
	ID   int32
	Zone string
}

// Partition is one partition and where its replicas are (or will be, when a move is in flight).
type Partition struct {
	Topic     string
	Partition int32
	// Replicas in order, the preferred leader first.
	Replicas []int32
	// Bytes is the size of one replica.
	Bytes int64
}

// Move is one partition's new replica list. It adds as many replicas as it removes.
type Move struct {
	Partition Partition
	// To is the whole new list, in order: a new replica stands where the one it replaces stood.
	To []int32
}

// load is what a broker holds, kept up while moves are chosen.
type load struct {
	bytes    int64
	replicas int
}

// board is the state of the game: who holds what, in which zone.
type board struct {
	zone map[int32]string
	load map[int32]*load
}

func newBoard(partitions []Partition, zones map[int32]string) *board {
	b := &board{zone: zones, load: map[int32]*load{}}
	for _, p := range partitions {
		for _, r := range p.Replicas {
			b.add(r, p.Bytes, 1)
		}
	}
	return b
}

func (b *board) add(broker int32, bytes int64, replicas int) {
	l := b.load[broker]
	if l == nil {
		l = &load{}
		b.load[broker] = l
	}
	l.bytes += bytes
	l.replicas += replicas
}

func (b *board) of(broker int32) load {
	if l := b.load[broker]; l != nil {
		return *l
	}
	return load{}
}

// clashes counts the other replicas of the list that are in the broker's zone: how many zones are lost by putting one there.
// An unknown zone (a dead broker that nobody remembers) clashes with none.
func (b *board) clashes(replicas []int32, except, broker int32) int {
	n := 0
	for _, r := range replicas {
		if r != except && r != broker && b.zone[r] != "" && b.zone[r] == b.zone[broker] {
			n++
		}
	}
	return n
}

// Drain returns the moves that take every replica off the leavers. Partitions without a leaver are left alone.
//
// substitutes names, for a leaver that is being replaced, the broker that takes over from it one to one: same partitions,
// same position, so that the bytes moved are the bytes it held (the lower bound). Where the substitute holds a replica already
// or would put two into one zone, and for leavers that have none, each replica goes to the receiver with the fewest clashes of
// zone, then the fewest bytes, then the fewest replicas. zones has the zone of every broker, the leavers' too where known.
//
// A replica that no receiver can take (each has one of the partition already) stays where it is; left is one of those, nil when there
// is none.
func Drain(partitions []Partition, leavers []int32, substitutes map[int32]int32, receivers []Broker, zones map[int32]string) (moves []Move, left *Partition) {
	b := newBoard(partitions, zones)
	for _, p := range bySize(partitions) {
		to := slices.Clone(p.Replicas)
		for i, r := range to {
			if !slices.Contains(leavers, r) {
				continue
			}
			target, ok := b.receiver(to, r, substitutes[r], receivers)
			if !ok {
				left = &p
				continue
			}
			b.add(r, -p.Bytes, -1)
			b.add(target, p.Bytes, 1)
			to[i] = target
		}
		if !slices.Equal(to, p.Replicas) {
			moves = append(moves, Move{Partition: p, To: to})
		}
	}
	return moves, left
}

// receiver chooses who takes the replica of leaver in the list.
func (b *board) receiver(replicas []int32, leaver, substitute int32, receivers []Broker) (int32, bool) {
	var candidates []int32
	for _, r := range receivers {
		if !slices.Contains(replicas, r.ID) {
			candidates = append(candidates, r.ID)
		}
	}
	if len(candidates) == 0 {
		return 0, false
	}
	best := slices.MinFunc(candidates, func(x, y int32) int {
		lx, ly := b.of(x), b.of(y)
		return cmp.Or(
			cmp.Compare(b.clashes(replicas, leaver, x), b.clashes(replicas, leaver, y)),
			cmp.Compare(boolInt(x != substitute), boolInt(y != substitute)),
			cmp.Compare(lx.bytes, ly.bytes),
			cmp.Compare(lx.replicas, ly.replicas),
			cmp.Compare(x, y),
		)
	})
	return best, true
}

// RestoreZones returns the moves that spread each partition evenly over the brokers' zones: one replica a zone while zones suffice, and
// else no zone with two more than another. Of the replicas in one zone the later in the list moves, to the emptiest broker there.
func RestoreZones(partitions []Partition, brokers []Broker) []Move {
	zones, _ := zonesOf(brokers)
	b := newBoard(partitions, zones)
	var moves []Move
	for _, p := range bySize(partitions) {
		to := slices.Clone(p.Replicas)
		for i := len(to) - 1; i > 0; i-- {
			target, ok := b.receiver(to, to[i], 0, brokers)
			if !ok || b.clashes(to, to[i], target) >= b.clashes(to, to[i], to[i]) {
				continue
			}
			b.add(to[i], -p.Bytes, -1)
			b.add(target, p.Bytes, 1)
			to[i] = target
		}
		if !slices.Equal(to, p.Replicas) {
			moves = append(moves, Move{Partition: p, To: to})
		}
	}
	return moves
}

// ScaleOut returns the moves that give brokers that hold next to nothing (less than half of a share) their share. Data flows from
// old brokers to these new ones only, and no partition loses a zone by it: a replica moves within its zone, or to a zone that the
// partition is not in. The threshold keeps brokers that are merely uneven at rest.
func ScaleOut(partitions []Partition, brokers []Broker) []Move {
	zones, all := zonesOf(brokers)
	b := newBoard(partitions, zones)
	share, overall := map[string]int{}, 0 // the mean number of replicas of a broker, in a zone and over all
	for _, zone := range all {
		members, replicas := 0, 0
		for _, br := range brokers {
			if br.Zone == zone {
				members++
				replicas += b.of(br.ID).replicas
			}
		}
		share[zone] = replicas / members
		overall += replicas
	}
	overall /= max(len(brokers), 1)
	var fresh []int32
	for _, br := range brokers {
		if 2*b.of(br.ID).replicas+1 < max(share[br.Zone], overall) {
			fresh = append(fresh, br.ID)
		}
	}
	var moves []Move
	for _, p := range bySize(partitions) {
		to := slices.Clone(p.Replicas)
		for at, r := range to {
			if slices.Contains(fresh, r) {
				continue
			}
			if target := b.heir(to, r, fresh, share, overall); target != 0 {
				b.add(r, -p.Bytes, -1)
				b.add(target, p.Bytes, 1)
				to[at] = target
			}
		}
		if !slices.Equal(to, p.Replicas) {
			moves = append(moves, Move{Partition: p, To: to})
		}
	}
	return moves
}

// heir returns the fresh broker that should take a replica from the donor, 0 when the donor has no more than its share or no fresh one
// has room: the one with the fewest replicas, then bytes.
func (b *board) heir(replicas []int32, donor int32, fresh []int32, share map[string]int, overall int) int32 {
	var best int32
	for _, id := range fresh {
		limit := share[b.zone[id]]
		if b.zone[id] != b.zone[donor] {
			limit = overall
			if b.clashes(replicas, donor, id) > 0 {
				continue
			}
		}
		if slices.Contains(replicas, id) || b.of(id).replicas >= limit || b.of(donor).replicas <= limit {
			continue
		}
		if best == 0 || cmp.Or(cmp.Compare(b.of(id).replicas, b.of(best).replicas), cmp.Compare(b.of(id).bytes, b.of(best).bytes)) < 0 {
			best = id
		}
	}
	return best
}

// zonesOf returns the zone of each broker and the sorted distinct zones.
func zonesOf(brokers []Broker) (byBroker map[int32]string, distinct []string) {
	byBroker = map[int32]string{}
	for _, b := range brokers {
		byBroker[b.ID] = b.Zone
		if !slices.Contains(distinct, b.Zone) {
			distinct = append(distinct, b.Zone)
		}
	}
	slices.Sort(distinct)
	return byBroker, distinct
}

// bySize returns the partitions, the largest first, names breaking ties so that the answer does not depend on the order given.
func bySize(partitions []Partition) []Partition {
	sorted := slices.Clone(partitions)
	slices.SortFunc(sorted, func(a, b Partition) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return sorted
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
