package plan

import (
	"slices"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/placement"
)

// A run that is about some nodes alone (Group.Only) replaces those and touches nothing else of their group, which may be in the middle of
// another rollout, or may have lost other nodes. It sees the named nodes, those that were launched to take over from them, and of the
// others the ones that are well and stay where they are: these lead, hold and receive replicas. What others lack is not its business.

// concerns says that the run may do something to a node: to any, or to the named ones and those that come for them.
func (g Group) concerns(n Node) bool {
	return !g.Only || slices.Contains(g.Replace, n.ID) || slices.Contains(g.Replace, n.Replaces)
}

// narrowed is the group, and its nodes, as a run sees them that is about some nodes alone. Count is then how many nodes it has, or of
// controllers how many voters, as long as nobody is counted twice with the one that comes for it.
func (g Group) narrowed(o Observation, nodes []Node) (Group, []Node) {
	if !g.Only {
		return g, nodes
	}
	named := slices.DeleteFunc(slices.Clone(g.Replace), func(id int32) bool {
		return !slices.ContainsFunc(nodes, func(n Node) bool { return n.ID == id })
	})
	g.Replace, g.Count = named, 0
	var out []Node
	for _, n := range nodes {
		if n.Zone == "" {
			n.Zone = g.zoneFor(n, nodes)
		}
		_, votes := votersOf(o)[n.ID]
		if !g.comes(n) && (g.Role == compute.RoleBroker || votes) {
			g.Count++
		}
		if g.concerns(n) || n.Condition.State == NodeReady && !n.Cordoned && (g.Role == compute.RoleBroker || votes) {
			out = append(out, n)
		}
	}
	g.Count = max(g.Count, 1) // None would mean that the group is being destroyed.
	return g, out
}

// zoneFor is a zone for one whose own nobody knows any more, a voter without a machine: where the one is that came for it, or else the zone
// with the fewest.
func (g Group) zoneFor(lost Node, nodes []Node) string {
	zone := ""
	for _, z := range g.Zones {
		if zone == "" || len(inZone(nodes, z)) < len(inZone(nodes, zone)) {
			zone = z
		}
	}
	for _, n := range nodes {
		if n.Replaces == lost.ID && n.Zone != "" {
			zone = n.Zone
		}
	}
	return zone
}

// comes says that a node was launched to take over from a named one that is still there.
func (g Group) comes(n Node) bool {
	return slices.Contains(g.Replace, n.Replaces) && !slices.Contains(g.Replace, n.ID)
}

// places is how many nodes each zone has, those left out that come for others.
func (g Group) places(nodes []Node) map[string]int {
	out := map[string]int{}
	for _, n := range nodes {
		if !g.comes(n) {
			out[n.Zone]++
		}
	}
	return out
}

func votersOf(o Observation) map[int32]bool {
	if o.Quorum == nil {
		return nil
	}
	return o.Quorum.Voters
}

// concerning are those of some moves that the run has to see the end of.
func concerning(g Group, r roster, moves []placement.Move) []placement.Move {
	if !g.Only {
		return moves
	}
	return slices.DeleteFunc(moves, func(m placement.Move) bool {
		return !slices.ContainsFunc(slices.Concat(r.leave, r.stay), func(n Node) bool {
			return g.concerns(n) && (slices.Contains(m.To, n.ID) || slices.Contains(m.Partition.Replicas, n.ID))
		})
	})
}

// lostOther is a lost broker with replicas that the run does not replace, 0 when there is none.
func lostOther(o Observation, r roster, holds map[int32]int) int32 {
	for _, n := range o.Nodes {
		if n.Role == compute.RoleBroker && n.Lost() != "" && holds[n.ID] > 0 && r.why[n.ID] == "" {
			return n.ID
		}
	}
	return 0
}
