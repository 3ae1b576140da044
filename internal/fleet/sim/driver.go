package sim

import (
	"bytes"
	"context"
	"fmt"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// Catalog implements compute.Driver.
func (*Provider) Catalog(context.Context) (compute.Catalog, error) { return catalog, nil }

// CheckKafka implements compute.Driver.
func (*Provider) CheckKafka(context.Context, string) error { return nil }

// GetCluster implements compute.Driver.
func (p *Provider) GetCluster(ctx context.Context, name string) (compute.Cluster, error) {
	if err := p.read(ctx, "GetCluster"); err != nil {
		return compute.Cluster{}, err
	}
	if p.w.record == nil {
		return compute.Cluster{}, fmt.Errorf("cluster %q: %w", name, compute.ErrNotFound)
	}
	return *p.w.record, nil
}

// PutCluster implements compute.Driver.
func (p *Provider) PutCluster(ctx context.Context, c compute.Cluster) error {
	return p.effect(ctx, "PutCluster", c.Name, func() error {
		if old := p.w.record; old != nil {
			c.NextNodeID = old.NextNodeID
		}
		p.w.record = &c
		return nil
	})
}

// DeleteCluster implements compute.Driver.
func (p *Provider) DeleteCluster(ctx context.Context, name string) error {
	return p.effect(ctx, "DeleteCluster", name, func() error {
		clear(p.w.secrets)
		p.w.record = nil
		return nil
	})
}

// List implements compute.Driver.
func (p *Provider) List(ctx context.Context, _ string) ([]compute.Instance, error) {
	if err := p.read(ctx, "List"); err != nil {
		return nil, err
	}
	p.listed = p.w.now
	out := make([]compute.Instance, 0, len(p.w.order))
	for _, id := range p.w.order {
		out = append(out, p.w.instance(p.w.machines[id]))
	}
	return out, nil
}

// Launch implements compute.Driver.
func (p *Provider) Launch(ctx context.Context, spec compute.NodeSpec) (i compute.Instance, err error) {
	w := p.w
	subject := fmt.Sprintf("%s %d in zone %s", spec.Role, spec.NodeID, spec.Zone)
	if spec.Replaces != 0 {
		subject += fmt.Sprintf(" for %d", spec.Replaces)
	}
	err = p.effect(ctx, "Launch", subject, func() error {
		switch {
		case spec.NodeID < w.record.NextNodeID:
			return fmt.Errorf("node %d: %w", spec.NodeID, compute.ErrNodeIDUsed)
		case w.full[spec.Zone]:
			return fmt.Errorf("zone %s: %w", spec.Zone, compute.ErrNoCapacity)
		}
		w.judge.launch(w, p, spec)
		changed := *w.record
		changed.NextNodeID = spec.NodeID + 1
		w.record = &changed
		i = w.instance(w.launch(spec))
		return nil
	})
	return i, err
}

func (w *World) byInstance(id string) *machine {
	for _, m := range w.machines {
		if m.id == id {
			return m
		}
	}
	return nil
}

// Stop implements compute.Driver.
func (p *Provider) Stop(ctx context.Context, instanceID string) error {
	return p.effect(ctx, "Stop", instanceID, func() error {
		m := p.w.byInstance(instanceID)
		if m == nil {
			return fmt.Errorf("%s: %w", instanceID, compute.ErrNotFound)
		}
		p.w.judge.takes(p.w, p, m, "stopped")
		p.w.stop(m)
		return nil
	})
}

// Terminate implements compute.Driver.
func (p *Provider) Terminate(ctx context.Context, instanceID string) error {
	return p.effect(ctx, "Terminate", instanceID, func() error {
		m := p.w.byInstance(instanceID)
		if m != nil {
			delete(p.w.secrets, compute.NodeSecret(m.spec.NodeID))
		}
		if m != nil && m.state != compute.StateTerminating {
			p.w.judge.takes(p.w, p, m, "terminated")
			p.w.terminate(m)
		}
		return nil
	})
}

// Secret implements compute.Driver.
func (p *Provider) Secret(ctx context.Context, cluster, name string) ([]byte, error) {
	if err := compute.CheckSecretName(name); err != nil {
		return nil, err
	}
	if err := p.read(ctx, "Secret"); err != nil {
		return nil, err
	}
	value, ok := p.w.secrets[name]
	if !ok {
		return nil, fmt.Errorf("the secret %q of cluster %q: %w", name, cluster, compute.ErrNotFound)
	}
	return bytes.Clone(value), nil
}

// PutSecret implements compute.Driver.
func (p *Provider) PutSecret(ctx context.Context, _, name string, value []byte) error {
	if err := compute.CheckSecret(name, value); err != nil {
		return err
	}
	return p.effect(ctx, "PutSecret", name, func() error {
		p.w.secrets[name] = bytes.Clone(value)
		if name == compute.AuthoritySecret {
			p.w.judge.authority(p.w)
		}
		return nil
	})
}

// DeleteSecret implements compute.Driver.
func (p *Provider) DeleteSecret(ctx context.Context, _, name string) error {
	if err := compute.CheckSecretName(name); err != nil {
		return err
	}
	return p.effect(ctx, "DeleteSecret", name, func() error {
		delete(p.w.secrets, name)
		return nil
	})
}

// Lock implements compute.Driver. The lease of a process that runs is renewed all the time; that of another one runs out.
func (p *Provider) Lock(ctx context.Context, cluster, _ string) (compute.Lease, error) {
	if err := p.begin(ctx); err != nil {
		return nil, err
	}
	w := p.w
	if l := w.lease; l.holder != nil && !l.expired(w) {
		return nil, fmt.Errorf("cluster %q: %w: by %s", cluster, compute.ErrLocked, l.holder.name)
	}
	w.lease = lease{holder: p, life: p.life}
	return held{p, p.life}, nil
}

// held is the lease in the hands of a process.
type held struct {
	p    *Provider
	life int
}

// Held implements compute.Lease.
func (h held) Held(context.Context) error {
	if l := h.p.w.lease; l.holder != h.p || l.life != h.life || l.expired(h.p.w) {
		return compute.ErrLeaseLost
	}
	return nil
}

// Release implements compute.Lease. A process that was killed releases nothing.
func (h held) Release() {
	if l := h.p.w.lease; !h.p.dead && l.holder == h.p && l.life == h.life {
		h.p.w.lease = lease{}
	}
}
