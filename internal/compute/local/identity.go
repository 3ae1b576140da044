package local

import (
	"context"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/node"
)

// Identity returns what a node of the fleets below a root finds in the secret store.
func Identity(root, cluster string, id int32) node.Identity {
	return func(context.Context) (compute.Identity, error) {
		secret, err := Secret(root, cluster, compute.NodeSecret(id))
		if err != nil {
			return compute.Identity{}, err
		}
		return compute.ParseIdentity(secret)
	}
}
