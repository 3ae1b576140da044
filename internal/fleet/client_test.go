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

// leasedDriver is one whose lease another run gives up after so many tries.
type leasedDriver struct {
	fakeDriver
	tries, free int
	released    int
}

func (d *leasedDriver) Lock(context.Context, string, string) (unlock func(), err error) {
	if d.tries++; d.tries < d.free {
		return nil, fmt.Errorf("cluster %q: %w: Ada's apply", "c", compute.ErrLocked)
	}
	return func() { d.released++ }, nil
}

// TestALeaseOfAnotherRunIsWaitedFor: the provider of a Terraform that was killed gives it up a moment later.
func TestALeaseOfAnotherRunIsWaitedFor(t *testing.T) {
	driver := &leasedDriver{free: 3}
	unlock, err := New(driver, Options{Poll: time.Millisecond}).lock(t.Context(), "c")
	if err != nil || driver.tries != 3 {
		t.Fatalf("after %d tries: %v", driver.tries, err)
	}
	if unlock(); driver.released != 1 {
		t.Errorf("it was given up %d times", driver.released)
	}
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
