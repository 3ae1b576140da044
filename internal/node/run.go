package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

const (
	// statusEvery is the pause between two reports when nothing changes. The other half of the promise is for the look at the disks, which
	// is made before each: an agent whose disk hangs reports nothing.
	statusEvery = compute.ReportEvery / 2
	// lookEvery is the pause between two looks at something that is expected soon.
	lookEvery = 200 * time.Millisecond
)

// Errors that end a node's life: no other start can go better.
var (
	errDisksLost = errors.New("this node was formatted before, and a log directory is empty or not its own now; it never formats again and has to be replaced")
	errForeign   = errors.New("there is data in a log directory that this node did not write; nothing was done to it, and Kafka is not started")
)

// Run is the agent: it returns when ctx ends and Kafka has stopped. Whatever goes wrong with the node is in its status, not in the
// error: a machine whose agent has ended cannot say why. An error means that there is no place for a status.
func Run(ctx context.Context, f File, driver Driver) error {
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		return fmt.Errorf("the agent's directory: %w", err)
	}
	a := &agent{file: f, driver: driver, began: time.Now(), status: compute.NodeStatus{Phase: compute.PhasePreparing}}
	if err := a.report(func(*compute.NodeStatus) {}); err != nil {
		return fmt.Errorf("the node's status: %w", err)
	}
	// Kafka needs the quorum to stop well, so what serves it ends after it.
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var wait sync.WaitGroup
	wait.Go(func() { a.reportRegularly(serving) })
	err := a.live(ctx, serving)
	if ctx.Err() == nil {
		phase := compute.PhaseFailed
		if errors.Is(err, errDisksLost) {
			phase = compute.PhaseDiskLost
		}
		a.tell(func(s *compute.NodeStatus) { s.Phase, s.KafkaPID, s.LastError = phase, 0, err.Error() })
		<-ctx.Done()
	}
	stop()
	wait.Wait()
	if a.entrance != nil {
		a.entrance.close()
	}
	a.tell(func(s *compute.NodeStatus) { s.Phase, s.KafkaPID = compute.PhaseStopped, 0 })
	return nil
}

type agent struct {
	file      File
	driver    Driver
	installed compute.Identity
	entrance  *entrance
	starts    int
	began     time.Time

	mu     sync.Mutex
	status compute.NodeStatus
}

// report changes the status and writes it.
func (a *agent) report(change func(*compute.NodeStatus)) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(&a.status)
	a.status.UpdatedAt = time.Now().UTC()
	content, err := json.Marshal(a.status)
	if err != nil {
		return err
	}
	if a.driver.Report != nil {
		a.driver.Report(a.status)
	}
	return replaceFile(filepath.Join(a.file.Dir, StatusFile), append(content, '\n'))
}

// tell is report for all but the first one: a status that cannot be written is no reason to touch a running Kafka.
func (a *agent) tell(change func(*compute.NodeStatus)) {
	if err := a.report(change); err != nil {
		fmt.Fprintf(os.Stderr, "the status could not be written: %v\n", err)
	}
}

func (a *agent) enter(p compute.Phase) { a.tell(func(s *compute.NodeStatus) { s.Phase = p }) }

func (a *agent) reportRegularly(ctx context.Context) {
	for ctx.Err() == nil {
		bytes := used(a.file)
		a.tell(func(s *compute.NodeStatus) { s.DiskUsedBytes = bytes })
		sleep(ctx, statusEvery)
	}
}

// live takes the node through its life until ctx ends, or until it can never run Kafka; the error says why. What has to outlast
// Kafka's stop lives until serving ends.
func (a *agent) live(ctx, serving context.Context) error {
	// Before anything is written to a disk: a spec that cannot be rendered is wrong for good.
	if _, err := properties(a.file, nil); err != nil {
		return err
	}
	var err error
	if a.entrance, err = openEntrance(serving, a.file.Listen, a.driver.Controllers); err != nil {
		return err
	}
	if err := a.identify(ctx); err != nil {
		return err
	}
	if err := a.formatOnce(ctx); err != nil {
		return err
	}
	for pause := time.Duration(0); ctx.Err() == nil; {
		began := time.Now()
		err := a.runOnce(ctx)
		if ctx.Err() != nil || errors.Is(err, errDisksLost) {
			return err
		}
		pause = nextBackoff(pause, time.Since(began))
		a.tell(func(s *compute.NodeStatus) { s.Phase, s.KafkaPID, s.LastError = compute.PhaseBackoff, 0, err.Error() })
		sleep(ctx, pause)
	}
	return ctx.Err()
}

// formatOnce brings a new node's disks to useDisks.
func (a *agent) formatOnce(ctx context.Context) error {
	switch found, err := inspect(a.file); {
	case err != nil:
		return err
	case found == useDisks:
		return nil
	case found == disksLost:
		return errDisksLost
	case found == disksForeign:
		return errForeign
	}
	addresses, err := a.quorum(ctx)
	if err != nil {
		return err
	}
	a.enter(compute.PhaseFormatting)
	if err := mark(filepath.Join(a.file.Dir, formattingMark)); err != nil {
		return err
	}
	if err := emptyDisks(a.file); err != nil {
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

// quorum returns the addresses at which Kafka finds the controllers: that of the entrance, and of the controller that starts the quorum its own.
// It waits until the driver knows a live one.
func (a *agent) quorum(ctx context.Context) ([]string, error) {
	for {
		asking, done := context.WithTimeout(ctx, askTimeout)
		addresses, err := a.driver.Controllers(asking)
		done()
		if a.file.Spec.Bootstrap && !slices.Contains(addresses, a.file.Listen) {
			addresses, err = append(addresses, a.file.Listen), nil
		}
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err == nil && len(addresses) > 0:
			a.entrance.know(addresses)
			if a.file.Spec.Bootstrap {
				return append([]string{a.file.Listen}, a.entrance.addresses()...), nil
			}
			return a.entrance.addresses(), nil
		case err == nil:
			err = errors.New("the driver knows none of this cluster")
		}
		a.tell(func(s *compute.NodeStatus) {
			s.Phase, s.LastError = compute.PhasePreparing, fmt.Sprintf("waiting for a live controller: %v", err)
		})
		sleep(ctx, time.Second)
	}
}

// runOnce starts Kafka and returns when it has ended, with the reason, or because ctx has.
func (a *agent) runOnce(ctx context.Context) error {
	addresses, err := a.quorum(ctx)
	if err != nil {
		return err
	}
	// The last thing before each start, not only before the first: a disk can go while Kafka is down.
	switch found, err := inspect(a.file); {
	case err != nil:
		return err
	case found != useDisks:
		return errDisksLost
	}
	if err := a.renew(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "Kafka starts with the certificate that it had: %v\n", err)
	}
	if err := prepare(a.file, addresses); err != nil {
		return err
	}
	// Otherwise a stranger's answer would count as Kafka's.
	for _, address := range a.file.listeners() {
		if answers(ctx, address) {
			return fmt.Errorf("another process listens on %s already; end it, or replace the node", address)
		}
	}
	logged := int64(0)
	if info, err := os.Stat(filepath.Join(a.file.Dir, kafkaLog)); err == nil {
		logged = info.Size()
	}
	p, err := startKafka(a.file)
	if err != nil {
		return err
	}
	a.starts++
	a.tell(func(s *compute.NodeStatus) {
		s.Phase, s.KafkaPID, s.Restarts = compute.PhaseStarting, p.cmd.Process.Pid, a.starts-1
	})
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	var follower sync.WaitGroup
	defer follower.Wait() // The next start installs an identity, too, and not at the same time.
	following, end := context.WithCancel(ctx)
	defer end()
	identity, renewed := a.installed, make(chan struct{})
	follower.Go(func() {
		a.followIdentity(following)
		if following.Err() == nil {
			close(renewed)
		}
	})
	greeted := make(chan struct{})
	for answered := false; ; {
		select {
		case <-ctx.Done():
			a.enter(compute.PhaseStopping)
			if p.stop(a.file.StopTimeout) {
				a.tell(func(s *compute.NodeStatus) {
					s.LastError = fmt.Sprintf("the controlled shutdown had not ended after %s, so Kafka was killed", a.file.StopTimeout)
				})
			}
			return ctx.Err()
		case <-p.ended:
			return errors.New(explainEnd(a.file, p.outcome, logged))
		case <-renewed:
			p.stop(a.file.StopTimeout)
			return errors.New("its certificate had ended, and Kafka is started anew with the one that has come")
		case <-ticker.C:
			if !answered && answers(ctx, a.file.Listen) {
				answered = true
				ticker.Stop()
				follower.Go(func() {
					greet(following, a.file, identity)
					close(greeted)
				})
			}
		case <-greeted:
			greeted = nil
			a.tell(func(s *compute.NodeStatus) {
				s.Phase = compute.PhaseRunning
				if s.BootSeconds == 0 {
					s.BootSeconds = time.Since(a.began).Seconds()
				}
			})
		}
	}
}

func answers(ctx context.Context, address string) bool {
	dialer := net.Dialer{Timeout: lookEvery}
	conn, err := dialer.DialContext(ctx, "tcp", address)
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
