//go:build aws

package aws

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute/aws/emulator"
)

// late is a driver whose leases expire after a second and are renewed only when they are asked for.
func (c *cloud) late() *Driver {
	d := New(Config{AWS: c.config(), LeaseExpiry: time.Second})
	d.hung = true
	return d
}

// TestALeaseThatIsRenewedMeanwhileIsNotBroken: it was expired when the other looked, and not any more when the other has made its own.
func TestALeaseThatIsRenewedMeanwhileIsNotBroken(t *testing.T) {
	c := newCloud(t, emulator.Config{})
	held, err := c.late().Lock(t.Context(), "prod", "Ada")
	if err != nil {
		t.Fatal(err)
	}
	ada := held.(*lease) //nolint:errcheck,forcetypeassert // This driver's.
	time.Sleep(2100 * time.Millisecond)
	c.Strike(emulator.Faults{After: map[string]func(){"PutParameter": func() {
		if err := ada.write(t.Context(), false); err != nil {
			t.Error(err)
		}
	}}})
	if _, err := c.driver().Lock(t.Context(), "prod", "Bob"); !errors.Is(err, compute.ErrLocked) || !strings.Contains(err.Error(), "Ada") {
		t.Errorf("Bob: %v", err)
	}
	top, names, _, err := c.driver().standing(t.Context(), "prod")
	if err != nil || top.claim.Holder != "Ada" || len(names) != 1 {
		t.Errorf("%q of %q holds it: %v", top.claim.Holder, names, err)
	}
}

// TestALeaseThatIsTakenMeanwhileIsLost: its holder renews it, and finds that there is another one.
func TestALeaseThatIsTakenMeanwhileIsLost(t *testing.T) {
	c := newCloud(t, emulator.Config{})
	d := New(Config{AWS: c.config(), LeaseExpiry: time.Minute})
	d.hung = true
	held, err := d.Lock(t.Context(), "prod", "Ada")
	if err != nil {
		t.Fatal(err)
	}
	ada := held.(*lease) //nolint:errcheck,forcetypeassert // This driver's.
	bob := &lease{d: d, cluster: "prod", number: ada.number + 1, claim: claim{Holder: "Bob", Expiry: time.Minute}}
	if err := bob.write(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if err := ada.renew(t.Context()); !errors.Is(err, compute.ErrLeaseLost) || !strings.Contains(err.Error(), "Bob") {
		t.Errorf("Ada: %v", err)
	}
	if err := ada.Held(t.Context()); !errors.Is(err, compute.ErrLeaseLost) {
		t.Errorf("Ada, later: %v", err)
	}
	ada.Release()
	if top, _, _, err := d.standing(t.Context(), "prod"); err != nil || top.claim.Holder != "Bob" || top.claim.Free {
		t.Errorf("%+v, %v", top, err)
	}
}

// TestANumberIsNotUsedAgain, so that what an old holder still does meets no new lease.
func TestANumberIsNotUsedAgain(t *testing.T) {
	c := newCloud(t, emulator.Config{})
	d := c.prod(t)
	for want := 1; want <= 3; want++ {
		held, err := d.Lock(t.Context(), "prod", "Ada")
		if err != nil {
			t.Fatal(err)
		}
		if n := held.(*lease).number; n != want { //nolint:errcheck,forcetypeassert // This driver's.
			t.Errorf("lease %d has the number %d", want, n)
		}
		held.Release()
	}
	if err := d.DeleteCluster(t.Context(), "prod"); err != nil {
		t.Fatal(err)
	}
	held, err := d.Lock(t.Context(), "prod", "Ada")
	if err != nil {
		t.Fatal(err)
	}
	held.Release()
	if all, err := d.below(t.Context(), root+"prod"); err != nil || len(all) > 0 {
		t.Errorf("a deleted cluster has left %v: %v", all, err)
	}
}

// TestALeaseWhoseReplyIsLostIsHeld: whoever has made it does not lock itself out.
func TestALeaseWhoseReplyIsLostIsHeld(t *testing.T) {
	c := newCloud(t, emulator.Config{})
	c.Strike(emulator.Faults{LoseReplies: map[string]int{"PutParameter": 1}})
	held, err := c.driver().Lock(t.Context(), "prod", "Ada")
	if err != nil {
		t.Fatal(err)
	}
	if err := held.Held(t.Context()); err != nil {
		t.Error(err)
	}
	held.Release()
}

// TestALateTakerFindsOthers: between its look and its claim another one has had the lease and given it up, and a third one has it, whose number is
// higher. The number that it claims is free by then.
func TestALateTakerFindsOthers(t *testing.T) {
	c := newCloud(t, emulator.Config{})
	d := c.driver()
	c.Strike(emulator.Faults{After: map[string]func(){"GetParametersByPath": func() {
		if err := d.PutCluster(t.Context(), compute.Cluster{Name: "prod", ID: "MkU3OEVBNTcwNTJENDM2Qg"}); err != nil {
			t.Error(err)
		}
		ada, err := d.Lock(t.Context(), "prod", "Ada")
		if err != nil {
			t.Error(err)
			return
		}
		ada.Release()
		if _, err := d.Lock(t.Context(), "prod", "Bob"); err != nil {
			t.Error(err)
		}
	}}})
	if _, err := c.driver().Lock(t.Context(), "prod", "Eve"); !errors.Is(err, compute.ErrLocked) || !strings.Contains(err.Error(), "Bob") {
		t.Errorf("Eve: %v", err)
	}
}
