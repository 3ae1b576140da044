package command

import (
	"fmt"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute/local"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/node"
)

// newNode is `node`: what a driver starts on each machine.
func newNode() *cobra.Command {
	var spec string
	cmd := &cobra.Command{
		Use:   "node --spec FILE",
		Short: "Be the agent of a node: prepare its disks, run Kafka, report how it is",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SilenceUsage = true
			file, err := node.ReadFile(spec)
			if err != nil {
				return err
			}
			if file.Driver != "local" {
				return fmt.Errorf("the spec file names the driver %q, and this agent knows \"local\" only", file.Driver)
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return node.Run(ctx, file, local.Controllers(file.Root, file.Spec.Cluster), local.Identity(file.Root, file.Spec.Cluster, file.Spec.NodeID))
		},
	}
	cmd.Flags().StringVar(&spec, "spec", "", "the node's spec file, as its driver wrote it")
	if err := cmd.MarkFlagRequired("spec"); err != nil {
		panic(err) // The flag is defined one line above.
	}
	return cmd
}
