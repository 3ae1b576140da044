package local

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// Lock implements compute.Driver. The lease is an flock: it needs no renewal, and the kernel gives it up when its process dies.
func (f fleets) Lock(ctx context.Context, cluster, holder string) (unlock func(), err error) {
	if err := checkName(cluster); err != nil {
		return nil, err
	}
	release, err := f.lockRoot(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := os.MkdirAll(f.clusterDir(cluster), 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the directory of cluster %q: %w", cluster, err)
	}
	path := filepath.Join(f.clusterDir(cluster), clusterLockFile)
	lease := flock.New(path, flock.SetPermissions(0o600))
	free, err := lease.TryLock()
	if err != nil {
		return nil, fmt.Errorf("cannot lock cluster %q: %w", cluster, err)
	}
	if !free {
		other, err := os.ReadFile(path)
		if err != nil {
			other = []byte("unknown holder")
		}
		return nil, fmt.Errorf("cluster %q: %w: %s; wait until it has ended and run again", cluster, compute.ErrLocked, strings.TrimSpace(string(other)))
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	text := fmt.Sprintf("%s, process %d on %s, since %s\n", holder, os.Getpid(), host, time.Now().UTC().Format(time.RFC3339))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		_ = lease.Close()
		return nil, fmt.Errorf("cannot say in the lease of cluster %q who holds it: %w", cluster, err)
	}
	return sync.OnceFunc(func() { f.unlock(cluster, lease) }), nil
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
