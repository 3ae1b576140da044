package placement

import (
	"fmt"
	"testing"
)

func TestSetReplicationFactor(t *testing.T) {
	tests := map[string]struct {
		partition Partition
		factor    int
		others    [][]int32
		want      []int32
	}{
		"a replica is added in a zone that has none":                {Partition{Replicas: []int32{1, 2}, Leader: 1}, 3, [][]int32{{3}, {3}}, []int32{1, 2, 6}},
		"zones count more than an even load":                        {Partition{Replicas: []int32{1, 2}, Leader: 1}, 3, [][]int32{{3, 6}, {6, 3}}, []int32{1, 2, 3}},
		"with a replica in each zone the emptiest broker is next":   {Partition{Replicas: []int32{1, 2, 3}, Leader: 1}, 4, [][]int32{{4}, {6}}, []int32{1, 2, 3, 5}},
		"of two replicas in one zone one goes":                      {Partition{Replicas: []int32{1, 2, 4}, Leader: 1}, 2, [][]int32{{2}, {2}}, []int32{1, 2}},
		"also when the other one there is preferred":                {Partition{Replicas: []int32{4, 2, 1}, Leader: 1}, 2, nil, []int32{2, 1}},
		"a replica that is not in sync goes first":                  {Partition{Replicas: []int32{1, 2, 4}, Leader: 1, InSync: []int32{1, 4}}, 2, nil, []int32{1, 4}},
		"a replica on a broker that nobody knows goes before it":    {Partition{Replicas: []int32{1, 2, 9}, Leader: 1, InSync: []int32{1, 9}}, 2, nil, []int32{1, 9}},
		"the leader stays, even when it is not the preferred one":   {Partition{Replicas: []int32{1, 2, 3}, Leader: 3}, 1, nil, []int32{3}},
		"the preferred leader stays when it is in sync":             {Partition{Replicas: []int32{1, 2, 3}, Leader: 3}, 2, nil, []int32{1, 3}},
		"of replicas that are alike the one on the fullest goes":    {Partition{Replicas: []int32{1, 2, 3}, Leader: 1}, 2, [][]int32{{2}}, []int32{1, 3}},
		"nothing moves when the number is right":                    {Partition{Replicas: []int32{1, 4}, Leader: 1}, 2, nil, []int32{1, 4}},
		"a partition without replicas is nobody's to change":        {Partition{Leader: -1}, 2, nil, nil},
		"a partition that nobody leads keeps its preferred replica": {Partition{Replicas: []int32{1, 2, 3}, Leader: -1}, 1, nil, []int32{1}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.partition.Topic, test.partition.Bytes = "mine", 10
			f := fleet(six, test.others...)
			want := append(lists(f), test.want)
			f.Partitions = append(f.Partitions, test.partition)
			p := SetReplicationFactor(f, "mine", test.factor)
			check(t, f, p, want)
			if p.BytesMoved != p.LowerBound {
				t.Errorf("moved %d, bound %d", p.BytesMoved, p.LowerBound)
			}
		})
	}
}

func TestSetReplicationFactorDrainsNothingInVain(t *testing.T) {
	f := fleet(brokers("1a", "2b-leaving", "3c"), []int32{1, 2, 3})
	check(t, f, SetReplicationFactor(f, "t", 2), [][]int32{{1, 3}})
}

func TestSetReplicationFactorSpreadsOverBrokers(t *testing.T) {
	var all [][]int32
	for range 12 {
		all = append(all, []int32{1})
	}
	f := fleet(six, all...)
	after := SetReplicationFactor(f, "t", 3).After
	want := map[int32]int{1: 12, 2: 6, 3: 6, 4: 0, 5: 6, 6: 6}
	for _, b := range after.Brokers {
		if b.Replicas != want[b.Broker] {
			t.Errorf("broker %d has %d replicas, want %d", b.Broker, b.Replicas, want[b.Broker])
		}
	}
}

func TestSetReplicationFactorSaysWhatIsMissing(t *testing.T) {
	f := fleet(six[:3], []int32{1}, []int32{2})
	check(t, f, SetReplicationFactor(f, "t", 5), lists(f),
		"a new replica of t-0 has no place: each broker that takes replicas has one already, 2 more needed",
		"a new replica of t-1 has no place: each broker that takes replicas has one already, 2 more needed")
	f = fleet(six, []int32{1}).bytes(50).capacity(49)
	check(t, f, SetReplicationFactor(f, "t", 2), lists(f),
		"a new replica of t-0 has no place: the roomiest broker that may take it is 1B short of headroom")
}

func TestCreate(t *testing.T) {
	for _, test := range []struct{ partitions, factor int }{{1, 3}, {6, 3}, {12, 2}, {7, 4}, {6, 6}} {
		t.Run(fmt.Sprintf("%d by %d", test.partitions, test.factor), func(t *testing.T) {
			f := fleet(six, []int32{1, 2, 3}, []int32{1, 2, 3})
			p := Create(f, "new", test.partitions, test.factor, "")
			consistent(t, f, p)
			if len(p.Moves) != test.partitions || len(p.Left) > 0 || p.After.ZoneViolations > 0 || p.BytesMoved > 0 {
				t.Fatalf("%d moves, left %v, %d zone violations, %d bytes", len(p.Moves), p.Left, p.After.ZoneViolations, p.BytesMoved)
			}
			replicas, leaders := map[int32]int{}, map[int32]int{}
			for _, m := range p.Moves {
				if len(m.To) != test.factor || len(m.Partition.Replicas) > 0 || m.Partition.Topic != "new" {
					t.Errorf("move %+v", m)
				}
				leaders[m.To[0]]++
				for _, r := range m.To {
					replicas[r]++
				}
			}
			for what, held := range map[string]map[int32]int{"replicas": replicas, "leaders": leaders} {
				least, most := test.partitions, 0
				for _, b := range six {
					least, most = min(least, held[b.ID]), max(most, held[b.ID])
				}
				if most > least+1 {
					t.Errorf("%s by broker: %v", what, held)
				}
			}
		})
	}
}

func TestCreateKeepsToTheRules(t *testing.T) {
	groups := brokers("1a@hot", "2b@hot", "3c-cordoned@hot", "4c@cold", "5a@hot")
	f := fleet(groups, []int32{1}).bytes(90).capacity(100)
	f.Policy.Headroom = 0.8
	check(t, f, Create(f, "new", 1, 2, "hot"), [][]int32{{2, 5}, {1}})
	check(t, f, Create(f, "new", 1, 4, "hot"), [][]int32{{1}},
		`a new replica of new-0 has no place: the roomiest broker of group "hot" that may take it is 10B short of headroom`)
	check(t, f, Create(f, "new", 1, 1, "nobody's"), [][]int32{{1}},
		`a new replica of new-0 has no place: no broker of group "nobody's" takes replicas, 1 more needed`)
	f = fleet(six[:3], []int32{1})
	check(t, f, Create(f, "new", 1, 5, ""), [][]int32{{1}},
		"a new replica of new-0 has no place: each broker that takes replicas has one already, 2 more needed")
	f = fleet(brokers("1a", "2a", "3a", "5b"), []int32{1})
	check(t, f, Create(f, "new", 1, 4, ""), [][]int32{{1}},
		"a new replica of new-0 has no place: the free brokers that take replicas are in zones that have one already, and another zone has no free broker, 1 more needed there")
}

func TestGrow(t *testing.T) {
	f := fleet(six, []int32{1, 2, 3}, []int32{4, 5, 6})
	p := Grow(f, "t", 4)
	check(t, f, p, [][]int32{{1, 2, 3}, {4, 5, 6}, {2, 3, 1}, {5, 6, 4}})
	if again := Grow(f.After(p.Moves), "t", 4); len(again.Moves) > 0 {
		t.Errorf("again: %v", again.Moves)
	}
	check(t, f, Grow(f, "unknown", 4), lists(f))
}
