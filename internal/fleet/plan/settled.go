package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Misfit says what about the nodes of a group is not as its goal has it: a node that is lost or is not wanted as it is, or a place
// without a node. "" means that it has exactly the nodes that it shall have, though one of them may just be starting.
func Misfit(g Group, o Observation, now time.Time) string {
	o = o.judged(g, now)
	r := newRoster(g, members(g, o), func(Node) int { return 0 })
	if len(r.leave) > 0 {
		return fmt.Sprintf("node %d has to go: %s", r.leave[0].ID, r.why[r.leave[0].ID])
	}
	for _, zone := range g.Zones {
		if missing := r.missing(zone); missing > 0 {
			return fmt.Sprintf("zone %s lacks %s of this group", zone, plural(missing, "node"))
		}
	}
	return ""
}

// Unsettled says why a group is not at rest, "" when it is: all of its nodes serve, all partitions of the cluster are in sync, and
// nothing but a rebalance is to be done. A reassignment that keeps to the group's own brokers is no unrest: a rebalance that was
// interrupted leaves such ones, and goes on from them.
func Unsettled(g Group, o Observation, now time.Time) string {
	o = o.judged(g, now)
	if why := Misfit(g, o, now); why != "" {
		return why
	}
	own := map[int32]bool{}
	for _, n := range members(g, o) {
		if !n.Ready() {
			return fmt.Sprintf("node %d does not serve", n.ID)
		}
		own[n.ID] = true
	}
	stranger := func(id int32) bool { return !own[id] }
	for _, p := range o.Partitions {
		if p.InFlight() && (slices.ContainsFunc(p.Replicas, stranger) || len(p.Adding) != len(p.Removing)) {
			return fmt.Sprintf("somebody else moves partition %s-%d: a rebalance moves replicas between brokers of the group only", p.Topic, p.Partition)
		}
	}
	if sick := outOfSync(o); sick != "" {
		return sick
	}
	g.Rebalance = Rebalance{NotOnScaleOut: true}
	d := Next(g, o, now)
	for _, s := range d.Steps {
		if !s.Kind.Sweeps() {
			return "the next apply has to do this first: " + s.String()
		}
	}
	if d.Blocked != "" {
		return d.Blocked
	}
	if len(d.Waiting) > 0 && !o.inFlight() {
		return strings.Join(d.Waiting, "; ")
	}
	return ""
}
