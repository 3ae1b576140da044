package placement

import "testing"

// six brokers, two in each of three zones.
var six = brokers("1a", "2b", "3c", "4a", "5b", "6c")

func TestDrain(t *testing.T) {
	tests := map[string]struct {
		fleet       Fleet
		substitutes map[int32]int32
		want        [][]int32
		left        []string
	}{
		"a substitute takes the same place in every list": {
			fleet:       fleet(brokers("1a-leaving", "2b", "3c", "4a", "7a"), []int32{1, 2, 3}, []int32{2, 3, 1}, []int32{2, 3, 4}),
			substitutes: map[int32]int32{1: 7}, want: [][]int32{{7, 2, 3}, {2, 3, 7}, {2, 3, 4}},
		},
		"a substitute that has the partition already is passed over": {
			fleet:       fleet(brokers("1a-leaving", "2b", "3c", "4a"), []int32{1, 4, 2}),
			substitutes: map[int32]int32{1: 4}, want: [][]int32{{3, 4, 2}},
		},
		"a substitute in a zone that the partition is in is passed over": {
			fleet:       fleet(brokers("1a-leaving", "2b", "3c", "4a", "8b"), []int32{1, 2, 3}),
			substitutes: map[int32]int32{1: 8}, want: [][]int32{{4, 2, 3}},
		},
		"a substitute of another group is passed over": {
			fleet:       fleet(brokers("1a-leaving@hot", "2b@hot", "4a@hot", "7a@cold"), []int32{1, 2}).in("hot"),
			substitutes: map[int32]int32{1: 7}, want: [][]int32{{4, 2}},
		},
		"a substitute without room is passed over": {
			fleet:       fleet(brokers("1a-leaving", "4a", "7a"), []int32{1}, []int32{7}).bytes(10, 91).capacity(100),
			substitutes: map[int32]int32{1: 7}, want: [][]int32{{4}, {7}},
		},
		"without a substitute the emptiest of the free zone takes it": {
			fleet: fleet(brokers("1a-leaving", "2b", "3c", "4a", "7a", "5b"), []int32{1, 2, 3}, []int32{4, 2, 3}),
			want:  [][]int32{{7, 2, 3}, {4, 2, 3}},
		},
		"the largest is placed first": {
			fleet: fleet(brokers("1a-leaving", "2a", "3a"), []int32{1}, []int32{1}, []int32{1}).bytes(10, 10, 20),
			want:  [][]int32{{3}, {3}, {2}},
		},
		"of brokers with equal bytes the one with fewer replicas takes it": {
			fleet: fleet(brokers("1a-leaving", "2a", "3a"), []int32{1}, []int32{2}, []int32{2}, []int32{3}).bytes(5, 5, 5, 10),
			want:  [][]int32{{3}, {2}, {2}, {3}},
		},
		"nothing goes to a cordoned or another leaving broker": {
			fleet: fleet(brokers("1a-leaving", "2a-cordoned", "3a-leaving", "4a-dead", "5a"), []int32{1}),
			want:  [][]int32{{5}},
		},
		"two leavers of one partition go to two receivers": {
			fleet: fleet(brokers("1a-leaving", "2b-leaving", "3c", "4a", "5b", "6c"), []int32{1, 2, 3}),
			want:  [][]int32{{4, 5, 3}},
		},
		"of a partition with two replicas in a zone the leaver's goes to the free zone": {
			fleet: fleet(brokers("1a-leaving", "2b", "3c", "4a", "7a"), []int32{1, 4, 2}),
			want:  [][]int32{{3, 4, 2}},
		},
		"and stays in the crowded zone when no other has room": {
			fleet: fleet(brokers("1a-leaving", "4a", "2b", "7a", "3c"), []int32{1, 4, 2}, []int32{3}).bytes(10, 95).capacity(100),
			want:  [][]int32{{7, 4, 2}, {3}},
		},
		"a zone of which all leave does not count": {
			fleet: fleet(brokers("1a", "2b", "3c-leaving", "4a", "5b"), []int32{1, 2, 3}, []int32{4, 2, 3}),
			want:  [][]int32{{1, 2, 5}, {4, 2, 5}},
		},
		"the zone of a dead broker that nobody knows is the one that its partitions lack": {
			fleet: fleet(append(six[:5:5], Broker{ID: 9, State: Dead}, Broker{ID: 6, Zone: "c"}), []int32{9, 2, 3}, []int32{2, 9, 6}),
			want:  [][]int32{{1, 2, 3}, {2, 4, 6}},
		},
		"a stranger keeps what it has": {
			fleet: fleet(brokers("1a-leaving", "2b", "3c", "4a"), []int32{1, 2, 99}),
			want:  [][]int32{{4, 2, 99}},
		},
		"without racks all brokers are in one zone": {
			fleet: fleet(brokers("1-leaving", "2", "3", "4"), []int32{1, 2, 3}),
			want:  [][]int32{{4, 2, 3}},
		},
		"every broker has one already": {
			fleet: fleet(brokers("1a-leaving", "2b", "3c"), []int32{1, 2, 3}),
			want:  [][]int32{{1, 2, 3}},
			left:  []string{"the replica of t-0 on broker 1 has no place: each broker that takes replicas has one already, 1 more needed"},
		},
		"the group has no broker": {
			fleet: fleet(brokers("1a-leaving@hot", "2b@cold"), []int32{1}).in("hot"),
			want:  [][]int32{{1}},
			left:  []string{`the replica of t-0 on broker 1 has no place: no broker of group "hot" takes replicas, 1 more needed`},
		},
		"the brokers have too little room": {
			fleet: fleet(brokers("1a-leaving", "2b", "3c", "4a", "7a"), []int32{1, 2, 3}, []int32{4}, []int32{7}).bytes(50, 60, 70).capacity(100),
			want:  [][]int32{{1, 2, 3}, {4}, {7}},
			left:  []string{"the replica of t-0 on broker 1 has no place: the roomiest broker that may take it is 10B short of headroom"},
		},
		"what leaves makes no room": {
			fleet: fleet(brokers("1a-leaving", "2a"), []int32{1}, []int32{1}, []int32{2}).bytes(30, 40, 40).capacity(100),
			want:  [][]int32{{1}, {2}, {2}},
			left:  []string{"the replica of t-0 on broker 1 has no place: the roomiest broker that may take it is 10B short of headroom"},
		},
		"nobody has a copy": {
			fleet: fleet(brokers("1a-dead", "2a", "3b-dead"), []int32{1}, []int32{1, 3}),
			want:  [][]int32{{1}, {1, 3}},
			left: []string{
				"the replica of t-0 on broker 1 cannot be copied: no live replica of the partition is in sync, 1 needed",
				"the replica of t-1 on broker 1 cannot be copied: no live replica of the partition is in sync, 1 needed",
				"the replica of t-1 on broker 3 cannot be copied: no live replica of the partition is in sync, 1 needed",
			},
		},
		"an even spread over fewer zones has no free broker in the zone that it needs": {
			fleet: fleet(brokers("1a-leaving", "2a", "3a", "4a", "5b", "6b-leaving"), []int32{2, 3, 5, 6}),
			want:  [][]int32{{2, 3, 5, 6}},
			left:  []string{"the replica of t-0 on broker 6 has no place: the free brokers that take replicas are in zones that have one already, and another zone has no free broker, 1 more needed there"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			check(t, test.fleet, Drain(test.fleet, test.substitutes), test.want, test.left...)
		})
	}
}

func TestDrainMovesItsLowerBound(t *testing.T) {
	f := fleet(brokers("1a-leaving", "2b", "3c", "4a", "5b-dead"), []int32{1, 2, 3}, []int32{1, 5, 3}, []int32{2, 3, 4}, []int32{5}).bytes(10, 20, 40, 80)
	p := Drain(f, nil)
	if p.LowerBound != 10+20+20 || p.BytesMoved != p.LowerBound {
		t.Errorf("bound %d, moved %d", p.LowerBound, p.BytesMoved)
	}
}

func TestReplaceMarksTheOldOnesAsLeaving(t *testing.T) {
	f := fleet(brokers("1a", "2b", "3c", "7a", "8b"), []int32{1, 2, 3}, []int32{2, 3, 1})
	p := Replace(f, map[int32]int32{1: 7, 2: 8})
	if f.Brokers[0].State != Live {
		t.Error("the fleet that was asked about changed")
	}
	f.Brokers = brokers("1a-leaving", "2b-leaving", "3c", "7a", "8b")
	check(t, f, p, [][]int32{{7, 8, 3}, {8, 3, 7}})
}

func TestMoveToGroup(t *testing.T) {
	both := brokers("1a@cold", "2b@cold", "3c@cold", "4a@hot", "5b@hot", "6c@hot")
	tests := map[string]struct {
		fleet Fleet
		want  [][]int32
		bound int64
		left  []string
	}{
		"all replicas go, each within its zone":    {fleet(both, []int32{1, 2, 3}).in("hot"), [][]int32{{4, 5, 6}}, 30, nil},
		"what is there already stays":              {fleet(both, []int32{1, 5, 3}).in("hot"), [][]int32{{4, 5, 6}}, 20, nil},
		"a partition without a group may stay":     {fleet(both, []int32{1, 2, 6}), [][]int32{{1, 2, 6}}, 0, nil},
		"a group in fewer zones spreads evenly":    {fleet(append(both[:5:5], brokers("7a@hot", "8b@hot")...), []int32{1, 2, 3}).in("hot"), [][]int32{{4, 5, 7}}, 30, nil},
		"a group with fewer brokers than replicas": {fleet(both[:5], []int32{1, 2, 3}).in("hot"), [][]int32{{4, 5, 3}}, 30, []string{`the replica of t-0 on broker 3 has no place: each broker of group "hot" that takes replicas has one already, 1 more needed`}},
		"a group that nobody has":                  {fleet(both, []int32{1}).in("new"), [][]int32{{1}}, 10, []string{`the replica of t-0 on broker 1 has no place: no broker of group "new" takes replicas, 1 more needed`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := MoveToGroup(test.fleet)
			check(t, test.fleet, p, test.want, test.left...)
			if p.LowerBound != test.bound || p.BytesMoved != test.bound-10*int64(len(test.left)) {
				t.Errorf("bound %d, want %d; moved %d", p.LowerBound, test.bound, p.BytesMoved)
			}
		})
	}
}

func TestRestoreZones(t *testing.T) {
	tests := map[string]struct {
		fleet Fleet
		want  [][]int32
		bound int64
		left  []string
	}{
		"one replica a zone is at rest":                             {fleet(six, []int32{1, 2, 3}, []int32{5, 6, 4}), [][]int32{{1, 2, 3}, {5, 6, 4}}, 0, nil},
		"of two in one zone the later moves to the free zone":       {fleet(six, []int32{1, 4, 2}), [][]int32{{1, 3, 2}}, 10, nil},
		"the leader is the last to move":                            {leads(4, fleet(six, []int32{1, 4, 2})), [][]int32{{3, 4, 2}}, 10, nil},
		"two zones for three replicas are at rest with two and one": {fleet(brokers("1a", "4a", "2b", "5b"), []int32{1, 4, 2}), [][]int32{{1, 4, 2}}, 0, nil},
		"three in one of two zones are not":                         {fleet(brokers("1a", "4a", "7a", "2b"), []int32{1, 4, 7}), [][]int32{{1, 4, 2}}, 10, nil},
		"three in one of three zones move twice":                    {fleet(brokers("1a", "4a", "7a", "2b", "3c"), []int32{1, 4, 7}), [][]int32{{1, 3, 2}}, 20, nil},
		"only the zones of the partition's group count":             {fleet(brokers("1a@hot", "4a@hot", "2b@cold"), []int32{1, 4}).in("hot"), [][]int32{{1, 4}}, 0, nil},
		"the free zone has no room": {
			fleet(six, []int32{1, 4, 2}, []int32{3, 5}, []int32{6, 5}).bytes(10, 35, 35).capacity(40), [][]int32{{1, 4, 2}, {3, 5}, {6, 5}}, 10,
			[]string{"the replica of t-0 on broker 4 has no place: the roomiest broker that may take it is 5B short of headroom"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := RestoreZones(test.fleet)
			check(t, test.fleet, p, test.want, test.left...)
			if p.LowerBound != test.bound {
				t.Errorf("bound %d, want %d", p.LowerBound, test.bound)
			}
		})
	}
}

// leads makes the broker lead all partitions.
func leads(broker int32, f Fleet) Fleet {
	for i := range f.Partitions {
		f.Partitions[i].Leader = broker
	}
	return f
}
