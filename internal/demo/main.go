// Command demo shows the product on one machine: a real Kafka fleet by `terraform apply`, every node of it replaced under
// load, nothing lost, nothing left behind. It is what `make demo` runs; its last line is the result as JSON.
//
// KEEP=1 in the environment leaves the fleet running and says how to look at it and how to destroy it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute/local"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "\nThe demo failed: %v\n", err)
		os.Exit(1)
	}
}

func run() (err error) {
	binary := flag.String("terraform", "terraform", "the terraform or tofu command")
	provider := flag.String("provider", "", "the built provider (required)")
	home := flag.String("kafka-home", "", "a Kafka distribution: a folder with libs/, {version} in it stands for the version; empty to download")
	example := flag.String("example", "examples/quickstart", "the configuration to apply")
	flag.Parse()
	if *provider == "" {
		return errors.New("-provider is missing: build the provider (`make build`) and give its path")
	}
	// Terraform runs in another folder.
	for _, path := range []*string{provider, home} {
		if *path != "" {
			if *path, err = filepath.Abs(*path); err != nil {
				return fmt.Errorf("the path %s: %w", *path, err)
			}
		}
	}
	if *binary, err = exec.LookPath(*binary); err != nil {
		return fmt.Errorf("no Terraform CLI: install terraform or tofu, or give its path with -terraform: %w", err)
	}
	if *binary, err = filepath.Abs(*binary); err != nil {
		return fmt.Errorf("the path %s: %w", *binary, err)
	}
	change, err := rollFor(*home)
	if err != nil {
		return err
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	work, err := os.MkdirTemp("", "kafkafleet-demo-")
	if err != nil {
		return fmt.Errorf("making a folder for the demo: %w", err)
	}
	d, err := prepare(*binary, *provider, *home, *example, work)
	if err != nil {
		return errors.Join(err, os.RemoveAll(work))
	}
	d.roll = change

	keep := os.Getenv("KEEP") == "1"
	outcome, fault := d.tell(ctx, keep)
	if keep {
		d.explain()
	} else if err := d.remove(); err != nil {
		fault = errors.Join(fault, err)
	}
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

// prepare lays out the work folder: the example's copy, the provider's mirror, the root of the fleet.
func prepare(binary, provider, home, example, work string) (demo, error) {
	configuration := filepath.Join(work, "quickstart")
	if err := os.MkdirAll(configuration, 0o755); err != nil {
		return demo{}, fmt.Errorf("copying the example: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(example, "*.tf"))
	if err != nil || len(files) == 0 {
		return demo{}, fmt.Errorf("no configuration (*.tf) in %s", example)
	}
	for _, file := range files {
		if err := copyFile(file, filepath.Join(configuration, filepath.Base(file)), 0o644); err != nil {
			return demo{}, fmt.Errorf("copying the example: %w", err)
		}
	}
	tf, err := newTerraform(binary, provider, configuration, work)
	if err != nil {
		return demo{}, err
	}
	root := filepath.Join(work, "fleet")
	// It lists and terminates only, so it needs to know nothing of Kafka.
	driver, err := local.New(local.Config{Root: root})
	if err != nil {
		return demo{}, fmt.Errorf("the local driver: %w", err)
	}
	variables := []string{"-var", "local_root=" + root}
	if home != "" {
		variables = append(variables, "-var", "kafka_home="+home)
	}
	return demo{terraform: tf, fleet: fleet{driver: driver, root: root}, work: work, variables: variables}, nil
}

// remove ends whatever is still there, also after a failure or Ctrl-C, and deletes the work folder.
func (d demo) remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return errors.Join(d.fleet.kill(ctx, d.work), os.RemoveAll(d.work))
}

// explain says how to look at a fleet that was kept.
func (d demo) explain() {
	variables := strings.Join(d.args(d.roll.after), " ")
	fmt.Printf(`
The fleet is kept in %[1]s. To look at it and to destroy it:

  cd %[2]s
  export TF_CLI_CONFIG_FILE=%[3]s
  %[4]s output
  %[4]s plan %[5]s
  %[4]s destroy %[5]s
  rm -r %[1]s
`, d.work, d.terraform.dir, filepath.Join(d.work, "cli.tfrc"), d.terraform.binary, variables)
}
