package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// knows is how old an observation may be at most when something is done by it. What has been so for longer, the provider must know.
const knows = 15 * time.Second

// Violation is a promise that was broken.
type Violation struct {
	Invariant Invariant `json:"invariant"`
	At        string    `json:"at"`
	Text      string    `json:"text"`
}

// counts are figures of one run.
type counts struct {
	Effects, Kills, Faults, Applies int
}

// judge watches.
type judge struct {
	violations []Violation
	failed     bool
	count      counts
	// narrate: the tale is written.
	narrate bool
	tale    []string
	// want is the newest desired state, nil while the first fleet is built.
	want *Desired
	// steady: nothing but repairs is asked for. faultless: nothing breaks.
	steady, faultless bool
	// once: each replica has to be copied once.
	once bool
	// limited: moves have to be throttled.
	limited bool
	// alive is how many nodes each group had when the present desired state came.
	alive map[string]int
	// served are the specs of which some node has served, by group and version.
	served map[string]bool
}

func (j *judge) violate(w *World, which Invariant, format string, a ...any) {
	if j.failed {
		return // What follows from it is no news.
	}
	j.failed = true
	v := Violation{Invariant: which, At: clock(w.now), Text: fmt.Sprintf(format, a...)}
	j.violations = append(j.violations, v)
	w.tell("VIOLATION: %s: %s", which, v.Text)
	if j.narrate {
		w.describe()
	}
}

// partition is asked after each change of a partition.
func (j *judge) partition(w *World, p *partition) {
	// Kafka counts the replicas that are being added: a topic with fewer replicas than min.insync.replicas takes no writes while it moves.
	if j.faultless && !p.writable && len(p.target()) > w.minISR() {
		j.violate(w, Available, "%s takes no writes, and nothing has failed", p)
	}
	for _, l := range p.logs {
		if !l.failed && l.bytes >= p.end && slices.Contains(p.replicas, l.node) {
			return
		}
	}
	j.violate(w, Records, "no replica of %s has all of its %d bytes any more", p, p.end)
}

// writer is asked before each effect.
func (j *judge) writer(w *World, p *Provider, name string) {
	if l := w.lease; l.holder != p || l.expired(w) {
		holder := "nobody"
		if l.holder != nil && l.holder != p {
			holder = l.holder.name
		}
		j.violate(w, OneWriter, "%s does %s while %s holds the lease", p.name, name, holder)
	}
}

// sick is a partition that is out of sync since before some moment, nil when there is none.
func (w *World) sick(known time.Duration) *partition {
	for _, one := range w.lagging {
		if one.sick >= 0 && one.sick < known {
			return one
		}
	}
	return nil
}

// lost says that a node is beyond repair: its machine or its disks are gone.
func (m *machine) lost() bool {
	return m == nil || !m.whole || m.state == compute.StateStopped || m.state == compute.StateTerminating
}

// failed says that it is lost or does not serve for so long that it counts as lost, or that it has lost a part of its disks.
func (w *World) failed(id int32) bool {
	m := w.machines[id]
	switch {
	case m.lost(), m.failedDirs > 0, !m.joined && w.now-m.launched > grace-knows, m.doubted > 0 && w.now-m.doubted > grace-knows:
		return true
	case m.misreported > 0:
		return !w.inSync(m)
	case m.bad > 0:
		return m.restarts >= manyRestarts || m.silent
	}
	return false
}

// repairs says that what is done about a node is its repair, as far as the provider can know.
func (w *World) repairs(p *Provider, id int32) bool {
	m := w.machines[id]
	return w.failed(id) || m != nil && m.recovered > p.seen
}

// inSync says that a broker serves and is in the ISR of something that it has.
func (w *World) inSync(m *machine) bool {
	id := m.spec.NodeID
	return m.serves() && w.leads(id, true) && slices.ContainsFunc(w.on[id], func(p *partition) bool { return slices.Contains(p.isr, id) })
}

// grace is failure_policy.grace as the simulated groups have it.
const grace = 5 * time.Minute

// takes is asked before a machine is stopped or terminated.
func (j *judge) takes(w *World, p *Provider, m *machine, how string) {
	id := m.spec.NodeID
	if m.spec.Role == compute.RoleController {
		if slices.Contains(w.quorum.voters, id) {
			j.violate(w, Majority, "controller %d is %s while it is a voter", id, how)
		}
		return
	}
	for _, one := range w.on[id] {
		if slices.Contains(one.replicas, id) && !m.lost() {
			j.violate(w, Holders, "node %d is %s while %s is on it", id, how, one)
		}
		if rest := without(one.isr, id); len(rest) < len(one.isr) && len(rest) < min(w.minISR(), len(one.replicas)) && !m.lost() {
			j.violate(w, MinISR, "node %d is %s and %s is left with %d in sync", id, how, one, len(rest))
		}
	}
	if m.serves() && w.leads(id, true) && m.failedDirs == 0 {
		if one := w.sick(max(p.seen, w.now-knows)); one != nil {
			j.violate(w, OneAtATime, "node %d is %s while %s is not in sync since %s", id, how, one, clock(one.sick))
		}
	}
}

// unregisters is asked before a broker is unregistered.
func (j *judge) unregisters(w *World, p *Provider, id int32) {
	if b := w.brokers[id]; b != nil && !b.fenced && b.changed < p.seen {
		j.violate(w, Fenced, "broker %d is unregistered and not fenced", id)
	}
	w.each(func(one *partition) {
		if slices.Contains(one.replicas, id) {
			j.violate(w, Holders, "broker %d is unregistered while %s is on it", id, one)
		}
	})
}

// removesVoter is asked before a controller loses its vote.
func (j *judge) removesVoter(w *World, p *Provider, id int32) {
	rest := without(w.quorum.voters, id)
	good := 0
	for _, voter := range rest {
		// One that has failed only just now is not known to have: the quorum counts it as caught up for two seconds more.
		if m := w.machines[voter]; w.current(voter) || m != nil && m.bad > max(p.seen, w.now-knows)-2*time.Second {
			good++
		}
	}
	if 2*good <= len(rest) {
		j.violate(w, Majority, "without %d only %d of the voters %v have caught up", id, good, rest)
	}
}

// launch is asked before a node is launched.
func (j *judge) launch(w *World, p *Provider, spec compute.NodeSpec) {
	if w.used[spec.NodeID] {
		j.violate(w, IDs, "node id %d is used again", spec.NodeID)
	}
	count, surge := j.wanted(spec.Group)
	if j.want == nil || count == 0 {
		return
	}
	alive, there, rolling, pending := 0, 0, false, 0
	for _, id := range w.order {
		m := w.machines[id]
		if m.spec.Group != spec.Group || m.lost() || m.misreported > 0 || w.failed(id) || m.state == compute.StateStopping {
			continue
		}
		alive++
		if m.spec.Zone == spec.Zone {
			there++
		}
		switch {
		case m.spec.SpecHash != spec.SpecHash:
			rolling = true
		case m.boot == 0 && !w.ailing[m.spec.KafkaVersion]:
			pending++
		}
	}
	// Where nobody can leave before another node comes, one more comes; and a group that shrinks is above its number anyway, so that new
	// nodes come as they take over.
	limit := max(count, j.alive[spec.Group]) + surge + 1
	if j.alive[spec.Group] > count {
		limit += count
	}
	// All that is healthy waits for what is broken, so the successor of that has to come. Where that was a successor itself, the new one is
	// launched for the node that both take over from.
	repairs := slices.ContainsFunc(w.order, func(id int32) bool {
		m := w.machines[id]
		return m.spec.Group == spec.Group && m.spec.Zone == spec.Zone && (w.repairs(p, id) || m.maintenance != "")
	})
	if alive+1 > limit && there > 0 && !repairs && (spec.Replaces == 0 || !w.repairs(p, spec.Replaces)) {
		j.violate(w, Surge, "group %s gets node %d, and has %d alive; %d are wanted, and %d more at once", spec.Group, spec.NodeID, alive, count, surge)
	}
	if rolling && pending > 0 && !j.served[spec.Group+spec.SpecHash] {
		j.violate(w, Canary, "node %d is launched beside a canary that has not served yet", spec.NodeID)
	}
	if spec.Replaces != 0 {
		j.replaces(w, p, spec)
	}
}

// serves takes note of the specs of which a node serves, as far as a provider may know.
func (j *judge) serves(m *machine) {
	if j.served == nil {
		j.served = map[string]bool{}
	}
	j.served[m.spec.Group+m.spec.SpecHash] = true
}

// replaces is asked before a node is launched that takes over from another one.
func (j *judge) replaces(w *World, p *Provider, spec compute.NodeSpec) {
	m := w.machines[spec.Replaces]
	if spec.Role != compute.RoleBroker {
		return
	}
	// One of another spec is replaced anyway.
	if lost := j.unasked(w, p, spec.Group); slices.Contains(lost, spec.Replaces) && m != nil && m.spec.SpecHash == spec.SpecHash {
		j.violate(w, Mass, "node %d of group %s is replaced, of which %v are lost", spec.Replaces, spec.Group, lost)
	}
	if !j.steady {
		return
	}
	if !w.repairs(p, spec.Replaces) && m.maintenance == "" && !slices.Contains(j.named(spec.Group), spec.Replaces) {
		j.violate(w, Patience, "node %d is replaced and may come back; it does not serve since %s", spec.Replaces, clock(m.bad))
	}
}

// unasked are the lost brokers of a group that hold replicas, less those that were named, when there are more than are replaced without
// being asked. Only those whose machines are still listed: of the others nobody knows the group.
func (j *judge) unasked(w *World, p *Provider, group string) []int32 {
	var lost []int32
	count, _ := j.wanted(group)
	for id, since := range w.lost {
		registered := w.brokers[id] != nil && w.brokers[id].fenced && w.brokers[id].changed < p.seen
		holds := slices.ContainsFunc(w.on[id], func(one *partition) bool { return slices.Contains(one.replicas, id) })
		if m := w.machines[id]; m != nil && m.spec.Group == group && registered && holds && since < p.seen && !slices.Contains(j.named(group), id) {
			lost = append(lost, id)
		}
	}
	if len(lost) <= max(1, count/3) {
		return nil
	}
	slices.Sort(lost)
	return lost
}

// named are the nodes of a group that are to be replaced because somebody wants it.
func (j *judge) named(group string) []int32 {
	for _, g := range j.want.Groups {
		if g.Name == group {
			return g.Replace
		}
	}
	return nil
}

func (j *judge) wanted(group string) (count, surge int) {
	if j.want == nil {
		return 0, 0
	}
	if group == compute.ControllersGroup {
		return j.want.Cluster.Controllers, 1
	}
	for _, g := range j.want.Groups {
		if g.Name == group {
			return g.Brokers, max(g.MaxSurge, 1)
		}
	}
	return 0, 0
}

// move is asked before a partition gets another list of replicas. free counts, by receiver, what one request moves without a mark of the
// receiver: a second of its limit, and what partitions have grown since they were looked at.
func (j *judge) move(w *World, p *Provider, one *partition, to []int32, free map[int32]int64) {
	added, removed := minus(to, one.replicas), minus(one.replicas, to)
	mark := w.marks[one.topic.name]
	for _, id := range added {
		if since, lost := w.lost[id]; lost && since < p.seen {
			j.violate(w, Receivers, "%s is moved to node %d, which is lost", one, id)
		} else if b := w.brokers[id]; b.fenced && b.changed < p.seen {
			j.violate(w, Receivers, "%s is moved to node %d, which is fenced since %s", one, id, clock(b.changed))
		}
		if !j.limited || slices.Contains(mark.Follower[one.number], id) {
			continue
		}
		free[id] += one.end
		if len(mark.Leader[one.number]) == 0 || free[id] > w.rates[id].Follower*11/10 {
			j.violate(w, Throttled, "%s is moved to node %d without a throttle: %d bytes of %d, %d a second, with %d marks of sources", one, id, free[id], w.rates[id].Follower, one.rate, len(mark.Leader[one.number]))
		}
	}
	if len(added) > 0 && j.limited {
		for _, id := range slices.Concat(one.replicas, added) {
			b := w.brokers[id]
			if _, ok := w.rates[id]; !ok && b != nil && !b.fenced && b.changed < min(p.seen, w.now-knows) {
				j.violate(w, Throttled, "%s is moved to %v while broker %d, which takes part, has no limit", one, to, id)
			}
		}
	}
	if len(removed) == 0 || slices.ContainsFunc(one.replicas, func(id int32) bool { return w.repairs(p, id) }) {
		return
	}
	if other := w.sick(p.seen); other != nil {
		j.violate(w, OneAtATime, "%s is moved to %v while %s is not in sync since %s", one, to, other, clock(other.sick))
	}
}
