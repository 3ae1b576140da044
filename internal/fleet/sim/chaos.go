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

func (c *chaos) crash() bool {
	m := c.target(c.restable)
	if m == nil {
		return false
	}
	c.w.tell("FAULT: the process of %s %d is killed", m.spec.Role, m.spec.NodeID)
	c.w.crash(m, "killed")
	return true
}

func (c *chaos) hang() bool {
	m := c.target(c.restable)
	if m == nil {
		return false
	}
	d := c.lasts(3*time.Second, 3*time.Minute)
	frozen := c.rng.IntN(4) == 0
	c.w.tell("FAULT: %s %d hangs for %s (its whole machine: %t)", m.spec.Role, m.spec.NodeID, d.Round(time.Second), frozen)
	c.w.hang(m, frozen)
	c.w.after(d, func() { c.w.resume(m) })
	return true
}

func (c *chaos) diskLoss() bool {
	m := c.target(c.sparable)
	if m == nil || m.phase != compute.PhaseRunning || m.state != compute.StateRunning {
		return false
	}
	c.w.tell("FAULT: %s %d loses its disks", m.spec.Role, m.spec.NodeID)
	c.w.loseDisks(m)
	return true
}

func (c *chaos) machineLoss() bool {
	m := c.target(c.sparable)
	if m == nil {
		return false
	}
	if c.rng.IntN(2) == 0 {
		c.w.tell("FAULT: the machine of %s %d stops", m.spec.Role, m.spec.NodeID)
		c.w.halt(m)
	} else {
		c.w.tell("FAULT: the machine of %s %d is gone", m.spec.Role, m.spec.NodeID)
		c.w.vanish(m)
	}
	return true
}

// minority lets as many voters hang as leave a majority.
func (c *chaos) minority() bool {
	found := false
	for _, id := range slices.Clone(c.w.quorum.voters) {
		if m := c.w.machines[id]; m.serves() && 2*c.soundVoters(id) > len(c.w.quorum.voters) {
			d := c.lasts(3*time.Second, 2*time.Minute)
			c.w.tell("FAULT: controller %d hangs for %s", id, d.Round(time.Second))
			c.w.hang(m, false)
			c.w.after(d, func() { c.w.resume(m) })
			found = true
		}
	}
	return found
}

// misreport lets compute say of a broker that it is stopped: its agent is gone, and its Kafka is not.
func (c *chaos) misreport() bool {
	m := c.target(func(m *machine) bool {
		return m.spec.Role == compute.RoleBroker && m.serves() && m.misreported == 0 && c.sparable(m)
	})
	if m == nil {
		return false
	}
	m.misreported = c.w.now
	d := c.lasts(time.Minute, 20*time.Minute)
	c.w.tell("FAULT: compute says for %s that broker %d is stopped, which serves", d.Round(time.Second), m.spec.NodeID)
	c.w.after(d, func() { m.misreported, m.recovered = 0, c.w.now })
	return true
}

// dirLoss takes one disk of a broker.
func (c *chaos) dirLoss() bool {
	m := c.target(func(m *machine) bool {
		return m.spec.Role == compute.RoleBroker && m.serves() && m.failedDirs == 0 && c.sparable(m)
	})
	if m == nil {
		return false
	}
	c.w.tell("FAULT: a disk of broker %d fails", m.spec.NodeID)
	c.w.failDir(m)
	return true
}

// longHang hangs until the end: after the grace the node counts as lost.
func (c *chaos) longHang() bool {
	m := c.target(func(m *machine) bool { return m.serves() && c.sparable(m) })
	if m == nil {
		return false
	}
	c.w.tell("FAULT: %s %d hangs for good", m.spec.Role, m.spec.NodeID)
	c.w.hang(m, c.rng.IntN(2) == 0)
	return true
}

// maintenance announces the end of a machine.
func (c *chaos) maintenance() bool {
	m := c.target(func(m *machine) bool { return m.serves() && m.maintenance == "" && c.sparable(m) })
	if m == nil {
		return false
	}
	d := c.lasts(2*time.Minute, 20*time.Minute)
	c.w.tell("FAULT: the machine of %s %d is to be retired in %s", m.spec.Role, m.spec.NodeID, d.Round(time.Second))
	m.maintenance = "instance-retirement"
	c.w.after(d, func() {
		if c.w.machines[m.spec.NodeID] == m && m.serves() && c.sparable(m) {
			c.w.tell("FAULT: the machine of %s %d is retired", m.spec.Role, m.spec.NodeID)
			c.w.vanish(m)
		}
	})
	return true
}

// zoneLoss takes all brokers of a zone at once, as far as others have what they have.
func (c *chaos) zoneLoss() bool {
	zone := catalog.Zones[c.rng.IntN(3)]
	c.mass = true
	defer func() { c.mass = false }()
	lost := 0
	for _, id := range slices.Clone(c.w.order) {
		if m := c.w.machines[id]; m.spec.Role == compute.RoleBroker && m.spec.Zone == zone && m.serves() && c.sparable(m) {
			c.w.tell("FAULT: with zone %s the machine of broker %d is gone", zone, id)
			c.w.halt(m)
			lost++
		}
	}
	return lost > 0
}

func (c *chaos) noCapacity() bool {
	zone := catalog.Zones[c.rng.IntN(3)]
	if c.w.full[zone] {
		return false
	}
	c.w.full[zone] = true
	d := c.lasts(time.Minute, 20*time.Minute)
	c.w.tell("FAULT: zone %s has no capacity for %s", zone, d.Round(time.Second))
	c.w.after(d, func() { delete(c.w.full, zone) })
	return true
}

func (c *chaos) slow() bool {
	m := c.target(func(m *machine) bool { return m.serves() && m.spec.Role == compute.RoleBroker && m.slow == 1 })
	if m == nil {
		return false
	}
	m.slow = 0.01 + c.rng.Float64()/4
	d := c.lasts(10*time.Second, 5*time.Minute)
	c.w.tell("FAULT: broker %d has %.0f%% of its network for %s", m.spec.NodeID, 100*m.slow, d.Round(time.Second))
	c.w.after(d, func() { m.slow = 1 })
	return true
}

func (c *chaos) stall() bool {
	m := c.target(func(m *machine) bool { return m.spec.Role == compute.RoleBroker && !m.stalled && c.restable(m) })
	if m == nil {
		return false
	}
	d := c.lasts(5*time.Second, 3*time.Minute)
	c.w.tell("FAULT: broker %d copies nothing for %s", m.spec.NodeID, d.Round(time.Second))
	c.w.stall(m, d)
	return true
}

func (c *chaos) badSpec() bool {
	version := newKafka
	if c.w.judge.steady || c.w.ailing[version] {
		return false
	}
	d := c.lasts(time.Minute, 10*time.Minute)
	c.w.ailing[version] = true
	c.w.tell("FAULT: Kafka %s does not start for %s", version, d.Round(time.Second))
	c.w.after(d, func() { delete(c.w.ailing, version) })
	return true
}

func (c *chaos) killProvider() bool {
	p := c.providers[c.rng.IntN(len(c.providers))]
	if p.dead || p.giveUp == 0 || p.ctx.Err() != nil {
		return false
	}
	if c.rng.IntN(3) == 0 {
		p.interrupt()
	} else {
		p.kill("")
	}
	return true
}

func (c *chaos) suspendProvider() bool {
	p := c.providers[c.rng.IntN(len(c.providers))]
	if p.dead || p.giveUp == 0 || !p.sleeping {
		return false
	}
	p.suspend(c.lasts(10*time.Second, 4*time.Minute))
	return true
}

func (c *chaos) killLeader() bool {
	m := c.w.machines[c.w.quorum.leader]
	if m == nil || !c.restable(m) {
		return false
	}
	c.w.tell("FAULT: the process of the active controller %d is killed", m.spec.NodeID)
	c.w.crash(m, "killed")
	return true
}

// arm draws what breaks in a run, and how often.
func (c *chaos) arm() {
	all := []fault{
		(*chaos).crash, (*chaos).hang, (*chaos).diskLoss, (*chaos).machineLoss, (*chaos).noCapacity, (*chaos).slow, (*chaos).stall,
		(*chaos).dirLoss, (*chaos).misreport, (*chaos).longHang, (*chaos).maintenance, (*chaos).badSpec, (*chaos).killProvider, (*chaos).suspendProvider, (*chaos).killLeader, (*chaos).minority,
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
	if c.rng.IntN(2) == 0 {
		early(30*time.Second, (*chaos).minority)
	}
	c.every = time.Duration(20+c.rng.IntN(100)) * time.Second
	share := func(most float64) float64 {
		if c.rng.IntN(2) == 0 {
			return 0
		}
		return c.rng.Float64() * most
	}
	t := trouble{before: share(0.02), lost: share(0.1), partial: share(0.1), slow: share(0.25), stale: share(0.1), kill: share(0.05)}
	for _, p := range c.providers {
		p.trouble = t
	}
}
