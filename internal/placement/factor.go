package placement

import (
	"cmp"
	"fmt"
	"slices"
)

// Sized is one partition of a topic whose replication factor changes.
type Sized struct {
	Partition
	// Leader is the broker that leads now, -1 for none.
	Leader int32
	// InSync are the replicas that have everything.
	InSync []int32
}

// ChangeFactor returns the moves that give each partition so many replicas. Here, and only here, a Move adds more replicas than it
// removes, or the reverse. Partitions that have the number already are left alone.
//
// A new replica goes to the broker with the fewest clashes of zone, then the fewest replicas, then the fewest bytes, and to the end of
// the list, so that leaders stay. Of surplus replicas those go first that are not in sync, then those whose zone the partition has
// twice, then those on the fullest brokers; the leader, and then the preferred leader, are the last to go.
//
// all are the partitions of all topics, for the brokers' loads. More replicas than brokers is an error.
func ChangeFactor(topic []Sized, factor int, all []Partition, brokers []Broker) ([]Move, error) {
	if factor > len(brokers) {
		return nil, fmt.Errorf("%d replicas of a partition need %d brokers, and there are %d", factor, factor, len(brokers))
	}
	zones, _ := zonesOf(brokers)
	b := newBoard(all, zones)
	topic = slices.Clone(topic)
	slices.SortFunc(topic, func(x, y Sized) int {
		return cmp.Or(cmp.Compare(y.Bytes, x.Bytes), cmp.Compare(x.Partition.Partition, y.Partition.Partition))
	})
	var moves []Move
	for _, p := range topic {
		to := slices.Clone(p.Replicas)
		for len(to) < factor {
			target, ok := b.addition(to, brokers)
			if !ok {
				return nil, fmt.Errorf("partition %s-%d has replicas on %v, and no broker is left for another one (%d brokers live)",
					p.Topic, p.Partition.Partition, to, len(brokers))
			}
			b.add(target, p.Bytes, 1)
			to = append(to, target)
		}
		for len(to) > factor {
			surplus := b.surplus(to, p)
			b.add(surplus, -p.Bytes, -1)
			to = slices.DeleteFunc(to, func(r int32) bool { return r == surplus })
		}
		if !slices.Equal(to, p.Replicas) {
			moves = append(moves, Move{Partition: p.Partition, To: to})
		}
	}
	return moves, nil
}

// addition chooses the broker of one more replica.
func (b *board) addition(replicas []int32, brokers []Broker) (int32, bool) {
	var candidates []int32
	for _, br := range brokers {
		if !slices.Contains(replicas, br.ID) {
			candidates = append(candidates, br.ID)
		}
	}
	if len(candidates) == 0 {
		return 0, false
	}
	return slices.MinFunc(candidates, func(x, y int32) int {
		lx, ly := b.of(x), b.of(y)
		return cmp.Or(
			cmp.Compare(b.clashes(replicas, -1, x), b.clashes(replicas, -1, y)),
			cmp.Compare(lx.replicas, ly.replicas),
			cmp.Compare(lx.bytes, ly.bytes),
			cmp.Compare(x, y),
		)
	}), true
}

// surplus chooses the replica that is given up.
func (b *board) surplus(replicas []int32, p Sized) int32 {
	return slices.MaxFunc(replicas, func(x, y int32) int {
		lx, ly := b.of(x), b.of(y)
		return cmp.Or(
			cmp.Compare(boolInt(x != p.Leader), boolInt(y != p.Leader)),
			cmp.Compare(boolInt(!slices.Contains(p.InSync, x)), boolInt(!slices.Contains(p.InSync, y))),
			cmp.Compare(boolInt(x != replicas[0]), boolInt(y != replicas[0])),
			cmp.Compare(b.clashes(replicas, x, x), b.clashes(replicas, y, y)),
			cmp.Compare(lx.replicas, ly.replicas),
			cmp.Compare(lx.bytes, ly.bytes),
			cmp.Compare(x, y),
		)
	})
}
