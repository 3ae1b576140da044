package sandbox

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet"
)

// Fleet is the fleet as the local driver sees it: one cluster below a root.
type Fleet struct {
	Driver        compute.Driver
	Root, Cluster string
}

// Brokers are the addresses where the brokers that run now listen for clients. It is a check.Bootstrap: the ones that Terraform put
// out before a rollout are all gone after it.
func (f Fleet) Brokers(ctx context.Context) ([]string, error) {
	return f.addresses(ctx, compute.RoleBroker, func(i compute.Instance) string { return i.Clients })
}

// BrokersInside are the addresses where the brokers that run now listen for each other and for the provider, see AdminTLS.
func (f Fleet) BrokersInside(ctx context.Context) ([]string, error) {
	return f.addresses(ctx, compute.RoleBroker, func(i compute.Instance) string { return i.Address })
}

// Controllers are the addresses of the controllers that run now.
func (f Fleet) Controllers(ctx context.Context) ([]string, error) {
	return f.addresses(ctx, compute.RoleController, func(i compute.Instance) string { return i.Address })
}

// AdminTLS lets this process do at Kafka what the provider may do there, by a certificate of its own from the cluster's authority, which the
// driver keeps. It is nil for a plaintext cluster.
func (f Fleet) AdminTLS(ctx context.Context) (*tls.Config, error) {
	return fleet.New(f.Driver, fleet.Options{}).AdminTLS(ctx, f.Cluster)
}

func (f Fleet) addresses(ctx context.Context, role compute.Role, of func(compute.Instance) string) ([]string, error) {
	instances, err := f.Driver.List(ctx, f.Cluster)
	if err != nil {
		return nil, fmt.Errorf("listing the nodes: %w", err)
	}
	var addresses []string
	for _, i := range instances {
		if address := of(i); i.Spec.Role == role && i.State == compute.StateRunning && address != "" {
			addresses = append(addresses, address)
		}
	}
	return addresses, nil
}

// NodeDir is the folder that holds all of a node, as the local driver lays it out.
func (f Fleet) NodeDir(id int32) string {
	return filepath.Join(f.Root, f.Cluster, "nodes", strconv.Itoa(int(id)))
}

// Kill ends every node without ceremony, brokers first, and whatever else still runs below the folder. It looks again until
// nothing is found: what it kills may just have been launching something.
func (f Fleet) Kill(ctx context.Context, folder string) error {
	for {
		instances, err := f.Driver.List(ctx, f.Cluster)
		if err != nil {
			return fmt.Errorf("listing the nodes: %w", err)
		}
		rest, err := ProcessesOf(folder)
		if err != nil {
			return err
		}
		if len(instances) == 0 && len(rest) == 0 {
			return nil
		}
		for _, role := range []compute.Role{compute.RoleBroker, compute.RoleController} {
			for _, i := range instances {
				if i.Spec.Role != role {
					continue
				}
				if err := f.Driver.Terminate(ctx, i.ID); err != nil {
					return fmt.Errorf("terminating %s: %w", i.ID, err)
				}
			}
		}
		for _, p := range rest {
			if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("killing process %d: %w", p.PID, err)
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d nodes and %d processes below %s are still there: %w", len(instances), len(rest), folder, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Gone is nil when no process names the folder and the fleet's own folder is gone, as it is when its last cluster is. It waits a few seconds for processes
// that are just ending.
func (f Fleet) Gone(ctx context.Context, folder string) error {
	var rest []Process
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		var err error
		if rest, err = ProcessesOf(folder); err != nil {
			return err
		}
		if len(rest) == 0 || time.Now().After(deadline) || ctx.Err() != nil {
			break
		}
	}
	if len(rest) > 0 {
		return fmt.Errorf("%d processes are left after destroy, the first is %d: %s", len(rest), rest[0].PID, rest[0].Line)
	}
	if _, err := os.Stat(f.Root); err == nil {
		return fmt.Errorf("the folder of the fleet, %s, is left after destroy", f.Root)
	} else if !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("looking for what is left: %w", err)
	}
	return nil
}
