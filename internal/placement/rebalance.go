package placement

import (
	"cmp"
	"container/heap"
	"slices"
)

// Rebalance takes every broker down to at most (1 + threshold) times the mean bytes of the brokers that stay in its group and zone, with as
// few bytes as it can, and then balances the leaders by reordering replica lists. Replicas stay in their zone. The fullest broker gives
// first, so that a budget in bytes (0: none) goes where it has the most effect. No broker is ever filled beyond the limit, so nothing gets
// worse; a broker that holds one partition too large for the limit keeps it.
//
// LowerBound is the sum over the brokers of what exceeds their limit, whatever the budget.
func Rebalance(f Fleet, threshold float64, budget int64) Plan {
	b := newBoard(f)
	before := b.figures()
	r := &rebalance{board: b, budget: budget, ceiling: make([]int64, len(b.groups)*len(b.zones)), spent: map[[2]int32]bool{}}
	means := make([]mean, len(r.ceiling))
	for i := range int32(len(b.brokers)) {
		if b.stays(i) {
			means[b.cell(i)].add(b.bytes[i])
		}
	}
	for c, m := range means {
		r.ceiling[c] = int64((1 + threshold) * m.value())
	}
	r.means = means
	var bound int64
	for i := range int32(len(b.brokers)) {
		if over := r.over(i); over > 0 {
			bound += over
		}
	}
	if bound > 0 {
		r.lists = b.bySize(func(i int32) bool { return r.over(i) > 0 })
		for r.round() {
			// A partition that left a broker may let that broker take another replica of it.
			continue
		}
	}
	b.balanceLeaders(func(int32) bool { return true })
	return b.plan(before, bound)
}

// rebalance is a rebalancing at work.
type rebalance struct {
	*board
	ceiling []int64 // by cell: what none of its brokers should exceed
	means   []mean  // by cell
	lists   [][]int32
	sizes   []sized // scratch
	budget  int64
	moved   int64
	queue   []int32           // brokers that are over their limit, a heap with the one that exceeds it by the largest part on top
	next    map[int32][]int32 // what each of them gives next
	spent   map[[2]int32]bool // broker and partition that have no receiver
}

// over is by how much a broker that stays exceeds its limit; not positive when it does not.
func (r *rebalance) over(i int32) int64 {
	if !r.stays(i) {
		return 0
	}
	return r.bytes[i] - r.ceiling[r.cell(i)]
}

// round lets the brokers over their limit give, the fullest first, until none can, and says whether anything moved.
func (r *rebalance) round() (moved bool) {
	r.queue, r.next = nil, map[int32][]int32{}
	clear(r.spent)
	for i := range int32(len(r.brokers)) {
		if r.over(i) > 0 && r.lists[i] != nil {
			r.queue = append(r.queue, i)
		}
	}
	heap.Init(r)
	for len(r.queue) > 0 {
		donor := r.queue[0]
		if len(r.next[donor]) == 0 {
			r.next[donor] = r.choose(donor)
		}
		if r.over(donor) <= 0 || len(r.next[donor]) == 0 {
			heap.Pop(r)
			continue
		}
		p := r.next[donor][0]
		r.next[donor] = r.next[donor][1:]
		if r.give(donor, p) {
			moved = true
		} else {
			r.spent[[2]int32{donor, p}] = true
			r.next[donor] = nil
		}
		heap.Fix(r, 0)
	}
	return moved
}

// give moves the donor's replica of a partition to the emptiest broker of its zone that may take it and stays within the limit.
func (r *rebalance) give(donor, p int32) bool {
	size, cell := r.size[p], r.cell(donor)
	if r.budget > 0 && size > r.budget-r.moved {
		return false
	}
	for _, to := range r.pool(r.circle(donor), r.zone[donor]).order {
		if r.bytes[to]+size > r.ceiling[cell] {
			break
		}
		if r.cell(to) == cell && r.free(p, to) {
			r.move(p, slices.Index(r.list(p), donor), to)
			r.moved += size
			return true
		}
	}
	return false
}

// largest is the size of the largest replica that the donor may give now: within the budget, and with a broker that has room for it.
func (r *rebalance) largest(donor int32) (largest int64) {
	cell := r.cell(donor)
	for _, to := range r.pool(r.circle(donor), r.zone[donor]).order {
		if r.cell(to) == cell {
			largest = max(largest, min(r.ceiling[cell]-r.bytes[to], r.limit[to]-r.peak[to]))
		}
	}
	if r.budget > 0 {
		largest = min(largest, r.budget-r.moved)
	}
	return largest
}

// choose returns the replicas that take the donor down to its limit, or as near to it as can be, with few bytes: the best of some attempts,
// each of which passes over one more of the largest that would fit. With many replicas the first is as good as exact; the others are for
// donors with few.
func (r *rebalance) choose(donor int32) []int32 {
	const attempts = 16
	sizes, largest := r.sizes[:0], r.largest(donor)
	for _, p := range r.lists[donor] {
		if size := r.size[p]; size > 0 && size <= largest && !r.spent[[2]int32{donor, p}] && r.holds(p, donor) {
			sizes = append(sizes, sized{bytes: size, partition: p})
		}
	}
	r.sizes = sizes
	over := r.over(donor)
	best, cost := enough(sizes, over, 0)
	for skip := 1; skip < attempts && cost > over+over/100; skip++ {
		if other, less := enough(sizes, over, skip); less >= over && less < cost {
			best, cost = other, less
		}
	}
	return best
}

// enough returns partitions that have so many bytes together and few more, or all when they have less, and how many they have: the largest
// that still fit, one after the other, and at the point where it costs least the smallest one that ends it. The sizes are descending. So
// many of those that would fit first are passed over.
func enough(sizes []sized, bytes int64, skip int) (chosen []int32, taken int64) {
	last, end := -1, -1 // the smallest passed over so far, and how many of chosen stand before the one that ends it
	var ending int
	var cost int64
	consider := func() {
		if last >= 0 && (end < 0 || taken+sizes[last].bytes < cost) {
			cost, end, ending = taken+sizes[last].bytes, len(chosen), last
		}
	}
	for i, s := range sizes {
		if taken >= bytes {
			break
		}
		if s.bytes > bytes-taken {
			last = i
			continue
		}
		consider()
		if skip > 0 {
			skip--
			continue
		}
		chosen = append(chosen, s.partition)
		taken += s.bytes
	}
	if taken < bytes {
		consider()
	}
	if end < 0 || taken >= bytes && taken < cost {
		return chosen, taken
	}
	return append(chosen[:end:end], sizes[ending].partition), cost
}

// Len, Less, Swap, Push and Pop make the queue a heap.
func (r *rebalance) Len() int { return len(r.queue) }

func (r *rebalance) Less(x, y int) bool {
	i, j := r.queue[x], r.queue[y]
	return cmp.Or(cmp.Compare(r.means[r.cell(j)].ratio(r.bytes[j]), r.means[r.cell(i)].ratio(r.bytes[i])), cmp.Compare(i, j)) < 0
}

func (r *rebalance) Swap(x, y int) { r.queue[x], r.queue[y] = r.queue[y], r.queue[x] }

func (r *rebalance) Push(x any) { r.queue = append(r.queue, x.(int32)) } //nolint:forcetypeassert // The heap has nothing else.

func (r *rebalance) Pop() any {
	last := r.queue[len(r.queue)-1]
	r.queue = r.queue[:len(r.queue)-1]
	return last
}
