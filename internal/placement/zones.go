package placement

import (
	"cmp"
	"slices"
)

// RestoreZones spreads each partition evenly over the zones of the brokers that it may be on: one replica a zone while zones suffice, and
// never two more in one zone than in another. Of the replicas in a zone the later in the list moves, the leader last. LowerBound is the
// bytes of the replicas that are too many in their zone.
func RestoreZones(f Fleet) Plan {
	b := newBoard(f)
	before := b.figures()
	var uneven []int32
	for p := range int32(len(b.parts)) {
		if !b.even(p) {
			uneven = append(uneven, p)
		}
	}
	slices.SortFunc(uneven, func(x, y int32) int {
		return cmp.Or(cmp.Compare(b.size[y], b.size[x]), cmp.Compare(x, y))
	})
	var bound int64
	for _, p := range uneven {
		bound += b.size[p] * b.crowded(p)
		for !b.even(p) {
			at := b.surplus(p)
			to := b.receiver(p, at)
			if b.spread(p, -1); to < 0 || b.inZone[b.zone[to]] >= b.inZone[b.zone[b.list(p)[at]]]-1 {
				b.spread(p, at)
				b.leaveUpTo(p, at, 1, b.inZone[b.zone[b.list(p)[at]]]-1)
				break
			}
			b.move(p, at, to)
		}
	}
	return b.plan(before, bound)
}

// surplus returns the position of the replica that has to leave its zone: in the fullest zone the last that does not lead.
func (b *board) surplus(p int32) int {
	b.spread(p, -1)
	worst := slices.Max(b.inZone)
	leader, surplus := b.leader(p), -1
	for at, i := range b.list(p) {
		if b.inZone[b.zone[i]] == worst && (surplus < 0 || i != leader) {
			surplus = at
		}
	}
	return surplus
}

// leader returns the broker that leads the partition, or would when nobody does: the first of the list.
func (b *board) leader(p int32) int32 {
	for _, i := range b.list(p) {
		if b.brokers[i].ID == b.parts[p].Leader {
			return i
		}
	}
	return b.list(p)[0]
}

// crowded is how many replicas of the partition have to change zones for an even spread: taken from the fullest zone to the emptiest
// until no zone has two more than another.
func (b *board) crowded(p int32) (moves int64) {
	b.spread(p, -1)
	for ; ; moves++ {
		from, to := 0, -1
		for z, n := range b.inZone {
			if n > b.inZone[from] {
				from = z
			}
			if b.usable[b.partGroup[p]][z] && (to < 0 || n < b.inZone[to]) {
				to = z
			}
		}
		if to < 0 || b.inZone[from] < b.inZone[to]+2 {
			return moves
		}
		b.inZone[from]--
		b.inZone[to]++
	}
}
