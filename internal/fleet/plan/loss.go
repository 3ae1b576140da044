package plan

import (
	"fmt"
	"slices"
	"time"

	"github.com/docker/go-units"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/placement"
)

// Loss is a partition of which something is lost when a node is given up: no replica that has all of it is left anywhere else.
type Loss struct {
	TopicPartition
	// Bytes is the size of one replica as far as a broker still says it, 0 when none does.
	Bytes int64
	// Heir is the live replica that leads the partition afterwards, 0 when there is none yet. It is the first live one in the order of the
	// replicas, which is the one that Kafka elects.
	Heir int32
	// What is lost: "everything", or "what broker 6 had not copied yet".
	What string
}

// String is the loss as a line.
func (l Loss) String() string {
	size := "its size is not known"
	if l.Bytes > 0 {
		size = units.BytesSize(float64(l.Bytes))
	}
	return fmt.Sprintf("%s-%d (%s): %s", l.Topic, l.Partition, size, l.What)
}

// Losses are what would be lost with the nodes that the group forsakes, whether their data may be given up or not, in the order of the
// partitions. A node that serves is copied from, so nothing is lost with it.
func Losses(g Group, o Observation, now time.Time) []Loss {
	return o.judged(g, now).losses(g.Forsake)
}

// losses are the partitions that only the named nodes have all of: those, and others that can never come back.
func (o Observation) losses(named []int32) []Loss {
	if len(named) == 0 || !o.KafkaUp {
		return nil
	}
	brokers := o.byID()
	var out []Loss
	for _, p := range o.Partitions {
		if !slices.ContainsFunc(p.Replicas, func(id int32) bool { return slices.Contains(named, id) }) {
			continue
		}
		serves := func(id int32) bool {
			return brokers[id].source() && (brokers[id].Answering || !slices.Contains(named, id))
		}
		if serves(p.Leader) {
			continue
		}
		given := false
		lost := !slices.ContainsFunc(p.keepers(serves), func(id int32) bool {
			n, known := brokers[id]
			mine := slices.Contains(named, id) && (!serves(id) || n.OfflineDirs > 0)
			given = given || mine
			return !mine && known && (n.Lost() == "" || n.Dead() == "")
		})
		if lost && given {
			out = append(out, loss(p, func(id int32) bool { return serves(id) && brokers[id].OfflineDirs == 0 }))
		}
	}
	return out
}

// loss says what is left of a partition on live replicas that do not have all of it.
func loss(p Partition, live func(int32) bool) Loss {
	l := Loss{TopicPartition: p.TopicPartition, Bytes: p.Bytes, What: "everything"}
	if i := slices.IndexFunc(p.Replicas, live); i >= 0 {
		l.Heir = p.Replicas[i]
		l.What = fmt.Sprintf("what broker %d had not copied yet", l.Heir)
		if slices.Contains(p.Adding, l.Heir) {
			l.What = fmt.Sprintf("everything but what broker %d, which is just being added, has copied", l.Heir)
		}
	}
	return l
}

// byID are the nodes by their ids. One that nobody knows is a zero Node there.
func (o Observation) byID() map[int32]Node {
	out := make(map[int32]Node, len(o.Nodes))
	for _, n := range o.Nodes {
		out[n.ID] = n
	}
	return out
}

// source says that replicas can be copied from the broker, if it leads them.
func (n Node) source() bool { return n.Ready() && n.Dead() == "" || n.Condition.State == NodeStranger }

// keepers are the brokers that have, or may have, all that was acknowledged of a partition without a leader. Kafka names none when the last
// ones are eligible leaders (KIP-966) only; then it is any of those that do not serve, since one of them that did would lead.
func (p Partition) keepers(serves func(int32) bool) []int32 {
	if len(p.ISR) > 0 {
		return p.ISR
	}
	return slices.DeleteFunc(minus(p.Replicas, p.Adding), serves)
}

// led says that a partition has a leader that it can be copied from.
func (p Partition) led(brokers map[int32]Node) bool { return brokers[p.Leader].source() }

// stranded says that nobody is left, or is expected back, who has all of a partition. back are those that are expected.
func (p Partition) stranded(brokers map[int32]Node) (stranded bool, back []int32) {
	if p.led(brokers) {
		return false, nil
	}
	for _, id := range p.keepers(func(id int32) bool { return brokers[id].source() }) {
		if n, known := brokers[id]; known && n.Lost() == "" && n.OfflineDirs == 0 {
			back = append(back, id)
		}
	}
	return len(back) == 0, back
}

// sources notes on the partitions of a layout who has all of each, so that nothing is moved that nobody can copy from. Those on the leavers
// that have a broker to come back with them are waited for, and those that have none are returned. What is given up and has no live
// replica moves as it is: empty.
func sources(g Group, o Observation, leavers []int32, fleet placement.Fleet, d *Decision) (placement.Fleet, []Partition) {
	brokers, given := o.byID(), map[TopicPartition]Loss{}
	for _, l := range o.losses(g.givenUp(o)) {
		given[l.TopicPartition] = l
	}
	var stranded []Partition
	var waits []string
	for i, p := range o.Partitions {
		inSync := &fleet.Partitions[i].InSync
		l, up := given[p.TopicPartition]
		if p.led(brokers) {
			*inSync = p.ISR
			if len(minus(p.Target(), p.ISR)) == len(p.Target()) {
				*inSync = p.Target() // What the move in flight takes away still leads it.
			}
			continue
		}
		*inSync = []int32{}
		switch lost, back := p.stranded(brokers); {
		case up && l.Heir == 0:
			*inSync = p.Target()
		case up || !slices.ContainsFunc(p.Replicas, func(id int32) bool { return slices.Contains(leavers, id) }):
		case lost:
			stranded = append(stranded, p)
		default:
			waits = append(waits, fmt.Sprintf("partition %s-%d has no leader until %s is back", p.Topic, p.Partition, brokerList(back)))
		}
	}
	if len(waits) > 0 {
		d.wait("%s", waits[0])
	}
	return fleet, stranded
}

// strandedText names partitions that cannot be copied, and the way out.
func strandedText(stranded []Partition, brokers map[int32]Node) string {
	p := stranded[0]
	keepers := p.keepers(func(id int32) bool { return brokers[id].source() })
	more := ""
	if n := len(stranded) - 1; n > 0 {
		more = fmt.Sprintf(" (nor can %s)", plural(n, "other partition"))
	}
	if len(keepers) == 0 {
		return fmt.Sprintf("partition %s-%d has no leader and no replica in sync, so it cannot be copied%s", p.Topic, p.Partition, more)
	}
	why := brokers[keepers[0]].Condition.Reason
	if why == "" {
		why = "nobody knows it"
	}
	return fmt.Sprintf("partition %s-%d cannot be copied%s: all of it is on %s alone, and broker %d is lost (%s). "+
		"Bring it back, or delete the topic, or give up what only it has: the action kafkafleet_replace_node with node_id = %d and force = true says what would be lost, and does nothing until that is confirmed",
		p.Topic, p.Partition, more, brokerList(keepers), keepers[0], why, keepers[0])
}

// electUnclean plans the elections by which what only a given up node has is given up: of partitions that have a live replica, and no leader
// any more. One that has no live replica gets one first, like any other that leaves the node.
func electUnclean(g Group, o Observation, d *Decision) {
	leader := map[TopicPartition]int32{}
	for _, p := range o.Partitions {
		leader[p.TopicPartition] = p.Leader
	}
	for _, id := range g.givenUp(o) {
		s := Step{Kind: ElectUnclean, NodeID: id, Reason: fmt.Sprintf("only node %d has all of them, and it is given up", id)}
		for _, l := range o.losses([]int32{id}) {
			switch {
			case l.Heir == 0:
			case leader[l.TopicPartition] >= 0:
				d.wait("Kafka has not noticed yet that broker %d does not lead %s-%d any more", leader[l.TopicPartition], l.Topic, l.Partition)
			default:
				s.Partitions = append(s.Partitions, l.TopicPartition)
			}
		}
		if len(s.Partitions) > 0 {
			d.step(s)
		}
	}
}

// endMoves asks once more for the moves away from lost brokers that have all that they wait for. Kafka looks whether a move can end when a
// replica comes into sync, and after an unclean election none does.
func endMoves(o Observation, d *Decision) {
	brokers := o.byID()
	s := Step{Kind: Reorder, Reason: "all replicas that they are moved to are in sync, and Kafka has not seen that they have moved"}
	for _, p := range o.Partitions {
		from := slices.ContainsFunc(p.Removing, func(id int32) bool { return brokers[id].Lost() != "" })
		if from && p.led(brokers) && len(p.OutOfSync()) == 0 {
			s.Moves = append(s.Moves, Reassignment{TopicPartition: p.TopicPartition, From: p.Replicas, To: p.Target()})
		}
	}
	if len(s.Moves) > 0 {
		d.step(s)
	}
}

// givenUp are the nodes whose data may be lost with them.
func (g Group) givenUp(o Observation) []int32 {
	if !g.off(GuardGiveUp) {
		return g.GiveUp
	}
	var all []int32
	for _, n := range o.Nodes {
		if n.Lost() != "" {
			all = append(all, n.ID)
		}
	}
	return all
}

// gateUnclean is for what gives data up.
func (g Group) gateUnclean(o Observation, s Step) string {
	if !slices.Contains(g.givenUp(o), s.NodeID) {
		return fmt.Sprintf("nobody has said that what only node %d has may be lost", s.NodeID)
	}
	leaderless, lost := map[TopicPartition]bool{}, map[TopicPartition]bool{}
	for _, p := range o.Partitions {
		leaderless[p.TopicPartition] = p.Leader < 0
	}
	for _, l := range o.losses([]int32{s.NodeID}) {
		lost[l.TopicPartition] = true
	}
	for _, p := range s.Partitions {
		if !lost[p] || !leaderless[p] {
			return fmt.Sprintf("partition %s-%d has a leader, or may get one with all of its data from a broker other than %d", p.Topic, p.Partition, s.NodeID)
		}
	}
	return ""
}
