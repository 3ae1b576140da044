package main

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

const (
	// minISR is the min.insync.replicas of every topic.
	minISR = 2
	// brokers and controllers are how many the fleet is declared with.
	brokers, controllers = 6, 3
)

// machine is a node of the fleet.
type machine struct {
	id   int32
	zone string
	// serving says that its Kafka runs, does not hang, and, of a broker, that the cluster counts on it.
	serving bool
	// lost says that it will never serve again: it has lost its processes or its disks.
	lost bool
}

// view is the fleet at one moment.
type view struct {
	brokers, controllers []machine
	partitions           []kafka.Partition
	voters               []int32
	// leader is the active controller, -1 when there is none.
	leader int32
}

// choose takes the victims of a fault: all nodes of one zone, the active controller, or one broker. Of those that can be taken without
// more harm than a fault may do, random decides. why says what is in the way when there are none.
func (v view) choose(k kind, random *rand.Rand) (victims []machine, why string) {
	sets := v.candidates(k)
	random.Shuffle(len(sets), func(i, j int) { sets[i], sets[j] = sets[j], sets[i] })
	why = "there is no such node"
	for _, set := range sets {
		if why = v.forbids(k, set); why == "" {
			return set, ""
		}
	}
	return nil, why
}

// candidates are the nodes that a fault can strike together, in a fixed order.
func (v view) candidates(k kind) [][]machine {
	var out [][]machine
	switch k {
	case killController:
		for _, m := range v.controllers {
			if m.id == v.leader {
				out = append(out, []machine{m})
			}
		}
	case loseZone:
		zones := map[string][]machine{}
		for _, m := range slices.Concat(v.controllers, v.brokers) {
			zones[m.zone] = append(zones[m.zone], m)
		}
		for _, zone := range []string{"local-a", "local-b", "local-c"} {
			out = append(out, zones[zone])
		}
	default:
		for _, m := range v.brokers {
			if m.serving && v.holds(m.id) {
				out = append(out, []machine{m})
			}
		}
	}
	return out
}

// holds says that a broker has a replica: one that has none would not be missed.
func (v view) holds(id int32) bool {
	return slices.ContainsFunc(v.partitions, func(p kafka.Partition) bool { return slices.Contains(p.Replicas, id) })
}

// forbids says why a fault must not strike these nodes now, "" when it may. What the faults do by themselves leaves every partition with
// min.insync.replicas copies in sync on brokers that serve, and the controllers with a majority: whatever is lost or does not answer beyond
// that is the provider's doing. Disks are destroyed only while no other node is lost or away, since a provider refuses to replace
// nodes of several zones at once without being told.
func (v view) forbids(k kind, victims []machine) string {
	struck := func(id int32) bool { return slices.ContainsFunc(victims, func(m machine) bool { return m.id == id }) }
	if why := v.quorumWithout(struck); why != "" {
		return why
	}
	if k == killController {
		return ""
	}
	for _, p := range v.partitions {
		if left := v.inSyncWithout(p, struck); left < minISR {
			return fmt.Sprintf("partition %s-%d would have %d copies in sync", p.Topic, p.Partition, left)
		}
	}
	if k != deleteData && k != loseZone {
		return ""
	}
	for _, m := range slices.Concat(v.brokers, v.controllers) {
		if !struck(m.id) && (m.lost || !m.serving) {
			return fmt.Sprintf("node %d does not serve", m.id)
		}
	}
	if k == deleteData {
		return ""
	}
	for _, p := range v.partitions {
		for _, id := range p.Target() {
			if !slices.Contains(p.ISR, id) {
				return fmt.Sprintf("partition %s-%d is not in sync: broker %d", p.Topic, p.Partition, id)
			}
		}
	}
	// A third of a group is what a provider replaces by itself.
	if n := count(v.brokers, struck); n > brokers/3 {
		return fmt.Sprintf("zone %s has %d brokers", victims[0].zone, n)
	}
	if n := count(v.controllers, struck); n > controllers/3 {
		return fmt.Sprintf("zone %s has %d controllers", victims[0].zone, n)
	}
	return ""
}

func count(machines []machine, struck func(int32) bool) int {
	n := 0
	for _, m := range machines {
		if struck(m.id) {
			n++
		}
	}
	return n
}

// quorumWithout says why the controllers need those that are struck, "" when they do not.
func (v view) quorumWithout(struck func(int32) bool) string {
	if v.leader < 0 {
		return "the quorum has no leader"
	}
	serving := 0
	for _, m := range v.controllers {
		if m.serving && !struck(m.id) && slices.Contains(v.voters, m.id) {
			serving++
		}
	}
	if serving <= len(v.voters)/2 {
		return fmt.Sprintf("%d of %d voters would serve", serving, len(v.voters))
	}
	return ""
}

// inSyncWithout is how many replicas of a partition are in sync, on brokers that serve and are not struck.
func (v view) inSyncWithout(p kafka.Partition, struck func(int32) bool) int {
	n := 0
	for _, m := range v.brokers {
		if m.serving && !struck(m.id) && slices.Contains(p.ISR, m.id) {
			n++
		}
	}
	return n
}

// without says that none of some machines is left, and that the others hold everything in sync.
func (v view) without(gone []machine) bool {
	left := func(m machine) bool { return slices.ContainsFunc(gone, func(g machine) bool { return g.id == m.id }) }
	return !slices.ContainsFunc(slices.Concat(v.brokers, v.controllers), left) && !slices.ContainsFunc(v.partitions, func(p kafka.Partition) bool {
		return slices.ContainsFunc(p.Target(), func(id int32) bool { return !slices.Contains(p.ISR, id) })
	})
}
