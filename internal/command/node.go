package command

import (
	"context"
	"fmt"
	"os/signal"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute/aws"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute/local"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/node"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/node/figures"
)

// newNode is `node`: what a driver starts on each machine.
func newNode() *cobra.Command {
	var spec, parameter, digest string
	var install bool
	cmd := &cobra.Command{
		Use:   "node {--spec FILE | --aws-spec PARAMETER --aws-digest SHA256}",
		Short: "Be the agent of a node: prepare its disks, run Kafka, report how it is",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SilenceUsage = true
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			switch {
			case spec != "":
				return localNode(ctx, spec)
			case install && aws.HasSystemd():
				return aws.Install(ctx, parameter, digest)
			}
			return awsNode(ctx, parameter, digest)
		},
	}
	cmd.Flags().StringVar(&spec, "spec", "", "the node's spec file, as its driver wrote it")
	cmd.Flags().StringVar(&parameter, "aws-spec", "", "the parameter that has the spec of this EC2 instance's node")
	cmd.Flags().StringVar(&digest, "aws-digest", "", "the SHA-256 of that spec, in hexadecimal digits")
	cmd.Flags().BoolVar(&install, "install", false, "where systemd runs, make the agent a service of it that also starts after a reboot, and end")
	cmd.MarkFlagsOneRequired("spec", "aws-spec")
	cmd.MarkFlagsMutuallyExclusive("spec", "aws-spec")
	cmd.MarkFlagsRequiredTogether("aws-spec", "aws-digest")
	return cmd
}

func localNode(ctx context.Context, spec string) error {
	file, err := node.ReadFile(spec)
	if err != nil {
		return err
	}
	if file.Driver != "local" {
		return fmt.Errorf("the spec file names the driver %q, and only that of \"local\" has its specs in files", file.Driver)
	}
	return node.Run(ctx, file, node.Driver{
		Controllers: local.Controllers(file.Root, file.Spec.Cluster),
		Identity:    local.Identity(file.Root, file.Spec.Cluster, file.Spec.NodeID),
	})
}

func awsNode(ctx context.Context, parameter, digest string) error {
	n, file, err := aws.Boot(ctx, parameter, digest)
	if err != nil {
		return err
	}
	telling, stop := context.WithCancel(context.WithoutCancel(ctx))
	var told sync.WaitGroup
	told.Go(func() { n.Tell(telling) })
	told.Go(func() { n.Watch(telling) })
	client := kafka.New(kafka.Config{Bootstrap: n.Brokers, Secure: n.TLS, ClientID: "kafkafleet-node"})
	publisher := figures.Publisher{NodeID: n.ID(), Kafka: client, Latest: n.Latest}
	told.Go(func() {
		publisher.Run(telling)
		_ = client.Close() // Nothing is under way any more.
	})
	err = node.Run(ctx, file, node.Driver{Controllers: n.Controllers, Identity: n.Identity, Report: n.Report})
	stop()
	told.Wait()
	return err
}
