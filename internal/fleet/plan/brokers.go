package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/placement"
)

// brokers plans a broker group.
func brokers(g Group, o Observation, now time.Time, d *Decision) {
	holds := map[int32]int{}  // replicas by broker, those on their way in or out included
	weight := map[int32]int{} // replicas that a broker holds or will
	for _, p := range o.Partitions {
		for _, id := range p.Replicas {
			holds[id]++
			if !slices.Contains(p.Removing, id) {
				weight[id]++
			}
		}
	}
	nodes := members(g, o)
	g, nodes = g.narrowed(o, nodes)
	if why := massFailure(g, nodes, func(n Node) bool { return holds[n.ID] > 0 || !o.KafkaUp && !o.neverServed(n) }); why != "" {
		d.block("%s", why)
		d.Refused = true
		return
	}
	r := newRoster(g, nodes, func(n Node) int { return weight[n.ID] })

	launches(g, o, r, Node.Ready, "", now, d)
	if d.Blocked != "" {
		return
	}
	if !o.KafkaUp {
		if len(r.leave) > 0 {
			d.wait("Kafka does not say all that is needed")
		}
		return
	}
	electUnclean(g, o, d)
	endMoves(o, d)
	for _, n := range r.stay {
		if !g.concerns(n) {
			continue
		}
		if n.Cordoned {
			d.step(Step{Kind: Uncordon, NodeID: n.ID, Reason: "it stays"})
		}
		if n.Ready() && n.Answering {
			if changes := configChanges(n.Config, g.Config, g.ConfigRemoved); changes != nil {
				d.step(Step{Kind: ConfigureNode, NodeID: n.ID, Config: changes, Reason: configReason(changes)})
			}
		}
	}
	launching := slices.ContainsFunc(d.Steps, func(s Step) bool { return s.Kind == Launch })
	settled := !launching && !slices.ContainsFunc(r.stay, func(n Node) bool { return !n.Ready() })
	if moving := len(concerning(g, r, underWay(o))); moving > 0 {
		d.wait("%s being moved", plural(moving, "partition"))
	}
	drain(g, o, r, holds, settled, now, d)
	successor, expected := r.successors(g.Zones)
	for _, n := range r.leave {
		// An empty leaver, too, waits until its successor is launched: without it, nobody could tell that node from one that comes to
		// take its part of the others' data.
		if _, launched := successor[n.ID]; (holds[n.ID] == 0 || g.off(GuardEmpty)) && (launched || !expected[n.ID]) {
			retire(g, o, r, n, d)
		}
	}
	if len(r.leave) > 0 && len(d.Steps) == 0 && len(d.Waiting) == 0 {
		d.wait("node %d leaves as soon as its successor is there", r.leave[0].ID)
	}
	if !settled || len(r.leave) > 0 || g.Only {
		return
	}
	if g.Count > 0 {
		spread(g, o, r, d)
	}
	if len(d.Waiting) > 0 || d.Blocked != "" {
		return
	}
	configureCluster(g, o, d)
	if len(d.Steps)+len(d.Waiting) == 0 {
		finalize(o, d)
	}
}

// members are the group's brokers and the brokers that only Kafka remembers: an id that this fleet gave out, no machine, and
// no answer. Which group such a ghost was of nobody knows any more; whoever meets it repairs it. A broker that compute does not
// know but that answers is a stranger, and never touched.
func members(g Group, o Observation) []Node {
	var out []Node
	for _, n := range o.Nodes {
		ghost := n.InstanceID == "" && n.Registered && n.ID < o.NextNodeID && (n.Fenced || !n.Answering)
		if n.Role == compute.RoleBroker && (n.InstanceID != "" && n.Group == g.Name || ghost) {
			out = append(out, n)
		}
	}
	return out
}

// drain plans the moves off the leavers: the lost ones and those with failed disks first and alone, then, on a cluster that is in sync,
// the others.
func drain(g Group, o Observation, r roster, holds map[int32]int, settled bool, now time.Time, d *Decision) {
	ready := map[int32]bool{}
	for _, n := range r.stay {
		ready[n.ID] = n.Ready() || g.off(GuardReceiver)
	}
	successor, expected := r.successors(g.Zones)
	short := slices.ContainsFunc(g.Zones, func(zone string) bool { return r.missing(zone) > 0 })
	var broken, healthy []Node
	for _, n := range r.leave {
		switch {
		case holds[n.ID] == 0:
		case n.broken():
			broken = append(broken, n)
		default:
			healthy = append(healthy, n)
		}
	}
	first := broken
	if len(broken) == 0 {
		if unsound := cmp.Or(outOfSync(o), suspects(o, r, compute.RoleBroker)); unsound != "" && len(healthy) > 0 && !g.off(GuardSync) {
			if other := lostOther(o, r, holds); g.Only && other != 0 {
				d.block("node %d is healthy, and nothing healthy is touched while node %d is lost and holds replicas (%s): replace that one first, or apply the configuration, which does", healthy[0].ID, other, unsound)
			}
			d.wait("%s", unsound)
			return
		}
		first = healthy
	}
	leavers, substitutes := []int32{}, map[int32]int32{}
	for _, n := range first {
		switch to, launched := successor[n.ID]; {
		case launched && ready[to]:
			substitutes[n.ID] = to
		case launched, expected[n.ID] && n.Lost() == "":
			continue // Its successor is not there yet.
		case !settled:
			continue // Nobody takes its place, so all of the group must be there to share what it holds.
		case short && !n.broken() && (len(leavers) > 0 || len(successor) > 0):
			continue // More nodes are to come when others have made room for them: then they share what this one holds.
		}
		leavers = append(leavers, n.ID)
		if !n.Cordoned && n.Lost() == "" && o.MetadataLevel >= CordonLevel {
			d.step(Step{Kind: Cordon, NodeID: n.ID, Reason: r.why[n.ID]})
		}
	}
	if len(leavers) > 0 {
		empty(g, o, r, leavers, substitutes, settled && !short, now, d)
	}
}

// outOfSync describes a partition whose replicas are not all in sync although nothing moves it, "" when there is none. While there
// is one, nothing healthy is touched.
func outOfSync(o Observation) string {
	for _, p := range o.Partitions {
		if missing := p.OutOfSync(); len(missing) > 0 && !p.InFlight() {
			return fmt.Sprintf("partition %s-%d is not in sync: %s behind or away", p.Topic, p.Partition, brokerList(missing))
		}
	}
	return ""
}

func brokerList(ids []int32) string {
	var names []string
	for _, id := range ids {
		names = append(names, fmt.Sprint(id))
	}
	if len(ids) == 1 {
		return "broker " + names[0]
	}
	return "brokers " + strings.Join(names, ", ")
}

// empty plans the next batch that takes replicas off the leavers.
func empty(g Group, o Observation, r roster, leavers []int32, substitutes map[int32]int32, settled bool, now time.Time, d *Decision) {
	fleet, stranded := sources(g, o, leavers, layout(g, o, r, leavers), d)
	planned := placement.Drain(fleet, substitutes)
	left := slices.DeleteFunc(planned.Left, func(l placement.Left) bool { return l.Constraint == placement.ConstraintSource })
	flying := slices.ContainsFunc(o.Partitions, func(p Partition) bool {
		return p.InFlight() && !slices.ContainsFunc(stranded, func(s Partition) bool { return s.TopicPartition == p.TopicPartition })
	})
	elects := slices.ContainsFunc(d.Steps, func(s Step) bool { return s.Kind == ElectUnclean })
	idle := len(planned.Moves) == 0 && !flying && !elects
	if idle && len(stranded) > 0 {
		d.block("%s", strandedText(stranded, o.byID()))
		return
	}
	if idle && len(left) > 0 {
		if settled {
			d.block("%s", left[0])
			return
		}
		// Nobody can leave before another node comes, and none comes before somebody leaves: one more than MaxSurge ends that.
		d.wait("%s", left[0])
		onTheirWay := slices.ContainsFunc(r.stay, func(n Node) bool { return !n.Ready() })
		if !onTheirWay && !slices.ContainsFunc(d.Steps, func(s Step) bool { return s.Kind == Launch }) {
			launchMissing(g, o, r, 1, "", now, d)
		}
		return
	}
	byLeaver := map[int32]*Step{}
	for _, m := range batch(g, o, planned.Moves) {
		from := int32(0)
		for _, id := range m.Removed() {
			if slices.Contains(leavers, id) {
				from = id
			}
		}
		s := byLeaver[from]
		if s == nil {
			s = &Step{Kind: Move, NodeID: from, Reason: r.why[from]}
			byLeaver[from] = s
		}
		s.Moves = append(s.Moves, m)
	}
	for _, id := range leavers {
		if s := byLeaver[id]; s != nil {
			d.step(*s)
		}
	}
}

// retire takes an empty leaver out of the cluster: stop, unregister once it is fenced, terminate.
func retire(g Group, o Observation, r roster, n Node, d *Decision) {
	running := n.State == compute.StatePending || n.State == compute.StateRunning
	switch {
	case n.InstanceID != "" && running && !n.Registered:
		d.step(Step{Kind: Terminate, NodeID: n.ID, Reason: r.why[n.ID]})
	case n.InstanceID != "" && running:
		// A fenced broker is in no ISR, so what its disks may still hold is of no use to anyone.
		if n.LogDirReplicas != 0 && !n.Fenced && !g.off(GuardEmpty) {
			d.wait("node %d has not deleted the replicas that were moved away", n.ID)
			return
		}
		if led := unled(g, o, r, n); len(led) > 0 {
			d.step(Step{Kind: ElectLeaders, Partitions: led, Reason: "their preferred leader is in sync"})
			return
		}
		if sick := outOfSync(o); sick != "" && !n.broken() && !g.off(GuardSync) {
			d.wait("%s", sick)
			return
		}
		d.step(Step{Kind: Stop, NodeID: n.ID, Reason: "it holds no replica; " + r.why[n.ID]})
	case n.State == compute.StateStopping:
		d.wait("node %d is shutting down", n.ID)
	case n.State == compute.StateTerminating && !n.Registered:
		d.wait("node %d is being terminated", n.ID)
	case n.Registered && !n.Fenced && !g.off(GuardFence):
		d.wait("Kafka has not fenced broker %d yet", n.ID)
	case n.Registered:
		if led := unled(g, o, r, n); len(led) > 0 {
			d.step(Step{Kind: ElectLeaders, Partitions: led, Reason: "their preferred leader is in sync"})
			return
		}
		d.step(Step{Kind: Unregister, NodeID: n.ID, Reason: "it is fenced and holds no replica"})
	case n.InstanceID != "":
		d.step(Step{Kind: Terminate, NodeID: n.ID, Reason: "it is out of the cluster"})
	}
}

// unled are the partitions that the leaver's group could lead better: the preferred leader stays, is in sync, and does not lead. Looked
// at while a leaver is still there, since a steady cluster's leaders are Kafka's own business.
func unled(g Group, o Observation, r roster, leaver Node) []TopicPartition {
	stays := map[int32]bool{}
	for _, n := range r.stay {
		stays[n.ID] = n.Ready() && g.concerns(n)
	}
	var out []TopicPartition
	for _, p := range o.Partitions {
		if !p.InFlight() && len(p.Replicas) > 0 && stays[p.Replicas[0]] && p.Leader != p.Replicas[0] && p.Leader != leaver.ID && slices.Contains(p.ISR, p.Replicas[0]) {
			out = append(out, p.TopicPartition)
		}
	}
	return out
}

func configReason(changes map[string]*string) string {
	var parts []string
	for key, value := range changes {
		if value == nil {
			parts = append(parts, key+" back to its default")
		} else {
			parts = append(parts, key+"="+*value)
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}
