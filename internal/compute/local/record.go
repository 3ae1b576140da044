package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// GetCluster implements compute.Driver.
func (f fleets) GetCluster(_ context.Context, name string) (compute.Cluster, error) {
	if err := compute.CheckClusterName(name); err != nil {
		return compute.Cluster{}, err
	}
	path := filepath.Join(f.clusterDir(name), recordFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return compute.Cluster{}, fmt.Errorf("cluster %q: %w: there is no %s", name, compute.ErrNotFound, path)
	}
	if err != nil {
		return compute.Cluster{}, fmt.Errorf("cannot read the record of cluster %q: %w", name, err)
	}
	c, err := parseRecord(text, name)
	if err != nil {
		return compute.Cluster{}, fmt.Errorf("the record of cluster %q, %s, is damaged: %w", name, path, err)
	}
	return c, nil
}

// parseRecord reads the record of the cluster of this name. One that lacks what all nodes depend on is no record: node ids would be used
// again, and disks be formatted with another cluster's id.
func parseRecord(text []byte, name string) (compute.Cluster, error) {
	var c compute.Cluster
	if err := json.Unmarshal(text, &c); err != nil {
		return compute.Cluster{}, err
	}
	switch {
	case c.Name != name:
		return compute.Cluster{}, fmt.Errorf("it is that of cluster %q", c.Name)
	case !compute.IsClusterID(c.ID):
		return compute.Cluster{}, fmt.Errorf("its id is %q", c.ID)
	case c.NextNodeID < 1:
		return compute.Cluster{}, fmt.Errorf("its next node id is %d", c.NextNodeID)
	}
	return c, nil
}

// PutCluster implements compute.Driver.
func (f fleets) PutCluster(ctx context.Context, c compute.Cluster) error {
	if err := compute.CheckClusterName(c.Name); err != nil {
		return err
	}
	if !compute.IsClusterID(c.ID) {
		return fmt.Errorf("%w: %q is not a Kafka cluster id, which is 16 bytes as 22 base64url characters", compute.ErrInvalid, c.ID)
	}
	release, err := f.lockRoot(ctx)
	if err != nil {
		return err
	}
	defer release()
	switch old, err := f.GetCluster(ctx, c.Name); {
	case errors.Is(err, compute.ErrNotFound):
		// Nodes without a record are what somebody left who removed the record by hand; their ids are used all the same.
		ids, err := f.nodeIDs(c.Name)
		if err != nil {
			return err
		}
		c.NextNodeID = 1
		for _, id := range ids {
			c.NextNodeID = max(c.NextNodeID, id+1)
		}
	case err != nil:
		return err
	case old.ID != c.ID:
		return fmt.Errorf("%w: cluster %q has the id %s, which cannot become %s: all of its disks are formatted with it", compute.ErrInvalid, c.Name, old.ID, c.ID)
	default:
		c.NextNodeID = old.NextNodeID
	}
	return f.writeRecord(c)
}

// writeRecord stores the record. The root must be locked.
func (f fleets) writeRecord(c compute.Cluster) error {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("the record of cluster %q: %w", c.Name, err)
	}
	dir := f.clusterDir(c.Name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("cannot make the directory of cluster %q: %w", c.Name, err)
	}
	if err := writeDurably(filepath.Join(dir, recordFile), text); err != nil {
		return fmt.Errorf("cannot write the record of cluster %q: %w", c.Name, err)
	}
	return nil
}

// DeleteCluster implements compute.Driver.
func (f fleets) DeleteCluster(ctx context.Context, name string) error {
	if err := compute.CheckClusterName(name); err != nil {
		return err
	}
	release, err := f.lockRoot(ctx)
	if err != nil {
		return err
	}
	defer release()
	ids, err := f.nodeIDs(name)
	if err != nil {
		return err
	}
	if len(ids) > 0 {
		return fmt.Errorf("%w: cluster %q cannot be deleted, it still has %d instance(s), one of them %s; terminate them first",
			compute.ErrInvalid, name, len(ids), instanceID(name, ids[0]))
	}
	// A node whose directory was removed by hand is in no list, but its processes may still run.
	if err := kill(ctx, 0, filepath.Join(f.clusterDir(name), nodesDir)); err != nil {
		return fmt.Errorf("deleting cluster %q: %w", name, err)
	}
	// The secrets first: once the record is gone, no run may come again that knows of the cluster.
	if err := os.RemoveAll(f.secretsDir(name)); err != nil {
		return fmt.Errorf("cannot remove the secrets of cluster %q: %w", name, err)
	}
	if err := os.Remove(filepath.Join(f.clusterDir(name), recordFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot remove the record of cluster %q: %w", name, err)
	}
	return f.tidy(name)
}
