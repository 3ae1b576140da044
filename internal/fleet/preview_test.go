package fleet

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/model"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/throttle"
)

// fakeDriver is a driver of a catalog, a record and a list of nodes: enough to be observed where no node runs.
type fakeDriver struct {
	compute.Driver
	record    compute.Cluster
	instances []compute.Instance
}

func (f fakeDriver) Catalog(context.Context) (compute.Catalog, error) { return catalog, nil }
func (f fakeDriver) GetCluster(context.Context, string) (compute.Cluster, error) {
	return f.record, nil
}
func (fakeDriver) Secret(context.Context, string, string) ([]byte, error) {
	return nil, compute.ErrNotFound
}
func (f fakeDriver) List(context.Context, string) ([]compute.Instance, error) {
	return f.instances, nil
}

// TestPreviewOfASnapshotIsAFunction: Terraform plans twice from the same private state, and must get the same answer, whatever the fleet
// is like by then.
func TestPreviewOfASnapshotIsAFunction(t *testing.T) {
	ctx := context.Background()
	spec := goalOf(t, group(func(b *BrokerGroup) { b.KafkaVersion = "4.2.1" }), 0, compute.Cluster{}).spec
	driver := &fakeDriver{record: compute.Cluster{Name: "c", ID: "x", NextNodeID: 7, Zones: []string{"a", "b", "c"}}}
	for i, zone := range []string{"a", "b", "c"} {
		spec.NodeID, spec.Zone = int32(4+i), zone
		driver.instances = append(driver.instances, compute.Instance{ID: zone, Spec: spec, State: compute.StatePending})
	}
	client := New(driver, Options{})
	snapshot, err := client.Snapshot(ctx, "c", "main")
	if err != nil {
		t.Fatal(err)
	}
	first, err := client.PreviewGroup(ctx, group(nil), snapshot)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int32{4, 5, 6}, first.Replaced); diff != "" || first.Launched != 3 {
		t.Errorf("a new version replaces three nodes: %+v", first)
	}
	driver.instances = driver.instances[:1]
	again, err := New(driver, Options{}).PreviewGroup(ctx, group(nil), snapshot)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, again, cmpopts.EquateErrors()); diff != "" {
		t.Errorf("the second plan differs:\n%s", diff)
	}
}

// TestEstimateCountsWithMeasuredBoots: the median of the group's own, or else of others of its role, or else a guess.
func TestEstimateCountsWithMeasuredBoots(t *testing.T) {
	g := goalOf(t, group(func(b *BrokerGroup) { b.Throttle = throttle.Fixed(50 << 20) }), 0, compute.Cluster{})
	node := func(role compute.Role, group string, boot time.Duration) plan.Node {
		return plan.Node{Role: role, Group: group, Boot: boot}
	}
	own := []plan.Node{node(g.group.Role, "main", 9*time.Second), node(g.group.Role, "main", 2*time.Second), node(g.group.Role, "main", 4*time.Second), node(g.group.Role, "main", 0)}
	other := node(g.group.Role, "other", 7*time.Second)
	controller := node(compute.RoleController, compute.ControllersGroup, time.Second)
	for _, c := range []struct {
		nodes []plan.Node
		want  time.Duration
	}{{append(own, other, controller), 4*time.Second + join}, {[]plan.Node{other, controller}, 7*time.Second + join}, {[]plan.Node{controller}, model.Usual.Boot}} {
		timing := g.timing(observed{Observation: plan.Observation{Nodes: c.nodes}})
		if timing.Boot != c.want || timing.BytesPerSecond != 50<<20 {
			t.Errorf("%+v of %+v, want a boot of %s", timing, c.nodes, c.want)
		}
	}
}

// TestMovesUnderWayAreCounted when an earlier run of ours has begun them, which its throttle shows.
func TestMovesUnderWayAreCounted(t *testing.T) {
	for throttled, want := range map[bool]int64{true: 1000, false: 0} {
		o := observedFleet(1000)
		o.Throttled = throttled
		packed, err := pack(snapshot{Observation: o.Observation, Record: compute.Cluster{ID: "x", Zones: []string{"a", "b", "c"}}})
		if err != nil {
			t.Fatal(err)
		}
		p, err := New(&fakeDriver{}, Options{}).PreviewGroup(context.Background(), group(nil), packed)
		if err != nil || p.BytesToMove != want {
			t.Errorf("%d bytes, %v, want %d", p.BytesToMove, err, want)
		}
	}
}

// TestPreviewWithoutASnapshotStartsFromNothing: what is created is planned without looking at the cluster.
func TestPreviewWithoutASnapshotStartsFromNothing(t *testing.T) {
	p, err := New(&fakeDriver{}, Options{}).PreviewGroup(context.Background(), group(nil), nil)
	if err != nil || p.Launched != 3 || len(p.Steps) != 3 || p.Short != "" {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestForeignMoveIsNoChange: partitions that somebody else moves under a throttle of theirs do not make a plan.
func TestForeignMoveIsNoChange(t *testing.T) {
	steps := []plan.Step{{Kind: plan.ClearThrottles}, {Kind: plan.ClearRates}}
	if !onlySweeps(steps) || onlySweeps(append(steps, plan.Step{Kind: plan.Stop})) {
		t.Error("a sweep alone is not told from a change")
	}
}
