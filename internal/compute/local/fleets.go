package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// fleets is the directory tree below a root, the part of a Driver that needs no configuration.
type fleets struct{ root string }

const (
	rootLockFile    = ".lock"
	recordFile      = "cluster.json"
	clusterLockFile = "lock"
	nodesDir        = "nodes"
	secretsDir      = "secrets"
	agentFile       = "agent.pid"
	logFile         = "agent.log"
	stoppingMark    = "stopping"
	maintenanceFile = "maintenance"
	disksDir        = "disks"
)

// rootPatience is how long the root is waited for: some times what the slowest holder needs, a DeleteCluster that kills.
const rootPatience = 4 * killDeadline

// clusterDir returns the cluster's directory. The name must have passed compute.CheckClusterName.
func (f fleets) clusterDir(cluster string) string { return filepath.Join(f.root, cluster) }

// nodeDir returns the directory of a node, which is there for as long as the node is.
func (f fleets) nodeDir(cluster string, id int32) string {
	return filepath.Join(f.root, cluster, nodesDir, strconv.Itoa(int(id)))
}

const instancePrefix = "local-"

func instanceID(cluster string, id int32) string {
	return instancePrefix + cluster + "-" + strconv.Itoa(int(id))
}

// parseInstanceID is the reverse of instanceID; ok is false for every other text, so that no instance id leads out of the root.
func parseInstanceID(instance string) (cluster string, id int32, ok bool) {
	name, found := strings.CutPrefix(instance, instancePrefix)
	cut := strings.LastIndexByte(name, '-')
	if !found || cut < 0 {
		return "", 0, false
	}
	id, ok = parseNodeID(name[cut+1:])
	return name[:cut], id, ok && compute.CheckClusterName(name[:cut]) == nil
}

func parseNodeID(text string) (int32, bool) {
	id, err := strconv.ParseInt(text, 10, 32)
	return int32(id), err == nil && id > 0 && strconv.FormatInt(id, 10) == text
}

// nodeIDs returns the ids of the cluster's node directories, in no order.
func (f fleets) nodeIDs(cluster string) ([]int32, error) {
	entries, err := os.ReadDir(filepath.Join(f.clusterDir(cluster), nodesDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot list the nodes of cluster %q: %w", cluster, err)
	}
	var ids []int32
	for _, entry := range entries {
		if id, ok := parseNodeID(entry.Name()); ok {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// lockRoot waits until no other run creates or removes anything below the root, makes the root if necessary, and holds it
// until release is called. A process that dies releases it; one that hangs at such a moment has to be ended by hand, since nobody
// else can know what it has half done.
func (f fleets) lockRoot(ctx context.Context) (release func(), err error) {
	return f.lockRootWithin(ctx, rootPatience)
}

func (f fleets) lockRootWithin(ctx context.Context, patience time.Duration) (release func(), err error) {
	asked := ctx
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		// The root can be removed between the two system calls in here, which MkdirAll reports as "exists".
		if err := os.MkdirAll(f.root, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("cannot make the root directory of local fleets: %w", err)
		}
		lock := flock.New(filepath.Join(f.root, rootLockFile), flock.SetPermissions(0o600))
		_, err := lock.TryLockContext(ctx, 2*time.Millisecond)
		if err == nil && sameFile(lock) {
			_ = os.WriteFile(lock.Path(), []byte(strconv.Itoa(os.Getpid())), 0o600) // Only a number in a message.
			return func() { _ = lock.Close() }, nil
		}
		_ = lock.Close()
		if ctx.Err() != nil && asked.Err() == nil {
			pid, _ := os.ReadFile(lock.Path()) //nolint:errcheck // See above.
			return nil, fmt.Errorf("process %s has locked the directory of all local fleets, %s, for more than %s; it seems to hang: "+
				"end it or let it go on, and run again", cmp.Or(string(pid), "(unknown)"), f.root, patience)
		}
		// Whoever deleted the last cluster has removed the root together with the file that was waited for.
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("cannot lock the root directory of local fleets (%s): %w", lock.Path(), err)
		}
	}
}

// sameFile says whether the locked file is still the one that the next process would lock.
func sameFile(lock *flock.Flock) bool {
	held, err := lock.Stat()
	if err != nil {
		return false
	}
	current, err := os.Stat(lock.Path())
	return err == nil && os.SameFile(held, current)
}

// tidy removes the cluster's directory when it has neither a record nor a node nor a secret, and the root when nothing else is in it.
// The root must be locked.
func (f fleets) tidy(cluster string) error {
	dir := f.clusterDir(cluster)
	ids, err := f.nodeIDs(cluster)
	if err != nil {
		return err
	}
	_, err = os.Stat(filepath.Join(dir, recordFile))
	if len(ids) > 0 || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if secrets, err := f.hasSecrets(cluster); secrets || err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(dir, nodesDir)); err != nil {
		return fmt.Errorf("cannot remove what is left of cluster %q: %w", cluster, err)
	}
	// A held lease keeps its file, or a second run could take a new one beside it. Its holder calls tidy again.
	if _, err := os.Stat(filepath.Join(dir, clusterLockFile)); err == nil {
		lease := flock.New(filepath.Join(dir, clusterLockFile))
		if free, err := lease.TryLock(); err != nil || !free {
			return err
		}
		defer func() { _ = lease.Close() }()
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("cannot remove the directory of cluster %q: %w", cluster, err)
	}
	if left, err := os.ReadDir(f.root); err == nil && len(left) == 1 && left[0].Name() == rootLockFile {
		// Once its file is gone the root may be locked and filled by others, so it is removed only if it is empty.
		if os.Remove(filepath.Join(f.root, rootLockFile)) == nil {
			_ = os.Remove(f.root)
		}
	}
	return nil
}

// tempSuffix ends the name of a file that writeDurably has not finished.
const tempSuffix = ".tmp"

// writeDurably replaces a file in one step that survives a crash of the machine: either the old or the new content is there.
func writeDurably(path string, content []byte) (err error) {
	temp := path + tempSuffix
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
