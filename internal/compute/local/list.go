package local

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/node"
)

// List implements compute.Driver.
func (f fleets) List(ctx context.Context, cluster string) ([]compute.Instance, error) {
	if err := compute.CheckClusterName(cluster); err != nil {
		return nil, err
	}
	ids, err := f.nodeIDs(cluster)
	if err != nil {
		return nil, err
	}
	slices.Sort(ids)
	// A directory without a process id is either a launch in this very moment, which holds the root, or one that was cut off.
	if slices.ContainsFunc(ids, func(id int32) bool { return !exists(filepath.Join(f.nodeDir(cluster, id), agentFile)) }) {
		release, err := f.lockRoot(ctx)
		if err != nil {
			return nil, err
		}
		release()
	}
	// Looking through all processes is needed for nodes without a living agent only, and then once for all of them.
	processes := sync.OnceValues(allProcesses)
	var instances []compute.Instance
	for _, id := range ids {
		instance, err := f.observe(cluster, id, processes)
		if errors.Is(err, compute.ErrNotFound) {
			continue // It was terminated since the directory was read.
		}
		if err != nil {
			return nil, fmt.Errorf("cannot observe node %d of cluster %q: %w", id, cluster, err)
		}
		instances = append(instances, instance)
	}
	return instances, nil
}

// observe reads what there is of one node. It returns ErrNotFound if there is none.
func (f fleets) observe(cluster string, id int32, processes func() ([]process, error)) (compute.Instance, error) {
	dir := f.nodeDir(cluster, id)
	instance := compute.Instance{ID: instanceID(cluster, id), LaunchedAt: launchedAt(dir), Maintenance: maintenance(dir)}
	file, damage := readSpec(dir)
	if damage != nil {
		file.Spec = compute.NodeSpec{Cluster: cluster, NodeID: id}
	}
	instance.Spec = file.Spec
	addressed(&instance, file)
	instance.Status = readStatus(dir)
	stopAsked := writtenAt(filepath.Join(dir, stoppingMark))
	asked := !stopAsked.IsZero()
	started := writtenAt(filepath.Join(dir, agentFile))

	agent, recorded := readAgent(dir)
	agentLives := recorded && agent.lives()
	alive := agentLives
	if !alive {
		all, err := processes()
		if err != nil {
			return compute.Instance{}, err
		}
		mark := newMark(dir)
		alive = slices.ContainsFunc(all, mark.on)
	}
	switch {
	case alive && asked:
		instance.State, instance.StateSince = compute.StateStopping, stopAsked
	case alive && recorded && !agentLives:
		instance.State, instance.StateReason, instance.StateSince = compute.StateRunning, "its agent is gone, but other processes of it still run", started
	case alive && instance.Status == nil:
		instance.State, instance.StateSince = compute.StatePending, instance.LaunchedAt
	case alive:
		// The first thing that an agent does is to report.
		instance.State, instance.StateSince = compute.StateRunning, started
	default:
		instance.Status = readStatus(dir) // Its last report may have come after the first look.
		instance.State, instance.StateReason = compute.StateStopped, stopReason(asked, recorded, instance.Status)
		instance.StateSince = lastSign(instance, started, stopAsked)
	}
	if damage != nil && instance.StateReason == "" {
		instance.StateReason = fmt.Sprintf("its %s cannot be read: %v", node.SpecFile, damage)
	}
	// Terminate takes the directory away in one step, so whatever was read above counts only if it is still there.
	if !exists(dir) {
		return compute.Instance{}, compute.ErrNotFound
	}
	return instance, nil
}

func stopReason(asked, recorded bool, status *compute.NodeStatus) string {
	switch {
	case asked:
		return "asked to stop"
	case !recorded:
		return "its launch was cut off before its process ran"
	case status != nil && status.LastError != "":
		return fmt.Sprintf("its process is gone; the last error that it reported: %s", status.LastError)
	default:
		return "its process is gone"
	}
}

// Controllers returns a function that tells the addresses, host:port, of the cluster's controllers that are not stopping or
// stopped. The node agent asks it before each start of Kafka.
func Controllers(root, cluster string) func(ctx context.Context) ([]string, error) {
	return func(ctx context.Context) ([]string, error) {
		instances, err := fleets{root}.List(ctx, cluster)
		if err != nil {
			return nil, err
		}
		var addresses []string
		for _, i := range instances {
			live := i.State == compute.StatePending || i.State == compute.StateRunning
			if live && i.Spec.Role == compute.RoleController && i.Address != "" {
				addresses = append(addresses, i.Address)
			}
		}
		return addresses, nil
	}
}

// Controllers returns the package's Controllers for a cluster of this driver.
func (d *Driver) Controllers(cluster string) node.Controllers { return Controllers(d.root, cluster) }

// readSpec reads the spec of the node in dir, as nodeDir has it. With an error the spec is empty.
func readSpec(dir string) (node.File, error) {
	text, err := os.ReadFile(filepath.Join(dir, node.SpecFile))
	if err != nil {
		return node.File{}, err
	}
	return parseSpec(text, filepath.Base(filepath.Dir(filepath.Dir(dir))), filepath.Base(dir))
}

// parseSpec reads a spec, which has to be that of the node that it was found at: whoever trusts one that was copied or edited would drain
// and terminate another node.
func parseSpec(text []byte, cluster, id string) (node.File, error) {
	var file node.File
	if err := json.Unmarshal(text, &file); err != nil {
		return node.File{}, err
	}
	switch s := file.Spec; {
	case s.Cluster != cluster || strconv.Itoa(int(s.NodeID)) != id:
		return node.File{}, fmt.Errorf("it is that of node %d of cluster %q", s.NodeID, s.Cluster)
	case s.Role != compute.RoleBroker && s.Role != compute.RoleController:
		return node.File{}, fmt.Errorf("its role is %q", s.Role)
	}
	return file, nil
}

// readStatus returns the agent's report, or nil where there is none that can be read.
func readStatus(dir string) *compute.NodeStatus {
	text, err := os.ReadFile(filepath.Join(dir, node.StatusFile))
	if err != nil {
		return nil
	}
	return parseStatus(text)
}

// parseStatus returns a report, or nil for what no agent writes.
func parseStatus(text []byte) *compute.NodeStatus {
	var s compute.NodeStatus
	if json.Unmarshal(text, &s) != nil || s.Phase == "" {
		return nil
	}
	if s.KafkaPID < 0 || s.Restarts < 0 || s.BootSeconds < 0 || slices.ContainsFunc(s.DiskUsedBytes, func(used int64) bool { return used < 0 }) {
		return nil
	}
	return &s
}

// launchedAt is the time at which the node's spec was written, which happens once.
func launchedAt(dir string) time.Time { return writtenAt(filepath.Join(dir, node.SpecFile)) }

// lastSign is the latest time at which something of the node is known to have run: its agent's last report, or what came before the first.
func lastSign(i compute.Instance, started, stopAsked time.Time) time.Time {
	last := i.LaunchedAt
	if i.Status != nil && i.Status.UpdatedAt.After(last) {
		last = i.Status.UpdatedAt
	}
	for _, t := range []time.Time{started, stopAsked} {
		if t.After(last) {
			last = t
		}
	}
	return last
}

// maintenance is the content of the node's file of that name, in one line.
func maintenance(dir string) string {
	text, err := os.ReadFile(filepath.Join(dir, maintenanceFile))
	if err != nil {
		return ""
	}
	return cmp.Or(strings.Join(strings.Fields(string(text)), " "), "there is a file "+maintenanceFile+" in its directory")
}

// writtenAt is when a file was written last, the zero time if there is none.
func writtenAt(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
