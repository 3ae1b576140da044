package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/sandbox"
)

const (
	// maxApplies is how many applies may be begun after the last fault until a plan is empty.
	maxApplies = 4
	// betweenApplies is the pause between two of them.
	betweenApplies = 2 * time.Second
	// errorLines is how much of a failed apply's words are told.
	errorLines = 14
)

// applies runs Terraform, and keeps what it and the provider say in files of a folder.
type applies struct {
	terraform sandbox.Terraform
	logs      string
	say       func(format string, args ...any)

	mu      sync.Mutex
	count   int
	running *sandbox.Command
	since   time.Time
}

// run runs one command, with a file for its output and one for the provider's log.
func (a *applies) run(ctx context.Context, args ...string) error {
	a.mu.Lock()
	a.count++
	name := filepath.Join(a.logs, fmt.Sprintf("%02d-%s", a.count, args[0]))
	a.mu.Unlock()
	output, err := os.Create(name + ".txt")
	if err != nil {
		return fmt.Errorf("the file for Terraform's output: %w", err)
	}
	defer func() { _ = output.Close() }() // Terraform writes to it, nobody else.
	tf := a.terraform.With("TF_LOG_PROVIDER=INFO", "TF_LOG_PATH="+name+".log")
	tf.Stdout, tf.Stderr = output, output
	// Nobody waits for a safe point at the end of a story: what there is will be removed.
	command, err := tf.Start(context.WithoutCancel(ctx), args...)
	if err != nil {
		return err
	}
	a.set(command)
	stop := context.AfterFunc(ctx, func() { _ = command.Kill() })
	err = command.Wait()
	stop()
	a.set(nil)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if words := said(name + ".txt"); err != nil && words != "" {
		return fmt.Errorf("%w\n%s", err, words)
	}
	return err
}

func (a *applies) set(running *sandbox.Command) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.running, a.since = running, time.Now()
}

// kill ends the command that runs, if it has run for so long, and says whether it did.
func (a *applies) kill(age time.Duration) (killed bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running == nil || time.Since(a.since) < age {
		return false, nil
	}
	return true, a.running.Kill()
}

// said is what a command's output has from its first error on, the first lines of it; "" when it has none.
func said(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	for i, line := range lines {
		if strings.Contains(line, "Error: ") {
			return strings.Join(lines[i:min(len(lines), i+errorLines)], "\n")
		}
	}
	return ""
}

// untilConverged applies again and again, as a schedule does, until a plan is empty that was made after the last fault.
func (a *applies) untilConverged(ctx context.Context, last <-chan struct{}, apply, plan []string) error {
	for left := maxApplies; ; {
		over := closed(last)
		began := time.Now()
		err := a.run(ctx, apply...)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("the time is over before the fleet has converged: %w", ctx.Err())
		case err != nil:
			a.say("apply failed after %.0f s: %v", time.Since(began).Seconds(), err)
		default:
			a.say("applied in %.0f s", time.Since(began).Seconds())
		}
		if over {
			if err == nil {
				err = a.run(ctx, plan...)
			}
			if err == nil {
				return nil
			}
			if left--; left == 0 {
				return fmt.Errorf("%d applies after the last fault, the fleet has not converged: %w", maxApplies, err)
			}
		}
		// A schedule does not come at once after a success; after a failure a person does.
		if sleep(ctx, betweenApplies) != nil {
			return errors.Join(errors.New("the fleet has not converged"), ctx.Err())
		}
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
