package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// controllers plans the quorum: nodes are replaced by adding a caught-up voter before an old one is removed, and a controller is
// removed from the voters before it stops.
func controllers(g Group, o Observation, now time.Time, d *Decision) {
	nodes := voters(o)
	if len(nodes) == 0 && g.Count > 0 && !g.Only {
		bootstrap(g, o, d)
		return
	}
	weight := func(n Node) int {
		switch {
		case o.Quorum == nil:
			return 0
		case o.Quorum.Leader == n.ID:
			return 2 // The active controller leaves last.
		}
		if _, voter := o.Quorum.Voters[n.ID]; voter {
			return 1
		}
		return 0
	}
	g, nodes = g.narrowed(o, nodes)
	if why := lostMajority(g, nodes, func(n Node) bool { return weight(n) > 0 || o.Quorum == nil && !o.neverServed(n) }); why != "" {
		d.block("%s", why)
		d.Refused = true
		return
	}
	r := newRoster(g, nodes, weight)
	ready := func(n Node) bool {
		if o.Quorum == nil {
			return false
		}
		_, voter := o.Quorum.Voters[n.ID]
		return n.State == compute.StateRunning && (voter || o.Quorum.Observers[n.ID])
	}
	last := ""
	for _, n := range nodes {
		if o.Quorum != nil && o.Quorum.Leader == n.ID {
			last = n.Zone
		}
	}
	launches(g, o, r, ready, last, now, d)
	if d.Blocked != "" {
		return
	}
	if o.Quorum == nil || o.Quorum.Leader < 0 {
		d.wait("the quorum has no leader")
		return
	}
	if !changeVoters(g, o, r, d) {
		for _, n := range r.leave {
			if _, voter := o.Quorum.Voters[n.ID]; !voter || g.off(GuardVoter) {
				retireController(r, n, d)
			}
		}
	}
	if len(r.leave) > 0 || len(d.Waiting) > 0 || len(d.Steps) > 0 || g.Only {
		return
	}
	configureCluster(g, o, d)
	if len(d.Steps)+len(d.Waiting) == 0 {
		finalize(o, d)
	}
}

// bootstrap launches the first controllers: one forms the quorum by itself, the others join it as observers.
func bootstrap(g Group, o Observation, d *Decision) {
	id := o.NextNodeID
	want := zoneCounts(g, nil, nil)
	for len(d.Steps) < g.Count {
		for _, zone := range g.Zones {
			if want[zone] == 0 {
				continue
			}
			want[zone]--
			s := Step{Kind: Launch, NodeID: id, Zone: zone, Reason: "the cluster has no controller; this one joins the first"}
			if id == o.NextNodeID {
				s.Bootstrap, s.Reason = true, "the cluster has no controller; this one forms the quorum"
			}
			d.step(s)
			id++
		}
	}
}

// voters are the controller nodes, and the voters whose machines are gone.
func voters(o Observation) []Node {
	var out []Node
	for _, n := range o.Nodes {
		if n.Role == compute.RoleController {
			out = append(out, n)
		}
	}
	return out
}

// changeVoters plans at most one change of the voters, and says whether it did. One at a time: each is committed by a majority of the
// voters that the last one left.
func changeVoters(g Group, o Observation, r roster, d *Decision) bool {
	q := o.Quorum
	current := len(q.Voters)
	for _, n := range r.stay {
		if _, voter := q.Voters[n.ID]; voter || n.State != compute.StateRunning || !g.concerns(n) {
			continue
		}
		caughtUp, observer := q.Observers[n.ID]
		switch {
		case !observer || !caughtUp:
			d.wait("controller %d has not caught up", n.ID)
		case !q.majority(0, true):
			d.wait("the quorum has no majority of caught-up voters to add controller %d", n.ID)
		case current <= g.Count:
			d.step(Step{Kind: AddVoter, NodeID: n.ID, Reason: "it has caught up with the quorum"})
			return true
		}
	}
	var leavers []Node
	for _, n := range r.leave {
		if _, voter := q.Voters[n.ID]; voter {
			leavers = append(leavers, n)
		}
	}
	// The lost first, then those whose successor votes already, and the active controller last: removing it moves leadership, and
	// once is enough.
	successor, _ := r.successors(g.Zones)
	succeeded := func(n Node) bool { _, votes := q.Voters[successor[n.ID]]; return votes }
	slices.SortStableFunc(leavers, func(a, b Node) int {
		return cmp.Or(cmpBool(a.broken(), b.broken()), cmpBool(succeeded(a), succeeded(b)), cmpBool(a.ID != q.Leader, b.ID != q.Leader))
	})
	if len(leavers) == 0 || current-1 < g.Count {
		return false // Nobody leaves, or the successor is not a voter yet.
	}
	n := leavers[0]
	if !q.majority(n.ID, false) && !g.off(GuardMajority) {
		d.wait("without controller %d there is no majority of caught-up voters", n.ID)
		return false
	}
	d.step(Step{Kind: RemoveVoter, NodeID: n.ID, Reason: r.why[n.ID]})
	return true
}

// majority says that the caught-up voters, less one, are a majority of the voters: of those that remain without that one, or with
// grow, of one more.
func (q Quorum) majority(without int32, grow bool) bool {
	size, caughtUp := 0, 0
	for id, ok := range q.Voters {
		if id == without {
			continue
		}
		size++
		if ok {
			caughtUp++
		}
	}
	if grow {
		size++
		caughtUp++ // The one that is added is caught up: it was asked before.
	}
	return caughtUp > size/2
}

// retireController takes a controller that is no voter out of the cluster.
func retireController(r roster, n Node, d *Decision) {
	switch {
	case n.InstanceID == "":
	case n.State == compute.StatePending || n.State == compute.StateRunning:
		d.step(Step{Kind: Stop, NodeID: n.ID, Reason: fmt.Sprintf("it is no voter; %s", r.why[n.ID])})
	case n.State == compute.StateStopping:
		d.wait("node %d is shutting down", n.ID)
	case n.State == compute.StateTerminating:
		d.wait("node %d is being terminated", n.ID)
	default:
		d.step(Step{Kind: Terminate, NodeID: n.ID, Reason: "it is out of the quorum"})
	}
}
