package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/health"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka/kafkatest"
)

// patient is a real Kafka, seen as a fleet's own and as somebody else's.
type patient struct {
	t       *testing.T
	cluster *kafkatest.Cluster
	k       *kafka.Client
	stopped []int32
}

// own is the health of the cluster as one of this fleet, whose machines are as the test has left them.
func (p *patient) own() health.Report {
	p.t.Helper()
	driver := &fakeDriver{record: compute.Cluster{Name: "c", ID: p.cluster.ID, NextNodeID: 102}}
	for _, id := range []int32{1, 2, 3, 101} {
		spec := compute.NodeSpec{Cluster: "c", Role: compute.RoleBroker, Group: "main", Zone: kafkatest.Zones[id%3], NodeID: id, InstanceType: "small"}
		if id == 101 {
			spec.Role, spec.Group = compute.RoleController, compute.ControllersGroup
		}
		i := compute.Instance{
			ID: fmt.Sprint(id), Spec: spec, State: compute.StateRunning, Address: p.cluster.Address(int(id)), LaunchedAt: time.Now().Add(-time.Hour),
			Status: &compute.NodeStatus{Phase: compute.PhaseRunning, BootSeconds: 5, UpdatedAt: time.Now(), CertificateEnds: time.Now().Add(time.Hour)},
		}
		if slices.Contains(p.stopped, id) {
			i.State = compute.StateStopped
		}
		driver.instances = append(driver.instances, i)
	}
	client := New(driver, Options{Dial: func(kafka.Config) *kafka.Client {
		return p.k
	}})
	_, r, err := client.Health(p.t.Context(), "c")
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

// foreign is the health of the cluster as one of somebody else's. This machine's disk may be full whatever the test does.
func (p *patient) foreign() health.Report {
	p.t.Helper()
	_, r, err := New(&fakeDriver{}, Options{}).ForeignHealth(p.t.Context(), p.k)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Problems = slices.DeleteFunc(r.Problems, func(problem string) bool { return strings.Contains(problem, "fuller than 80 %") })
	if len(r.Problems) == 0 {
		r.Status = health.Healthy
	}
	return r
}

// becomes waits until a report has the status and its problems begin like this.
func (p *patient) becomes(report func() health.Report, status health.Status, problems ...string) {
	p.t.Helper()
	for deadline := time.Now().Add(90 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		r := report()
		if r.Status == status && slices.EqualFunc(problems, r.Problems, func(want, got string) bool { return strings.HasPrefix(got, want) }) {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s is wanted, with %q, and it is %s:\n%s", status, problems, r.Status, strings.Join(r.Problems, "\n"))
		}
	}
}

// TestHealthOfARealKafka: what a broker that hangs, one that is dead and the last one do to it.
func TestHealthOfARealKafka(t *testing.T) {
	sooner := map[string]string{"broker.session.timeout.ms": "6000", "broker.heartbeat.interval.ms": "500"}
	p := &patient{t: t, cluster: kafkatest.Start(t, kafkatest.Options{Brokers: 3, Config: sooner})}
	p.k = kafka.New(kafka.Config{
		Bootstrap:   func(context.Context) ([]string, error) { return p.cluster.Bootstrap(), nil },
		Controllers: func(context.Context) ([]string, error) { return p.cluster.Controllers(), nil },
		Timeout:     2 * time.Second,
	})
	t.Cleanup(func() { _ = p.k.Close() })
	orders := kafka.NewTopic{Name: "orders", Partitions: 6, ReplicationFactor: 3, Config: map[string]string{"min.insync.replicas": "2"}}
	if err := p.k.CreateTopic(t.Context(), orders, false); err != nil {
		t.Fatal(err)
	}
	p.becomes(p.own, health.Healthy)
	p.becomes(p.foreign, health.Healthy)

	if err := p.cluster.Pause(1); err != nil {
		t.Fatal(err)
	}
	if r := p.foreign(); !r.KafkaReachable || r.Status == health.Critical || r.Nodes[0].State != health.Suspect {
		t.Errorf("one broker of three that hangs hides the others: %+v", r)
	}
	const atMin = "6 partitions are at min.insync.replicas: orders-0, orders-1, orders-2, orders-3, orders-4 and 1 more."
	p.becomes(p.foreign, health.Degraded, atMin, "1 node is suspect: broker 1 (it is registered and fenced")
	p.becomes(p.own, health.Degraded, atMin, "1 node is suspect: broker 1 (Kafka has fenced it")

	if err := p.cluster.Kill(2); err != nil {
		t.Fatal(err)
	}
	if r := p.own(); !r.KafkaReachable || r.Partitions == nil {
		t.Errorf("the last broker answers, whatever its dead neighbour does: %+v", r)
	}
	p.stopped = []int32{2}
	p.becomes(p.own, health.Critical, "6 partitions are under min.insync.replicas:", "1 node is lost: broker 2 (its machine is stopped).", "1 node is suspect: broker 1")

	if err := p.cluster.Kill(3); err != nil {
		t.Fatal(err)
	}
	p.stopped = []int32{1, 2, 3}
	p.becomes(p.own, health.Critical, "No broker of the cluster runs.", "3 nodes are suspect:")
	p.becomes(p.foreign, health.Critical, "Kafka does not answer:")
}
