package fleet

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/health"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// silent is an address at which nobody listens, and a client that soon gives up on it.
func silent(t *testing.T) (address string, dial func(kafka.Config) *kafka.Client) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return address, func(config kafka.Config) *kafka.Client {
		config.Timeout = 200 * time.Millisecond
		k := kafka.New(config)
		t.Cleanup(func() { _ = k.Close() })
		return k
	}
}

// TestHealthOfASilentKafka: it is critical and no error, and the nodes are there as compute lists them.
func TestHealthOfASilentKafka(t *testing.T) {
	address, dial := silent(t)
	spec := compute.NodeSpec{Cluster: "c", Role: compute.RoleBroker, Group: "main", Zone: "a", NodeID: 4, InstanceType: "small"}
	controller := compute.NodeSpec{Cluster: "c", Role: compute.RoleController, Group: compute.ControllersGroup, Zone: "a", NodeID: 1, InstanceType: "small"}
	running := &compute.NodeStatus{Phase: compute.PhaseRunning, BootSeconds: 5, UpdatedAt: time.Now(), CertificateEnds: time.Now().Add(time.Hour)}
	driver := &fakeDriver{record: compute.Cluster{Name: "c", ID: "x", NextNodeID: 5, Security: compute.Security{Plaintext: true}}, instances: []compute.Instance{
		{ID: "one", Spec: controller, State: compute.StateStopped},
		{ID: "four", Spec: spec, State: compute.StateRunning, Address: address, Status: running},
	}}
	id, r, err := New(driver, Options{Dial: dial}).Health(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	if id != "x" || r.Status != health.Critical || r.KafkaReachable || r.Partitions != nil || r.Quorum != nil || len(r.Nodes) != 2 || r.Nodes[0].State != health.Lost {
		t.Errorf("%q, %+v", id, r)
	}
	for i, want := range []string{"Kafka does not answer: ", "The controllers do not say who leads them: ", "1 node is lost: controller 1 (its machine is stopped)."} {
		if i >= len(r.Problems) || !strings.HasPrefix(r.Problems[i], want) {
			t.Errorf("problem %d shall begin %q: %q", i, want, r.Problems)
		}
	}
	if !strings.Contains(r.Problems[0], address) {
		t.Errorf("it is not said who does not answer: %s", r.Problems[0])
	}
}

// TestHealthOfASilentForeignKafka: nothing is known of it but that.
func TestHealthOfASilentForeignKafka(t *testing.T) {
	address, dial := silent(t)
	k := dial(kafka.Config{Bootstrap: func(context.Context) ([]string, error) { return []string{address}, nil }})
	_, r, err := New(&fakeDriver{}, Options{}).ForeignHealth(t.Context(), k)
	if err != nil || r.Status != health.Critical || len(r.Problems) != 1 || !strings.HasPrefix(r.Problems[0], "Kafka does not answer: ") || len(r.Nodes) > 0 {
		t.Errorf("%v, %+v", err, r)
	}
}

// TestHealthOfNothing: a cluster that does not exist is not healthy and not sick.
func TestHealthOfNothing(t *testing.T) {
	_, _, err := New(&fakeDriver{}, Options{}).Health(t.Context(), "none")
	if !errors.Is(err, compute.ErrNotFound) || !strings.Contains(err.Error(), `cluster "none"`) {
		t.Errorf("%v", err)
	}
}

// TestAnInterruptedQuestionIsNoVerdict: what was not answered since the run was interrupted says nothing of the cluster.
func TestAnInterruptedQuestionIsNoVerdict(t *testing.T) {
	address, dial := silent(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	k := dial(kafka.Config{Bootstrap: func(context.Context) ([]string, error) { return []string{address}, nil }})
	if _, r, err := New(&fakeDriver{}, Options{}).ForeignHealth(ctx, k); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %+v", err, r)
	}
}

// TestRatesAloneAreNoThrottle: a rollout leaves them on its brokers from one move to the next, and they slow down nothing.
func TestRatesAloneAreNoThrottle(t *testing.T) {
	s := kafka.ThrottleState{Brokers: map[int32]kafka.BrokerThrottle{4: {Leader: 5, Follower: 5}}}
	if got := throttled(s); got != nil {
		t.Errorf("rates alone: %q", got)
	}
	s.Topics = map[string]kafka.TopicThrottle{"orders": {Leader: map[int32][]int32{0: {4}}}}
	if got := strings.Join(throttled(s), ", "); got != "broker 4, topic orders" {
		t.Errorf("with a topic: %q", got)
	}
}
