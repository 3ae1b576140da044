package fleet

import (
	"context"
	"crypto/tls"
)

// AdminTLS is how whoever may read a cluster's secrets shows its brokers, where they listen for each other, that he is compute.AdminPrincipal:
// by a certificate that is made when a connection needs one, and is held in memory only. It is nil for a plaintext cluster.
// compute.ErrNotFound: there is no such cluster, or it has no authority.
func (c *Client) AdminTLS(ctx context.Context, cluster string) (*tls.Config, error) {
	return (&admin{fleet: c, cluster: cluster}).tls(ctx)
}
