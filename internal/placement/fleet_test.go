package placement

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// brokers are live ones without limits, named "1a": broker 1 in zone a. A suffix gives the state ("2b-leaving") or the group ("3c@hot").
func brokers(names ...string) []Broker {
	states := map[string]State{"": Live, "cordoned": Cordoned, "leaving": Leaving, "dead": Dead}
	var out []Broker
	for _, name := range names {
		name, group, _ := strings.Cut(name, "@")
		name, state, _ := strings.Cut(name, "-")
		digits := strings.TrimRight(name, "abcdefgh")
		b := Broker{Zone: name[len(digits):], Group: group, State: states[state]}
		if _, err := fmt.Sscan(digits, &b.ID); err != nil {
			panic(err)
		}
		out = append(out, b)
	}
	return out
}

// capacity gives all brokers disks of so many bytes, of which all may be used.
func (f Fleet) capacity(bytes int64) Fleet {
	f.Brokers, f.Policy.Headroom = slices.Clone(f.Brokers), 1
	for i := range f.Brokers {
		f.Brokers[i].Capacity = bytes
	}
	return f
}

// fleet has a topic "t" with a partition of 10 bytes for each replica list.
func fleet(brokers []Broker, lists ...[]int32) Fleet {
	f := Fleet{Brokers: brokers}
	for i, l := range lists {
		f.Partitions = append(f.Partitions, Partition{Topic: "t", Partition: int32(i), Replicas: l, Leader: l[0], Bytes: 10})
	}
	return f
}

// bytes gives the partitions their sizes.
func (f Fleet) bytes(sizes ...int64) Fleet {
	f.Partitions = slices.Clone(f.Partitions)
	for i := range sizes {
		f.Partitions[i].Bytes = sizes[i]
	}
	return f
}

// in puts all partitions into a group.
func (f Fleet) in(group string) Fleet {
	f.Partitions = slices.Clone(f.Partitions)
	for i := range f.Partitions {
		f.Partitions[i].Group = group
	}
	return f
}

func lists(f Fleet) [][]int32 {
	var out [][]int32
	for _, p := range f.Partitions {
		out = append(out, p.Replicas)
	}
	return out
}

func sentences(left []Left) []string {
	var out []string
	for _, l := range left {
		out = append(out, l.String())
	}
	return out
}

// check compares what a plan makes of the fleet, and holds that what it says of itself is so.
func check(t *testing.T, f Fleet, p Plan, want [][]int32, left ...string) {
	t.Helper()
	if diff := cmp.Diff(want, lists(f.After(p.Moves))); diff != "" {
		t.Errorf("replica lists (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(left, sentences(p.Left)); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	consistent(t, f, p)
}

// consistent holds that a plan's figures are those of the fleet before and after, and its bytes those of its moves.
func consistent(t interface {
	Helper()
	Errorf(string, ...any)
}, f Fleet, p Plan,
) {
	t.Helper()
	if diff := cmp.Diff(Describe(f), p.Before); diff != "" {
		t.Errorf("the figures before (-want +got):\n%s", diff)
	}
	// A zone that was inferred stays what it was.
	f.Brokers = slices.Clone(f.Brokers)
	for i, b := range f.Brokers {
		for _, figures := range p.Before.Brokers {
			if figures.Broker == b.ID {
				f.Brokers[i].Zone = figures.Zone
			}
		}
	}
	if diff := cmp.Diff(Describe(f.After(p.Moves)), p.After); diff != "" {
		t.Errorf("the figures after (-want +got):\n%s", diff)
	}
	var moved int64
	for i, m := range p.Moves {
		moved += m.Bytes()
		if i > 0 && m.Bytes() > p.Moves[i-1].Bytes() {
			t.Errorf("move %d is larger than the one before it", i)
		}
	}
	if moved != p.BytesMoved {
		t.Errorf("it says that %d bytes move, and its moves have %d", p.BytesMoved, moved)
	}
}

func TestFigures(t *testing.T) {
	f := fleet(brokers("1a", "2a", "3b", "4b-dead", "5b-leaving"), []int32{1, 3}, []int32{1, 4}, []int32{2, 1}).bytes(10, 20, 30).capacity(59)
	want := Figures{
		Brokers: []BrokerFigures{
			{Broker: 1, Zone: "a", Bytes: 60, Replicas: 3, Leaders: 2, LeaderBytes: 30},
			{Broker: 2, Zone: "a", Bytes: 30, Replicas: 1, Leaders: 1, LeaderBytes: 30},
			{Broker: 3, Zone: "b", Bytes: 10, Replicas: 1},
			{Broker: 4, Zone: "b", Bytes: 20, Replicas: 1},
			{Broker: 5, Zone: "b"},
		},
		MaxOverMeanBytes:   60.0 / 45,
		MaxOverMeanLeaders: 2 / (3.0 / 4),
		ZoneViolations:     1,
		HeadroomViolations: 1,
	}
	if diff := cmp.Diff(want, Describe(f)); diff != "" {
		t.Error(diff)
	}
}

func TestMove(t *testing.T) {
	m := Move{Partition: Partition{Replicas: []int32{1, 2, 3}, Bytes: 7}, To: []int32{4, 2, 5}}
	if diff := cmp.Diff([]int32{4, 5}, m.Added()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int32{1, 3}, m.Removed()); diff != "" {
		t.Error(diff)
	}
	if m.Bytes() != 14 {
		t.Errorf("%d bytes", m.Bytes())
	}
}

// TestSkewed holds that the fleets of the benchmark are what their comment says.
func TestSkewed(t *testing.T) {
	f := Skewed(30, 20_000, 1)
	var largest, sum int64
	for _, p := range f.Partitions {
		largest = max(largest, p.Bytes)
		sum += p.Bytes
	}
	if ratio := float64(largest) * 20_000 / float64(sum); ratio < 130 || ratio > 160 {
		t.Errorf("the largest partition has %.0f times the mean", ratio)
	}
	figures := Describe(f)
	if figures.ZoneViolations+figures.HeadroomViolations > 0 || figures.MaxOverMeanBytes < 1.1 || figures.MaxOverMeanBytes > 2 {
		t.Errorf("%d zone violations, %d headroom violations, max over mean %.2f", figures.ZoneViolations, figures.HeadroomViolations, figures.MaxOverMeanBytes)
	}
	if diff := cmp.Diff(f, Skewed(30, 20_000, 1)); diff != "" {
		t.Error("the same seed gave another fleet")
	}
}
