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
	"os/signal"
	"strings"
	"syscall"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/sandbox"
)

// clusterName is the cluster of the quickstart.
const clusterName = "demo"

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "\nThe demo failed: %v\n", err)
		os.Exit(1)
	}
}

func run() error {
	var options sandbox.Options
	options.Bind(flag.CommandLine, "examples/quickstart")
	flag.Parse()
	options, err := options.Resolve()
	if err != nil {
		return err
	}
	change, err := rollFor(options.KafkaHome)
	if err != nil {
		return err
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	box, err := sandbox.New(clusterName, options)
	if err != nil {
		return err
	}
	d := demo{Sandbox: box, roll: change, password: newPassword()}
	d.Terraform = d.Terraform.With(passwordVariable + "=" + d.password)

	keep := os.Getenv("KEEP") == "1"
	outcome, fault := d.tell(ctx, keep)
	if keep {
		fault = errors.Join(fault, d.explain())
	} else if err := d.Remove(); err != nil {
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

// explain says how to look at a fleet that was kept. The password is in a file, and not on the console.
func (d demo) explain() error {
	password, err := d.leavePassword()
	if err != nil {
		return err
	}
	variables := strings.Join(d.args(d.roll.after), " ")
	fmt.Printf(`
The fleet is kept in %[1]s. To look at it and to destroy it:

  cd %[2]s
  export TF_CLI_CONFIG_FILE=%[3]s
  export %[6]s="$(cat %[7]s)"
  %[4]s output
  %[4]s output -raw client_properties >client.properties
  %[4]s plan %[5]s
  %[4]s destroy %[5]s
  rm -r %[1]s
`, d.Work, d.Terraform.Dir, d.Terraform.CLIConfig, d.Terraform.Binary, variables, passwordVariable, password)
	return nil
}
