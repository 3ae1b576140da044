package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// Provider is one process of the provider as the world sees it: the compute.Driver and the fleet.Kafka of its engine. Each call takes
// time, may fail, and may be the one at which the process is killed.
type Provider struct {
	w    *World
	name string
	rng  *rand.Rand
	turn chan struct{}
	// wake is when it goes on.
	wake time.Duration
	// others are all providers, this one included, that have not ended.
	stage *stage

	ctx    context.Context //nolint:containedctx // It is that of the process, and ends with it.
	cancel context.CancelFunc
	// life is another one for each process, sleeping says that the engine does nothing just now.
	life     int
	sleeping bool
	// dead: the process was killed, and nothing that it still does has an effect.
	dead bool
	// seen is as of when it last read the partitions.
	seen time.Duration
	// waiting is what its engine has last said that it waits for.
	waiting string
	// giveUp is when an apply has taken too long.
	giveUp time.Duration

	// effects counts; cut is at which one the process is killed, 0 never, and after says on which side of it.
	effects int
	cut     int
	after   bool
	// trouble are the shares of calls to which something happens.
	trouble trouble
	past    past
}

// trouble is how often a call fails, in shares of one.
type trouble struct{ before, lost, partial, slow, stale, kill float64 }

// errKilled is what the calls of a dead process return, which nobody reads.
var errKilled = errors.New("this process was killed")

// stage gives one provider after the other its turn: the one that wakes next. Only the one whose turn it is runs at all, so what happens
// does not depend on the machine that this runs on.
type stage struct {
	w       *World
	running []*Provider
	done    chan struct{}
}

// wait lets time pass for a provider, and the others have theirs.
func (p *Provider) wait(d time.Duration) {
	p.wake = p.w.now + d
	p.stage.next(p)
}

// next hands over to whoever wakes first, and returns when that is the caller.
func (s *stage) next(from *Provider) {
	first := from
	for _, other := range s.running {
		if first == nil || other.wake < first.wake {
			first = other
		}
	}
	switch {
	case first == nil:
		close(s.done)
		return
	case from == nil:
		first.turn <- struct{}{}
		return
	case first != from:
		first.turn <- struct{}{}
		<-from.turn
	}
	s.w.pass(&from.wake)
}

// run lets providers do what they do until the last one has ended.
func (s *stage) run(jobs map[*Provider]func()) {
	s.done = make(chan struct{})
	for _, p := range s.running {
		go func() {
			<-p.turn
			s.w.pass(&p.wake)
			jobs[p]()
			s.running = slices.DeleteFunc(s.running, func(other *Provider) bool { return other == p })
			s.next(nil)
		}()
	}
	s.next(nil)
	<-s.done
}

// revive begins a new process in place of the one before.
func (p *Provider) revive() {
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.life++
	p.dead, p.seen, p.waiting, p.past = false, p.w.now, "", past{}
}

// kill ends the process on the spot.
func (p *Provider) kill(why string) {
	if p.dead {
		return
	}
	p.w.tell("%s is killed %s", p.name, why)
	p.w.judge.count.Kills++
	p.dead = true
	p.cancel()
	if p.w.lease.holder == p {
		// Some drivers know of a death at once.
		p.w.lease.until = p.w.now + []time.Duration{0, p.w.between(0, compute.LeaseExpiry)}[p.rng.IntN(2)]
	}
}

// interrupt is one Ctrl-C.
func (p *Provider) interrupt() {
	if p.dead {
		return
	}
	p.w.tell("%s is interrupted", p.name)
	p.cancel()
	p.wake = min(p.wake, p.w.now)
}

// suspend lets the process stand still for a while, and its lease run out if that is long.
func (p *Provider) suspend(d time.Duration) {
	w := p.w
	w.tell("%s is suspended for %s", p.name, d.Round(time.Second))
	p.wake += d
	if w.lease.holder != p {
		return
	}
	life := p.life
	w.lease.until = w.now + w.between(compute.LeaseExpiry*2/3, compute.LeaseExpiry)
	w.after(p.wake-w.now, func() {
		if l := &w.lease; l.holder == p && l.life == life && !p.dead && !l.expired(w) {
			l.until = 0
		}
	})
}

// Sleep is the engine's.
func (p *Provider) Sleep(ctx context.Context, d time.Duration) {
	if ctx.Err() == nil && !p.dead {
		p.sleeping = true
		p.wait(d)
		p.sleeping = false
		p.late()
	}
}

// late notices that an apply takes too long.
func (p *Provider) late() {
	if p.giveUp > 0 && p.w.now > p.giveUp {
		p.giveUp = 0
		p.w.judge.violate(p.w, Liveness, "an apply of %s does not end; it says: %s", p.name, p.waiting)
	}
}

// begin is the first half of a call: time passes, and the process may be dead by then.
func (p *Provider) begin(ctx context.Context) error {
	if p.dead || p.w.judge.failed {
		p.dead = true
		return errKilled
	}
	p.wait(time.Duration(2+p.rng.IntN(8)) * time.Millisecond)
	p.late()
	if p.dead {
		return errKilled
	}
	return ctx.Err()
}

// chance draws.
func (p *Provider) chance(share float64) bool { return share > 0 && p.rng.Float64() < share }

// unreachable is the error of a call that got no answer.
func unreachable(name string) error { return fmt.Errorf("%s: %w", name, kafka.ErrUnreachable) }

// read is a call that changes nothing.
func (p *Provider) read(ctx context.Context, name string) error {
	if err := p.begin(ctx); err != nil {
		return err
	}
	if p.chance(p.trouble.before) {
		p.w.tell("%s of %s fails", name, p.name)
		p.wait(time.Duration(p.rng.IntN(3000)) * time.Millisecond)
		return unreachable(name)
	}
	return nil
}

// effect is a call that changes something. The parts are done one after the other, and the call may be cut off between any two.
func (p *Provider) effect(ctx context.Context, name, subject string, parts ...func() error) error {
	if err := p.begin(ctx); err != nil {
		return err
	}
	w := p.w
	p.effects++
	w.judge.count.Effects++
	switch {
	case p.effects == p.cut && !p.after, p.chance(p.trouble.kill / 2):
		p.kill("before " + name + " " + subject)
		return errKilled
	case p.chance(p.trouble.before):
		w.tell("%s %s of %s fails", name, subject, p.name)
		return unreachable(name)
	}
	most := len(parts)
	if p.chance(p.trouble.partial) {
		most = p.rng.IntN(len(parts) + 1)
	}
	w.tell("%s: %s %s", p.name, name, subject)
	w.judge.writer(w, p, name)
	var errs []error
	for _, do := range parts[:most] {
		errs = append(errs, do())
	}
	err := errors.Join(errs...)
	if err != nil {
		w.tell("  refused: %s", err)
	}
	switch {
	case p.effects == p.cut && p.after, p.chance(p.trouble.kill / 2):
		p.kill("after " + name + " " + subject)
		return errKilled
	case most == len(parts) && p.chance(p.trouble.slow):
		d := time.Duration(5+p.rng.IntN(55)) * time.Second
		w.tell("  its reply takes %s", d)
		if p.wait(d); p.dead {
			return errKilled
		}
	case most < len(parts):
		w.tell("  cut off after %d of %d", most, len(parts))
		return unreachable(name)
	case p.chance(p.trouble.lost):
		w.tell("  its reply is lost")
		return unreachable(name)
	}
	return err
}

// led is the error of a request that only an active controller can answer.
func (p *Provider) led(name string) error {
	if p.w.quorum.leader < 0 {
		return fmt.Errorf("%s: %w: there is no active controller", name, kafka.ErrUnreachable)
	}
	return nil
}

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
		p.w.record = nil
		return nil
	})
}

// List implements compute.Driver.
func (p *Provider) List(ctx context.Context, _ string) ([]compute.Instance, error) {
	if err := p.read(ctx, "List"); err != nil {
		return nil, err
	}
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
		if m := p.w.byInstance(instanceID); m != nil && m.state != compute.StateTerminating {
			p.w.judge.takes(p.w, p, m, "terminated")
			p.w.terminate(m)
		}
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
