package placement

import (
	"cmp"
	"slices"
)

// Drain takes every replica off the leaving and dead brokers, and moves nothing else.
//
// substitutes names, for a leaver that is being replaced, the broker that takes over from it one to one: the same partitions, at the same
// position in their lists. Where the substitute has a replica already or a hard rule forbids it, and for leavers that have none, each
// replica goes to the emptiest broker that may take it, the largest first. A replica keeps its position, so the leaders that a leaver had
// go where their replicas go.
//
// A partition that has no replica in sync, or where nobody says, none on a broker that is not dead, cannot be copied: it is in Left with
// ConstraintSource, and not in LowerBound, which is the bytes on all leavers otherwise. BytesMoved and what is in Left add up to it.
func Drain(f Fleet, substitutes map[int32]int32) Plan {
	b := newBoard(f)
	before := b.figures()
	jobs := b.jobs(func(_, broker int32) bool { return b.brokers[broker].State >= Leaving })
	jobs = slices.DeleteFunc(jobs, func(j job) bool {
		part := &b.parts[j.partition]
		lost := !slices.ContainsFunc(b.list(j.partition), func(i int32) bool {
			if part.InSync != nil {
				return slices.Contains(part.InSync, b.brokers[i].ID)
			}
			return b.brokers[i].State != Dead
		})
		if lost {
			b.left = append(b.left, Left{
				Topic: part.Topic, Partition: part.Partition, Broker: b.brokers[b.list(j.partition)[j.at]].ID,
				Constraint: ConstraintSource, Short: 1, Group: part.Group,
			})
		}
		return lost
	})
	if len(substitutes) > 0 {
		heir := make([]int32, len(b.brokers))
		for i, br := range b.brokers {
			heir[i] = -1
			if to, ok := substitutes[br.ID]; ok {
				heir[i] = b.number(to)
			}
		}
		bound := bytesOf(jobs)
		jobs = slices.DeleteFunc(jobs, func(j job) bool {
			to := heir[b.list(j.partition)[j.at]]
			if to < 0 || !b.free(j.partition, to) {
				return false
			}
			// Where the partition's spread is uneven now, moving its replica elsewhere mends it with the same bytes.
			if best, _ := b.crowding(j.partition, j.at); b.inZone[b.zone[to]] > best {
				return false
			}
			b.move(j.partition, j.at, to)
			return true
		})
		b.relocate(jobs)
		return b.plan(before, bound)
	}
	b.relocate(jobs)
	return b.plan(before, bytesOf(jobs))
}

// Replace drains the keys of pairs, each onto its value as far as the hard rules allow. Brokers among the keys that are not marked as dead
// count as leaving.
func Replace(f Fleet, pairs map[int32]int32) Plan {
	f.Brokers = slices.Clone(f.Brokers)
	for i, br := range f.Brokers {
		if _, ok := pairs[br.ID]; ok && br.State < Leaving {
			f.Brokers[i].State = Leaving
		}
	}
	return Drain(f, pairs)
}

// MoveToGroup moves the replicas of partitions that have a group from brokers of other groups to brokers of theirs, and nothing else.
// LowerBound is their bytes.
func MoveToGroup(f Fleet) Plan {
	b := newBoard(f)
	before := b.figures()
	jobs := b.jobs(func(p, broker int32) bool { return !b.allows(b.partGroup[p], broker) })
	b.relocate(jobs)
	return b.plan(before, bytesOf(jobs))
}

// job is a replica that has to go: the one at a position of a partition's list.
type job struct {
	bytes     int64
	partition int32
	at        int
}

// jobs returns the replicas that have to go, the largest first.
func (b *board) jobs(goes func(partition, broker int32) bool) []job {
	var jobs []job
	for p := range int32(len(b.parts)) {
		for at, i := range b.list(p) {
			if goes(p, i) {
				jobs = append(jobs, job{b.size[p], p, at})
			}
		}
	}
	slices.SortFunc(jobs, func(x, y job) int {
		return cmp.Or(cmp.Compare(y.bytes, x.bytes), cmp.Compare(x.partition, y.partition), cmp.Compare(x.at, y.at))
	})
	return jobs
}

// relocate sends each of the replicas to the best broker that may take it.
func (b *board) relocate(jobs []job) {
	for _, j := range jobs {
		if to := b.receiver(j.partition, j.at); to >= 0 {
			b.move(j.partition, j.at, to)
		} else {
			b.leave(j.partition, j.at, 1)
		}
	}
}

func bytesOf(jobs []job) (sum int64) {
	for _, j := range jobs {
		sum += j.bytes
	}
	return sum
}

// number returns the number of a broker, -1 when the fleet has none of the id.
func (b *board) number(id int32) int32 {
	i, found := slices.BinarySearchFunc(b.brokers, id, func(br Broker, id int32) int { return cmp.Compare(br.ID, id) })
	if !found {
		return -1
	}
	return int32(i)
}
