package health

import (
	"fmt"
	"strings"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
)

// Status is the verdict in one word.
type Status string

// The verdicts, the worst last.
const (
	// Healthy: nothing needs to be done.
	Healthy Status = "healthy"
	// Degraded: clients are served, and something needs repair or is being repaired.
	Degraded Status = "degraded"
	// Critical: some clients are not served, or data is in danger.
	Critical Status = "critical"
)

// Report is what there is to say of a cluster's health.
type Report struct {
	Status Status
	// Problems are sentences, the most urgent first: what is wrong, what it means and what to do.
	Problems []string
	// KafkaReachable says that a broker answered. Without an answer Partitions, Leaders, Zones and Disks are nil, and ExpiredThrottles and
	// LeftoverCordons are empty: nothing is known.
	KafkaReachable bool
	Partitions     *Partitions
	Leaders        *Leaders
	Zones          *Zones
	Disks          *Disks
	// Quorum is nil when no controller described it.
	Quorum *Quorum
	// Nodes in the order of their ids.
	Nodes []Node
	// CertificateDays is for how many days the certificate is good that ends first, 0 when it has ended; nil where no node is known to have one.
	CertificateDays *int
	// ExpiredThrottles are this provider's replication throttles that are left over with no move in flight: "broker 4", "topic orders".
	ExpiredThrottles Names
	// LeftoverCordons are brokers of this fleet that are cordoned and that no rollout is about to take away.
	LeftoverCordons []int32
}

// MaxNames is how many names are listed beside the whole number.
const MaxNames = 20

// Names are how many things were found, and the names of the first of them in order.
type Names struct {
	Count int
	First []string
}

func (n *Names) add(name fmt.Stringer) {
	n.Count++
	if len(n.First) < MaxNames {
		n.First = append(n.First, name.String())
	}
}

// String is the names as a part of a sentence: a handful of them, and how many more there are.
func (n Names) String() string {
	const inSentence = 5
	shown := n.First[:min(len(n.First), inSentence)]
	text := strings.Join(shown, ", ")
	if more := n.Count - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// name is a string that can be added to Names.
type name string

func (n name) String() string { return string(n) }

// Partitions are counted as Kafka's own metrics of these names do. A partition without a leader is in Offline, and in none of the
// other lists but its two parts and Reassigning.
type Partitions struct {
	Total int
	// UnderReplicated have fewer replicas in sync than their replication factor, replicas that a move adds not counted.
	UnderReplicated Names
	// UnderMinISR have fewer replicas in sync than min.insync.replicas: writes with acks=all are refused.
	UnderMinISR Names
	// AtMinISR have exactly min.insync.replicas in sync and could have more: one broker less, and writes are refused.
	AtMinISR Names
	// Offline have no leader.
	Offline Names
	// Leaderless are those of Offline that have a replica in sync on a live broker: an election is due.
	Leaderless Names
	// Lost are those of Offline whose every replica is on a lost node.
	Lost Names
	// Reassigning have a move in flight.
	Reassigning Names
}

// Leaders say how evenly brokers lead.
type Leaders struct {
	// Unbalanced are the partitions that another broker leads than the preferred one, and Share what part of all they are, 0 to 1.
	Unbalanced Names
	Share      float64
	// MaxOverMean is the largest, over all live brokers, of a broker's number of leaders over the mean of its group: 1 is even, 0 says that
	// there are none.
	MaxOverMean float64
	// electable is how many of Unbalanced could be led by their preferred leader now.
	electable int
}

// Zones say how evenly things are spread.
type Zones struct {
	// UnbalancedGroups are broker groups that have two nodes more in one zone than in another: "main (local-a 3, local-b 1)".
	UnbalancedGroups Names
	// CrowdedPartitions have two replicas more in one zone than in another that could have one.
	CrowdedPartitions Names
}

// Disks are what is wrong with the brokers' disks.
type Disks struct {
	// AboveHeadroom are brokers that hold more than placement.DefaultHeadroom of their disks: "broker 4 (83 %)".
	AboveHeadroom Names
	// Offline are log directories that Kafka has given up: "broker 4 /data/1 (…)".
	Offline Names
}

// Quorum is the controllers' view of themselves.
type Quorum struct {
	// Leader is the active controller, -1 while there is none.
	Leader int32
	// Voters in the order of their ids.
	Voters []Voter
	// Majority says that there is a leader, and a majority of voters that have caught up with it.
	Majority bool
	// Tolerates is how many of the voters that have caught up may fail without an end of that majority.
	Tolerates int
}

// Voter is one controller that votes.
type Voter struct {
	ID int32
	// LagRecords is how many records it is behind the leader, LagMillis how long ago it was level with it; -1 when unknown.
	LagRecords, LagMillis int64
	CaughtUp              bool
}

// The states of a node.
const (
	Ready    = "ready"
	Starting = "starting"
	Stopping = "stopping"
	Suspect  = "suspect"
	Lost     = "lost"
	Stranger = "stranger"
)

// States are all states that a node can be in.
var States = []string{Ready, Starting, Stopping, Suspect, Lost, Stranger}

// Node is one node with its condition.
type Node struct {
	ID    int32
	Role  compute.Role
	Group string
	Zone  string
	// CertificateEnds is when its certificate ends, zero when it has none or that is not known.
	CertificateEnds time.Time
	// Figures are the latest of its agent, nil where it has told none.
	Figures *compute.NodeFigures
	Condition
}

// Condition is what state a node is in, what kind of cause that has ("" for none), and the reason as part of a sentence.
type Condition struct{ State, Cause, Reason string }

// partition is a partition's name: "orders-3".
type partition plan.TopicPartition

func (p partition) String() string { return fmt.Sprintf("%s-%d", p.Topic, p.Partition) }
