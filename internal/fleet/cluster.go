package fleet

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// ApplyCluster creates the cluster or brings its controllers and its cluster-wide configuration to what is declared.
func (c *Client) ApplyCluster(ctx context.Context, want Cluster) (compute.Cluster, Result, error) {
	unlock, err := c.lock(ctx, want.Name)
	if err != nil {
		return compute.Cluster{}, Result{}, err
	}
	defer unlock()
	record, err := c.driver.GetCluster(ctx, want.Name)
	switch {
	case errors.Is(err, compute.ErrNotFound):
		record = compute.Cluster{Name: want.Name, ID: newClusterID(), NextNodeID: 1}
	case err != nil:
		return record, Result{}, err
	}
	if err := c.secure(ctx, record, want); err != nil {
		return record, Result{}, err
	}
	_, declared := want.Config[minISR]
	changed := record
	changed.MetadataVersion, changed.Zones, changed.MinISRDeclared, changed.Security = want.MetadataVersion, want.Zones, declared, want.Security
	c.opts.OnMutation(ctx, "PutCluster", want.Name)
	if err := c.driver.PutCluster(ctx, changed); err != nil {
		return record, Result{}, err
	}
	started := c.opts.Now()
	result, err := c.converge(ctx, want.Name, c.clusterGoal(ctx, want))
	if err == nil {
		c.tellDone(ctx, want.Name, compute.ControllersGroup, result, c.opts.Now().Sub(started), want.Forecast)
	}
	return changed, result, err
}

// secure sees to it that what protects the cluster's listeners is there before they are, and refuses what would tear its nodes apart.
func (c *Client) secure(ctx context.Context, record compute.Cluster, want Cluster) error {
	if err := c.checkSecurity(ctx, record, want); err != nil {
		return err
	}
	if want.Security.Plaintext {
		return nil
	}
	return c.makeAuthority(ctx, want)
}

// checkSecurity refuses to open or to close the listeners of a cluster that has nodes: the new ones would not understand the old ones.
func (c *Client) checkSecurity(ctx context.Context, record compute.Cluster, want Cluster) error {
	if record.Security.Plaintext == want.Security.Plaintext {
		return nil
	}
	instances, err := c.driver.List(ctx, want.Name)
	if err != nil || len(instances) == 0 {
		return err
	}
	is, wanted := "protected", "plaintext"
	if record.Security.Plaintext {
		is, wanted = wanted, is
	}
	return fmt.Errorf("%w: cluster %q has %d nodes whose listeners are %s, and nodes whose listeners are %s could not speak to them; "+
		"make another cluster and move the data, or destroy this one first", compute.ErrInvalid, want.Name, len(instances), is, wanted)
}

// CheckSecurity is for a plan: it says why the cluster's listeners cannot become what is wanted, as an error that wraps compute.ErrInvalid.
func (c *Client) CheckSecurity(ctx context.Context, want Cluster) error {
	record, err := c.driver.GetCluster(ctx, want.Name)
	if errors.Is(err, compute.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return c.checkSecurity(ctx, record, want)
}

func (c *Client) clusterGoal(ctx context.Context, want Cluster) builder {
	return func(*observed) (goal, error) {
		catalog, err := c.driver.Catalog(ctx)
		if err != nil {
			return goal{}, err
		}
		return want.goal(catalog)
	}
}

// newClusterID makes a cluster id as Kafka's own tool does: 16 random bytes in base64url, not beginning with a dash, which command
// lines would take for an option.
func newClusterID() string {
	for {
		var id [16]byte
		if _, err := rand.Read(id[:]); err != nil {
			panic(err) // crypto/rand never fails on a supported platform.
		}
		if text := base64.RawURLEncoding.EncodeToString(id[:]); !strings.HasPrefix(text, "-") {
			return text
		}
	}
}

// GetCluster returns the cluster's record and its controllers as they are. compute.ErrNotFound: there is no such cluster.
func (c *Client) GetCluster(ctx context.Context, name string) (compute.Cluster, []Node, error) {
	record, err := c.driver.GetCluster(ctx, name)
	if err != nil {
		return record, nil, err
	}
	nodes, err := c.Nodes(ctx, name, compute.ControllersGroup)
	return record, nodes, err
}

// ErrInUse says that what is to be destroyed is still needed.
var ErrInUse = errors.New("still in use")

// DestroyCluster terminates the controllers and forgets the cluster. It refuses while a broker exists.
func (c *Client) DestroyCluster(ctx context.Context, name string) error {
	unlock, err := c.lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	instances, err := c.driver.List(ctx, name)
	if err != nil {
		return err
	}
	for _, i := range instances {
		if i.Spec.Role == compute.RoleBroker && i.State != compute.StateTerminating {
			return fmt.Errorf("%w: broker %d of group %q still runs; destroy the cluster's broker groups first", ErrInUse, i.Spec.NodeID, i.Spec.Group)
		}
	}
	if err := c.terminateAll(ctx, name, instances); err != nil {
		return err
	}
	// A machine may still be on its way out, and a cluster is not forgotten under it.
	for gone := len(instances) == 0; !gone; {
		if instances, err = c.driver.List(ctx, name); err != nil {
			return err
		}
		if gone = len(instances) == 0; !gone {
			if ctx.Err() != nil {
				return fmt.Errorf("%d machines of cluster %q are still on their way out, %s among them: %w", len(instances), name, instances[0].ID, ctx.Err())
			}
			c.opts.Sleep(ctx, c.opts.Poll)
		}
	}
	c.mu.Lock()
	if k := c.kafkas[name]; k != nil {
		_ = k.Close() // Its last peers are gone.
		delete(c.kafkas, name)
	}
	delete(c.groups, name)
	delete(c.authorities, name)
	c.mu.Unlock()
	c.opts.OnMutation(ctx, "DeleteCluster", name)
	return c.driver.DeleteCluster(ctx, name)
}
