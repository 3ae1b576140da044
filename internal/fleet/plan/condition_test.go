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

var noon = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func groupOf(count int) plan.Group {
	return plan.Group{
		Name: "main", Role: compute.RoleBroker, Count: count, Zones: []string{"a", "b", "c"}, SpecHash: "s", SpecText: "Kafka 4.3.1", MaxSurge: 1,
		Started: noon.Add(-time.Minute), Failure: plan.FailurePolicy{Grace: 5 * time.Minute},
	}
}

// served is a broker that serves and has done so for a while.
func served(id int32, zone string) plan.Node {
	return plan.Node{
		ID: id, Role: compute.RoleBroker, Group: "main", Zone: zone, InstanceID: "i", State: compute.StateRunning, Phase: compute.PhaseRunning,
		SpecHash: "s", SpecText: "Kafka 4.3.1", LaunchedAt: noon.Add(-time.Hour), Boot: 5 * time.Second, Registered: true, Answering: true, DiskBytes: 1 << 40,
	}
}

// fleetOf is a group of brokers from id 4 on with one partition on the first three of them.
func fleetOf(count int) plan.Observation {
	o := plan.Observation{NextNodeID: int32(4 + count), KafkaUp: true, MetadataLevel: 30, ClusterConfig: map[string]string{}}
	for i := range count {
		o.Nodes = append(o.Nodes, served(int32(4+i), []string{"a", "b", "c"}[i%3]))
	}
	for i := range count {
		replicas := []int32{int32(4 + i), int32(4 + (i+1)%count), int32(4 + (i+2)%count)}
		o.Partitions = append(o.Partitions, plan.Partition{
			TopicPartition: plan.TopicPartition{Topic: "t", Partition: int32(i)}, Leader: replicas[0], Replicas: replicas, ISR: replicas, Bytes: 100,
		})
	}
	return o
}

func TestCondition(t *testing.T) {
	silence := noon.Add(-time.Minute)
	long := noon.Add(-6 * time.Minute)
	cases := map[string]struct {
		change func(*plan.Node)
		want   string
	}{
		"well":                               {func(*plan.Node) {}, "ready"},
		"VM gone, Kafka agrees":              {func(n *plan.Node) { n.InstanceID, n.State, n.Fenced, n.Answering = "", "", true, false }, "lost: machine gone"},
		"VM stopped, Kafka agrees":           {func(n *plan.Node) { n.State, n.Fenced = compute.StateStopped, true }, "lost: machine stopped"},
		"VM stopped, Kafka not yet":          {func(n *plan.Node) { n.State, n.SuspectSince = compute.StateStopped, silence }, "suspect: machine stopped"},
		"VM stopped, Kafka never agrees":     {func(n *plan.Node) { n.State, n.SuspectSince = compute.StateStopped, long }, "lost: machine stopped"},
		"hung":                               {func(n *plan.Node) { n.Fenced, n.SuspectSince = true, silence }, "suspect: hung"},
		"hung for long":                      {func(n *plan.Node) { n.Fenced, n.SuspectSince = true, long }, "lost: hung"},
		"hung, just seen":                    {func(n *plan.Node) { n.Fenced = true }, "suspect: hung"},
		"in no ISR":                          {func(n *plan.Node) { n.OutOfISR, n.SuspectSince = true, silence }, "suspect: hung"},
		"agent silent, Kafka serves":         {func(n *plan.Node) { n.Silent, n.SuspectSince = true, silence }, "suspect: hung"},
		"agent silent, Kafka agrees":         {func(n *plan.Node) { n.Silent, n.Fenced = true, true }, "lost: hung"},
		"process dead, restarted":            {func(n *plan.Node) { n.Phase, n.Fenced, n.SuspectSince = compute.PhaseStarting, true, silence }, "suspect: process dead"},
		"process dead, again and again":      {func(n *plan.Node) { n.Phase, n.Restarts, n.Fenced = compute.PhaseBackoff, 3, true }, "lost: process dead"},
		"disks lost":                         {func(n *plan.Node) { n.Phase, n.Fenced = compute.PhaseDiskLost, true }, "lost: disk failed"},
		"a disk offline":                     {func(n *plan.Node) { n.OfflineDirs = 1 }, "ready: disk failed"},
		"a disk offline, so in no ISR":       {func(n *plan.Node) { n.OfflineDirs, n.OutOfISR = 1, true }, "ready: disk failed"},
		"scheduled for maintenance":          {func(n *plan.Node) { n.Maintenance = "retires tomorrow" }, "ready: scheduled for maintenance"},
		"stopping":                           {func(n *plan.Node) { n.State = compute.StateStopping }, "stopping"},
		"wrong spec":                         {func(n *plan.Node) { n.SpecHash = "old" }, "ready: wrong spec"},
		"wrong zone":                         {func(n *plan.Node) { n.Zone = "z" }, "ready: wrong zone"},
		"unknown to compute, and it serves":  {func(n *plan.Node) { n.InstanceID, n.State = "", "" }, "stranger: unknown to compute"},
		"launched a moment ago":              {func(n *plan.Node) { n.Boot, n.Registered, n.LaunchedAt = 0, false, noon.Add(-time.Second) }, "starting"},
		"not joining, of an earlier run":     {func(n *plan.Node) { n.Boot, n.Registered = 0, false }, "lost: not joining"},
		"not joining, of this run":           {func(n *plan.Node) { n.Boot, n.Registered, n.LaunchedAt = 0, false, noon }, "starting"},
		"failed at its start, earlier":       {func(n *plan.Node) { n.Boot, n.Registered, n.Phase = 0, false, compute.PhaseFailed }, "lost: process dead"},
		"failed at its start, this run's":    {func(n *plan.Node) { n.Boot, n.Registered, n.Phase, n.LaunchedAt = 0, false, compute.PhaseFailed, noon }, "starting"},
		"new, and its machine stopped again": {func(n *plan.Node) { n.Boot, n.Registered, n.State, n.LaunchedAt = 0, false, compute.StateStopped, noon }, "lost: machine stopped"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			o := fleetOf(3)
			c.change(&o.Nodes[0])
			if got := groupOf(3).Judge(o.Nodes[0], o, noon).String(); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// TestKafkaThatDoesNotAnswerGivesNobodyUp: then compute alone is heard, and its word counts after the grace.
func TestKafkaThatDoesNotAnswerGivesNobodyUp(t *testing.T) {
	o := fleetOf(3)
	o.KafkaUp, o.Partitions = false, nil
	for i := range o.Nodes {
		o.Nodes[i].Registered, o.Nodes[i].Answering = false, false
	}
	g := groupOf(3)
	if got := g.Condition(o.Nodes[0], o, noon).String(); got != "starting" {
		t.Errorf("a node whose machine runs is %s", got)
	}
	if d := plan.Next(g, o, noon); len(d.Steps) > 0 || d.Blocked != "" {
		t.Errorf("%+v", d)
	}
}

func TestSuspectsAreWaitedFor(t *testing.T) {
	o := fleetOf(6)
	o.Nodes[0].Fenced, o.Nodes[0].SuspectSince = true, noon.Add(-2*time.Minute)
	for i := range o.Partitions {
		o.Partitions[i].ISR = slices.DeleteFunc(slices.Clone(o.Partitions[i].ISR), func(id int32) bool { return id == 4 })
	}
	g := groupOf(6)
	g.SpecHash, g.SpecText = "new", "Kafka 4.4.0"
	d := plan.Next(g, o, noon)
	for _, s := range d.Steps {
		if s.Kind != plan.Launch {
			t.Errorf("something healthy is touched: %s", s)
		}
	}
	g = groupOf(6)
	d = plan.Next(g, o, noon)
	if len(d.Steps) > 0 || len(d.Waiting) == 0 || !strings.Contains(d.Waiting[0], "node 4 is suspect: Kafka has fenced it, it counts as lost in 3m0s") {
		t.Errorf("%+v", d)
	}
	if d = plan.Next(g, o, noon.Add(3*time.Minute)); len(d.Steps) != 1 || d.Steps[0].Replaces != 4 {
		t.Errorf("after the grace: %+v", d)
	}
}

// TestASuspectIsNoReceiver: compute alone has given it up, so Kafka would take replicas there.
func TestASuspectHoldsUpTheRollout(t *testing.T) {
	o := fleetOf(6)
	o.Nodes = append(o.Nodes, served(10, "a"))
	o.Nodes[6].SpecHash, o.Nodes[6].Replaces = "new", 4
	o.NextNodeID = 11
	o.Nodes[1].State, o.Nodes[1].SuspectSince = compute.StateStopped, noon // Node 5, in zone b.
	g := groupOf(6)
	g.SpecHash = "new"
	for _, s := range plan.Next(g, o, noon).Steps {
		if s.Kind == plan.Move || s.Kind == plan.Cordon || s.Kind == plan.Stop {
			t.Errorf("while node 5 is suspect: %s", s)
		}
	}
}

func lose(o *plan.Observation, ids ...int32) {
	for i := range o.Nodes {
		if slices.Contains(ids, o.Nodes[i].ID) {
			o.Nodes[i].State, o.Nodes[i].Fenced, o.Nodes[i].Answering = compute.StateStopped, true, false
		}
	}
	for i := range o.Partitions {
		p := &o.Partitions[i]
		p.ISR = slices.DeleteFunc(slices.Clone(p.ISR), func(id int32) bool { return slices.Contains(ids, id) })
		if len(p.ISR) > 0 {
			p.Leader = p.ISR[0]
		}
	}
}

func TestMassFailure(t *testing.T) {
	cases := map[string]struct {
		count   int
		lost    []int32
		policy  int
		replace []int32
		refused string
	}{
		"one of three":                        {3, []int32{4}, 0, nil, ""},
		"two of three":                        {3, []int32{4, 5}, 0, nil, "2 nodes of group main are lost (brokers 4, 5), more than the 1 that"},
		"two of six, a whole zone":            {6, []int32{4, 7}, 0, nil, ""},
		"two of six in two zones":             {6, []int32{4, 5}, 0, nil, ""},
		"three of six":                        {6, []int32{4, 5, 7}, 0, nil, "3 nodes of group main are lost (brokers 4, 5, 7), more than the 2"},
		"three of six, allowed":               {6, []int32{4, 5, 7}, 3, nil, ""},
		"four of six, two whole zones":        {6, []int32{4, 5, 7, 8}, 5, nil, "all nodes of group main in zones [a b] are lost (brokers 4, 5, 7, 8)"},
		"two of three, both named":            {3, []int32{4, 5}, 0, []int32{4, 5}, ""},
		"two of three, one of them named":     {3, []int32{4, 5}, 0, []int32{5}, ""},
		"the offer has those that are lost":   {3, []int32{4, 5, 6}, 0, []int32{5}, "replace_nodes = [4, 6]"},
		"names of long ago are no obstacle":   {3, []int32{4}, 0, []int32{1, 2}, ""},
		"a healthy one named changes nothing": {3, []int32{4, 5}, 0, []int32{6}, "2 nodes"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			o := fleetOf(c.count)
			lose(&o, c.lost...)
			g := groupOf(c.count)
			g.Failure.MaxLost, g.Replace = c.policy, c.replace
			d := plan.Next(g, o, noon)
			if (c.refused != "") != d.Refused || !strings.Contains(d.Blocked, c.refused) {
				t.Errorf("refused %t: %q, want %q", d.Refused, d.Blocked, c.refused)
			}
			if d.Refused && len(d.Steps) > 0 {
				t.Errorf("it is refused, and done: %+v", d.Steps)
			}
		})
	}
}

// TestReplaceNodes: a healthy node that is named is replaced like one of another spec.
func TestReplaceNodes(t *testing.T) {
	g := groupOf(3)
	g.Replace = []int32{5}
	d := plan.Next(g, fleetOf(3), noon)
	want := []string{"launch node 7 in zone b: replaces node 5: it is named to be replaced"}
	if diff := cmp.Diff(want, texts(d)); diff != "" {
		t.Error(diff)
	}
}

func texts(d plan.Decision) []string {
	var out []string
	for _, s := range d.Steps {
		out = append(out, s.String())
	}
	return out
}

// TestANodeThatComputeForgotIsNotReplacedAtOnce: a list may be behind what is.
func TestANodeThatComputeForgotIsNotReplacedAtOnce(t *testing.T) {
	o := fleetOf(3)
	o.Nodes[1].InstanceID, o.Nodes[1].Group, o.Nodes[1].SuspectSince = "", "", noon
	d := plan.Next(groupOf(3), o, noon.Add(time.Minute))
	if len(d.Steps) > 0 || len(d.Waiting) == 0 || !strings.Contains(d.Waiting[0], "broker 5 serves in zone b") {
		t.Errorf("%+v", d)
	}
	if d = plan.Next(groupOf(3), o, noon.Add(6*time.Minute)); len(d.Steps) == 0 || d.Steps[0].Kind != plan.Launch {
		t.Errorf("after the grace: %+v", d)
	}
	_, strangers := plan.Suspects(groupOf(3), o, noon)
	if len(strangers) != 1 {
		t.Errorf("reported: %v", strangers)
	}
}

// TestAFailedDiskIsRepairedFirst: the broker still serves what its other disks have, so it gives that up in the orderly way, and the
// partitions that are out of sync because of it hold nothing up.
func TestAFailedDiskIsRepairedFirst(t *testing.T) {
	o := fleetOf(6)
	o.Nodes[0].OfflineDirs = 1
	o.Partitions[0].ISR, o.Partitions[0].Leader = []int32{5, 6}, 5
	g := groupOf(6)
	d := plan.Next(g, o, noon)
	if len(d.Steps) == 0 || d.Steps[0].Kind != plan.Launch || d.Steps[0].Replaces != 4 {
		t.Fatalf("%+v", d)
	}
	o.Nodes = append(o.Nodes, served(10, "a"))
	o.Nodes[6].Replaces, o.NextNodeID = 4, 11
	d = plan.Next(g, o, noon)
	if i := slices.IndexFunc(d.Steps, func(s plan.Step) bool { return s.Kind == plan.Move }); i < 0 || len(d.Steps[i].Moves) != 3 {
		t.Errorf("%v, waiting for %v", texts(d), d.Waiting)
	}
}

// TestAMoveThatWaitsForALostBrokerIsRedirected and keeps what it has copied to the others.
func TestAMoveThatWaitsForALostBrokerIsRedirected(t *testing.T) {
	o := fleetOf(6)
	o.Nodes = append(o.Nodes, served(10, "a"), served(11, "b"))
	o.Nodes[6].Replaces, o.Nodes[7].Replaces, o.NextNodeID = 4, 5, 12
	o.Nodes[0].SpecHash = "old"
	p := &o.Partitions[0] // On 4, 5, 6; moves from 4 to 10, when 5 is lost.
	p.Replicas, p.Adding, p.Removing = []int32{10, 5, 6, 4}, []int32{10}, []int32{4}
	lose(&o, 5)
	g := groupOf(6)
	g.MaxSurge = 3
	d := plan.Next(g, o, noon)
	for _, s := range d.Steps {
		for _, m := range s.Moves {
			if m.Partition != 0 {
				continue
			}
			if diff := cmp.Diff([]int32{10, 11, 6}, m.To); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]int32{11}, m.Added()); diff != "" {
				t.Errorf("what is copied for it: %s", diff)
			}
			return
		}
	}
	t.Errorf("it waits for ever: %v, %v", texts(d), d.Waiting)
}

// TestASuccessorThatIsLostIsSucceeded by a node that takes over from both: from the one that it had begun to empty, too.
func TestASuccessorThatIsLostIsSucceeded(t *testing.T) {
	o := fleetOf(3)
	o.Nodes[0].SpecHash = "old"
	o.Nodes = append(o.Nodes, served(7, "a"))
	o.Nodes[3].Replaces, o.NextNodeID = 4, 8
	o.Partitions[0].Replicas, o.Partitions[0].ISR = []int32{7, 5, 6}, []int32{7, 5, 6} // The first has moved already.
	lose(&o, 7)
	g := groupOf(3)
	d := plan.Next(g, o, noon)
	if len(d.Steps) != 1 || d.Steps[0].Kind != plan.Launch || d.Steps[0].Replaces != 4 || !strings.Contains(d.Steps[0].Reason, "replaces node 7") {
		t.Fatalf("%v", texts(d))
	}
	o.Nodes = append(o.Nodes, served(8, "a"))
	o.Nodes[4].Replaces, o.NextNodeID = 4, 9
	d = plan.Next(g, o, noon)
	i := slices.IndexFunc(d.Steps, func(s plan.Step) bool { return s.Kind == plan.Move })
	if i < 0 || d.Steps[i].NodeID != 7 {
		t.Fatalf("the lost one first: %v, waiting for %v", texts(d), d.Waiting)
	}
	for _, m := range d.Steps[i].Moves {
		if diff := cmp.Diff([]int32{8}, m.Added()); diff != "" {
			t.Error(diff)
		}
	}
}

// TestAControllerThatIsBehindForAMomentIsWell: a busy one is, now and then.
func TestAControllerThatIsBehindForAMomentIsWell(t *testing.T) {
	o := plan.Observation{Quorum: &plan.Quorum{Leader: 1, Voters: map[int32]bool{1: true, 2: false}}}
	g := plan.Group{Role: compute.RoleController, Failure: plan.FailurePolicy{Grace: 5 * time.Minute}}
	n := plan.Node{ID: 2, Role: compute.RoleController, InstanceID: "i", State: compute.StateRunning, Boot: time.Second}
	for behind, want := range map[time.Duration]string{0: "ready", 9 * time.Second: "ready", 10 * time.Second: "suspect: hung", 5 * time.Minute: "lost: hung"} {
		n.SuspectSince = noon.Add(-behind)
		if got := g.Condition(n, o, noon).String(); got != want {
			t.Errorf("behind for %s it is %s, want %s", behind, got, want)
		}
	}
}

// TestANewBrokerThatIsStillFencedStarts: between its port's first answer and the end of its catching up Kafka fences it.
func TestANewBrokerThatIsStillFencedStarts(t *testing.T) {
	o := fleetOf(3)
	n := &o.Nodes[0]
	n.Fenced, n.SuspectSince = true, noon
	for age, want := range map[time.Duration]string{10 * time.Second: "starting", 64 * time.Second: "starting", 66 * time.Second: "suspect: hung"} {
		n.LaunchedAt = noon.Add(-age)
		if got := groupOf(3).Condition(*n, o, noon).String(); got != want {
			t.Errorf("launched %s ago it is %s, want %s", age, got, want)
		}
	}
}

// TestControllersAreRepairedWhileTheyHaveAMajority: nobody can ask for more than that, and nobody has to ask for less.
func TestControllersAreRepairedWhileTheyHaveAMajority(t *testing.T) {
	for name, c := range map[string]struct {
		count, dead int
		kafkaUp     bool
		refused     bool
	}{
		"one of three":               {3, 1, true, false},
		"two of three":               {3, 2, true, true},
		"two of five, in two zones":  {5, 2, true, false},
		"three of five":              {5, 3, true, true},
		"three of three, Kafka down": {3, 3, false, true},
	} {
		o := plan.Observation{KafkaUp: c.kafkaUp, NextNodeID: int32(c.count) + 1, ClusterConfig: map[string]string{}}
		if c.kafkaUp {
			o.Quorum = &plan.Quorum{Leader: int32(c.count), Voters: map[int32]bool{}, Observers: map[int32]bool{}}
		}
		for i := range c.count {
			n := served(int32(1+i), []string{"a", "b", "c", "a", "b"}[i])
			n.Role, n.Group = compute.RoleController, compute.ControllersGroup
			if i < c.dead {
				n.State, n.SuspectSince = compute.StateStopped, noon.Add(-time.Minute)
			}
			if c.kafkaUp {
				o.Quorum.Voters[n.ID] = i >= c.dead
			}
			o.Nodes = append(o.Nodes, n)
		}
		g := plan.Group{Name: compute.ControllersGroup, Role: compute.RoleController, Count: c.count, Zones: []string{"a", "b", "c"}, SpecHash: "new", MaxSurge: 1, Failure: plan.FailurePolicy{Grace: 5 * time.Minute}}
		d := plan.Next(g, o, noon)
		if d.Refused != c.refused || c.refused && (!strings.Contains(d.Blocked, "node 1: its machine is stopped") || strings.Contains(d.Blocked, "replace_nodes") || len(d.Steps) > 0) {
			t.Errorf("%s: refused %t: %q, steps %v", name, d.Refused, d.Blocked, d.Steps)
		}
		if !c.refused && !slices.ContainsFunc(d.Steps, func(s plan.Step) bool { return s.Kind == plan.Launch }) {
			t.Errorf("%s: nothing is launched: %+v", name, d)
		}
	}
}
