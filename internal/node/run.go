package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

const (
	// statusEvery is the pause between two reports when nothing changes.
	statusEvery = 5 * time.Second
	// lookEvery is the pause between two looks at something that is expected soon.
	lookEvery = 200 * time.Millisecond
	// healthyAfter is how long Kafka must have run for a crash to count as the first again.
	healthyAfter = 5 * time.Minute
	maxBackoff   = time.Minute
)

// ReadFile reads the spec file that the driver left.
func ReadFile(path string) (File, error) {
	var f File
	content, err := os.ReadFile(path)
	if err != nil {
		return f, fmt.Errorf("the node's spec file: %w", err)
	}
	if err := json.Unmarshal(content, &f); err != nil {
		return f, fmt.Errorf("the node's spec file %s is not what a driver writes: %w", path, err)
	}
	switch {
	case f.Spec.ClusterID == "", f.Spec.NodeID <= 0, f.Spec.Role != compute.RoleBroker && f.Spec.Role != compute.RoleController:
		return f, fmt.Errorf("the node's spec file %s lacks a cluster id, a node id or a role", path)
	case f.Dir == "", len(f.Disks) == 0, f.KafkaHome == "", f.Listen == "":
		return f, fmt.Errorf("the node's spec file %s lacks a directory, disks, a Kafka or an address", path)
	}
	return f, nil
}

// Run is the agent: it returns when ctx ends and Kafka has stopped. Whatever goes wrong with the node is in its status, not in the
// error: a machine whose agent has ended cannot say why.
func Run(ctx context.Context, f File, controllers Controllers) error {
	a := &agent{file: f, controllers: controllers, status: compute.NodeStatus{Phase: compute.PhasePreparing}}
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		return err
	}
	a.report(func(*compute.NodeStatus) {})
	reporting, stop := context.WithCancel(context.WithoutCancel(ctx))
	var wait sync.WaitGroup
	wait.Go(func() { a.reportRegularly(reporting) })
	a.live(ctx)
	stop()
	wait.Wait()
	a.report(func(s *compute.NodeStatus) { s.Phase, s.KafkaPID = compute.PhaseStopped, 0 })
	return nil
}

type agent struct {
	file        File
	controllers Controllers

	mu     sync.Mutex
	status compute.NodeStatus
}

// report changes the status and writes it.
func (a *agent) report(change func(*compute.NodeStatus)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(&a.status)
	a.status.UpdatedAt = time.Now().UTC()
	content, err := json.Marshal(a.status)
	if err == nil {
		err = replaceFile(filepath.Join(a.file.Dir, StatusFile), append(content, '\n'))
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "the status could not be written: %v\n", err)
	}
}

func (a *agent) phase(p compute.Phase, problem string) {
	a.report(func(s *compute.NodeStatus) {
		s.Phase = p
		if problem != "" {
			s.LastError = problem
		}
	})
}

func (a *agent) reportRegularly(ctx context.Context) {
	for ctx.Err() == nil {
		bytes := used(a.file)
		a.report(func(s *compute.NodeStatus) { s.DiskUsedBytes = bytes })
		sleep(ctx, statusEvery)
	}
}

// live takes the node through its life until ctx ends.
func (a *agent) live(ctx context.Context) {
	switch inspect(a.file) {
	case disksLost:
		a.phase(compute.PhaseDiskLost, "the node was formatted and a log directory is empty now; it is replaced, never formatted again")
		<-ctx.Done()
		return
	case disksForeign:
		a.phase(compute.PhaseFailed, "the disks carry data that this node did not write")
		<-ctx.Done()
		return
	case formatNow:
		if err := a.format(ctx); err != nil {
			a.phase(compute.PhaseFailed, err.Error())
			<-ctx.Done()
			return
		}
	case useDisks:
	}
	delay := time.Duration(0)
	for ctx.Err() == nil {
		began := time.Now()
		err := a.runOnce(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errDisksLost):
			a.phase(compute.PhaseDiskLost, err.Error())
			<-ctx.Done()
			return
		}
		delay = nextBackoff(delay, time.Since(began))
		a.report(func(s *compute.NodeStatus) {
			s.Phase, s.KafkaPID, s.LastError = compute.PhaseBackoff, 0, err.Error()
			s.Restarts++
		})
		sleep(ctx, delay)
	}
}

// nextBackoff doubles the pause after each crash, from one second up to maxBackoff, and begins anew after a long healthy time.
func nextBackoff(last, ran time.Duration) time.Duration {
	if last == 0 || ran >= healthyAfter {
		return time.Second
	}
	return min(2*last, maxBackoff)
}

func (a *agent) format(ctx context.Context) error {
	a.phase(compute.PhaseFormatting, "")
	if err := mark(filepath.Join(a.file.Dir, formattingMark)); err != nil {
		return err
	}
	if err := emptyDisks(a.file); err != nil {
		return err
	}
	addresses, err := a.quorum(ctx)
	if err != nil {
		return err
	}
	if err := prepare(a.file, addresses); err != nil {
		return err
	}
	if err := format(ctx, a.file); err != nil {
		return err
	}
	return mark(filepath.Join(a.file.Dir, FormattedMark))
}

// quorum waits until the driver knows a live controller. A controller counts itself.
func (a *agent) quorum(ctx context.Context) ([]string, error) {
	for {
		addresses, err := a.controllers(ctx)
		if len(addresses) == 0 && a.file.Spec.Role == compute.RoleController {
			addresses = []string{a.file.Listen}
		}
		switch {
		case len(addresses) > 0:
			return addresses, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			a.phase(compute.PhasePreparing, fmt.Sprintf("the live controllers cannot be found: %v", err))
		default:
			a.phase(compute.PhasePreparing, "the cluster has no live controller")
		}
		sleep(ctx, time.Second)
	}
}

var errDisksLost = errors.New("a log directory is empty that was formatted before; the node is replaced, never formatted again")

// runOnce starts Kafka and returns when it has ended: with the reason, or because ctx has.
func (a *agent) runOnce(ctx context.Context) error {
	if inspect(a.file) != useDisks {
		return errDisksLost
	}
	addresses, err := a.quorum(ctx)
	if err != nil {
		return err
	}
	if err := prepare(a.file, addresses); err != nil {
		return err
	}
	p, err := start(a.file)
	if err != nil {
		return err
	}
	a.report(func(s *compute.NodeStatus) { s.Phase, s.KafkaPID = compute.PhaseStarting, p.cmd.Process.Pid })
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	running := false
	for {
		select {
		case <-ctx.Done():
			a.phase(compute.PhaseStopping, "")
			p.stop(a.file.StopTimeout)
			return nil
		case err := <-p.ended:
			why := explanation(a.file)
			if why == "" {
				why = "without a word in its log"
			}
			return fmt.Errorf("Kafka ended (%v): %s", err, why) //nolint:revive,staticcheck // Kafka is a name.
		case <-look.C:
			if !running && answers(a.file.Listen) {
				running = true
				a.phase(compute.PhaseRunning, "")
			}
		}
	}
}

func answers(address string) bool {
	conn, err := net.DialTimeout("tcp", address, lookEvery)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
