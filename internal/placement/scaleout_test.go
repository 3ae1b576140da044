package placement

import "testing"

func TestScaleOut(t *testing.T) {
	tests := map[string]struct {
		fleet Fleet
		added []int32
		want  [][]int32
		bound int64
	}{
		"an added broker gets half of what the only other one of its zone has": {
			fleet: fleet(brokers("1a", "2b", "3c", "4a"), []int32{1, 2, 3}, []int32{2, 3, 1}, []int32{3, 1, 2}, []int32{1, 2, 3}),
			added: []int32{4}, want: [][]int32{{4, 2, 3}, {2, 3, 4}, {3, 1, 2}, {1, 2, 3}}, bound: 20,
		},
		"nothing that is larger than the share moves": {
			fleet: fleet(brokers("1a", "2a"), []int32{1}), added: []int32{2}, want: [][]int32{{1}}, bound: 5,
		},
		"the fullest gives": {
			fleet: fleet(brokers("1a", "2a", "3a"), []int32{1}, []int32{1}, []int32{1}, []int32{1}, []int32{2}, []int32{2}),
			added: []int32{3}, want: [][]int32{{3}, {1}, {3}, {1}, {2}, {2}}, bound: 20,
		},
		"between the old ones nothing moves": {
			fleet: fleet(brokers("1a", "2a", "3b"), []int32{1}, []int32{1}, []int32{1}), added: nil, want: [][]int32{{1}, {1}, {1}},
		},
		"a new zone gets its share of partitions with fewer replicas than zones": {
			fleet: fleet(brokers("1a", "2b", "3c"), []int32{1, 2}, []int32{1, 2}, []int32{1, 2}), added: []int32{3},
			want: [][]int32{{1, 2}, {2, 3}, {3, 1}}, bound: 20,
		},
		"no replica leaves its zone where each zone has one": {
			fleet: fleet(brokers("1a", "2b", "3c", "4a"), []int32{1, 2, 3}), added: []int32{4}, want: [][]int32{{1, 2, 3}}, bound: 5,
		},
		"a leaving broker is not waited for": {
			fleet: fleet(brokers("1a-leaving", "2a", "3a"), []int32{1}, []int32{1}, []int32{2}, []int32{2}), added: []int32{3},
			want: [][]int32{{1}, {1}, {3}, {2}}, bound: 10,
		},
		"brokers of another group give nothing": {
			fleet: fleet(brokers("1a@cold", "2a@hot", "3a@hot"), []int32{1}, []int32{1}).in("cold"), added: []int32{3}, want: [][]int32{{1}, {1}},
		},
		"a cordoned broker gets nothing, and one that nobody knows neither": {
			fleet: fleet(brokers("1a", "2a-cordoned"), []int32{1}, []int32{1}), added: []int32{2, 9}, want: [][]int32{{1}, {1}},
		},
		"nothing goes beyond the headroom": {
			fleet: fleet(brokers("1a", "2a"), []int32{1}, []int32{1}, []int32{1}, []int32{1}).capacity(19), added: []int32{2},
			want: [][]int32{{2}, {1}, {1}, {1}}, bound: 20,
		},
		"without sizes all partitions count alike": {
			fleet: fleet(brokers("1a", "2a"), []int32{1}, []int32{1}, []int32{1}, []int32{1}).bytes(0, 0, 0, 0), added: []int32{2},
			want: [][]int32{{2}, {1}, {2}, {1}},
		},
		"empty partitions are spread by their number": {
			fleet: fleet(brokers("1a", "2a"), []int32{1}, []int32{1}, []int32{1}, []int32{1}).bytes(10, 10, 0, 0), added: []int32{2},
			want: [][]int32{{2}, {1}, {2}, {1}}, bound: 10,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := ScaleOut(test.fleet, test.added)
			check(t, test.fleet, p, test.want)
			if p.LowerBound != test.bound || p.BytesMoved > test.bound {
				t.Errorf("bound %d, want %d; moved %d", p.LowerBound, test.bound, p.BytesMoved)
			}
		})
	}
}

// TestScaleOutGoesOn: when a scale out stopped half way, the next one goes on to the same shares.
func TestScaleOutGoesOn(t *testing.T) {
	f := Skewed(30, 3000, 5)
	var added []int32
	for i := range int32(3) {
		b := f.Brokers[i]
		b.ID += 30
		f.Brokers = append(f.Brokers, b)
		added = append(added, b.ID)
	}
	whole := ScaleOut(f, added)
	half := f.After(whole.Moves[:len(whole.Moves)/2])
	rest := ScaleOut(half, added)
	if rest.BytesMoved == 0 {
		t.Fatal("nothing was left to do")
	}
	for i, b := range rest.After.Brokers {
		if i < 30 {
			continue
		}
		if off := float64(b.Bytes)/float64(whole.After.Brokers[i].Bytes) - 1; off > 0.01 || off < -0.01 {
			t.Errorf("broker %d has %d bytes, %d when done at once", b.Broker, b.Bytes, whole.After.Brokers[i].Bytes)
		}
	}
}

// TestScaleOutEvensOutNumbers: an added broker gets its share of replicas and leaders as well.
func TestScaleOutEvensOutNumbers(t *testing.T) {
	f := Skewed(12, 3000, 5)
	var added []int32
	for i := range int32(3) {
		b := f.Brokers[i]
		b.ID += 12
		f.Brokers = append(f.Brokers, b)
		added = append(added, b.ID)
	}
	after := ScaleOut(f, added).After
	for _, b := range after.Brokers[12:] {
		if share := 3 * 3000.0 / 15; float64(b.Replicas) < 0.8*share || float64(b.Replicas) > 1.2*share {
			t.Errorf("broker %d has %d replicas of a share of %.0f", b.Broker, b.Replicas, share)
		}
	}
	if after.MaxOverMeanLeaders > 1.1 {
		t.Errorf("a broker leads %.2f times the mean", after.MaxOverMeanLeaders)
	}
}

// TestScaleOutRoundsToWholeReplicas: of twelve replicas of about one size the added broker gets six, though those six may be a little more than
// half of the bytes.
func TestScaleOutRoundsToWholeReplicas(t *testing.T) {
	sizes := []int64{10099, 10010, 10086, 10091, 10028, 10093, 10081, 10010, 10055, 10029, 10037, 10098}
	lists := make([][]int32, len(sizes))
	for i := range lists {
		lists[i] = []int32{1}
	}
	f := fleet(brokers("1a", "2a"), lists...).bytes(sizes...)
	p := ScaleOut(f, []int32{2})
	if got := p.After.Brokers[1].Replicas; got != 6 {
		t.Errorf("the added broker got %d replicas, want 6: %v", got, p.Moves)
	}
	if again := ScaleOut(f.After(p.Moves), []int32{2}); len(again.Moves) > 0 {
		t.Errorf("a second call moves %v", again.Moves)
	}
}
