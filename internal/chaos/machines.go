package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/sandbox"
)

// processes are those of one node.
type processes struct{ agents, javas []sandbox.Process }

// processesByNode sorts what runs below the fleet's root by the folders of nodes. What belongs to none of them is in stray.
func processesByNode(all []sandbox.Process, dirs map[int32]string) (byNode map[int32]processes, stray []sandbox.Process) {
	byNode = map[int32]processes{}
	for _, p := range all {
		owner := int32(0)
		for id, dir := range dirs {
			if strings.Contains(p.Line, dir+string(filepath.Separator)) {
				owner = id
			}
		}
		of := byNode[owner]
		switch {
		case owner == 0:
			stray = append(stray, p)
		case strings.Contains(p.Line, " node --spec "):
			of.agents = append(of.agents, p)
			byNode[owner] = of
		default: // Kafka, and the tool that formats a disk.
			of.javas = append(of.javas, p)
			byNode[owner] = of
		}
	}
	return byNode, stray
}

// machines are the fleet's nodes as compute and the process table have them. What Kafka says of them is not in it.
func (s *story) machines(ctx context.Context) (instances []compute.Instance, byNode map[int32]processes, err error) {
	instances, err = s.Fleet.Driver.List(ctx, s.Fleet.Cluster)
	if err != nil {
		return nil, nil, fmt.Errorf("listing the nodes: %w", err)
	}
	all, err := sandbox.ProcessesOf(s.Fleet.Root)
	if err != nil {
		return nil, nil, err
	}
	byNode, _ = processesByNode(all, s.dirs(instances))
	return instances, byNode, nil
}

func (s *story) dirs(instances []compute.Instance) map[int32]string {
	dirs := map[int32]string{}
	for _, i := range instances {
		dirs[i.Spec.NodeID] = s.Fleet.NodeDir(i.Spec.NodeID)
	}
	return dirs
}

// look reads the fleet as it is now. An error means that Kafka does not say all that is needed.
func (s *story) look(ctx context.Context) (view, error) {
	instances, byNode, err := s.machines(ctx)
	if err != nil {
		return view{}, err
	}
	_, registered, err := s.kafka.Brokers(ctx)
	if err != nil {
		return view{}, err
	}
	unfenced := map[int32]bool{}
	for _, b := range registered {
		unfenced[b.ID] = !b.Fenced
	}
	topics, err := s.kafka.Topics(ctx)
	if err != nil {
		return view{}, err
	}
	quorum, err := s.kafka.Quorum(ctx)
	if err != nil {
		return view{}, err
	}
	v := view{leader: quorum.Leader}
	for _, voter := range quorum.Voters {
		v.voters = append(v.voters, voter.ID)
	}
	for _, t := range topics {
		v.partitions = append(v.partitions, t.Partitions...)
	}
	for _, i := range instances {
		id := i.Spec.NodeID
		m := machine{id: id, zone: i.Spec.Zone}
		m.lost = i.State == compute.StateStopped || i.State == compute.StateTerminating || i.Status != nil && i.Status.Phase == compute.PhaseDiskLost
		m.serving = i.State == compute.StateRunning && i.Status != nil && i.Status.Phase == compute.PhaseRunning && len(byNode[id].javas) > 0 && !s.hangs(id)
		if i.Spec.Role == compute.RoleController {
			v.controllers = append(v.controllers, m)
			continue
		}
		m.serving = m.serving && unfenced[id]
		v.brokers = append(v.brokers, m)
	}
	return v, nil
}

// kill sends a signal to all of these processes; one that has ended is no error.
func kill(of []sandbox.Process, sig syscall.Signal) error {
	var errs []error
	for _, p := range of {
		if err := syscall.Kill(p.PID, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			errs = append(errs, fmt.Errorf("sending %s to process %d: %w", sig, p.PID, err))
		}
	}
	return errors.Join(errs...)
}

// deleteDisks deletes what a node's Kafka has on its disks. Kafka may be creating files there meanwhile.
func deleteDisks(nodeDir string) error {
	dirs, err := filepath.Glob(filepath.Join(nodeDir, "disks", "*", "kafka-logs"))
	if err != nil || len(dirs) == 0 {
		return fmt.Errorf("no data directory in %s (%w)", nodeDir, err)
	}
	for _, dir := range dirs {
		for tries := 0; ; tries++ {
			err := os.RemoveAll(dir)
			if err == nil {
				break
			}
			if tries == 100 {
				return fmt.Errorf("deleting the data directory: %w", err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return nil
}
