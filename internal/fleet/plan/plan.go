package plan

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

const (
	// MaxMoves is how many partitions are in flight at once. A KRaft controller refuses a request that makes more than
	// 10,000 records; this stays far below it and keeps batches short enough to stop between them.
	MaxMoves = 500
	// MaxMovesPerBroker is how many partitions move into or out of one broker at once. Few at a time end one after the other, and each
	// that ends is safe; many at a time all end at the end.
	MaxMovesPerBroker = 50
	// ReadyTimeout is how long a node may take until its broker serves, or its controller has caught up.
	ReadyTimeout = 5 * time.Minute
	// CordonLevel is the level of metadata.version from which brokers can be cordoned (KIP-1066, Kafka 4.3).
	CordonLevel int16 = 30
)

// Decision is what to do now.
type Decision struct {
	// Steps may run now, in this order.
	Steps []Step
	// Waiting are conditions under way that will change by themselves, each a sentence.
	Waiting []string
	// Blocked is what no waiting will change, "" when nothing is.
	Blocked string
	// Refused says that it is blocked on purpose: it could be done, and is not without being asked.
	Refused bool
	// Filling are the brokers that a scale out is filling. The next round of the same run gets them as the group's Filling.
	Filling []int32
}

// Done says that nothing is left to do: the group is as desired.
func (d Decision) Done() bool { return len(d.Steps) == 0 && len(d.Waiting) == 0 && d.Blocked == "" }

func (d *Decision) step(s Step) { d.Steps = append(d.Steps, s) }
func (d *Decision) wait(format string, a ...any) {
	d.Waiting = append(d.Waiting, fmt.Sprintf(format, a...))
}

func (d *Decision) block(format string, a ...any) {
	if d.Blocked == "" {
		d.Blocked = fmt.Sprintf(format, a...)
	}
}

// Next returns what the group needs now.
func Next(g Group, o Observation, now time.Time) Decision {
	var d Decision
	o = o.judged(g, now)
	certify(o, now, &d)
	if g.Role == compute.RoleController {
		controllers(g, o, now, &d)
		return d
	}
	brokers(g, o, now, &d)
	sweep(g, o, &d)
	return d
}

// sweep takes throttles off when nothing moves any more. The marks of topics go at once. The rates of brokers, which limit nothing without
// marks, stay for the next move until the rollout ends, since a broker pays for each change of its settings (docs/adr/0018).
func sweep(g Group, o Observation, d *Decision) {
	if o.inFlight() || g.off(GuardSweep) {
		return
	}
	var first []Step
	if o.Throttled {
		first = append(first, Step{Kind: ClearThrottles, Reason: "no reassignment is in flight"})
	}
	if o.Rates && len(d.Steps) == 0 && len(d.Waiting) == 0 {
		first = append(first, Step{Kind: ClearRates, Reason: "there is nothing left to move"})
	}
	d.Steps = append(first, d.Steps...)
}

func (o Observation) inFlight() bool {
	return slices.ContainsFunc(o.Partitions, Partition.InFlight)
}

// roster is the group's nodes, sorted into those that stay and those that leave.
type roster struct {
	// stay are the nodes of the wanted spec in their zones; leave the others, by id.
	stay, leave []Node
	// why each leaver leaves.
	why map[int32]string
	// want is how many nodes each zone shall have.
	want map[string]int
	// weight is how much a node holds.
	weight func(Node) int
	// surplus marks leavers that nothing replaces: the group shrinks, or another zone takes the place.
	surplus map[int32]bool
}

// newRoster sorts the nodes. weight is how much a node holds: of several equal nodes too many, the lightest leaves.
func newRoster(g Group, nodes []Node, weight func(Node) int) roster {
	r := roster{why: map[int32]string{}, surplus: map[int32]bool{}, weight: weight}
	var stay []Node
	for _, n := range nodes {
		if why := leaving(g, n); why != "" {
			r.why[n.ID] = why
			r.leave = append(r.leave, n)
		} else {
			stay = append(stay, n)
		}
	}
	r.want = zoneCounts(g, stay, nodes)
	if g.Only {
		r.want = g.places(nodes)
	}
	for _, zone := range g.Zones {
		members := inZone(stay, zone)
		// The first ones to go: not serving, then already chosen by an earlier run, then the lightest, then the youngest.
		slices.SortFunc(members, func(a, b Node) int {
			return cmp.Or(
				cmpBool(b.Ready(), a.Ready()), cmpBool(a.Cordoned, b.Cordoned),
				cmp.Compare(weight(a), weight(b)), cmp.Compare(b.ID, a.ID))
		})
		for i, n := range members {
			if i < len(members)-r.want[zone] && !g.Only {
				r.surplus[n.ID] = true
				r.why[n.ID] = fmt.Sprintf("zone %s needs %s of this group", zone, plural(r.want[zone], "node"))
				r.leave = append(r.leave, n)
			} else {
				r.stay = append(r.stay, n)
			}
		}
	}
	byID := func(a, b Node) int { return cmp.Compare(a.ID, b.ID) }
	slices.SortFunc(r.stay, byID)
	slices.SortFunc(r.leave, byID)
	return r
}

// cmpBool sorts true before false when called as cmpBool(a, b).
func cmpBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	default:
		return 1
	}
}

// leaving says why a node cannot stay, "" when it can.
func leaving(g Group, n Node) string {
	switch {
	case n.Lost() != "":
		return n.Lost()
	case g.Count == 0:
		return "the group is being destroyed"
	case n.State == compute.StateStopping:
		return "its machine is stopping"
	case slices.Contains(g.Replace, n.ID):
		return "it is named to be replaced"
	case g.Only:
		return "" // What else is wrong with it is for the next apply.
	case n.sick():
		return n.Condition.Reason
	case g.unlike(n) != "":
		return g.unlike(n)
	case !slices.Contains(g.Zones, n.Zone):
		return fmt.Sprintf("zone %s is not one of the group's", n.Zone)
	}
	return ""
}

// zoneCounts spreads the count evenly over the zones. The zones that get one more are those that have most already, so that
// nothing moves without need.
func zoneCounts(g Group, stay, all []Node) map[string]int {
	want := map[string]int{}
	if len(g.Zones) == 0 {
		return want
	}
	order := slices.Clone(g.Zones)
	slices.SortStableFunc(order, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(inZone(stay, b)), len(inZone(stay, a))), cmp.Compare(len(inZone(all, b)), len(inZone(all, a))))
	})
	for i, zone := range order {
		want[zone] = g.Count / len(order)
		if i < g.Count%len(order) {
			want[zone]++
		}
	}
	return want
}

func inZone(nodes []Node, zone string) []Node {
	var out []Node
	for _, n := range nodes {
		if n.Zone == zone {
			out = append(out, n)
		}
	}
	return out
}

// successors returns which node takes over from each leaver: the one that was launched for it. A leaver that still waits for one to be
// launched is in expected only; one that is in neither leaves without a successor, and what it holds goes to all the others.
func (r roster) successors(zones []string) (pairs map[int32]int32, expected map[int32]bool) {
	pairs, expected = map[int32]int32{}, map[int32]bool{}
	for _, l := range r.leave {
		for _, n := range r.stay {
			// One that was lost before it had taken over shares its successor with the node that it was launched for.
			_, taken := pairs[l.ID]
			if !taken && (n.Replaces == l.ID || l.Replaces != 0 && l.Lost() != "" && n.Replaces == l.Replaces) {
				pairs[l.ID], expected[l.ID] = n.ID, true
			}
		}
	}
	for _, zone := range zones {
		waiting := r.waiting(zone, pairs)
		for _, l := range waiting[:min(max(r.missing(zone), 0), len(waiting))] {
			expected[l.ID] = true
		}
	}
	return pairs, expected
}

// origin is the node that a lost one was launched for, where that is still there: then it is that one which the next node takes over from.
// Otherwise it is the lost one itself.
func (r roster) origin(lost Node) Node {
	for _, n := range r.leave {
		if lost.Lost() != "" && n.ID == lost.Replaces && n.Zone == lost.Zone && !r.surplus[n.ID] {
			return n
		}
	}
	return lost
}

// unlisted is a broker of this fleet in a zone that serves although compute does not list its machine, 0 when there is none. A list may
// be behind, so nobody takes its place until that has lasted.
func unlisted(g Group, o Observation, zone string, now time.Time) int32 {
	for _, n := range o.Nodes {
		lasted := !n.SuspectSince.IsZero() && now.Sub(n.SuspectSince) >= g.Failure.Grace
		if g.Role == compute.RoleBroker && n.Condition.State == NodeStranger && n.Zone == zone && n.ID < o.NextNodeID && !lasted && g.Failure.Grace > 0 {
			return n.ID
		}
	}
	return 0
}

// missing is how many nodes a zone lacks.
func (r roster) missing(zone string) int { return r.want[zone] - len(inZone(r.stay, zone)) }

// waiting are the leavers of a zone without a successor, in the order in which they get one: the lost first, since they are repaired
// before anything healthy is touched, then by id.
func (r roster) waiting(zone string, pairs map[int32]int32) []Node {
	out := slices.DeleteFunc(inZone(r.leave, zone), func(n Node) bool {
		_, paired := pairs[n.ID]
		return paired || r.surplus[n.ID]
	})
	slices.SortStableFunc(out, func(a, b Node) int { return cmpBool(a.broken(), b.broken()) })
	return out
}

// launches plans the missing nodes: at most MaxSurge beyond Count alive, and the first of a new spec alone, as the canary. Zones that
// have lost a node come first, then those where a leaver waits for its successor, and the zone last (the active controller's) comes last.
func launches(g Group, o Observation, r roster, ready func(Node) bool, last string, now time.Time, d *Decision) {
	alive, passing, anyReady, pending := 0, 0, false, 0
	for _, n := range r.leave {
		if n.Alive() && !n.broken() {
			alive++
		}
		switch {
		case n.State == compute.StateStopping || n.sick() && !n.broken():
			passing++
		case r.surplus[n.ID] && g.unlike(n) == "" && r.weight(n) == 0:
			passing++ // It came for one that was lost and is back. Nothing is in its way, so it goes before another one comes.
		}
	}
	room := g.Count + max(g.MaxSurge, 1) - alive - len(r.stay)
	if alive-passing > g.Count {
		// The group shrinks and gets a new spec, so it is above the limit anyway. What is kept then is that no more than MaxSurge new nodes
		// are there that have not taken over anything.
		room = max(g.MaxSurge, 1)
		for _, n := range r.stay {
			if !ready(n) || r.weight(n) == 0 {
				room--
			}
		}
	}
	room = max(room, owed(g, r))
	for _, n := range r.stay {
		if ready(n) {
			anyReady = true
			if n.Condition.State == NodeSuspect && n.givenUp().Cause != "" {
				// Kafka has only not noticed yet. A rollout that ended now would call a fleet done that lacks a node.
				d.wait("node %d is suspect: %s", n.ID, n.Condition.Reason)
			}
			continue
		}
		pending++
		if n.Condition.State == NodeSuspect {
			d.wait("node %d is suspect: %s", n.ID, n.Condition.Reason)
			continue
		}
		since := n.LaunchedAt
		if since.Before(g.Started) {
			since = g.Started
		}
		switch {
		case n.Phase == compute.PhaseFailed,
			n.Phase == compute.PhaseBackoff && n.Restarts >= 3 && !n.Registered,
			now.Sub(since) > ReadyTimeout:
			d.block("node %d (%s, zone %s) does not become healthy: %s", n.ID, g.SpecText, n.Zone, cmp.Or(n.Problem, fmt.Sprintf("not ready after %s", ReadyTimeout)))
		default:
			d.wait("node %d is starting", n.ID)
		}
	}
	if d.Blocked != "" {
		return
	}
	if rolling := slices.ContainsFunc(r.leave, Node.Alive); rolling && !anyReady && !g.off(GuardCanary) {
		room = min(room, 1-pending)
	}
	if g.off(GuardSurge) {
		room = g.Count
	}
	launchMissing(g, o, r, room, last, now, d)
}

// owed is how many broken nodes wait for their successors. All others that leave wait until those are repaired, so it cannot be the other way
// round, whatever the room is.
func owed(g Group, r roster) int {
	pairs, expected := r.successors(g.Zones)
	count := 0
	for _, n := range r.leave {
		if _, launched := pairs[n.ID]; n.broken() && expected[n.ID] && !launched {
			count++
		}
	}
	return count
}

// launchMissing launches as many of the missing nodes as there is room for.
func launchMissing(g Group, o Observation, r roster, room int, last string, now time.Time, d *Decision) {
	missing := map[string]int{}
	for _, zone := range g.Zones {
		missing[zone] = r.missing(zone)
		if n := unlisted(g, o, zone, now); missing[zone] > 0 && n != 0 {
			missing[zone] = 0
			d.wait("broker %d serves in zone %s, and compute does not list its machine: none is launched in its place yet", n, zone)
		}
	}
	pairs, _ := r.successors(g.Zones)
	lost := func(zone string) int {
		count := 0
		for _, n := range r.waiting(zone, pairs) {
			if n.broken() {
				count++
			}
		}
		return count
	}
	holdsData := g.Role == compute.RoleBroker && slices.ContainsFunc(slices.Concat(r.stay, r.leave), func(n Node) bool { return r.weight(n) > 0 })
	next := o.NextNodeID
	for ; room > 0; room-- {
		open := slices.DeleteFunc(slices.Clone(g.Zones), func(zone string) bool { return missing[zone] <= 0 })
		if len(open) == 0 {
			return
		}
		slices.SortStableFunc(open, func(a, b string) int {
			return cmp.Or(cmp.Compare(lost(b), lost(a)), cmpBool(len(r.waiting(a, pairs)) > 0, len(r.waiting(b, pairs)) > 0),
				cmpBool(a != last, b != last), cmp.Compare(missing[b], missing[a]))
		})
		zone := open[0]
		missing[zone]--
		s := Step{Kind: Launch, NodeID: next, Zone: zone, Joins: holdsData, Reason: fmt.Sprintf("the group wants %s in zone %s", plural(r.want[zone], "node"), zone)}
		if waiting := r.waiting(zone, pairs); len(waiting) > 0 {
			of := r.origin(waiting[0])
			pairs[waiting[0].ID], pairs[of.ID], s.Replaces, s.Joins = next, next, of.ID, false
			s.Reason = fmt.Sprintf("replaces node %d: %s", waiting[0].ID, r.why[waiting[0].ID])
		}
		next++
		d.step(s)
	}
}

// finalize raises metadata.version once every node of the cluster can, and never before.
func finalize(o Observation, d *Decision) {
	if o.MetadataLevel == 0 || len(o.Nodes) == 0 {
		return
	}
	level := o.LevelWanted
	for _, n := range o.Nodes {
		if n.MaxLevel == 0 {
			return // A node that did not say what it can is a reason not to.
		}
		if o.LevelWanted == 0 && (level == 0 || n.MaxLevel < level) {
			level = n.MaxLevel
		}
		if n.MaxLevel < o.LevelWanted {
			return
		}
	}
	if level > o.MetadataLevel {
		d.step(Step{Kind: FinalizeFeature, Level: level, Reason: "every node of the cluster runs a version that has it"})
	}
}

// configureCluster brings the cluster-wide configuration to what is wanted. Without knowing what it is, nothing is set.
func configureCluster(g Group, o Observation, d *Decision) {
	if len(g.ClusterConfig)+len(g.ClusterConfigRemoved) == 0 {
		return
	}
	if o.ClusterConfig == nil {
		d.wait("the cluster-wide configuration cannot be read")
		return
	}
	if changes := configChanges(o.ClusterConfig, g.ClusterConfig, g.ClusterConfigRemoved); changes != nil {
		d.step(Step{Kind: ConfigureCluster, Config: changes, Reason: configReason(changes)})
	}
}

// configChanges returns what must be set or removed so that have becomes want.
func configChanges(have, want map[string]string, removed []string) map[string]*string {
	changes := map[string]*string{}
	for key, value := range want {
		if old, ok := have[key]; !ok || old != value {
			changes[key] = &value
		}
	}
	for _, key := range removed {
		if _, ok := have[key]; ok {
			if _, wanted := want[key]; !wanted {
				changes[key] = nil
			}
		}
	}
	if len(changes) == 0 {
		return nil
	}
	return changes
}
