package fleet

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/throttle"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

var start = time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)

func name(partition int32) plan.TopicPartition {
	return plan.TopicPartition{Topic: "t", Partition: partition}
}

// observedFleet is brokers 1 to 4, the last of which is fenced, on machines of 100 MB/s, with partition 0 on its way from 1 to 3.
func observedFleet(bytes int64) observed {
	o := observed{
		instances: map[int32]compute.Instance{}, brokers: map[int32]kafka.Broker{},
		throttles: kafka.ThrottleState{Brokers: map[int32]kafka.BrokerThrottle{}, Others: map[int32]kafka.BrokerThrottle{}, Topics: map[string]kafka.TopicThrottle{}},
	}
	o.KafkaUp = true
	for id := int32(1); id <= 4; id++ {
		o.instances[id] = compute.Instance{Spec: compute.NodeSpec{InstanceType: "fast"}}
		o.brokers[id] = kafka.Broker{ID: id, Fenced: id == 4}
	}
	o.Partitions = []plan.Partition{
		{TopicPartition: name(0), Leader: 1, Replicas: []int32{3, 2, 4, 1}, ISR: []int32{1, 2}, Adding: []int32{3}, Removing: []int32{1}, Bytes: bytes},
		{TopicPartition: name(1), Leader: 2, Replicas: []int32{2, 1}, ISR: []int32{1, 2}, Bytes: bytes},
	}
	return o
}

func limited(p throttle.Policy) goal {
	return goal{throttle: p, catalog: compute.Catalog{InstanceTypes: map[string]compute.InstanceType{"fast": {NetworkBytesPerSecond: 100_000_000}}}}
}

// TestLimits: live brokers that take part get one, each by what it has to spare, and only where it makes a difference.
func TestLimits(t *testing.T) {
	both := func(rate int64) kafka.BrokerThrottle { return kafka.BrokerThrottle{Leader: rate, Follower: rate} }
	fixed := throttle.Fixed(50_000_000)
	cases := map[string]struct {
		policy  throttle.Policy
		change  func(*observed)
		grows   int64 // bytes per second, of each partition
		want    map[int32]kafka.BrokerThrottle
		raised  []int32
		measure bool
	}{
		"fixed": {policy: fixed, want: map[int32]kafka.BrokerThrottle{1: both(50_000_000), 2: both(50_000_000), 3: both(50_000_000)}},
		"set already, or nearly": {
			policy: fixed, want: map[int32]kafka.BrokerThrottle{3: {Leader: -1, Follower: 50_000_000}},
			change: func(o *observed) {
				o.throttles.Brokers = map[int32]kafka.BrokerThrottle{1: both(50_000_000), 2: both(47_000_000), 3: {Leader: 50_000_000, Follower: -1}}
			},
		},
		"somebody else's rate stays": {
			policy: fixed, want: map[int32]kafka.BrokerThrottle{1: {Leader: -1, Follower: 50_000_000}, 2: both(50_000_000)},
			change: func(o *observed) {
				o.throttles.Others = map[int32]kafka.BrokerThrottle{1: {Leader: 7, Follower: -1}, 3: both(200_000_000)}
			},
		},
		"auto before anything is measured": {policy: throttle.Auto, want: map[int32]kafka.BrokerThrottle{1: both(throttle.Floor), 2: both(throttle.Floor), 3: both(throttle.Floor)}},
		// Brokers 1 and 2 hold both partitions in sync: 20 MB/s in, and each leads one, which goes to one follower and a consumer.
		"auto": {
			policy: throttle.Auto, measure: true, grows: 10_000_000,
			want: map[int32]kafka.BrokerThrottle{1: {Leader: 72_000_000, Follower: 72_000_000}, 2: {Leader: 72_000_000, Follower: 72_000_000}, 3: both(90_000_000)},
		},
		// What broker 3 copies gains 60 MB/s, and its leader sends that to three followers.
		"fixed, below what comes in": {
			policy: fixed, measure: true, grows: 60_000_000, raised: []int32{3, 1},
			want: map[int32]kafka.BrokerThrottle{1: {Leader: 360_000_000, Follower: 50_000_000}, 2: both(50_000_000), 3: {Leader: 50_000_000, Follower: 120_000_000}},
		},
	}
	for what, c := range cases {
		t.Run(what, func(t *testing.T) {
			m := newMoving()
			m.tracker.Ask(throttle.Replica{TopicPartition: name(0), Broker: 3})
			o := observedFleet(1 << 30)
			if c.measure {
				m.observe(o, start)
				o = observedFleet(1<<30 + 10*c.grows)
				m.observe(o, start.Add(10*time.Second))
			}
			if c.change != nil {
				c.change(&o)
			}
			got, raised := m.limits(limited(c.policy), o, m.copied(o))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.raised, raised); diff != "" {
				t.Errorf("raised: %s", diff)
			}
		})
	}
}

// TestMovesOfAnEarlierRunAreFollowed by the mark of their throttle, and nobody else's are.
func TestMovesOfAnEarlierRunAreFollowed(t *testing.T) {
	o := observedFleet(1000)
	m := newMoving()
	m.observe(o, start)
	if len(m.copied(o)) > 0 {
		t.Error("somebody else's move is followed")
	}
	o.throttles.Topics["t"] = kafka.TopicThrottle{Leader: map[int32][]int32{0: {1}}}
	o.dirs = []kafka.LogDir{{Broker: 3, Replicas: []kafka.Replica{{Broker: 3, Topic: "t", Bytes: 400}}}, {Broker: 1, Replicas: []kafka.Replica{{Broker: 1, Topic: "t", Bytes: 1000}}}}
	m.observe(o, start.Add(time.Second))
	if p := m.tracker.Progress(); len(m.copied(o)) != 1 || p.String() != "0 of 1 partition moved, 600B left" {
		t.Errorf("%d partitions followed, %s", len(m.copied(o)), p)
	}
}

// throttledKafka is a Kafka that remembers what it is told of throttles and moves.
type throttledKafka struct {
	Kafka
	told  []string
	rates map[int32]kafka.BrokerThrottle
	// leader and follower are the replicas that were last put on the lists.
	leader, follower map[kafka.TopicPartition][]int32
}

func (k *throttledKafka) SetThrottle(_ context.Context, rates map[int32]kafka.BrokerThrottle, leader, follower map[kafka.TopicPartition][]int32) error {
	k.leader, k.follower = leader, follower
	what := "rates"
	if leader != nil {
		what = "rates and lists"
	}
	k.told, k.rates = append(k.told, what), rates
	return nil
}

func (k *throttledKafka) ClearThrottle(context.Context, kafka.ThrottleState) error {
	k.told = append(k.told, "clear")
	return nil
}

func (k *throttledKafka) Reassign(context.Context, []kafka.Reassignment, bool) error {
	k.told = append(k.told, "reassign")
	return nil
}

// TestAThrottleComesBeforeItsMove, with the lists and for the broker that is to receive.
func TestAThrottleComesBeforeItsMove(t *testing.T) {
	o := observedFleet(1000)
	o.Partitions[0].Adding, o.Partitions[0].Removing, o.Partitions[0].Replicas = nil, nil, []int32{1, 2, 4}
	s := plan.Step{Kind: plan.Move, Moves: []plan.Reassignment{{TopicPartition: name(0), From: []int32{1, 2, 4}, To: []int32{3, 2, 4}}}}
	for policy, want := range map[throttle.Policy]string{throttle.Auto: "rates and lists, reassign", throttle.None: "reassign"} {
		k, m := &throttledKafka{}, newMoving()
		if err := m.move(context.Background(), New(&fakeDriver{}, Options{}), k, limited(policy), o, s); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(k.told, ", "); got != want {
			t.Errorf("%s: %s, want %s", policy, got, want)
		}
		if _, receives := k.rates[3]; receives != policy.Limited() {
			t.Errorf("%s: the limits are %v", policy, k.rates)
		}
		if p := m.tracker.Progress(); p.Of != 1 {
			t.Errorf("%s: the move is not followed: %+v", policy, p)
		}
	}
}

// TestTheSmallestReplicasAreHeldBackByTheirSourcesOnly: up to a second of the receiver's limit, which is of the first second anyway.
func TestTheSmallestReplicasAreHeldBackByTheirSourcesOnly(t *testing.T) {
	o := observedFleet(1000)
	o.Partitions = nil
	var moves []plan.Reassignment
	leader := kafka.LogDir{Broker: 1}
	// The last one seems to be empty, since its leader has not told of it.
	for i, bytes := range []int64{30_000_000, 4_000_000, 0, 7_000_000, 5_000_000, 1_000_000, 0} {
		if i < 6 {
			leader.Replicas = append(leader.Replicas, kafka.Replica{Broker: 1, Topic: name(0).Topic, Partition: int32(i), Bytes: bytes})
		}
		p := plan.Partition{TopicPartition: name(int32(i)), Leader: 1, Replicas: []int32{1, 2, 4}, ISR: []int32{1, 2, 4}, Bytes: bytes}
		o.Partitions = append(o.Partitions, p)
		moves = append(moves, plan.Reassignment{TopicPartition: p.TopicPartition, From: p.Replicas, To: []int32{3, 2, 4}, Bytes: bytes})
	}
	o.dirs = []kafka.LogDir{leader, {Broker: 2, Replicas: []kafka.Replica{{Broker: 2, Topic: name(6).Topic, Partition: 6}}}}
	for limit, want := range map[int64][]int32{10_000_000: {0, 3, 6}, 9_999_999: {0, 3, 4, 6}, 100_000: {0, 1, 3, 4, 5, 6}, 1 << 30: {6}} {
		k := &throttledKafka{}
		if err := newMoving().move(context.Background(), New(&fakeDriver{}, Options{}), k, limited(throttle.Fixed(limit)), o, plan.Step{Kind: plan.Move, Moves: moves}); err != nil {
			t.Fatal(err)
		}
		var held []int32
		for i := range moves {
			tp := kafka.TopicPartition(name(int32(i)))
			if slices.Equal(k.follower[tp], []int32{3}) {
				held = append(held, int32(i))
			}
			if !slices.Equal(k.leader[tp], []int32{1, 2, 4}) {
				t.Errorf("the sources of partition %d are not all held back: %v", i, k.leader[tp])
			}
		}
		if !slices.Equal(held, want) {
			t.Errorf("with %d bytes a second the receivers of %v are held back, want %v", limit, held, want)
		}
	}
}

// TestAdjust: limits follow the measurements, are doubled when the copying stands still, and are gone when the policy is none.
func TestAdjust(t *testing.T) {
	ctx, k, m := context.Background(), &throttledKafka{}, newMoving()
	var logged []string
	c := New(&fakeDriver{}, Options{Log: func(_ context.Context, message string, _ map[string]any) { logged = append(logged, message) }})
	g := limited(throttle.Fixed(50_000_000))
	o := observedFleet(1000)
	o.throttles.Topics["t"] = kafka.TopicThrottle{Leader: map[int32][]int32{0: {1}}}
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	adjust := func(s int, want string) {
		t.Helper()
		k.told = nil
		m.observe(o, at(s))
		if err := m.adjust(ctx, c, k, g, o, at(s)); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(k.told, ", "); got != want {
			t.Errorf("after %d s: %q, want %q", s, got, want)
		}
	}
	adjust(0, "rates")
	o.throttles.Brokers = k.rates
	adjust(6, "")
	adjust(31, "rates")
	if k.rates[3].Follower != 100_000_000 || !strings.Contains(strings.Join(logged, "\n"), "never catch up") {
		t.Errorf("after half a minute without progress: %v\n%s", k.rates, strings.Join(logged, "\n"))
	}
	o.throttles.Brokers = k.rates
	adjust(40, "")
	g = limited(throttle.None)
	adjust(50, "clear")
}

// TestALookTakesAsLongAsThereIsToWait: an observation takes from the brokers what the copying needs, so it is rarer while there is much to copy.
func TestALookTakesAsLongAsThereIsToWait(t *testing.T) {
	o := observedFleet(1 << 30)
	o.throttles.Topics["t"] = kafka.TopicThrottle{Leader: map[int32][]int32{0: {1}}}
	m := newMoving()
	if got := m.patience(time.Second); got != time.Second {
		t.Errorf("nothing moves, and the next look is after %s", got)
	}
	for second, held := range []int64{0, 32 << 20, 64 << 20} { // Half a minute is left after it.
		o.dirs = []kafka.LogDir{{Broker: 3, Replicas: []kafka.Replica{{Broker: 3, Topic: "t", Bytes: held}}}}
		m.observe(o, start.Add(time.Duration(second)*time.Second))
	}
	if got := m.patience(time.Second); got != adjustEvery/2 {
		t.Errorf("%s are left, and the next look is after %s", m.tracker.Progress().ETA, got)
	}
	if got := m.patience(time.Minute); got != time.Minute {
		t.Errorf("a longer pause was asked for: %s", got)
	}
}

// ratedKafka is a cluster whose brokers have a rate of ours.
type ratedKafka struct {
	movedKafka
	marks   map[string]kafka.TopicThrottle
	cleared []kafka.ThrottleState
}

func (k *ratedKafka) Throttles(context.Context, []int32, []string) (kafka.ThrottleState, error) {
	return kafka.ThrottleState{Brokers: map[int32]kafka.BrokerThrottle{1: {Leader: 5, Follower: 5}}, Topics: k.marks}, nil
}

func (k *ratedKafka) ClearThrottle(_ context.Context, s kafka.ThrottleState) error {
	k.cleared = append(k.cleared, s)
	return nil
}

// TestARunThatEndsShortTakesItsRatesOff, unless something moves under them or another run has taken over.
func TestARunThatEndsShortTakesItsRatesOff(t *testing.T) {
	still := kafka.Partition{Topic: "t", Leader: 1, Replicas: []int32{1, 2, 3}, ISR: []int32{1, 2, 3}}
	moving := still
	moving.Adding = []int32{3}
	marks := map[string]kafka.TopicThrottle{"t": {Follower: map[int32][]int32{0: {3}}}}
	for name, c := range map[string]struct {
		view   kafka.Partition
		marks  map[string]kafka.TopicThrottle
		leased bool
		want   int
	}{
		"nothing moves":         {still, nil, true, 1},
		"a move is in flight":   {moving, marks, true, 0},
		"a mark is there still": {still, marks, true, 0},
		"the lease is lost":     {still, nil, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			driver := &leasedDriver{fakeDriver: fakeDriver{record: compute.Cluster{Name: "c", ID: "x", NextNodeID: 4}}}
			for id := range int32(3) {
				driver.instances = append(driver.instances, compute.Instance{
					Spec: compute.NodeSpec{NodeID: id + 1, Role: compute.RoleBroker, Group: "main", InstanceType: "small"}, State: compute.StateRunning, Address: "x",
				})
			}
			k := &ratedKafka{movedKafka: movedKafka{views: []kafka.Partition{c.view}}, marks: c.marks}
			client := New(driver, Options{Kafka: func(string) Kafka { return k }})
			if c.leased {
				unlock, err := client.lock(t.Context(), "c")
				if err != nil {
					t.Fatal(err)
				}
				defer unlock()
			}
			interrupted, cancel := context.WithCancel(t.Context())
			cancel()
			client.unlimit(interrupted, "c")
			if len(k.cleared) != c.want || c.want > 0 && (len(k.cleared[0].Brokers) != 1 || len(k.cleared[0].Topics) > 0) {
				t.Errorf("taken off: %+v", k.cleared)
			}
		})
	}
}
