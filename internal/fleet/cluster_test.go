package fleet

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// slowDriver is a driver whose machines take their time to disappear: some looks after Terminate.
type slowDriver struct {
	leasedDriver
	looks   int
	deleted bool
}

func (d *slowDriver) List(context.Context, string) ([]compute.Instance, error) {
	if d.looks--; d.looks < 0 {
		return nil, nil
	}
	return d.instances, nil
}

func (d *slowDriver) Terminate(_ context.Context, id string) error {
	for i := range d.instances {
		if d.instances[i].ID == id {
			d.instances[i].State = compute.StateTerminating
		}
	}
	return nil
}

func (d *slowDriver) DeleteCluster(context.Context, string) error {
	d.deleted = true
	if d.looks > 0 {
		return compute.ErrInvalid
	}
	return nil
}

// TestAClusterIsForgottenWhenItsMachinesAreGone, and not while one is on its way out: a driver refuses that. A broker that is on its way is no
// broker that still runs.
func TestAClusterIsForgottenWhenItsMachinesAreGone(t *testing.T) {
	machines := func() []compute.Instance {
		return []compute.Instance{
			{ID: "one", Spec: compute.NodeSpec{NodeID: 1, Role: compute.RoleController}, State: compute.StateRunning},
			{ID: "two", Spec: compute.NodeSpec{NodeID: 2, Role: compute.RoleBroker}, State: compute.StateTerminating},
		}
	}
	d := &slowDriver{leasedDriver: leasedDriver{fakeDriver: fakeDriver{instances: machines()}}, looks: 5}
	if err := New(d, Options{Poll: time.Millisecond}).DestroyCluster(t.Context(), "c"); err != nil || !d.deleted {
		t.Errorf("deleted: %t, %v", d.deleted, err)
	}

	d = &slowDriver{leasedDriver: leasedDriver{fakeDriver: fakeDriver{instances: machines()}}, looks: 1 << 30}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := New(d, Options{Poll: time.Millisecond}).DestroyCluster(ctx, "c"); !errors.Is(err, context.DeadlineExceeded) || d.deleted {
		t.Errorf("a machine that stays: %v, deleted: %t", err, d.deleted)
	}

	d = &slowDriver{leasedDriver: leasedDriver{fakeDriver: fakeDriver{instances: machines()}}, looks: 5}
	d.instances[1].State = compute.StateRunning
	if err := New(d, Options{}).DestroyCluster(t.Context(), "c"); !errors.Is(err, ErrInUse) || d.deleted {
		t.Errorf("a broker that runs: %v, deleted: %t", err, d.deleted)
	}
}
