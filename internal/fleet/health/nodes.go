package health

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
)

// condition says what state a node is in. Of a Kafka that no fleet runs only Kafka's own word is known.
func condition(n plan.Node, f Facts) Condition {
	switch broker := n.Role == compute.RoleBroker; {
	case f.Foreign && broker && n.Fenced:
		return Condition{Suspect, "", "it is registered and fenced: starting, stopped or dead"}
	case f.Foreign && broker && !n.Answering:
		return Condition{Suspect, "", "it does not answer"}
	case f.Foreign:
		return Condition{State: Ready}
	}
	c := plan.Group{Started: f.Now, Failure: plan.FailurePolicy{Grace: f.Grace}}.Condition(n, f.Observation, f.Now)
	if c.State == plan.NodeReady && n.Role == compute.RoleBroker && f.KafkaUp && !n.Answering {
		return Condition{Suspect, string(plan.CauseHung), "its machine runs and its broker does not answer"}
	}
	return Condition{string(c.State), string(c.Cause), c.Reason}
}

// massFailure says in which way more brokers are lost than an apply replaces by itself, "" when there are not: more than one in three
// of a group, or all of it in more than one zone. Whose a broker was that is gone without a trace nobody knows any more, so all brokers of
// the cluster are judged like a group, too.
func massFailure(nodes []Node) string {
	type losses struct {
		brokers, lost int
		whole         map[string]bool // by zone: whether all of it is lost there
	}
	groups := map[string]*losses{"": {whole: map[string]bool{}}}
	for _, n := range nodes {
		if n.Role != compute.RoleBroker || n.State == Stranger {
			continue
		}
		if groups[n.Group] == nil {
			groups[n.Group] = &losses{whole: map[string]bool{}}
		}
		for _, of := range slices.Compact([]string{n.Group, ""}) {
			l := groups[of]
			l.brokers++
			if n.State == Lost {
				l.lost++
			}
			whole, seen := l.whole[n.Zone]
			l.whole[n.Zone] = n.State == Lost && (whole || !seen)
		}
	}
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		l, of := groups[group], "of the cluster"
		if group != "" {
			of = "of group " + group
		}
		if l.lost > max(1, l.brokers/3) {
			return fmt.Sprintf("%d of the %d brokers %s are lost", l.lost, l.brokers, of)
		}
		maps.DeleteFunc(l.whole, func(_ string, whole bool) bool { return !whole })
		if len(l.whole) > 1 {
			return fmt.Sprintf("all brokers %s in the zones %s are lost", of, strings.Join(slices.Sorted(maps.Keys(l.whole)), ", "))
		}
	}
	return ""
}

// zones says what is spread unevenly. A lost node counts where it was: its successor comes there.
func zones(f Facts) *Zones {
	z := &Zones{}
	nodes := map[string]map[string]int{}   // by group and zone
	usable := map[string]map[string]bool{} // by group, the zones with a broker that serves
	brokers := map[int32]plan.Node{}
	for _, n := range f.Nodes {
		if n.Role != compute.RoleBroker {
			continue
		}
		brokers[n.ID] = n
		if nodes[n.Group] == nil {
			nodes[n.Group], usable[n.Group] = map[string]int{}, map[string]bool{}
		}
		nodes[n.Group][n.Zone]++
		if n.Registered && !n.Fenced && n.Zone != "" {
			usable[n.Group][n.Zone] = true
		}
	}
	for _, group := range slices.Sorted(maps.Keys(nodes)) {
		// Without a group are strangers, what is gone without a trace, and the brokers of a Kafka that no fleet runs.
		if counts := slices.Sorted(maps.Values(nodes[group])); group != "" && counts[len(counts)-1] > counts[0]+1 {
			z.UnbalancedGroups.add(name(fmt.Sprintf("%s (%s)", group, zoneCounts(nodes[group]))))
		}
	}
	for _, p := range f.Partitions {
		if crowded(p.Target(), brokers, usable) {
			z.CrowdedPartitions.add(partition(p.TopicPartition))
		}
	}
	return z
}

// crowded says that one zone has two replicas more than another one in which a broker of their groups could take one.
func crowded(replicas []int32, brokers map[int32]plan.Node, usable map[string]map[string]bool) bool {
	most := 0
	for _, a := range replicas {
		in := 0
		for _, b := range replicas {
			if brokers[a].Zone != "" && brokers[a].Zone == brokers[b].Zone {
				in++
			}
		}
		most = max(most, in)
	}
	if most < 2 {
		return false
	}
	for _, id := range replicas {
		for zone := range usable[brokers[id].Group] {
			in := 0
			for _, r := range replicas {
				if brokers[r].Zone == zone {
					in++
				}
			}
			if in <= most-2 {
				return true
			}
		}
	}
	return false
}

func zoneCounts(counts map[string]int) string {
	var out []string
	for _, zone := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, fmt.Sprintf("%s %d", zone, counts[zone]))
	}
	return strings.Join(out, ", ")
}
