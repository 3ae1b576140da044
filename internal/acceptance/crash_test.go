//go:build crash

package acceptance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute/local"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/throttle"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafkadist"
)

// crash is a moment at which a run is killed: right before a call that has this effect, right after it, or, of a move, while it lasts.
type crash struct {
	When   string `json:"crash"`
	Effect string `json:"effect"`
	// Resumed says that an engine that knew nothing of the killed one has brought the rollout to its end.
	Resumed bool `json:"resumed"`
}

// The crashes of the replacement of a broker and of a controller, each in the order in which their moments come. Right before a Launch and
// right before a Terminate the fleet is as right after the effect before them.
var (
	brokerCrashes = []crash{
		{When: "after", Effect: "Launch"}, {When: "after", Effect: "Cordon"},
		{When: "after", Effect: "SetThrottle"}, {When: "after", Effect: "Reassign"}, {When: "during", Effect: "Move"}, {When: "before", Effect: "ClearThrottle"},
		{When: "after", Effect: "Stop"}, {When: "before", Effect: "Unregister"}, {When: "after", Effect: "Unregister"}, {When: "after", Effect: "Terminate"},
	}
	controllerCrashes = []crash{{When: "after", Effect: "AddVoter"}, {When: "after", Effect: "RemoveVoter"}}
)

// TestCrashAtChosenEffects kills the engine at twelve moments of two rollouts, on real Kafka and under load. Each time a fresh engine goes on,
// which is killed at the next moment, and the last one comes to the end. The model has the same for all effects.
func TestCrashAtChosenEffects(t *testing.T) {
	w := newWorkspace(t)
	controllers := fleet.Cluster{
		Security: compute.Security{Plaintext: true},
		Name:     cluster, KafkaVersion: "4.3.1", Zones: []string{"local-a", "local-b", "local-c"}, Controllers: 3, InstanceType: "local.small", MetadataVersion: "latest",
	}
	brokers := fleet.BrokerGroup{
		Cluster: cluster, Name: "main", Brokers: 3, InstanceType: "local.small", KafkaVersion: "4.3.1", MaxSurge: 1,
		Throttle: throttle.Fixed(8 << 20), // So that a move lasts some seconds.
	}
	applyControllers := func(ctx context.Context, c *fleet.Client) error {
		_, _, err := c.ApplyCluster(ctx, controllers)
		return err
	}
	applyBrokers := func(ctx context.Context, c *fleet.Client) error {
		_, err := c.ApplyGroup(ctx, brokers)
		return err
	}
	total := 0

	w.chapter("create", func() {
		w.resume(applyControllers)
		w.resume(applyBrokers)
		if err := w.client().CreateTopic(context.Background(), kafka.NewTopic{Name: "load", Partitions: 6, ReplicationFactor: 3}, false); err != nil {
			w.t.Fatal(err)
		}
		if err := w.client().AwaitTopic(context.Background(), "load", 6); err != nil {
			w.t.Fatal(err)
		}
		w.fill("load", 24<<20)
		w.healthy()
	})

	w.chapter("brokers", func() {
		brokers.Config = map[string]string{"queued.max.requests": "600"}
		before := w.nodes(compute.RoleBroker)
		w.underLoad(func() { w.crashing(brokerCrashes, applyBrokers) })
		w.fresh(compute.RoleBroker, before)
		w.specs(compute.RoleBroker, 3, func(s compute.NodeSpec) bool { return s.Config["queued.max.requests"] == "600" })
		w.spent(6, 3)
		w.atRest()
		total += w.resumed(brokerCrashes)
	})

	w.chapter("controllers", func() {
		controllers.InstanceType = "local.medium"
		before := w.nodes(compute.RoleController)
		w.underLoad(func() { w.crashing(controllerCrashes, applyControllers) })
		w.fresh(compute.RoleController, before)
		w.specs(compute.RoleController, 3, func(s compute.NodeSpec) bool { return s.InstanceType == "local.medium" })
		w.spent(9, 3)
		w.atRest()
		total += w.resumed(controllerCrashes)
	})

	for _, apply := range []func(context.Context, *fleet.Client) error{applyControllers, applyBrokers} {
		if effects := w.resume(apply); len(effects) > 0 {
			t.Errorf("the fleet is as declared, and another run did %v", effects)
		}
	}
	fmt.Printf("%d of %d\n", total, len(brokerCrashes)+len(controllerCrashes))
}

// crashing applies until a crash kills the run, and again until the next does, and then to the end.
func (w *workspace) crashing(crashes []crash, apply func(context.Context, *fleet.Client) error) {
	w.t.Helper()
	for _, c := range crashes {
		e := w.engine(c)
		err := apply(e.life, e.fleet)
		e.close()
		if !e.killed {
			w.t.Fatalf("the run ended (%v) without coming to the moment %s %s; it did %v", err, c.When, c.Effect, e.effects)
		}
		w.t.Logf("killed %s %s, having done %v", c.When, c.Effect, e.effects)
	}
	w.resume(apply)
}

// resume applies with a fresh engine that nothing kills, and returns the effects that it had.
func (w *workspace) resume(apply func(context.Context, *fleet.Client) error) []string {
	w.t.Helper()
	e := w.engine(crash{})
	defer e.close()
	if err := apply(e.life, e.fleet); err != nil {
		w.t.Fatalf("%v; it did %v", err, e.effects)
	}
	return e.effects
}

// resumed prints the crashes of a rollout that came to its end, and counts them.
func (w *workspace) resumed(crashes []crash) int {
	w.t.Helper()
	if w.t.Failed() {
		return 0
	}
	for _, c := range crashes {
		c.Resumed = true
		line, err := json.Marshal(c)
		if err != nil {
			w.t.Fatal(err)
		}
		fmt.Printf("%s\n", line)
	}
	return len(crashes)
}

// spent asserts how many node ids were ever given out, by how many there were before: a node that was launched twice would show.
func (w *workspace) spent(before, more int32) {
	w.t.Helper()
	record, err := w.driver.GetCluster(context.Background(), cluster)
	if err != nil {
		w.t.Fatal(err)
	}
	if got := record.NextNodeID - 1 - before; got != more {
		w.t.Errorf("%d nodes were launched, want %d", got, more)
	}
}

// atRest asserts that nothing of a rollout is left in Kafka, and no process of a node that is none.
func (w *workspace) atRest() {
	w.t.Helper()
	ctx, client := context.Background(), w.client()
	w.healthy()
	if left := w.throttles(); len(left) > 0 {
		w.t.Errorf("throttles are left: %v", left)
	}
	_, registered, err := client.Brokers(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	var ids, voters []int32
	var resources []kafka.ConfigResource
	for _, b := range registered {
		ids = append(ids, b.ID)
		resources = append(resources, kafka.ConfigResource{Kind: kafka.ResourceBroker, Name: fmt.Sprint(b.ID)})
	}
	if slices.Sort(ids); !slices.Equal(ids, w.nodes(compute.RoleBroker)) {
		w.t.Errorf("the brokers %v are registered, and there are %v", ids, w.nodes(compute.RoleBroker))
	}
	settings, err := client.DescribeConfigs(ctx, resources)
	if err != nil {
		w.t.Fatal(err)
	}
	for r, entries := range settings {
		for _, e := range entries {
			if e.Name == "cordoned.log.dirs" && e.Source == kafka.SourceDynamicBroker {
				w.t.Errorf("%s is cordoned", r)
			}
		}
	}
	quorum, err := client.Quorum(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, v := range quorum.Voters {
		voters = append(voters, v.ID)
	}
	if slices.Sort(voters); !slices.Equal(voters, w.nodes(compute.RoleController)) {
		w.t.Errorf("the controllers %v vote, and there are %v", voters, w.nodes(compute.RoleController))
	}
	for _, p := range processesIn(w.root) {
		if !slices.ContainsFunc(w.instances(), func(i compute.Instance) bool {
			return strings.Contains(p, filepath.Join(w.root, cluster, "nodes", fmt.Sprint(i.Spec.NodeID))+"/")
		}) {
			w.t.Errorf("this process is of no node: %s", p)
		}
	}
}

// engine is the real engine in this process, on real nodes and real Kafka. It knows nothing of the engines before it, and stops at its crash
// as a process that is killed does: it has no further effect, not even one of cleaning up.
type engine struct {
	fleet *fleet.Client
	// life ends with the crash.
	life  context.Context
	end   context.CancelFunc
	kafka *kafka.Client
	at    crash

	mu      sync.Mutex
	killed  bool
	effects []string
}

var errKilled = errors.New("the run was killed")

func (w *workspace) engine(at crash) *engine {
	w.t.Helper()
	home, binary := needed(w.t, "KAFKAFLEET_KAFKA_HOME"), needed(w.t, "KAFKAFLEET_AGENT")
	driver, err := local.New(local.Config{Root: w.root, Agent: binary, Kafka: kafkadist.Source{Home: home}})
	if err != nil {
		w.t.Fatal(err)
	}
	e := &engine{at: at}
	e.life, e.end = context.WithTimeout(context.Background(), 5*time.Minute)
	addresses := func(role compute.Role) func(context.Context) ([]string, error) {
		return func(ctx context.Context) ([]string, error) {
			instances, err := driver.List(ctx, cluster)
			var out []string
			for _, i := range instances {
				if i.Spec.Role == role && i.State == compute.StateRunning && i.Address != "" {
					out = append(out, i.Address)
				}
			}
			return out, err
		}
	}
	e.kafka = kafka.New(kafka.Config{Bootstrap: addresses(compute.RoleBroker), Controllers: addresses(compute.RoleController)})
	cut := cutKafka{e.kafka, e}
	e.fleet = fleet.New(cutDriver{driver, e}, fleet.Options{Kafka: func(string) fleet.Kafka { return cut }, Poll: 250 * time.Millisecond})
	return e
}

func (e *engine) close() {
	e.end()
	_, _ = e.kafka.Close(), e.fleet.Close()
}

// kill ends the run. mu must be held.
func (e *engine) kill() error {
	e.killed = true
	e.end()
	return errKilled
}

// effect makes a call that changes something, unless the run is killed before it. One that fails has had no effect that is looked for.
func (e *engine) effect(name string, call func() error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.killed {
		return errKilled
	}
	if e.at.When == "before" && e.at.Effect == name {
		return e.kill()
	}
	if err := call(); err != nil {
		return err
	}
	e.effects = append(e.effects, name)
	if e.at.When == "after" && e.at.Effect == name {
		return e.kill()
	}
	return nil
}

// cutDriver is a driver whose changes are effects of an engine.
type cutDriver struct {
	compute.Driver
	engine *engine
}

func (d cutDriver) PutCluster(ctx context.Context, c compute.Cluster) error {
	old, err := d.GetCluster(ctx, c.Name)
	c.NextNodeID = old.NextNodeID
	if err == nil && cmp.Equal(c, old) {
		return nil // A record that stays what it is is no effect.
	}
	return d.engine.effect("PutCluster", func() error { return d.Driver.PutCluster(ctx, c) })
}

func (d cutDriver) Launch(ctx context.Context, spec compute.NodeSpec) (i compute.Instance, err error) {
	err = d.engine.effect("Launch", func() error {
		i, err = d.Driver.Launch(ctx, spec)
		return err
	})
	return i, err
}

func (d cutDriver) Stop(ctx context.Context, id string) error {
	return d.engine.effect("Stop", func() error { return d.Driver.Stop(ctx, id) })
}

func (d cutDriver) Terminate(ctx context.Context, id string) error {
	return d.engine.effect("Terminate", func() error { return d.Driver.Terminate(ctx, id) })
}

// cutKafka is a Kafka whose changes are effects of an engine.
type cutKafka struct {
	fleet.Kafka
	engine *engine
}

// Topics is where a move is seen to be under way.
func (k cutKafka) Topics(ctx context.Context) ([]kafka.Topic, error) {
	topics, err := k.Kafka.Topics(ctx)
	moving := func(t kafka.Topic) bool {
		return slices.ContainsFunc(t.Partitions, func(p kafka.Partition) bool { return len(p.Adding) > 0 })
	}
	if k.engine.at.When == "during" && k.engine.at.Effect == "Move" && slices.ContainsFunc(topics, moving) {
		k.engine.mu.Lock()
		defer k.engine.mu.Unlock()
		return nil, k.engine.kill()
	}
	return topics, err
}

func (k cutKafka) AlterConfigs(ctx context.Context, changes map[kafka.ConfigResource][]kafka.ConfigChange, validateOnly bool) error {
	name := "AlterConfigs"
	for _, list := range changes {
		for _, c := range list {
			if c.Name == "cordoned.log.dirs" && c.Value != nil {
				name = "Cordon"
			}
		}
	}
	return k.engine.effect(name, func() error { return k.Kafka.AlterConfigs(ctx, changes, validateOnly) })
}

func (k cutKafka) Reassign(ctx context.Context, list []kafka.Reassignment, allowRFChange bool) error {
	return k.engine.effect("Reassign", func() error { return k.Kafka.Reassign(ctx, list, allowRFChange) })
}

func (k cutKafka) ElectPreferred(ctx context.Context, partitions []kafka.TopicPartition) error {
	return k.engine.effect("ElectPreferred", func() error { return k.Kafka.ElectPreferred(ctx, partitions) })
}

func (k cutKafka) SetThrottle(ctx context.Context, rates map[int32]kafka.BrokerThrottle, leader, follower map[kafka.TopicPartition][]int32) error {
	name := "SetThrottle"
	if len(follower) == 0 {
		name = "AdjustThrottle" // Of a move that is under way.
	}
	return k.engine.effect(name, func() error { return k.Kafka.SetThrottle(ctx, rates, leader, follower) })
}

func (k cutKafka) ClearThrottle(ctx context.Context, state kafka.ThrottleState) error {
	return k.engine.effect("ClearThrottle", func() error { return k.Kafka.ClearThrottle(ctx, state) })
}

func (k cutKafka) ForgetThrottle(ctx context.Context, brokers []int32) error {
	return k.engine.effect("ForgetThrottle", func() error { return k.Kafka.ForgetThrottle(ctx, brokers) })
}

func (k cutKafka) AddVoter(ctx context.Context, clusterID string, v kafka.Voter, listener, address string) error {
	return k.engine.effect("AddVoter", func() error { return k.Kafka.AddVoter(ctx, clusterID, v, listener, address) })
}

func (k cutKafka) RemoveVoter(ctx context.Context, clusterID string, v kafka.Voter) error {
	return k.engine.effect("RemoveVoter", func() error { return k.Kafka.RemoveVoter(ctx, clusterID, v) })
}

func (k cutKafka) UnregisterBroker(ctx context.Context, id int32) error {
	return k.engine.effect("Unregister", func() error { return k.Kafka.UnregisterBroker(ctx, id) })
}

func (k cutKafka) RetireController(ctx context.Context, id int32, features map[string]kafka.Feature, listener string) error {
	return k.engine.effect("RetireController", func() error { return k.Kafka.RetireController(ctx, id, features, listener) })
}

func (k cutKafka) FinalizeFeature(ctx context.Context, name string, level int16) error {
	return k.engine.effect("FinalizeFeature", func() error { return k.Kafka.FinalizeFeature(ctx, name, level) })
}

func (k cutKafka) DeleteTopic(ctx context.Context, name string) error {
	return k.engine.effect("DeleteTopic", func() error { return k.Kafka.DeleteTopic(ctx, name) })
}
