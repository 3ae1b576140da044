package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
)

// Rotation says how far the certificate authority of a cluster is changed for another one, see ADR 0017. Each change of it is a rollout of all
// nodes, and at no moment is there a node that another one does not believe.
type Rotation = plan.Rotation

// The steps of a rotation: from NoRotation to TrustNew, to UseNew, and with NoRotation the new authority is the only one. From TrustNew,
// NoRotation is the way back; from UseNew, TrustNew is.
const (
	NoRotation = plan.NoRotation
	TrustNew   = plan.TrustNew
	UseNew     = plan.UseNew
)

// ErrRotation says that the authority of a cluster cannot go the step that is asked for. It is a compute.ErrInvalid.
var ErrRotation = fmt.Errorf("%w", compute.ErrInvalid)

// lagging are the nodes of a cluster that do not have what the authority gives out now: as long as there is one, the next step of a rotation
// would cut it off. What is not known of a node is held against it.
func lagging(instances []compute.Instance, generation int) []int32 {
	var out []int32
	for _, i := range instances {
		if i.State != compute.StatePending && i.State != compute.StateRunning && i.State != compute.StateStopping {
			continue // It connects to nobody any more.
		}
		if i.Status == nil || i.Status.CertificateEnds.IsZero() || i.Status.AuthorityGeneration < generation {
			out = append(out, i.Spec.NodeID)
		}
	}
	slices.Sort(out)
	return out
}

// goes says what stands against the step of a rotation, as an error that wraps compute.ErrInvalid.
func (a authority) goes(cluster string, to Rotation, instances []compute.Instance) error {
	from := a.Rotation
	if from == NoRotation && to == UseNew {
		return fmt.Errorf("%w: no node of cluster %q trusts a new authority, and the ones with a certificate of it could speak to none of the others; apply authority_rotation = %q first",
			ErrRotation, cluster, TrustNew)
	}
	back := from == TrustNew && to == NoRotation && !a.Used || from == UseNew && to == TrustNew
	if back {
		return nil // Whatever part of the step before was done: all nodes trust the authority that all certificates are of then.
	}
	behind := lagging(instances, a.Generation)
	if len(behind) == 0 {
		return nil
	}
	what := map[Rotation]string{
		NoRotation: "have not come out of the rotation before",
		TrustNew:   "do not trust the new authority yet",
		UseNew:     "have no certificate of the new authority yet",
	}[from]
	if a.Used && from == TrustNew && to == NoRotation {
		what = "still have a certificate of the new authority"
	}
	return fmt.Errorf("%w: nodes %v of cluster %q %s; leave authority_rotation as it is (%s), and apply the cluster and all of its broker groups until nothing is left to do, before the next step",
		ErrRotation, behind, cluster, what, from.Text())
}

// rotated is the authority after a step of a rotation, and the same one where there is none to do. own is the user's own authority: the new one,
// while a rotation is under way; without one the provider makes it. The errors of what cannot be wrap compute.ErrInvalid.
func (a authority) rotated(cluster string, to Rotation, own Authority, instances []compute.Instance, now time.Time) (authority, error) {
	if a.Rotation == to {
		return a, own.same(cluster, a)
	}
	if err := a.goes(cluster, to, instances); err != nil {
		return a, err
	}
	next := a
	next.Rotation = to
	next.Generation++
	switch {
	case a.Rotation == NoRotation:
		if own.CertificatePEM != "" && own.same(cluster, a) == nil {
			return a, fmt.Errorf("%w: the authority that is declared is the one that cluster %q has; declare the new one, or none and the provider makes it", compute.ErrInvalid, cluster)
		}
		certificate, key, err := own.make(cluster, now)
		if err != nil {
			return a, err
		}
		next.OtherCertificatePEM, next.OtherKeyPEM = certificate, key
		next.TrustedPEM = joinPEM(a.CertificatePEM, certificate)
		return next, nil
	case to == NoRotation:
		next.OtherCertificatePEM, next.OtherKeyPEM, next.Used = "", "", false
		next.TrustedPEM = a.CertificatePEM
	default: // From one authority to the other, forth or back.
		next.CertificatePEM, next.KeyPEM, next.OtherCertificatePEM, next.OtherKeyPEM = a.OtherCertificatePEM, a.OtherKeyPEM, a.CertificatePEM, a.KeyPEM
		next.Used = true
	}
	return next, own.same(cluster, next)
}

// coming is the certificate of the authority that the cluster has when its rotation is done, or has now where there is none.
func (a authority) coming() string {
	if a.Rotation == TrustNew {
		return a.OtherCertificatePEM
	}
	return a.CertificatePEM
}

// joinPEM is a bundle of all certificates of both.
func joinPEM(a, b string) string { return strings.TrimRight(a, "\n") + "\n" + b }

// rotate takes the step of a rotation that is declared, if it is another one than the cluster is at. The nodes get theirs by the rollout that
// follows: until then each has what it had, and goes on.
func (c *Client) rotate(ctx context.Context, want Cluster, stored authority) error {
	instances, err := c.driver.List(ctx, want.Name)
	if err != nil {
		return err
	}
	next, err := stored.rotated(want.Name, want.Rotation, want.Authority, instances, c.opts.Now())
	if err != nil || next.Generation == stored.Generation {
		return err
	}
	return c.putAuthority(ctx, want.Name, next)
}

// CheckAuthority is for a plan: it says why a cluster cannot have this authority of the user's, or cannot go this step of a rotation, as an
// error that wraps compute.ErrInvalid.
func (c *Client) CheckAuthority(ctx context.Context, want Cluster) error {
	stored, _, err := c.readAuthority(ctx, want.Name)
	switch {
	case errors.Is(err, compute.ErrNotFound):
		_, err = firstAuthority(want, c.opts.Now())
		return err
	case err != nil:
		return nil //nolint:nilerr // The apply says what it is.
	}
	instances, err := c.driver.List(ctx, want.Name)
	if err != nil {
		return nil //nolint:nilerr // The apply says what it is.
	}
	_, err = stored.rotated(want.Name, want.Rotation, want.Authority, instances, c.opts.Now())
	return err
}
