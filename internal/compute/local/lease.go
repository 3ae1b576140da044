package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// lease is one that this process has taken.
//
// Renewing and breaking are done with the root locked, so one of them comes first: whoever breaks has read the last renewal, and whoever
// would renew after that finds another file in the place of its own.
type lease struct {
	fleets  fleets
	cluster string
	file    *flock.Flock
	release func()

	mu     sync.Mutex
	holder holder
	// over says that the lease was lost or released.
	over bool
}

// newLease is of a file that is locked and tells its holder. It begins to renew it, unless its holder is to hang.
func newLease(f fleets, cluster string, file *flock.Flock, h holder, hung bool) *lease {
	l := &lease{fleets: f, cluster: cluster, file: file, holder: h}
	ctx, cancel := context.WithCancel(context.Background())
	var renewing sync.WaitGroup
	if !hung {
		renewing.Go(func() { l.renewRegularly(ctx) })
	}
	l.release = sync.OnceFunc(func() {
		cancel()
		renewing.Wait()
		l.mu.Lock()
		l.over = true
		l.mu.Unlock()
		f.unlock(cluster, file)
	})
	return l
}

// Held implements compute.Lease.
func (l *lease) Held(ctx context.Context) error {
	if l.lost() {
		return l.explain(nil)
	}
	if h := l.record(); h.age() > h.Expiry/2 {
		// It is overdue: this process was suspended for a while, or starved.
		return l.renew(ctx)
	}
	return nil
}

// Release implements compute.Lease.
func (l *lease) Release() { l.release() }

// lost finds out if the lease is lost, which it then stays.
func (l *lease) lost() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	// The time is looked at last, so that nobody can have broken the lease in between.
	l.over = l.over || !sameFile(l.file) || l.holder.age() > l.holder.Expiry
	return l.over
}

// record is what the lease's file says while it is ours.
func (l *lease) record() holder {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.holder
}

func (l *lease) renewRegularly(ctx context.Context) {
	ticker := time.NewTicker(l.record().Expiry / 4)
	defer ticker.Stop()
	for !l.lost() {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			_ = l.renew(ctx) // The next tick tries again, and Held tells if that goes on for too long.
		}
	}
}

// renew makes the lease live for its whole expiry again. An error wraps compute.ErrLeaseLost and changes nothing.
func (l *lease) renew(ctx context.Context) error {
	h := l.record()
	ctx, cancel := context.WithTimeout(ctx, h.Expiry-h.age())
	defer cancel()
	release, err := l.fleets.lockRoot(ctx)
	if err != nil {
		return l.explain(err)
	}
	defer release()
	if l.lost() {
		return l.explain(nil)
	}
	h.Renewed = uptime()
	if err := h.write(l.path()); err != nil {
		return l.explain(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holder = h
	return nil
}

func (l *lease) path() string { return filepath.Join(l.fleets.clusterDir(l.cluster), clusterLockFile) }

// explain is the error of a lease that is not held. The problem is why it could not be renewed, nil if that was not tried.
func (l *lease) explain(problem error) error {
	h := l.record()
	why := fmt.Sprintf("it was renewed %s ago, and expires after %s", h.age().Round(time.Millisecond), h.Expiry)
	if problem != nil {
		why += fmt.Sprintf(" (%v)", problem)
	}
	_, err := os.Stat(l.path())
	switch {
	case !l.file.Locked():
		why = "it was given up"
	case sameFile(l.file):
		why += "; nobody else has taken it so far"
	case errors.Is(err, fs.ErrNotExist):
		why = "its file " + l.path() + " is gone"
	default:
		why += "; it was taken over by " + readHolder(l.path()).String()
	}
	return fmt.Errorf("cluster %q: %w: %s. Nothing more is done under it, and it is safe to run again", l.cluster, compute.ErrLeaseLost, why)
}

// unlock gives up a lease, and removes its file when the cluster is gone or was never created.
func (f fleets) unlock(cluster string, lease *flock.Flock) {
	// The run may be over already (Ctrl-C), so its context does not count; the lease is given up even if there is no time to tidy.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	release, err := f.lockRoot(ctx)
	_ = lease.Close()
	if err == nil {
		_ = f.tidy(cluster)
		release()
	}
}
