package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/docker/go-units"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// Kind names an action.
type Kind string

// The kinds of step, in the order in which a rollout usually meets them.
const (
	ClearThrottles   Kind = "clear throttles"
	ClearRates       Kind = "clear throttle rates"
	Uncordon         Kind = "uncordon"
	Launch           Kind = "launch"
	Certify          Kind = "certify"
	AddVoter         Kind = "add voter"
	ConfigureCluster Kind = "configure the cluster"
	ConfigureNode    Kind = "configure"
	Cordon           Kind = "cordon"
	Move             Kind = "move"
	Reorder          Kind = "reorder"
	ElectLeaders     Kind = "elect leaders"
	ElectUnclean     Kind = "elect unclean leaders"
	RemoveVoter      Kind = "remove voter"
	Stop             Kind = "stop"
	Unregister       Kind = "unregister"
	Terminate        Kind = "terminate"
	FinalizeFeature  Kind = "finalize feature"
)

// Irreversible steps are planned once more, on an observation of their own, right before their effect.
func (k Kind) Irreversible() bool {
	return slices.Contains([]Kind{ElectUnclean, Stop, Terminate, Unregister, RemoveVoter, FinalizeFeature}, k)
}

// Sweeps says that a step only takes off a replication throttle.
func (k Kind) Sweeps() bool { return k == ClearThrottles || k == ClearRates }

// Step is one action of a rollout, as data: it can be executed, applied to the model, and printed.
type Step struct {
	Kind Kind
	// NodeID is the step's subject; 0 when the subject is not a node.
	NodeID int32
	// Zone is the node's zone, for Launch.
	Zone string
	// Bootstrap marks the Launch of the controller that starts the quorum.
	Bootstrap bool
	// Replaces is the node that a launched node takes over from; 0 when it is an addition.
	Replaces int32
	// Joins marks the Launch of a node that comes to take its part of what the group's others hold.
	Joins bool
	// Moves are the partitions of a Move, at most MaxMoves, or of a Reorder, which changes the order of replicas and copies nothing.
	Moves []Reassignment
	// Config is what ConfigureCluster and ConfigureNode change; a nil value removes the key.
	Config map[string]*string
	// Partitions are the subject of ElectLeaders, and of ElectUnclean: there NodeID is the node that alone has all of them, and what their
	// new leaders lack is lost.
	Partitions []TopicPartition
	// Level is what FinalizeFeature raises metadata.version to.
	Level int16
	// Reason says why, as a sentence without a full stop: "node 7 runs 4.2.1, the group wants 4.3.1".
	Reason string
}

// Bytes is how much data a Move copies: the size of each partition, once for every replica that it adds.
func (s Step) Bytes() int64 {
	var total int64
	for _, m := range s.Moves {
		total += m.Bytes * int64(len(m.Added()))
	}
	return total
}

// String is the step as a line of a log or a golden narrative.
func (s Step) String() string {
	return s.Text(func(id int32) string { return fmt.Sprintf("node %d", id) })
}

// Text is the step as a line, with the nodes named by the caller: a preview cannot know the ids of nodes to come.
func (s Step) Text(name func(int32) string) string {
	var b strings.Builder
	b.WriteString(string(s.Kind))
	switch s.Kind {
	case Launch:
		fmt.Fprintf(&b, " %s in zone %s", name(s.NodeID), s.Zone)
	case Move:
		fmt.Fprintf(&b, " %s", plural(len(s.Moves), "partition"))
		if s.NodeID != 0 {
			fmt.Fprintf(&b, " from %s", name(s.NodeID))
			if to := s.receiver(); to != 0 {
				fmt.Fprintf(&b, " to %s", name(to))
			}
		}
		fmt.Fprintf(&b, " (%s)", units.BytesSize(float64(s.Bytes())))
	case Reorder:
		fmt.Fprintf(&b, " the replicas of %s", plural(len(s.Moves), "partition"))
	case ElectLeaders, ElectUnclean:
		fmt.Fprintf(&b, " of %s", plural(len(s.Partitions), "partition"))
	case FinalizeFeature:
		fmt.Fprintf(&b, " metadata.version at level %d", s.Level)
	case ClearThrottles, ClearRates, ConfigureCluster:
	default:
		fmt.Fprintf(&b, " %s", name(s.NodeID))
	}
	if s.Reason != "" {
		b.WriteString(": " + s.Reason)
	}
	return b.String()
}

// receiver is the one broker that a Move fills, 0 when there are several.
func (s Step) receiver() int32 {
	var to int32
	for _, m := range s.Moves {
		for _, id := range m.Added() {
			if to != 0 && to != id {
				return 0
			}
			to = id
		}
	}
	return to
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// TopicPartition names a partition.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// Reassignment is one partition's change of replicas.
type Reassignment struct {
	TopicPartition
	// From and To are whole replica lists, the preferred leader first.
	From, To []int32
	// Bytes is the size of one replica.
	Bytes int64
}

// Added are the brokers that get a new replica.
func (r Reassignment) Added() []int32 { return minus(r.To, r.From) }

// Removed are the brokers that lose their replica.
func (r Reassignment) Removed() []int32 { return minus(r.From, r.To) }

// Rebalance says when replicas move between brokers that stay, for no other reason than balance.
type Rebalance struct {
	// NotOnScaleOut leaves brokers that join a group that holds data empty until new topics come.
	NotOnScaleOut bool
	// Threshold is how many times the mean of its zone a broker may hold, in bytes or in leaders, before the group is rebalanced down to it; 0 is never.
	Threshold float64
	// Budget is how many bytes a rebalance may move; 0 means any.
	Budget int64
}

// minus returns the elements of a that are not in b, in a's order.
func minus(a, b []int32) []int32 {
	var out []int32
	for _, x := range a {
		if !slices.Contains(b, x) {
			out = append(out, x)
		}
	}
	return out
}

// Group is the desired state of one group of nodes: the brokers of a group, or the controllers.
type Group struct {
	Name string
	Role compute.Role
	// Count is how many nodes; 0 means that the group is being destroyed and its replicas go to the cluster's other brokers.
	Count int
	// Zones in the order of the configuration; the nodes are spread evenly over them.
	Zones []string
	// SpecHash is what every node's spec must hash to.
	SpecHash string
	// Subnets are where the nodes of each zone are to be, nil where machines are in none.
	Subnets map[string]string
	// SpecText says the spec in a few words, for reasons: "Kafka 4.3.1 on local.small, heap 320 MiB".
	SpecText string
	// MaxSurge is how many nodes beyond Count may be alive during a rollout, at least 1.
	MaxSurge int
	// MaxLevel is the metadata.version that the group's Kafka version can, 0 when unknown. Only the preview needs it.
	MaxLevel int16
	// DiskBytes is the size of all disks of one node, 0 when unknown. Only the preview needs it.
	DiskBytes int64
	// Config is the dynamic configuration of each broker of the group; ConfigRemoved are keys declared before and not any more.
	Config        map[string]string
	ConfigRemoved []string
	// ClusterConfig is the cluster-wide dynamic configuration; ClusterConfigRemoved are keys declared before and not any more.
	ClusterConfig        map[string]string
	ClusterConfigRemoved []string
	// Rebalance says when replicas move between brokers that stay.
	Rebalance Rebalance
	// Filling are the brokers that a scale out of this run has begun to fill, from the Decision before.
	Filling []int32
	// BatchBytes is how many bytes may be on their way into or out of one broker at once; 0 means any.
	BatchBytes int64
	// Started is when this run began: a node that fails in this run stops the rollout, one that failed earlier is tried anew.
	Started time.Time
	// Failure says when a node counts as lost, and how many losses are repaired without asking.
	Failure FailurePolicy
	// RenewBefore is how long before its certificate ends a node is replaced; 0 is the constant of that name.
	RenewBefore time.Duration
	// Replace are nodes that leave because somebody wants them to. That somebody also vouches for those of them that are lost.
	Replace []int32
	// Only says that the nodes of Replace are all that this run is about: the group's others stay as they are, whatever their spec, their zone
	// and their condition, and SpecHash is that of the replacements alone.
	Only bool
	// Forsake are nodes that count as lost as soon as compute or Kafka has given them up.
	Forsake []int32
	// GiveUp are nodes whose data may be lost with them, where no other replica has it. Somebody has said so for each of them.
	GiveUp []int32
	// Off are guards that are taken away, by tests only.
	Off []Guard
}
