package model_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/model"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
)

// TestOneNodeIsReplacedAlone: whatever state a rollout was left in, and whatever is lost with the node, a run about it alone ends with one node
// fewer and one more, in its zone, every partition led, and nothing else touched. It is killed and goes on at any point.
func TestOneNodeIsReplacedAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zoneCount := rapid.IntRange(1, 3).Draw(t, "zones")
		count := rapid.IntRange(max(zoneCount, 2), 9).Draw(t, "brokers")
		old := brokerGroup(count, zoneCount, "4.2.1")
		w := &world{t: t, fleet: model.New(plan.Observation{NextNodeID: 4, MetadataLevel: 29}, start), used: map[int32]bool{}, moved: map[plan.TopicPartition]int{}}
		w.run(old)
		fill(w.fleet, old, rapid.IntRange(1, 30).Draw(t, "partitions"), rapid.IntRange(1, min(3, count)).Draw(t, "rf"))
		next := brokerGroup(count, zoneCount, "4.3.1")
		for range rapid.IntRange(0, 12).Draw(t, "rounds of a rollout") {
			for _, s := range plan.Next(next, w.fleet.Observation, w.fleet.Now).Steps {
				w.fleet.Apply(next, s)
			}
			if rapid.Bool().Draw(t, "time passes") {
				w.fleet.Settle()
			}
		}
		w.fleet.Settle()
		named := rapid.SampledFrom(w.fleet.Nodes).Draw(t, "named")
		g := brokerGroup(1, zoneCount, "replacement")
		g.Only, g.Replace, g.Failure.Grace = true, []int32{named.ID}, 5*time.Minute
		sole := map[plan.TopicPartition]bool{}
		if rapid.Bool().Draw(t, "lost") {
			force(t, w.fleet, &g, named.ID, sole)
		}
		before := map[int32]plan.Node{}
		for _, n := range w.fleet.Nodes {
			before[n.ID] = n
		}
		elected := runAlone(t, w, g)
		for tp := range elected {
			if !sole[tp] {
				t.Fatalf("%v was given up, and others had it", tp)
			}
		}
		untouched(t, w.fleet, before, named)
	})
}

// force loses a node by force: its machine stops, or hangs, and of some of its partitions it has the only replica in sync.
func force(t *rapid.T, f *model.Fleet, g *plan.Group, id int32, sole map[plan.TopicPartition]bool) {
	g.Forsake, g.GiveUp = g.Replace, g.Replace
	for i := range f.Nodes {
		if n := &f.Nodes[i]; n.ID == id {
			n.Fenced, n.Answering, n.SuspectSince = true, false, f.Now
			if rapid.Bool().Draw(t, "stopped") {
				n.State = compute.StateStopped
			}
		}
	}
	for i := range f.Partitions {
		p := &f.Partitions[i]
		others := slices.DeleteFunc(slices.Clone(p.ISR), func(o int32) bool { return o == id })
		switch {
		case !slices.Contains(p.Replicas, id):
		case len(others) == 0 || rapid.Bool().Draw(t, "alone"):
			p.ISR, p.Leader, sole[p.TopicPartition] = []int32{id}, -1, true
		default:
			p.ISR, p.Leader = others, others[0]
		}
	}
}

// runAlone runs the group to its goal and returns the partitions of its unclean elections.
func runAlone(t *rapid.T, w *world, g plan.Group) map[plan.TopicPartition]bool {
	elected := map[plan.TopicPartition]bool{}
	w.fleet.Take(g)
	for round := 0; ; round++ {
		d := plan.Next(g, w.fleet.Observation, w.fleet.Now)
		if d.Done() {
			return elected
		}
		if d.Blocked != "" || round > 300 {
			t.Fatalf("after %d rounds: %+v\n%s", round, d, w.describe())
		}
		steps := d.Steps
		if len(steps) > 1 && rapid.Bool().Draw(t, "killed") {
			steps = steps[:rapid.IntRange(1, len(steps)-1).Draw(t, "after")]
		}
		for _, s := range steps {
			if why := plan.Gate(g, w.fleet.Observation, s, w.fleet.Now); why != "" {
				t.Fatalf("%s: the gate is shut: %s", s, why)
			}
			w.before(plan.Group{Zones: g.Zones}, s)
			if s.NodeID != 0 && s.NodeID != g.Replace[0] && !slices.ContainsFunc(w.fleet.Nodes, func(n plan.Node) bool { return n.ID == s.NodeID && n.Replaces == g.Replace[0] }) && s.Kind != plan.Launch {
				t.Fatalf("%s: it is about another node", s)
			}
			if s.Kind == plan.ElectUnclean {
				for _, tp := range s.Partitions {
					elected[tp] = true
				}
			}
			w.fleet.Apply(g, s)
		}
		if len(steps) == 0 || rapid.Bool().Draw(t, "settle") {
			w.fleet.Settle()
		}
	}
}

// untouched checks that the others are as they were, that one has come for the named node, and that all is whole.
func untouched(t *rapid.T, f *model.Fleet, before map[int32]plan.Node, named plan.Node) {
	zones := map[string]int{named.Zone: 1} // The named one's place is taken by another.
	for _, n := range before {
		zones[n.Zone]--
		if n.Replaces == named.ID {
			zones[n.Zone]++ // It was there for that already.
		}
	}
	for _, n := range f.Nodes {
		old, there := before[n.ID]
		switch {
		case n.ID == named.ID:
			t.Fatalf("node %d is still there", n.ID)
		case there && (n.SpecHash != old.SpecHash || n.Cordoned != old.Cordoned && n.Replaces != named.ID || n.State != old.State):
			t.Fatalf("node %d was %+v and is %+v", n.ID, old, n)
		}
		zones[n.Zone]++
		delete(before, n.ID)
	}
	zones[named.Zone]--
	for zone, difference := range zones {
		if difference != 0 || len(before) != 1 {
			t.Fatalf("zone %s has %d nodes more than before; gone are %v", zone, difference, before)
		}
	}
	for _, p := range f.Partitions {
		if p.Leader < 0 || slices.Contains(p.Replicas, named.ID) || len(p.OutOfSync()) > 0 {
			t.Fatalf("not whole: %+v", p)
		}
	}
}
