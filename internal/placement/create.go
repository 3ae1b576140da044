package placement

import (
	"cmp"
	"maps"
	"slices"
)

// Create places the partitions of a new topic, or those that are not there of one that exists. Each gets a replica in each of as many zones as it can; within that, the topic's own
// replicas are spread first (its partitions tend to be alike), then the brokers with the fewest replicas are preferred, then the emptiest. The
// leader is the replica whose broker leads the fewest partitions of the topic, and then of all.
//
// Moves has the new partitions, which have no Replicas yet and no Bytes. A partition that cannot get all its replicas is not among them;
// it is in Left once, with how many of its replicas have no place where brokers are missing.
func Create(f Fleet, topic string, partitions, replicationFactor int, group string) Plan {
	f = located(f)
	moves, left := CreateAll(f, []NewTopic{{Name: topic, Partitions: partitions, ReplicationFactor: replicationFactor, Group: group}})
	return created(f, moves, left)
}

// Grow places the partitions that a topic is to get beyond those it has, up to so many in all, with as many replicas as its first one. A
// topic that the fleet does not have gets nothing.
func Grow(f Fleet, topic string, total int) Plan {
	f = located(f)
	moves, left := GrowAll(f, map[string]int{topic: total})
	return created(f, moves, left)
}

// GrowAll is Grow for topics that grow one after the other, in the order of their names.
func GrowAll(f Fleet, totals map[string]int) ([]Move, []Left) {
	first := map[string]Partition{}
	for _, p := range f.Partitions {
		if _, grows := totals[p.Topic]; grows {
			if known, ok := first[p.Topic]; !ok || p.Partition < known.Partition {
				first[p.Topic] = p
			}
		}
	}
	var topics []NewTopic
	for _, name := range slices.Sorted(maps.Keys(first)) {
		topics = append(topics, NewTopic{Name: name, Partitions: totals[name], ReplicationFactor: len(first[name].Replicas), Group: first[name].Group})
	}
	return CreateAll(f, topics)
}

// NewTopic is a topic to be placed, as the arguments of Create.
type NewTopic struct {
	Name                          string
	Partitions, ReplicationFactor int
	Group                         string
}

// CreateAll is Create for topics that come one after the other, each beside those before it: the moves of all of them, and what has no place. It
// takes about as long for thousands of topics as Create takes for one.
func CreateAll(f Fleet, topics []NewTopic) ([]Move, []Left) {
	f = located(f)
	type name struct {
		topic     string
		partition int32
	}
	there, wanted := map[name]bool{}, map[string]bool{}
	for _, t := range topics {
		wanted[t.Name] = true
	}
	for _, p := range f.Partitions {
		if wanted[p.Topic] {
			there[name{p.Topic, p.Partition}] = true
		}
	}
	var added []Partition
	for _, t := range topics {
		for n := int32(0); int(n) < t.Partitions && t.ReplicationFactor > 0; n++ {
			if !there[name{t.Name, n}] {
				added = append(added, Partition{Topic: t.Name, Partition: n, Leader: -1, Group: t.Group})
			}
		}
	}
	f.Partitions = merged(f.Partitions, added)
	b := newBoard(f)
	// The replicas and leaders of the topic in hand, by broker.
	own, led := make([]int32, len(b.brokers)), make([]int32, len(b.brokers))
	b.less = func(x, y int32) int {
		if own[x] != own[y] || b.replicas[x] != b.replicas[y] {
			return cmp.Or(cmp.Compare(own[x], own[y]), cmp.Compare(b.replicas[x], b.replicas[y]))
		}
		return b.byLoad(x, y)
	}
	var moves []Move
	for _, t := range topics {
		clear(own)
		clear(led)
		clear(b.pools) // They were in the order of the topic before.
		moves = append(moves, b.create(t, own, led)...)
	}
	return moves, b.left
}

// create places those partitions of a topic that have no replicas. own and led are how many of the topic's replicas and leaders each broker has.
func (b *board) create(t NewTopic, own, led []int32) []Move {
	start, _ := slices.BinarySearchFunc(b.parts, t.Name, func(p Partition, topic string) int { return cmp.Compare(p.Topic, topic) })
	for p := start; p < len(b.parts) && b.parts[p].Topic == t.Name; p++ {
		for at, i := range b.list(int32(p)) {
			own[i]++
			if at == 0 {
				led[i]++
			}
		}
	}
	seats := make([]int32, t.ReplicationFactor)
	var moves []Move
	for p := int32(start); int(p) < len(b.parts) && b.parts[p].Topic == t.Name; p++ {
		if len(b.list(p)) > 0 {
			continue
		}
		list := seats[:0]
		for len(list) < t.ReplicationFactor {
			i := b.addition(p, list)
			if i < 0 {
				break
			}
			list = append(list, i)
		}
		if len(list) < t.ReplicationFactor {
			b.leaveAddition(p, list, t.ReplicationFactor-len(list))
			continue
		}
		slices.SortStableFunc(list, func(x, y int32) int {
			return cmp.Or(cmp.Compare(led[x], led[y]), cmp.Compare(b.leaders[x], b.leaders[y]))
		})
		to := make([]int32, 0, t.ReplicationFactor)
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
	return moves
}

// created is the plan of new partitions.
func created(f Fleet, moves []Move, left []Left) Plan {
	return Plan{Moves: moves, Left: left, Before: Describe(f), After: Describe(f.After(moves))}
}
