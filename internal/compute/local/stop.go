package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// Stop implements compute.Driver. The node agent stops Kafka, and kills it when File.StopTimeout has passed.
func (f fleets) Stop(ctx context.Context, instanceID string) error {
	cluster, id, ok := parseInstanceID(instanceID)
	if !ok || !exists(f.nodeDir(cluster, id)) {
		return fmt.Errorf("instance %q: %w", instanceID, compute.ErrNotFound)
	}
	// A launch that is under way finishes first.
	release, err := f.lockRoot(ctx)
	if err != nil {
		return err
	}
	defer release()
	dir := f.nodeDir(cluster, id)
	targets, err := stopTargets(dir)
	if err != nil {
		return fmt.Errorf("stopping %s: %w", instanceID, err)
	}
	if len(targets) == 0 {
		return nil // It is stopped already, and the reason that List shows for it stays.
	}
	// One that is there stays as it is: its age is for how long the node has been stopping.
	mark, err := os.OpenFile(filepath.Join(dir, stoppingMark), os.O_WRONLY|os.O_CREATE, 0o600)
	if err == nil {
		err = mark.Close()
	}
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // Terminated in this moment.
		}
		return fmt.Errorf("stopping %s: %w", instanceID, err)
	}
	for _, p := range targets {
		if err := p.signal(syscall.SIGTERM); err != nil {
			return fmt.Errorf("stopping %s: %w", instanceID, err)
		}
	}
	return nil
}

// stopTargets returns the processes to ask: the agent, or where that is gone all that is left of the node.
func stopTargets(dir string) ([]process, error) {
	if agent, ok := readAgent(dir); ok && agent.lives() {
		return []process{agent.process()}, nil
	}
	all, err := allProcesses()
	if err != nil {
		return nil, err
	}
	mark := newMark(dir)
	left := slices.DeleteFunc(all, func(p process) bool { return !mark.on(p) })
	// A launch that was cut off has recorded no agent; it is the leader of its session.
	if i := slices.IndexFunc(left, func(p process) bool { return p.pid == p.session }); i >= 0 {
		left = left[i : i+1]
	}
	return left, nil
}

// Terminate implements compute.Driver.
func (f fleets) Terminate(ctx context.Context, instanceID string) error {
	cluster, id, ok := parseInstanceID(instanceID)
	if !ok || !exists(f.clusterDir(cluster)) {
		return nil
	}
	// A launch that is under way finishes first, so that its process is known.
	release, err := f.lockRoot(ctx)
	if err != nil {
		return err
	}
	release()
	session := 0
	if agent, ok := readAgent(f.nodeDir(cluster, id)); ok && agent.lives() {
		session = agent.PID
	}
	if err := f.destroy(ctx, cluster, id, session); err != nil {
		return fmt.Errorf("terminating %s: %w", instanceID, err)
	}
	return nil
}

// destroy kills all processes of a node, of its session too if that is not 0, and removes its secret and its directory.
func (f fleets) destroy(ctx context.Context, cluster string, id int32, session int) error {
	dir := f.nodeDir(cluster, id)
	if err := kill(ctx, session, dir); err != nil {
		return err
	}
	// While it is listed: of a node that is not, nobody would remove it after a crash.
	if err := f.removeSecret(cluster, compute.NodeSecret(id)); err != nil {
		return err
	}
	// In one step the node is no node any more. What a crash leaves of the directory then is swept by the next Launch or DeleteCluster.
	gone := filepath.Join(filepath.Dir(dir), "."+strconv.Itoa(int(id))+".gone")
	if err := os.Rename(dir, gone); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(gone)
}
