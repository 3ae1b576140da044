package plan

import (
	"slices"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/placement"
)

// layout is the cluster as package placement wants it while the group is planned: where each replica is going to be, and what each
// broker may be used for. Of the group only the given leavers give up what they hold; nothing new is put on other leavers, on brokers
// that do not serve, and on strangers.
func layout(g Group, o Observation, r roster, leavers []int32) placement.Fleet {
	stays, retires := map[int32]bool{}, map[int32]bool{}
	for _, n := range r.stay {
		stays[n.ID] = true
	}
	for _, n := range r.leave {
		retires[n.ID] = true
	}
	var f placement.Fleet
	live := map[string]bool{}
	for _, n := range o.Nodes {
		if n.Role != compute.RoleBroker {
			continue
		}
		b := placement.Broker{ID: n.ID, Zone: n.Zone, Group: n.Group, Capacity: n.DiskBytes, State: placement.Cordoned}
		serves := n.Ready() && n.Condition.State != NodeSuspect && n.Lost() == "" && n.OfflineDirs == 0 || g.off(GuardReceiver)
		switch {
		case slices.Contains(leavers, n.ID) && n.Lost() != "":
			b.State = placement.Dead
		case slices.Contains(leavers, n.ID):
			b.State = placement.Leaving
		case retires[n.ID]:
			b.State = placement.Retiring
		case serves && (stays[n.ID] || !n.Cordoned):
			b.State = placement.Live
			live[n.Group] = true
		}
		f.Brokers = append(f.Brokers, b)
	}
	f.Partitions = make([]placement.Partition, len(o.Partitions))
	for i, p := range o.Partitions {
		f.Partitions[i] = placement.Partition{
			Topic: p.Topic, Partition: p.Partition, Replicas: p.Target(), Leader: p.Leader, Bytes: p.Bytes, Group: home(g, p, func(id int32) bool { return stays[id] || retires[id] }, live),
		}
	}
	return f
}

// home is the group that may get a partition's replicas: the one that its topic lives on, as long as that has a broker. A topic that
// no group claims stays on the group where it is, and goes anywhere when that one is destroyed.
func home(g Group, p Partition, own func(int32) bool, live map[string]bool) string {
	switch {
	case p.Group != "" && live[p.Group]:
		return p.Group
	case g.Count > 0 && slices.ContainsFunc(p.Replicas, own):
		return g.Name
	}
	return ""
}

// stuck are the reassignments in flight that wait for a lost broker or a failed disk: Kafka ends none whose target is not all in sync. A new reassignment
// takes the place of such a one, and keeps what it has copied to the others.
func stuck(g Group, o Observation) map[TopicPartition]bool {
	lost, failed := map[int32]bool{}, map[int32]bool{}
	for _, n := range o.Nodes {
		lost[n.ID] = n.Lost() != "" && !g.off(GuardRedirect)
		failed[n.ID] = n.broken() && !g.off(GuardRedirect)
	}
	out := map[TopicPartition]bool{}
	for _, p := range o.Partitions {
		// What is on the failed disk of a broker that serves never gets in sync either.
		if p.InFlight() && slices.ContainsFunc(p.Target(), func(id int32) bool { return lost[id] || failed[id] && !slices.Contains(p.ISR, id) }) {
			out[p.TopicPartition] = true
		}
	}
	return out
}

// underWay are the reassignments in flight, as moves.
func underWay(o Observation) []placement.Move {
	var out []placement.Move
	for _, p := range o.Partitions {
		if p.InFlight() {
			out = append(out, placement.Move{
				Partition: placement.Partition{Topic: p.Topic, Partition: p.Partition, Replicas: minus(p.Replicas, p.Adding), Leader: p.Leader, Bytes: p.Bytes},
				To:        p.Target(),
			})
		}
	}
	return out
}

// batch are the moves that may start now beside those in flight, as reassignments.
func batch(g Group, o Observation, moves []placement.Move) []Reassignment {
	limits := placement.Limits{Partitions: MaxMoves, MovesPerBroker: MaxMovesPerBroker, BytesPerBroker: g.BatchBytes, Zones: map[int32]string{}}
	for _, n := range o.Nodes {
		limits.Zones[n.ID] = n.Zone
	}
	waits := stuck(g, o)
	flying := slices.DeleteFunc(underWay(o), func(m placement.Move) bool { return waits[nameOf(m)] })
	busy := map[TopicPartition]bool{}
	for _, m := range flying {
		busy[nameOf(m)] = true
	}
	moves = slices.DeleteFunc(slices.Clone(moves), func(m placement.Move) bool { return busy[nameOf(m)] })
	if g.BatchBytes > 0 {
		moves = warmUp(g, o, moves)
	}
	replicas := map[TopicPartition][]int32{} // Of those that are stuck: the old ones and those that are being added.
	for _, p := range o.Partitions {
		if waits[p.TopicPartition] {
			replicas[p.TopicPartition] = p.Replicas
		}
	}
	var out []Reassignment
	for _, m := range placement.Batch(moves, flying, limits) {
		from := m.Partition.Replicas
		if all, ok := replicas[nameOf(m)]; ok {
			from = all
		}
		out = append(out, Reassignment{TopicPartition: nameOf(m), From: from, To: m.To, Bytes: m.Partition.Bytes})
	}
	return out
}

func nameOf(m placement.Move) TopicPartition {
	return TopicPartition{Topic: m.Partition.Topic, Partition: m.Partition.Partition}
}
