package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
)

// TestGate: each guard keeps shut what it is for, and is the one that does.
func TestGate(t *testing.T) {
	drained := func(o *plan.Observation) {
		for i := range o.Partitions {
			p := &o.Partitions[i]
			p.Replicas = slices.DeleteFunc(slices.Clone(p.Replicas), func(id int32) bool { return id == 4 })
			p.ISR = p.Replicas
		}
	}
	cases := map[string]struct {
		step   plan.Step
		change func(*plan.Observation)
		shut   string
		by     plan.Guard
	}{
		"stop a broker with replicas":      {plan.Step{Kind: plan.Stop, NodeID: 4}, func(*plan.Observation) {}, "has a replica on node 4", plan.GuardEmpty},
		"terminate one":                    {plan.Step{Kind: plan.Terminate, NodeID: 4}, func(o *plan.Observation) { o.Nodes[0].Fenced = true }, "has a replica on node 4", plan.GuardEmpty},
		"stop one when Kafka is down":      {plan.Step{Kind: plan.Stop, NodeID: 4}, func(o *plan.Observation) { o.KafkaUp, o.Partitions = false, nil }, "nobody knows what node 4 holds", plan.GuardEmpty},
		"stop an empty one":                {plan.Step{Kind: plan.Stop, NodeID: 4}, drained, "", ""},
		"stop one while others are behind": {plan.Step{Kind: plan.Stop, NodeID: 4}, func(o *plan.Observation) { drained(o); o.Partitions[0].ISR = o.Partitions[0].ISR[:1] }, "is not in sync", plan.GuardSync},
		"unregister an unfenced broker":    {plan.Step{Kind: plan.Unregister, NodeID: 4}, drained, "has not fenced broker 4", plan.GuardFence},
		"terminate an unfenced broker":     {plan.Step{Kind: plan.Terminate, NodeID: 4}, drained, "not fenced", plan.GuardFence},
		"stop a stranger to everybody":     {plan.Step{Kind: plan.Stop, NodeID: 99}, func(*plan.Observation) {}, "nobody knows a node 99", ""},
		"move to a broker that is fenced": {plan.Step{Kind: plan.Move, Moves: []plan.Reassignment{{From: []int32{4}, To: []int32{5}}}},
			func(o *plan.Observation) { o.Nodes[1].Fenced = true }, "does not serve", plan.GuardReceiver},
		"move to a broker that is full": {plan.Step{Kind: plan.Move, Moves: []plan.Reassignment{{From: []int32{4}, To: []int32{5}, Bytes: 10 << 20}}},
			func(o *plan.Observation) { o.Nodes[1].FreeBytes = 1 << 20 }, "node 5 would get 10MiB and has room for 1MiB", plan.GuardReceiver},
		"move to nobody": {plan.Step{Kind: plan.Move, Moves: []plan.Reassignment{{From: []int32{4}, To: []int32{99}}}}, func(*plan.Observation) {}, "nobody knows a node 99", plan.GuardReceiver},
		"move":           {plan.Step{Kind: plan.Move, Moves: []plan.Reassignment{{From: []int32{4}, To: []int32{5}}}}, func(*plan.Observation) {}, "", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			o := fleetOf(3)
			c.change(&o)
			g := groupOf(3)
			why := plan.Gate(g, o, c.step, noon)
			if (c.shut == "") != (why == "") || !strings.Contains(why, c.shut) {
				t.Errorf("%q, want %q", why, c.shut)
			}
			if c.by == "" {
				return
			}
			if g.Off = []plan.Guard{c.by}; plan.Gate(g, o, c.step, noon) != "" {
				t.Errorf("without the guard %q it stays shut: %s", c.by, plan.Gate(g, o, c.step, noon))
			}
		})
	}
}

// TestGateOfTheQuorum: voters are neither stopped nor removed when the others could not go on.
func TestGateOfTheQuorum(t *testing.T) {
	o := plan.Observation{Quorum: &plan.Quorum{Leader: 1, Voters: map[int32]bool{1: true, 2: true, 3: false}, Observers: map[int32]bool{}}}
	for id := range int32(3) {
		o.Nodes = append(o.Nodes, plan.Node{ID: id + 1, Role: compute.RoleController, Group: compute.ControllersGroup, InstanceID: "i", State: compute.StateRunning})
	}
	g := plan.Group{Role: compute.RoleController, Count: 3}
	for _, c := range []struct {
		kind plan.Kind
		id   int32
		shut bool
		by   plan.Guard
	}{{plan.Stop, 2, true, plan.GuardVoter}, {plan.Terminate, 3, true, plan.GuardVoter}, {plan.RemoveVoter, 2, true, plan.GuardMajority}, {plan.RemoveVoter, 3, false, ""}} {
		step := plan.Step{Kind: c.kind, NodeID: c.id}
		g.Off = nil
		if why := plan.Gate(g, o, step, noon); (why != "") != c.shut {
			t.Errorf("%s: %q", step, why)
		}
		if g.Off = []plan.Guard{c.by}; plan.Gate(g, o, step, noon) != "" {
			t.Errorf("%s without %q: %s", step, c.by, plan.Gate(g, o, step, noon))
		}
	}
	o.Quorum = nil
	g.Off = nil
	for _, kind := range []plan.Kind{plan.Stop, plan.Terminate, plan.RemoveVoter} {
		if plan.Gate(g, o, plan.Step{Kind: kind, NodeID: 3}, noon) == "" {
			t.Errorf("%s, and nobody knows who votes", kind)
		}
	}
}
