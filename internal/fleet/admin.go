package fleet

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/pki"
)

// adminLifetime is for how long this run's own certificate is good. It is held in memory only, and made anew when half of it is over.
const adminLifetime = 24 * time.Hour

// AdminTLS is how whoever may read a cluster's secrets shows its brokers, where they listen for each other, that he is compute.AdminPrincipal:
// by a certificate that is made when a connection needs one, and is held in memory only. It is nil for a plaintext cluster.
// compute.ErrNotFound: there is no such cluster, or it has no authority.
func (c *Client) AdminTLS(ctx context.Context, cluster string) (*tls.Config, error) {
	return (&admin{fleet: c, cluster: cluster}).tls(ctx)
}

// admin is this run's own certificate for one cluster.
type admin struct {
	fleet   *Client
	cluster string

	mu          sync.Mutex
	known       bool
	config      *tls.Config // nil for a plaintext cluster
	certificate *tls.Certificate
	renewAt     time.Time
}

// tls is how this run shows who it is, nil where the cluster is plaintext.
func (a *admin) tls(ctx context.Context) (*tls.Config, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known {
		return a.config, nil
	}
	record, err := a.fleet.driver.GetCluster(ctx, a.cluster)
	if err != nil {
		return nil, fmt.Errorf("cluster %q: %w", a.cluster, err)
	}
	if !record.Security.Plaintext {
		stored, _, err := a.fleet.readAuthority(ctx, a.cluster)
		if err != nil {
			return nil, err
		}
		believed, err := stored.believed()
		if err != nil {
			return nil, err
		}
		pool, err := pki.Pool([]byte(believed))
		if err != nil {
			return nil, fmt.Errorf("the certificate authority of cluster %q: %w", a.cluster, err)
		}
		a.config = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool, GetClientCertificate: func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return a.own(info.Context())
		}}
	}
	a.known = true
	return a.config, nil
}

// own is the certificate, made anew when it is time.
func (a *admin) own(ctx context.Context) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.fleet.opts.Now()
	if a.certificate != nil && now.Before(a.renewAt) {
		return a.certificate, nil
	}
	_, signer, err := a.fleet.readAuthority(ctx, a.cluster)
	if err != nil {
		return nil, err
	}
	issued, err := signer.Issue(pki.Request{CommonName: compute.AdminPrincipal, Lifetime: adminLifetime}, now)
	if err != nil {
		return nil, fmt.Errorf("this run's certificate for cluster %q: %w", a.cluster, err)
	}
	pair, err := issued.TLS()
	if err != nil {
		return nil, fmt.Errorf("this run's certificate for cluster %q: %w", a.cluster, err)
	}
	a.certificate, a.renewAt = &pair, now.Add(adminLifetime/2)
	return a.certificate, nil
}
