package computetest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

func testLaunch(t *testing.T, s suite) {
	s.cluster(t, "prod")
	if got := s.list(t, "prod"); len(got) != 0 {
		t.Errorf("a new cluster has instances: %v", got)
	}
	before := time.Now()
	launched := s.launch(t, "prod", 1)
	found, ok := s.find(t, "prod", 1)
	if !ok {
		t.Fatal("the node is not listed after its launch")
	}
	wantSame(t, "the launched node's spec", launched.Spec, s.spec(t, "prod", 1))
	wantSame(t, "the listed node's spec", found.Spec, s.spec(t, "prod", 1))
	if launched.ID == "" || launched.ID != found.ID {
		t.Errorf("launched as %q and listed as %q", launched.ID, found.ID)
	}
	for _, i := range []compute.Instance{launched, found} {
		if i.State != compute.StatePending && i.State != compute.StateRunning {
			t.Errorf("a new node is %s (%s)", i.State, i.StateReason)
		}
		if age := i.LaunchedAt.Sub(before); age < -time.Minute || age > time.Minute {
			t.Errorf("launched at %s, when it was %s", i.LaunchedAt, before)
		}
	}
}

func testReport(t *testing.T, s suite) {
	s.cluster(t, "prod")
	s.launch(t, "prod", 1)
	found := s.await(t, "prod", 1, compute.StateRunning)
	if found.Status == nil || found.Status.Phase == "" {
		t.Errorf("a node that runs has the report %+v", found.Status)
	}
	eventually(t, "the node has an address", func() bool {
		i, _ := s.find(t, "prod", 1)
		return i.Address != ""
	})
}

func testReportsRegularly(t *testing.T, s suite) {
	s.cluster(t, "prod")
	s.launch(t, "prod", 1)
	last := s.await(t, "prod", 1, compute.StateRunning).Status.UpdatedAt
	if age := time.Since(last); age < -time.Minute || age > time.Minute {
		t.Errorf("the first report says that it was made %s ago", age)
	}
	for range 2 {
		began := time.Now()
		eventually(t, "the agent has reported anew", func() bool {
			i, _ := s.find(t, "prod", 1)
			return i.Status != nil && i.Status.UpdatedAt.After(last)
		})
		i, _ := s.find(t, "prod", 1)
		last = i.Status.UpdatedAt
		// A busy machine may take its time.
		if took := time.Since(began); took > 3*compute.ReportEvery {
			t.Errorf("the agent has not reported for %s", took)
		}
	}
}

func testStateSince(t *testing.T, s suite) {
	s.cluster(t, "prod")
	// A driver may count in whole seconds, and another clock may be ahead a bit.
	const slack = 2 * time.Second
	within := func(i compute.Instance, from time.Time) {
		t.Helper()
		if i.StateSince.Before(from.Add(-slack)) || i.StateSince.After(time.Now().Add(slack)) {
			t.Errorf("%s since %s, which is not between %s and now", i.State, i.StateSince, from)
		}
	}
	began := time.Now()
	launched := s.launch(t, "prod", 1)
	running := s.await(t, "prod", 1, compute.StateRunning)
	for _, i := range []compute.Instance{launched, running} {
		if !i.StateSince.IsZero() {
			within(i, began)
		}
	}
	eventually(t, "time passes", func() bool { return time.Since(began) > slack+time.Second })
	again, _ := s.find(t, "prod", 1)
	wantSame(t, "since when the node runs", again.StateSince, running.StateSince)

	asked := time.Now()
	must(t, s.Driver.Stop(t.Context(), launched.ID))
	stopped := s.await(t, "prod", 1, compute.StateStopped)
	within(stopped, asked)
	eventually(t, "time passes", func() bool { return time.Since(asked) > slack+time.Second })
	must(t, s.Driver.Stop(t.Context(), launched.ID))
	again, _ = s.find(t, "prod", 1)
	wantSame(t, "since when the node is stopped", again.StateSince, stopped.StateSince)
}

func testMaintenance(t *testing.T, s suite) {
	s.cluster(t, "prod")
	for id := int32(1); id <= 2; id++ {
		s.launch(t, "prod", id)
		if i := s.await(t, "prod", id, compute.StateRunning); i.Maintenance != "" {
			t.Errorf("a new node is scheduled for maintenance: %s", i.Maintenance)
		}
	}
	node, _ := s.find(t, "prod", 1)
	const reason = "the rack is retired on Friday"
	s.Schedule(t, node, reason)
	eventually(t, "the maintenance is known", func() bool {
		i, _ := s.find(t, "prod", 1)
		return strings.Contains(i.Maintenance, reason)
	})
	if i, _ := s.find(t, "prod", 1); i.State != compute.StateRunning {
		t.Errorf("a node that is scheduled for maintenance is %s", i.State)
	}
	if i, _ := s.find(t, "prod", 2); i.Maintenance != "" {
		t.Errorf("the other node is scheduled for maintenance: %s", i.Maintenance)
	}
}

func testLaunchInvalid(t *testing.T, s suite) {
	_, err := s.Driver.Launch(t.Context(), s.spec(t, "prod", 1))
	wantError(t, "a launch without a cluster", err, compute.ErrNotFound)
	s.cluster(t, "prod")
	catalog, err := s.Driver.Catalog(t.Context())
	must(t, err)
	for what, change := range map[string]func(*compute.NodeSpec) []string{
		"zone": func(s *compute.NodeSpec) []string {
			s.Zone = "atlantis-a"
			return []string{"atlantis-a", catalog.Zones[0]}
		},
		"type": func(s *compute.NodeSpec) []string {
			small := s.InstanceType
			s.InstanceType = "abacus.huge"
			return []string{"abacus.huge", small}
		},
		"version":    func(s *compute.NodeSpec) []string { s.KafkaVersion = "3.9.1"; return []string{"3.9.1"} },
		"cluster id": func(s *compute.NodeSpec) []string { s.ClusterID = otherID; return []string{otherID} },
		"role":       func(s *compute.NodeSpec) []string { s.Role = "witness"; return []string{"witness"} },
	} {
		spec := s.spec(t, "prod", 1)
		says := change(&spec)
		_, err := s.Driver.Launch(t.Context(), spec)
		wantError(t, "unknown "+what, err, compute.ErrInvalid)
		wantText(t, err, says...)
	}
	if got := s.list(t, "prod"); len(got) != 0 {
		t.Errorf("refused launches have left %v", got)
	}
	s.wantNextNodeID(t, 1)
}

func testLaunchCancelled(t *testing.T, s suite) {
	s.cluster(t, "prod")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if i, err := s.Driver.Launch(ctx, s.spec(t, "prod", 1)); err == nil {
		t.Errorf("launched %v", i)
	}
	if got := s.list(t, "prod"); len(got) != 0 {
		t.Errorf("the launch has left %v", got)
	}
}

func testNodeIDs(t *testing.T, s suite) {
	s.cluster(t, "prod")
	refuse := func(what string, id int32) {
		t.Helper()
		_, err := s.Again().Launch(t.Context(), s.spec(t, "prod", id))
		wantError(t, fmt.Sprintf("%s (%d)", what, id), err, compute.ErrNodeIDUsed)
	}
	refuse("below the first", 0)
	s.launch(t, "prod", 1)
	s.wantNextNodeID(t, 2)
	refuse("a living node's", 1)
	s.launch(t, "prod", 4)
	s.wantNextNodeID(t, 5)
	refuse("passed over", 3)
	for _, i := range s.list(t, "prod") {
		must(t, s.Driver.Terminate(t.Context(), i.ID))
	}
	s.awaitGone(t, "prod", 4)
	refuse("a terminated node's", 4)
	refuse("a terminated node's", 1)
	s.wantNextNodeID(t, 5)
	s.launch(t, "prod", 5)
}

func testLaunchRace(t *testing.T, s suite) {
	s.cluster(t, "prod")
	spec := s.spec(t, "prod", 1)
	wantOneWinner(t, race(8, func(int) error {
		_, err := s.Again().Launch(t.Context(), spec)
		return err
	}), compute.ErrNodeIDUsed)
	if got := s.list(t, "prod"); len(got) != 1 {
		t.Errorf("the race has left %d instances, want 1: %v", len(got), got)
	}
}

func testLaunchMany(t *testing.T, s suite) {
	const clusters = 6
	specs := make([]compute.NodeSpec, clusters)
	for i := range specs {
		name := fmt.Sprintf("c%d", i)
		s.cluster(t, name)
		specs[i] = s.spec(t, name, 1)
	}
	for _, err := range race(clusters, func(i int) error {
		_, err := s.Driver.Launch(t.Context(), specs[i])
		return err
	}) {
		must(t, err)
	}
	ids, addresses := map[string]bool{}, map[string]bool{}
	for _, spec := range specs {
		i := s.await(t, spec.Cluster, 1, compute.StateRunning)
		if ids[i.ID] || addresses[i.Address] {
			t.Errorf("%s at %s is there twice", i.ID, i.Address)
		}
		ids[i.ID], addresses[i.Address] = true, true
	}
}

func testListOrder(t *testing.T, s suite) {
	if got := s.list(t, "nowhere"); len(got) != 0 {
		t.Errorf("an unknown cluster has instances: %v", got)
	}
	s.cluster(t, "prod")
	want := []int32{2, 9, 10, 101}
	for _, id := range want {
		s.launch(t, "prod", id)
	}
	var got []int32
	for _, i := range s.list(t, "prod") {
		got = append(got, i.Spec.NodeID)
	}
	wantSame(t, "the order of the list", got, want)
}

func testNames(t *testing.T, s suite) {
	for _, name := range []string{"c", "c-1", "c-1-1"} {
		s.cluster(t, name)
		s.launch(t, name, 1)
		s.launch(t, name, 11)
	}
	node, _ := s.find(t, "c-1", 1)
	must(t, s.Driver.Terminate(t.Context(), node.ID))
	s.awaitGone(t, "c-1", 1)
	for cluster, want := range map[string]int{"c": 2, "c-1": 1, "c-1-1": 2} {
		instances := s.list(t, cluster)
		if len(instances) != want {
			t.Errorf("cluster %s has %d instances, want %d", cluster, len(instances), want)
		}
		for _, i := range instances {
			if i.Spec.Cluster != cluster || i.State == compute.StateStopped {
				t.Errorf("cluster %s has %s of %s, %s", cluster, i.ID, i.Spec.Cluster, i.State)
			}
		}
	}
}

func testStop(t *testing.T, s suite) {
	s.cluster(t, "prod")
	node := s.launch(t, "prod", 1)
	s.launch(t, "prod", 2)
	s.await(t, "prod", 1, compute.StateRunning)
	must(t, s.Driver.Stop(t.Context(), node.ID))
	if i, _ := s.find(t, "prod", 1); i.State != compute.StateStopping && i.State != compute.StateStopped {
		t.Errorf("after Stop the node is %s", i.State)
	}
	must(t, s.Again().Stop(t.Context(), node.ID))
	stopped := s.await(t, "prod", 1, compute.StateStopped)
	if stopped.StateReason == "" {
		t.Error("a stopped node has no reason")
	}
	wantSame(t, "the stopped node's spec", stopped.Spec, s.spec(t, "prod", 1))
	must(t, s.Driver.Stop(t.Context(), node.ID))
	s.await(t, "prod", 1, compute.StateStopped)
	s.await(t, "prod", 2, compute.StateRunning)
}

func testStopUnknown(t *testing.T, s suite) {
	s.cluster(t, "prod")
	node := s.launch(t, "prod", 1)
	must(t, s.Driver.Terminate(t.Context(), node.ID))
	s.awaitGone(t, "prod", 1)
	for _, id := range []string{"", "no such instance", node.ID + "0"} {
		wantError(t, "stopping "+id, s.Driver.Stop(t.Context(), id), compute.ErrNotFound)
	}
}

func testTerminate(t *testing.T, s suite) {
	s.cluster(t, "prod")
	node := s.launch(t, "prod", 1)
	s.launch(t, "prod", 2)
	must(t, s.Again().Terminate(t.Context(), node.ID))
	s.awaitGone(t, "prod", 1)
	must(t, s.Driver.Terminate(t.Context(), node.ID))
	s.await(t, "prod", 2, compute.StateRunning)
}

func testTerminateStopped(t *testing.T, s suite) {
	s.cluster(t, "prod")
	node := s.launch(t, "prod", 1)
	must(t, s.Driver.Stop(t.Context(), node.ID))
	s.await(t, "prod", 1, compute.StateStopped)
	must(t, s.Driver.Terminate(t.Context(), node.ID))
	s.awaitGone(t, "prod", 1)
}

func testTerminateUnknown(t *testing.T, s suite) {
	s.cluster(t, "prod")
	node := s.launch(t, "prod", 1)
	for _, id := range []string{"", "no such instance", node.ID + "0", "local-..-1", "local-../prod-1"} {
		must(t, s.Driver.Terminate(t.Context(), id))
	}
	s.await(t, "prod", 1, compute.StateRunning)
}

func testTerminateRace(t *testing.T, s suite) {
	s.cluster(t, "prod")
	node := s.launch(t, "prod", 1)
	for _, err := range race(4, func(int) error { return s.Again().Terminate(t.Context(), node.ID) }) {
		must(t, err)
	}
	s.awaitGone(t, "prod", 1)
}
