package placement

import (
	"math"
	"slices"
)

// pool is the brokers of a group in a zone that take replicas, the emptiest first. It is a sorted array: a zone has some hundreds of
// brokers, and moving those in memory is faster than any tree.
type pool struct {
	b     *board
	order []int32
	// room is at least the room that the roomiest broker has. Rooms only shrink while a plan is made.
	room int64
}

// pool returns the brokers of a zone that may take partitions of the group.
func (b *board) pool(group, zone int32) *pool {
	at := int(group)*len(b.zones) + int(zone)
	if b.pools[at] == nil {
		p := &pool{b: b, room: math.MaxInt64}
		for i := range int32(len(b.brokers)) {
			if b.takes(i) && b.zone[i] == zone && b.allows(group, i) {
				p.order = append(p.order, i)
			}
		}
		slices.SortFunc(p.order, b.less)
		b.pools[at] = p
	}
	return b.pools[at]
}

// eachPool calls what for every pool that the broker is in.
func (b *board) eachPool(broker int32, what func(*pool, int32)) {
	if !b.takes(broker) {
		return
	}
	if p := b.pools[b.zone[broker]]; p != nil {
		what(p, broker)
	}
	if g := b.group[broker]; g > 0 {
		if p := b.pools[int(g)*len(b.zones)+int(b.zone[broker])]; p != nil {
			what(p, broker)
		}
	}
}

func (p *pool) remove(broker int32) {
	at, _ := slices.BinarySearchFunc(p.order, broker, p.b.less)
	p.order = slices.Delete(p.order, at, at+1)
}

func (p *pool) insert(broker int32) {
	at, _ := slices.BinarySearchFunc(p.order, broker, p.b.less)
	p.order = slices.Insert(p.order, at, broker)
}

// emptiest returns the emptiest broker that has no replica of the partition and room for it, -1 when there is none.
func (p *pool) emptiest(partition int32) int32 {
	size := p.b.size[partition]
	if size > p.room {
		return -1
	}
	for _, i := range p.order {
		if p.b.fits(i, size) && !p.b.holds(partition, i) {
			return i
		}
	}
	p.room = math.MinInt64
	for _, i := range p.order {
		p.room = max(p.room, p.b.limit[i]-p.b.peak[i])
	}
	return -1
}
