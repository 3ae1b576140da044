// Package compute is the contract between the fleet engine and whatever runs virtual machines.
//
// A driver knows nothing of rollouts: it launches, lists, stops and terminates nodes, and keeps the few facts about a
// cluster that must outlive all of its nodes (see [Cluster]). Everything else is observed anew on each run.
package compute

import (
	"context"
	"errors"
	"time"
)

// Errors of every driver, by what the caller should do. Drivers wrap them with %w and a sentence that says which subject.
var (
	// ErrNotFound: no such cluster or instance. For Terminate it never means "terminated"; that is only proved by List.
	ErrNotFound = errors.New("not found")
	// ErrNoCapacity: this zone cannot give this instance type now. Another zone is never chosen silently.
	ErrNoCapacity = errors.New("no capacity")
	// ErrInvalid: the request can never succeed as it is (unknown zone, instance type or Kafka version, missing Java).
	ErrInvalid = errors.New("invalid request")
	// ErrNodeIDUsed: a node with this id was launched before in this cluster. Node ids are never reused.
	ErrNodeIDUsed = errors.New("node id already used")
	// ErrLocked: another holder has the cluster's lease.
	ErrLocked = errors.New("cluster is locked by another run")
	// ErrLeaseLost: the lease that this run has taken is not surely its own any more. Nothing more may be done under it.
	ErrLeaseLost = errors.New("this run does not hold the cluster's lease")
)

// Role says what a node does in its cluster. Nodes are dedicated: a node has exactly one role.
type Role string

// The roles of a node.
const (
	RoleController Role = "controller"
	RoleBroker     Role = "broker"
)

// ControllersGroup is the group name that a cluster's controllers carry. A broker group cannot have this name.
const ControllersGroup = "controllers"

// Driver runs the nodes of fleets. Implementations are safe for concurrent use and must pass computetest.Run.
//
// Every method may be cut off at any point (the process is killed) and is then simply called again by a later run: each
// effect is idempotent, and List is always enough to find out what an earlier call has done.
type Driver interface {
	// Catalog returns the zones and instance types that nodes can have, and answers from memory or one cheap call.
	Catalog(ctx context.Context) (Catalog, error)

	// CheckKafka says whether nodes can run this Kafka version, as an error that wraps ErrInvalid and names the remedy.
	// It downloads nothing and is called at plan time.
	CheckKafka(ctx context.Context, version string) error

	// GetCluster returns the cluster's record, or ErrNotFound.
	GetCluster(ctx context.Context, name string) (Cluster, error)
	// PutCluster creates the record or changes its declared part (MetadataVersion, Zones, MinISRDeclared, Groups, Security), all of it: what is
	// not given is not there any more. The resources of a cluster share its record, so each holds the cluster's lease from the
	// GetCluster that it starts from until its PutCluster. A record's ID never changes: a PutCluster with another ID is ErrInvalid.
	// NextNodeID is the driver's own and is ignored here.
	PutCluster(ctx context.Context, c Cluster) error
	// DeleteCluster forgets the record and all secrets of the cluster. It is refused (ErrInvalid) while List shows an instance; a missing
	// record is no error, and secrets without one are removed.
	DeleteCluster(ctx context.Context, name string) error

	// Launch starts one node and returns as soon as it is listed; it does not wait for Kafka. The instance is found again
	// by List from the moment when anything of it exists. A Launch with a node id below the record's NextNodeID is
	// ErrNodeIDUsed; otherwise NextNodeID becomes spec.NodeID+1 before the node exists.
	Launch(ctx context.Context, spec NodeSpec) (Instance, error)
	// List returns the cluster's instances in node-id order, the stopped ones included, the terminated ones not. An
	// unknown cluster has none.
	List(ctx context.Context, cluster string) ([]Instance, error)
	// Stop asks the node's machine to shut down in the orderly way (Kafka's controlled shutdown) and returns without
	// waiting. The instance becomes StateStopped, at the latest when the node's own stop deadline has passed; one that hangs
	// may never, and is terminated instead. A machine that cannot be stopped and kept (a spot instance) is shut down and terminated, and
	// becomes StateTerminating. Stopping a stopped instance is no error.
	Stop(ctx context.Context, instanceID string) error
	// Terminate destroys the instance and its disks, running or not, and returns when nothing of it is left or when List
	// shows it as terminating. Its NodeSecret is gone by then. An instance that does not exist is no error.
	Terminate(ctx context.Context, instanceID string) error

	// Lock takes the cluster's lease, so that only one run writes to it. It does not wait: a lease held by another
	// holder that has not expired is ErrLocked, with a text that names the holder. One that has expired is broken: whoever
	// had it finds out by Lease.Held. That of a process that died is free at once where the driver can know it.
	Lock(ctx context.Context, cluster, holder string) (Lease, error)

	Secrets
}

// Machines is a Driver whose nodes are EC2 instances, which a plan can know more about than a catalog says.
type Machines interface {
	Driver
	// Image is the image that a public or own parameter names now.
	Image(ctx context.Context, parameter string) (string, error)
	// CheckMachine says what is wrong with a machine before anything is launched, as an error that wraps ErrInvalid. nodes is how many
	// may run in each zone at once, of this instance type. Any other error means that it could not be found out.
	CheckMachine(ctx context.Context, m AWSMachine, instanceType string, nodes map[string]int) error
}

// LeaseExpiry is how long a lease lives after its last renewal.
const LeaseExpiry = time.Minute

// Lease is the right to write to one cluster. Its driver renews it several times within its expiry, until it is released or
// lost; what is lost stays lost, also if nobody else has taken it. It is safe for concurrent use.
type Lease interface {
	// Held is nil while the lease is surely this run's: nobody else can take it for at least a third of the expiry from now on,
	// even if this process is suspended right after. Otherwise, and after Release, the error wraps ErrLeaseLost and says who has
	// taken it. A renewal that is overdue is made up for; one that is overdue by the whole expiry means lost, so that a process
	// that hung finds out before it acts upon what it saw in another time.
	//
	// It is asked before each effect, and so answers from memory or by one cheap call.
	Held(ctx context.Context) error
	// Release gives the lease up. It leaves a lease alone that another holder has taken by now, and may be called again.
	Release()
}

// Cluster is what has to be known of a cluster when none of its nodes can be asked.
type Cluster struct {
	Name string `json:"name"`
	// ID is Kafka's cluster id: 22 characters, base64url of 16 random bytes. Every node's disks are formatted with it.
	ID string `json:"id"`
	// MetadataVersion is the policy for the feature level: "latest", or a release such as "4.2".
	MetadataVersion string `json:"metadata_version"`
	// Zones are the zones that the cluster was declared with; a broker group without zones of its own uses them.
	Zones []string `json:"zones"`
	// MinISRDeclared says that the user chose the cluster-wide min.insync.replicas; otherwise the provider does, by the number of brokers.
	MinISRDeclared bool `json:"min_isr_declared"`
	// Groups are the claims of the broker groups that have some, by group name. They are here and not on the nodes, since a claim is no
	// part of a node's spec, and since every group's rollout has to know those of all the others.
	Groups map[string]TopicClaim `json:"groups,omitempty"`
	// Security is how the listeners of all of its nodes are protected.
	Security Security `json:"security"`
	// NextNodeID is the lowest node id never used in this cluster. It starts at 1 and only grows.
	NextNodeID int32 `json:"next_node_id"`
}

// TopicClaim is which of a cluster's topics a broker group wants to have.
type TopicClaim struct {
	// Patterns are regular expressions, each of which stands for the topics whose whole name it matches.
	Patterns []string `json:"patterns,omitempty"`
	// Default says that the group also has every topic that no group claims.
	Default bool `json:"default,omitempty"`
	// Since orders the claims of a cluster by when they were changed: each change gets a number higher than all others.
	Since int64 `json:"since"`
}

// Catalog is what a driver offers.
type Catalog struct {
	Zones         []string
	InstanceTypes map[string]InstanceType
	// EC2 says that nodes are EC2 instances: a spec says what they are made of.
	EC2 bool
	// SilentAfter is from how old its latest report is on that an agent is taken for silent; 0 is six times ReportEvery.
	SilentAfter time.Duration
}

// InstanceType is a size of machine.
type InstanceType struct {
	Name string
	// MemoryBytes is all of the machine's memory; the JVM heap and the page cache share it.
	MemoryBytes int64
	Cores       int
	// DiskBytes are the sizes of the instance-store disks. Each becomes one Kafka log directory (JBOD).
	DiskBytes []int64
	// NetworkBytesPerSecond is the baseline bandwidth in each direction.
	NetworkBytesPerSecond int64
}

// NodeSpec is all that defines a node. The driver hands it to the node agent as it is. It holds no secret.
type NodeSpec struct {
	Cluster   string `json:"cluster"`
	ClusterID string `json:"cluster_id"`
	Group     string `json:"group"`
	Role      Role   `json:"role"`
	NodeID    int32  `json:"node_id"`
	// Zone becomes Kafka's broker.rack.
	Zone         string `json:"zone"`
	InstanceType string `json:"instance_type"`
	KafkaVersion string `json:"kafka_version"`
	// HeapBytes is the JVM's -Xmx and -Xms.
	HeapBytes int64 `json:"heap_bytes"`
	// Config is added to server.properties: the static settings that the user declared and the provider's safe defaults.
	Config map[string]string `json:"config,omitempty"`
	// Security is how the node's listeners are protected.
	Security Security `json:"security"`
	// AWS is what else an EC2 instance is made of; nil for nodes of other drivers.
	AWS *AWSMachine `json:"aws,omitempty"`
	// Replaces is the node that this one takes over from, 0 when it is an addition. It is how a later run knows whose replicas
	// belong here, and is no part of the spec hash.
	Replaces int32 `json:"replaces,omitempty"`
	// Joins says that the node came to a group that held data, to take its part of it. It is how a later run knows that a broker with
	// little on it is to be filled, and is no part of the spec hash.
	Joins bool `json:"joins,omitempty"`
	// Bootstrap is true for the one controller that starts the quorum by itself (format --standalone). Every other node
	// is formatted without initial controllers and finds the quorum through the driver.
	Bootstrap bool `json:"bootstrap,omitempty"`
	// ReleaseVersion is the metadata version that the bootstrap controller formats with, e.g. "4.2"; "" means the newest that
	// its Kafka has.
	ReleaseVersion string `json:"release_version,omitempty"`
	// SpecHash identifies everything above that all nodes of the group share. Two nodes with one hash are interchangeable.
	SpecHash string `json:"spec_hash"`
}

// AWSMachine is what an EC2 instance is made of beside its type.
type AWSMachine struct {
	// ImageID is the AMI, and RootDevice how that names its root volume.
	ImageID    string `json:"image_id"`
	RootDevice string `json:"root_device,omitempty"`
	// SubnetIDs are by zone.
	SubnetIDs        map[string]string `json:"subnet_ids"`
	SecurityGroupIDs []string          `json:"security_group_ids,omitempty"`
	// InstanceProfile is the name or the ARN of the profile whose role the node's agent has.
	InstanceProfile string `json:"instance_profile,omitempty"`
	PlacementGroup  string `json:"placement_group,omitempty"`
	// Spot says that the machine is a spare one, which AWS takes back with a notice of two minutes when it needs it.
	Spot bool `json:"spot,omitempty"`
	// FallbackInstanceTypes are tried in this order, in the same zone, where it has no capacity for the spec's.
	FallbackInstanceTypes []string `json:"fallback_instance_types,omitempty"`
	// UserDataExtra are lines of a shell script, which run before the agent does.
	UserDataExtra string `json:"user_data_extra,omitempty"`
}

// State is what compute knows of an instance. It says nothing of Kafka.
type State string

// The states of an instance.
const (
	// StatePending: launched, its agent has not reported yet.
	StatePending State = "pending"
	// StateRunning: the machine runs. Kafka on it may still be starting, or failing.
	StateRunning State = "running"
	// StateStopping: asked to stop, not stopped yet.
	StateStopping State = "stopping"
	// StateStopped: the machine does not run, by request or by accident. Its disks are not to be trusted: it is replaced.
	StateStopped State = "stopped"
	// StateTerminating: on its way out; it can only disappear.
	StateTerminating State = "terminating"
)

// Instance is one node as compute sees it.
type Instance struct {
	// ID is the driver's own name of the machine, e.g. "i-0abc…" or "local-prod-7".
	ID   string
	Spec NodeSpec
	// State with StateReason, a sentence where there is something to explain.
	State       State
	StateReason string
	// StateSince is when the instance came into its State, the zero time when the driver does not know. It does not change while
	// the State does not. Of a machine that has ended by accident it is the last sign of life, and so too early by ReportEvery at
	// most, if the machine did not hang before.
	StateSince time.Time
	LaunchedAt time.Time
	// Maintenance is a sentence when whoever runs the machine has scheduled it for maintenance or retirement: it works, and will
	// not for long. "" otherwise.
	Maintenance string
	// Address is where Kafka listens, host:port, for the other nodes and for this provider. "" until known.
	Address string
	// Clients is where a broker listens for clients, and ClientsMTLS where it listens for those that log in by certificate when that is
	// another address. Of a plaintext broker Clients is its Address. "" where there is no such listener, or until known.
	Clients, ClientsMTLS string
	// Status is the node agent's latest report, nil when there is none yet.
	Status *NodeStatus
}

// Phase is how far the node agent has come.
type Phase string

// The phases of a node agent.
const (
	PhasePreparing  Phase = "preparing"  // disks, configuration
	PhaseFormatting Phase = "formatting" // kafka-storage format, once in a node's life
	PhaseStarting   Phase = "starting"   // the Kafka process runs, its port does not answer yet
	PhaseRunning    Phase = "running"    // the port answers
	PhaseBackoff    Phase = "backoff"    // Kafka ended by itself and will be started again
	PhaseStopping   Phase = "stopping"   // controlled shutdown under way
	PhaseStopped    Phase = "stopped"    // Kafka has ended as asked
	PhaseDiskLost   Phase = "disk lost"  // formatted before, found empty now: Kafka is not started, the node must be replaced
	PhaseFailed     Phase = "failed"     // cannot ever start as it is (no Java, wrong spec)
)

// ReportEvery is how often at least an agent reports that lives, also when nothing has changed and whatever its phase is. Where a report costs
// more than a file does, it may be rarer: Catalog.SilentAfter says then what is too rare.
const ReportEvery = 10 * time.Second

// NodeStatus is the node agent's report, a small JSON document.
type NodeStatus struct {
	Phase    Phase `json:"phase"`
	KafkaPID int   `json:"kafka_pid"`
	// Restarts counts the starts of Kafka after the first.
	Restarts int `json:"restarts"`
	// BootSeconds is how long it took from the agent's start until Kafka first answered, 0 until it does.
	BootSeconds float64 `json:"boot_seconds,omitempty"`
	// CertificateEnds is when the certificate ends that Kafka starts with, the zero time while the agent has none.
	CertificateEnds time.Time `json:"certificate_ends,omitzero"`
	// AuthorityGeneration is the Generation of the Identity that Kafka starts with: which authority its certificate is of, and whom it believes.
	AuthorityGeneration int `json:"authority_generation,omitempty"`
	// LastError is the reason of the latest failure, with the line of Kafka's own log that explains it.
	LastError string `json:"last_error,omitempty"`
	// Leaving is a sentence when the machine was told that it will be taken away, "" otherwise.
	Leaving string `json:"leaving,omitempty"`
	// DiskUsedBytes is by log directory, in the order of the disks.
	DiskUsedBytes []int64 `json:"disk_used_bytes,omitempty"`
	// UpdatedAt is when the agent has reported, by its machine's clock. One that is older than ReportEvery by far is the sign of a machine,
	// or of a disk, that hangs, while State says that it runs.
	UpdatedAt time.Time `json:"updated_at"`
}
