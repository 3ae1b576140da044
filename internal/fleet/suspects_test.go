package fleet

import (
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
)

// TestEachWitnessSpeaksForItself: compute was wrong about a broker for ten minutes. When that broker hangs a moment later, only that
// moment counts.
func TestEachWitnessSpeaksForItself(t *testing.T) {
	c := &Client{suspects: map[string]map[int32]doubts{}}
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	look := func(at time.Time, change func(*plan.Node)) time.Time {
		n := plan.Node{ID: 7, Role: compute.RoleBroker, InstanceID: "i-7", State: compute.StateRunning, Registered: true}
		change(&n)
		o := observed{Observation: plan.Observation{KafkaUp: true, Nodes: []plan.Node{n}}}
		c.sinceWhen("events", &o, at)
		return o.Nodes[0].SuspectSince
	}
	stopped := func(n *plan.Node) { n.State, n.SuspectSince = compute.StateStopped, noon }
	fenced := func(n *plan.Node) { n.Fenced = true }
	both := func(n *plan.Node) { stopped(n); fenced(n) }

	if since := look(noon.Add(10*time.Minute), stopped); !since.Equal(noon) {
		t.Errorf("compute says since when, and it is %s", since)
	}
	hung := noon.Add(11 * time.Minute)
	if since := look(hung, fenced); !since.Equal(hung) {
		t.Errorf("Kafka has given it up just now, and not at %s", since)
	}
	if since := look(noon.Add(12*time.Minute), both); !since.Equal(noon) {
		t.Errorf("the first of the two counts, and that is not %s", since)
	}
	if since := look(noon.Add(13*time.Minute), fenced); !since.Equal(hung) {
		t.Errorf("Kafka has missed it ever since, and not since %s", since)
	}
	if since := look(noon.Add(14*time.Minute), func(*plan.Node) {}); !since.IsZero() {
		t.Errorf("nobody has anything against it, since %s", since)
	}
}
