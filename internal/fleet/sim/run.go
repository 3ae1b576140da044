package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
)

const (
	// maxApplies is how many applies it may take to reach the desired state when nothing breaks any more.
	maxApplies = 6
	// poll is the engine's pause between two observations.
	poll = time.Second
)

// Options are how a seed is run.
type Options struct {
	// Narrate writes the tale.
	Narrate bool
	// GuardsOff are guards of the planner that are taken away, to see that it is noticed.
	GuardsOff []plan.Guard
}

// Report is what came of a seed.
type Report struct {
	Seed       uint64
	Scenario   string
	Brokers    int
	Violations []Violation
	Effects    int
	Kills      int
	Faults     int
	Applies    int
	// Took is by the world's clock, from the first change until the end.
	Took time.Duration
	Tale string
}

// Run runs one seed: it builds a fleet, changes what is desired, breaks things for a while, and applies until the fleet is as desired.
func Run(seed uint64, o Options) Report {
	rng := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // The same seed has to be the same run.
	r := newRun(seed, draw(rng), o)
	r.build()
	c := &chaos{w: r.w, rng: rng, providers: r.providers[:1], until: r.w.now}
	if rng.IntN(10) > 0 {
		if rng.IntN(5) == 0 {
			c.providers = append(c.providers, r.another())
		}
		c.arm()
		c.until = r.w.now + time.Duration(2+rng.IntN(28))*time.Minute
	} else {
		r.w.judge.faultless = r.scenario.lost == 0
	}
	r.w.judge.limited = true
	r.lose(c, r.scenario.lost)
	report := r.change(c)
	for len(r.scenario.then) > 0 && len(report.Violations) == 0 {
		r.scenario.After.Cluster.Rotation, r.scenario.then = r.scenario.then[0], r.scenario.then[1:]
		if len(c.kinds) > 0 {
			c.kinds, c.until = nil, r.w.now+time.Duration(2+rng.IntN(28))*time.Minute
			c.arm()
		}
		report = r.change(c)
	}
	return report
}

// run is one run.
type run struct {
	seed      uint64
	w         *World
	scenario  Scenario
	providers []*Provider
	stage     *stage
	options   Options
	quiet     time.Duration
	// began is when something else was desired first.
	began time.Duration
}

func newRun(seed uint64, s Scenario, o Options) *run {
	w := newWorld(seed)
	w.judge.narrate = o.Narrate
	// Making certificates takes most of the time of what has them, and adds one effect to each launch.
	open := seed%4 != 0
	s.Before.Cluster.Security.Plaintext, s.After.Cluster.Security.Plaintext = open, open
	switch {
	case open || !s.rolls:
	case s.Name == "config roll": // The same without the config: nothing else replaces a node.
		s.Name, s.After.Cluster.Rotation, s.After.Groups, s.then = "new authority", fleet.TrustNew, s.Before.Groups, afterTrustNew(seed)
	case seed%8 == 0:
		s.Name, s.After.Cluster.Rotation, s.then = s.Name+" and new authority", fleet.TrustNew, afterTrustNew(seed)
	}
	r := &run{seed: seed, w: w, scenario: s, stage: &stage{w: w}, options: o}
	w.tell("seed %d: %s", seed, s)
	r.another()
	return r
}

// afterTrustNew is how a change of the authority goes on: to its end, most of the time, by a detour, or back.
func afterTrustNew(seed uint64) []fleet.Rotation {
	switch seed / 8 % 8 {
	case 0:
		return []fleet.Rotation{fleet.NoRotation}
	case 1:
		return []fleet.Rotation{fleet.UseNew, fleet.TrustNew, fleet.UseNew, fleet.NoRotation}
	}
	return []fleet.Rotation{fleet.UseNew, fleet.NoRotation}
}

// another adds a provider.
func (r *run) another() *Provider {
	p := &Provider{
		w: r.w, name: fmt.Sprintf("provider %d", len(r.providers)+1), turn: make(chan struct{}), stage: r.stage,
		rng: rand.New(rand.NewPCG(r.seed, 2+uint64(len(r.providers)))), //nolint:gosec // See above.
	}
	r.providers = append(r.providers, p)
	return p
}

// build makes the first fleet, with topics on it, while nothing breaks.
func (r *run) build() {
	p := r.providers[0]
	r.play(func(p *Provider) {
		if err := r.apply(p, r.scenario.Before); err != nil {
			r.w.judge.violate(r.w, Liveness, "the first fleet could not be built: %s", err)
		}
	}, p)
	for _, t := range r.scenario.topics {
		group := t.group
		if group == "" {
			group = r.scenario.Before.Groups[0].Name
		}
		var nodes []int32
		for _, id := range r.w.order {
			if r.w.machines[id].spec.Group == group {
				nodes = append(nodes, id)
			}
		}
		r.w.fill(t.name, nodes, r.scenario.Before.zones(group), t.partitions, min(t.rf, len(nodes)), t.bytes)
	}
	p.effects = 0
	r.w.judge.count = counts{}
}

// lose takes some brokers away before anything else happens.
func (r *run) lose(c *chaos, n int) {
	r.w.judge.want = &r.scenario.Before
	for range n {
		c.machineLoss()
	}
}

// change applies what is desired now until it is reached.
func (r *run) change(c *chaos) Report {
	w := r.w
	if r.began == 0 {
		r.began = w.now
	}
	w.each(func(p *partition) { p.copies = 0 })
	w.judge.want, w.judge.steady = &r.scenario.After, r.scenario.steady
	w.judge.once = r.scenario.rolls && len(c.kinds) == 0
	w.judge.alive = map[string]int{}
	for _, m := range w.machines {
		w.judge.alive[m.spec.Group]++
	}
	w.tell("the desired state changes")
	r.quiet = c.until
	c.begin()
	r.play(r.operate, c.providers...)
	took, effects := w.now-r.began, w.judge.count.Effects
	if !w.judge.failed {
		r.settle()
	}
	report := Report{
		Seed: r.seed, Scenario: r.scenario.Name, Brokers: r.scenario.brokers(), Violations: w.judge.violations,
		Effects: effects, Kills: w.judge.count.Kills, Faults: w.judge.count.Faults, Applies: w.judge.count.Applies,
		Took: took, Tale: w.judge.Tale(),
	}
	return report
}

// play lets providers do something, each on its turn.
func (r *run) play(do func(*Provider), providers ...*Provider) {
	r.stage.running = append([]*Provider(nil), providers...)
	jobs := map[*Provider]func(){}
	for _, p := range providers {
		p.wake = r.w.now
		p.revive()
		jobs[p] = func() { do(p) }
	}
	r.stage.run(jobs)
}

// settle lets what is under way end, looks at the end, and sees that one more apply has nothing to do.
func (r *run) settle() {
	w := r.w
	again := func(p *Provider) {
		if err := r.apply(p, r.scenario.After); err != nil {
			w.judge.violate(w, Liveness, "an apply of a fleet that is as desired: %s", err)
		}
	}
	w.calm()
	until := w.now + time.Minute
	w.pass(&until)
	// What one group gives up another one may see only at its next apply, and so with what a node can that did not say at the last one.
	r.play(again, r.providers[0])
	w.judge.end(w)
	if w.judge.failed {
		return
	}
	before := w.judge.count.Effects
	r.play(again, r.providers[0])
	if w.judge.count.Effects > before+1 { // The cluster's record is written each time.
		w.judge.violate(w, Liveness, "an apply of a fleet that is as desired has done something")
	}
}

// operate is what the people and the CI jobs do: they apply until it is done, and again when it failed or the process was killed.
func (r *run) operate(p *Provider) {
	w := r.w
	if p != r.providers[0] {
		p.wait(w.between(time.Second, 5*time.Minute))
	} else if w.now < r.quiet && p.rng.IntN(3) > 0 {
		p.wait(w.between(time.Second, 3*time.Minute)) // Things have broken before anybody applies.
	}
	late := 0
	for !w.judge.failed {
		p.revive()
		calm := w.now >= r.quiet
		w.judge.count.Applies++
		if len(r.scenario.then) > 0 && p.rng.IntN(4) == 0 {
			r.hurry(p)
			p.revive()
		}
		w.tell("%s: apply", p.name)
		err := r.patiently(p, r.scenario.After)
		switch {
		case w.judge.failed:
			return
		case p.dead:
			p.wait(w.between(time.Second, time.Minute))
			continue
		case err == nil && calm:
			w.tell("%s: done", p.name)
			w.calm()
			p.wait(time.Minute)
			if late++; w.judge.satisfied(w) || late >= maxApplies {
				return // What is not as desired is told when all are through.
			}
			continue
		case err == nil:
			w.tell("%s: done for now", p.name)
			p.wait(min(max(r.quiet-w.now, 0), w.between(time.Minute, 10*time.Minute))) // As on a schedule.
			continue
		}
		w.tell("%s: apply ends: %s", p.name, err)
		if strings.Contains(err.Error(), "replace_nodes") {
			r.name()
		}
		if errors.Is(err, compute.ErrLocked) {
			p.wait(w.between(10*time.Second, time.Minute))
			continue
		}
		if calm {
			if late++; late >= maxApplies {
				w.judge.violate(w, Liveness, "%d applies after the last fault have not reached the desired state: %s%s", late, err, w.stuck())
				return
			}
		}
		p.wait(w.between(5*time.Second, 2*time.Minute))
	}
}

// hurry is what an operator does who cannot wait: the next step of a change of the authority, while the one before is under way. It is refused where
// it would cut nodes off. Where it is not, it is what is desired from then on.
func (r *run) hurry(p *Provider) {
	next := r.scenario.After.Cluster
	next.Rotation = r.scenario.then[0]
	r.w.tell("%s: apply in a hurry, to %s", p.name, next.Rotation.Text())
	if err := r.patiently(p, Desired{Cluster: next}); err != nil {
		r.w.tell("%s: apply ends: %s", p.name, err)
	}
	if a := r.w.authority(); a.Rotation != next.Rotation || len(r.scenario.then) == 0 || r.scenario.then[0] != next.Rotation {
		return
	}
	r.scenario.After.Cluster, r.scenario.then = next, r.scenario.then[1:]
	r.w.judge.once = false
}

// name is what an operator does who was asked to: the nodes that are lost for good are named in replace_nodes.
func (r *run) name() {
	for i := range r.scenario.After.Groups {
		g := &r.scenario.After.Groups[i]
		g.Replace = nil
		for id := range r.w.brokers {
			if m := r.w.machines[id]; m == nil || m.lost() && m.spec.Group == g.Name {
				g.Replace = append(g.Replace, id)
			}
		}
		slices.Sort(g.Replace)
		r.w.tell("the operator names %v in replace_nodes of group %s", g.Replace, g.Name)
	}
}

// patiently is an apply that may take long, and not for ever.
func (r *run) patiently(p *Provider, d Desired) error {
	p.giveUp = max(r.w.now, r.quiet) + 2*time.Hour + time.Duration(r.scenario.brokers())*6*time.Minute
	defer func() { p.giveUp = 0 }()
	return r.apply(p, d)
}

// apply is one terraform apply: the cluster first, then its groups.
func (r *run) apply(p *Provider, d Desired) error {
	w := r.w
	engine := fleet.New(p, fleet.Options{
		Log: func(_ context.Context, message string, fields map[string]any) {
			if message == "waiting" {
				p.waiting = fmt.Sprint(fields["for"])
			}
			if w.judge.narrate && message != "step failed" {
				w.tell("%s: %s %s", p.name, message, told(fields))
			}
		},
		Poll: poll, Off: r.options.GuardsOff, Now: w.time, Sleep: p.Sleep, Calls: 1,
		Kafka: func(string) fleet.Kafka { return p },
	})
	if _, _, err := engine.ApplyCluster(p.ctx, d.Cluster); err != nil {
		return fmt.Errorf("the cluster: %w", err)
	}
	// Terraform goes on with what does not depend on what has failed.
	var errs []error
	for _, g := range d.Groups {
		if _, err := engine.ApplyGroup(p.ctx, g); err != nil {
			errs = append(errs, fmt.Errorf("group %s: %w", g.Name, err))
		}
	}
	return errors.Join(errs...)
}

// told are the fields of a line of the engine's log that a reader of the tale wants.
func told(fields map[string]any) string {
	for _, key := range []string{"step", "for", "error"} {
		if v, ok := fields[key]; ok {
			return fmt.Sprint(v)
		}
	}
	return ""
}
