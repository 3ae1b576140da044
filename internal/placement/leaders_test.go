package placement

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestBalanceLeaders(t *testing.T) {
	tests := map[string]struct {
		fleet Fleet
		want  [][]int32
	}{
		"balanced leaders stay":                          {fleet(six, []int32{1, 2, 3}, []int32{2, 3, 1}, []int32{3, 1, 2}), [][]int32{{1, 2, 3}, {2, 3, 1}, {3, 1, 2}}},
		"the new leader changes places with the old one": {fleet(six[:3], []int32{1, 2, 3}, []int32{1, 3, 2}, []int32{2, 1, 3}), [][]int32{{3, 2, 1}, {1, 3, 2}, {2, 1, 3}}},
		"a way over a third broker": {
			fleet(brokers("1a", "2b", "3c"), []int32{1, 2}, []int32{1, 2}, []int32{2, 3}), [][]int32{{2, 1}, {1, 2}, {3, 2}},
		},
		"what shares no partition is no way": {
			fleet(brokers("1a", "2b", "3c"), []int32{1}, []int32{1}, []int32{2, 3}), [][]int32{{1}, {1}, {2, 3}},
		},
		"brokers that share partitions have a number of their own": {
			fleet(brokers("1a", "2a", "3b", "4a"), []int32{1}, []int32{1}, []int32{1}, []int32{2, 3}, []int32{2, 3}), [][]int32{{1}, {1}, {1}, {3, 2}, {2, 3}},
		},
		"what a broker cannot give away raises the number, and no list changes for less": {
			fleet(brokers("1a", "2b", "3c"), []int32{1}, []int32{1}, []int32{1}, []int32{1}, []int32{2, 1}, []int32{2, 3}, []int32{2, 3}, []int32{2, 3}, []int32{2, 3}),
			[][]int32{{1}, {1}, {1}, {1}, {2, 1}, {3, 2}, {2, 3}, {2, 3}, {2, 3}},
		},
		"leader bytes decide which": {
			fleet(brokers("1a", "2b"), []int32{1, 2}, []int32{1, 2}, []int32{1, 2}, []int32{1, 2}).bytes(50, 1, 25, 24), [][]int32{{2, 1}, {2, 1}, {1, 2}, {1, 2}},
		},
		"a leaving broker gets no leaders": {fleet(brokers("1a", "2b-leaving"), []int32{1, 2}, []int32{1, 2}), [][]int32{{1, 2}, {1, 2}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := BalanceLeaders(test.fleet)
			check(t, test.fleet, p, test.want)
			if p.BytesMoved > 0 {
				t.Errorf("%d bytes move", p.BytesMoved)
			}
		})
	}
}

// TestBalanceLeadersIsExact compares with all ways to choose leaders, and holds that no list changes without need.
func TestBalanceLeadersIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 4).Draw(t, "brokers")
		f := Fleet{Brokers: brokers("1a", "2b", "3a", "4b")[:n]}
		for i := range rapid.IntRange(0, 7).Draw(t, "partitions") {
			list := rapid.Permutation([]int32{1, 2, 3, 4}[:n]).Draw(t, "brokers")
			f.Partitions = append(f.Partitions, Partition{
				Topic: "t", Partition: int32(i), Replicas: list[:rapid.IntRange(1, n).Draw(t, "replicas")], Bytes: rapid.Int64Range(0, 9).Draw(t, "bytes"),
			})
		}
		best := len(f.Partitions)
		count := make([]int, 5)
		var try func(p int)
		try = func(p int) {
			if p == len(f.Partitions) {
				best = min(best, slices.Max(count))
				return
			}
			for _, r := range f.Partitions[p].Replicas {
				count[r]++
				try(p + 1)
				count[r]--
			}
		}
		try(0)
		p := BalanceLeaders(f)
		consistent(t, f, p)
		most := func(figures Figures) (most int) {
			for _, b := range figures.Brokers {
				most = max(most, b.Leaders)
			}
			return most
		}
		if got := most(p.After); got != best {
			t.Fatalf("a broker leads %d partitions, and %d is possible", got, best)
		}
		if most(p.Before) == best && len(p.Moves) > 0 {
			connected := true
			for _, q := range f.Partitions {
				connected = connected && len(q.Replicas) == n
			}
			if connected {
				t.Fatalf("%d lists change for nothing", len(p.Moves))
			}
		}
		for _, m := range p.Moves {
			if len(m.Added())+len(m.Removed()) > 0 {
				t.Fatalf("data moves: %v to %v", m.Partition.Replicas, m.To)
			}
		}
	})
}
