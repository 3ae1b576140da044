package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// GetCluster implements compute.Driver.
func (d *Driver) GetCluster(ctx context.Context, name string) (compute.Cluster, error) {
	if err := compute.CheckClusterName(name); err != nil {
		return compute.Cluster{}, err
	}
	// One call for both: a run looks at them all the time.
	both, err := d.getAll(ctx, recordName(name), nextIDName(name))
	if err != nil {
		return compute.Cluster{}, fmt.Errorf("cluster %q: %w", name, err)
	}
	p, found := both[recordName(name)]
	if !found {
		return compute.Cluster{}, fmt.Errorf("cluster %q: there is no parameter %s: %w", name, recordName(name), compute.ErrNotFound)
	}
	var c compute.Cluster
	if err := json.Unmarshal([]byte(p.value), &c); err != nil {
		return compute.Cluster{}, fmt.Errorf("the record of cluster %q, the parameter %s, is damaged: %w", name, p.name, err)
	}
	if c.Name != name || !compute.IsClusterID(c.ID) {
		return compute.Cluster{}, fmt.Errorf("the record of cluster %q, the parameter %s, is damaged: it is that of %q with the id %q", name, p.name, c.Name, c.ID)
	}
	c.NextNodeID = 1
	if next, found := both[nextIDName(name)]; found {
		if c.NextNodeID, err = nextOf(next); err != nil {
			return compute.Cluster{}, err
		}
	}
	return c, nil
}

// PutCluster implements compute.Driver.
func (d *Driver) PutCluster(ctx context.Context, c compute.Cluster) error {
	if err := compute.CheckClusterName(c.Name); err != nil {
		return err
	}
	if !compute.IsClusterID(c.ID) {
		return fmt.Errorf("%w: %q is not a Kafka cluster id, which is 16 bytes as 22 base64url characters", compute.ErrInvalid, c.ID)
	}
	c.NextNodeID = 0 // It is kept by itself.
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	err = d.put(ctx, recordName(c.Name), string(text), types.ParameterTypeString, true)
	if !errors.Is(err, errExists) {
		return err
	}
	old, err := d.GetCluster(ctx, c.Name)
	if err != nil {
		return err
	}
	if old.ID != c.ID {
		return fmt.Errorf("%w: cluster %q has the id %s, which never changes; it cannot become %s", compute.ErrInvalid, c.Name, old.ID, c.ID)
	}
	return d.put(ctx, recordName(c.Name), string(text), types.ParameterTypeString, false)
}

// DeleteCluster implements compute.Driver.
func (d *Driver) DeleteCluster(ctx context.Context, name string) error {
	if err := compute.CheckClusterName(name); err != nil {
		return err
	}
	instances, err := d.List(ctx, name)
	if err != nil {
		return err
	}
	if len(instances) > 0 {
		return fmt.Errorf("%w: cluster %q has %d instances, among them %s", compute.ErrInvalid, name, len(instances), instances[0].ID)
	}
	parameters, err := d.below(ctx, root+name)
	if err != nil {
		return err
	}
	// The secrets go first and the record last, so that a run which is cut off finds it again. A lease is its holder's.
	var names []string
	for _, path := range []string{secretsPath(name) + "/", nodesPath(name) + "/", nextIDName(name)} {
		for _, p := range parameters {
			if strings.HasPrefix(p.name, path) {
				names = append(names, p.name)
			}
		}
	}
	return d.remove(ctx, append(names, recordName(name))...)
}

// nextNodeID is the lowest id that was never used in a cluster, as far as it is noted: a run that was killed may have used it and not noted so.
func (d *Driver) nextNodeID(ctx context.Context, cluster string) (int32, error) {
	switch p, err := d.get(ctx, nextIDName(cluster)); {
	case errors.Is(err, compute.ErrNotFound):
		return 1, nil
	case err != nil:
		return 0, err
	default:
		return nextOf(p)
	}
}

func nextOf(p parameter) (int32, error) {
	id, err := strconv.ParseInt(p.value, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("the parameter %s is damaged: %w", p.name, err)
	}
	return int32(id), nil
}

// used notes that an id was used.
func (d *Driver) used(ctx context.Context, cluster string, id int32) error {
	d.noting.Lock() // Launches at the same time would take each other's note back.
	defer d.noting.Unlock()
	next, err := d.nextNodeID(ctx, cluster)
	if err != nil || next > id {
		return err
	}
	return d.put(ctx, nextIDName(cluster), strconv.Itoa(int(id)+1), types.ParameterTypeString, false)
}

// recount notes all ids that were used and have a node's parameter.
func (d *Driver) recount(ctx context.Context, cluster string) error {
	nodes, err := d.below(ctx, nodesPath(cluster))
	if err != nil {
		return err
	}
	highest := int32(0)
	for _, p := range nodes {
		id, err := strconv.ParseInt(p.last(), 10, 32)
		if err != nil {
			return fmt.Errorf("the parameter %s is no node's", p.name)
		}
		highest = max(highest, int32(id))
	}
	return d.used(ctx, cluster, highest)
}
