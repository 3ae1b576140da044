// Package sandbox is a folder in which Terraform and the built provider run a fleet on this machine, and of which nothing is left when it
// is removed: no process, no file. The demo and the chaos runs happen in one.
package sandbox

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute/local"
)

// Options say what a sandbox is made from.
type Options struct {
	// Terraform is the terraform or tofu command, Provider the built provider.
	Terraform, Provider string
	// KafkaHome is a Kafka distribution, a folder with libs/; {version} in it stands for the version. "" means that Kafka is downloaded.
	KafkaHome string
	// Configuration is a folder with the *.tf files to apply. They have the variables local_root and kafka_home.
	Configuration string
}

// Bind defines the options as flags, with this folder as the configuration's default.
func (o *Options) Bind(flags *flag.FlagSet, configuration string) {
	flags.StringVar(&o.Terraform, "terraform", "terraform", "the terraform or tofu command")
	flags.StringVar(&o.Provider, "provider", "", "the built provider (required)")
	flags.StringVar(&o.KafkaHome, "kafka-home", "", "a Kafka distribution: a folder with libs/, {version} in it stands for the version; empty to download")
	flags.StringVar(&o.Configuration, "example", configuration, "the configuration to apply")
}

// Resolve checks the options and makes their paths absolute, since Terraform runs in another folder.
func (o Options) Resolve() (Options, error) {
	if o.Provider == "" {
		return o, errors.New("-provider is missing: build the provider (`make build`) and give its path")
	}
	binary, err := exec.LookPath(o.Terraform)
	if err != nil {
		return o, fmt.Errorf("no Terraform CLI: install terraform or tofu, or give its path with -terraform: %w", err)
	}
	o.Terraform = binary
	for _, path := range []*string{&o.Terraform, &o.Provider, &o.KafkaHome, &o.Configuration} {
		if *path == "" {
			continue
		}
		if *path, err = filepath.Abs(*path); err != nil {
			return o, fmt.Errorf("the path %s: %w", *path, err)
		}
	}
	return o, nil
}

// Sandbox holds a configuration, a Terraform that finds the provider, and room for one fleet.
type Sandbox struct {
	Terraform Terraform
	Fleet     Fleet
	// Work is the folder that holds everything.
	Work string
	// Variables are arguments that every plan, apply and destroy needs.
	Variables []string
}

// New lays out a new sandbox for a cluster in the system's folder for temporary files. The options must be resolved.
func New(cluster string, o Options) (*Sandbox, error) {
	work, err := os.MkdirTemp("", "kafkafleet-"+cluster+"-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for the fleet: %w", err)
	}
	s, err := lay(work, cluster, o)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(work))
	}
	return s, nil
}

// lay puts into work the configuration's copy, the provider's mirror, and the root of the fleet.
func lay(work, cluster string, o Options) (*Sandbox, error) {
	configuration := filepath.Join(work, "configuration")
	if err := os.MkdirAll(configuration, 0o755); err != nil {
		return nil, fmt.Errorf("copying the configuration: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(o.Configuration, "*.tf"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no configuration (*.tf) in %s", o.Configuration)
	}
	for _, file := range files {
		if err := copyFile(file, filepath.Join(configuration, filepath.Base(file)), 0o644); err != nil {
			return nil, fmt.Errorf("copying the configuration: %w", err)
		}
	}
	s := &Sandbox{Work: work}
	if s.Terraform, err = newTerraform(o.Terraform, o.Provider, configuration, work); err != nil {
		return nil, err
	}
	root := filepath.Join(work, "fleet")
	// It lists and terminates only, so it needs to know nothing of Kafka.
	driver, err := local.New(local.Config{Root: root})
	if err != nil {
		return nil, fmt.Errorf("the local driver: %w", err)
	}
	s.Fleet = Fleet{Driver: driver, Root: root, Cluster: cluster}
	s.Variables = []string{"-var", "local_root=" + root}
	if o.KafkaHome != "" {
		s.Variables = append(s.Variables, "-var", "kafka_home="+o.KafkaHome)
	}
	return s, nil
}

// Remove ends whatever is still there, also after a failure or Ctrl-C, and deletes the folder.
func (s *Sandbox) Remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return errors.Join(s.Fleet.Kill(ctx, s.Work), os.RemoveAll(s.Work))
}
