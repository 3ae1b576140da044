package fleet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// fakeLease is held until lost says otherwise.
type fakeLease struct {
	lost     error
	released int
}

func (l *fakeLease) Held(context.Context) error { return l.lost }
func (l *fakeLease) Release()                   { l.released++ }

// leasedDriver is one whose lease another run gives up after so many tries.
type leasedDriver struct {
	fakeDriver
	tries, free int
	lease       fakeLease
}

func (d *leasedDriver) Lock(context.Context, string, string) (compute.Lease, error) {
	if d.tries++; d.tries < d.free {
		return nil, fmt.Errorf("cluster %q: %w: Ada's apply", "c", compute.ErrLocked)
	}
	return &d.lease, nil
}

// TestALeaseOfAnotherRunIsWaitedFor: the provider of a Terraform that was killed gives it up a moment later.
func TestALeaseOfAnotherRunIsWaitedFor(t *testing.T) {
	driver := &leasedDriver{free: 3}
	unlock, err := New(driver, Options{Poll: time.Millisecond}).lock(t.Context(), "c")
	if err != nil || driver.tries != 3 {
		t.Fatalf("after %d tries: %v", driver.tries, err)
	}
	if unlock(); driver.lease.released != 1 {
		t.Errorf("it was given up %d times", driver.lease.released)
	}
}

// TestTheEngineIsToldThatItsLeaseIsLost: who writes asks right before, and nobody writes without a lease.
func TestTheEngineIsToldThatItsLeaseIsLost(t *testing.T) {
	driver := &leasedDriver{}
	client := New(driver, Options{})
	without := func(when string) {
		t.Helper()
		if err := client.held(t.Context(), "c"); !errors.Is(err, compute.ErrLeaseLost) || !strings.Contains(err.Error(), `"c"`) {
			t.Errorf("%s: %v", when, err)
		}
	}
	without("before it was taken")
	unlock, err := client.lock(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	if err := client.held(t.Context(), "c"); err != nil {
		t.Errorf("while it is held: %v", err)
	}
	if err := client.held(t.Context(), "other"); !errors.Is(err, compute.ErrLeaseLost) {
		t.Errorf("another cluster's: %v", err)
	}
	driver.lease.lost = fmt.Errorf("cluster %q: %w: Bob's apply has it", "c", compute.ErrLeaseLost)
	if err := client.held(t.Context(), "c"); !errors.Is(err, driver.lease.lost) {
		t.Errorf("after it was lost: %v", err)
	}
	driver.lease.lost = nil
	unlock()
	without("after it was given up")
}

// TestALeaseIsNotWaitedForForEver: who holds it is said, and the next one in this process has its turn.
func TestALeaseIsNotWaitedForForEver(t *testing.T) {
	driver := &leasedDriver{free: 1 << 30}
	client := New(driver, Options{Poll: time.Millisecond, LockTimeout: 5 * time.Millisecond})
	for range 2 {
		_, err := client.lock(t.Context(), "c")
		if !errors.Is(err, compute.ErrLocked) || !strings.Contains(err.Error(), "Ada's apply") || !strings.Contains(err.Error(), "nothing was begun") {
			t.Errorf("%v", err)
		}
	}
}

// TestAnInterruptedRunDoesNotWait: neither for another resource of its own nor for another run.
func TestAnInterruptedRunDoesNotWait(t *testing.T) {
	client := New(&leasedDriver{}, Options{})
	unlock, err := client.lock(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.lock(ctx, "c"); !errors.Is(err, context.Canceled) {
		t.Errorf("while another resource works: %v", err)
	}
	if _, err := New(&leasedDriver{free: 1 << 30}, Options{}).lock(ctx, "c"); err == nil {
		t.Error("another run holds the lease, and it was taken")
	}
}
