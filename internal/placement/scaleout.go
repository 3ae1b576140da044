package placement

import (
	"cmp"
	"slices"
)

// ScaleOut gives the added brokers their equal share. Data flows from the other brokers that stay to the added ones and nowhere else.
//
// A share is the mean bytes of a broker in the zone. Where partitions have fewer replicas than there are zones, replicas may also come from
// other zones, and a share is as equal over all zones as the spread of every partition allows. Each donor gives what it has above a common
// level, in large and small replicas, leaders and followers alike, so that their numbers even out as well. No added broker rises above its
// share by more than a hundredth, or above the donor that gives to it. So a second call moves nothing, and one with half-filled brokers goes on to the same share.
// Empty partitions cost nothing to move and are spread by their number. The lists that change are reordered to balance leaders; no other is.
//
// LowerBound is what the added brokers lack of their share.
//
// In a fleet of which no sizes are known, all partitions count as equally large.
func ScaleOut(f Fleet, added []int32) Plan {
	if slices.ContainsFunc(f.Partitions, func(p Partition) bool { return p.Bytes > 0 }) {
		return scaleOutBySize(f, added)
	}
	f = located(f)
	alike := f
	alike.Partitions = slices.Clone(f.Partitions)
	for i := range alike.Partitions {
		alike.Partitions[i].Bytes = 1
	}
	moves := scaleOutBySize(alike, added).Moves
	for i := range moves {
		moves[i].Partition.Bytes = 0
	}
	return Plan{Moves: moves, Before: Describe(f), After: Describe(f.After(moves))}
}

func scaleOutBySize(f Fleet, added []int32) Plan {
	b := newBoard(f)
	before := b.figures()
	s := &scaleOut{board: b, added: make([]bool, len(b.brokers))}
	for _, id := range added {
		if i := b.number(id); i >= 0 && b.takes(i) {
			s.added[i] = true
		}
	}
	s.setShares()
	var bound int64
	for i := range b.brokers {
		if s.added[i] {
			bound += max(0, s.share[b.cell(int32(i))]-b.bytes[i])
		}
	}
	if bound > 0 {
		s.giveAlike()
		spare := func(donor int32) int64 { return s.bytes[donor] - s.share[s.cell(donor)] }
		for s.giveFitting(spare) {
			// A replica that left its zone may have made room there for another one.
			continue
		}
		// In a small fleet all donors may be near a share while an added broker, for want of small replicas, is far from it.
		for s.giveFitting(s.half) {
			continue
		}
		s.tolerant = true
		for s.giveFitting(s.half) {
			continue
		}
	}
	s.giveEmpty()
	// The lists that change anyway may as well change their order.
	b.balanceLeaders(func(p int32) bool { return b.touched[p] })
	return b.plan(before, bound)
}

// scaleOut is a scale out at work.
type scaleOut struct {
	*board
	added []bool
	// receivers are the added brokers, and donors the others that stay, the fullest first.
	receivers, donors []int32
	// share is what a broker of the cell should hold; level is down to what its donors give at first.
	share, level []int64
	// tolerant lets an added broker rise above its share by the slack.
	tolerant bool
	// flexible says that replicas of the circle may change zones.
	flexible []bool
	// near has for each cell the receivers that its donors may give to: those of the cell, or of the circle where that is flexible.
	near [][]int32
	// lists has for each donor its partitions, the largest first.
	lists [][]int32
}

// setShares finds the share and the level of each cell.
func (s *scaleOut) setShares() {
	b, zones := s.board, len(s.zones)
	cells := len(b.groups) * zones
	s.flexible = make([]bool, len(b.groups))
	members, total, lack := make([]int64, cells), make([]int64, cells), make([]int64, cells)
	donors := make([][]int32, cells)
	for i := range int32(len(b.brokers)) {
		if !b.stays(i) {
			continue
		}
		c := b.cell(i)
		members[c]++
		total[c] += b.bytes[i]
		if s.added[i] {
			s.receivers = append(s.receivers, i)
		} else {
			s.donors = append(s.donors, i)
			donors[c] = append(donors[c], i)
		}
	}
	wanted := s.wanted(members, total)
	s.near = make([][]int32, cells)
	for c := range cells {
		for _, i := range s.receivers {
			if circle := b.circle(i); int(b.cell(i)) == c || int(circle) == c/zones && s.flexible[circle] {
				s.near[c] = append(s.near[c], i)
			}
		}
	}
	slices.SortFunc(s.donors, func(x, y int32) int { return b.less(y, x) })
	s.share, s.level = make([]int64, cells), make([]int64, cells)
	for c := range cells {
		if members[c] > 0 {
			s.share[c] = wanted[c] / members[c]
		}
	}
	for _, i := range s.receivers {
		lack[b.cell(i)] += max(0, s.share[b.cell(i)]-b.bytes[i])
	}
	for c := range cells {
		give := lack[c] + max(0, total[c]-wanted[c])
		s.level[c] = max(s.share[c], level(b.bytes, donors[c], give))
	}
}

// wanted is how many bytes each cell should hold: as many for each broker, within what the spread of the partitions over the zones demands
// and allows.
func (s *scaleOut) wanted(members, total []int64) []int64 {
	b, zones := s.board, len(s.zones)
	least, most := make([]int64, len(total)), make([]int64, len(total))
	usable := make([]int64, len(b.groups))
	for circle := range usable {
		for _, ok := range b.usable[circle] {
			if ok {
				usable[circle]++
			}
		}
	}
	in := make([]int64, len(b.groups)) // the replicas of the partition in hand, by circle
	for p := range int32(len(b.parts)) {
		list, size := b.list(p), b.size[p]
		for _, i := range list {
			in[b.circle(i)]++
		}
		for _, i := range list {
			circle := b.circle(i)
			n := in[circle]
			in[circle] = 0
			if n == 0 || usable[circle] == 0 {
				continue
			}
			low, high := n/usable[circle]*size, (n+usable[circle]-1)/usable[circle]*size
			for c := int(circle) * zones; c < int(circle+1)*zones; c++ {
				least[c] += low
				most[c] += high
			}
		}
	}
	wanted := slices.Clone(total)
	for circle := range b.groups {
		from, to := circle*zones, (circle+1)*zones
		fixed := true
		var sum int64
		for c := from; c < to; c++ {
			sum += total[c]
			fixed = fixed && (members[c] == 0 || least[c] == most[c])
		}
		if fixed {
			continue // Each zone is to have the same number of replicas of each partition, so none changes zones for balance.
		}
		s.flexible[circle] = true
		// The common level that adds up to all bytes, found by halving.
		at := func(level int64) (held int64) {
			for c := from; c < to; c++ {
				if members[c] > 0 {
					held += min(max(level*members[c], least[c]), most[c])
				}
			}
			return held
		}
		low, high := int64(0), sum+1
		for low+1 < high {
			if middle := low + (high-low)/2; at(middle) <= sum {
				low = middle
			} else {
				high = middle
			}
		}
		for c := from; c < to; c++ {
			if members[c] > 0 {
				wanted[c] = min(max(low*members[c], least[c]), most[c])
			}
		}
	}
	return wanted
}

// level returns the height above which the brokers hold so many bytes together.
func level(bytes []int64, brokers []int32, give int64) int64 {
	heights := make([]int64, len(brokers))
	for i, br := range brokers {
		heights[i] = bytes[br]
	}
	slices.Sort(heights)
	slices.Reverse(heights)
	for i, h := range heights {
		next := int64(0)
		if i+1 < len(heights) {
			next = heights[i+1]
		}
		step := (h - next) * int64(i+1)
		if step >= give {
			return h - give/int64(i+1)
		}
		give -= step
	}
	return 0
}

// giveAlike takes from each donor what it has above its level, evenly over its replicas from the largest to the smallest: of each stretch
// of them the part that the donor has to give of the whole.
func (s *scaleOut) giveAlike() {
	s.lists = s.bySize(func(i int32) bool { return s.stays(i) && !s.added[i] })
	for _, donor := range s.donors {
		level := s.level[s.cell(donor)]
		if s.bytes[donor] <= level {
			continue
		}
		part := float64(s.bytes[donor]-level) / float64(s.bytes[donor])
		var due [2]float64
		for _, p := range s.lists[donor] {
			size := s.size[p]
			if size == 0 || s.bytes[donor] <= level {
				break
			}
			kind := 0
			if s.list(p)[0] == donor {
				kind = 1
			}
			due[kind] += part * float64(size)
			if due[kind] >= float64(size)/2 && size <= s.bytes[donor]-level && s.give(donor, p) {
				due[kind] -= float64(size)
			}
		}
	}
}

// giveFitting fills what is lacking after that with the largest replicas that fit into it and into what the donor can spare, and says
// whether there were any.
func (s *scaleOut) giveFitting(spare func(donor int32) int64) (moved bool) {
	slices.SortFunc(s.donors, func(x, y int32) int { return s.less(y, x) })
	for _, donor := range s.donors {
		list := s.lists[donor]
		for {
			fitting := spare(donor)
			if fitting > 0 {
				fitting = min(fitting, s.mostLacking(donor))
			}
			at, _ := slices.BinarySearchFunc(list, fitting, func(p int32, fitting int64) int { return cmp.Compare(fitting, s.size[p]) })
			if at == len(list) || s.size[list[at]] == 0 || fitting <= 0 {
				break
			}
			p := list[at]
			list = list[at+1:]
			moved = s.give(donor, p) || moved
		}
	}
	return moved
}

// half is half of what the donor has more than the emptiest added broker: what it may give and still have as much.
func (s *scaleOut) half(donor int32) int64 {
	least := s.bytes[donor]
	for _, i := range s.near[s.cell(donor)] {
		least = min(least, s.bytes[i])
	}
	return (s.bytes[donor]-least)/2 + s.slack(s.cell(donor))
}

// slack is a hundredth of a share, in the end. Replicas of about one size would else not fit by a hair, and an added broker that is not yet
// within that of its share would get one too few.
func (s *scaleOut) slack(cell int32) int64 {
	if s.tolerant {
		return s.share[cell] / 100
	}
	return 0
}

// lack is what an added broker may still get.
func (s *scaleOut) lack(broker int32) int64 {
	c := s.cell(broker)
	lack := s.share[c] - s.bytes[broker]
	if lack > s.slack(c) {
		lack += s.slack(c)
	}
	return lack
}

// mostLacking is what the added broker may get that lacks most of those that the donor may give to.
func (s *scaleOut) mostLacking(donor int32) (most int64) {
	for _, i := range s.near[s.cell(donor)] {
		most = max(most, s.lack(i))
	}
	return most
}

// give moves the donor's replica of a partition to the added broker that lacks most of its share and may take it, and says whether there
// is one.
func (s *scaleOut) give(donor, p int32) bool {
	at := slices.Index(s.list(p), donor)
	if at < 0 {
		return false
	}
	size := s.size[p]
	_, worst := s.crowding(p, at)
	to, lack := int32(-1), size-1
	for _, i := range s.near[s.cell(donor)] {
		gets := s.bytes[i] + size
		even := gets <= s.bytes[donor] && gets <= s.bytes[donor]-size+s.slack(s.cell(i))
		if l := s.lack(i); l > lack && even && s.inZone[s.zone[i]] <= worst && s.free(p, i) {
			to, lack = i, l
		}
	}
	if to >= 0 {
		s.move(p, at, to)
	}
	return to >= 0
}

// giveEmpty evens out the number of replicas by those that are empty.
func (s *scaleOut) giveEmpty() {
	cells := len(s.groups) * len(s.zones)
	count, members := make([]int32, cells), make([]int32, cells)
	for i := range int32(len(s.brokers)) {
		if s.stays(i) {
			members[s.cell(i)]++
			count[s.cell(i)] += s.replicas[i]
		}
	}
	below := func(i int32) bool { return (s.replicas[i]+1)*members[s.cell(i)] <= count[s.cell(i)] }
	if !slices.ContainsFunc(s.receivers, below) {
		return
	}
	for p := range int32(len(s.parts)) {
		if s.size[p] > 0 {
			continue
		}
		for at, donor := range s.list(p) {
			if !s.stays(donor) || s.added[donor] || (s.replicas[donor]-1)*members[s.cell(donor)] < count[s.cell(donor)] {
				continue
			}
			to := int32(-1)
			for _, i := range s.receivers {
				if s.cell(i) == s.cell(donor) && below(i) && s.free(p, i) && (to < 0 || s.replicas[i] < s.replicas[to]) {
					to = i
				}
			}
			if to >= 0 {
				s.move(p, at, to)
			}
		}
	}
}

// bySize lists for each of the chosen brokers the partitions that it has a replica of, the largest first.
func (b *board) bySize(chosen func(int32) bool) [][]int32 {
	type sized struct {
		bytes     int64
		partition int32
	}
	order := make([]sized, len(b.parts))
	for p := range order {
		order[p] = sized{b.size[p], int32(p)}
	}
	slices.SortFunc(order, func(x, y sized) int {
		if x.bytes != y.bytes {
			return cmp.Compare(y.bytes, x.bytes)
		}
		return cmp.Compare(x.partition, y.partition)
	})
	lists := make([][]int32, len(b.brokers))
	for i := range lists {
		if chosen(int32(i)) {
			lists[i] = make([]int32, 0, b.replicas[i])
		}
	}
	for _, o := range order {
		for _, i := range b.list(o.partition) {
			if lists[i] != nil {
				lists[i] = append(lists[i], o.partition)
			}
		}
	}
	return lists
}
