package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// NodeState is what a node is worth to its cluster.
type NodeState string

// The states of a node.
const (
	// NodeReady: it serves, or for a controller: it has caught up with the quorum.
	NodeReady NodeState = "ready"
	// NodeStarting: launched and not there yet.
	NodeStarting NodeState = "starting"
	// NodeStopping: it was asked to shut down.
	NodeStopping NodeState = "stopping"
	// NodeSuspect: either compute or Kafka has given it up, but not both, and not for long enough. Nothing healthy is touched meanwhile.
	NodeSuspect NodeState = "suspect"
	// NodeLost: it is given up by both, or by one of them for longer than the grace. It is replaced and never waited for.
	NodeLost NodeState = "lost"
	// NodeStranger: a broker that serves and that compute does not know. It is reported and never touched.
	NodeStranger NodeState = "stranger"
)

// Cause is what ails a node.
type Cause string

// The causes.
const (
	CauseMachineGone    Cause = "machine gone"
	CauseMachineStopped Cause = "machine stopped"
	CauseProcessDead    Cause = "process dead"
	CauseHung           Cause = "hung"
	CauseDiskFailed     Cause = "disk failed"
	CauseNotJoining     Cause = "not joining"
	CauseWrongSpec      Cause = "wrong spec"
	CauseWrongZone      Cause = "wrong zone"
	CauseMaintenance    Cause = "scheduled for maintenance"
	CauseCertificate    Cause = "certificate ends"
	CauseNamed          Cause = "named in replace_nodes"
	CauseStranger       Cause = "unknown to compute"
)

// Condition is the state of a node with what ails it: no cause when nothing does. Reason is a sentence without subject and full stop,
// "its machine is gone".
type Condition struct {
	State  NodeState
	Cause  Cause
	Reason string
}

// String is "lost: machine gone", or "ready".
func (c Condition) String() string {
	if c.Cause == "" {
		return string(c.State)
	}
	return fmt.Sprintf("%s: %s", c.State, c.Cause)
}

// FailurePolicy says when a node counts as lost, and how many losses are repaired without asking.
type FailurePolicy struct {
	// Grace is how long compute or Kafka alone must have given a node up before it counts as lost.
	Grace time.Duration
	// MaxLost is how many lost nodes a group repairs by itself; 0 means one for each three, and one at least.
	MaxLost int
}

// maxLost is how many lost nodes the group repairs without asking.
func (g Group) maxLost() int { return cmp.Or(g.Failure.MaxLost, max(1, g.Count/3)) }

// Condition judges a node by what is observed of it, at a moment.
func (g Group) Condition(n Node, o Observation, now time.Time) Condition {
	byCompute, byKafka := n.givenUp(), o.givenUp(n)
	if n.InstanceID == "" && n.Answering && !n.Fenced {
		return Condition{NodeStranger, CauseStranger, "it serves, and compute does not know its machine"}
	}
	if n.InstanceID != "" && o.neverServed(n) {
		return g.newcomer(n, byCompute, now)
	}
	verdict := byCompute
	if verdict.Cause == "" {
		verdict = byKafka
	}
	alone := now.Sub(n.SuspectSince)
	if n.SuspectSince.IsZero() {
		alone = 0
	}
	switch {
	case n.State == compute.StateStopping:
		return Condition{State: NodeStopping}
	case byCompute.Cause == "" && n.Registered && n.Fenced && now.Sub(n.LaunchedAt) < n.Boot+joinWithin:
		return Condition{State: NodeStarting}
	case verdict.Cause == "", byCompute.Cause == "" && n.Role == compute.RoleController && alone < behindFor && g.Failure.Grace > 0:
		return g.sound(n, o, now)
	case byCompute.Cause != "" && byKafka.Cause != "", alone >= g.Failure.Grace, slices.Contains(g.Forsake, n.ID), g.off(GuardTwoSignals):
		verdict.State = NodeLost
	default:
		verdict.State = NodeSuspect
		verdict.Reason += fmt.Sprintf(", it counts as lost in %s", (g.Failure.Grace - alone).Round(time.Second))
	}
	return verdict
}

// Judge is Condition with what else is wrong with a node that serves: it is not as the group wants its nodes.
func (g Group) Judge(n Node, o Observation, now time.Time) Condition {
	c := g.Condition(n, o, now)
	if c.State != NodeReady || c.Cause != "" {
		return c
	}
	switch {
	case slices.Contains(g.Replace, n.ID):
		c.Cause, c.Reason = CauseNamed, "it is named to be replaced"
	case g.unlike(n) != "":
		c.Cause, c.Reason = CauseWrongSpec, g.unlike(n)
	case len(g.Zones) > 0 && !slices.Contains(g.Zones, n.Zone):
		c.Cause, c.Reason = CauseWrongZone, fmt.Sprintf("zone %s is not one of the group's", n.Zone)
	}
	return c
}

// unlike says in what a node is not as the group wants its nodes, "" when it is.
func (g Group) unlike(n Node) string {
	switch {
	case g.SpecHash != "" && n.SpecHash != g.SpecHash:
		return fmt.Sprintf("it is %s, the group wants %s", n.SpecText, g.SpecText)
	case n.Subnet != "" && g.Subnets[n.Zone] != "" && n.Subnet != g.Subnets[n.Zone]:
		return fmt.Sprintf("it is in subnet %s, the group wants %s in zone %s", n.Subnet, g.Subnets[n.Zone], n.Zone)
	}
	return ""
}

// Suspects are sentences about the nodes of a group that may be lost and may not, and Strangers about the brokers of the cluster that
// compute does not know.
func Suspects(g Group, o Observation, now time.Time) (suspects, strangers []string) {
	o = o.judged(g, now)
	for _, n := range o.Nodes {
		switch {
		case n.Condition.State == NodeStranger:
			strangers = append(strangers, fmt.Sprintf("broker %d in zone %s serves, and compute does not know its machine", n.ID, cmp.Or(n.Zone, "?")))
		case n.Condition.State == NodeSuspect && n.Group == g.Name:
			suspects = append(suspects, fmt.Sprintf("node %d is suspect: %s", n.ID, n.Condition.Reason))
		}
	}
	return suspects, strangers
}

// neverServed says that nothing depends on the node yet: a broker that never registered, a controller that is no voter and has not caught
// up to become one.
func (o Observation) neverServed(n Node) bool {
	if n.Role == compute.RoleController && o.Quorum != nil {
		_, voter := o.Quorum.Voters[n.ID]
		return !voter && !o.Quorum.Observers[n.ID]
	}
	return n.Boot == 0 && !n.Registered
}

// joinWithin is how long after its port answers a new broker may take until Kafka counts on it.
const joinWithin = time.Minute

// behindFor is how long a controller must have been behind before anybody speaks of it: a busy one falls behind for a moment now and then.
const behindFor = 10 * time.Second

// newcomer judges a node that has never served. It holds nothing, so one who gives it up is enough. One of this run is not lost while
// its machine is there: the run stops over it, rather than to launch one after the other.
func (g Group) newcomer(n Node, byCompute Condition, now time.Time) Condition {
	machine := n.Dead() == ""
	switch {
	case n.State == compute.StateStopping:
		return Condition{State: NodeStopping}
	case byCompute.Cause != "" && (!machine || n.LaunchedAt.Before(g.Started)):
		byCompute.State = NodeLost
		return byCompute
	case n.LaunchedAt.Before(g.Started) && now.Sub(n.LaunchedAt) >= max(ReadyTimeout, g.Failure.Grace):
		return Condition{NodeLost, CauseNotJoining, fmt.Sprintf("it has not joined the cluster within %s", max(ReadyTimeout, g.Failure.Grace))}
	}
	return Condition{State: NodeStarting}
}

// RenewBefore is how long before its certificate ends a node is replaced, where nothing else is declared.
const RenewBefore = 30 * 24 * time.Hour

// outdated says why a node should get another certificate, "" when it need not. One that ends with the authority that issued it has no
// successor that would last longer.
func (g Group) outdated(n Node, o Observation, now time.Time) string {
	renew := cmp.Or(g.RenewBefore, RenewBefore)
	switch {
	case n.CertificateEnds.IsZero():
		return ""
	case n.AuthorityGeneration < o.Authority.Generation:
		return o.Authority.Rotation.why()
	case n.CertificateEnds.Sub(now) > renew || o.Authority.Ends.Sub(n.CertificateEnds) <= renew:
		return ""
	}
	if !now.Before(n.CertificateEnds) {
		return "its certificate has ended on " + n.CertificateEnds.UTC().Format(time.DateOnly)
	}
	return "its certificate ends on " + n.CertificateEnds.UTC().Format(time.DateOnly)
}

// sound is the condition of a node that nobody has given up.
func (g Group) sound(n Node, o Observation, now time.Time) Condition {
	switch {
	case n.OfflineDirs > 0:
		return Condition{NodeReady, CauseDiskFailed, fmt.Sprintf("%s of it failed", plural(n.OfflineDirs, "disk"))}
	case n.Maintenance != "":
		return Condition{NodeReady, CauseMaintenance, "its machine is scheduled for maintenance: " + n.Maintenance}
	case n.Role == compute.RoleBroker && !n.Ready():
		return Condition{State: NodeStarting}
	}
	if why := g.outdated(n, o, now); why != "" {
		return Condition{NodeReady, CauseCertificate, why}
	}
	return Condition{State: NodeReady}
}

// givenUp is what compute, and the agent on the machine, have against a node; no cause when they have nothing.
func (n Node) givenUp() Condition {
	switch why := n.Dead(); {
	case n.InstanceID == "":
		return Condition{Cause: CauseMachineGone, Reason: why}
	case n.Phase == compute.PhaseDiskLost:
		return Condition{Cause: CauseDiskFailed, Reason: "its disks are lost"}
	case why != "":
		return Condition{Cause: CauseMachineStopped, Reason: why}
	case n.Phase == compute.PhaseFailed:
		return Condition{Cause: CauseProcessDead, Reason: "it failed: " + n.Problem}
	case n.Phase == compute.PhaseBackoff && n.Restarts >= manyRestarts:
		return Condition{Cause: CauseProcessDead, Reason: "its Kafka ends again and again: " + n.Problem}
	case n.Silent:
		return Condition{Cause: CauseHung, Reason: "its agent does not report any more"}
	}
	return Condition{}
}

// manyRestarts is from how many restarts on a Kafka that is down is not expected to come up.
const manyRestarts = 3

// givenUp is what Kafka has against a node; no cause when it has nothing, or cannot be asked.
func (o Observation) givenUp(n Node) Condition {
	if n.Role == compute.RoleController {
		return o.leftBehind(n)
	}
	fenced := CauseHung // Its machine and its agent have nothing to say.
	if n.Phase == compute.PhaseStarting || n.Phase == compute.PhaseBackoff {
		fenced = CauseProcessDead
	}
	switch {
	case !o.KafkaUp:
	case !n.Registered:
		return Condition{Cause: CauseNotJoining, Reason: "Kafka does not know it"}
	case n.Fenced:
		return Condition{Cause: fenced, Reason: "Kafka has fenced it"}
	case n.OutOfISR && n.OfflineDirs == 0: // With a failed disk that is no sign of anything else.
		return Condition{Cause: CauseHung, Reason: "it is in no ISR"}
	}
	return Condition{}
}

// leftBehind is what the quorum has against a controller.
func (o Observation) leftBehind(n Node) Condition {
	if o.Quorum == nil || o.Quorum.Leader < 0 {
		return Condition{}
	}
	caughtUp, voter := o.Quorum.Voters[n.ID]
	if !voter {
		caughtUp = o.Quorum.Observers[n.ID]
	}
	if caughtUp {
		return Condition{}
	}
	return Condition{Cause: CauseHung, Reason: "it has not caught up with the quorum"}
}

// GivenUp says who has given the node up, so that since when can be told.
func (o Observation) GivenUp(n Node) (byCompute, byKafka bool) {
	return n.givenUp().Cause != "", o.givenUp(n).Cause != ""
}

// judged is the observation with the condition of every node.
func (o Observation) judged(g Group, now time.Time) Observation {
	o.Nodes = slices.Clone(o.Nodes)
	for i, n := range o.Nodes {
		o.Nodes[i].Condition = g.Condition(n, o, now)
	}
	return o
}

// suspects names the nodes of a role that may be lost and may not, "" when there are none. One that leaves and holds nothing does not count.
func suspects(o Observation, r roster, role compute.Role) string {
	for _, n := range o.Nodes {
		if n.Role == role && n.Condition.State == NodeSuspect && (r.why[n.ID] == "" || r.weight(n) > 0) {
			return fmt.Sprintf("node %d is suspect: %s", n.ID, n.Condition.Reason)
		}
	}
	return ""
}

// asLost says why a node is lost, "" when it is not. One that is dead is as good as lost: that Kafka has not said so, or cannot be asked, must
// not make it look as if few were.
func (n Node) asLost() string {
	if n.Condition.State == NodeSuspect {
		return n.Dead()
	}
	return n.Lost()
}

// lostMajority says that the controllers that vote have no majority left, "" when they have. With one the others are repaired, however many
// they are, and without one nothing can be, so there is nothing to ask for.
func lostMajority(g Group, nodes []Node, votes func(Node) bool) string {
	if g.Count == 0 || g.off(GuardMassFailure) {
		return ""
	}
	voters, lost := 0, []string(nil)
	for _, n := range nodes {
		if !votes(n) {
			continue
		}
		voters++
		if why := n.asLost(); why != "" {
			lost = append(lost, fmt.Sprintf("node %d: %s", n.ID, why))
		}
	}
	if len(lost) == 0 || 2*len(lost) < voters {
		return ""
	}
	return fmt.Sprintf("%d of the %d controllers are lost (%s), and without a majority of them the quorum decides nothing: no controller can be replaced, and no partition be moved. "+
		"Nothing was done. Bring back enough of these machines with what is on their disks, and apply again", len(lost), voters, strings.Join(lost, "; "))
}

// massFailure says that so many brokers are lost that nothing is repaired without being asked, "" when it is not. What replace_nodes names was
// asked for, and with a node that holds nothing, nothing is lost.
func massFailure(g Group, nodes []Node, holds func(Node) bool) string {
	if g.Count == 0 || g.off(GuardMassFailure) {
		return ""
	}
	var lost []int32
	whole := map[string]bool{} // Zones without a node that is not lost.
	for _, n := range nodes {
		if n.asLost() == "" || !holds(n) {
			continue
		}
		whole[n.Zone] = true
		if !slices.Contains(g.Replace, n.ID) {
			lost = append(lost, n.ID)
		}
	}
	var zones []string
	for zone := range whole {
		if !slices.ContainsFunc(inZone(nodes, zone), func(n Node) bool { return n.asLost() == "" }) {
			zones = append(zones, zone)
		}
	}
	slices.Sort(zones)
	ask := fmt.Sprintf("Nothing was done. Look at what happened; if these nodes are not coming back, name them in the group's replace_nodes = %s and apply again", ids(lost))
	switch {
	case len(lost) > g.maxLost():
		return fmt.Sprintf("%s of group %s are lost (%s), more than the %d that are replaced without being asked (failure_policy.max_lost). %s",
			plural(len(lost), "node"), g.Name, brokerList(lost), g.maxLost(), ask)
	case len(zones) > 1 && len(lost) > 1:
		return fmt.Sprintf("all nodes of group %s in zones %v are lost (%s), and more than one zone is not replaced without being asked. %s", g.Name, zones, brokerList(lost), ask)
	}
	return ""
}

// ids is a list of node ids as HCL has it.
func ids(list []int32) string {
	text := "["
	for i, id := range list {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprint(id)
	}
	return text + "]"
}
