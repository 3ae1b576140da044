package kafka

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Errors by what the caller should do. They are wrapped with the broker's own message.
var (
	// ErrNotFound: the broker says that the object does not exist.
	ErrNotFound = errors.New("not found")
	// ErrExists: the broker says that an object of this name exists.
	ErrExists = errors.New("already exists")
	// ErrInvalid: the broker refuses the request for what it says; a repetition is refused too.
	ErrInvalid = errors.New("refused by Kafka")
	// ErrLogin is an ErrInvalid: the login failed, and no request was read. A repetition fails too.
	ErrLogin = fmt.Errorf("%w: no login", ErrInvalid)
	// ErrDenied is an ErrInvalid: the login lacks a right. The error says which. It says nothing about the object.
	ErrDenied = fmt.Errorf("%w: no right", ErrInvalid)
	// ErrUnreachable: no broker (or not the one that was needed) gave an answer in time. Says nothing about the object.
	ErrUnreachable = errors.New("Kafka is unreachable")
)

// Broker is one registered broker.
type Broker struct {
	ID int32
	// Address is the listener that clients use, host:port.
	Address string
	Rack    string
	// Fenced brokers are registered but take no part: not yet caught up, stopped, or dead.
	Fenced bool
}

// Partition is one partition as the cluster's metadata describes it.
type Partition struct {
	Topic     string
	Partition int32
	// Leader is the leading broker's id, or -1.
	Leader int32
	// Replicas in order, the preferred leader first. During a reassignment this holds old and new replicas.
	Replicas []int32
	ISR      []int32
	// Adding and Removing are the replicas of a reassignment in flight, both empty otherwise.
	Adding, Removing []int32
}

// Target returns the replicas that the partition has or will have when the reassignment in flight is done: Replicas less Removing.
func (p Partition) Target() []int32 {
	target := make([]int32, 0, len(p.Replicas))
	for _, r := range p.Replicas {
		if !slices.Contains(p.Removing, r) {
			target = append(target, r)
		}
	}
	return target
}

// Replica is one replica as found in a broker's log directories.
type Replica struct {
	Broker    int32
	Topic     string
	Partition int32
	Bytes     int64
	// Lag is how many records it lacks; Future marks a copy under way between two log directories of one broker.
	Lag    int64
	Future bool
	LogDir string
}

// LogDir is one log directory of a broker.
type LogDir struct {
	Broker int32
	Path   string
	// TotalBytes and UsableBytes are of the volume under it, -1 when the broker does not say (KIP-827).
	TotalBytes, UsableBytes int64
	// Err is what the broker reports of the directory itself (offline), nil when it is well.
	Err      error
	Replicas []Replica
}

// Reassignment asks for the replicas of one partition, in order; the first is the preferred leader.
type Reassignment struct {
	Topic     string
	Partition int32
	Replicas  []int32
}

// Voter is a controller as the quorum's leader sees it.
type Voter struct {
	ID int32
	// DirectoryID is the id of its metadata directory (KIP-853), needed to add or remove it as a voter.
	DirectoryID [16]byte
	// Lag is how many metadata records it is behind the leader; -1 when the leader does not know.
	Lag int64
	// CaughtUpAgoMillis is how long ago it was last caught up with the leader, measured by the leader's own timestamps; -1 when unknown.
	CaughtUpAgoMillis int64
}

// Quorum is the controllers' own view (DescribeQuorum, KIP-836).
type Quorum struct {
	Leader int32
	Voters []Voter
	// Observers are all other followers of the metadata log: brokers, and controllers that are not voters (yet).
	Observers []Voter
	// HighWatermark is the offset up to which the metadata log is committed: that of the first record that is not.
	HighWatermark int64
	// LogEndOffset is that of the leader's own log, of which the last records may not be committed yet; -1 when it does not say.
	LogEndOffset int64
}

// Feature is one of the cluster's versioned features (KIP-584), e.g. "metadata.version".
type Feature struct {
	Name string
	// Finalized is the level in force, 0 when the feature is off.
	Finalized int16
	// MinSupported and MaxSupported are what the one node that was asked can do.
	MinSupported, MaxSupported int16
}

// MetadataVersionFeature is the name of the feature that follows Kafka's releases.
const MetadataVersionFeature = "metadata.version"

// TopicPartition names a partition.
type TopicPartition struct {
	Topic     string
	Partition int32
}

func (p TopicPartition) String() string { return fmt.Sprintf("%s-%d", p.Topic, p.Partition) }

// Compare orders partitions by topic and number.
func (p TopicPartition) Compare(q TopicPartition) int {
	return cmp.Or(cmp.Compare(p.Topic, q.Topic), cmp.Compare(p.Partition, q.Partition))
}

// ConfigEntry is one effective setting of a topic or broker.
type ConfigEntry struct {
	Name, Value string
	// Source is where the value comes from.
	Source ConfigSource
	// ReadOnly settings of a broker are static: they change by a restart only.
	ReadOnly  bool
	Sensitive bool
}

// ConfigSource follows DescribeConfigs' numbers (KIP-226).
type ConfigSource int8

// The sources of a setting.
const (
	SourceUnknown              ConfigSource = 0
	SourceTopic                ConfigSource = 1
	SourceDynamicBroker        ConfigSource = 2
	SourceDynamicDefaultBroker ConfigSource = 3
	SourceStaticBroker         ConfigSource = 4
	SourceDefault              ConfigSource = 5
	SourceDynamicBrokerLogger  ConfigSource = 6
)

// ResourceKind is what a config belongs to.
type ResourceKind int8

// The kinds of ConfigResource, numbered as in the protocol.
const (
	ResourceTopic  ResourceKind = 2
	ResourceBroker ResourceKind = 4
)

// ConfigResource names what a config belongs to. A broker's Name is its id in digits, or "" for the cluster-wide dynamic default.
type ConfigResource struct {
	Kind ResourceKind
	Name string
}

// ConfigChange sets a key, or with a nil Value removes it so that the next lower source holds again.
type ConfigChange struct {
	Name  string
	Value *string
}

// Topic is one topic.
type Topic struct {
	Name       string
	ID         [16]byte
	Internal   bool
	Partitions []Partition
}

// NewTopic is what CreateTopic needs.
type NewTopic struct {
	Name              string
	Partitions        int32
	ReplicationFactor int16
	Config            map[string]string
	// Replicas are the replicas of each partition in order, the preferred leader first. Without them Kafka chooses; with them
	// Partitions and ReplicationFactor are not looked at.
	Replicas [][]int32
}

// ACL is one binding, in Kafka's own words: ResourceType "Topic", PatternType "Literal" or "Prefixed", Operation "Read",
// Permission "Allow" or "Deny".
type ACL struct {
	ResourceType string
	ResourceName string
	PatternType  string
	Principal    string
	Host         string
	Operation    string
	Permission   string
}

// QuotaEntity is who a quota applies to. A nil field is not part of the entity; a pointer to "" is the default entity of that kind.
type QuotaEntity struct {
	User, ClientID, IP *string
}
