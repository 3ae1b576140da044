package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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
	// seen is as of when it last observed the fleet, listed when it last listed the machines, with which each observation begins.
	seen, listed time.Duration
	// changed is when it last changed anything.
	changed time.Duration
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
	p.changed = w.now
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
