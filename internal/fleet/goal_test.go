package fleet

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/throttle"
)

var catalog = compute.Catalog{
	Zones: []string{"a", "b", "c"},
	InstanceTypes: map[string]compute.InstanceType{
		"small": {Name: "small", MemoryBytes: 1 << 30, Cores: 1, DiskBytes: []int64{10 << 30}},
		"large": {Name: "large", MemoryBytes: 4 << 30, Cores: 2, DiskBytes: []int64{20 << 30, 20 << 30}},
	},
}

func group(change func(*BrokerGroup)) BrokerGroup {
	b := BrokerGroup{Cluster: "c", Name: "main", Brokers: 3, InstanceType: "small", Zones: []string{"a", "b", "c"}, KafkaVersion: "4.3.1", MaxSurge: 1}
	if change != nil {
		change(&b)
	}
	return b
}

func goalOf(t *testing.T, b BrokerGroup, others int, record compute.Cluster) goal {
	t.Helper()
	g, err := b.goal(catalog, others, record)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestOnlyTheSpecReplacesNodes: what is part of a node changes the hash, and nothing else does.
func TestOnlyTheSpecReplacesNodes(t *testing.T) {
	base := goalOf(t, group(nil), 0, compute.Cluster{}).group.SpecHash
	cases := map[string]struct {
		change  func(*BrokerGroup)
		others  int
		replace bool
	}{
		"version":            {func(b *BrokerGroup) { b.KafkaVersion = "4.2.1" }, 0, true},
		"instance type":      {func(b *BrokerGroup) { b.InstanceType = "large" }, 0, true},
		"heap":               {func(b *BrokerGroup) { b.HeapBytes = 512 << 20 }, 0, true},
		"static setting":     {func(b *BrokerGroup) { b.Config = map[string]string{"queued.max.requests": "600"} }, 0, true},
		"unknown setting":    {func(b *BrokerGroup) { b.Config = map[string]string{"some.plugin.setting": "1"} }, 0, true},
		"dynamic setting":    {func(b *BrokerGroup) { b.Config = map[string]string{"num.io.threads": "9"} }, 0, false},
		"more brokers":       {func(b *BrokerGroup) { b.Brokers = 6 }, 0, false},
		"other zones":        {func(b *BrokerGroup) { b.Zones = []string{"b", "c"} }, 0, false},
		"another group came": {nil, 3, false},
		"other throttle":     {func(b *BrokerGroup) { b.Throttle = throttle.Fixed(7) }, 0, false},
		"other balance":      {func(b *BrokerGroup) { b.NotOnScaleOut, b.RebalanceThreshold = true, 1.2 }, 0, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if replaced := goalOf(t, group(c.change), c.others, compute.Cluster{}).group.SpecHash != base; replaced != c.replace {
				t.Errorf("replaced: %t, want %t", replaced, c.replace)
			}
		})
	}
}

// TestBalanceIsPartOfTheGoal: what the user says of rebalancing reaches the planner, and by default new brokers get their part.
func TestBalanceIsPartOfTheGoal(t *testing.T) {
	if got := goalOf(t, group(nil), 0, compute.Cluster{}).group.Rebalance; got != (plan.Rebalance{}) {
		t.Errorf("by default: %+v", got)
	}
	got := goalOf(t, group(func(b *BrokerGroup) { b.NotOnScaleOut, b.RebalanceThreshold = true, 1.2 }), 0, compute.Cluster{}).group.Rebalance
	if want := (plan.Rebalance{NotOnScaleOut: true, Threshold: 1.2}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestSafeReplication(t *testing.T) {
	for brokers, want := range map[int][2]int{0: {1, 1}, 1: {1, 1}, 2: {2, 1}, 3: {3, 2}, 30: {3, 2}} {
		if rf, isr := SafeReplication(brokers); rf != want[0] || isr != want[1] {
			t.Errorf("%d brokers: replication factor %d and min ISR %d, want %v", brokers, rf, isr, want)
		}
	}
}

// TestMinISR: the provider sets it by all brokers of the cluster, unless the user did.
func TestMinISR(t *testing.T) {
	one := func(b *BrokerGroup) { b.Brokers = 1 }
	if got := goalOf(t, group(one), 0, compute.Cluster{}).group.ClusterConfig[minISR]; got != "1" {
		t.Errorf("one broker alone: %q", got)
	}
	if got := goalOf(t, group(one), 3, compute.Cluster{}).group.ClusterConfig[minISR]; got != "2" {
		t.Errorf("one broker beside three others: %q", got)
	}
	if got, set := goalOf(t, group(nil), 0, compute.Cluster{MinISRDeclared: true}).group.ClusterConfig[minISR]; set {
		t.Errorf("the user's choice is overruled by %q", got)
	}
	removed, err := Cluster{Name: "c", KafkaVersion: "4.3.1", InstanceType: "small", Controllers: 3, ConfigRemoved: []string{minISR}}.goal(catalog)
	if err != nil || removed.group.ClusterConfig[minISR] != "2" {
		t.Errorf("a removed min ISR cannot be deleted under ELR, so it is set to the safe value: %v, %v", removed.group.ClusterConfig, err)
	}
}

// TestControllersWriteSoon: whoever changes metadata waits for it.
func TestControllersWriteSoon(t *testing.T) {
	g, err := Cluster{Name: "c", KafkaVersion: "4.3.1", InstanceType: "small", Controllers: 3}.goal(catalog)
	if err != nil || g.spec.Config["controller.quorum.append.linger.ms"] != "5" || g.spec.Config["auto.create.topics.enable"] != "false" {
		t.Errorf("%v, %v", g.spec.Config, err)
	}
}

func TestSplitConfig(t *testing.T) {
	static, dynamic := splitConfig(map[string]string{"num.io.threads": "9", "queued.max.requests": "600", "log.retention.ms": "1"})
	if diff := cmp.Diff([]map[string]string{{"queued.max.requests": "600"}, {"num.io.threads": "9", "log.retention.ms": "1"}}, []map[string]string{static, dynamic}); diff != "" {
		t.Error(diff)
	}
}

func TestUnknownInstanceTypeNamesTheOthers(t *testing.T) {
	_, err := group(func(b *BrokerGroup) { b.InstanceType = "huge" }).goal(catalog, 0, compute.Cluster{})
	if err == nil || !strings.Contains(err.Error(), "large, small") {
		t.Errorf("%v", err)
	}
}

func TestClusterIDs(t *testing.T) {
	seen := map[string]bool{}
	for range 200 {
		id := newClusterID()
		if len(id) != 22 || strings.HasPrefix(id, "-") || seen[id] {
			t.Fatalf("%q is no cluster id, or came before", id)
		}
		seen[id] = true
	}
}

// TestOnlyTheMachineReplacesInstances: what a launch may choose from is no part of what was launched.
func TestOnlyTheMachineReplacesInstances(t *testing.T) {
	machine := func(change func(*compute.AWSMachine)) func(*BrokerGroup) {
		return func(b *BrokerGroup) {
			b.AWS = &compute.AWSMachine{ImageID: "ami-1", SubnetIDs: map[string]string{"a": "subnet-a"}}
			change(b.AWS)
		}
	}
	base := goalOf(t, group(machine(func(*compute.AWSMachine) {})), 0, compute.Cluster{}).group
	for name, c := range map[string]struct {
		change  func(*compute.AWSMachine)
		replace bool
	}{
		"image":           {func(m *compute.AWSMachine) { m.ImageID = "ami-2" }, true},
		"spot":            {func(m *compute.AWSMachine) { m.Spot = true }, true},
		"security groups": {func(m *compute.AWSMachine) { m.SecurityGroupIDs = []string{"sg-1"} }, true},
		"user data":       {func(m *compute.AWSMachine) { m.UserDataExtra = "true" }, true},
		"another type":    {func(m *compute.AWSMachine) { m.FallbackInstanceTypes = []string{"large"} }, false},
		"a subnet":        {func(m *compute.AWSMachine) { m.SubnetIDs["b"] = "subnet-b" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			got := goalOf(t, group(machine(c.change)), 0, compute.Cluster{}).group
			if replaced := got.SpecHash != base.SpecHash; replaced != c.replace || replaced && got.SpecText == base.SpecText {
				t.Errorf("replaced: %t, want %t; %q and %q", replaced, c.replace, base.SpecText, got.SpecText)
			}
		})
	}
	// A node is where its own zone's subnet is.
	n := plan.Node{InstanceID: "i", State: compute.StateRunning, Zone: "a", Subnet: "subnet-0", SpecHash: base.SpecHash, Role: compute.RoleBroker, Registered: true, Answering: true, Phase: compute.PhaseRunning}
	if c := base.Judge(n, plan.Observation{KafkaUp: true}, time.Now()); c.Cause != plan.CauseWrongSpec {
		t.Errorf("in another subnet: %+v", c)
	}
	n.Subnet = "subnet-a"
	if c := base.Judge(n, plan.Observation{KafkaUp: true}, time.Now()); c.Cause != "" {
		t.Errorf("in its subnet: %+v", c)
	}
}
