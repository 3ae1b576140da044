package placement

import "testing"

func TestRebalance(t *testing.T) {
	tests := map[string]struct {
		fleet     Fleet
		threshold float64
		budget    int64
		want      [][]int32
		bound     int64
	}{
		"within the threshold nothing moves": {
			fleet(brokers("1a", "2a"), []int32{1}, []int32{1}, []int32{2}).bytes(8, 1, 8), 0.1, 0, [][]int32{{1}, {1}, {2}}, 0,
		},
		"the fewest bytes that end the excess move": {
			fleet(brokers("1a", "2a"), []int32{1}, []int32{1}, []int32{1}).bytes(60, 30, 25), 0.05, 0, [][]int32{{1}, {2}, {2}}, 115 - 60,
		},
		"one where two would be more": {
			fleet(brokers("1a", "2a"), []int32{1}, []int32{1}, []int32{1}).bytes(60, 45, 14), 0.05, 0, [][]int32{{1}, {2}, {2}}, 119 - 62,
		},
		"neither the largest that fits": {
			fleet(brokers("1a", "2a", "3a", "4a"), []int32{1}, []int32{1}, []int32{1}).bytes(60, 40, 30), 1, 0, [][]int32{{1}, {2}, {3}}, 130 - 65,
		},
		"several small ones where they cost less than a large one": {
			fleet(brokers("1a", "2a"), []int32{1}, []int32{1}, []int32{1}, []int32{1}).bytes(50, 20, 20, 10), 0.2, 0, [][]int32{{1}, {2}, {2}, {1}}, 40,
		},
		"a zone is balanced within itself": {
			fleet(brokers("1a", "2b", "3b"), []int32{1, 2}, []int32{1, 2}), 0.05, 0, [][]int32{{1, 3}, {2, 1}}, 20 - 10,
		},
		"one partition that is too large stays": {
			fleet(brokers("1a", "2a"), []int32{1}, []int32{1}).bytes(100, 10), 0.05, 0, [][]int32{{1}, {2}}, 110 - 57,
		},
		"a budget goes to the fullest first": {
			fleet(brokers("1a", "2a", "3a"), []int32{1}, []int32{1}, []int32{1}, []int32{1}, []int32{2}, []int32{2}, []int32{2}), 0, 10,
			[][]int32{{3}, {1}, {1}, {1}, {2}, {2}, {2}}, 17 + 7,
		},
		"a budget that fits nothing moves nothing": {
			fleet(brokers("1a", "2a"), []int32{1}, []int32{1}), 0, 9, [][]int32{{1}, {1}}, 10,
		},
		"groups are balanced each on its own": {
			fleet(brokers("1a@hot", "2a@cold", "3a@hot"), []int32{1}, []int32{1}).in("hot"), 0.05, 0, [][]int32{{3}, {1}}, 20 - 10,
		},
		"nothing goes to a cordoned broker, or beyond the headroom": {
			fleet(brokers("1a", "2a-cordoned", "3a"), []int32{1}, []int32{1}, []int32{1}, []int32{1}).capacity(15), 0.05, 0,
			[][]int32{{3}, {1}, {1}, {1}}, 40 - 14,
		},
		"leaders are balanced without moving data": {
			fleet(brokers("1a", "2b"), []int32{1, 2}, []int32{1, 2}), 0.05, 0, [][]int32{{2, 1}, {1, 2}}, 0,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := Rebalance(test.fleet, test.threshold, test.budget)
			check(t, test.fleet, p, test.want)
			if p.LowerBound != test.bound {
				t.Errorf("bound %d, want %d", p.LowerBound, test.bound)
			}
		})
	}
}

func TestRebalanceOfASkewedFleet(t *testing.T) {
	f := Skewed(30, 5000, 3)
	p := Rebalance(f, 0.05, 0)
	consistent(t, f, p)
	if ratio := float64(p.BytesMoved) / float64(p.LowerBound); ratio < 1 || ratio > 1.02 || p.After.MaxOverMeanBytes > 1.05 {
		t.Errorf("moved %.4f of the bound to a maximum of %.4f", ratio, p.After.MaxOverMeanBytes)
	}
	if most := p.After.MaxOverMeanLeaders; most > 1.01 {
		t.Errorf("a broker leads %.3f times the mean", most)
	}
	budget := p.LowerBound / 3
	part := Rebalance(f, 0.05, budget)
	if part.BytesMoved > budget || part.BytesMoved < budget*9/10 {
		t.Errorf("%d of a budget of %d bytes", part.BytesMoved, budget)
	}
	if part.After.MaxOverMeanBytes >= part.Before.MaxOverMeanBytes {
		t.Errorf("the fullest broker is as full as before: %.4f", part.After.MaxOverMeanBytes)
	}
}
