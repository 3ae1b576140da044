package local

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// Lock implements compute.Driver. The lease is an flock, which the kernel gives up when its process dies, with the time of its last
// renewal, which tells a process that works from one that hangs.
func (d *Driver) Lock(ctx context.Context, cluster, name string) (compute.Lease, error) {
	if err := compute.CheckClusterName(cluster); err != nil {
		return nil, err
	}
	release, err := d.lockRoot(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := os.MkdirAll(d.clusterDir(cluster), 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the directory of cluster %q: %w", cluster, err)
	}
	path := filepath.Join(d.clusterDir(cluster), clusterLockFile)
	file, free, err := takeFile(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("cannot lock cluster %q: %w", cluster, err)
	}
	if !free {
		other := readHolder(path)
		return nil, fmt.Errorf("cluster %q: %w: %s; wait until it has ended and run again%s", cluster, compute.ErrLocked, other, hanging(other))
	}
	holder := newHolder(name, d.leaseExpiry)
	if err := holder.write(path); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("cannot say in the lease of cluster %q who holds it: %w", cluster, err)
	}
	return newLease(d.fleets, cluster, file, holder, d.hung), nil
}

// takeFile locks the lease's file, and breaks a lease that has expired. The root must be locked.
func takeFile(ctx context.Context, path string) (file *flock.Flock, free bool, err error) {
	file = flock.New(path, flock.SetPermissions(0o600))
	free, err = file.TryLock()
	if free || err != nil {
		return file, free, err
	}
	switch other := readHolder(path); {
	case other.expired():
		// The flock of who hangs is on the file that was, and means nothing on a new one.
		if err := os.Remove(path); err != nil {
			return nil, false, err
		}
		file = flock.New(path, flock.SetPermissions(0o600))
		free, err = file.TryLock()
	case !other.Process.lives():
		free, err = awaitRelease(ctx, file)
	}
	return file, free, err
}

// awaitRelease waits a moment for a lease whose holder is dead. A process that is killed while it starts a node's agent has a
// child for a few milliseconds that holds all of its files still.
func awaitRelease(ctx context.Context, lease *flock.Flock) (free bool, err error) {
	short, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	free, err = lease.TryLockContext(short, 5*time.Millisecond)
	if short.Err() != nil && ctx.Err() == nil {
		return false, nil
	}
	return free, err
}

// hanging says when the lease will be broken, if its holder has not renewed it in its time.
func hanging(other holder) string {
	if other.Process.Boot != bootID() || other.age() < other.Expiry/2 {
		return ""
	}
	return fmt.Sprintf(" (it has not renewed its lease for %s, and loses it after %s)", other.age().Round(time.Second), other.Expiry)
}
