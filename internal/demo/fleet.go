package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// clusterName is the cluster of the quickstart.
const clusterName = "demo"

// fleet is the example's fleet as the local driver sees it, below root.
type fleet struct {
	driver compute.Driver
	root   string
}

// brokers are the addresses of the brokers that run now. It is a check.Bootstrap: the ones that Terraform put out before a
// rollout are all gone after it.
func (f fleet) brokers(ctx context.Context) ([]string, error) {
	instances, err := f.driver.List(ctx, clusterName)
	if err != nil {
		return nil, fmt.Errorf("listing the nodes: %w", err)
	}
	var addresses []string
	for _, i := range instances {
		if i.Spec.Role == compute.RoleBroker && i.State == compute.StateRunning && i.Address != "" {
			addresses = append(addresses, i.Address)
		}
	}
	return addresses, nil
}

// kill ends every node without ceremony, brokers first, and whatever else still runs below the folder. It looks again until
// nothing is found: what it kills may just have been launching something.
func (f fleet) kill(ctx context.Context, folder string) error {
	for {
		instances, err := f.driver.List(ctx, clusterName)
		if err != nil {
			return fmt.Errorf("listing the nodes: %w", err)
		}
		rest, err := processesOf(folder)
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
				if err := f.driver.Terminate(ctx, i.ID); err != nil {
					return fmt.Errorf("terminating %s: %w", i.ID, err)
				}
			}
		}
		for _, p := range rest {
			if err := syscall.Kill(p.pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("killing process %d: %w", p.pid, err)
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d nodes and %d processes below %s are still there: %w", len(instances), len(rest), folder, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// gone is nil when no process names the folder and the fleet's own folder is gone, as it is when its last cluster is. It waits a few seconds for processes
// that are just ending.
func (f fleet) gone(ctx context.Context, folder string) error {
	var rest []process
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		var err error
		if rest, err = processesOf(folder); err != nil {
			return err
		}
		if len(rest) == 0 || time.Now().After(deadline) || ctx.Err() != nil {
			break
		}
	}
	if len(rest) > 0 {
		return fmt.Errorf("%d processes are left after destroy, the first is %d: %s", len(rest), rest[0].pid, rest[0].line)
	}
	if _, err := os.Stat(f.root); err == nil {
		return fmt.Errorf("the folder of the fleet, %s, is left after destroy", f.root)
	} else if !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("looking for what is left: %w", err)
	}
	return nil
}
