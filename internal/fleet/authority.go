package fleet

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/pki"
)

const (
	// authorityLifetime is for how long the authority that the provider makes is good.
	authorityLifetime = 10 * 365 * 24 * time.Hour
	// nodeLifetime is for how long a node's certificate is.
	// It is replaced before, see plan.RenewBefore.
	nodeLifetime = 365 * 24 * time.Hour
)

// authority is what the secret store holds of a cluster's certificate authority, as JSON.
type authority struct {
	CertificatePEM string `json:"certificate"`
	KeyPEM         string `json:"key"`
	// TrustedPEM is what clients trust, with the roots, since some trust nothing without one. Nodes and this provider believe less, see believed.
	TrustedPEM string `json:"trusted"`
	// Rotation is how far the change to another authority is. Meanwhile OtherCertificatePEM and OtherKeyPEM are the authority that comes
	// (TrustNew) or goes (UseNew), and Used says that the new one has issued certificates already.
	Rotation            Rotation `json:"rotation,omitempty"`
	OtherCertificatePEM string   `json:"other_certificate,omitempty"`
	OtherKeyPEM         string   `json:"other_key,omitempty"`
	Used                bool     `json:"used,omitempty"`
	// Generation counts the changes of what nodes get from here. A node that has an older one is replaced.
	Generation int `json:"generation,omitempty"`
}

// String hides the key.
func (authority) String() string { return "authority (hidden)" }

// GoString hides the key.
func (a authority) GoString() string { return a.String() }

// readAuthority reads the cluster's authority from the secret store. compute.ErrNotFound: there is none.
func (c *Client) readAuthority(ctx context.Context, cluster string) (authority, pki.Authority, error) {
	var stored authority
	secret, err := c.driver.Secret(ctx, cluster, compute.AuthoritySecret)
	if err != nil {
		return stored, pki.Authority{}, fmt.Errorf("the certificate authority of cluster %q: %w", cluster, err)
	}
	if json.Unmarshal(secret, &stored) != nil {
		return stored, pki.Authority{}, fmt.Errorf("the certificate authority of cluster %q: its secret %q is not the JSON document that this provider writes", cluster, compute.AuthoritySecret)
	}
	signer, err := pki.ParseAuthority([]byte(stored.CertificatePEM), []byte(stored.KeyPEM))
	if err != nil {
		return stored, pki.Authority{}, fmt.Errorf("the certificate authority of cluster %q: %w", cluster, err)
	}
	return stored, signer, nil
}

// believed are the authorities, in PEM, that nodes and this provider believe: the one that there is, or both while one follows the other, and not
// those that have signed them. Else whoever has another authority of the same root could make himself compute.AdminPrincipal.
func (a authority) believed() (string, error) {
	out := ""
	for _, bundle := range []string{a.CertificatePEM, a.OtherCertificatePEM} {
		if bundle == "" {
			continue
		}
		own, err := pki.Own([]byte(bundle))
		if err != nil {
			return "", fmt.Errorf("the certificate authority: %w", err)
		}
		out += string(own)
	}
	return out, nil
}

// Authority is a certificate authority that the user brings along, in PEM.
type Authority struct{ CertificatePEM, KeyPEM string }

// String hides the key.
func (Authority) String() string { return "authority (hidden)" }

// GoString hides the key.
func (a Authority) GoString() string { return a.String() }

// signer is what an authority of the user's issues certificates with.
func (a Authority) signer(now time.Time) (pki.Authority, error) {
	if a.KeyPEM == "" {
		return pki.Authority{}, fmt.Errorf("%w: its private key is needed to create the cluster (private_key_pem_wo)", compute.ErrInvalid)
	}
	signer, err := pki.ParseAuthority([]byte(a.CertificatePEM), []byte(a.KeyPEM))
	if err != nil {
		return signer, fmt.Errorf("%w: %w", compute.ErrInvalid, err)
	}
	if left := signer.Certificate().NotAfter.Sub(now); left < nodeLifetime/12 {
		return signer, fmt.Errorf("%w: it ends on %s, and no certificate that it issues would last longer; a month is the least",
			compute.ErrInvalid, signer.Certificate().NotAfter.UTC().Format(time.DateOnly))
	}
	return signer, nil
}

// same refuses to take another authority than the one that a cluster has, or is on its way to: its nodes would not believe each other.
func (a Authority) same(cluster string, stored authority) error {
	if a.CertificatePEM == "" {
		return nil
	}
	declared, err := pki.Certificates([]byte(a.CertificatePEM))
	if err != nil {
		return fmt.Errorf("%w: %w", compute.ErrInvalid, err)
	}
	has, err := pki.Certificates([]byte(stored.coming()))
	if err != nil || declared[0].Equal(has[0]) {
		return err
	}
	if stored.Rotation != NoRotation {
		return fmt.Errorf("%w: cluster %q is on its way to another authority than the one that is declared; declare that one, or leave it out", compute.ErrInvalid, cluster)
	}
	return fmt.Errorf("%w: cluster %q has another certificate authority, which its nodes' certificates are of, and they would not believe those of this one; leave it out, declare the one that the cluster has, or begin the change with authority_rotation = %q",
		compute.ErrInvalid, cluster, TrustNew)
}

// makeAuthority sees to it that a cluster has an authority, the user's own or one of its own, before anything of it exists, and takes the step
// of a rotation that is declared. One that has nodes and no authority has lost it: a new one would not be believed by any of them.
func (c *Client) makeAuthority(ctx context.Context, want Cluster) error {
	switch stored, _, err := c.readAuthority(ctx, want.Name); {
	case err == nil:
		return c.rotate(ctx, want, stored)
	case !errors.Is(err, compute.ErrNotFound):
		return err
	}
	instances, err := c.driver.List(ctx, want.Name)
	if err != nil {
		return err
	}
	if len(instances) > 0 {
		return fmt.Errorf("%w: cluster %q has %d nodes, and the secret store has no certificate authority for it any more (secret %q): put it back from where it is kept, since no node would believe a new one",
			compute.ErrInvalid, want.Name, len(instances), compute.AuthoritySecret)
	}
	made, err := firstAuthority(want, c.opts.Now())
	if err != nil {
		return err
	}
	return c.putAuthority(ctx, want.Name, made)
}

// firstAuthority is what a cluster begins with.
func firstAuthority(want Cluster, now time.Time) (authority, error) {
	if want.Rotation != NoRotation {
		return authority{}, fmt.Errorf("%w: cluster %q has no authority yet that another one could follow; leave authority_rotation out to create it", ErrRotation, want.Name)
	}
	certificate, key, err := want.Authority.make(want.Name, now)
	return authority{CertificatePEM: certificate, KeyPEM: key, TrustedPEM: certificate}, err
}

// make is the user's own authority, or one that is made here where there is none.
func (a Authority) make(cluster string, now time.Time) (certificate, key string, err error) {
	var signer pki.Authority
	if a.CertificatePEM == "" {
		signer, err = pki.NewAuthority(cluster, now, authorityLifetime)
	} else {
		signer, err = a.signer(now)
	}
	if err != nil {
		return "", "", fmt.Errorf("the certificate authority of cluster %q: %w", cluster, err)
	}
	c, k, err := signer.PEM()
	return string(c), string(k), err
}

// putAuthority writes the cluster's authority, whole or not at all.
func (c *Client) putAuthority(ctx context.Context, cluster string, a authority) error {
	secret, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("the certificate authority of cluster %q: %w", cluster, err)
	}
	c.opts.OnMutation(ctx, "PutSecret", compute.AuthoritySecret)
	err = c.driver.PutSecret(ctx, cluster, compute.AuthoritySecret, secret)
	// Only now: whoever reads it meanwhile remembers what it was.
	c.mu.Lock()
	delete(c.authorities, cluster)
	c.mu.Unlock()
	return err
}

// certify puts a node's identity into the secret store, where its agent finds it.
func (c *Client) certify(ctx context.Context, i compute.Instance) error {
	cluster, id := i.Spec.Cluster, i.Spec.NodeID
	stored, signer, err := c.readAuthority(ctx, cluster)
	if err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(i.Address)
	if err != nil {
		return fmt.Errorf("the address of node %d, which its certificate has to name: %w", id, err)
	}
	// By 127.0.0.1 a node reaches the controllers through its own agent, see the entrance of the node package.
	request := pki.Request{
		CommonName: compute.NodeCommonName(id), DNSNames: []string{"localhost", fmt.Sprintf("node-%d.%s", id, cluster)},
		IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Lifetime: cmp.Or(c.opts.NodeLifetime, nodeLifetime), Server: true,
	}
	if ip := net.ParseIP(host); ip == nil {
		request.DNSNames = append(request.DNSNames, host)
	} else if !ip.Equal(request.IPs[0]) {
		request.IPs = append(request.IPs, ip)
	}
	issued, err := signer.Issue(request, c.opts.Now())
	if err != nil {
		return fmt.Errorf("the certificate of node %d: %w", id, err)
	}
	believed, err := stored.believed()
	if err != nil {
		return fmt.Errorf("the certificate of node %d: %w", id, err)
	}
	secret, err := compute.Identity{KeyPEM: string(issued.KeyPEM), CertificatePEM: string(issued.CertificatePEM), TrustedPEM: believed, Generation: stored.Generation}.Marshal()
	if err != nil {
		return fmt.Errorf("the certificate of node %d: %w", id, err)
	}
	c.opts.OnMutation(ctx, "PutSecret", compute.NodeSecret(id))
	return c.driver.PutSecret(ctx, cluster, compute.NodeSecret(id), secret)
}

// uncertified says that a node's agent has no certificate that is still good, and finds none in the secret store. The store is asked about such
// nodes only. One that cannot be asked says nothing.
func (c *Client) uncertified(ctx context.Context, i compute.Instance) bool {
	now := c.opts.Now()
	if i.Spec.Security.Plaintext || i.Status.CertificateEnds.After(now) {
		return false
	}
	secret, err := c.driver.Secret(ctx, i.Spec.Cluster, compute.NodeSecret(i.Spec.NodeID))
	if err != nil {
		return errors.Is(err, compute.ErrNotFound)
	}
	identity, err := compute.ParseIdentity(secret)
	if err != nil {
		return true
	}
	chain, err := pki.Certificates([]byte(identity.CertificatePEM))
	return err != nil || !chain[0].NotAfter.After(now)
}

// Trusted are the authorities, in PEM, whose certificates the nodes of a cluster show; "" for a plaintext cluster. compute.ErrNotFound: there
// is no such cluster.
func (c *Client) Trusted(ctx context.Context, cluster string) (string, error) {
	record, err := c.driver.GetCluster(ctx, cluster)
	if err != nil || record.Security.Plaintext {
		return "", err
	}
	stored, _, err := c.readAuthority(ctx, cluster)
	return stored.TrustedPEM, err
}

// authorityFacts is what the planner knows of the authority of a cluster, the zero value for a plaintext cluster and when it cannot be read: then
// no certificate is taken for due.
func (c *Client) authorityFacts(ctx context.Context, record compute.Cluster) plan.Authority {
	if record.Security.Plaintext {
		return plan.Authority{}
	}
	c.mu.Lock()
	known, ok := c.authorities[record.Name]
	c.mu.Unlock()
	if ok {
		return known
	}
	stored, signer, err := c.readAuthority(ctx, record.Name)
	if err != nil {
		return plan.Authority{}
	}
	facts := plan.Authority{Ends: signer.Certificate().NotAfter, Generation: stored.Generation, Rotation: stored.Rotation}
	c.mu.Lock()
	c.authorities[record.Name] = facts
	c.mu.Unlock()
	return facts
}
