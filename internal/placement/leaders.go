package placement

import (
	"cmp"
	"slices"
)

// BalanceLeaders changes the order of replica lists, and nothing else, until the largest number of partitions that one broker is the
// preferred leader of is as small as the replica lists allow. Among brokers that share no partitions, directly or through others, each set
// gets its own smallest number. Only lists that a broker above that number leads change, or stand on the shortest way from it to one below.
// Where there is a choice, leader bytes decide. A broker that does not stay is no candidate.
//
// It is a maximum-flow problem of which every capacity is one, solved by augmenting along shortest paths
// (Harvey et al., "Semi-matchings for bipartite graphs and load balancing", 2006).
func BalanceLeaders(f Fleet) Plan {
	b := newBoard(f)
	before := b.figures()
	b.balanceLeaders(func(int32) bool { return true })
	return b.plan(before, 0)
}

// balanceLeaders reorders the lists of the chosen partitions. It finds each set's smallest number on a copy first: what it takes to find it
// may be more than what it takes to reach it.
func (b *board) balanceLeaders(chosen func(p int32) bool) {
	fresh := func() *leaders {
		return &leaders{
			board: b, chosen: chosen, first: make([]int32, len(b.parts)), count: slices.Clone(b.leaders), bytes: slices.Clone(b.leaderBytes),
		}
	}
	trial := fresh()
	trial.divide()
	target := slices.Clone(trial.target)
	trial.settle()
	if !slices.Equal(target, trial.target) {
		// Some number was too ambitious, and lists may have changed for it in vain.
		again := fresh()
		again.set, again.target = trial.set, trial.target
		again.settle()
		trial = again
	}
	for p, at := range trial.first {
		if at > 0 {
			b.lead(int32(p), int(at))
		}
	}
}

// leaders is a balancing of leaders at work.
type leaders struct {
	*board
	chosen func(p int32) bool
	first  []int32 // the position in the list of each partition of who is to lead it
	count  []int32 // by broker: how many partitions it leads so
	bytes  []int64
	set    []int32 // by broker: a number for all that share partitions
	target []int32 // by set: the largest number of leaders that is known to be needed

	led     [][]int32 // by broker: the partitions that it leads; entries that it does not lead any more are dropped on the way
	reached []int32   // by broker: the search that reached it last
	search  int32
	via     []int32 // by broker: the partition that leads to it
}

// divide finds the sets, and the mean of each, rounded up, as its first target.
func (l *leaders) divide() {
	parent := make([]int32, len(l.brokers))
	for i := range parent {
		parent[i] = int32(i)
	}
	find := func(i int32) int32 {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	for p := range int32(len(l.parts)) {
		one := int32(-1)
		for _, i := range l.list(p) {
			if !l.stays(i) {
				continue
			}
			if one < 0 {
				one = find(i)
			} else if other := find(i); other != one {
				parent[other] = one
			}
		}
	}
	l.set, l.target = make([]int32, len(l.brokers)), make([]int32, len(l.brokers))
	members, count := make([]int32, len(l.brokers)), make([]int32, len(l.brokers))
	for i := range int32(len(l.brokers)) {
		l.set[i] = find(i)
		if l.stays(i) {
			members[l.set[i]]++
			count[l.set[i]] += l.count[i]
		}
	}
	for s, n := range members {
		if n > 0 {
			l.target[s] = (count[s] + n - 1) / n
		}
	}
}

// settle brings every broker down to its set's target, and raises the target where that cannot be reached.
func (l *leaders) settle() {
	l.led = make([][]int32, len(l.brokers))
	for i := range l.led {
		l.led[i] = make([]int32, 0, l.count[i]+8)
	}
	for p := range int32(len(l.parts)) {
		if list := l.list(p); len(list) > 0 && l.chosen(p) {
			l.led[list[0]] = append(l.led[list[0]], p)
		}
	}
	l.reached, l.via = make([]int32, len(l.brokers)), make([]int32, len(l.brokers))
	order := make([]int32, 0, len(l.brokers))
	for i := range int32(len(l.brokers)) {
		if l.stays(i) {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(x, y int32) int { return cmp.Or(cmp.Compare(l.count[y], l.count[x]), cmp.Compare(x, y)) })
	for _, i := range order {
		for l.count[i] > l.target[l.set[i]] {
			if !l.relieve(i) {
				break
			}
		}
	}
}

// relieve takes one partition off the broker, along a shortest way to a broker below the target. Without one, all brokers that can be
// reached are at the target or above, and lead partitions that have no other candidates: their mean, rounded up, is needed. Then it raises
// the target to that and says false when the broker is not above it any more.
func (l *leaders) relieve(start int32) bool {
	target := l.target[l.set[start]]
	if l.handOver(start, target) {
		return true
	}
	l.search++
	l.reached[start] = l.search
	queue := []int32{start}
	for at := 0; at < len(queue); at++ {
		i := queue[at]
		for _, p := range l.leads(i) {
			for _, to := range l.list(p) {
				if l.reached[to] == l.search || !l.stays(to) {
					continue
				}
				l.reached[to], l.via[to] = l.search, p
				if l.count[to] < target {
					l.shift(start, to)
					return true
				}
				queue = append(queue, to)
			}
		}
	}
	var sum int64
	for _, i := range queue {
		sum += int64(l.count[i])
	}
	n := int64(len(queue))
	l.target[l.set[start]] = max(target, int32((sum+n-1)/n))
	return l.count[start] > l.target[l.set[start]]
}

// handOver gives one partition of the broker straight to another of its replicas that is below the target, if there is one: to the broker
// with the fewest leaders and then leader bytes, the partition that evens these out best.
func (l *leaders) handOver(from, target int32) bool {
	best, receiver := int32(-1), int32(-1)
	var miss int64
	for _, p := range l.leads(from) {
		for _, to := range l.list(p) {
			if to == from || l.count[to] >= target || !l.stays(to) {
				continue
			}
			order := 0
			if receiver >= 0 {
				order = cmp.Or(cmp.Compare(l.count[to], l.count[receiver]), cmp.Compare(l.bytes[to], l.bytes[receiver]), cmp.Compare(to, receiver))
			}
			off := (l.bytes[from]-l.bytes[to])/2 - l.size[p]
			off = max(off, -off)
			if receiver < 0 || order < 0 || order == 0 && off < miss {
				best, receiver, miss = p, to, off
			}
		}
	}
	if best >= 0 {
		l.follow(best, from, receiver)
	}
	return best >= 0
}

// leads returns the partitions that the broker leads now.
func (l *leaders) leads(i int32) []int32 {
	kept := l.led[i][:0]
	for _, p := range l.led[i] {
		if l.list(p)[l.first[p]] == i {
			kept = append(kept, p)
		}
	}
	l.led[i] = kept
	return kept
}

// shift hands over a partition at each step of the way that the search found.
func (l *leaders) shift(start, end int32) {
	for to := end; to != start; {
		p := l.via[to]
		from := l.list(p)[l.first[p]]
		l.follow(p, from, to)
		to = from
	}
}

// follow makes one broker lead a partition after another.
func (l *leaders) follow(p, from, to int32) {
	l.first[p] = int32(slices.Index(l.list(p), to))
	l.led[to] = append(l.led[to], p)
	l.count[from]--
	l.count[to]++
	l.bytes[from] -= l.size[p]
	l.bytes[to] += l.size[p]
}
