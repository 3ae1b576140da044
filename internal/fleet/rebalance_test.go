package fleet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/model"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/throttle"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/placement"
)

var evenOut = Rebalance{Cluster: "c", Group: "main", Threshold: 1.1, Throttle: throttle.Fixed(1 << 20)}

// skewed is a cluster of two groups at rest: main has two brokers in each of three zones, of which broker 1 has nearly all that zone a
// holds, and bulk has one broker.
func skewed(t *testing.T) observed {
	t.Helper()
	spec := goalOf(t, group(nil), 0, compute.Cluster{}).spec
	o := observed{record: compute.Cluster{Name: "c", ID: "x", Zones: []string{"a", "b", "c"}}, instances: map[int32]compute.Instance{}}
	o.NextNodeID, o.KafkaUp = 8, true
	for i := range 7 {
		s := spec
		s.NodeID, s.Zone = int32(1+i), []string{"a", "b", "c"}[i%3]
		if i == 6 {
			s.Group, s.SpecHash = "bulk", "other"
		}
		o.instances[s.NodeID] = compute.Instance{ID: fmt.Sprint(s.NodeID), Spec: s, State: compute.StateRunning}
		o.Nodes = append(o.Nodes, plan.Node{
			ID: s.NodeID, Role: s.Role, Group: s.Group, Zone: s.Zone, InstanceID: fmt.Sprint(s.NodeID), State: compute.StateRunning, SpecHash: s.SpecHash,
			Registered: true, Boot: 5 * time.Second, Answering: true, DiskBytes: 10 << 30,
		})
	}
	for i := range 30 {
		replicas := []int32{1, []int32{2, 5}[i%2], []int32{3, 6}[i/2%2]}
		if i%10 == 9 {
			replicas[0] = 4
		}
		replicas = append(replicas[i%3:], replicas[:i%3]...)
		o.Partitions = append(o.Partitions, plan.Partition{
			TopicPartition: plan.TopicPartition{Topic: "orders", Partition: int32(i)}, Leader: replicas[0], Replicas: replicas, ISR: replicas, Bytes: 1 << 20,
		})
	}
	o.Partitions = append(o.Partitions, plan.Partition{TopicPartition: plan.TopicPartition{Topic: "theirs"}, Leader: 7, Replicas: []int32{7}, ISR: []int32{7}, Bytes: 1 << 30})
	return o
}

func settled(t *testing.T, r Rebalance, o observed) goal {
	t.Helper()
	g, err := r.settledGoal(&o, catalog)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestRebalanceIsPlannedFromWhatIsThere: the plan evens the group out, copies what it says, keeps to the group, and is done by it.
func TestRebalanceIsPlannedFromWhatIsThere(t *testing.T) {
	o := skewed(t)
	g := settled(t, evenOut, o)
	p := planRebalance(g, o)
	if p.Before.MaxOverMeanBytes != 1.8 || len(p.Before.Brokers) != 6 {
		t.Errorf("before: %+v", p.Before)
	}
	if p.After.MaxOverMeanBytes > 1.1 || p.After.MaxOverMeanLeaders > 1.1 {
		t.Errorf("after: %+v", p.After)
	}
	if want := (BrokerLoad{ID: 1, Zone: "a", Bytes: 27 << 20, Replicas: 27, Leaders: 9}); p.Before.Brokers[0] != want {
		t.Errorf("broker 1: %+v, want %+v", p.Before.Brokers[0], want)
	}
	var copied int64
	for _, m := range p.Moves {
		copied += m.Bytes
		for _, id := range m.To {
			if m.Topic != "orders" || id > 6 {
				t.Errorf("%+v leaves the group", m)
			}
		}
	}
	// Broker 1 holds 27 MiB and may hold 16.5, in whole partitions: 11 go.
	if copied != 11<<20 || p.BytesToMove != copied || p.LowerBound > copied || p.LowerBound < 10<<20 {
		t.Errorf("the moves copy %d, the plan says %d, at least %d", copied, p.BytesToMove, p.LowerBound)
	}
	if p.Estimate != 12*time.Second {
		t.Errorf("11 MiB into one broker at 1 MiB/s, and a second to begin: %s", p.Estimate)
	}

	fleet := model.New(o.Observation, time.Now())
	steps, short := fleet.Run(g.group, 1000)
	var moved int64
	for _, s := range steps {
		moved += s.Bytes()
		switch s.Kind {
		case plan.Move, plan.Reorder, plan.ElectLeaders, plan.ClearThrottles, plan.ClearRates:
		default:
			t.Errorf("no step of a rebalance: %s", s)
		}
	}
	if short != "" || moved != copied {
		t.Errorf("the run moves %d, the plan said %d; it stops at %q", moved, copied, short)
	}
	o.Observation = fleet.Observation
	if again := planRebalance(settled(t, evenOut, o), o); len(again.Moves) > 0 || again.Before.MaxOverMeanBytes > 1.1 {
		t.Errorf("the second rebalance is not empty: %+v", again)
	}
}

// TestRebalanceKeepsToItsBudget also in its plan.
func TestRebalanceKeepsToItsBudget(t *testing.T) {
	o := skewed(t)
	r := evenOut
	r.Budget = 5 << 20
	p := planRebalance(settled(t, r, o), o)
	if p.BytesToMove == 0 || p.BytesToMove > r.Budget || p.After.MaxOverMeanBytes >= p.Before.MaxOverMeanBytes {
		t.Errorf("%d of %d bytes, from %g to %g", p.BytesToMove, r.Budget, p.Before.MaxOverMeanBytes, p.After.MaxOverMeanBytes)
	}
}

// TestBelowTheThresholdNothingMoves: also no leader, however uneven within it.
func TestBelowTheThresholdNothingMoves(t *testing.T) {
	o := skewed(t)
	r := evenOut
	r.Threshold = 2
	if p := planRebalance(settled(t, r, o), o); len(p.Moves) > 0 || cmp.Diff(p.Before, p.After) != "" {
		t.Errorf("%+v", p)
	}
}

// TestRebalanceRefuses: what else is to be done comes first, and the error says what it is.
func TestRebalanceRefuses(t *testing.T) {
	node := func(id int, change func(*plan.Node, *compute.Instance)) func(*observed, *Rebalance) {
		return func(o *observed, _ *Rebalance) {
			i := o.instances[int32(id)]
			change(&o.Nodes[id-1], &i)
			o.instances[int32(id)] = i
		}
	}
	cases := map[string]struct {
		change func(*observed, *Rebalance)
		is     error
		says   string
	}{
		"a threshold of nothing": {func(_ *observed, r *Rebalance) { r.Threshold = 1 }, compute.ErrInvalid, "above 1"},
		"no cluster":             {func(o *observed, _ *Rebalance) { o.record = compute.Cluster{} }, compute.ErrNotFound, `cluster "c"`},
		"no group":               {func(_ *observed, r *Rebalance) { r.Group = "none" }, compute.ErrNotFound, "the cluster has bulk, main"},
		"a lost node": {node(2, func(n *plan.Node, _ *compute.Instance) { n.State, n.Fenced = compute.StateStopped, true }),
			ErrUnsettled, "node 2 has to go: its machine is stopped. Apply"},
		"a node that only Kafka remembers": {func(o *observed, _ *Rebalance) {
			delete(o.instances, 6)
			o.Nodes[5] = plan.Node{ID: 6, Role: compute.RoleBroker, Registered: true, Fenced: true}
		},
			ErrUnsettled, "node 6 has to go: its machine is gone"},
		"another spec": {node(3, func(n *plan.Node, i *compute.Instance) {
			n.SpecHash, i.Spec.SpecHash, i.Spec.KafkaVersion = "x", "x", "4.2.1"
		}),
			ErrUnsettled, "node 3 is Kafka 4.2.1"},
		"a zone too full": {node(2, func(n *plan.Node, i *compute.Instance) { n.Zone, i.Spec.Zone = "a", "a" }), ErrUnsettled, "has to go: zone a needs 2 nodes"},
		"a node that starts": {node(5, func(n *plan.Node, _ *compute.Instance) { n.Registered = false }),
			ErrUnsettled, "node 5 does not serve"},
		"Kafka down": {func(o *observed, _ *Rebalance) {
			o.kafkaErr, o.KafkaUp, o.Partitions = errors.New("refused"), false, nil
		}, ErrUnsettled, "Kafka does not answer (refused)"},
		"no broker up": {func(o *observed, _ *Rebalance) { o.KafkaUp, o.Partitions = false, nil }, ErrUnsettled, "no broker runs"},
		"a replica behind": {func(o *observed, _ *Rebalance) { o.Partitions[0].ISR = []int32{1, 2} },
			ErrUnsettled, "partition orders-0 is not in sync: broker 3 behind or away"},
		"a replica behind on another group": {func(o *observed, _ *Rebalance) { o.Partitions[30].ISR = nil }, ErrUnsettled, "partition theirs-0 is not in sync"},
		"a move to another group": {func(o *observed, _ *Rebalance) {
			o.Partitions[4].Adding, o.Partitions[4].Removing, o.Partitions[4].Replicas = []int32{7}, []int32{3}, []int32{1, 2, 7, 3}
		}, ErrUnsettled, "somebody else moves partition orders-4"},
		"a change of the replication factor": {func(o *observed, _ *Rebalance) {
			o.Partitions[4].Adding, o.Partitions[4].Replicas = []int32{4}, []int32{1, 2, 3, 4}
		}, ErrUnsettled, "somebody else moves partition orders-4"},
		"a node to be used again": {node(5, func(n *plan.Node, _ *compute.Instance) { n.Cordoned = true }), ErrUnsettled, "first: uncordon node 5"},
		"a topic to bring in": {func(o *observed, _ *Rebalance) {
			o.record.Groups = map[string]compute.TopicClaim{"main": {Patterns: []string{"theirs"}, Since: 1}}
		}, ErrUnsettled, "first: move 1 partition"},
		"two replicas in a zone": {func(o *observed, _ *Rebalance) {
			o.Partitions[0].Replicas, o.Partitions[0].ISR = []int32{1, 2, 4}, []int32{1, 2, 4}
		}, ErrUnsettled, "two replicas of a partition are in one zone"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			o, r := skewed(t), evenOut
			c.change(&o, &r)
			if _, err := r.settledGoal(&o, catalog); !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want it to say %q", err, c.says)
			}
		})
	}
}

// TestRebalanceGoesOnWithItsOwnMoves: what an interrupted run left in flight within the group, and its throttle, is no obstacle.
func TestRebalanceGoesOnWithItsOwnMoves(t *testing.T) {
	o := skewed(t)
	whole := planRebalance(settled(t, evenOut, o), o)
	p := &o.Partitions[0]
	p.Adding, p.Removing, p.Replicas = []int32{4}, []int32{1}, []int32{4, 2, 3, 1}
	o.Throttled, o.Rates = true, true
	if rest := planRebalance(settled(t, evenOut, o), o); rest.BytesToMove != whole.BytesToMove-1<<20 {
		t.Errorf("%d bytes are left of %d, with 1 MiB in flight", rest.BytesToMove, whole.BytesToMove)
	}
	p.Adding, p.Removing, p.Replicas, p.ISR = nil, nil, []int32{4, 2, 3}, []int32{4, 2, 3}
	settled(t, evenOut, o)
}

// TestRebalanceReplacesNobody: between two rounds a node may start anew, and is waited for; one that is lost or new ends the run.
func TestRebalanceReplacesNobody(t *testing.T) {
	build := evenOut.builder(skewed(t), catalog)
	o := skewed(t)
	o.Nodes[4].Registered, o.KafkaUp = false, false
	g, err := build(&o)
	if err != nil {
		t.Fatal(err)
	}
	g.group.Started = time.Now()
	if d := plan.Next(g.group, o.Observation, g.group.Started); len(d.Steps) > 0 || len(d.Waiting) == 0 {
		t.Errorf("a node that starts anew is not waited for: %+v", d)
	}
	o = skewed(t)
	o.Nodes[1].Phase, o.Nodes[1].Fenced = compute.PhaseDiskLost, true
	if _, err := build(&o); !errors.Is(err, ErrUnsettled) {
		t.Errorf("a lost node: %v", err)
	}
	o = skewed(t)
	delete(o.instances, 6)
	o.Nodes = append(o.Nodes[:5], o.Nodes[6])
	if _, err := build(&o); !errors.Is(err, ErrUnsettled) {
		t.Errorf("a node that is gone altogether: %v", err)
	}
}

// TestCopyTimeIsThatOfTheBusiestBroker, in either direction.
func TestCopyTimeIsThatOfTheBusiestBroker(t *testing.T) {
	move := func(leader int32, from, to []int32) placement.Move {
		return placement.Move{Partition: placement.Partition{Leader: leader, Replicas: from, Bytes: 10}, To: to}
	}
	cases := map[string]struct {
		moves []placement.Move
		want  time.Duration
	}{
		"nothing":        {nil, 0},
		"an order":       {[]placement.Move{move(1, []int32{1, 2}, []int32{2, 1})}, 0},
		"one receiver":   {[]placement.Move{move(1, []int32{1}, []int32{9}), move(2, []int32{2}, []int32{9})}, 21 * time.Second},
		"one leader":     {[]placement.Move{move(1, []int32{1, 2}, []int32{1, 8}), move(1, []int32{1, 3}, []int32{1, 9})}, 21 * time.Second},
		"side by side":   {[]placement.Move{move(1, []int32{1}, []int32{8}), move(2, []int32{2}, []int32{9})}, 11 * time.Second},
		"a whole change": {[]placement.Move{move(1, []int32{1, 2}, []int32{8, 9})}, 21 * time.Second},
	}
	for name, c := range cases {
		if got := copyTime(c.moves, model.Timing{Copy: time.Second, BytesPerSecond: 1}); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func (fakeDriver) Lock(context.Context, string, string) (compute.Lease, error) {
	return &fakeLease{}, nil
}

// TestRebalanceAsksKafkaFirst: without an answer neither the plan nor the run begins anything.
func TestRebalanceAsksKafkaFirst(t *testing.T) {
	driver := &fakeDriver{record: compute.Cluster{Name: "c", ID: "x", NextNodeID: 8}}
	spec := goalOf(t, group(nil), 0, compute.Cluster{}).spec
	spec.NodeID, spec.Zone = 1, "a"
	driver.instances = []compute.Instance{{ID: "1", Spec: spec, State: compute.StateRunning, Address: "127.0.0.1:1"}}
	dial := func(kafka.Config) *kafka.Client {
		down := func(context.Context) ([]string, error) { return nil, errors.New("nobody there") }
		return kafka.New(kafka.Config{Bootstrap: down, Controllers: down})
	}
	client := New(driver, Options{Dial: dial})
	defer client.Close()
	if _, err := client.PlanRebalance(t.Context(), evenOut); !errors.Is(err, ErrUnsettled) || !strings.Contains(err.Error(), "nobody there") {
		t.Errorf("plan: %v", err)
	}
	if result, err := client.Rebalance(t.Context(), evenOut, nil); !errors.Is(err, ErrUnsettled) || result.Steps != 0 {
		t.Errorf("run: %+v, %v", result, err)
	}
}

// TestProgressHearsTheLogOfItsRun and of no other.
func TestProgressHearsTheLogOfItsRun(t *testing.T) {
	var log, heard []string
	client := New(&fakeDriver{}, Options{Log: func(_ context.Context, message string, _ map[string]any) { log = append(log, message) }})
	run := withProgress(t.Context(), func(line string) { heard = append(heard, line) })
	client.opts.Log(t.Context(), "elsewhere", nil)
	client.opts.Log(run, "step", map[string]any{"cluster": "c", "group": "main", "step": "move 3 partitions", "bytes": int64(7)})
	client.opts.Log(context.WithoutCancel(run), "waiting", map[string]any{"group": "main", "for": "2 partitions being moved"})
	client.opts.Log(run, "moving", map[string]any{"group": "main", "bytes_left": int64(3 << 20), "eta": "2s"})
	client.opts.Log(withProgress(run, nil), "quiet", nil)
	if diff := cmp.Diff([]string{"move 3 partitions", "waiting: 2 partitions being moved", "moving: bytes left 3MiB, eta 2s", "quiet"}, heard); diff != "" {
		t.Error(diff)
	}
	if len(log) != 5 {
		t.Errorf("the log itself has %v", log)
	}
}
