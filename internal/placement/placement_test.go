package placement

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// six brokers in three zones.
var (
	pairs = []Broker{{1, "a"}, {2, "b"}, {3, "c"}, {4, "a"}, {5, "b"}, {6, "c"}}
	zones = map[int32]string{1: "a", 2: "b", 3: "c", 4: "a", 5: "b", 6: "c", 7: "a", 8: "b"}
)

func topic(lists ...[]int32) []Partition {
	var out []Partition
	for i, l := range lists {
		out = append(out, Partition{Topic: "t", Partition: int32(i), Replicas: l, Bytes: 10})
	}
	return out
}

// after is the replica lists once the moves are done.
func after(partitions []Partition, moves []Move) [][]int32 {
	var out [][]int32
	for _, p := range partitions {
		to := p.Replicas
		for _, m := range moves {
			if m.Partition.Topic == p.Topic && m.Partition.Partition == p.Partition {
				to = m.To
			}
		}
		out = append(out, to)
	}
	return out
}

func TestDrain(t *testing.T) {
	cases := []struct {
		name        string
		partitions  [][]int32
		leavers     []int32
		substitutes map[int32]int32
		receivers   []Broker
		want        [][]int32
		left        bool
	}{
		{"a substitute takes the same place in every list", [][]int32{{1, 2, 3}, {2, 3, 1}, {5, 6, 4}}, []int32{1}, map[int32]int32{1: 7},
			[]Broker{{2, "b"}, {3, "c"}, {7, "a"}}, [][]int32{{7, 2, 3}, {2, 3, 7}, {5, 6, 4}}, false},
		{"a substitute that has the partition already is passed over", [][]int32{{1, 4, 2}}, []int32{1}, map[int32]int32{1: 4},
			pairs[1:], [][]int32{{3, 4, 2}}, false},
		{"a substitute in a zone that the partition is in is passed over", [][]int32{{1, 2, 3}}, []int32{1}, map[int32]int32{1: 8},
			[]Broker{{4, "a"}, {8, "b"}}, [][]int32{{4, 2, 3}}, false},
		{"without a substitute the emptiest of the free zone takes it", [][]int32{{1, 2, 3}, {4, 2, 3}}, []int32{1}, nil,
			[]Broker{{4, "a"}, {7, "a"}, {5, "b"}}, [][]int32{{7, 2, 3}, {4, 2, 3}}, false},
		{"two leavers of one partition go to two receivers", [][]int32{{1, 2, 3}}, []int32{1, 2}, nil,
			pairs[2:], [][]int32{{4, 5, 3}}, false},
		{"a dead broker whose zone nobody knows clashes with none", [][]int32{{9, 2, 3}}, []int32{9}, nil,
			pairs, [][]int32{{1, 2, 3}}, false},
		{"what no receiver can take stays", [][]int32{{1, 2, 3}}, []int32{1}, nil,
			[]Broker{{2, "b"}, {3, "c"}}, [][]int32{{1, 2, 3}}, true},
		{"partitions without a leaver are left alone", [][]int32{{4, 4 + 1, 6}}, []int32{1}, nil, pairs, [][]int32{{4, 5, 6}}, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			partitions := topic(c.partitions...)
			moves, left := Drain(partitions, c.leavers, c.substitutes, c.receivers, zones)
			if diff := cmp.Diff(c.want, after(partitions, moves)); diff != "" {
				t.Error(diff)
			}
			if (left != nil) != c.left {
				t.Errorf("left %v", left)
			}
		})
	}
}

func TestRestoreZones(t *testing.T) {
	cases := []struct {
		name       string
		partitions [][]int32
		brokers    []Broker
		want       [][]int32
	}{
		{"one replica a zone is at rest", [][]int32{{1, 2, 3}, {5, 6, 4}}, pairs, [][]int32{{1, 2, 3}, {5, 6, 4}}},
		{"of two in one zone the later moves to the free zone", [][]int32{{1, 4, 2}}, pairs, [][]int32{{1, 3, 2}}},
		{"two zones for three replicas are at rest with two and one", [][]int32{{1, 4, 2}}, []Broker{{1, "a"}, {4, "a"}, {2, "b"}, {5, "b"}}, [][]int32{{1, 4, 2}}},
		{"three in one of two zones are not", [][]int32{{1, 4, 7}}, []Broker{{1, "a"}, {4, "a"}, {7, "a"}, {2, "b"}}, [][]int32{{1, 4, 2}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			partitions := topic(c.partitions...)
			if diff := cmp.Diff(c.want, after(partitions, RestoreZones(partitions, c.brokers))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestScaleOutMovesToNewBrokersOnly: from any spread over the old brokers, the new ones get close to their share, data flows to them
// only, and no partition loses a zone.
func TestScaleOutMovesToNewBrokersOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		perZone := rapid.IntRange(1, 3).Draw(t, "old brokers a zone")
		added := rapid.IntRange(1, 3).Draw(t, "new brokers a zone")
		var brokers []Broker
		var fresh []int32
		byZone := map[string][]int32{}
		id := int32(0)
		for range perZone {
			for _, z := range []string{"a", "b", "c"} {
				id++
				brokers = append(brokers, Broker{id, z})
				byZone[z] = append(byZone[z], id)
			}
		}
		var partitions []Partition
		for i := range rapid.IntRange(0, 60).Draw(t, "partitions") {
			var replicas []int32
			for _, z := range []string{"a", "b", "c"} {
				replicas = append(replicas, byZone[z][i%perZone])
			}
			partitions = append(partitions, Partition{Topic: "t", Partition: int32(i), Replicas: replicas, Bytes: rapid.Int64Range(0, 1000).Draw(t, "bytes")})
		}
		for range added {
			for _, z := range []string{"a", "b", "c"} {
				id++
				brokers = append(brokers, Broker{id, z})
				fresh = append(fresh, id)
			}
		}
		zoneOf, _ := zonesOf(brokers)
		moves := ScaleOut(partitions, brokers)
		held := map[int32]int{}
		for _, list := range after(partitions, moves) {
			seen := map[string]bool{}
			for _, r := range list {
				held[r]++
				seen[zoneOf[r]] = true
			}
			if len(seen) != 3 {
				t.Fatalf("a partition is in %d zones of 3: %v", len(seen), list)
			}
		}
		for _, m := range moves {
			for i, r := range m.To {
				if r != m.Partition.Replicas[i] && !slices.Contains(fresh, r) {
					t.Fatalf("a move to an old broker: %v to %v", m.Partition.Replicas, m.To)
				}
			}
		}
		share := len(partitions) / (perZone + added)
		for _, f := range fresh {
			if share >= 2 && held[f] != share {
				t.Fatalf("new broker %d holds %d replicas of a share of %d", f, held[f], share)
			}
		}
		var settled []Partition
		for i, list := range after(partitions, moves) {
			settled = append(settled, Partition{Topic: "t", Partition: int32(i), Replicas: list, Bytes: partitions[i].Bytes})
		}
		if again := ScaleOut(settled, brokers); len(again) > 0 {
			t.Fatalf("a second scale out moves again: %v", again)
		}
	})
}
