package placement

import (
	"cmp"
	"slices"
)

// Create places the partitions of a new topic, or those that are not there of one that exists. Each gets a replica in each of as many zones as it can; within that, the topic's own
// replicas are spread first (its partitions tend to be alike), then the brokers with the fewest replicas are preferred, then the emptiest. The
// leader is the replica whose broker leads the fewest partitions of the topic, and then of all.
//
// Moves has the new partitions, which have no Replicas yet and no Bytes. A partition that cannot get all its replicas is not among them;
// it is in Left once, with how many of its replicas have no place where brokers are missing.
func Create(f Fleet, topic string, partitions, replicationFactor int, group string) Plan {
	return create(f, topic, partitions, replicationFactor, group)
}

// Grow places the partitions that a topic is to get beyond those it has, up to so many in all, with as many replicas as its first one. A
// topic that the fleet does not have gets nothing.
func Grow(f Fleet, topic string, total int) Plan {
	first := -1
	for i, p := range f.Partitions {
		if p.Topic == topic && (first < 0 || p.Partition < f.Partitions[first].Partition) {
			first = i
		}
	}
	if first < 0 {
		return create(f, topic, 0, 0, "")
	}
	return create(f, topic, total, len(f.Partitions[first].Replicas), f.Partitions[first].Group)
}

// create places those of the topic's first partitions that are not there.
func create(f Fleet, topic string, partitions, factor int, group string) Plan {
	f = located(f)
	before, had := Describe(f), f
	there := map[int32]bool{}
	for _, p := range f.Partitions {
		there[p.Partition] = there[p.Partition] || p.Topic == topic
	}
	f.Partitions = slices.Clone(f.Partitions)
	for n := int32(0); int(n) < partitions && factor > 0; n++ {
		if !there[n] {
			f.Partitions = append(f.Partitions, Partition{Topic: topic, Partition: n, Leader: -1, Group: group})
		}
	}
	seats := make([]int32, factor)
	b := newBoard(f)
	own, led := make([]int32, len(b.brokers)), make([]int32, len(b.brokers))
	start, _ := slices.BinarySearchFunc(b.parts, topic, func(p Partition, topic string) int { return cmp.Compare(p.Topic, topic) })
	for p := start; p < len(b.parts) && b.parts[p].Topic == topic; p++ {
		for at, i := range b.list(int32(p)) {
			own[i]++
			if at == 0 {
				led[i]++
			}
		}
	}
	b.less = func(x, y int32) int {
		if own[x] != own[y] || b.replicas[x] != b.replicas[y] {
			return cmp.Or(cmp.Compare(own[x], own[y]), cmp.Compare(b.replicas[x], b.replicas[y]))
		}
		return b.byLoad(x, y)
	}
	var moves []Move
	for p := int32(start); int(p) < len(b.parts) && b.parts[p].Topic == topic; p++ {
		if len(b.list(p)) > 0 {
			continue
		}
		list := seats[:0]
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
		slices.SortStableFunc(list, func(x, y int32) int {
			return cmp.Or(cmp.Compare(led[x], led[y]), cmp.Compare(b.leaders[x], b.leaders[y]))
		})
		to := make([]int32, 0, factor)
		for at, i := range list {
			b.eachPool(i, (*pool).remove)
			own[i]++
			b.replicas[i]++
			if at == 0 {
				led[i]++
				b.leaders[i]++
			}
			b.eachPool(i, (*pool).insert)
			to = append(to, b.brokers[i].ID)
		}
		moves = append(moves, Move{Partition: b.parts[p], To: to})
	}
	return Plan{Moves: moves, Left: b.left, Before: before, After: Describe(had.After(moves))}
}
