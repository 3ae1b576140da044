package computetest

import (
	"errors"
	"sync"
	"testing"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// refused expects that nobody else gets the lease, and that the error names its holder.
func (s suite) refused(t *testing.T, cluster, holder string) {
	t.Helper()
	for _, d := range []compute.Driver{s.Driver, s.Again()} {
		unlock, err := d.Lock(t.Context(), cluster, "an intruder")
		if err == nil {
			unlock()
		}
		wantError(t, "a second lease", err, compute.ErrLocked)
		wantText(t, err, holder, cluster)
	}
}

func testLock(t *testing.T, s suite) {
	s.cluster(t, "prod")
	unlock, err := s.Driver.Lock(t.Context(), "prod", "Ada's apply")
	must(t, err)
	s.refused(t, "prod", "Ada's apply")
	unlock()
	again, err := s.Again().Lock(t.Context(), "prod", "Bob's apply")
	must(t, err)
	unlock() // Giving up a lease twice does not take it from the next holder.
	s.refused(t, "prod", "Bob's apply")
	again()
	s.record(t, "prod")
}

func testLockRace(t *testing.T, s suite) {
	s.cluster(t, "prod")
	var held sync.Map
	wantOneWinner(t, race(8, func(i int) error {
		unlock, err := s.Again().Lock(t.Context(), "prod", "one of many")
		if err == nil {
			held.Store(i, unlock)
		}
		return err
	}), compute.ErrLocked)
	held.Range(func(_, unlock any) bool {
		if f, ok := unlock.(func()); ok {
			f()
		}
		return true
	})
}

func testLockWithoutRecord(t *testing.T, s suite) {
	unlock, err := s.Driver.Lock(t.Context(), "new", "the creator")
	must(t, err)
	s.refused(t, "new", "the creator")
	if _, err := s.Driver.GetCluster(t.Context(), "new"); !errors.Is(err, compute.ErrNotFound) {
		t.Errorf("the lease has made a record: %v", err)
	}
	s.cluster(t, "new")
	s.refused(t, "new", "the creator")
	unlock()
	s.record(t, "new")
}

func testLockOverDelete(t *testing.T, s suite) {
	s.cluster(t, "prod")
	unlock, err := s.Driver.Lock(t.Context(), "prod", "the destroyer")
	must(t, err)
	must(t, s.Driver.DeleteCluster(t.Context(), "prod"))
	s.refused(t, "prod", "the destroyer")
	unlock()
	unlock, err = s.Again().Lock(t.Context(), "prod", "a new creator")
	must(t, err)
	unlock()
}

func testLockOther(t *testing.T, s suite) {
	s.cluster(t, "prod")
	s.cluster(t, "test")
	unlock, err := s.Driver.Lock(t.Context(), "prod", "Ada")
	must(t, err)
	defer unlock()
	other, err := s.Again().Lock(t.Context(), "test", "Bob")
	must(t, err)
	other()
	s.refused(t, "prod", "Ada")
}
