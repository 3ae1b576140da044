package computetest

import (
	"testing"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

func testCatalog(t *testing.T, s suite) {
	catalog, err := s.Driver.Catalog(t.Context())
	must(t, err)
	if len(catalog.Zones) < 3 {
		t.Errorf("zones %v, want three at least", catalog.Zones)
	}
	seen := map[string]bool{}
	for _, zone := range catalog.Zones {
		if zone == "" || seen[zone] {
			t.Errorf("zones %q are empty or not unique", catalog.Zones)
		}
		seen[zone] = true
	}
	if len(catalog.InstanceTypes) == 0 {
		t.Error("there is no instance type")
	}
	for name, m := range catalog.InstanceTypes {
		if m.Name != name {
			t.Errorf("type %q calls itself %q", name, m.Name)
		}
		if m.MemoryBytes <= 0 || m.Cores <= 0 || m.NetworkBytesPerSecond <= 0 || len(m.DiskBytes) == 0 {
			t.Errorf("type %q lacks something: %+v", name, m)
		}
		for _, bytes := range m.DiskBytes {
			if bytes <= 0 {
				t.Errorf("type %q has a disk of %d bytes", name, bytes)
			}
		}
	}
}

func testCheckKafka(t *testing.T, s suite) {
	must(t, s.Driver.CheckKafka(t.Context(), s.KafkaVersion))
	for _, version := range []string{"", "latest", "4", "../4.2.1", "3.9.1"} {
		wantError(t, "Kafka version "+version, s.Driver.CheckKafka(t.Context(), version), compute.ErrInvalid)
	}
}

func testRecord(t *testing.T, s suite) {
	_, err := s.Driver.GetCluster(t.Context(), "prod")
	wantError(t, "an unknown cluster", err, compute.ErrNotFound)

	want := compute.Cluster{Name: "prod", ID: clusterID, MetadataVersion: "4.2", Zones: s.zones(t)[:2], NextNodeID: 99}
	must(t, s.Driver.PutCluster(t.Context(), want))
	want.NextNodeID = 1 // The driver's own.
	wantSame(t, "the record", s.record(t, "prod"), want)

	s.launch(t, "prod", 3)
	want.NextNodeID = 4
	wantSame(t, "the record after a launch", s.record(t, "prod"), want)

	want.MetadataVersion, want.Zones, want.MinISRDeclared, want.NextNodeID = "latest", s.zones(t)[:3], true, 2
	want.Groups = map[string]compute.TopicClaim{
		"main":   {Default: true, Since: 7},
		"events": {Patterns: []string{`events\..*`, "clicks|views"}, Since: 1 << 40},
	}
	must(t, s.Driver.PutCluster(t.Context(), want))
	want.NextNodeID = 4
	wantSame(t, "the changed record", s.record(t, "prod"), want)

	s.launch(t, "prod", 4)
	want.NextNodeID = 5
	wantSame(t, "the record with claims after a launch", s.record(t, "prod"), want)

	delete(want.Groups, "events")
	must(t, s.Driver.PutCluster(t.Context(), want))
	wantSame(t, "the record without a claim that was there", s.record(t, "prod"), want)
}

func testRecordID(t *testing.T, s suite) {
	c := s.cluster(t, "prod")
	other := c
	other.ID, other.MetadataVersion = otherID, "4.2"
	wantError(t, "another cluster id", s.Driver.PutCluster(t.Context(), other), compute.ErrInvalid)
	c.NextNodeID = 1
	wantSame(t, "the record", s.record(t, "prod"), c)
}

func testDeleteCluster(t *testing.T, s suite) {
	must(t, s.Driver.DeleteCluster(t.Context(), "prod"))
	c := s.cluster(t, "prod")
	node := s.launch(t, "prod", 5)
	must(t, s.Driver.Terminate(t.Context(), node.ID))
	s.awaitGone(t, "prod", 5)
	must(t, s.Driver.DeleteCluster(t.Context(), "prod"))
	_, err := s.Again().GetCluster(t.Context(), "prod")
	wantError(t, "a deleted cluster", err, compute.ErrNotFound)
	must(t, s.Driver.DeleteCluster(t.Context(), "prod"))

	// What is created under the same name later is another cluster.
	c.ID = otherID
	must(t, s.Driver.PutCluster(t.Context(), c))
	c.NextNodeID = 1
	wantSame(t, "the new record", s.record(t, "prod"), c)
}

func testDeleteClusterInUse(t *testing.T, s suite) {
	c := s.cluster(t, "prod")
	node := s.launch(t, "prod", 1)
	wantError(t, "deleting over a node that runs", s.Driver.DeleteCluster(t.Context(), "prod"), compute.ErrInvalid)
	must(t, s.Driver.Stop(t.Context(), node.ID))
	s.await(t, "prod", 1, compute.StateStopped)
	wantError(t, "deleting over a stopped node", s.Driver.DeleteCluster(t.Context(), "prod"), compute.ErrInvalid)
	c.NextNodeID = 2
	wantSame(t, "the record", s.record(t, "prod"), c)
}
