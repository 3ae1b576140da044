// Package command holds what the provider's binary can do beside serving Terraform: be the agent of a node, check
// a cluster, and plan placements.
package command

import "github.com/spf13/cobra"

// Root is the command line of the binary.
func Root(version string) *cobra.Command {
	root := &cobra.Command{
		Use:           "terraform-provider-kafkafleet",
		Short:         "Terraform provider for Kafka fleets; started without arguments, by Terraform, it serves as a plugin",
		Version:       version,
		SilenceErrors: true,
	}
	root.AddCommand(newNode(), newCheck(), newPlacement())
	return root
}
