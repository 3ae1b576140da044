package acceptance

import (
	"context"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// TestSecurityOfAFleetThatWasForgotten lets all certificates of a small fleet end, after which nobody can connect to anybody: the next run gives
// every node another one, and the same nodes serve again. Then a run for which these end too soon replaces them while records are written.
func TestSecurityOfAFleetThatWasForgotten(t *testing.T) {
	w := newWorkspace(t)
	const lifetime = 50 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	client := func(lifetime, before time.Duration) *fleet.Client {
		c := fleet.New(w.driver, fleet.Options{Dial: kafka.New, NodeLifetime: lifetime, RenewBefore: before})
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	zones := []string{"local-a"}
	apply := func(c *fleet.Client) {
		t.Helper()
		if _, _, err := c.ApplyCluster(ctx, fleet.Cluster{
			Name: cluster, KafkaVersion: "4.3.1", Zones: zones, Controllers: 1, InstanceType: "local.small", MetadataVersion: "latest",
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.ApplyGroup(ctx, fleet.BrokerGroup{Cluster: cluster, Name: "main", Brokers: 1, InstanceType: "local.small", Zones: zones, KafkaVersion: "4.3.1", MaxSurge: 1}); err != nil {
			t.Fatal(err)
		}
	}
	good := func() bool {
		all := true
		for _, i := range w.instances() {
			all = all && i.Status != nil && i.Status.CertificateEnds.After(time.Now())
		}
		return all
	}
	apply(client(lifetime, time.Nanosecond))
	before := w.ids()
	w.until("every certificate has ended", 2*lifetime, func() bool {
		for _, i := range w.instances() {
			if i.Status == nil || i.Status.CertificateEnds.After(time.Now()) {
				return false
			}
		}
		return true
	})
	again := client(24*time.Hour, time.Nanosecond)
	if _, r, err := again.Health(ctx, cluster); err != nil || r.KafkaReachable || r.CertificateDays == nil || *r.CertificateDays != 0 {
		t.Errorf("with certificates that have ended: %v, %+v", err, r)
	}
	apply(client(24*time.Hour, time.Nanosecond))
	if after := w.ids(); asJSON(after) != asJSON(before) || !good() {
		t.Errorf("nodes %v are %v now, with good certificates: %t", before, after, good())
	}
	w.until("Kafka serves again", time.Minute, func() bool {
		_, r, err := client(0, time.Nanosecond).Health(ctx, cluster)
		return err == nil && r.KafkaReachable
	})
	// To this one a day is too short. Nobody notices that the nodes are others then.
	k, err := client(0, 0).Kafka(ctx, cluster)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.CreateTopic(ctx, kafka.NewTopic{Name: "load", Partitions: 3, ReplicationFactor: 1, Config: map[string]string{"min.insync.replicas": "1"}}, false); err != nil {
		t.Fatal(err)
	}
	w.underLoad(func() { apply(client(0, 0)) })
	w.fresh(compute.RoleBroker, before)
	w.fresh(compute.RoleController, before)
	if !good() {
		t.Error("a certificate has ended")
	}
	if _, r, err := client(0, 0).Health(ctx, cluster); err != nil || r.CertificateDays == nil || *r.CertificateDays != 364 {
		t.Errorf("a new fleet: %v, %+v", err, r)
	}
}

// ids are the ids of all nodes.
func (w *workspace) ids() []int32 {
	var out []int32
	for _, i := range w.instances() {
		out = append(out, i.Spec.NodeID)
	}
	return out
}
