// Command chaos lets faults strike a real fleet while Terraform rolls it to a new version of Kafka under load, applies until it is clean,
// and judges: nothing acknowledged is lost, the fleet has converged, nothing is left behind. It is what `make chaos` runs; its last line is
// the result as JSON, and its exit code is 1 when a promise was broken.
//
// The order of the faults, their moments and their victims are drawn from the seed.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/sandbox"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "\nThe chaos run failed: %v\n", err)
		os.Exit(1)
	}
}

func run() error {
	var options sandbox.Options
	options.Bind(flag.CommandLine, "internal/chaos/fleet")
	seed := flag.Uint64("seed", 1, "what the faults are drawn from")
	names := flag.String("faults", "all", "the faults: all, none, or names separated by commas")
	throttle := flag.String("throttle", "auto", "the limit on the replication of moves")
	plaintext := flag.Bool("plaintext", false, "a fleet that protects nothing")
	folder := flag.String("logs", "", "where a folder with the words of Terraform and the provider is made (required)")
	flag.Parse()
	options, err := options.Resolve()
	if err != nil {
		return err
	}
	faults, err := parseFaults(*names)
	if err != nil {
		return err
	}
	logs, err := makeLogs(*folder, *seed, *names)
	if err != nil {
		return err
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	box, err := sandbox.New(clusterName, options)
	if err != nil {
		return err
	}
	box.Variables = append(box.Variables, "-var", "throttle="+*throttle, "-var", fmt.Sprintf("plaintext=%t", *plaintext))
	s := newStory(box, schedule(*seed, faults), logs)
	outcome, fault := s.tell(ctx)
	outcome.Seed = *seed
	if fault != nil {
		fault = errors.Join(fault, fmt.Errorf("what Terraform, the provider, the nodes and the clients say is in %s", logs))
	}
	fault = errors.Join(fault, keepLogs(box, logs), s.kafka.Close(), box.Remove())
	if ctx.Err() != nil {
		return errors.Join(errors.New("interrupted"), fault)
	}
	if outcome.RecordsAcked == 0 {
		return fault // It never came to a judgement, and zeros would look like one.
	}
	line, err := json.Marshal(outcome)
	if err != nil {
		return errors.Join(fault, fmt.Errorf("the result: %w", err))
	}
	fmt.Printf("\n%s\n", line)
	return fault
}

// makeLogs makes an empty folder for one seed.
func makeLogs(folder string, seed uint64, faults string) (string, error) {
	if folder == "" {
		return "", errors.New("-logs is missing: give a folder for what Terraform and the provider say")
	}
	logs, err := filepath.Abs(filepath.Join(folder, fmt.Sprintf("seed-%d-%s", seed, faults)))
	if err != nil {
		return "", fmt.Errorf("the folder for the logs: %w", err)
	}
	if err := errors.Join(os.RemoveAll(logs), os.MkdirAll(logs, 0o755)); err != nil {
		return "", fmt.Errorf("the folder for the logs: %w", err)
	}
	return logs, nil
}

// keepLogs copies what the nodes say of themselves, before they are removed.
func keepLogs(box *sandbox.Sandbox, logs string) error {
	for _, name := range []string{"status.json", "agent.log", "kafka.log", "console.log"} {
		files, err := filepath.Glob(filepath.Join(box.Fleet.NodeDir(0), "..", "*", name))
		if err != nil {
			return err
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err == nil {
				err = os.WriteFile(filepath.Join(logs, fmt.Sprintf("node-%s-%s", filepath.Base(filepath.Dir(file)), name)), text, 0o644)
			}
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("keeping the nodes' logs: %w", err)
			}
		}
	}
	return nil
}
