package fleet

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// countingDriver counts observations.
type countingDriver struct {
	fakeDriver
	observations int
}

func (d *countingDriver) List(ctx context.Context, cluster string) ([]compute.Instance, error) {
	d.observations++
	return d.fakeDriver.List(ctx, cluster)
}

// TestBlockedHasToLast: what one observation calls a dead end, the next may show to have been a broker that was behind.
func TestBlockedHasToLast(t *testing.T) {
	spec := goalOf(t, group(nil), 0, compute.Cluster{}).spec
	spec.NodeID, spec.Zone = 4, "a"
	driver := &countingDriver{fakeDriver: fakeDriver{record: compute.Cluster{Name: "c", ID: "x", NextNodeID: 5, Zones: []string{"a", "b", "c"}}}}
	driver.instances = []compute.Instance{{
		ID: "four", Spec: spec, State: compute.StateRunning, LaunchedAt: time.Now().Add(time.Hour),
		Status: &compute.NodeStatus{Phase: compute.PhaseFailed, LastError: "no Java"},
	}}
	client := New(driver, Options{Poll: time.Millisecond})
	_, err := client.converge(t.Context(), "c", client.groupGoal(t.Context(), group(nil)))
	if err == nil || !strings.Contains(err.Error(), "no Java") {
		t.Errorf("%v", err)
	}
	if driver.observations != maxBlocked+1 {
		t.Errorf("it stopped after %d observations, want %d", driver.observations, maxBlocked+1)
	}
}

// movedKafka is a cluster of three brokers in which a partition moves to broker 3 under a throttle of ours. Each question for the topics is
// answered by the next of the views, the last one for ever.
type movedKafka struct {
	Kafka
	views []kafka.Partition
	asked int
	swept bool
}

func (*movedKafka) Quorum(context.Context) (kafka.Quorum, error) {
	return kafka.Quorum{}, errors.New("not asked here")
}

func (*movedKafka) Brokers(context.Context) (string, []kafka.Broker, error) {
	return "x", []kafka.Broker{{ID: 1}, {ID: 2}, {ID: 3}}, nil
}

func (k *movedKafka) Topics(context.Context) ([]kafka.Topic, error) {
	view := k.views[min(k.asked, len(k.views)-1)]
	k.asked++
	return []kafka.Topic{{Name: "t", Partitions: []kafka.Partition{view}}}, nil
}

func (*movedKafka) LogDirs(_ context.Context, brokers []int32) ([]kafka.LogDir, error) {
	var dirs []kafka.LogDir
	for _, id := range brokers {
		dirs = append(dirs, kafka.LogDir{Broker: id, Replicas: []kafka.Replica{{Broker: id, Topic: "t", Bytes: 1000}}})
	}
	return dirs, nil
}

func (*movedKafka) DescribeConfigs(context.Context, []kafka.ConfigResource) (map[kafka.ConfigResource][]kafka.ConfigEntry, error) {
	minimum := []kafka.ConfigEntry{{Name: minISR, Value: "2", Source: kafka.SourceDynamicDefaultBroker}}
	return map[kafka.ConfigResource][]kafka.ConfigEntry{{Kind: kafka.ResourceBroker}: minimum}, nil
}

func (*movedKafka) Features(context.Context) (map[int32]map[string]kafka.Feature, error) {
	return map[int32]map[string]kafka.Feature{}, nil
}

func (k *movedKafka) Throttles(context.Context, []int32, []string) (kafka.ThrottleState, error) {
	if k.swept {
		return kafka.ThrottleState{}, nil
	}
	return kafka.ThrottleState{Topics: map[string]kafka.TopicThrottle{"t": {Leader: map[int32][]int32{0: {1}}}}}, nil
}

func (k *movedKafka) ClearThrottle(context.Context, kafka.ThrottleState) error {
	k.swept = true
	return nil
}

func (*movedKafka) SetThrottle(context.Context, map[int32]kafka.BrokerThrottle, map[kafka.TopicPartition][]int32, map[kafka.TopicPartition][]int32) error {
	return nil
}

// TestARolloutIsDoneWhenWhatItMovedIsSeenInSync, and not when a broker whose metadata is a moment old shows nothing to do. It does not wait for
// ever either: somebody may have taken the replica away again.
func TestARolloutIsDoneWhenWhatItMovedIsSeenInSync(t *testing.T) {
	moving := kafka.Partition{Topic: "t", Leader: 1, Replicas: []int32{1, 2, 3}, ISR: []int32{1, 2}, Adding: []int32{3}}
	behind, done := moving, moving
	behind.Adding, done.Adding, done.ISR = nil, nil, []int32{1, 2, 3}
	for name, c := range map[string]struct {
		views       []kafka.Partition
		bytes       int64
		least, most int
	}{
		"seen in sync":       {[]kafka.Partition{moving, behind, behind, behind, behind, done}, 1000, 6, 8},
		"never seen in sync": {[]kafka.Partition{moving, behind}, 0, maxBlocked, maxBlocked + 5},
	} {
		t.Run(name, func(t *testing.T) {
			spec := goalOf(t, group(nil), 0, compute.Cluster{}).spec
			driver := &leasedDriver{fakeDriver: fakeDriver{record: compute.Cluster{Name: "c", ID: "x", NextNodeID: 4, Zones: []string{"a", "b", "c"}}}}
			for id := range int32(3) {
				spec.NodeID, spec.Zone = id+1, []string{"a", "b", "c"}[id]
				driver.instances = append(driver.instances, compute.Instance{
					ID: spec.Zone, Spec: spec, State: compute.StateRunning, Address: "x", LaunchedAt: time.Now().Add(-time.Hour),
					Status: &compute.NodeStatus{Phase: compute.PhaseRunning, BootSeconds: 5, UpdatedAt: time.Now(), CertificateEnds: time.Now().Add(time.Hour)},
				})
			}
			k := &movedKafka{views: c.views}
			client := New(driver, Options{Poll: time.Millisecond, Kafka: func(string) Kafka { return k }})
			unlock, err := client.lock(t.Context(), "c")
			if err != nil {
				t.Fatal(err)
			}
			defer unlock()
			result, err := client.converge(t.Context(), "c", client.groupGoal(t.Context(), group(nil)))
			if err != nil || result.BytesMoved != c.bytes {
				t.Errorf("%d bytes moved, want %d: %v", result.BytesMoved, c.bytes, err)
			}
			if k.asked < c.least || k.asked > c.most {
				t.Errorf("it ended after %d looks, want %d to %d", k.asked, c.least, c.most)
			}
		})
	}
}

// TestARunWithoutItsLeaseEnds: one that only waits has no effect to ask for, and adjusts the throttles of what it waits for all the same.
func TestARunWithoutItsLeaseEnds(t *testing.T) {
	spec := goalOf(t, group(nil), 0, compute.Cluster{}).spec
	driver := &fakeDriver{record: compute.Cluster{Name: "c", ID: "x", NextNodeID: 4, Zones: []string{"a", "b", "c"}}}
	for id := range int32(3) {
		spec.NodeID, spec.Zone = id+1, []string{"a", "b", "c"}[id]
		driver.instances = append(driver.instances, compute.Instance{ID: spec.Zone, Spec: spec, State: compute.StatePending, LaunchedAt: time.Now()})
	}
	client := New(driver, Options{Poll: time.Millisecond})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := client.converge(ctx, "c", client.groupGoal(ctx, group(nil))); !errors.Is(err, compute.ErrLeaseLost) {
		t.Errorf("%v", err)
	}
}

// dyingKafka is a cluster of three brokers of which one is dead and not fenced yet: what only that one could say is an error.
type dyingKafka struct{ movedKafka }

func (k *dyingKafka) LogDirs(ctx context.Context, brokers []int32) ([]kafka.LogDir, error) {
	dirs, _ := k.movedKafka.LogDirs(ctx, slices.DeleteFunc(slices.Clone(brokers), func(id int32) bool { return id == 2 })) //nolint:errcheck // It has none.
	return dirs, errors.New("broker 2 does not answer")
}

func (k *dyingKafka) DescribeConfigs(ctx context.Context, resources []kafka.ConfigResource) (map[kafka.ConfigResource][]kafka.ConfigEntry, error) {
	found, err := k.movedKafka.DescribeConfigs(ctx, resources)
	if slices.Contains(resources, brokerResource(2)) {
		err = errors.New("broker 2 does not answer")
	}
	return found, err
}

func (k *dyingKafka) Throttles(ctx context.Context, brokers []int32, topics []string) (kafka.ThrottleState, error) {
	if slices.Contains(brokers, int32(2)) {
		return kafka.ThrottleState{}, errors.New("broker 2 does not answer")
	}
	return k.movedKafka.Throttles(ctx, brokers, topics)
}

// TestADeadBrokerDoesNotSilenceTheOthers until Kafka fences it.
func TestADeadBrokerDoesNotSilenceTheOthers(t *testing.T) {
	driver := &fakeDriver{record: compute.Cluster{Name: "c", ID: "x", NextNodeID: 4}}
	for id := range int32(3) {
		driver.instances = append(driver.instances, compute.Instance{
			Spec: compute.NodeSpec{NodeID: id + 1, Role: compute.RoleBroker, Group: "main", InstanceType: "small"}, State: compute.StateRunning, Address: "x",
		})
	}
	k := &dyingKafka{movedKafka{views: []kafka.Partition{{Topic: "t", Leader: 1, Replicas: []int32{1, 2, 3}, ISR: []int32{1, 2, 3}}}}}
	o, err := New(driver, Options{Kafka: func(string) Kafka { return k }}).observe(t.Context(), "c")
	if err != nil || o.kafkaErr != nil || !o.KafkaUp || len(o.Partitions) != 1 || o.ClusterConfig == nil || !o.Throttled {
		t.Errorf("%v, %v: %+v", err, o.kafkaErr, o.Observation)
	}
	for i, answers := range []bool{true, false, true} {
		if o.Nodes[i].Answering != answers {
			t.Errorf("broker %d answers: %t", i+1, o.Nodes[i].Answering)
		}
	}
}
