package fleet

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// countingDriver counts observations.
type countingDriver struct {
	fakeDriver
	observations int
}

func (d *countingDriver) List(ctx context.Context, cluster string) ([]compute.Instance, error) {
	d.observations++
	return d.fakeDriver.List(ctx, cluster)
}

// TestBlockedHasToLast: what one observation calls a dead end, the next may show to have been a broker that was behind.
func TestBlockedHasToLast(t *testing.T) {
	spec := goalOf(t, group(nil), 0, compute.Cluster{}).spec
	spec.NodeID, spec.Zone = 4, "a"
	driver := &countingDriver{fakeDriver: fakeDriver{record: compute.Cluster{Name: "c", ID: "x", NextNodeID: 5, Zones: []string{"a", "b", "c"}}}}
	driver.instances = []compute.Instance{{
		ID: "four", Spec: spec, State: compute.StateRunning, LaunchedAt: time.Now().Add(time.Hour),
		Status: &compute.NodeStatus{Phase: compute.PhaseFailed, LastError: "no Java"},
	}}
	client := New(driver, Options{Poll: time.Millisecond})
	_, err := client.converge(t.Context(), "c", client.groupGoal(t.Context(), group(nil)))
	if err == nil || !strings.Contains(err.Error(), "no Java") {
		t.Errorf("%v", err)
	}
	if driver.observations != maxBlocked+1 {
		t.Errorf("it stopped after %d observations, want %d", driver.observations, maxBlocked+1)
	}
}
