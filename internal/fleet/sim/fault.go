package sim

import (
	"slices"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

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
	c.w.doubt(m)
	d := c.lasts(time.Minute, 20*time.Minute)
	c.w.tell("FAULT: compute says for %s that broker %d is stopped, which serves", d.Round(time.Second), m.spec.NodeID)
	c.w.after(d, func() {
		m.misreported, m.recovered = 0, c.w.now
		c.w.doubt(m)
	})
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

// keeperHang lets a broker that alone has all of some partition hang for so long that it counts as lost. It comes back.
func (c *chaos) keeperHang() bool {
	m := c.pick(func(m *machine) bool {
		id := m.spec.NodeID
		return m.spec.Role == compute.RoleBroker && c.restable(m) && slices.ContainsFunc(c.w.on[id], func(p *partition) bool { return len(p.isr) == 1 && p.isr[0] == id })
	})
	if m == nil {
		return false
	}
	d := c.lasts(2*time.Minute, 15*time.Minute)
	c.w.tell("FAULT: broker %d, which alone has all of some partition, hangs for %s with its machine", m.spec.NodeID, d.Round(time.Second))
	c.w.hang(m, true)
	c.w.after(d, func() { c.w.resume(m) })
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
