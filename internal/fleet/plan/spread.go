package plan

import (
	"fmt"
	"slices"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/placement"
)

const (
	// filledFrom is the share of its part from which on a broker that joined the group counts as filled. Below it a scale out that was
	// interrupted goes on; above it what is missing may as well be the topics' own ups and downs, for which nothing is moved.
	filledFrom = 0.8
	// nextToNothing is the share of its part up to which any broker counts as empty, however it came.
	nextToNothing = 0.1
)

// spread brings in the partitions that live on this group and are elsewhere, restores one replica a zone, gives new brokers their part,
// and rebalances where the user asked for it. Each only when the one before it has nothing left to do, since it starts from its result.
func spread(g Group, o Observation, r roster, d *Decision) {
	foreign, own := shares(g, o, r)
	if len(foreign.Partitions) > 0 {
		foreign.Partitions = append(foreign.Partitions, own.Partitions...) // What the brokers hold already decides who takes what.
		brought := placement.MoveToGroup(foreign)
		if len(brought.Moves) == 0 && len(brought.Left) > 0 && len(underWay(o)) == 0 {
			d.block("%s", brought.Left[0])
		}
		distribute(g, o, brought.Moves, "their topics live on group "+g.Name, d)
		return
	}
	if moves := placement.RestoreZones(own).Moves; len(moves) > 0 {
		distribute(g, o, moves, "two replicas of a partition are in one zone", d)
		return
	}
	if !g.Rebalance.NotOnScaleOut {
		// What this run has begun it brings to the end. What a later run would begin, this one does, too: then it finds nothing to do.
		begun, found := filling(r, own, g.Filling), filling(r, own, nil)
		for _, added := range [][]int32{begun, found} {
			if moves := placement.ScaleOut(own, added).Moves; len(moves) > 0 {
				d.Filling = added
				distribute(g, o, moves, "new nodes hold less than their part", d)
				return
			}
		}
	}
	if planned := rebalanced(g, own); len(planned.Moves) > 0 {
		distribute(g, o, planned.Moves, fmt.Sprintf("a broker has more than %g times the mean", g.Rebalance.Threshold), d)
	}
}

// shares are the partitions that live on the group and are not all there, and those that only the group has, each with all brokers.
func shares(g Group, o Observation, r roster) (foreign, own placement.Fleet) {
	all := layout(g, o, r, nil)
	ours := map[int32]bool{}
	for _, n := range r.stay {
		ours[n.ID] = true
	}
	foreign, own = all, all
	foreign.Partitions, own.Partitions = nil, nil
	for i, p := range all.Partitions {
		switch away := slices.ContainsFunc(p.Replicas, func(id int32) bool { return !ours[id] }); {
		case away && o.Partitions[i].Group == g.Name:
			foreign.Partitions = append(foreign.Partitions, p)
		case !away && p.Group == g.Name:
			own.Partitions = append(own.Partitions, p)
		}
	}
	return foreign, own
}

// distribute plans the next batch of moves between brokers that stay. Those that only reorder replicas move no data, come when all others
// are done, and are followed by the election that makes the new order count.
func distribute(g Group, o Observation, moves []placement.Move, reason string, d *Decision) {
	if len(moves) == 0 {
		return
	}
	if sick := outOfSync(o); sick != "" {
		d.wait("%s", sick)
		return
	}
	move, reorder := Step{Kind: Move, Reason: reason}, Step{Kind: Reorder, Reason: reason}
	elect := Step{Kind: ElectLeaders, Reason: "their preferred leader has changed"}
	// The order of replicas is for the end: as long as data moves, each round would find another one better, and leaders would go to and fro.
	copying := len(underWay(o)) > 0 || slices.ContainsFunc(moves, func(m placement.Move) bool { return len(m.Added()) > 0 })
	for _, m := range batch(g, o, moves) {
		if len(m.Added()) > 0 {
			move.Moves = append(move.Moves, m)
			continue
		}
		if copying {
			continue
		}
		reorder.Moves = append(reorder.Moves, m)
		elect.Partitions = append(elect.Partitions, m.TopicPartition)
	}
	if len(move.Moves) > 0 {
		d.step(move)
	}
	if len(reorder.Moves) > 0 {
		d.step(reorder)
		d.step(elect)
	}
}

// filling are the brokers that a scale out fills: those that it has begun to fill, those that joined the group to take their part
// and do not have it yet, and those that hold next to nothing.
func filling(r roster, own placement.Fleet, begun []int32) []int32 {
	bytes, replicas := map[int32]float64{}, map[int32]float64{}
	for _, p := range own.Partitions {
		for _, id := range p.Replicas {
			bytes[id] += float64(p.Bytes + 1) // An empty partition counts a little, too.
			replicas[id]++
		}
	}
	// A part is the mean of the zone, or of the group where that is more: a new zone's own mean is nothing.
	part := func(of map[int32]float64, zone string) float64 {
		all, there := 0.0, 0.0
		for _, n := range r.stay {
			all += of[n.ID]
			if n.Zone == zone {
				there += of[n.ID]
			}
		}
		return max(all/float64(len(r.stay)), there/float64(len(inZone(r.stay, zone))))
	}
	var out []int32
	for _, n := range r.stay {
		bytesPart, replicasPart := part(bytes, n.Zone), part(replicas, n.Zone)
		switch {
		case slices.Contains(begun, n.ID),
			n.Joins && bytes[n.ID] < filledFrom*bytesPart,
			replicas[n.ID] < nextToNothing*replicasPart && bytes[n.ID] < bytesPart/2:
			out = append(out, n.ID)
		}
	}
	if len(out) == len(r.stay) {
		return nil // Nobody is there to take from.
	}
	return out
}
