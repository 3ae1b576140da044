package plan

import (
	"fmt"
	"slices"
	"time"

	"github.com/docker/go-units"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// Gate says why a step may not run on what is observed right before its effect, "" when it may. It knows nothing of how steps are planned:
// it asks once more for what must hold whatever the plan was, and what is not known keeps it shut.
func Gate(g Group, o Observation, s Step, now time.Time) string {
	o = o.judged(g, now)
	i := slices.IndexFunc(o.Nodes, func(n Node) bool { return n.ID == s.NodeID })
	switch s.Kind {
	case Stop, Terminate, Unregister:
		if i < 0 {
			return fmt.Sprintf("nobody knows a node %d", s.NodeID)
		}
		if o.Nodes[i].Role == compute.RoleController {
			return g.gateController(o, s)
		}
		return g.gateBroker(o, o.Nodes[i], s)
	case RemoveVoter:
		switch {
		case o.Quorum == nil || o.Quorum.Leader < 0:
			return "the quorum has no leader"
		case !o.Quorum.majority(s.NodeID, false) && !g.off(GuardMajority):
			return fmt.Sprintf("without controller %d there is no majority of caught-up voters", s.NodeID)
		}
	case Move:
		return g.gateReceivers(o, s)
	case ElectUnclean:
		return g.gateUnclean(o, s)
	}
	return ""
}

// gateBroker is for what takes a broker away.
func (g Group) gateBroker(o Observation, n Node, s Step) string {
	unsound := outOfSync(o)
	switch {
	case g.off(GuardEmpty):
	case !o.KafkaUp:
		return fmt.Sprintf("Kafka does not answer, so nobody knows what node %d holds", n.ID)
	case len(holding(o, n.ID)) > 0:
		p := holding(o, n.ID)[0]
		return fmt.Sprintf("partition %s-%d has a replica on node %d", p.Topic, p.Partition, n.ID)
	}
	switch {
	case s.Kind == Unregister && !n.Fenced && !g.off(GuardFence):
		return fmt.Sprintf("Kafka has not fenced broker %d", n.ID)
	case s.Kind == Terminate && n.Registered && !n.Fenced && !g.off(GuardFence):
		return fmt.Sprintf("broker %d is registered and not fenced", n.ID)
	case s.Kind == Stop && unsound != "" && !n.broken() && !n.Fenced && !g.off(GuardSync):
		return unsound
	}
	return ""
}

// holding are the partitions with a replica on a broker.
func holding(o Observation, id int32) []Partition {
	var out []Partition
	for _, p := range o.Partitions {
		if slices.Contains(p.Replicas, id) {
			out = append(out, p)
		}
	}
	return out
}

// gateController is for what takes a controller away.
func (g Group) gateController(o Observation, s Step) string {
	switch {
	case g.off(GuardVoter):
	case o.Quorum == nil:
		return "the quorum does not say who votes"
	default:
		if _, voter := o.Quorum.Voters[s.NodeID]; voter {
			return fmt.Sprintf("controller %d is a voter", s.NodeID)
		}
	}
	return ""
}

// gateReceivers is for what puts replicas on brokers.
func (g Group) gateReceivers(o Observation, s Step) string {
	if g.off(GuardReceiver) {
		return ""
	}
	incoming := map[int32]int64{}
	for _, m := range s.Moves {
		for _, id := range m.Added() {
			incoming[id] += m.Bytes
		}
	}
	for _, n := range o.Nodes {
		bytes, receives := incoming[n.ID]
		delete(incoming, n.ID)
		switch {
		case !receives:
		case !n.Ready() || n.Lost() != "":
			return fmt.Sprintf("node %d, which would get replicas, does not serve", n.ID)
		case n.FreeBytes > 0 && bytes > n.FreeBytes:
			return fmt.Sprintf("node %d would get %s and has room for %s", n.ID, units.BytesSize(float64(bytes)), units.BytesSize(float64(n.FreeBytes)))
		}
	}
	for id := range incoming {
		return fmt.Sprintf("nobody knows a node %d, which would get replicas", id)
	}
	return ""
}
