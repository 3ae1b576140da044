package placement

import (
	"cmp"
	"math"
	"slices"
)

// board is a fleet with dense indices and no maps, so that a thousand brokers and a million replicas take a fraction of a second: brokers,
// zones, groups and partitions are numbers, in the order of their names, and every replica list is a stretch of one array.
type board struct {
	brokers []Broker // by id; strangers, that only replica lists name, included
	known   []bool   // false for a stranger
	zone    []int32  // by broker
	group   []int32  // by broker
	zones   []string
	groups  []string // groups[0] is "", which means all brokers
	grouped bool     // some partition names a group, so groups are balanced each on its own

	parts     []Partition // by topic and partition
	partGroup []int32
	size      []int64 // the partitions' bytes, close together
	first     []int32 // the replicas of partition p are held[first[p]:first[p+1]]
	held      []int32
	touched   []bool
	changed   []int32 // the partitions that are touched

	bytes, leaderBytes []int64 // by broker
	replicas, leaders  []int32
	limit              []int64 // headroom times capacity
	// peak is what a broker held at the start and all that has come since. What leaves is not taken off it: it leaves only after the last
	// byte has come, and nobody knows which move ends first.
	peak []int64

	usable [][]bool // by group and zone: the zone has brokers that take replicas, so an even spread counts on it
	pools  []*pool  // by group and zone; nil until needed
	less   func(x, y int32) int
	inZone []int32 // scratch: the replicas of the partition in hand, by zone
	left   []Left
}

func newBoard(f Fleet) *board {
	b := &board{parts: f.Partitions, brokers: slices.Clone(f.Brokers)}
	if !slices.IsSortedFunc(b.parts, byName) {
		b.parts = slices.Clone(b.parts)
		slices.SortFunc(b.parts, byName)
	}
	b.less = b.byLoad
	b.seat(f)
	b.rank()
	b.deal()
	b.inferZones()
	b.usable = make([][]bool, len(b.groups))
	for g := range b.groups {
		b.usable[g] = make([]bool, len(b.zones))
		for i := range b.brokers {
			if b.takes(int32(i)) && b.allows(int32(g), int32(i)) {
				b.usable[g][b.zone[i]] = true
			}
		}
	}
	b.inZone = make([]int32, len(b.zones))
	b.pools = make([]*pool, len(b.groups)*len(b.zones))
	return b
}

// byName orders partitions by topic and number.
func byName(x, y Partition) int {
	return cmp.Or(cmp.Compare(x.Topic, y.Topic), cmp.Compare(x.Partition, y.Partition))
}

// merged are partitions and some more, in the order of byName if the first ones are in it.
func merged(parts, more []Partition) []Partition {
	out := make([]Partition, 0, len(parts)+len(more))
	more = slices.SortedFunc(slices.Values(more), byName)
	for _, p := range more {
		at, _ := slices.BinarySearchFunc(parts, p, byName)
		out = append(append(out, parts[:at]...), p)
		parts = parts[at:]
	}
	return append(out, parts...)
}

// seat gives every broker a number and turns the replica lists into numbers.
func (b *board) seat(f Fleet) {
	total, highest := 0, int32(0)
	for i := range b.parts {
		total += len(b.parts[i].Replicas)
		for _, r := range b.parts[i].Replicas {
			highest = max(highest, r)
		}
	}
	for _, br := range b.brokers {
		highest = max(highest, br.ID)
	}
	number := newNumbers(highest)
	for i, br := range b.brokers {
		number.set(br.ID, int32(i))
	}
	for i := range b.parts {
		for _, r := range b.parts[i].Replicas {
			if number.get(r) < 0 {
				number.set(r, int32(len(b.brokers)))
				b.brokers = append(b.brokers, Broker{ID: r, State: Cordoned})
			}
		}
	}
	b.known = make([]bool, len(b.brokers))
	for i := range f.Brokers {
		b.known[i] = true
	}
	if !slices.IsSortedFunc(b.brokers, func(x, y Broker) int { return cmp.Compare(x.ID, y.ID) }) {
		stranger := map[int32]bool{}
		for i, br := range b.brokers {
			stranger[br.ID] = !b.known[i]
		}
		slices.SortFunc(b.brokers, func(x, y Broker) int { return cmp.Compare(x.ID, y.ID) })
		for i, br := range b.brokers {
			b.known[i] = !stranger[br.ID]
			number.set(br.ID, int32(i))
		}
	}
	b.first = make([]int32, len(b.parts)+1)
	b.held = make([]int32, 0, total)
	for i := range b.parts {
		for _, r := range b.parts[i].Replicas {
			b.held = append(b.held, number.get(r))
		}
		b.first[i+1] = int32(len(b.held))
	}
	headroom := f.Policy.Headroom
	if headroom == 0 {
		headroom = DefaultHeadroom
	}
	b.limit = make([]int64, len(b.brokers))
	for i, br := range b.brokers {
		b.limit[i] = math.MaxInt64
		if br.Capacity > 0 {
			b.limit[i] = int64(headroom * float64(br.Capacity))
		}
	}
}

// rank numbers zones and groups in the order of their names.
func (b *board) rank() {
	b.groups = []string{""}
	for i, br := range b.brokers {
		if !b.nowhere(int32(i)) {
			b.zones = append(b.zones, br.Zone)
		}
		b.groups = append(b.groups, br.Group)
	}
	last := ""
	for i := range b.parts {
		if g := b.parts[i].Group; g != last {
			b.groups = append(b.groups, g)
			last = g
		}
		b.grouped = b.grouped || last != ""
	}
	sortUnique := func(names []string) []string {
		slices.Sort(names)
		return slices.Compact(names)
	}
	if len(b.zones) == 0 {
		b.zones = []string{""}
	}
	b.zones, b.groups = sortUnique(b.zones), sortUnique(b.groups)
	b.zone, b.group = make([]int32, len(b.brokers)), make([]int32, len(b.brokers))
	for i, br := range b.brokers {
		z, _ := slices.BinarySearch(b.zones, br.Zone)
		g, _ := slices.BinarySearch(b.groups, br.Group)
		b.zone[i], b.group[i] = int32(min(z, len(b.zones)-1)), int32(g)
	}
	b.partGroup = make([]int32, len(b.parts))
	last, number := "", int32(0)
	for i := range b.parts {
		if g := b.parts[i].Group; g != last {
			at, _ := slices.BinarySearch(b.groups, g)
			last, number = g, int32(at)
		}
		b.partGroup[i] = number
	}
}

// deal sums up what each broker holds.
func (b *board) deal() {
	n := len(b.brokers)
	b.bytes, b.leaderBytes = make([]int64, n), make([]int64, n)
	b.replicas, b.leaders = make([]int32, n), make([]int32, n)
	b.size = make([]int64, len(b.parts))
	for p := range b.parts {
		size := b.parts[p].Bytes
		b.size[p] = size
		for at, i := range b.list(int32(p)) {
			b.bytes[i] += size
			b.replicas[i]++
			if at == 0 {
				b.leaders[i]++
				b.leaderBytes[i] += size
			}
		}
	}
	b.peak = slices.Clone(b.bytes)
	b.touched = make([]bool, len(b.parts))
}

// inferZones gives each broker whose zone nobody knows the zone that the other replicas of its partitions use least: with one replica a
// zone it was the one that they are not in.
func (b *board) inferZones() {
	var lost []int32
	for i := range b.brokers {
		if b.nowhere(int32(i)) {
			lost = append(lost, int32(i))
		}
	}
	if len(lost) == 0 || len(b.zones) == 1 {
		return
	}
	used := make([][]int64, len(b.brokers))
	for _, i := range lost {
		used[i] = make([]int64, len(b.zones))
	}
	for p := range b.parts {
		list := b.list(int32(p))
		for _, i := range list {
			if used[i] == nil {
				continue
			}
			for _, other := range list {
				if used[other] == nil {
					used[i][b.zone[other]]++
				}
			}
		}
	}
	for _, i := range lost {
		least := slices.Min(used[i])
		b.zone[i] = int32(slices.Index(used[i], least))
	}
}

// located is the fleet with the zones that are inferred filled in, for what goes on with another fleet.
func located(f Fleet) Fleet {
	if !slices.ContainsFunc(f.Brokers, func(b Broker) bool { return b.State == Dead && b.Zone == "" }) {
		return f
	}
	b := newBoard(f)
	f.Brokers = slices.Clone(f.Brokers)
	for i, br := range f.Brokers {
		f.Brokers[i].Zone = b.zones[b.zone[b.number(br.ID)]]
	}
	return f
}

// nowhere says that a broker's zone is to be inferred.
func (b *board) nowhere(i int32) bool {
	return b.brokers[i].Zone == "" && (b.brokers[i].State == Dead || !b.known[i])
}

// list is the partition's replicas, as broker numbers, in order.
func (b *board) list(p int32) []int32 { return b.held[b.first[p]:b.first[p+1]] }

// holds says that the broker has a replica of the partition.
func (b *board) holds(p, broker int32) bool { return slices.Contains(b.list(p), broker) }

// stays says that the broker keeps what it has.
func (b *board) stays(i int32) bool { return b.brokers[i].State <= Cordoned && b.known[i] }

// takes says that the broker may get something new.
func (b *board) takes(i int32) bool { return b.brokers[i].State == Live && b.known[i] }

// allows says that partitions of the group may be on the broker.
func (b *board) allows(group, broker int32) bool { return group == 0 || group == b.group[broker] }

// circle is the group within which the broker is balanced, and cell that group's brokers in its zone.
func (b *board) circle(broker int32) int32 {
	if !b.grouped {
		return 0
	}
	return b.group[broker]
}

func (b *board) cell(broker int32) int32 {
	return b.circle(broker)*int32(len(b.zones)) + b.zone[broker]
}

// fits says that so many more bytes keep the broker within its headroom.
func (b *board) fits(broker int32, size int64) bool { return size <= b.limit[broker]-b.peak[broker] }

// byLoad orders brokers, the emptiest first. It looks at the next figure only where the ones before it are equal: this is where the time of
// a large plan goes.
func (b *board) byLoad(x, y int32) int {
	switch {
	case b.bytes[x] != b.bytes[y]:
		return cmp.Compare(b.bytes[x], b.bytes[y])
	case b.replicas[x] != b.replicas[y]:
		return cmp.Compare(b.replicas[x], b.replicas[y])
	case b.leaders[x] != b.leaders[y]:
		return cmp.Compare(b.leaders[x], b.leaders[y])
	case b.leaderBytes[x] != b.leaderBytes[y]:
		return cmp.Compare(b.leaderBytes[x], b.leaderBytes[y])
	}
	return cmp.Compare(x, y)
}

// move puts the replica at a position of the partition's list onto another broker.
func (b *board) move(p int32, at int, to int32) {
	b.touch(p)
	from := b.list(p)[at]
	b.load(from, -1, at == 0, b.size[p])
	b.load(to, 1, at == 0, b.size[p])
	b.peak[to] += b.size[p]
	b.list(p)[at] = to
}

// lead makes the replica at a position of the partition's list the preferred leader; it changes places with the present one.
func (b *board) lead(p int32, at int) {
	b.touch(p)
	list, size := b.list(p), b.size[p]
	for _, i := range []int32{list[0], list[at]} {
		b.eachPool(i, (*pool).remove)
	}
	b.leaders[list[0]]--
	b.leaderBytes[list[0]] -= size
	b.leaders[list[at]]++
	b.leaderBytes[list[at]] += size
	for _, i := range []int32{list[0], list[at]} {
		b.eachPool(i, (*pool).insert)
	}
	list[0], list[at] = list[at], list[0]
}

func (b *board) touch(p int32) {
	if !b.touched[p] {
		b.touched[p] = true
		b.changed = append(b.changed, p)
	}
}

// load changes what a broker holds by a replica more or less, and its place among the emptiest.
func (b *board) load(broker int32, sign int32, leader bool, size int64) {
	b.eachPool(broker, (*pool).remove)
	b.bytes[broker] += int64(sign) * size
	b.replicas[broker] += sign
	if leader {
		b.leaders[broker] += sign
		b.leaderBytes[broker] += int64(sign) * size
	}
	b.eachPool(broker, (*pool).insert)
}

// plan is what came out of the moves made on the board.
func (b *board) plan(before Figures, bound int64) Plan {
	out := Plan{Before: before, After: b.figures(), LowerBound: bound, Left: b.left}
	total := 0
	for _, p := range b.changed {
		total += len(b.list(p))
	}
	lists := make([]int32, 0, total)
	moves := make([]sized, 0, len(b.changed))
	for _, p := range b.changed {
		from := len(lists)
		for _, i := range b.list(p) {
			lists = append(lists, b.brokers[i].ID)
		}
		m := Move{Partition: b.parts[p], To: lists[from:len(lists):len(lists)]}
		if !slices.Equal(m.To, m.Partition.Replicas) {
			moves = append(moves, sized{bytes: m.Bytes(), partition: p, to: m.To})
		}
	}
	slices.SortFunc(moves, func(x, y sized) int {
		return cmp.Or(cmp.Compare(y.bytes, x.bytes), cmp.Compare(x.partition, y.partition))
	})
	if len(moves) > 0 {
		out.Moves = make([]Move, len(moves))
	}
	for i, m := range moves {
		out.Moves[i] = Move{Partition: b.parts[m.partition], To: m.to}
		out.BytesMoved += m.bytes
	}
	return out
}

// sized is a move with what it costs.
type sized struct {
	bytes     int64
	partition int32
	to        []int32
}

// numbers maps ids to numbers: by an array while ids are small, as they are, since brokers are given theirs by counting.
type numbers struct {
	dense  []int32
	sparse map[int32]int32
}

func newNumbers(highest int32) numbers {
	const dense = 1 << 22
	if highest >= dense {
		return numbers{sparse: map[int32]int32{}}
	}
	n := numbers{dense: make([]int32, highest+1)}
	for i := range n.dense {
		n.dense[i] = -1
	}
	return n
}

func (n numbers) get(id int32) int32 {
	if n.dense != nil {
		return n.dense[id]
	}
	if number, ok := n.sparse[id]; ok {
		return number
	}
	return -1
}

func (n numbers) set(id, number int32) {
	if n.dense != nil {
		n.dense[id] = number
		return
	}
	n.sparse[id] = number
}
