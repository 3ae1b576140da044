package fleet

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// watchedKafka is a movedKafka whose quorum answers, and that counts observations.
type watchedKafka struct {
	movedKafka
	quorum       kafka.Quorum
	brokers      []kafka.Broker
	observations int
	err          error
}

func (k *watchedKafka) Quorum(context.Context) (kafka.Quorum, error) { return k.quorum, k.err }

func (k *watchedKafka) Brokers(context.Context) (string, []kafka.Broker, error) {
	return "x", k.brokers, k.err
}

func (k *watchedKafka) LogDirs(ctx context.Context, brokers []int32) ([]kafka.LogDir, error) {
	k.observations++
	return k.movedKafka.LogDirs(ctx, brokers)
}

func watched(t *testing.T, views ...kafka.Partition) (*watchedKafka, *leasedDriver, *Client) {
	t.Helper()
	spec := goalOf(t, group(nil), 0, compute.Cluster{}).spec
	driver := &leasedDriver{fakeDriver: fakeDriver{record: compute.Cluster{Name: "c", ID: "x", NextNodeID: 4, Zones: []string{"a", "b", "c"}}}}
	k := &watchedKafka{movedKafka: movedKafka{views: views}, quorum: kafka.Quorum{Leader: 9, Voters: []kafka.Voter{{ID: 9}, {ID: 8}}}}
	for id := range int32(3) {
		spec.NodeID, spec.Zone = id+1, []string{"a", "b", "c"}[id]
		driver.instances = append(driver.instances, compute.Instance{
			ID: spec.Zone, Spec: spec, State: compute.StateRunning, Address: "x", LaunchedAt: time.Now().Add(-time.Hour),
			Status: &compute.NodeStatus{Phase: compute.PhaseRunning, BootSeconds: 5, UpdatedAt: time.Now(), CertificateEnds: time.Now().Add(time.Hour)},
		})
		k.brokers = append(k.brokers, kafka.Broker{ID: id + 1})
	}
	return k, driver, New(driver, Options{Poll: time.Millisecond, Kafka: func(string) Kafka { return k }})
}

// TestARunThatWaitsGlances, and asks each broker what there is to know of it only when something has changed.
func TestARunThatWaitsGlances(t *testing.T) {
	const looks = 100
	moving := kafka.Partition{Topic: "t", Leader: 1, Replicas: []int32{1, 2, 3}, ISR: []int32{1, 2}, Adding: []int32{3}}
	done := moving
	done.Adding, done.ISR = nil, []int32{1, 2, 3}
	var views []kafka.Partition
	for range looks {
		views = append(views, moving)
	}
	k, _, client := watched(t, append(views, done)...)
	unlock, err := client.lock(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	result, err := client.converge(t.Context(), "c", client.groupGoal(t.Context(), group(nil)))
	if err != nil || result.BytesMoved != 1000 {
		t.Errorf("%d bytes moved: %v", result.BytesMoved, err)
	}
	if k.observations > 6 || k.asked < looks {
		t.Errorf("%d observations and %d looks", k.observations, k.asked)
	}
}

// TestWhatIsSeenAtAGlance: everything that says how far a node or a partition is, and whoever does not answer is not taken to be as before.
func TestWhatIsSeenAtAGlance(t *testing.T) {
	still := kafka.Partition{Topic: "t", Leader: 1, Replicas: []int32{1, 2, 3}, ISR: []int32{1, 2, 3}}
	for name, change := range map[string]func(*watchedKafka, *leasedDriver){
		"":                    func(*watchedKafka, *leasedDriver) {},
		"in another order":    func(k *watchedKafka, _ *leasedDriver) { k.views[0].ISR = []int32{3, 1, 2} },
		"a state":             func(_ *watchedKafka, d *leasedDriver) { d.instances[1].State = compute.StatePending },
		"a phase":             func(_ *watchedKafka, d *leasedDriver) { d.instances[1].Status.Phase = compute.PhaseFailed },
		"a restart":           func(_ *watchedKafka, d *leasedDriver) { d.instances[1].Status.Restarts++ },
		"a node that is gone": func(_ *watchedKafka, d *leasedDriver) { d.instances = d.instances[1:] },
		"a fenced broker":     func(k *watchedKafka, _ *leasedDriver) { k.brokers[2].Fenced = true },
		"another broker":      func(k *watchedKafka, _ *leasedDriver) { k.brokers[2].ID = 7 },
		"a voter that lags": func(k *watchedKafka, _ *leasedDriver) {
			k.quorum.Voters[1].Lag, k.quorum.Voters[1].CaughtUpAgoMillis = 9, -1
		},
		"another controller leads":    func(k *watchedKafka, _ *leasedDriver) { k.quorum.Leader = 8 },
		"a leader":                    func(k *watchedKafka, _ *leasedDriver) { k.views[0].Leader = 2 },
		"out of the ISR":              func(k *watchedKafka, _ *leasedDriver) { k.views[0].ISR = []int32{1, 2} },
		"a move":                      func(k *watchedKafka, _ *leasedDriver) { k.views[0].Adding = []int32{3} },
		"another topic":               func(k *watchedKafka, _ *leasedDriver) { k.views[0].Partition = 5 },
		"an ISR while some are moved": func(k *watchedKafka, _ *leasedDriver) { k.views[0].ISR = []int32{1} },
		"no answer":                   func(k *watchedKafka, _ *leasedDriver) { k.err = errors.New("no answer") },
	} {
		k, driver, client := watched(t, still)
		if name == "an ISR while some are moved" {
			k.views[0].Adding = []int32{3}
		}
		o, err := client.observe(t.Context(), "c")
		if err != nil || o.kafkaErr != nil {
			t.Fatal(err, o.kafkaErr)
		}
		for i := range driver.instances {
			status := *driver.instances[i].Status // The observation has the old one.
			driver.instances[i].Status = &status
		}
		change(k, driver)
		want := name != "" && name != "in another order" && name != "an ISR while some are moved"
		if got := client.changed(t.Context(), "c", o); got != want {
			t.Errorf("%q: changed is %t", name, got)
		}
	}
}

// TestARunThatSeesNothingObservesAllTheSame: not all of what it waits for is seen at a glance.
func TestARunThatSeesNothingObservesAllTheSame(t *testing.T) {
	_, driver, client := watched(t, kafka.Partition{Topic: "t", Leader: 1, Replicas: []int32{1, 2, 3}, ISR: []int32{1, 2, 3}})
	start, slept := time.Now(), time.Duration(0)
	client = New(driver, Options{
		Kafka: client.engine,
		Now:   func() time.Time { return start.Add(slept) },
		Sleep: func(_ context.Context, d time.Duration) { slept += d },
	})
	o, err := client.observe(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	for pause, want := range map[time.Duration]time.Duration{
		300 * time.Millisecond: 1800 * time.Millisecond, 500 * time.Millisecond: observeEvery, 3 * time.Second: 3 * time.Second,
	} {
		slept = 0
		if client.awaitChange(t.Context(), "c", o, pause); slept != want {
			t.Errorf("with pauses of %s it goes %s without an observation, want %s", pause, slept, want)
		}
	}
}

// TestAMoveThatWasAskedForIsWaitedFor: that partitions are being moved is no news to who has asked for it, and that they are not is.
func TestAMoveThatWasAskedForIsWaitedFor(t *testing.T) {
	still := kafka.Partition{Topic: "t", Leader: 1, Replicas: []int32{1, 2}, ISR: []int32{1, 2}}
	asked := plan.Step{Kind: plan.Move, Moves: []plan.Reassignment{{TopicPartition: plan.TopicPartition{Topic: "t"}, From: []int32{1, 2}, To: []int32{3, 2}}}}
	k, _, client := watched(t, still)
	o, err := client.observe(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	before := o.Partitions[0]
	after := o.afterMoves([]plan.Step{asked})
	if !client.changed(t.Context(), "c", after) {
		t.Error("a move that is not under way is taken to be so")
	}
	k.views[0].Replicas, k.views[0].Adding, k.views[0].Removing = []int32{3, 1, 2}, []int32{3}, []int32{1}
	if client.changed(t.Context(), "c", after) {
		t.Error("the move is taken for news")
	}
	if !client.changed(t.Context(), "c", o) || !reflect.DeepEqual(o.Partitions[0], before) {
		t.Error("the observation itself has changed")
	}
}
