package fleet

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/model"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/throttle"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

const (
	// agentVersion is part of every spec: a node agent that prepares nodes in another way is rolled out like any other change.
	agentVersion = 1
	// controllerListener is the name of the controllers' listener.
	controllerListener = "CONTROLLER"
	// connectWithin is how long a node waits for a connection to another one; Kafka's default is 10 seconds. The address of a machine that is gone
	// answers nothing, not even that nobody listens, and after each roll of the controllers every broker meets some of them. With the default,
	// the first change of a throttle after that took twelve seconds. A connect that is lost is sent once more within two.
	connectWithin       = "socket.connection.setup.timeout.ms"
	connectWithinMillis = 2000
	// fetchBytes is how much a follower takes from a leader at a time; Kafka's default is 10 MB. A replication throttle is looked at before a
	// follower asks and charged when the answer has come, so each leader that it reads from may send so much beyond the limit. At 50 MiB/s
	// from three leaders the default made seconds of 1.5 times the limit.
	fetchBytes = 1 << 20
	// fetchBackoffMillis is how long a follower waits that has nothing to ask a leader for, since all that it lacks from it is held back by
	// the limit; Kafka's default is a second. With that, the end of each move was a second of copying and a second of nothing in turn.
	fetchBackoffMillis = 50
	// fetchWaitMillis is how long a leader with nothing new lets a follower wait at most; Kafka's default is 500. A partition whose leader
	// changes waits for it, too: the thread that is to follow the new one has to be through with what it has asked for other partitions.
	// With the default, each hand-over of a roll held up the producers for up to half a second more.
	fetchWaitMillis = 100
	// appendLingerMillis is how long a controller waits for more changes of metadata before it writes those that it has; Kafka's default is 25. Whoever
	// changes something waits for it.
	appendLingerMillis = 5
	// quotaWindows is over how many seconds beyond the current one a replication throttle is averaged; Kafka's default is 11. What was not
	// used of them is made up for at once, and a broker that has just started copies slowly in its first seconds: with the default, more
	// than 1.8 times the limit followed.
	quotaWindows = 1
	// DefaultGrace is how long compute or Kafka alone must have given a node up before it counts as lost, where nothing else is declared.
	DefaultGrace = 5 * time.Minute
	// minISR is the setting that decides how many copies an acknowledged record has.
	minISR = "min.insync.replicas"
)

// Cluster is the desired state of a cluster's controllers and of what all of its brokers share.
type Cluster struct {
	Name         string
	KafkaVersion string
	Zones        []string
	// Controllers is the number of controllers: 1, 3 or 5.
	Controllers  int
	InstanceType string
	// AWS is what the controllers' EC2 instances are made of beside their type; nil elsewhere.
	AWS *compute.AWSMachine
	// Security is how the listeners of all nodes are protected. Whether they are at all cannot change while there is a node.
	Security compute.Security
	// Authority is the user's own certificate authority; without a certificate the provider makes one.
	Authority Authority
	// Rotation is the step of a change to another authority: then Authority is the new one.
	Rotation Rotation
	// Config is the cluster-wide dynamic configuration; ConfigRemoved are keys declared before and not any more.
	Config        map[string]string
	ConfigRemoved []string
	// MetadataVersion is "latest" or a release such as "4.2".
	MetadataVersion string
	// Forecast is what the plan said that this takes, nil when it is not known. It is told beside what it took.
	Forecast *Forecast
}

// BrokerGroup is the desired state of a group of identical brokers.
type BrokerGroup struct {
	Cluster      string
	Name         string
	Brokers      int
	InstanceType string
	// AWS is what the EC2 instances are made of beside their type; nil elsewhere.
	AWS          *compute.AWSMachine
	Zones        []string
	KafkaVersion string
	// HeapBytes is the JVM's heap; 0 takes a third of the instance type's memory.
	HeapBytes int64
	// Config mixes static and dynamic settings; ConfigRemoved are keys declared before and not any more.
	Config        map[string]string
	ConfigRemoved []string
	// MaxSurge is how many nodes beyond Brokers may be alive during a rollout.
	MaxSurge int
	// GateTimeout is how long a rollout waits without coming any further before it ends; 0 is DefaultGateTimeout.
	GateTimeout time.Duration
	// Failure says when a node counts as lost, and how many are replaced without being asked. A Grace of 0 is DefaultGrace.
	Failure plan.FailurePolicy
	// Replace are nodes that are replaced because the user wants it.
	Replace []int32
	// Topics are the patterns of the topics that live on the group; with Default it also has those that no group claims.
	Topics  []string
	Default bool
	// Throttle limits the replication of moves.
	Throttle throttle.Policy
	// Forecast is what the plan said that this takes, nil when it is not known. It is told beside what it took.
	Forecast *Forecast
	// NotOnScaleOut leaves brokers that are added to a group that holds data empty until new topics come.
	NotOnScaleOut bool
	// RebalanceThreshold is how many times the mean a broker may have, of its zone in bytes and of the group in leaders, before the
	// group is rebalanced down to it; 0 is never.
	RebalanceThreshold float64
}

// goal is a desired state ready to be planned and executed.
type goal struct {
	cluster string
	group   plan.Group
	// spec is what every node of the group gets, but for its id and zone.
	spec     compute.NodeSpec
	throttle throttle.Policy
	catalog  compute.Catalog
	// gateTimeout is how long a rollout waits without coming any further before it ends.
	gateTimeout time.Duration
}

// ControllerConfig is what makes a fleet's controllers quicker than Kafka's own (docs/adr/0026).
func ControllerConfig() map[string]string {
	return map[string]string{"controller.quorum.append.linger.ms": strconv.Itoa(appendLingerMillis)}
}

// goal is what the controllers shall be.
func (c Cluster) goal(catalog compute.Catalog) (goal, error) {
	spec := compute.NodeSpec{
		Cluster: c.Name, Group: compute.ControllersGroup, Role: compute.RoleController,
		InstanceType: c.InstanceType, AWS: c.AWS, KafkaVersion: c.KafkaVersion, // How clients log in is nothing to controllers.
		Security: compute.Security{Plaintext: c.Security.Plaintext},
		Config:   ControllerConfig(),
	}
	maps.Copy(spec.Config, map[string]string{
		"auto.create.topics.enable":  "false",
		"default.replication.factor": "3",
		connectWithin:                strconv.Itoa(connectWithinMillis),
	})
	if c.MetadataVersion != latest {
		spec.ReleaseVersion = c.MetadataVersion
	}
	want := map[string]string{"unclean.leader.election.enable": "false"}
	maps.Copy(want, c.Config)
	removed := slices.Clone(c.ConfigRemoved)
	if slices.Contains(removed, minISR) {
		want[minISR] = "2" // With ELR (KIP-966) the cluster-wide value cannot be deleted, only set.
	}
	g, err := newGoal(catalog, spec, c.Zones, c.Controllers)
	if err != nil {
		return goal{}, err
	}
	g.group.MaxSurge = 1
	g.group.ClusterConfig, g.group.ClusterConfigRemoved = want, removed
	return g, nil
}

// goal is what the group's brokers shall be. The replication of internal topics goes by the group's own size: by the cluster's, the
// arrival of another group would change the spec of this one's nodes and so replace them. others is the number of brokers in the
// cluster's other groups; a record that leaves min.insync.replicas to the provider gets it by all of them together.
func (b BrokerGroup) goal(catalog compute.Catalog, others int, record compute.Cluster) (goal, error) {
	static, dynamic := splitConfig(b.Config)
	rf, isr := SafeReplication(b.Brokers)
	config := map[string]string{
		"auto.create.topics.enable":                        "false",
		"default.replication.factor":                       strconv.Itoa(rf),
		"offsets.topic.replication.factor":                 strconv.Itoa(rf),
		"transaction.state.log.replication.factor":         strconv.Itoa(rf),
		"transaction.state.log.min.isr":                    strconv.Itoa(isr),
		"share.coordinator.state.topic.replication.factor": strconv.Itoa(rf),
		"share.coordinator.state.topic.min.isr":            strconv.Itoa(isr),
		"replica.fetch.response.max.bytes":                 strconv.Itoa(fetchBytes),
		"replica.fetch.backoff.ms":                         strconv.Itoa(fetchBackoffMillis),
		"replica.fetch.wait.max.ms":                        strconv.Itoa(fetchWaitMillis),
		"replication.quota.window.num":                     strconv.Itoa(quotaWindows),
		connectWithin:                                      strconv.Itoa(connectWithinMillis),
	}
	maps.Copy(config, static)
	g, err := newGoal(catalog, compute.NodeSpec{
		Cluster: b.Cluster, Group: b.Name, Role: compute.RoleBroker,
		InstanceType: b.InstanceType, AWS: b.AWS, KafkaVersion: b.KafkaVersion, HeapBytes: b.HeapBytes, Config: config, Security: record.Security,
	}, b.Zones, b.Brokers)
	if err != nil {
		return goal{}, err
	}
	g.group.MaxSurge, g.throttle = b.MaxSurge, b.Throttle
	g.group.Failure.MaxLost, g.group.Replace = b.Failure.MaxLost, b.Replace
	g.group.Failure.Grace, g.gateTimeout = cmp.Or(b.Failure.Grace, DefaultGrace), cmp.Or(b.GateTimeout, DefaultGateTimeout)
	g.group.BatchBytes = g.batchBytes()
	g.group.Rebalance = plan.Rebalance{NotOnScaleOut: b.NotOnScaleOut, Threshold: b.RebalanceThreshold}
	g.group.Config = dynamic
	_, g.group.ConfigRemoved = splitKeys(b.ConfigRemoved)
	if !record.MinISRDeclared && b.Brokers > 0 {
		_, isr := SafeReplication(b.Brokers + others)
		g.group.ClusterConfig = map[string]string{minISR: strconv.Itoa(isr)}
	}
	return g, nil
}

// batchBytes is how many bytes are on their way into or out of a broker at once: plan.BatchTime's worth. While some moves end, others
// start, so that costs no time; and what is not in flight can still be planned anew.
func (g goal) batchBytes() int64 { return int64(plan.BatchTime.Seconds()) * g.pace() }

// pace is how many bytes a second one broker may take in at most when replicas are copied, nothing else being in the way.
func (g goal) pace() int64 {
	capacity := g.catalog.InstanceTypes[g.spec.InstanceType].NetworkBytesPerSecond
	if capacity == 0 {
		capacity = model.Usual.BytesPerSecond
	}
	if !g.throttle.Limited() {
		return capacity
	}
	limits, _ := g.throttle.Limits(throttle.Link{Capacity: capacity, Other: &throttle.Rates{}}, throttle.Rates{}, 1)
	return min(capacity, limits.Follower)
}

// SafeReplication is the replication factor and the min.insync.replicas that a cluster of so many brokers can have: 3 and 2 from
// three brokers on; below that as many copies as there are brokers, and one fewer that must be in sync, so that one can be away.
func SafeReplication(brokers int) (replicationFactor, minInSync int) {
	rf := min(max(brokers, 1), 3)
	return rf, max(rf-1, 1)
}

func newGoal(catalog compute.Catalog, spec compute.NodeSpec, zones []string, count int) (goal, error) {
	size, ok := catalog.InstanceTypes[spec.InstanceType]
	if !ok {
		return goal{}, fmt.Errorf("%w: unknown instance type %q; there are %s", compute.ErrInvalid, spec.InstanceType,
			strings.Join(slices.Sorted(maps.Keys(catalog.InstanceTypes)), ", "))
	}
	if spec.HeapBytes == 0 {
		spec.HeapBytes = size.MemoryBytes / 3 / units.MiB * units.MiB
	}
	spec.SpecHash = specHash(spec)
	level, _ := kafka.MetadataLevel(release(spec.KafkaVersion))
	var subnets map[string]string
	if spec.AWS != nil {
		subnets = spec.AWS.SubnetIDs
	}
	return goal{
		cluster: spec.Cluster,
		spec:    spec,
		catalog: catalog,

		gateTimeout: DefaultGateTimeout,
		group: plan.Group{
			Failure: plan.FailurePolicy{Grace: DefaultGrace},
			Name:    spec.Group, Role: spec.Role, Count: count, Zones: zones,
			SpecHash: spec.SpecHash, SpecText: specText(spec), MaxLevel: level, DiskBytes: diskBytes(size), Subnets: subnets,
		},
	}, nil
}

// specHash identifies what the nodes of a group share. Node id, zone, cluster and the quorum's beginnings are not part of it, and neither is what
// is only for a launch: the types to fall back to, and the subnets, of which a node is in one (plan.Group.Subnets).
func specHash(s compute.NodeSpec) string {
	if s.AWS != nil {
		machine := *s.AWS
		machine.FallbackInstanceTypes, machine.SubnetIDs = nil, nil
		s.AWS = &machine
	}
	shared, err := json.Marshal(struct {
		Agent        int
		Role         compute.Role
		InstanceType string
		KafkaVersion string
		HeapBytes    int64
		Config       map[string]string
		Security     compute.Security
		AWS          *compute.AWSMachine `json:",omitempty"`
	}{agentVersion, s.Role, s.InstanceType, s.KafkaVersion, s.HeapBytes, s.Config, s.Security, s.AWS})
	if err != nil {
		panic(err) // Strings and numbers always marshal.
	}
	sum := sha256.Sum256(shared)
	return hex.EncodeToString(sum[:8])
}

// specText says a spec in a few words.
func specText(s compute.NodeSpec) string {
	text := fmt.Sprintf("Kafka %s on %s with a heap of %s", s.KafkaVersion, s.InstanceType, units.BytesSize(float64(s.HeapBytes)))
	if s.AWS != nil {
		text += ", image " + s.AWS.ImageID
		if s.AWS.Spot {
			text += ", spot"
		}
		sum := sha256.Sum256([]byte(fmt.Sprint(s.AWS.RootDevice, s.AWS.SecurityGroupIDs, s.AWS.InstanceProfile, s.AWS.PlacementGroup, s.AWS.UserDataExtra)))
		text += ", machine " + hex.EncodeToString(sum[:3])
	}
	if len(s.Config) > 0 {
		sum := sha256.Sum256([]byte(fmt.Sprint(s.Config)))
		text += ", static config " + hex.EncodeToString(sum[:3])
	}
	if s.Role == compute.RoleBroker && s.Security.Certificates() {
		text += ", client_auth " + string(s.Security.ClientAuth)
	}
	return text
}

// release is the X.Y of a version X.Y.Z.
func release(version string) string {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return version
	}
	return parts[0] + "." + parts[1]
}

// splitConfig separates settings that need a restart, and so a new node, from those that Kafka takes while it runs.
func splitConfig(config map[string]string) (static, dynamic map[string]string) {
	static, dynamic = map[string]string{}, map[string]string{}
	for key, value := range config {
		if kafka.DynamicBrokerSetting(key) {
			dynamic[key] = value
		} else {
			static[key] = value
		}
	}
	return static, dynamic
}

func splitKeys(keys []string) (static, dynamic []string) {
	for _, key := range keys {
		if kafka.DynamicBrokerSetting(key) {
			dynamic = append(dynamic, key)
		} else {
			static = append(static, key)
		}
	}
	return static, dynamic
}
