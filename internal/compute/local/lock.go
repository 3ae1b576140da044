package local

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// Lock implements compute.Driver. The lease is an flock: it needs no renewal, and the kernel gives it up when its process dies.
func (f fleets) Lock(ctx context.Context, cluster, name string) (unlock func(), err error) {
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
	other := readHolder(path)
	if err == nil && !free && !other.Process.lives() {
		free, err = awaitRelease(ctx, lease)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot lock cluster %q: %w", cluster, err)
	}
	if !free {
		return nil, fmt.Errorf("cluster %q: %w: %s; wait until it has ended and run again", cluster, compute.ErrLocked, other)
	}
	if err := newHolder(name).write(path); err != nil {
		_ = lease.Close()
		return nil, fmt.Errorf("cannot say in the lease of cluster %q who holds it: %w", cluster, err)
	}
	return sync.OnceFunc(func() { f.unlock(cluster, lease) }), nil
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

// holder is the content of the lease's file.
type holder struct {
	Name    string        `json:"holder"`
	Host    string        `json:"host"`
	Since   time.Time     `json:"since"`
	Process processRecord `json:"process"`
}

func newHolder(name string) holder {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	self, _ := readProcess(os.Getpid())
	return holder{
		Name:    name,
		Host:    host,
		Since:   time.Now().UTC().Truncate(time.Second),
		Process: processRecord{PID: os.Getpid(), Started: self.started, Boot: bootID()},
	}
}

func (h holder) String() string {
	return fmt.Sprintf("%s, process %d on %s, since %s", h.Name, h.Process.PID, h.Host, h.Since.Format(time.RFC3339))
}

func (h holder) write(path string) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

// readHolder returns who has written the lease's file last, and nobody that lives when that cannot be read.
func readHolder(path string) holder {
	h := holder{Name: "unknown holder"}
	if text, err := os.ReadFile(path); err == nil {
		_ = json.Unmarshal(text, &h)
	}
	return h
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
