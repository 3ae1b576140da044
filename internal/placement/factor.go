package placement

import (
	"cmp"
	"slices"
)

// SetReplicationFactor is SetReplicationFactors for one topic.
func SetReplicationFactor(f Fleet, topic string, factor int) Plan {
	return SetReplicationFactors(f, map[string]int{topic: factor})
}

// SetReplicationFactors gives each partition of the topics so many replicas. Partitions that have the number already are left alone, and so is a topic that
// is to have none.
//
// A new replica goes where an even spread over the zones asks for it, there to the emptiest broker, and to the end of the list, so that
// leaders stay. Of surplus replicas those go first that are on brokers that do not stay, then those that are not in sync, then those whose
// zone the partition has most of, then those on the fullest brokers; the preferred leader and the leader are the last to go.
//
// A partition that cannot get all its replicas keeps those that it has, and is in Left once, with how many have no place where brokers are
// missing. LowerBound is the bytes of the replicas to be added.
func SetReplicationFactors(f Fleet, factors map[string]int) Plan {
	f = located(f)
	b := newBoard(f)
	before := b.figures()
	var own []int32
	for p := range int32(len(b.parts)) {
		part := &b.parts[p]
		if factor := factors[part.Topic]; factor > 0 && len(part.Replicas) > 0 && len(part.Replicas) != factor {
			own = append(own, p)
		}
	}
	slices.SortFunc(own, func(x, y int32) int {
		return cmp.Or(cmp.Compare(b.size[y], b.size[x]), cmp.Compare(x, y))
	})
	var moves []Move
	var moved, bound int64
	for _, p := range own {
		list, size, factor := slices.Clone(b.list(p)), b.size[p], factors[b.parts[p].Topic]
		bound += size * int64(max(0, factor-len(list)))
		for len(list) < factor {
			i := b.addition(p, list)
			if i < 0 {
				break
			}
			list = append(list, i)
		}
		if len(list) < factor {
			b.leaveAddition(p, list, factor-len(list))
			continue
		}
		for len(list) > factor {
			gone := b.dispensable(p, list)
			b.load(gone, -1, gone == list[0], size)
			list = slices.DeleteFunc(list, func(i int32) bool { return i == gone })
		}
		to := make([]int32, 0, factor)
		for _, i := range list {
			if !b.holds(p, i) {
				b.load(i, 1, false, size)
				b.peak[i] += size
				moved += size
			}
			to = append(to, b.brokers[i].ID)
		}
		moves = append(moves, Move{Partition: b.parts[p], To: to})
	}
	slices.SortStableFunc(moves, func(x, y Move) int { return cmp.Compare(y.Bytes(), x.Bytes()) })
	return Plan{Moves: moves, Left: b.left, Before: before, After: Describe(f.After(moves)), BytesMoved: moved, LowerBound: bound}
}

// addition returns the best broker for one replica more of the partition, whose list would be this; -1 when no broker may take it.
func (b *board) addition(p int32, list []int32) int32 {
	least := b.spreadOf(p, list)
	to := int32(-1)
	for z := range int32(len(b.zones)) {
		if b.inZone[z] != least {
			continue
		}
		for _, i := range b.pool(b.partGroup[p], z).order {
			if b.fits(i, b.size[p]) && !slices.Contains(list, i) {
				if to < 0 || b.less(i, to) < 0 {
					to = i
				}
				break
			}
		}
	}
	return to
}

// leaveAddition notes that one replica more of the partition, whose list would be this, has no place.
func (b *board) leaveAddition(p int32, list []int32, missing int) {
	least := b.spreadOf(p, list)
	b.note(p, -1, missing, least, func(i int32) bool { return slices.Contains(list, i) })
}

// dispensable returns the replica of the list that the partition can do without best.
func (b *board) dispensable(p int32, list []int32) int32 {
	part := &b.parts[p]
	b.spreadOf(p, list)
	inSync := func(i int32) bool { return part.InSync == nil || slices.Contains(part.InSync, b.brokers[i].ID) }
	yes := func(condition bool) int {
		if condition {
			return 1
		}
		return 0
	}
	return slices.MaxFunc(list, func(x, y int32) int {
		return cmp.Or(
			cmp.Compare(yes(b.brokers[x].ID != part.Leader), yes(b.brokers[y].ID != part.Leader)),
			cmp.Compare(b.brokers[x].State/Leaving, b.brokers[y].State/Leaving),
			cmp.Compare(yes(!inSync(x)), yes(!inSync(y))),
			cmp.Compare(b.inZone[b.zone[x]], b.inZone[b.zone[y]]),
			cmp.Compare(yes(x != list[0]), yes(y != list[0])),
			b.less(x, y),
		)
	})
}
