package computetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

func lock(t *testing.T, d compute.Driver, cluster, holder string) compute.Lease {
	t.Helper()
	lease, err := d.Lock(t.Context(), cluster, holder)
	must(t, err)
	t.Cleanup(lease.Release)
	return lease
}

func wantHeld(t *testing.T, what string, lease compute.Lease) {
	t.Helper()
	if err := lease.Held(t.Context()); err != nil {
		t.Errorf("%s is not held: %v", what, err)
	}
}

func wantLost(t *testing.T, what string, lease compute.Lease, says ...string) {
	t.Helper()
	err := lease.Held(t.Context())
	wantError(t, what, err, compute.ErrLeaseLost)
	wantText(t, err, says...)
}

// refused expects that nobody else gets the lease, and that the error names its holder.
func (s suite) refused(t *testing.T, cluster, holder string) {
	t.Helper()
	for _, d := range []compute.Driver{s.Driver, s.Again()} {
		lease, err := d.Lock(t.Context(), cluster, "an intruder")
		if err == nil {
			lease.Release()
		}
		wantError(t, "a second lease", err, compute.ErrLocked)
		wantText(t, err, holder, cluster)
	}
}

func testLock(t *testing.T, s suite) {
	s.cluster(t, "prod")
	ada := lock(t, s.Driver, "prod", "Ada's apply")
	wantHeld(t, "a new lease", ada)
	s.refused(t, "prod", "Ada's apply")
	ada.Release()
	wantLost(t, "a lease that was given up", ada, "prod")
	bob := lock(t, s.Again(), "prod", "Bob's apply")
	ada.Release() // Giving up a lease twice does not take it from the next holder.
	s.refused(t, "prod", "Bob's apply")
	wantHeld(t, "the next lease", bob)
	wantLost(t, "a lease that was given up", ada, "prod")
	bob.Release()
	s.record(t, "prod")
}

func testLockRace(t *testing.T, s suite) {
	s.cluster(t, "prod")
	s.wantOneHolder(t)
}

// wantOneHolder lets many try to take the lease at once.
func (s suite) wantOneHolder(t *testing.T) {
	t.Helper()
	var held sync.Map
	wantOneWinner(t, race(8, func(i int) error {
		lease, err := s.Again().Lock(t.Context(), "prod", fmt.Sprintf("number %d of many", i))
		if err == nil {
			held.Store(i, lease)
		}
		return err
	}), compute.ErrLocked)
	held.Range(func(_, value any) bool {
		if lease, ok := value.(compute.Lease); ok {
			wantHeld(t, "the winner's lease", lease)
			lease.Release()
		}
		return true
	})
}

func testLockWithoutRecord(t *testing.T, s suite) {
	lease := lock(t, s.Driver, "new", "the creator")
	s.refused(t, "new", "the creator")
	if _, err := s.Driver.GetCluster(t.Context(), "new"); !errors.Is(err, compute.ErrNotFound) {
		t.Errorf("the lease has made a record: %v", err)
	}
	s.cluster(t, "new")
	s.refused(t, "new", "the creator")
	wantHeld(t, "the creator's lease", lease)
	lease.Release()
	s.record(t, "new")
}

func testLockOverDelete(t *testing.T, s suite) {
	s.cluster(t, "prod")
	lease := lock(t, s.Driver, "prod", "the destroyer")
	must(t, s.Driver.DeleteCluster(t.Context(), "prod"))
	s.refused(t, "prod", "the destroyer")
	wantHeld(t, "the destroyer's lease", lease)
	lease.Release()
	lock(t, s.Again(), "prod", "a new creator").Release()
}

func testLockOther(t *testing.T, s suite) {
	s.cluster(t, "prod")
	s.cluster(t, "test")
	ada := lock(t, s.Driver, "prod", "Ada")
	bob := lock(t, s.Again(), "test", "Bob")
	wantHeld(t, "the lease of another cluster", bob)
	bob.Release()
	s.refused(t, "prod", "Ada")
	wantHeld(t, "the lease of the first", ada)
}

func testLeaseBroken(t *testing.T, s suite) {
	s.cluster(t, "prod")
	began := time.Now()
	ada := lock(t, s.Brief(true), "prod", "Ada's apply")
	wantHeld(t, "a new lease", ada)
	var bob compute.Lease
	eventually(t, "the lease of a holder that hangs is taken over", func() bool {
		lease, err := s.Again().Lock(t.Context(), "prod", "Bob's apply")
		if err != nil {
			wantError(t, "a lease that has not expired", err, compute.ErrLocked)
			wantText(t, err, "Ada's apply", "prod")
			return false
		}
		bob = lease
		return true
	})
	defer bob.Release()
	if age := time.Since(began); age < s.LeaseExpiry {
		t.Errorf("the lease was broken when it was %s old, and expires after %s", age, s.LeaseExpiry)
	}
	wantLost(t, "the broken lease", ada, "Bob's apply", "prod")
	wantHeld(t, "the new lease", bob)
	ada.Release()
	s.refused(t, "prod", "Bob's apply")
	wantHeld(t, "the new lease, after the broken one was given up", bob)
}

func testLeaseBrokenOnce(t *testing.T, s suite) {
	s.cluster(t, "prod")
	ada := lock(t, s.Brief(true), "prod", "Ada's apply")
	time.Sleep(s.LeaseExpiry + s.LeaseExpiry/20 + s.LeaseGrain)
	s.wantOneHolder(t)
	wantLost(t, "the broken lease", ada, "prod")
}

func testLeaseOverdue(t *testing.T, s suite) {
	s.cluster(t, "prod")
	ada := lock(t, s.Brief(true), "prod", "Ada's apply")
	time.Sleep(s.LeaseExpiry + s.LeaseExpiry/20 + s.LeaseGrain)
	for range 2 {
		wantLost(t, "a lease that is overdue and that nobody has taken", ada, "prod")
	}
	lock(t, s.Again(), "prod", "Bob's apply").Release()
	wantLost(t, "a lease that was overdue, and was taken and given up since", ada, "prod")
}

func testLeaseRenewed(t *testing.T, s suite) {
	s.cluster(t, "prod")
	ada := lock(t, s.Brief(false), "prod", "Ada's apply")
	// Nobody asks for it meanwhile, which could renew it too.
	for began := time.Now(); time.Since(began) < 2*s.LeaseExpiry+s.LeaseExpiry/2; time.Sleep(s.LeaseExpiry / 20) {
		s.refused(t, "prod", "Ada's apply")
	}
	wantHeld(t, "a lease that is renewed", ada)
	ada.Release()
	lock(t, s.Again(), "prod", "Bob's apply").Release()
}

// testLeaseHeldIsCheap: it is asked before each effect of a rollout.
func testLeaseHeldIsCheap(t *testing.T, s suite) {
	s.cluster(t, "prod")
	ada := lock(t, s.Driver, "prod", "Ada's apply")
	const times = 100
	began := time.Now()
	for range times {
		wantHeld(t, "a lease", ada)
	}
	if each := time.Since(began) / times; each > 100*time.Millisecond {
		t.Errorf("to ask for a lease takes %s", each)
	}
}
