package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
)

// alone makes the first partition's only replica that of broker 4, which leads it.
func alone(o *plan.Observation) *plan.Partition {
	p := &o.Partitions[0]
	p.Replicas, p.ISR, p.Leader = []int32{4}, []int32{4}, 4
	return p
}

// stranded is a partition of which only broker 4 has all, and that broker is lost.
func stranded(o *plan.Observation) *plan.Partition {
	p := alone(o)
	lose(o, 4)
	p.ISR, p.Leader = []int32{4}, -1
	return p
}

func hang(n *plan.Node) { n.Fenced, n.Answering, n.SuspectSince = true, false, noon }

// TestLosses: what is lost with node 4 is what nobody else has or can bring back.
func TestLosses(t *testing.T) {
	const everything = "t-0 (100B): everything"
	cases := map[string]struct {
		change func(*plan.Observation)
		want   string
	}{
		"others are in sync":  {func(o *plan.Observation) { lose(o, 4) }, ""},
		"it serves":           {func(o *plan.Observation) { alone(o) }, ""},
		"its machine stopped": {func(o *plan.Observation) { stranded(o) }, everything},
		"its machine is gone": {func(o *plan.Observation) { stranded(o); o.Nodes[0].InstanceID = "" }, everything},
		"nobody says how much": {func(o *plan.Observation) { stranded(o).Bytes = 0 },
			"t-0 (its size is not known): everything"},
		"Kafka names no replica in sync": {func(o *plan.Observation) { stranded(o).ISR = nil }, everything},
		"it hangs":                       {func(o *plan.Observation) { alone(o).Leader = -1; hang(&o.Nodes[0]) }, everything},
		"it stopped this moment, and Kafka has not noticed": {func(o *plan.Observation) {
			alone(o)
			o.Nodes[0].State, o.Nodes[0].Answering = compute.StateStopped, false
		}, everything},
		"it hangs since this moment, and nobody has noticed": {func(o *plan.Observation) { alone(o); o.Nodes[0].Answering = false }, everything},
		"a disk of it failed":                                {func(o *plan.Observation) { alone(o).Leader = -1; o.Nodes[0].OfflineDirs = 1 }, everything},
		"a moment before its election":                       {func(o *plan.Observation) { alone(o).Leader = -1 }, ""},
		"others are behind":                                  {func(o *plan.Observation) { stranded(o).Replicas = []int32{6, 4, 5} }, "t-0 (100B): what broker 6 had not copied yet"},
		"one is behind, the other away": {func(o *plan.Observation) { stranded(o).Replicas = []int32{6, 4, 5}; hang(&o.Nodes[2]) },
			"t-0 (100B): what broker 5 had not copied yet"},
		"one is just being added": {func(o *plan.Observation) {
			p := stranded(o)
			p.Replicas, p.Adding, p.Removing = []int32{5, 4}, []int32{5}, []int32{4}
		},
			"t-0 (100B): everything but what broker 5, which is just being added, has copied"},
		"another in sync may come back": {func(o *plan.Observation) {
			p := stranded(o)
			p.Replicas, p.ISR = []int32{4, 5}, []int32{4, 5}
			hang(&o.Nodes[1])
		}, ""},
		"another that may be in sync may come back": {func(o *plan.Observation) {
			p := stranded(o)
			p.Replicas, p.ISR = []int32{4, 5}, nil
			hang(&o.Nodes[1])
		}, ""},
		"another in sync hangs for long, and nobody has given up that one": {func(o *plan.Observation) {
			p := stranded(o)
			p.Replicas, p.ISR = []int32{4, 5}, []int32{4, 5}
			hang(&o.Nodes[1])
			o.Nodes[1].SuspectSince = noon.Add(-groupOf(3).Failure.Grace)
		}, ""},
		"another in sync never comes back": {func(o *plan.Observation) {
			p := stranded(o)
			lose(o, 5)
			p.Replicas, p.ISR, p.Leader = []int32{4, 5}, []int32{4, 5}, -1
		}, everything},
		"what another lost one has is not its": {func(o *plan.Observation) {
			p := stranded(o)
			lose(o, 5)
			p.Replicas, p.ISR, p.Leader = []int32{4, 5}, []int32{5}, -1
		}, ""},
		"Kafka does not answer": {func(o *plan.Observation) { stranded(o); o.KafkaUp = false }, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			o := fleetOf(3)
			c.change(&o)
			g := groupOf(3)
			if got := plan.Losses(g, o, noon); len(got) > 0 {
				t.Errorf("nothing is forsaken, and lost: %v", got)
			}
			g.Forsake = []int32{4}
			var got []string
			for _, l := range plan.Losses(g, o, noon) {
				got = append(got, l.String())
			}
			if text := strings.Join(got, "\n"); text != c.want {
				t.Errorf("%q, want %q", text, c.want)
			}
		})
	}
}

// TestForsakenNodesHaveNoGrace, and one that serves is not lost by it.
func TestForsakenNodesHaveNoGrace(t *testing.T) {
	o := fleetOf(3)
	g := groupOf(3)
	g.Forsake = []int32{4, 5}
	hang(&o.Nodes[0])
	hang(&o.Nodes[2])
	for i, want := range []string{"lost: hung", "ready", "suspect: hung"} {
		if got := g.Condition(o.Nodes[i], o, noon).String(); got != want {
			t.Errorf("node %d is %s, want %s", o.Nodes[i].ID, got, want)
		}
	}
}

// replaced is a fleet of three in which node 7 came for node 4, of which it is the only one to have partition t-0.
func replaced() (plan.Group, plan.Observation) {
	o := fleetOf(3)
	o.Nodes = append(o.Nodes, served(7, "a"))
	o.Nodes[3].Replaces, o.NextNodeID = 4, 8
	stranded(&o)
	return groupOf(3), o
}

// TestWhatOnlyALostNodeHasIsNotGivenUpUnasked: all else moves first, and then the block names the partition and the way out.
func TestWhatOnlyALostNodeHasIsNotGivenUpUnasked(t *testing.T) {
	for name, change := range map[string]func(*plan.Group, *plan.Partition){
		"nobody asked":             func(*plan.Group, *plan.Partition) {},
		"forsaken, not given up":   func(g *plan.Group, _ *plan.Partition) { g.Forsake = []int32{4} },
		"another one is":           func(g *plan.Group, _ *plan.Partition) { g.GiveUp = []int32{5} },
		"a live replica is behind": func(_ *plan.Group, p *plan.Partition) { p.Replicas = []int32{4, 5} },
		"it was being moved": func(_ *plan.Group, p *plan.Partition) {
			p.Replicas, p.Adding, p.Removing = []int32{7, 4}, []int32{7}, []int32{4}
		},
	} {
		t.Run(name, func(t *testing.T) {
			g, o := replaced()
			change(&g, &o.Partitions[0])
			d := plan.Next(g, o, noon)
			if d.Blocked != "" || len(d.Steps) != 1 || d.Steps[0].Kind != plan.Move || len(d.Steps[0].Moves) != 2 {
				t.Fatalf("%v, blocked by %q", texts(d), d.Blocked)
			}
			for i := range o.Partitions[1:] {
				p := &o.Partitions[1+i]
				p.Replicas, p.ISR, p.Leader = []int32{5, 6, 7}, []int32{5, 6, 7}, 5
			}
			d = plan.Next(g, o, noon)
			for _, want := range []string{"partition t-0 cannot be copied: all of it is on broker 4 alone", "its machine is stopped", "kafkafleet_replace_node with node_id = 4 and force = true"} {
				if len(d.Steps) > 0 || !strings.Contains(d.Blocked, want) {
					t.Errorf("%v, blocked by %q, want %q", texts(d), d.Blocked, want)
				}
			}
		})
	}
}

// TestABrokerThatMayComeBackIsWaitedFor with what only it has.
func TestABrokerThatMayComeBackIsWaitedFor(t *testing.T) {
	g, o := replaced()
	p := &o.Partitions[0]
	p.Replicas, p.ISR = []int32{4, 5}, []int32{4, 5}
	hang(&o.Nodes[1])
	d := plan.Next(g, o, noon)
	if d.Blocked != "" || !slices.ContainsFunc(d.Waiting, func(w string) bool { return strings.Contains(w, "partition t-0 has no leader until broker 5 is back") }) {
		t.Errorf("%v, waiting for %v, blocked by %q", texts(d), d.Waiting, d.Blocked)
	}
}

// TestGivingUp: a live replica leads at once, and where there is none, the successor gets one first and leads then.
func TestGivingUp(t *testing.T) {
	cases := map[string]struct {
		change func(*plan.Partition)
		want   []string
	}{
		"a live replica": {func(p *plan.Partition) { p.Replicas = []int32{4, 5, 6} }, []string{
			"elect unclean leaders of 1 partition: only node 4 has all of them, and it is given up", "move 2 partitions from node 4 to node 7 (200B): its machine is stopped",
		}},
		"none":          {func(*plan.Partition) {}, []string{"move 3 partitions from node 4 to node 7 (300B): its machine is stopped"}},
		"none any more": {func(p *plan.Partition) { p.Replicas, p.ISR = []int32{4, 99}, nil }, []string{"move 3 partitions from node 4 to node 7 (300B): its machine is stopped"}},
		"the successor's, empty": {func(p *plan.Partition) { p.Replicas, p.Adding, p.Removing = []int32{7, 4}, []int32{7}, []int32{4} }, []string{
			"elect unclean leaders of 1 partition: only node 4 has all of them, and it is given up", "move 2 partitions from node 4 to node 7 (200B): its machine is stopped",
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			g, o := replaced()
			g.Replace, g.Forsake, g.GiveUp = []int32{4}, []int32{4}, []int32{4}
			c.change(&o.Partitions[0])
			d := plan.Next(g, o, noon)
			if diff := cmp.Diff(c.want, texts(d)); diff != "" {
				t.Errorf("%s\nblocked by %q", diff, d.Blocked)
			}
		})
	}
}

// TestAMoveThatKafkaDoesNotEndIsAskedForAgain, once what it waits for is there.
func TestAMoveThatKafkaDoesNotEndIsAskedForAgain(t *testing.T) {
	g, o := replaced()
	p := &o.Partitions[0]
	p.Replicas, p.Adding, p.Removing, p.Leader, p.ISR = []int32{7, 4}, []int32{7}, []int32{4}, 7, []int32{7}
	d := plan.Next(g, o, noon)
	if len(d.Steps) == 0 || d.Steps[0].Kind != plan.Reorder || !slices.Equal(d.Steps[0].Moves[0].To, []int32{7}) || len(d.Steps[0].Moves[0].Added()) > 0 {
		t.Errorf("%v", texts(d))
	}
	o.Nodes[0] = served(4, "a")
	if d = plan.Next(g, o, noon); slices.ContainsFunc(d.Steps, func(s plan.Step) bool { return s.Kind == plan.Reorder }) {
		t.Errorf("of a broker that is not lost: %v", texts(d))
	}
}

// TestKafkaElectsNobodyWhereItStillSeesALeader: the election is due when it does not any more.
func TestKafkaElectsNobodyWhereItStillSeesALeader(t *testing.T) {
	g, o := replaced()
	g.Replace, g.Forsake, g.GiveUp = []int32{4}, []int32{4}, []int32{4}
	o.Partitions[0].Replicas, o.Partitions[0].Leader = []int32{4, 5}, 4
	d := plan.Next(g, o, noon)
	if slices.ContainsFunc(d.Steps, func(s plan.Step) bool { return s.Kind == plan.ElectUnclean }) || !strings.Contains(strings.Join(d.Waiting, ";"), "has not noticed yet that broker 4") {
		t.Errorf("%v, waiting for %v", texts(d), d.Waiting)
	}
}

// TestALostBrokerThatStillLeadsIsCopiedFrom: its agent is silent, and Kafka serves what only it has.
func TestALostBrokerThatStillLeadsIsCopiedFrom(t *testing.T) {
	o := fleetOf(3)
	o.Nodes = append(o.Nodes, served(7, "a"))
	o.Nodes[3].Replaces, o.NextNodeID = 4, 8
	alone(&o)
	o.Nodes[0].Silent, o.Nodes[0].SuspectSince = true, noon.Add(-groupOf(3).Failure.Grace)
	d := plan.Next(groupOf(3), o, noon)
	if len(d.Steps) == 0 || d.Steps[len(d.Steps)-1].Kind != plan.Move || len(d.Steps[len(d.Steps)-1].Moves) != 3 {
		t.Errorf("%v, waiting for %v, blocked by %q", texts(d), d.Waiting, d.Blocked)
	}
}

// TestGateOfGivingUp: an unclean election is never made without the force for exactly that node, nor where anybody may lead.
func TestGateOfGivingUp(t *testing.T) {
	cases := map[string]struct {
		change func(*plan.Group, *plan.Observation)
		shut   string
	}{
		"given up":                 {func(*plan.Group, *plan.Observation) {}, ""},
		"nobody asked":             {func(g *plan.Group, _ *plan.Observation) { g.GiveUp = nil }, "nobody has said that what only node 4 has may be lost"},
		"forsaken alone":           {func(g *plan.Group, _ *plan.Observation) { g.GiveUp, g.Forsake = nil, []int32{4} }, "nobody has said"},
		"for another node":         {func(g *plan.Group, _ *plan.Observation) { g.GiveUp = []int32{5} }, "nobody has said"},
		"there is a leader again":  {func(_ *plan.Group, o *plan.Observation) { o.Partitions[0].Leader, o.Partitions[0].ISR = 5, []int32{5} }, "t-0 has a leader"},
		"it is back":               {func(_ *plan.Group, o *plan.Observation) { o.Nodes[0] = served(4, "a") }, "t-0 has a leader"},
		"Kafka still sees it lead": {func(_ *plan.Group, o *plan.Observation) { o.Partitions[0].Leader = 4 }, "t-0 has a leader"},
		"another one has it":       {func(_ *plan.Group, o *plan.Observation) { o.Partitions[0].ISR = []int32{4, 5} }, "t-0 has a leader"},
		"Kafka does not answer":    {func(_ *plan.Group, o *plan.Observation) { o.KafkaUp, o.Partitions = false, nil }, "t-0 has a leader"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			g, o := replaced()
			o.Partitions[0].Replicas = []int32{4, 5}
			g.GiveUp = []int32{4}
			c.change(&g, &o)
			step := plan.Step{Kind: plan.ElectUnclean, NodeID: 4, Partitions: []plan.TopicPartition{{Topic: "t"}}}
			if why := plan.Gate(g, o, step, noon); (c.shut == "") != (why == "") || !strings.Contains(why, c.shut) {
				t.Errorf("%q, want %q", why, c.shut)
			}
		})
	}
	g, o := replaced()
	o.Partitions[0].Replicas, g.Off = []int32{4, 5}, []plan.Guard{plan.GuardGiveUp}
	d := plan.Next(g, o, noon)
	if len(d.Steps) == 0 || d.Steps[0].Kind != plan.ElectUnclean || plan.Gate(g, o, d.Steps[0], noon) != "" {
		t.Errorf("without the guard nothing is given up: %v", texts(d))
	}
	if !plan.ElectUnclean.Irreversible() {
		t.Error("an election that loses data is not looked at once more")
	}
}
