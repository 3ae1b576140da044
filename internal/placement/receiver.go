package placement

import "math"

// spread counts the partition's replicas by zone into b.inZone, without the one at a position (-1: all of them), and returns how many
// the zones that the partition could use have at least.
func (b *board) spread(p int32, except int) (least int32) {
	least = b.spreadOf(p, b.list(p))
	if except < 0 {
		return least
	}
	gone := b.zone[b.list(p)[except]]
	b.inZone[gone]--
	if b.usable[b.partGroup[p]][gone] {
		least = min(least, b.inZone[gone])
	}
	return least
}

// spreadOf is spread for the partition with another list.
func (b *board) spreadOf(p int32, list []int32) (least int32) {
	clear(b.inZone)
	for _, i := range list {
		b.inZone[b.zone[i]]++
	}
	least = math.MaxInt32
	for z, ok := range b.usable[b.partGroup[p]] {
		if ok {
			least = min(least, b.inZone[z])
		}
	}
	return least
}

// even says that no zone has two replicas of the partition more than another one that it could use.
func (b *board) even(p int32) bool {
	least := b.spread(p, -1)
	for _, n := range b.inZone {
		if n > 1 && int64(n) >= int64(least)+2 {
			return false
		}
	}
	return true
}

// crowding returns the numbers of replicas that a zone may have already when the one at a position of the partition's list comes to it:
// best is what an even spread asks for, and worst leaves the spread as uneven as it is now. The position -1 is a replica that does not
// exist yet. It leaves the counts in b.inZone.
func (b *board) crowding(p int32, at int) (best, worst int32) {
	best = b.spread(p, at)
	worst = best
	if at >= 0 {
		worst = max(worst, b.inZone[b.zone[b.list(p)[at]]])
	}
	return best, worst
}

// free says that the broker could take a replica of the partition, zones aside.
func (b *board) free(p, broker int32) bool {
	return b.takes(broker) && b.allows(b.partGroup[p], broker) && b.fits(broker, b.size[p]) && !b.holds(p, broker)
}

// receiver returns the best broker for the replica at a position of the partition's list (-1: for one more), -1 when no broker may take
// it: in the zones that it spreads the partition over best, the emptiest.
func (b *board) receiver(p int32, at int) int32 {
	best, worst := b.crowding(p, at)
	if best == math.MaxInt32 {
		return -1 // No broker that the partition may be on takes anything.
	}
	group := b.partGroup[p]
	for crowd := best; crowd <= worst; crowd++ {
		to := int32(-1)
		for z := range int32(len(b.zones)) {
			if b.inZone[z] != crowd {
				continue
			}
			if i := b.pool(group, z).emptiest(p); i >= 0 && (to < 0 || b.less(i, to) < 0) {
				to = i
			}
		}
		if to >= 0 {
			return to
		}
	}
	return -1
}

// leave notes that the replica at a position of the partition's list (-1: one more) has no place, and why: the first rule, in their order,
// that no broker is left after. missing is how many replicas of the partition it stands for.
func (b *board) leave(p int32, at, missing int) {
	_, most := b.crowding(p, at)
	b.leaveUpTo(p, at, missing, most)
}

// leaveUpTo is leave for a replica that may only go to zones with at most so many others, as counted in b.inZone.
func (b *board) leaveUpTo(p int32, at, missing int, most int32) {
	b.note(p, at, missing, most, func(i int32) bool { return b.holds(p, i) })
}

// note finds the rule: in the way are the brokers that have a replica, as has says, and the zones with more than most, as in b.inZone.
func (b *board) note(p int32, at, missing int, most int32, has func(int32) bool) {
	part := &b.parts[p]
	l := Left{Topic: part.Topic, Partition: part.Partition, Broker: -1, Constraint: ConstraintGroup, Short: int64(missing), Group: part.Group}
	if at >= 0 {
		l.Broker = b.brokers[b.list(p)[at]].ID
	}
	roomiest := int64(math.MinInt64)
	for i := range int32(len(b.brokers)) {
		if !b.takes(i) || !b.allows(b.partGroup[p], i) {
			continue
		}
		if l.Constraint == ConstraintGroup {
			l.Constraint = ConstraintBrokers
		}
		if has(i) {
			continue
		}
		if l.Constraint == ConstraintBrokers {
			l.Constraint = ConstraintZones
		}
		if b.inZone[b.zone[i]] <= most {
			l.Constraint = ConstraintHeadroom
			roomiest = max(roomiest, b.limit[i]-b.peak[i])
		}
	}
	switch {
	case l.Constraint == ConstraintHeadroom:
		l.Short = part.Bytes - roomiest
	case l.Constraint == ConstraintGroup && part.Group == "":
		l.Constraint = ConstraintBrokers
	}
	b.left = append(b.left, l)
}
