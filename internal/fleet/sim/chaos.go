package sim

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// chaos breaks things for a while. It never destroys by itself what a fleet cannot do without: the last replica in sync that is on a
// serving broker, or the majority of the voters. So whatever is lost, the provider has lost.
type chaos struct {
	w         *World
	rng       *rand.Rand
	providers []*Provider
	// every is the mean time between two faults, until when they end.
	every time.Duration
	until time.Duration
	kinds []fault
	// mass: more may be lost than is repaired without being asked.
	mass bool
}

// fault breaks something, and says whether it found anything to break.
type fault func(c *chaos) bool

// begin schedules the first fault.
func (c *chaos) begin() {
	if len(c.kinds) > 0 {
		c.next()
	}
	c.w.after(c.until-c.w.now, c.end)
}

func (c *chaos) next() {
	wait := time.Duration(c.rng.ExpFloat64() * float64(c.every))
	if c.w.now+wait >= c.until {
		return
	}
	c.w.after(wait, func() {
		if c.kinds[c.rng.IntN(len(c.kinds))](c) {
			c.w.judge.count.Faults++
		}
		c.next()
	})
}

// end heals what heals.
func (c *chaos) end() {
	w := c.w
	w.tell("the faults end")
	clear(w.full)
	clear(w.ailing)
	for _, id := range slices.Clone(w.order) {
		w.resume(w.machines[id])
		w.machines[id].slow = 1
	}
	for _, p := range c.providers {
		p.trouble = trouble{}
	}
}

// lasts draws how long something lasts, at most until the end.
func (c *chaos) lasts(least, most time.Duration) time.Duration {
	d := least + time.Duration(c.rng.Int64N(int64(most-least)))
	return max(time.Millisecond, min(d, c.until-c.w.now))
}

// pick draws a node that suits.
func (c *chaos) pick(suits func(*machine) bool) *machine {
	var fit []*machine
	for _, id := range c.w.order {
		if m := c.w.machines[id]; suits(m) {
			fit = append(fit, m)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	return fit[c.rng.IntN(len(fit))]
}

// target draws a node as pick does, and now and then one that receives replicas just now.
func (c *chaos) target(suits func(*machine) bool) *machine {
	if c.rng.IntN(3) == 0 {
		receives := map[int32]bool{}
		for _, p := range c.w.lagging {
			for _, id := range p.adding {
				receives[id] = true
			}
		}
		if m := c.pick(func(m *machine) bool { return receives[m.spec.NodeID] && suits(m) }); m != nil {
			return m
		}
	}
	return c.pick(suits)
}

// sound is how many voters serve.
func (c *chaos) soundVoters(less int32) int {
	n := 0
	for _, id := range c.w.quorum.voters {
		if id != less && c.w.machines[id].serves() {
			n++
		}
	}
	return n
}

// sparable says that the fleet can do without a node for good.
func (c *chaos) sparable(m *machine) bool {
	w, id := c.w, m.spec.NodeID
	if m.lost() {
		return false
	}
	if m.spec.Role == compute.RoleController {
		if !slices.Contains(w.quorum.voters, id) {
			return c.losses(m)
		}
		return 2*c.soundVoters(id) > len(w.quorum.voters) && c.losses(m)
	}
	for _, p := range w.on[id] {
		if !slices.Contains(p.replicas, id) {
			continue
		}
		if !slices.ContainsFunc(p.isr, func(other int32) bool {
			l := p.log(other)
			return other != id && w.machines[other].serves() && w.leads(other, false) && l != nil && !l.failed && !slices.Contains(p.removing, other)
		}) {
			return false
		}
	}
	return c.losses(m)
}

// losses keeps those of a group at what it repairs without being asked: one in three nodes, in one zone.
func (c *chaos) losses(m *machine) bool {
	if c.mass {
		return true
	}
	count, _ := c.w.judge.wanted(m.spec.Group)
	lost := 1
	for _, id := range c.w.order {
		other := c.w.machines[id]
		if other == m || other.spec.Group != m.spec.Group || other.serves() && !other.lost() && other.failedDirs == 0 && other.misreported == 0 {
			continue
		}
		if other.bad > 0 && other.boot == 0 && !other.lost() {
			continue // It only just comes.
		}
		if other.state == compute.StateStopping || other.phase == compute.PhaseStopped {
			continue // The provider has stopped it.
		}
		lost++
		if other.spec.Zone != m.spec.Zone {
			return false
		}
	}
	// Those whose machines are gone are known by their registrations only.
	for id, b := range c.w.brokers {
		if c.w.machines[id] == nil && m.spec.Role == compute.RoleBroker {
			lost++
			if b.zone != m.spec.Zone {
				return false
			}
		}
	}
	for _, id := range c.w.quorum.voters {
		if c.w.machines[id] == nil && m.spec.Role == compute.RoleController {
			return false
		}
	}
	return lost <= max(1, count/3)
}

// restable says that a node may be away for a while: that of a voter must leave a majority.
func (c *chaos) restable(m *machine) bool {
	if !m.serves() {
		return false
	}
	if m.spec.Role == compute.RoleController && slices.Contains(c.w.quorum.voters, m.spec.NodeID) {
		return 2*c.soundVoters(m.spec.NodeID) > len(c.w.quorum.voters)
	}
	return c.losses(m)
}

// arm draws what breaks in a run, and how often.
func (c *chaos) arm() {
	all := []fault{
		(*chaos).crash, (*chaos).hang, (*chaos).diskLoss, (*chaos).machineLoss, (*chaos).noCapacity, (*chaos).slow, (*chaos).stall,
		(*chaos).dirLoss, (*chaos).misreport, (*chaos).longHang, (*chaos).keeperHang, (*chaos).maintenance, (*chaos).badSpec, (*chaos).killProvider, (*chaos).suspendProvider, (*chaos).killLeader, (*chaos).minority,
	}
	for _, f := range all {
		if c.rng.IntN(2) == 0 {
			c.kinds = append(c.kinds, f)
		}
	}
	// What has to strike at the right moment strikes early, too.
	early := func(within time.Duration, f fault) {
		c.w.after(time.Duration(c.rng.Int64N(int64(within))), func() {
			if c.w.now < c.until && f(c) {
				c.w.judge.count.Faults++
			}
		})
	}
	if c.rng.IntN(8) == 0 {
		early(3*time.Minute, (*chaos).zoneLoss)
	}
	if c.rng.IntN(2) == 0 || len(c.w.quorum.voters) > 3 {
		early(30*time.Second, (*chaos).minority)
	}
	if c.rng.IntN(2) == 0 {
		early(3*time.Minute, (*chaos).keeperHang)
	}
	c.every = time.Duration(20+c.rng.IntN(100)) * time.Second
	share := func(most float64) float64 {
		if c.rng.IntN(2) == 0 {
			return 0
		}
		return c.rng.Float64() * most
	}
	t := trouble{before: share(0.02), lost: share(0.1), partial: share(0.1), slow: share(0.5), stale: share(0.1), kill: share(0.05)}
	for _, p := range c.providers {
		p.trouble = t
	}
}
