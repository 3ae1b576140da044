package plan_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
)

// TestALostNodeTakesNobodysPlace: a new node that loses its disks while its machine runs on counts for nothing. Without one in its place, what
// was on its way to it could stay where it is for ever.
func TestALostNodeTakesNobodysPlace(t *testing.T) {
	o := fleetOf(4)
	for i := range o.Nodes {
		if id := o.Nodes[i].ID; id == 5 || id == 6 {
			o.Nodes[i].SpecHash = "old"
		}
	}
	lost := served(8, "b")
	lost.Replaces, lost.Phase, lost.Fenced, lost.Answering = 5, compute.PhaseDiskLost, true, false
	o.Nodes, o.NextNodeID = append(o.Nodes, lost), 9
	for i, p := range o.Partitions {
		if to := slices.Index(p.Replicas, 5); to >= 0 {
			p.Adding, p.Removing = []int32{8}, []int32{5}
			target := slices.Clone(p.Replicas)
			target[to] = 8
			p.Replicas = append(target, 5)
			o.Partitions[i] = p
		}
	}
	d := plan.Next(groupOf(4), o, noon)
	if !slices.ContainsFunc(d.Steps, func(s plan.Step) bool { return s.Kind == plan.Launch && s.Zone == "b" }) {
		t.Errorf("nothing is launched in its place: %+v", d)
	}
}

// TestAMachineThatIsBeingTerminatedIsWaitedFor: it can only disappear, and asking again hastens nothing.
func TestAMachineThatIsBeingTerminatedIsWaitedFor(t *testing.T) {
	o := fleetOf(3)
	gone := served(7, "a")
	gone.State, gone.Registered, gone.Answering, gone.SpecHash = compute.StateTerminating, false, false, "old"
	o.Nodes, o.NextNodeID = append(o.Nodes, gone), 8
	if d := plan.Next(groupOf(3), o, noon); len(d.Steps) > 0 || len(d.Waiting) != 1 {
		t.Errorf("%+v", d)
	}
	o = plan.Observation{NextNodeID: 5, Quorum: &plan.Quorum{Leader: 1, Voters: map[int32]bool{1: true, 2: true, 3: true}, Observers: map[int32]bool{}}, ClusterConfig: map[string]string{}}
	for i, zone := range []string{"a", "b", "c", "a"} {
		n := served(int32(i+1), zone)
		n.Role, n.Group = compute.RoleController, compute.ControllersGroup
		if n.ID == 4 {
			n.State, n.SpecHash = compute.StateTerminating, "old"
		}
		o.Nodes = append(o.Nodes, n)
	}
	g := groupOf(3)
	g.Role, g.Name = compute.RoleController, compute.ControllersGroup
	if d := plan.Next(g, o, noon); len(d.Steps) > 0 || len(d.Waiting) != 1 {
		t.Errorf("controller: %+v", d)
	}
}

// TestABrokerWithAFailedDiskIsRetiredWhileOthersAreBehind: it holds nothing any more, and as long as it stays there may be no room to repair
// those others.
func TestABrokerWithAFailedDiskIsRetiredWhileOthersAreBehind(t *testing.T) {
	o := fleetOf(4)
	empty := served(8, "a")
	empty.OfflineDirs = 1
	o.Nodes[0].Replaces, o.Nodes, o.NextNodeID = 8, append(o.Nodes, empty), 9
	o.Partitions[0].ISR = o.Partitions[0].ISR[:2]
	d := plan.Next(groupOf(4), o, noon)
	i := slices.IndexFunc(d.Steps, func(s plan.Step) bool { return s.Kind == plan.Stop && s.NodeID == 8 })
	if i < 0 {
		t.Fatalf("%+v", d)
	}
	if why := plan.Gate(groupOf(4), o, d.Steps[i], noon); why != "" {
		t.Error(why)
	}
}

// TestABrokerWithAFailedDiskTakesNobodysPlace: what it has left is moved first, so its successor has to come whatever else leaves.
func TestABrokerWithAFailedDiskTakesNobodysPlace(t *testing.T) {
	o := fleetOf(4)
	o.Nodes[0].OfflineDirs = 1
	o.Nodes[1].SpecHash = "old"
	successor := served(8, "b")
	successor.Replaces = 5
	o.Nodes, o.NextNodeID = append(o.Nodes, successor), 9
	d := plan.Next(groupOf(4), o, noon)
	if !slices.ContainsFunc(d.Steps, func(s plan.Step) bool { return s.Kind == plan.Launch && s.Replaces == 4 }) {
		t.Errorf("%+v", d)
	}
}

// TestAMassFailureIsNotRepairedWhileKafkaIsAway: that nobody can say what the lost nodes hold does not mean that they hold nothing.
func TestAMassFailureIsNotRepairedWhileKafkaIsAway(t *testing.T) {
	o := fleetOf(6)
	for i := range 3 {
		o.Nodes[i].State, o.Nodes[i].Registered, o.Nodes[i].SuspectSince = compute.StateStopped, false, noon.Add(-time.Hour)
	}
	o.KafkaUp, o.Partitions = false, nil
	if d := plan.Next(groupOf(6), o, noon); d.Blocked == "" || len(d.Steps) > 0 {
		t.Errorf("brokers: %+v", d)
	}
	g := groupOf(6)
	g.Role, g.Name = compute.RoleController, compute.ControllersGroup
	for i := range o.Nodes {
		o.Nodes[i].Role, o.Nodes[i].Group = g.Role, g.Name
	}
	if d := plan.Next(g, o, noon); d.Blocked == "" || len(d.Steps) > 0 {
		t.Errorf("controllers: %+v", d)
	}
}

// TestAControllerThatHasCaughtUpJoins, however long ago it was launched: the run that launched it may have ended before it was made a voter.
func TestAControllerThatHasCaughtUpJoins(t *testing.T) {
	o := plan.Observation{NextNodeID: 5, Quorum: &plan.Quorum{Leader: 1, Voters: map[int32]bool{1: true, 2: true, 3: true}, Observers: map[int32]bool{4: true}}}
	for i, zone := range []string{"a", "b", "c", "a"} {
		n := served(int32(i+1), zone)
		n.Role, n.Group = compute.RoleController, compute.ControllersGroup
		if n.ID == 1 {
			n.SpecHash = "old"
		}
		o.Nodes = append(o.Nodes, n)
	}
	o.Nodes[3].Replaces = 1
	g := groupOf(3)
	g.Role, g.Name = compute.RoleController, compute.ControllersGroup
	if d := plan.Next(g, o, noon); len(d.Steps) != 1 || d.Steps[0].Kind != plan.AddVoter {
		t.Errorf("%+v", d)
	}
}

// TestAGroupThatShrinksRepairsToo: its new nodes wait until the broker with the failed disk is repaired, and that one does not wait for them.
func TestAGroupThatShrinksRepairsToo(t *testing.T) {
	o := fleetOf(6)
	for i := range 6 {
		o.Nodes[i].SpecHash = "old"
	}
	o.Nodes[0].OfflineDirs = 1
	waits := served(10, "b")
	waits.Replaces = 5
	o.Nodes, o.NextNodeID = append(o.Nodes, waits), 11
	d := plan.Next(groupOf(4), o, noon)
	if !slices.ContainsFunc(d.Steps, func(s plan.Step) bool { return s.Kind == plan.Launch && s.Replaces == 4 }) {
		t.Errorf("%+v", d)
	}
}

// TestAMoveToAFailedDiskIsSentElsewhere: the broker serves, and what it was to get will never be in sync there.
func TestAMoveToAFailedDiskIsSentElsewhere(t *testing.T) {
	o := fleetOf(6)
	o.Nodes[3].OfflineDirs = 1
	o.Partitions[0] = plan.Partition{
		TopicPartition: plan.TopicPartition{Topic: "t"}, Leader: 4, Replicas: []int32{7, 5, 6, 4}, ISR: []int32{4, 5, 6}, Adding: []int32{7}, Removing: []int32{4}, Bytes: 100,
	}
	successor := served(10, "a")
	successor.Replaces = 7
	o.Nodes, o.NextNodeID = append(o.Nodes, successor), 11
	d := plan.Next(groupOf(6), o, noon)
	for _, s := range d.Steps {
		for _, m := range s.Moves {
			if m.TopicPartition == o.Partitions[0].TopicPartition && !slices.Contains(m.To, 7) {
				return
			}
		}
	}
	t.Errorf("%+v", d)
}

// TestABrokerWithAFailedDiskWithoutASuccessorIsDrainedToAll: the place for one may be taken by the successor of a node that moved to it. More
// nodes to come are no reason to wait, since those wait for it.
func TestABrokerWithAFailedDiskWithoutASuccessorIsDrainedToAll(t *testing.T) {
	o := fleetOf(6)
	for i := range o.Nodes {
		if id := o.Nodes[i].ID; id != 7 && id != 4 {
			o.Nodes[i].SpecHash = "old"
		}
	}
	o.Nodes[3].OfflineDirs = 1
	empty, waits := served(10, "a"), served(11, "b")
	empty.Replaces, waits.Replaces = 3, 5
	o.Nodes, o.NextNodeID = append(o.Nodes, empty, waits), 12
	d := plan.Next(groupOf(6), o, noon)
	if !slices.ContainsFunc(d.Steps, func(s plan.Step) bool { return s.Kind == plan.Move && s.NodeID == 7 }) {
		t.Errorf("%+v", d)
	}
}

// TestANodeThatStopsDoesNotMakeAGroupShrink: a new node that was lost and is shut down is one too many for a moment, and no reason to add more
// than MaxSurge.
func TestANodeThatStopsDoesNotMakeAGroupShrink(t *testing.T) {
	o := fleetOf(3)
	for i := range o.Nodes {
		o.Nodes[i].SpecHash = "old"
	}
	stops, successor := served(7, "a"), served(8, "a")
	stops.State, stops.Replaces, successor.Replaces = compute.StateStopping, 4, 4
	o.Nodes, o.NextNodeID = append(o.Nodes, stops, successor), 9
	for i := range o.Partitions {
		o.Partitions[i].Replicas[slices.Index(o.Partitions[i].Replicas, 4)] = 8
	}
	if d := plan.Next(groupOf(3), o, noon); slices.ContainsFunc(d.Steps, func(s plan.Step) bool { return s.Kind == plan.Launch }) {
		t.Errorf("%+v", d)
	}
}

// TestANodeThatHasJustDiedIsNotDoneWith: compute says so, and Kafka takes a session to see it. A rollout that ended now would leave it to the
// next one.
func TestANodeThatHasJustDiedIsNotDoneWith(t *testing.T) {
	o := fleetOf(3)
	o.Nodes[1].Phase, o.Nodes[1].SuspectSince = compute.PhaseDiskLost, noon
	if d := plan.Next(groupOf(3), o, noon); d.Done() || len(d.Steps) > 0 {
		t.Errorf("%+v", d)
	}
}

// TestANodeThatIsToBeRetiredDoesNotMakeAGroupShrink: a new node whose machine is scheduled for maintenance is one too many until its own
// successor is there, and no reason to add more than MaxSurge.
func TestANodeThatIsToBeRetiredDoesNotMakeAGroupShrink(t *testing.T) {
	o := fleetOf(3)
	for i := range o.Nodes {
		o.Nodes[i].SpecHash = "old"
	}
	retires, successor := served(7, "a"), served(8, "a")
	retires.Maintenance, retires.Replaces, successor.Replaces = "instance-retirement", 4, 4
	o.Nodes, o.NextNodeID = append(o.Nodes, retires, successor), 9
	for i := range o.Partitions {
		o.Partitions[i].Replicas[slices.Index(o.Partitions[i].Replicas, 4)] = 8
	}
	if d := plan.Next(groupOf(3), o, noon); slices.ContainsFunc(d.Steps, func(s plan.Step) bool { return s.Kind == plan.Launch }) {
		t.Errorf("%+v", d)
	}
}

// TestANodeThatCameForOneThatIsBackDoesNotMakeAGroupShrink: no other one comes until it has gone.
func TestANodeThatCameForOneThatIsBackDoesNotMakeAGroupShrink(t *testing.T) {
	o := plan.Observation{NextNodeID: 6, Quorum: &plan.Quorum{Leader: 1, Voters: map[int32]bool{1: true, 2: true, 3: true, 4: true}, Observers: map[int32]bool{5: true}}, ClusterConfig: map[string]string{}}
	for i, zone := range []string{"a", "b", "c", "b", "b"} {
		n := served(int32(i+1), zone)
		n.Role, n.Group = compute.RoleController, compute.ControllersGroup
		if n.ID <= 3 {
			n.SpecHash = "old"
		}
		o.Nodes = append(o.Nodes, n)
	}
	o.Nodes[3].Replaces, o.Nodes[4].Replaces = 2, 2
	g := groupOf(3)
	g.Role, g.Name = compute.RoleController, compute.ControllersGroup
	d := plan.Next(g, o, noon)
	if slices.ContainsFunc(d.Steps, func(s plan.Step) bool { return s.Kind == plan.Launch }) {
		t.Errorf("a sixth node comes: %+v", d.Steps)
	}
	if d.Blocked != "" || !slices.ContainsFunc(d.Steps, func(s plan.Step) bool { return s.Kind == plan.RemoveVoter && s.NodeID == 2 }) {
		t.Errorf("node 2, which node 4 has come for, does not go: %+v", d)
	}
}

// TestDeadNodesThatKafkaHasNotGivenUpCountForAMassFailure: while Kafka is away each is lost when its own grace is over, and repaired one by one
// they would be many all the same.
func TestDeadNodesThatKafkaHasNotGivenUpCountForAMassFailure(t *testing.T) {
	o := fleetOf(6)
	for i, since := range []time.Duration{10 * time.Minute, time.Minute, time.Minute} {
		o.Nodes[i].State, o.Nodes[i].SuspectSince = compute.StateStopped, noon.Add(-since)
	}
	if d := plan.Next(groupOf(6), o, noon); d.Blocked == "" || len(d.Steps) > 0 {
		t.Errorf("%+v", d)
	}
}

// TestAZoneOfDeadNodesIsLostBeforeKafkaSaysSo: as many as max_lost allows, and all there is of two zones.
func TestAZoneOfDeadNodesIsLostBeforeKafkaSaysSo(t *testing.T) {
	o := fleetOf(6)
	for _, i := range []int{0, 1, 3, 4} { // Of zones a and b.
		o.Nodes[i].State, o.Nodes[i].SuspectSince = compute.StateStopped, noon.Add(-time.Minute)
	}
	g := groupOf(6)
	g.Failure.MaxLost = 5
	if d := plan.Next(g, o, noon); !d.Refused || !strings.Contains(d.Blocked, "zones [a b]") {
		t.Errorf("%+v", d)
	}
}
