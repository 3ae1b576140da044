package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/pki"
)

// MaxClientLifetime is for how long a client's certificate is good at most: nobody can take it back.
const MaxClientLifetime = 30 * 24 * time.Hour

// ErrPlannedOnly says that what is asked for depends on a part of this run's plan that is not applied yet.
var ErrPlannedOnly = errors.New("planned, and not applied yet")

// ClientCertificate is by what a client shows who it is. It is a secret, and kept nowhere.
type ClientCertificate struct {
	// Credential is the certificate and its key; what prints it shows no key.
	Credential pki.Credential
	// TrustedPEM are the authorities whose certificates the nodes show.
	TrustedPEM string
	// NotAfter is when it ends: after the lifetime that was asked for, or when the authority does.
	NotAfter time.Time
	// Principal is who the bearer is to Kafka, such as User:shop.
	Principal string
}

// IssueClientCertificate makes a certificate for a client of a cluster, good from now for a lifetime of up to MaxClientLifetime. Nothing is
// stored. compute.ErrNotFound: there is no such cluster, or its authority is lost. compute.ErrInvalid: the name or the lifetime cannot be, or
// the cluster takes no certificates. ErrPlannedOnly: it will when this run's plan has been applied.
func (c *Client) IssueClientCertificate(ctx context.Context, cluster, name string, lifetime time.Duration) (ClientCertificate, error) {
	if fault := compute.CommonNameFault(name); fault != "" {
		return ClientCertificate{}, fmt.Errorf("%w: no client of cluster %q can have a certificate for %q: %s", compute.ErrInvalid, cluster, name, fault)
	}
	if lifetime < time.Second || lifetime > MaxClientLifetime {
		return ClientCertificate{}, fmt.Errorf("%w: a certificate for %q would be good for %s: it can be from 1s to %s, since it cannot be taken back", compute.ErrInvalid, name, lifetime, MaxClientLifetime)
	}
	if err := c.checkCertificates(ctx, cluster); err != nil {
		return ClientCertificate{}, err
	}
	stored, signer, err := c.readAuthority(ctx, cluster)
	if errors.Is(err, compute.ErrNotFound) {
		return ClientCertificate{}, fmt.Errorf("%w: the secret store has lost it; put it back from where it is kept, since no node would believe a new one", err)
	}
	if err != nil {
		return ClientCertificate{}, err
	}
	credential, err := signer.Issue(pki.Request{CommonName: name, Lifetime: lifetime}, c.opts.Now())
	if err != nil {
		return ClientCertificate{}, fmt.Errorf("a certificate for %q in cluster %q: %w", name, cluster, err)
	}
	leaf, err := credential.Leaf()
	if err != nil {
		return ClientCertificate{}, fmt.Errorf("a certificate for %q in cluster %q: %w", name, cluster, err)
	}
	return ClientCertificate{Credential: credential, TrustedPEM: stored.TrustedPEM, NotAfter: leaf.NotAfter, Principal: "User:" + name}, nil
}

// checkCertificates is nil when clients of a cluster log in by certificate, as it is and as this run has planned it.
func (c *Client) checkCertificates(ctx context.Context, cluster string) error {
	record, err := c.driver.GetCluster(ctx, cluster)
	missing := errors.Is(err, compute.ErrNotFound)
	planned, _ := c.PlannedFor(cluster)
	switch {
	case err != nil && !missing:
		return fmt.Errorf("cluster %q: %w", cluster, err)
	case planned.Security != nil:
		if err := certificates(cluster, *planned.Security); err != nil {
			return err
		}
		if missing || !record.Security.Certificates() {
			return fmt.Errorf("cluster %q, with clients that log in by certificate, is %w", cluster, ErrPlannedOnly)
		}
		return nil
	case missing:
		return fmt.Errorf("%w: no cluster of this name has an authority to issue a certificate: %q. Create it first, and take the name from it, as in cluster = kafkafleet_cluster.main.name: then "+
			"Terraform waits for it", compute.ErrNotFound, cluster)
	}
	return certificates(cluster, record.Security)
}

// certificates says why nobody logs in by certificate where the listeners are protected like this.
func certificates(cluster string, s compute.Security) error {
	switch {
	case s.Plaintext:
		return fmt.Errorf("%w: nobody logs in at cluster %q, its listeners are plaintext and everybody may do everything: clients need no certificate, and cannot use one", compute.ErrInvalid, cluster)
	case !s.Certificates():
		return fmt.Errorf("%w: nobody logs in by certificate at cluster %q, its clients have a name and a password (client_auth = %q): create a kafkafleet_user, "+
			"or set security = { client_auth = %q } on the kafkafleet_cluster, which is a rollout of its brokers", compute.ErrInvalid, cluster, compute.ClientAuthSCRAM, compute.ClientAuthBoth)
	}
	return nil
}
