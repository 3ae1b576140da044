package health

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/placement"
)

// leaderImbalance is the share of partitions with another leader than the preferred one from which on it is a problem: Kafka's own
// leader.imbalance.per.broker.percentage was that by default.
const leaderImbalance = 0.1

// verdict collects problems, the most urgent first.
type verdict struct {
	status   Status
	problems []string
	foreign  bool
	// mass says that more is lost than an apply replaces by itself.
	mass bool
}

// critical and degraded add a problem: what is wrong, what it means, and what to do, which is somebody else's affair on a Kafka that no
// fleet runs.
func (v *verdict) critical(what, meaning, remedy string) {
	v.status = Critical
	v.add(what, meaning, remedy)
}

func (v *verdict) degraded(what, meaning, remedy string) {
	if v.status == Healthy {
		v.status = Degraded
	}
	v.add(what, meaning, remedy)
}

func (v *verdict) add(what, meaning, remedy string) {
	if v.foreign {
		remedy = "This provider does not run this Kafka, so no apply repairs it."
	}
	v.problems = append(v.problems, strings.Join([]string{what, meaning, remedy}, " "))
}

// judge goes from the most urgent to the least. Whoever adds a critical problem adds it before the first that is not.
func (v *verdict) judge(f Facts, r Report) {
	mass := massFailure(r.Nodes)
	v.mass = mass != ""
	v.unreachable(f, r)
	v.noMajority(f, r)
	if p := r.Partitions; p != nil {
		v.unavailable(*p)
	}
	if v.mass {
		v.critical(fmt.Sprintf("Mass failure: %s: %s.", mass, reasons(r.Nodes, Lost)), "That is more than an apply replaces by itself: whatever took them may take more, and what they held may still come back.",
			"Find out what happened. A machine that comes back with its disks brings its data back; those that are gone for good are named in `replace_nodes` of their group.")
	}
	if p := r.Partitions; p != nil {
		v.atRisk(*p)
	}
	v.nodes(r.Nodes)
	if q := r.Quorum; q != nil && q.Majority {
		v.voters(*q)
	}
	if d := r.Disks; d != nil {
		v.disks(*d)
	}
	v.leftovers(r)
	if z := r.Zones; z != nil {
		v.zones(*z)
	}
	if l := r.Leaders; l != nil && r.Partitions.Total > 0 && float64(l.electable) > leaderImbalance*float64(r.Partitions.Total) {
		v.degraded(fmt.Sprintf("%s not led by the preferred leader: %s.", are(l.Unbalanced.Count, "partition"), l.Unbalanced), "Some brokers do more than their part.",
			"Kafka gives them back within minutes (auto.leader.rebalance.enable); where that is off, elect the preferred leaders.")
	}
	if f.MinISRErr != "" {
		v.degraded("The min.insync.replicas of some topics could not be read: "+f.MinISRErr+".", "Partitions under or at it may be missing here.", "Read it again.")
	}
}

func (v *verdict) unreachable(f Facts, r Report) {
	switch {
	case r.KafkaReachable:
	case f.KafkaErr != "":
		v.critical("Kafka does not answer: "+f.KafkaErr+".", "No client is served, or none from here.",
			"`nodes` says what the machines say. Where they are lost, `terraform plan` shows what an apply replaces; where all are ready, look for what is between here and them.")
	case !slices.ContainsFunc(r.Nodes, func(n Node) bool { return n.Role == compute.RoleBroker }):
		v.critical("The cluster has no broker.", "Nothing can be written or read.", "Apply a broker group for it.")
	default:
		v.critical("No broker of the cluster runs.", "Nothing can be written or read.",
			"`nodes` says why. `terraform plan` shows what an apply replaces, and what it leaves to you.")
	}
}

func (v *verdict) noMajority(f Facts, r Report) {
	switch q := r.Quorum; {
	case q == nil && f.QuorumRefused:
	case q == nil && f.QuorumErr != "":
		v.critical("The controllers do not say who leads them: "+f.QuorumErr+".", "While they have no leader nothing of the cluster can change: no partition gets another leader, no topic is created.",
			"Look at the nodes whose role is controller. A majority of the machines that vote has to be back; no apply can form a quorum without them.")
	case q != nil && !q.Majority:
		var behind []string
		for _, voter := range q.Voters {
			if !voter.CaughtUp {
				behind = append(behind, fmt.Sprint(voter.ID))
			}
		}
		v.critical(fmt.Sprintf("The controllers have no majority: %d of %d voters have caught up with a leader.", len(q.Voters)-len(behind), len(q.Voters)),
			"Nothing of the cluster can change: no partition gets another leader, no topic is created.",
			fmt.Sprintf("Bring back the machines of controllers %s; no apply can form a quorum without them.", cmp.Or(strings.Join(behind, ", "), "that vote")))
	}
}

func (v *verdict) unavailable(p Partitions) {
	if p.Lost.Count > 0 {
		v.critical(fmt.Sprintf("%s on lost nodes with all replicas: %s.", are(p.Lost.Count, "partition"), p.Lost), "What they held is gone, unless one of these machines comes back with its disks.",
			"They are never created anew by themselves: bring a machine back, or delete the topic and create it.")
	}
	if left := p.Offline.Count - p.Lost.Count; left > 0 {
		meaning := "They can be neither written nor read until a replica that was in sync is back."
		if p.Leaderless.Count > 0 {
			meaning = fmt.Sprintf("They can be neither written nor read. %s in sync on a live broker, and the controllers are to elect a leader: %s.", are(p.Leaderless.Count, "partition"), p.Leaderless)
		}
		v.critical(fmt.Sprintf("%s without a leader: %s.", are(p.Offline.Count, "partition"), p.Offline), meaning, "Bring back the nodes that hold them, and do not replace those by force.")
	}
	if p.UnderMinISR.Count > 0 {
		v.critical(fmt.Sprintf("%s under min.insync.replicas: %s.", are(p.UnderMinISR.Count, "partition"), p.UnderMinISR), "Writes with acks=all are refused; what was acknowledged is safe.",
			"Stop no other broker. "+v.comesBack())
	}
}

func (v *verdict) atRisk(p Partitions) {
	if p.AtMinISR.Count > 0 {
		v.degraded(fmt.Sprintf("%s at min.insync.replicas: %s.", are(p.AtMinISR.Count, "partition"), p.AtMinISR), "They are written and read, and writes are refused once one more of their brokers is away.",
			"Stop no other broker. "+v.comesBack())
	}
	if p.UnderReplicated.Count > p.AtMinISR.Count+p.UnderMinISR.Count {
		v.degraded(fmt.Sprintf("%s under-replicated: %s.", are(p.UnderReplicated.Count, "partition"), p.UnderReplicated), "They are written and read with fewer copies than they are to have, and no rollout touches a healthy broker meanwhile.",
			v.comesBack())
	}
}

// comesBack says how replicas come back into the ISR.
func (v *verdict) comesBack() string {
	if v.mass {
		return "Followers whose machines come back catch up by themselves."
	}
	return "Followers catch up by themselves, and the next apply replaces what is lost."
}

func (v *verdict) nodes(nodes []Node) {
	if lost := reasons(nodes, Lost); lost.Count > 0 && !v.mass {
		v.degraded(fmt.Sprintf("%s lost: %s.", are(lost.Count, "node"), lost), "What they held is not counted on any more.",
			"The next apply replaces them by new nodes, and copies what they held from the replicas in sync.")
	}
	if suspect := reasons(nodes, Suspect); suspect.Count > 0 {
		v.degraded(fmt.Sprintf("%s suspect: %s.", are(suspect.Count, "node"), suspect), "They do not serve as they should, and may come back.",
			"Wait a few minutes: what has not come back by then counts as lost, and the next apply replaces it.")
	}
	var going Names
	for _, n := range nodes {
		if n.State == Ready && n.Cause == string(plan.CauseMaintenance) {
			going.add(name(fmt.Sprintf("%s %d (%s)", n.Role, n.ID, n.Reason)))
		}
	}
	if going.Count > 0 {
		v.degraded(fmt.Sprintf("%s to be replaced soon: %s.", are(going.Count, "node"), going), "It serves until its machine is taken away.", "The next apply replaces it before.")
	}
	var ending Names
	for _, n := range nodes {
		if n.State == Ready && n.Cause == string(plan.CauseCertificate) {
			ending.add(name(fmt.Sprintf("%s %d (%s)", n.Role, n.ID, n.Reason)))
		}
	}
	if ending.Count > 0 {
		v.degraded(fmt.Sprintf("%s with a certificate that is due: %s.", are(ending.Count, "node"), ending), "Nobody can connect to it once its certificate has ended, and it to nobody.", "The next apply replaces it.")
	}
	if strangers := reasons(nodes, Stranger); strangers.Count > 0 {
		v.degraded(fmt.Sprintf("%s of no fleet: %s.", are(strangers.Count, "node"), strangers), "This provider never touches what it has not launched, so nobody looks after what is on them.",
			"Move their replicas away, and stop them where they were started.")
	}
}

// reasons are the nodes in a state, each with its reason.
func reasons(nodes []Node, state string) Names {
	var found Names
	for _, n := range nodes {
		if n.State == state {
			found.add(name(fmt.Sprintf("%s %d (%s)", n.Role, n.ID, n.Reason)))
		}
	}
	return found
}

func (v *verdict) voters(q Quorum) {
	var behind []string
	for _, voter := range q.Voters {
		if voter.CaughtUp {
			continue
		}
		lag := "nothing known of its lag"
		if voter.LagRecords >= 0 && voter.LagMillis >= 0 {
			lag = fmt.Sprintf("%d records and %d ms behind", voter.LagRecords, voter.LagMillis)
		}
		behind = append(behind, fmt.Sprintf("%d (%s)", voter.ID, lag))
	}
	if len(behind) > 0 {
		v.degraded(fmt.Sprintf("%s not caught up: %s.", are(len(behind), "controller"), strings.Join(behind, ", ")),
			fmt.Sprintf("The quorum can lose %d more and still decide.", q.Tolerates), "One that does not catch up within minutes is not healthy; the next apply replaces it when it is lost.")
	}
}

func (v *verdict) disks(d Disks) {
	if d.Offline.Count > 0 {
		v.degraded(fmt.Sprintf("%s offline: %s.", are(d.Offline.Count, "log directory"), d.Offline), "Its broker serves on without what lay there.", "The next apply replaces the node.")
	}
	if d.AboveHeadroom.Count > 0 {
		v.degraded(fmt.Sprintf("%s fuller than %.0f %%: %s.", are(d.AboveHeadroom.Count, "broker"), 100*placement.DefaultHeadroom, d.AboveHeadroom), "Nothing is moved there any more, and a broker ends when its disk is full.",
			"Add brokers to the group, take a larger instance type, or shorten the retention of topics.")
	}
}

func (v *verdict) leftovers(r Report) {
	if r.ExpiredThrottles.Count > 0 {
		v.degraded(fmt.Sprintf("Replication throttles are left over although nothing moves: %s.", r.ExpiredThrottles), "They slow down the next replica that falls behind.", "The next apply removes them.")
	}
	if len(r.LeftoverCordons) > 0 {
		var list Names
		for _, id := range r.LeftoverCordons {
			list.add(name(fmt.Sprint(id)))
		}
		v.degraded(fmt.Sprintf("%s cordoned, and no rollout needs it: %s.", are(list.Count, "broker"), list), "New topics get no replica there.", "The next apply lifts it, or goes on with what it was for.")
	}
}

func (v *verdict) zones(z Zones) {
	if z.UnbalancedGroups.Count > 0 {
		v.degraded(fmt.Sprintf("Nodes are spread unevenly over the zones: %s.", z.UnbalancedGroups), "The loss of a zone costs more than its part.", "The next apply evens it out.")
	}
	if z.CrowdedPartitions.Count > 0 {
		v.degraded(fmt.Sprintf("%s crowded in one zone while another has room: %s.", are(z.CrowdedPartitions.Count, "partition"), z.CrowdedPartitions), "The loss of that zone takes more copies than it has to.",
			"The next apply of the group spreads them.")
	}
}

// are is "1 partition is", "2 partitions are".
func are(n int, noun string) string {
	if n == 1 {
		return "1 " + noun + " is"
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		return fmt.Sprintf("%d %sies are", n, stem)
	}
	return fmt.Sprintf("%d %ss are", n, noun)
}
