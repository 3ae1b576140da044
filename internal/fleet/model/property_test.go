package model_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/model"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
)

// world runs a rollout on the model step by step, in any order that the planner allows, stopping and planning anew at any
// point, and checks every safety rule after every step.
type world struct {
	t     *rapid.T
	fleet *model.Fleet
	used  map[int32]bool
	moved map[plan.TopicPartition]int
}

func (w *world) fatal(s plan.Step, rule string) {
	w.t.Fatalf("%s\nat step: %s\n%s", rule, s, w.describe())
}

// describe says what a reader needs to see why.
func (w *world) describe() string {
	held := map[int32]int{}
	for _, p := range w.fleet.Partitions {
		for _, r := range p.Replicas {
			held[r]++
		}
	}
	var b strings.Builder
	for _, n := range w.fleet.Nodes {
		fmt.Fprintf(&b, "%s %d zone %s %s %s registered=%t fenced=%t cordoned=%t holds %d\n", n.Role, n.ID, n.Zone, n.SpecHash, n.State, n.Registered, n.Fenced, n.Cordoned, held[n.ID])
	}
	fmt.Fprintf(&b, "quorum: %+v", w.fleet.Quorum)
	return b.String()
}

func (w *world) node(id int32) (plan.Node, bool) {
	for _, n := range w.fleet.Nodes {
		if n.ID == id {
			return n, true
		}
	}
	return plan.Node{}, false
}

// before checks what must hold of a step right before it runs.
func (w *world) before(g plan.Group, s plan.Step) {
	n, known := w.node(s.NodeID)
	switch s.Kind {
	case plan.Launch:
		if w.used[s.NodeID] {
			w.fatal(s, "a node id is used again")
		}
		w.used[s.NodeID] = true
		if !slices.Contains(g.Zones, s.Zone) {
			w.fatal(s, "a node is launched in a zone that nobody asked for")
		}
	case plan.Stop, plan.Terminate, plan.Unregister:
		if !known {
			w.fatal(s, "a step for a node that does not exist")
		}
		for _, p := range w.fleet.Partitions {
			if slices.Contains(p.Replicas, s.NodeID) {
				w.fatal(s, "a node that holds a replica is taken away")
			}
		}
		if s.Kind == plan.Unregister && (!n.Fenced || n.Alive() && n.State == compute.StateRunning) {
			w.fatal(s, "a broker is unregistered before it is fenced")
		}
		if s.Kind == plan.Stop && n.Role == compute.RoleController && w.fleet.Quorum != nil {
			if _, voter := w.fleet.Quorum.Voters[s.NodeID]; voter {
				w.fatal(s, "a controller stops while it is a voter")
			}
		}
	case plan.Move:
		for _, m := range s.Moves {
			if len(m.From) != len(m.To) || len(slices.Compact(slices.Sorted(slices.Values(m.To)))) != len(m.To) {
				w.fatal(s, "a move changes the number of replicas")
			}
			for _, id := range m.Added() {
				if to, ok := w.node(id); !ok || !to.Ready() || to.Cordoned {
					w.fatal(s, fmt.Sprintf("a replica is put on node %d, which does not serve", id))
				}
				if to, _ := w.node(id); to.SpecHash != g.SpecHash && g.Count > 0 {
					w.fatal(s, fmt.Sprintf("a replica is put on node %d, which is about to leave", id))
				}
				w.moved[m.TopicPartition]++
			}
		}
	}
}

// after checks what must hold at every moment.
func (w *world) after(g plan.Group, s plan.Step, limit int) {
	alive := 0
	for _, n := range w.fleet.Nodes {
		if n.Group == g.Name && n.Alive() {
			alive++
		}
	}
	if alive > limit {
		w.fatal(s, fmt.Sprintf("%d nodes are alive, %d are allowed", alive, limit))
	}
	if q := w.fleet.Quorum; q != nil && g.Role == compute.RoleController {
		caughtUp := 0
		for id, ok := range q.Voters {
			if n, known := w.node(id); ok && known && n.State == compute.StateRunning {
				caughtUp++
			}
		}
		if 2*caughtUp <= len(q.Voters) && s.Kind != plan.Launch {
			w.fatal(s, "the quorum has lost its majority")
		}
	}
}

// run brings the group to its goal.
func (w *world) run(g plan.Group) {
	alive := 0
	for _, n := range w.fleet.Nodes {
		if n.Group == g.Name && n.Alive() {
			alive++
		}
	}
	limit := max(g.Count, alive) + g.MaxSurge + 3 // As many as replicas, where only one more node lets any leave.
	if alive > g.Count {
		limit += g.Count // Shrinking and replacing at once: new nodes come as they take over.
	}
	for round := 0; ; round++ {
		if round > 600 {
			w.t.Fatalf("the rollout of %+v does not end: %+v\n%s", g, plan.Next(g, w.fleet.Observation, w.fleet.Now), w.describe())
		}
		d := plan.Next(g, w.fleet.Observation, w.fleet.Now)
		if d.Done() {
			return
		}
		if d.Blocked != "" {
			w.t.Fatalf("blocked: %s", d.Blocked)
		}
		g.Filling = d.Filling
		// The provider may be killed after any of the steps: only a prefix of them happens.
		steps := d.Steps
		if len(steps) > 1 && rapid.Bool().Draw(w.t, "killed") {
			steps = steps[:rapid.IntRange(1, len(steps)-1).Draw(w.t, "after")]
		}
		for _, s := range steps {
			w.before(g, s)
			w.fleet.Apply(g, s)
			w.after(g, s, limit)
		}
		if len(steps) == 0 || rapid.Bool().Draw(w.t, "settle") {
			w.fleet.Settle()
		}
	}
}

func (w *world) lose(role compute.Role) {
	var candidates []int
	for i, n := range w.fleet.Nodes {
		if n.Role == role && n.Alive() {
			candidates = append(candidates, i)
		}
	}
	i := rapid.SampledFrom(candidates).Draw(w.t, "lost")
	w.fleet.Nodes[i].State = compute.StateStopped
	w.fleet.Settle()
}

// TestBrokerRolloutsAreSafeAndEnd: from any fleet to any other goal, with a node lost before, killed at any point, no rule is broken and the
// end is reached.
func TestBrokerRolloutsAreSafeAndEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zoneCount := rapid.IntRange(1, 4).Draw(t, "zones")
		count := rapid.IntRange(max(zoneCount, 1), 12).Draw(t, "brokers")
		rf := rapid.IntRange(1, min(3, count)).Draw(t, "rf")
		g := brokerGroup(count, zoneCount, "4.2.1")
		w := &world{t: t, fleet: model.New(plan.Observation{NextNodeID: 4, MetadataLevel: 29}, start), used: map[int32]bool{}, moved: map[plan.TopicPartition]int{}}
		w.run(g)
		fill(w.fleet, g, rapid.IntRange(0, 40).Draw(t, "partitions"), min(rf, count))

		if rf > 1 && count > rf && rapid.Bool().Draw(t, "lose one") {
			w.lose(compute.RoleBroker)
		}
		clear(w.moved)
		newZones := rapid.IntRange(1, 4).Draw(t, "new zones")
		next := brokerGroup(rapid.IntRange(max(newZones, rf), 12).Draw(t, "new brokers"), newZones, rapid.SampledFrom([]string{"4.2.1", "4.3.1"}).Draw(t, "new version"))
		next.MaxSurge = rapid.IntRange(1, 3).Draw(t, "surge")
		w.run(next)

		perZone := map[string]int{}
		for _, n := range w.fleet.Nodes {
			if n.SpecHash != next.SpecHash || !n.Ready() || n.Cordoned {
				t.Fatalf("node is not as wanted at the end: %+v", n)
			}
			perZone[n.Zone]++
		}
		if len(w.fleet.Nodes) != next.Count {
			t.Fatalf("%d nodes at the end, %d wanted", len(w.fleet.Nodes), next.Count)
		}
		for _, z := range next.Zones {
			if perZone[z] < next.Count/newZones || perZone[z] > (next.Count+newZones-1)/newZones {
				t.Fatalf("zones are uneven: %v", perZone)
			}
		}
		zoneOf := map[int32]string{}
		for _, n := range w.fleet.Nodes {
			zoneOf[n.ID] = n.Zone
		}
		for _, p := range w.fleet.Partitions {
			if p.InFlight() || len(p.OutOfSync()) > 0 || len(p.Replicas) != rf {
				t.Fatalf("partition is not whole at the end: %+v", p)
			}
			distinct := map[string]bool{}
			for _, r := range p.Replicas {
				distinct[zoneOf[r]] = true
			}
			if len(distinct) < min(rf, newZones) {
				t.Fatalf("partition %v has %d replicas in %d zones of %d", p.TopicPartition, rf, len(distinct), newZones)
			}
		}
		if w.fleet.Throttled || w.fleet.Rates {
			t.Fatal("a throttle is left at the end")
		}
		if d := plan.Next(next, w.fleet.Observation, w.fleet.Now); !d.Done() {
			t.Fatalf("not done at the end: %+v", d)
		}
	})
}

// TestARollMovesEachByteOnce: a new spec for every node copies each replica once, which is the least there is.
func TestARollMovesEachByteOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zoneCount := rapid.IntRange(1, 3).Draw(t, "zones")
		count := rapid.IntRange(zoneCount, 9).Draw(t, "brokers")
		rf := rapid.IntRange(1, min(3, zoneCount)).Draw(t, "rf")
		g := brokerGroup(count, zoneCount, "4.2.1")
		w := &world{t: t, fleet: model.New(plan.Observation{NextNodeID: 4, MetadataLevel: 29}, start), used: map[int32]bool{}, moved: map[plan.TopicPartition]int{}}
		w.run(g)
		fill(w.fleet, g, rapid.IntRange(0, 40).Draw(t, "partitions"), rf)
		w.run(g)
		clear(w.moved)
		next := brokerGroup(count, zoneCount, "4.3.1")
		next.MaxSurge = rapid.IntRange(1, 3).Draw(t, "surge")
		w.run(next)
		for tp, times := range w.moved {
			if times != rf {
				t.Fatalf("partition %v has %d replicas, and %d were copied", tp, rf, times)
			}
		}
	})
}

// TestControllerRolloutsAreSafeAndEnd does the same for the quorum.
func TestControllerRolloutsAreSafeAndEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.SampledFrom([]int{1, 3, 5}).Draw(t, "controllers")
		w := &world{t: t, fleet: model.New(plan.Observation{NextNodeID: 1}, start), used: map[int32]bool{}, moved: map[plan.TopicPartition]int{}}
		w.run(controllerGroup(count, "4.2.1"))
		if count > 1 && rapid.Bool().Draw(t, "lose one") {
			w.lose(compute.RoleController)
		}
		next := controllerGroup(rapid.SampledFrom([]int{1, 3, 5}).Draw(t, "new controllers"), rapid.SampledFrom([]string{"4.2.1", "4.3.1"}).Draw(t, "new version"))
		w.run(next)
		if len(w.fleet.Quorum.Voters) != next.Count || len(w.fleet.Nodes) != next.Count {
			t.Fatalf("%d voters and %d nodes at the end, %d wanted", len(w.fleet.Quorum.Voters), len(w.fleet.Nodes), next.Count)
		}
		for _, n := range w.fleet.Nodes {
			if _, voter := w.fleet.Quorum.Voters[n.ID]; !voter || n.SpecHash != next.SpecHash {
				t.Fatalf("node is not as wanted at the end: %+v", n)
			}
		}
	})
}

// TestTopicsComeToTheirGroup: whichever of two groups is applied first, and wherever either run is cut off, each topic ends on the brokers of
// its group, each replica that was elsewhere is copied once, and no other is copied.
func TestTopicsComeToTheirGroup(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rf := rapid.IntRange(1, 3).Draw(t, "rf")
		groups := []plan.Group{brokerGroup(rapid.IntRange(3, 6).Draw(t, "main"), 3, "4.3.1"), brokerGroup(rapid.IntRange(3, 6).Draw(t, "events"), 3, "4.3.1")}
		groups[1].Name = "events"
		w := &world{t: t, fleet: model.New(plan.Observation{NextNodeID: 4, MetadataLevel: 30}, start), used: map[int32]bool{}, moved: map[plan.TopicPartition]int{}}
		for _, g := range groups {
			w.run(g)
		}
		groupOf := map[int32]string{}
		for _, n := range w.fleet.Nodes {
			groupOf[n.ID] = n.Group
		}
		fill(w.fleet, groups[0], rapid.IntRange(0, 30).Draw(t, "partitions"), rf) // Over the brokers of both, as Kafka does it.
		away := map[plan.TopicPartition]int{}
		for i := range w.fleet.Partitions {
			p := &w.fleet.Partitions[i]
			p.Group = rapid.SampledFrom([]string{"main", "events"}).Draw(t, "owner")
			for _, r := range p.Replicas {
				if groupOf[r] != p.Group {
					away[p.TopicPartition]++
				}
			}
		}
		clear(w.moved)
		if rapid.Bool().Draw(t, "events first") {
			slices.Reverse(groups)
		}
		for _, g := range groups {
			g.Rebalance.NotOnScaleOut = true
			w.run(g)
		}
		for _, p := range w.fleet.Partitions {
			for _, r := range p.Replicas {
				if groupOf[r] != p.Group {
					t.Fatalf("partition %v of group %s has a replica on broker %d of group %s", p.TopicPartition, p.Group, r, groupOf[r])
				}
			}
			if w.moved[p.TopicPartition] != away[p.TopicPartition] {
				t.Fatalf("partition %v had %d replicas elsewhere, and %d were copied", p.TopicPartition, away[p.TopicPartition], w.moved[p.TopicPartition])
			}
		}
	})
}

// TestAScaleOutIsFinishedByTheNextRun: a run that ends in the middle of filling the new brokers is continued by the next one, which does
// not know what the one before it has begun.
func TestAScaleOutIsFinishedByTheNextRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, fleet: model.New(plan.Observation{NextNodeID: 4, MetadataLevel: 30}, start), used: map[int32]bool{}, moved: map[plan.TopicPartition]int{}}
		w.run(brokerGroup(3, 3, "4.3.1"))
		fill(w.fleet, brokerGroup(3, 3, "4.3.1"), 300, 3)
		g := brokerGroup(6, 3, "4.3.1")
		g.BatchBytes = 20 << 20
		for i, rounds := 0, rapid.IntRange(1, 30).Draw(t, "rounds of the first run"); i < rounds; i++ {
			d := plan.Next(g, w.fleet.Observation, w.fleet.Now)
			for _, s := range d.Steps {
				w.fleet.Apply(g, s)
			}
			g.Filling = d.Filling
			w.fleet.Settle()
		}
		g.Filling = nil
		w.run(g)
		held := map[int32]int64{}
		var sum int64
		for _, p := range w.fleet.Partitions {
			for _, r := range p.Replicas {
				held[r] += p.Bytes
				sum += p.Bytes
			}
		}
		for _, n := range w.fleet.Nodes {
			if part := sum / 6; held[n.ID]*10 < part*8 || held[n.ID]*10 > part*12 {
				t.Fatalf("broker %d holds %d bytes, an equal part is %d: %v", n.ID, held[n.ID], part, held)
			}
		}
	})
}
