//go:build linux

package local

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// run is another process that holds the lease of "prod".
type run struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.Writer
	out *bufio.Reader
}

func startRun(t *testing.T, d *Driver, expiry time.Duration) *run {
	t.Helper()
	cmd := exec.Command(os.Args[0], "lock", d.root, expiry.String())
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	r := &run{t: t, cmd: cmd, in: in, out: bufio.NewReader(out)}
	if answer := r.answer(); answer != "held" {
		t.Fatalf("the other process says %q", answer)
	}
	return r
}

func (r *run) answer() string {
	r.t.Helper()
	line, err := r.out.ReadString('\n')
	if err != nil {
		r.t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// ask asks the run if it holds its lease.
func (r *run) ask() string {
	r.t.Helper()
	if _, err := io.WriteString(r.in, "\n"); err != nil {
		r.t.Fatal(err)
	}
	return r.answer()
}

func (r *run) signal(s os.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

func mustLock(t *testing.T, d *Driver, holder string) compute.Lease {
	t.Helper()
	lease, err := d.Lock(t.Context(), "prod", holder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lease.Release)
	return lease
}

// hungLease is one that is renewed only when the test does it.
func hungLease(t *testing.T, d *Driver, expiry time.Duration) *lease {
	t.Helper()
	hung := *d
	hung.hung, hung.leaseExpiry = true, expiry
	l, ok := mustLock(t, &hung, "a run that hangs").(*lease)
	if !ok {
		t.Fatal("not a lease of this package")
	}
	return l
}

func TestALeaseDiesWithItsProcess(t *testing.T) {
	d := newDriver(t, newRoot(t))
	cluster(t, d)
	other := startRun(t, d, compute.LeaseExpiry)
	_, err := d.Lock(t.Context(), "prod", "me")
	if !errors.Is(err, compute.ErrLocked) {
		t.Fatalf("the lease of another process: %v", err)
	}
	for _, says := range []string{"a run in trouble", "process " + strconv.Itoa(other.cmd.Process.Pid), "prod"} {
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%q does not say %q", err, says)
		}
	}
	other.signal(syscall.SIGKILL)
	_ = other.cmd.Wait()
	mustLock(t, d, "me")
}

// A process that is killed while it forks leaves a child that holds the lease until it runs its program.
func TestALeaseThatADeadRunStillHoldsIsWaitedFor(t *testing.T) {
	d := newDriver(t, newRoot(t))
	cluster(t, d)
	path := filepath.Join(d.clusterDir("prod"), clusterLockFile)
	child := flock.New(path)
	if free, err := child.TryLock(); err != nil || !free {
		t.Fatal(free, err)
	}
	dead := newHolder("a run that died", compute.LeaseExpiry)
	dead.Process.Started--
	if err := dead.write(path); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, func() { _ = child.Close() })
	mustLock(t, d, "the next run")
}

// A process that is stopped (Ctrl-Z, a debugger) loses its lease to the next run, and finds out before it does anything else.
func TestAStoppedRunLosesItsLeaseToTheNext(t *testing.T) {
	const expiry = 2 * time.Second
	d := newDriver(t, newRoot(t))
	cluster(t, d)
	hung := startRun(t, d, expiry)
	hung.signal(syscall.SIGSTOP)
	var next compute.Lease
	eventually(t, "the lease of a stopped run is taken over", func() bool {
		var err error
		next, err = d.Lock(t.Context(), "prod", "the next run")
		if err != nil && !errors.Is(err, compute.ErrLocked) {
			t.Fatal(err)
		}
		return err == nil
	})
	defer next.Release()
	hung.signal(syscall.SIGCONT)
	for range 2 {
		if answer := hung.ask(); !strings.Contains(answer, compute.ErrLeaseLost.Error()) || !strings.Contains(answer, "taken over by the next run") {
			t.Errorf("the run that was stopped says %q", answer)
		}
	}
	if err := next.Held(t.Context()); err != nil {
		t.Errorf("the next run: %v", err)
	}
	// It ends, and with that gives up a lease that is its own no more.
	hung.signal(syscall.SIGKILL)
	_ = hung.cmd.Wait()
	if _, err := d.Lock(t.Context(), "prod", "a third run"); !errors.Is(err, compute.ErrLocked) || !strings.Contains(err.Error(), "the next run") {
		t.Errorf("the lease of the next run: %v", err)
	}
}

func TestAStoppedRunLosesItsLeaseAlsoToNobody(t *testing.T) {
	const expiry = 2 * time.Second
	d := newDriver(t, newRoot(t))
	cluster(t, d)
	hung := startRun(t, d, expiry)
	hung.signal(syscall.SIGSTOP)
	time.Sleep(expiry + expiry/10) // What is tested is how long it takes.
	hung.signal(syscall.SIGCONT)
	for range 2 {
		if answer := hung.ask(); !strings.Contains(answer, compute.ErrLeaseLost.Error()) || !strings.Contains(answer, "nobody else has taken it") {
			t.Errorf("the run that was stopped says %q", answer)
		}
	}
}

// Held makes up for a renewal that is overdue: the regular one may be late where the process was.
func TestALateRenewalIsMadeUpFor(t *testing.T) {
	const expiry = 3 * time.Second
	d := newDriver(t, newRoot(t))
	cluster(t, d)
	l := hungLease(t, d, expiry)
	eventually(t, "the lease is past its half", func() bool { h := l.record(); return h.age() > h.Expiry/2 })
	if err := l.Held(t.Context()); err != nil {
		t.Fatal(err)
	}
	if h := l.record(); h.age() > h.Expiry/2 {
		t.Errorf("a lease that was asked for was renewed %s ago", h.age())
	}
	if h := readHolder(l.path()); h != l.record() {
		t.Errorf("the file says %+v, and the lease %+v", h, l.record())
	}
}

// While the root cannot be locked nothing is renewed, and what cannot be renewed is not held.
func TestALeaseThatCannotBeRenewedIsNotHeld(t *testing.T) {
	const expiry = time.Second
	d := newDriver(t, newRoot(t))
	cluster(t, d)
	l := hungLease(t, d, expiry)
	root, err := d.lockRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the lease is past its half", func() bool { h := l.record(); return h.age() > h.Expiry/2 })
	began := time.Now()
	if err := l.Held(t.Context()); !errors.Is(err, compute.ErrLeaseLost) {
		t.Errorf("a lease that cannot be renewed: %v", err)
	}
	if took := time.Since(began); took > 10*expiry {
		t.Errorf("it took %s to say so", took)
	}
	if !l.lost() {
		t.Errorf("renewed %s ago, and not lost", l.record().age())
	}
	root()
	if err := l.Held(t.Context()); !errors.Is(err, compute.ErrLeaseLost) {
		t.Errorf("a lease that was lost: %v", err)
	}
}

// Whoever is sure that a run is dead may remove its lease by hand: the run, should it live, finds out.
func TestALeaseWhoseFileWasRemovedIsLost(t *testing.T) {
	d := newDriver(t, newRoot(t))
	cluster(t, d)
	for name, says := range map[string]string{"and taken by another": "taken over by the next run", "and nothing more": "is gone"} {
		t.Run(name, func(t *testing.T) {
			old := mustLock(t, d, "the old run")
			if err := os.Remove(filepath.Join(d.clusterDir("prod"), clusterLockFile)); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(says, "the next run") {
				next := mustLock(t, d, "the next run")
				defer func() {
					old.Release()
					if err := next.Held(t.Context()); err != nil {
						t.Errorf("the next run: %v", err)
					}
					next.Release()
				}()
			}
			if err := old.Held(t.Context()); !errors.Is(err, compute.ErrLeaseLost) || !strings.Contains(err.Error(), says) {
				t.Errorf("a lease whose file was removed: %v", err)
			}
			old.Release()
		})
	}
}

// The holder comes back and renews at the very moment when the next run breaks its lease: only one of them has it then.
func TestRenewingAndBreakingAtOnce(t *testing.T) {
	const expiry, rounds = 20 * time.Millisecond, 200
	d := newDriver(t, newRoot(t))
	cluster(t, d)
	renewed, broken := 0, 0
	for round := range rounds {
		old := hungLease(t, d, expiry)
		// From long before the expiry, since a busy machine takes its time to renew, to well after it; the most around it.
		moment := old.record().Renewed + expiry*time.Duration([]int{30, 60, 80, 90, 95, 98, 100, 102, 105, 115}[round%10])/100
		for uptime() < moment {
			continue
		}
		var next compute.Lease
		var both sync.WaitGroup
		both.Go(func() { _ = old.renew(t.Context()) })
		both.Go(func() {
			if lease, err := d.Lock(t.Context(), "prod", "the next run"); err == nil {
				next = lease
			} else if !errors.Is(err, compute.ErrLocked) {
				t.Error(err)
			}
		})
		both.Wait()
		oldErr := old.Held(t.Context())
		switch {
		case next == nil:
			renewed++
		case oldErr == nil:
			t.Fatalf("round %d: both hold the lease", round)
		default:
			broken++
			if err := next.Held(t.Context()); err != nil {
				t.Fatalf("round %d: the next run: %v", round, err)
			}
			next.Release()
		}
		old.Release()
	}
	if renewed == 0 || broken == 0 {
		t.Errorf("renewed %d times, broken %d times: they never met", renewed, broken)
	}
}

func TestOnlyARecordThatSaysSoHasExpired(t *testing.T) {
	long := newHolder("me", time.Minute)
	long.Renewed -= 61 * time.Second
	if !long.expired() {
		t.Error("not renewed for longer than its expiry, and not expired")
	}
	fresh, foreign, unknown := long, long, long
	fresh.Renewed += 2 * time.Second
	foreign.Process.Boot = "another"
	unknown.Expiry = 0
	for what, h := range map[string]holder{
		"renewed in time": fresh, "of another boot": foreign, "without an expiry": unknown, "that cannot be read": readHolder(filepath.Join(t.TempDir(), "none")),
	} {
		if h.expired() {
			t.Errorf("a record %s has expired", what)
		}
	}
}

// A process that hangs while it changes something below the root is not passed over, but named.
func TestARunThatHangsWithTheRootLockedIsNamed(t *testing.T) {
	f := fleets{newRoot(t)}
	release, err := f.lockRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.lockRootWithin(t.Context(), 20*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "process "+strconv.Itoa(os.Getpid())) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the root is locked: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.lockRoot(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a run that was interrupted: %v", err)
	}
	release()
	if release, err = f.lockRoot(t.Context()); err != nil {
		t.Fatal(err)
	}
	release()
}
