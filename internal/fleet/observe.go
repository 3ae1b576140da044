package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// caughtUpWithin is how far behind the active controller a voter may be and still count as caught up: Kafka's own
// controller.quorum.fetch.timeout.ms, after which a follower would give up its leader.
const caughtUpWithin = 2000

// observeWithin bounds what Kafka may take for one observation: what it does not answer in this time is not known, and asked again.
const observeWithin = 30 * time.Second

// answerWithin is how long one broker may take to say what its disks hold. Longer, and it counts as one that does not answer.
const answerWithin = 10 * time.Second

// engineSettings are broker settings that the engine itself sets; they are no part of a declared configuration.
var engineSettings = []string{"cordoned.log.dirs", "leader.replication.throttled.rate", "follower.replication.throttled.rate"}

// recent is an observation that several questions of one plan share.
type recent struct {
	at time.Time
	o  observed
}

// shareWithin is for how long an observation answers the next question of the same plan.
const shareWithin = 5 * time.Second

// observeForPlan is observe for questions that change nothing: those that come within a few seconds share one answer.
func (c *Client) observeForPlan(ctx context.Context, cluster string) (observed, error) {
	look := func() (observed, bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		last, ok := c.recent[cluster]
		return last.o, ok && c.opts.Now().Sub(last.at) < shareWithin
	}
	if o, ok := look(); ok {
		return o, nil
	}
	c.mu.Lock()
	if c.looking[cluster] == nil {
		c.looking[cluster] = make(chan struct{}, 1)
	}
	turn := c.looking[cluster]
	c.mu.Unlock()
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return observed{}, ctx.Err()
	}
	if o, ok := look(); ok {
		return o, nil // Another one has looked meanwhile.
	}
	o, err := c.observe(ctx, cluster)
	if err == nil {
		c.mu.Lock()
		c.recent[cluster] = recent{c.opts.Now(), o}
		c.mu.Unlock()
	}
	return o, err
}

// observed is an observation with the raw answers that steps are executed with.
type observed struct {
	plan.Observation
	record    compute.Cluster
	instances map[int32]compute.Instance
	brokers   map[int32]kafka.Broker
	quorum    kafka.Quorum
	throttles kafka.ThrottleState
	dirs      []kafka.LogDir
	// kafkaErr is why Kafka's answer is missing, nil when it is there or there is nobody to ask.
	kafkaErr error
}

// observe reads the cluster as it is now. Kafka being down is an observation, not an error.
func (c *Client) observe(ctx context.Context, cluster string) (observed, error) {
	o := observed{instances: map[int32]compute.Instance{}, brokers: map[int32]kafka.Broker{}}
	// Asked at the same time: each is a journey to the cloud, and a look is taken several times a second.
	var record compute.Cluster
	var instances []compute.Instance
	var catalog compute.Catalog
	var missing bool
	var group errgroup.Group
	group.SetLimit(c.opts.Calls)
	group.Go(func() (err error) {
		if record, err = c.driver.GetCluster(ctx, cluster); errors.Is(err, compute.ErrNotFound) {
			missing, err = true, nil
		}
		return err
	})
	group.Go(func() (err error) {
		instances, err = c.driver.List(ctx, cluster)
		return err
	})
	group.Go(func() (err error) {
		catalog, err = c.driver.Catalog(ctx)
		return err
	})
	err := group.Wait()
	switch {
	case missing:
		o.NextNodeID = 1
		return o, nil
	case err != nil:
		return o, err
	}
	o.record, o.NextNodeID = record, record.NextNodeID
	if record.MetadataVersion != latest && record.MetadataVersion != "" {
		o.LevelWanted, _ = kafka.MetadataLevel(record.MetadataVersion)
	}
	o.Authority = c.authorityFacts(ctx, record)
	nodes := map[int32]*plan.Node{}
	for _, i := range instances {
		o.instances[i.Spec.NodeID] = i
		n := &plan.Node{
			ID: i.Spec.NodeID, Role: i.Spec.Role, Group: i.Spec.Group, Zone: i.Spec.Zone,
			InstanceID: i.ID, State: i.State, SpecHash: i.Spec.SpecHash, SpecText: specText(i.Spec), LaunchedAt: i.LaunchedAt, Replaces: i.Spec.Replaces, Joins: i.Spec.Joins,
			DiskBytes: diskBytes(catalog.InstanceTypes[i.Spec.InstanceType]), LogDirReplicas: -1,
		}
		if n.Dead() != "" {
			n.SuspectSince = i.StateSince
		}
		n.Maintenance = i.Maintenance
		if i.Spec.AWS != nil {
			n.Subnet = i.Spec.AWS.SubnetIDs[i.Spec.Zone]
		}
		if i.Status != nil {
			n.Silent = c.opts.Now().Sub(i.Status.UpdatedAt) > catalog.Silence()
			n.CertificateEnds, n.AuthorityGeneration = i.Status.CertificateEnds, i.Status.AuthorityGeneration
			n.Uncertified = c.uncertified(ctx, i)
			n.Phase, n.Problem, n.Restarts = i.Status.Phase, i.Status.LastError, i.Status.Restarts
			n.Boot = time.Duration(i.Status.BootSeconds * float64(time.Second)).Round(10 * time.Millisecond)
		}
		nodes[n.ID] = n
	}
	if slices.ContainsFunc(instances, func(i compute.Instance) bool { return i.State == compute.StateRunning && i.Address != "" }) {
		limited, cancel := context.WithTimeout(ctx, observeWithin)
		err := c.askKafka(limited, cluster, &o, nodes)
		cancel()
		if ctx.Err() != nil {
			return o, ctx.Err()
		}
		if err != nil {
			// An answer that was begun and not finished is none: nothing is decided by half of it.
			o.kafkaErr, o.KafkaUp, o.Partitions, o.Throttled, o.Rates, o.ClusterConfig = err, false, nil, false, false, nil
		}
	}
	for _, id := range slices.Sorted(maps.Keys(nodes)) {
		o.Nodes = append(o.Nodes, *nodes[id])
	}
	c.sinceWhen(cluster, &o, c.opts.Now())
	return o, nil
}

// doubts are since when a node is given up by compute, and by Kafka; zero when it is not.
type doubts struct{ compute, kafka time.Time }

// sinceWhen notes since when each node is given up by compute or by Kafka: what compute says of its own state, what the quorum says of
// when it last followed the metadata, and at the latest since this process first saw it. Each speaks for itself: that compute was wrong about
// a node for a while says nothing of how long Kafka misses it.
func (c *Client) sinceWhen(cluster string, o *observed, now time.Time) {
	followed := map[int32]time.Time{}
	for _, v := range slices.Concat(o.quorum.Voters, o.quorum.Observers) {
		if v.CaughtUpAgoMillis > caughtUpWithin {
			followed[v.ID] = now.Add(-time.Duration(v.CaughtUpAgoMillis) * time.Millisecond)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	before, seen := c.suspects[cluster], map[int32]doubts{}
	for i := range o.Nodes {
		n := &o.Nodes[i]
		var d doubts
		byCompute, byKafka := o.GivenUp(*n)
		if byCompute {
			d.compute = earliest(now, before[n.ID].compute, n.SuspectSince)
		}
		if byKafka {
			d.kafka = earliest(now, before[n.ID].kafka, followed[n.ID])
		}
		n.SuspectSince = earliest(d.compute, d.kafka)
		if d != (doubts{}) {
			seen[n.ID] = d
		}
	}
	c.suspects[cluster] = seen
}

// earliest is the first of some moments, those left out that are zero.
func earliest(moments ...time.Time) time.Time {
	var first time.Time
	for _, t := range moments {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// diskBytes is the size of all disks of a machine.
func diskBytes(t compute.InstanceType) int64 {
	var sum int64
	for _, b := range t.DiskBytes {
		sum += b
	}
	return sum
}

// askKafka adds what Kafka says. An error means that no broker answered, or not to the end.
func (c *Client) askKafka(ctx context.Context, cluster string, o *observed, nodes map[int32]*plan.Node) error {
	k := c.engine(cluster)
	c.askQuorum(ctx, k, o, nodes)
	if !slices.ContainsFunc(slices.Collect(maps.Values(o.instances)), func(i compute.Instance) bool {
		return i.Spec.Role == compute.RoleBroker && i.State == compute.StateRunning
	}) {
		return c.askControllersOnly(ctx, k, o, nodes)
	}
	_, brokers, err := k.Brokers(ctx)
	if err != nil {
		return err
	}
	o.KafkaUp = true
	var live []int32
	for _, b := range brokers {
		o.brokers[b.ID] = b
		n := nodes[b.ID]
		if n == nil {
			n = &plan.Node{ID: b.ID, Role: compute.RoleBroker, Zone: b.Rack, LogDirReplicas: -1}
			nodes[b.ID] = n
		}
		n.Registered, n.Fenced = true, b.Fenced
		if !b.Fenced {
			live = append(live, b.ID)
		}
	}
	var topics []kafka.Topic
	var dirs []kafka.LogDir
	var group errgroup.Group
	group.SetLimit(c.opts.Calls)
	group.Go(func() (err error) {
		topics, err = k.Topics(ctx)
		return err
	})
	group.Go(func() error {
		// A broker that does not answer is in no result; its node is then not Answering, and that is what the planner goes by. One that is dead
		// stays unfenced for some seconds, and must not make the others' answers worthless.
		limited, cancel := context.WithTimeout(ctx, answerWithin)
		defer cancel()
		dirs, _ = k.LogDirs(limited, live) //nolint:errcheck // See above.
		return c.askConfigs(ctx, k, answering(live, dirs), nodes, o)
	})
	group.Go(func() error { return c.askFeatures(ctx, k, cluster, o) })
	if err := group.Wait(); err != nil {
		return err
	}
	for _, n := range nodes {
		n.MaxLevel = c.level(cluster, n.ID)
	}
	bytes := replicaBytes(dirs, nodes)
	var names []string
	for _, t := range topics {
		names = append(names, t.Name)
		for _, p := range t.Partitions {
			tp := plan.TopicPartition{Topic: t.Name, Partition: p.Partition}
			o.Partitions = append(o.Partitions, plan.Partition{
				TopicPartition: tp, Leader: p.Leader, Replicas: p.Replicas, ISR: p.ISR, Adding: p.Adding, Removing: p.Removing, Bytes: bytes[tp],
			})
		}
	}
	slices.SortFunc(o.Partitions, func(a, b plan.Partition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	o.dirs = dirs
	o.outOfISR(nodes)
	o.throttles, err = k.Throttles(ctx, answering(live, dirs), names)
	if err != nil {
		return err
	}
	o.Throttled, o.Rates = len(o.throttles.Topics) > 0, len(o.throttles.Brokers) > 0
	return nil
}

// answering are those of some brokers that said what their disks hold.
func answering(brokers []int32, dirs []kafka.LogDir) []int32 {
	var out []int32
	for _, id := range brokers {
		if slices.ContainsFunc(dirs, func(d kafka.LogDir) bool { return d.Broker == id }) {
			out = append(out, id)
		}
	}
	return out
}

// outOfISR notes which brokers have replicas and are in the ISR of none of them.
func (o *observed) outOfISR(nodes map[int32]*plan.Node) {
	has, inSync := map[int32]bool{}, map[int32]bool{}
	for _, p := range o.Partitions {
		for _, id := range p.Target() {
			has[id] = has[id] || !slices.Contains(p.Adding, id)
		}
		for _, id := range p.ISR {
			inSync[id] = true
		}
	}
	for id, n := range nodes {
		n.OutOfISR = has[id] && !inSync[id]
	}
}

// askControllersOnly is what can be known of a cluster that has no broker: the cluster-wide configuration.
func (c *Client) askControllersOnly(ctx context.Context, k Kafka, o *observed, nodes map[int32]*plan.Node) error {
	if o.Quorum == nil {
		return nil
	}
	return c.askConfigs(ctx, k, nil, nodes, o)
}

// askQuorum adds the controllers' own view. No answer leaves it nil, and then no voter is changed.
func (c *Client) askQuorum(ctx context.Context, k Kafka, o *observed, nodes map[int32]*plan.Node) {
	q, err := k.Quorum(ctx)
	if err != nil {
		return
	}
	o.quorum, o.Quorum = q, votersOf(q)
	for _, v := range q.Voters {
		if nodes[v.ID] == nil {
			nodes[v.ID] = &plan.Node{ID: v.ID, Role: compute.RoleController, LogDirReplicas: -1}
		}
	}
}

// votersOf is a quorum as the planner sees it.
func votersOf(q kafka.Quorum) *plan.Quorum {
	out := &plan.Quorum{Leader: q.Leader, Voters: map[int32]bool{}, Observers: map[int32]bool{}}
	for _, v := range q.Voters {
		out.Voters[v.ID] = v.ID == q.Leader || caughtUp(v)
	}
	for _, v := range q.Observers {
		out.Observers[v.ID] = caughtUp(v)
	}
	return out
}

func caughtUp(v kafka.Voter) bool {
	return v.Lag == 0 || v.CaughtUpAgoMillis >= 0 && v.CaughtUpAgoMillis <= caughtUpWithin
}

func (c *Client) askConfigs(ctx context.Context, k Kafka, live []int32, nodes map[int32]*plan.Node, o *observed) error {
	resources := []kafka.ConfigResource{{Kind: kafka.ResourceBroker}}
	for _, id := range live {
		resources = append(resources, brokerResource(id))
	}
	configs, err := k.DescribeConfigs(ctx, resources)
	if _, known := configs[resources[0]]; !known && err != nil {
		return err
	}
	o.ClusterConfig = dynamicOf(configs[resources[0]], kafka.SourceDynamicDefaultBroker)
	for _, id := range live {
		entries, known := configs[brokerResource(id)]
		if !known && err != nil {
			continue // It died meanwhile.
		}
		config := dynamicOf(entries, kafka.SourceDynamicBroker)
		nodes[id].Cordoned = config["cordoned.log.dirs"] != ""
		maps.DeleteFunc(config, func(key, _ string) bool { return slices.Contains(engineSettings, key) })
		nodes[id].Config = config
	}
	return nil
}

func brokerResource(id int32) kafka.ConfigResource {
	return kafka.ConfigResource{Kind: kafka.ResourceBroker, Name: strconv.Itoa(int(id))}
}

func dynamicOf(entries []kafka.ConfigEntry, source kafka.ConfigSource) map[string]string {
	out := map[string]string{}
	for _, e := range entries {
		if e.Source == source {
			out[e.Name] = e.Value
		}
	}
	return out
}

// askFeatures asks nodes that have not said yet what they can, and reads the level in force.
func (c *Client) askFeatures(ctx context.Context, k Kafka, cluster string, o *observed) error {
	// A node that does not answer is missing in the result, and what it can stays unknown.
	features, err := k.Features(ctx)
	if len(features) == 0 && err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, f := range features {
		mv, ok := f[kafka.MetadataVersionFeature]
		if !ok {
			continue
		}
		c.levels[levelKey(cluster, id)] = mv.MaxSupported
		o.MetadataLevel = max(o.MetadataLevel, mv.Finalized)
	}
	return nil
}

func (c *Client) level(cluster string, id int32) int16 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.levels[levelKey(cluster, id)]
}

func levelKey(cluster string, id int32) string { return fmt.Sprintf("%s/%d", cluster, id) }

// replicaBytes notes which brokers answered and how many replicas each holds, and returns the size of a replica by partition: the
// largest that any broker reports.
func replicaBytes(dirs []kafka.LogDir, nodes map[int32]*plan.Node) map[plan.TopicPartition]int64 {
	bytes := map[plan.TopicPartition]int64{}
	for _, dir := range dirs {
		n := nodes[dir.Broker]
		if n == nil {
			continue
		}
		if !n.Answering {
			n.Answering, n.LogDirReplicas, n.FreeBytes = true, 0, 0
		}
		if dir.Err != nil {
			n.OfflineDirs++
		}
		n.FreeBytes += max(dir.UsableBytes, 0)
		n.LogDirReplicas += len(dir.Replicas)
		for _, r := range dir.Replicas {
			tp := plan.TopicPartition{Topic: r.Topic, Partition: r.Partition}
			bytes[tp] = max(bytes[tp], r.Bytes)
		}
	}
	return bytes
}
