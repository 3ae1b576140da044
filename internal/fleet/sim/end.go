package sim

import (
	"fmt"
	"maps"
	"slices"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// end is asked when the applies are through and all is quiet.
func (j *judge) end(w *World) {
	for _, g := range j.want.Groups {
		j.group(w, g.Name, g.Brokers, g.KafkaVersion, orZones(g.Zones, j.want.Cluster.Zones))
	}
	j.group(w, compute.ControllersGroup, j.want.Cluster.Controllers, j.want.Cluster.KafkaVersion, j.want.Cluster.Zones)
	for _, id := range w.order {
		if count, _ := j.wanted(w.machines[id].spec.Group); count == 0 {
			j.violate(w, Orphans, "node %d of group %s is left", id, w.machines[id].spec.Group)
		}
	}
	if len(w.quorum.voters) != j.want.Cluster.Controllers {
		j.violate(w, Orphans, "the voters are %v, %d are wanted", w.quorum.voters, j.want.Cluster.Controllers)
	}
	for _, id := range slices.Sorted(maps.Keys(w.brokers)) {
		if b := w.brokers[id]; w.machines[id] == nil || b.fenced {
			j.violate(w, Orphans, "broker %d is registered (fenced: %t), and has a machine: %t", id, b.fenced, w.machines[id] != nil)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(w.cordons)) {
		j.violate(w, Orphans, "broker %d is cordoned", id)
	}
	if len(w.rates)+len(w.marks) > 0 {
		j.violate(w, Throttled, "throttles are left on the brokers %v and the topics %v", keys(w.rates), keys(w.marks))
	}
	a := w.authority()
	if a.Rotation != j.want.Cluster.Rotation {
		j.violate(w, Liveness, "the change of the authority is at %s, and not at %s", a.Rotation.Text(), j.want.Cluster.Rotation.Text())
	}
	for _, id := range w.order {
		if m := w.machines[id]; m.generation != a.Generation {
			j.violate(w, Orphans, "node %d has what generation %d of the authority gave out, and not of %d", id, m.generation, a.Generation)
		}
	}
	w.each(func(p *partition) { j.whole(w, p) })
}

// satisfied says whether the end would be as desired now.
func (j *judge) satisfied(w *World) bool {
	probe := *j
	probe.violations, probe.tale, probe.narrate = nil, nil, false
	probe.end(w)
	return !probe.failed
}

func orZones(own, others []string) []string {
	if len(own) > 0 {
		return own
	}
	return others
}

func keys[K comparable, V any](m map[K]V) []string {
	var out []string
	for k := range m {
		out = append(out, fmt.Sprint(k))
	}
	slices.Sort(out)
	return out
}

func (j *judge) group(w *World, name string, count int, version string, zones []string) {
	perZone := map[string]int{}
	nodes := 0
	for _, id := range w.order {
		m := w.machines[id]
		if m.spec.Group != name {
			continue
		}
		nodes++
		perZone[m.spec.Zone]++
		if m.spec.KafkaVersion != version || !m.serves() {
			j.violate(w, Orphans, "node %d of group %s is at Kafka %s, and serves: %t", id, name, m.spec.KafkaVersion, m.serves())
		}
	}
	if nodes != count {
		j.violate(w, Orphans, "group %s has %d nodes, %d are wanted", name, nodes, count)
	}
	for _, z := range zones {
		if perZone[z] < count/len(zones) || perZone[z] > (count+len(zones)-1)/len(zones) {
			j.violate(w, Zones, "group %s has its nodes in zones %v", name, perZone)
		}
	}
}

// whole is asked of each partition at the end.
func (j *judge) whole(w *World, p *partition) {
	if p.inFlight() || len(p.isr) != len(p.replicas) || p.leader < 0 {
		j.violate(w, Liveness, "%s is not whole at the end", p)
		return
	}
	if j.once && p.copies != len(p.replicas) {
		j.violate(w, Once, "%s has %d replicas, and %d were copied", p, len(p.replicas), p.copies)
	}
	used := map[string]bool{}
	group := ""
	for _, id := range p.replicas {
		used[w.machines[id].spec.Zone] = true
		group = w.machines[id].spec.Group
	}
	if owner := j.want.owner(p.topic.name); owner != "" {
		for _, id := range p.replicas {
			if g := w.machines[id].spec.Group; g != owner {
				j.violate(w, Liveness, "%s lives on group %s, and node %d is of group %s", p, owner, id, g)
			}
		}
		group = owner
	}
	if enough := min(len(p.replicas), len(j.want.zones(group))); len(used) < enough {
		j.violate(w, Zones, "%s is in %d zones, there are %d", p, len(used), enough)
	}
}
