package plan

import (
	"slices"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// Observation is everything that a decision may depend on: what compute lists and what Kafka says, at one moment.
type Observation struct {
	// Nodes are all nodes of the cluster that compute or Kafka knows, in the order of their ids.
	Nodes []Node
	// NextNodeID is the lowest id that was never used. Ids below it belong to this fleet's past or present.
	NextNodeID int32
	// KafkaUp says that a broker answered. Without an answer Partitions is empty and means nothing.
	KafkaUp bool
	// Partitions are all partitions of all topics, the internal ones included.
	Partitions []Partition
	// Throttled says that replicas of some topic are marked as throttled by us, Rates that a rate of ours is set on some broker. What others
	// set by hand does not count.
	Throttled, Rates bool
	// Quorum is the controllers' own view; nil when none of them gave it.
	Quorum *Quorum
	// ClusterConfig is the cluster-wide dynamic configuration; nil when it is not known.
	ClusterConfig map[string]string
	// MetadataLevel is the finalised level of metadata.version; 0 when unknown.
	MetadataLevel int16
	// Authority is the certificate authority of the cluster, zero when it has none or that is not known.
	Authority Authority `json:",omitzero"`
	// LevelWanted is the level that the cluster's policy asks for; 0 means the newest that every node can.
	LevelWanted int16
}

// Node is one node, as compute and Kafka see it together.
type Node struct {
	ID    int32
	Role  compute.Role
	Group string
	Zone  string

	// InstanceID is the machine; "" when compute knows of none, and then the fields up to LaunchedAt are empty.
	InstanceID string
	State      compute.State
	Phase      compute.Phase
	// Problem is the agent's last error.
	Problem  string
	Restarts int
	SpecHash string
	// Subnet is what its machine is in, "" where it is in none.
	Subnet     string `json:",omitzero"`
	SpecText   string
	LaunchedAt time.Time
	// Boot is how long it took until its Kafka answered for the first time, 0 when its agent has not said.
	Boot time.Duration `json:",omitzero"`
	// Replaces is the node that this one was launched to take over from, 0 when it came as an addition.
	Replaces int32
	// Joins says that it came to take its part of what the group's others held.
	Joins bool
	// DiskBytes is the size of all its disks, 0 when unknown; FreeBytes what the broker says is free on them.
	DiskBytes int64
	FreeBytes int64 `json:",omitzero"`

	// Registered: Kafka's metadata has a broker of this id. Fenced: it is registered but takes no part.
	Registered, Fenced bool
	// Answering: the broker itself answered a request. A dead one stays unfenced until its session ends.
	Answering bool
	// Cordoned: Kafka puts no new replicas there (KIP-1066).
	Cordoned bool
	// LogDirReplicas is how many replicas the broker's own disks hold, -1 when it did not say.
	LogDirReplicas int
	// Config is the broker's own dynamic configuration, throttles and cordons left out.
	Config map[string]string
	// MaxLevel is the highest metadata.version that the node's Kafka can, 0 when unknown.
	MaxLevel int16

	// CertificateEnds is when its certificate ends; zero for a plaintext node, or when its agent has not said.
	CertificateEnds time.Time `json:",omitzero"`
	// AuthorityGeneration is that of the authority when the certificate was issued.
	AuthorityGeneration int `json:",omitzero"`
	// Uncertified: its agent runs and has no certificate that is still good, nor is there one for it to take.
	Uncertified bool `json:",omitzero"`
	// Silent: the agent on its machine has not reported for so long that it cannot be well.
	Silent bool `json:",omitzero"`
	// OfflineDirs is how many of its log directories Kafka has taken offline.
	OfflineDirs int `json:",omitzero"`
	// OutOfISR: it has replicas and is in the ISR of none of them.
	OutOfISR bool `json:",omitzero"`
	// Maintenance says what is going to happen to its machine, "" when nothing is.
	Maintenance string `json:",omitzero"`
	// SuspectSince is since when compute or Kafka has given it up, as far as anybody knows; zero when neither has, or just now.
	SuspectSince time.Time `json:",omitzero"`
	// Condition is what the planner makes of all that.
	Condition Condition `json:"-"`
}

// Alive says that the node's machine runs or will.
func (n Node) Alive() bool {
	return n.InstanceID != "" && (n.State == compute.StatePending || n.State == compute.StateRunning || n.State == compute.StateStopping)
}

// Lost says why the node is taken for lost, "" when it is not.
func (n Node) Lost() string {
	if n.Condition.State == NodeLost {
		return n.Condition.Reason
	}
	return ""
}

// Dead says why, by what compute says alone, the node can never serve again, "" when it may. A stopped machine has lost its disks by
// definition.
func (n Node) Dead() string {
	switch {
	case n.InstanceID == "":
		return "its machine is gone"
	case n.State == compute.StateStopped:
		return "its machine is stopped"
	case n.State == compute.StateTerminating:
		return "its machine is being terminated"
	case n.Phase == compute.PhaseDiskLost:
		return "its disks are lost"
	}
	return ""
}

// sick says that the node serves and has to go all the same: a disk of it has failed, or its machine is going to be taken away.
func (n Node) sick() bool {
	return n.Condition.State == NodeReady && slices.Contains([]Cause{CauseDiskFailed, CauseMaintenance, CauseCertificate}, n.Condition.Cause)
}

// broken says that replicas on the node are lost or about to be: it is repaired before anything healthy is touched.
func (n Node) broken() bool {
	return n.Lost() != "" || n.sick() && n.Condition.Cause == CauseDiskFailed
}

// Ready says that the broker serves: its machine runs, and it is registered and unfenced.
func (n Node) Ready() bool {
	return n.InstanceID != "" && n.State == compute.StateRunning && n.Registered && !n.Fenced
}

// Partition is one partition with what a decision needs to know of it.
type Partition struct {
	TopicPartition
	Leader int32
	// Replicas in order; Adding and Removing are those of a reassignment in flight.
	Replicas, ISR, Adding, Removing []int32
	// Group is the broker group that the partition's topic lives on; "" when none claims it and none is the default, and then it may
	// live anywhere.
	Group string `json:",omitempty"`
	// Bytes is the size of one replica: the largest that a broker reports, so a follower that is catching up counts as its leader's size.
	Bytes int64
}

// InFlight says that a reassignment of the partition is under way.
func (p Partition) InFlight() bool { return len(p.Adding) > 0 || len(p.Removing) > 0 }

// Target is the replica list once the reassignment in flight is done.
func (p Partition) Target() []int32 { return minus(p.Replicas, p.Removing) }

// OutOfSync are the replicas of the target that are not in the ISR.
func (p Partition) OutOfSync() []int32 { return minus(p.Target(), p.ISR) }

// Quorum is the controllers' view of themselves.
type Quorum struct {
	// Leader is the active controller's id, -1 while there is none.
	Leader int32
	// Voters and Observers by id; the value says whether it is caught up with the leader.
	Voters, Observers map[int32]bool
}

// Clone returns a copy that shares nothing that a step changes.
func (o Observation) Clone() Observation {
	o.Nodes = slices.Clone(o.Nodes)
	o.Partitions = slices.Clone(o.Partitions)
	if o.Quorum != nil {
		q := Quorum{Leader: o.Quorum.Leader, Voters: map[int32]bool{}, Observers: map[int32]bool{}}
		for id, ok := range o.Quorum.Voters {
			q.Voters[id] = ok
		}
		for id, ok := range o.Quorum.Observers {
			q.Observers[id] = ok
		}
		o.Quorum = &q
	}
	return o
}
