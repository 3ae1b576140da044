package plan_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
)

// only is a run about some nodes alone, whose replacements get the spec "s".
func only(ids ...int32) plan.Group {
	g := groupOf(0)
	g.Only, g.Replace, g.Count = true, ids, 1
	return g
}

// torn is a group of six with everything about it that a rollout would mend: node 5 of an old spec, cordoned, with node 10 there for it, node 6 in a
// zone that it has too many of, node 7 of an old spec, node 8 on a machine that goes away.
func torn() plan.Observation {
	o := fleetOf(6)
	o.Nodes[1].SpecHash, o.Nodes[1].Cordoned = "old", true
	o.Nodes = append(o.Nodes, served(10, "b"))
	o.Nodes[6].Replaces = 5
	o.Nodes[2].Zone = "a"
	o.Nodes[3].SpecHash = "old"
	o.Nodes[4].Maintenance = "tomorrow"
	o.NextNodeID = 11
	return o
}

// TestOnlyTheNamedNodeIsReplaced, whatever else is to be done to the group.
func TestOnlyTheNamedNodeIsReplaced(t *testing.T) {
	ghost := func(o *plan.Observation) {
		o.Nodes = append(o.Nodes, plan.Node{ID: 3, Role: compute.RoleBroker, Zone: "c", Registered: true, Fenced: true})
		slices.SortFunc(o.Nodes, func(a, b plan.Node) int { return int(a.ID - b.ID) })
	}
	come := func(o *plan.Observation) {
		o.Nodes = append(o.Nodes, served(11, "a"))
		o.Nodes[len(o.Nodes)-1].Replaces, o.NextNodeID = 4, 12
	}
	cases := map[string]struct {
		named  int32
		change func(*plan.Observation)
		want   []string
		waits  string
	}{
		"a healthy one":    {4, func(*plan.Observation) {}, []string{"launch node 11 in zone a: replaces node 4: it is named to be replaced"}, ""},
		"of another spec":  {7, func(*plan.Observation) {}, []string{"launch node 11 in zone a: replaces node 7: it is named to be replaced"}, ""},
		"a lost one":       {4, func(o *plan.Observation) { lose(o, 4) }, []string{"launch node 11 in zone a: replaces node 4: its machine is stopped"}, ""},
		"one that is gone": {99, func(*plan.Observation) {}, nil, ""},
		"nobody":           {99, func(o *plan.Observation) { lose(o, 4, 5, 6, 7, 8, 9, 10) }, nil, ""},
		"one of many lost": {4, func(o *plan.Observation) { lose(o, 4, 6, 7, 8, 9) }, []string{"launch node 11 in zone a: replaces node 4: its machine is stopped"}, ""},
		"beside a ghost":   {4, ghost, []string{"launch node 11 in zone a: replaces node 4: it is named to be replaced"}, ""},
		"the ghost":        {3, ghost, []string{"launch node 11 in zone c: replaces node 3: its machine is gone"}, ""},
		"it has been launched": {4, come, []string{
			"cordon node 4: it is named to be replaced", "move 3 partitions from node 4 (300B): it is named to be replaced",
		}, ""},
		"its successor is of another spec": {4, func(o *plan.Observation) { come(o); o.Nodes[7].SpecHash = "new" }, []string{
			"cordon node 4: it is named to be replaced", "move 3 partitions from node 4 (300B): it is named to be replaced",
		}, ""},
		"its successor is lost": {4, func(o *plan.Observation) { come(o); lose(o, 11) }, []string{"launch node 12 in zone a: replaces node 11: its machine is stopped"}, ""},
		"while another one is suspect": {4, func(o *plan.Observation) { come(o); o.Nodes[5].Fenced = true }, nil,
			"node 9 is suspect"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			o := torn()
			c.change(&o)
			d := plan.Next(only(c.named), o, noon)
			if diff := cmp.Diff(c.want, texts(d)); diff != "" {
				t.Errorf("%s\nblocked by %q, waiting for %v", diff, d.Blocked, d.Waiting)
			}
			if c.waits == "" && c.want == nil && !d.Done() || !strings.Contains(strings.Join(d.Waiting, ";"), c.waits) {
				t.Errorf("it waits for %v, blocked by %q", d.Waiting, d.Blocked)
			}
		})
	}
}

// TestTwoThatCameForOneBothStay: the one that was lost when the other was launched is back. Which of them is too many is for the next apply to say,
// and of the others none is.
func TestTwoThatCameForOneBothStay(t *testing.T) {
	o := torn()
	o.Nodes = append(o.Nodes, served(11, "a"), served(12, "a"))
	o.Nodes[7].Replaces, o.Nodes[8].Replaces, o.NextNodeID = 4, 4, 13
	for i := range o.Partitions {
		p := &o.Partitions[i]
		p.Replicas = slices.Clone(p.Replicas)
		for at, id := range p.Replicas {
			if id == 4 {
				p.Replicas[at] = 11
			}
		}
		p.ISR, p.Leader = p.Replicas, p.Replicas[0]
	}
	if d := plan.Next(only(4), o, noon); !slices.Equal(texts(d), []string{"stop node 4: it holds no replica; it is named to be replaced"}) {
		t.Errorf("%v", texts(d))
	}
}

// TestOthersMayMoveAndLeadAsTheyDo: neither a move of theirs nor a leader that is not the preferred one is this run's.
func TestOthersMayMoveAndLeadAsTheyDo(t *testing.T) {
	o := torn()
	p := &o.Partitions[4] // On 8, 9 and 4.
	p.Replicas, p.ISR = []int32{8, 9, 7}, []int32{8, 9, 7}
	p.Adding, p.Removing, p.Replicas = []int32{10}, []int32{9}, []int32{8, 10, 7, 9}
	if d := plan.Next(only(99), o, noon); !d.Done() {
		t.Errorf("%v, waiting for %v", texts(d), d.Waiting)
	}
	o = torn()
	o.Nodes = append(o.Nodes, served(11, "a"))
	o.Nodes[7].Replaces, o.NextNodeID = 4, 12
	for i := range o.Partitions {
		p := &o.Partitions[i]
		p.Replicas, p.ISR, p.Leader = []int32{8, 9, 11}, []int32{8, 9, 11}, 9
	}
	o.Partitions[0].Replicas = []int32{11, 8, 9}
	d := plan.Next(only(4), o, noon)
	if len(d.Steps) != 1 || d.Steps[0].Kind != plan.ElectLeaders || !slices.Equal(d.Steps[0].Partitions, []plan.TopicPartition{{Topic: "t"}}) {
		t.Errorf("%+v", d)
	}
}

// TestALostNodeThatIsLeftAloneReceivesNothing, though its broker serves: its agent has been silent for too long.
func TestALostNodeThatIsLeftAloneReceivesNothing(t *testing.T) {
	o := fleetOf(6)
	o.Nodes[3].Silent, o.Nodes[3].SuspectSince = true, noon.Add(-time.Hour) // Node 7 in zone a.
	o.Nodes = append(o.Nodes, served(10, "a"))
	o.Nodes[6].Replaces, o.Nodes[6].FreeBytes, o.NextNodeID = 4, 1, 11
	o.Nodes[6].DiskBytes = 10 // Too little for anything.
	lose(&o, 4)
	for _, s := range plan.Next(only(4), o, noon).Steps {
		for _, m := range s.Moves {
			if slices.Contains(m.Added(), 7) {
				t.Errorf("%s", s)
			}
		}
	}
}

// TestAHealthyNodeIsNotReplacedWhileAnotherIsLost: the run repairs only what it was asked to, so it says what has to be done first.
func TestAHealthyNodeIsNotReplacedWhileAnotherIsLost(t *testing.T) {
	o := torn()
	o.Nodes = append(o.Nodes, served(11, "a"))
	o.Nodes[7].Replaces, o.NextNodeID = 4, 12
	lose(&o, 9)
	if d := plan.Next(only(4), o, noon); len(d.Steps) > 0 || !strings.Contains(d.Blocked, "node 4 is healthy, and nothing healthy is touched while node 9 is lost") {
		t.Errorf("%v, blocked by %q", texts(d), d.Blocked)
	}
}

// TestOnlyTheNamedControllerIsReplaced: a voter is added and one is removed, whatever the others lack.
func TestOnlyTheNamedControllerIsReplaced(t *testing.T) {
	controller := func(id int32, zone, spec string) plan.Node {
		return plan.Node{ID: id, Role: compute.RoleController, Group: compute.ControllersGroup, Zone: zone, InstanceID: "i", State: compute.StateRunning,
			SpecHash: spec, Boot: time.Second, LaunchedAt: noon.Add(-time.Hour)}
	}
	o := plan.Observation{NextNodeID: 6, Quorum: &plan.Quorum{Leader: 1, Voters: map[int32]bool{1: true, 2: true, 3: true}, Observers: map[int32]bool{4: true}}}
	o.Nodes = []plan.Node{controller(1, "a", "old"), controller(2, "b", "old"), controller(3, "c", "new"), controller(4, "a", "new")}
	o.Nodes[3].Replaces = 1
	g := only(2)
	g.Role, g.Name = compute.RoleController, compute.ControllersGroup
	expect := func(what string, want ...string) {
		t.Helper()
		if d := plan.Next(g, o, noon); !slices.EqualFunc(texts(d), want, strings.HasPrefix) {
			t.Errorf("%s: %v, want %v; blocked by %q, waiting for %v", what, texts(d), want, d.Blocked, d.Waiting)
		}
	}
	expect("at first", "launch node 6 in zone b: replaces node 2: it is named to be replaced")
	o.Nodes, o.NextNodeID = append(o.Nodes, controller(6, "b", "s")), 7
	o.Nodes[4].Replaces, o.Nodes[4].LaunchedAt, o.Quorum.Observers[6] = 2, noon, true
	expect("launched", "add voter node 6: it has caught up with the quorum")
	delete(o.Quorum.Observers, 6)
	o.Quorum.Voters[6] = true
	expect("added", "remove voter node 2: it is named to be replaced")
	delete(o.Quorum.Voters, 2)
	expect("removed", "stop node 2: it is no voter")
	o.Nodes[1].State = compute.StateStopped
	expect("stopped", "terminate node 2: it is out of the quorum")
	o.Nodes = slices.Delete(o.Nodes, 1, 2)
	expect("terminated")

	// One whose machine is gone has no zone either: the new one goes where the fewest are, and is known by whom it came for.
	g.Replace, o.Nodes[1] = []int32{3}, plan.Node{ID: 3, Role: compute.RoleController}
	o.Quorum.Voters[3] = false
	expect("a voter without a machine", "launch node 7 in zone c: replaces node 3: its machine is gone")
	o.Nodes, o.NextNodeID = append(o.Nodes, controller(7, "c", "s")), 8
	o.Nodes[4].Replaces, o.Nodes[4].LaunchedAt, o.Quorum.Observers[7] = 3, noon, true
	expect("its successor", "add voter node 7")
	delete(o.Quorum.Observers, 7)
	o.Quorum.Voters[7] = true
	expect("the voter's end", "remove voter node 3: its machine is gone")
}
