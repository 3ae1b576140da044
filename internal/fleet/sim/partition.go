package sim

import (
	"slices"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

const (
	// lagTime is Kafka's replica.lag.time.max.ms.
	lagTime = 30 * time.Second
	// pruneAfter is how long a broker takes to delete a replica that it lost.
	pruneAfter = time.Second
)

// partition is one partition. Its log is a number of bytes, all of them acknowledged: a producer writes with acks=all, and what is
// acknowledged is on every member of the ISR at that moment.
type partition struct {
	topic  *topic
	number int32
	// replicas, ISR, and the eligible leader replicas of KIP-966; adding and removing of a reassignment in flight.
	replicas, isr, elr, adding, removing []int32
	// leader is -1 without one; last is who led last.
	leader, last int32
	// logs are what there is on disks.
	logs []replicaLog
	// end is how many bytes were acknowledged until settled, rate how many a second are since, while writable.
	end, rate int64
	settled   time.Duration
	writable  bool
	// lags: some replica is out of sync. listed: it is on the world's list of those, or was a moment ago.
	lags, listed bool
	// sick is since when a replica is out of sync without being moved, -1 when none is.
	sick time.Duration
	// copies is how many replicas were made in all.
	copies int
}

// replicaLog is a replica on a node's disks, failed when the disk has.
type replicaLog struct {
	node   int32
	bytes  int64
	failed bool
}

func (p *partition) log(node int32) *replicaLog {
	for i := range p.logs {
		if p.logs[i].node == node {
			return &p.logs[i]
		}
	}
	return nil
}

func (p *partition) drop(node int32) {
	p.logs = slices.DeleteFunc(p.logs, func(l replicaLog) bool { return l.node == node })
}

// target are the replicas once the reassignment in flight is done.
func (p *partition) target() []int32 { return minus(p.replicas, p.removing) }

func (p *partition) inFlight() bool { return len(p.adding)+len(p.removing) > 0 }

// settle brings the logs to what was written until now.
func (w *World) settle(p *partition) {
	if p.writable && w.now > p.settled {
		p.end += int64(float64(p.rate) * (w.now - p.settled).Seconds())
		for _, id := range p.isr {
			if l := p.log(id); l != nil {
				l.bytes = p.end
			}
		}
	}
	p.settled = w.now
}

// change does something to a partition, or to what it depends on, and lets Kafka react.
func (w *World) change(p *partition, do func()) {
	w.settle(p)
	do()
	w.refresh(p)
}

// refresh lets Kafka react to what has become of a partition.
func (w *World) refresh(p *partition) {
	w.elect(p)
	w.complete(p)
	p.writable = w.takesWrites(p)
	out := false
	for _, id := range p.replicas {
		out = out || !slices.Contains(p.isr, id)
	}
	if out && !p.listed {
		w.lagging = append(w.lagging, p)
		p.listed = true
	}
	p.lags = out
	switch sick := !p.inFlight() && out; {
	case sick && p.sick < 0:
		p.sick = w.now
	case !sick:
		p.sick = -1
	}
	w.judge.partition(w, p)
}

// takesWrites: with acks=all the leader answers when every member of the ISR has the record, and there are enough of them.
func (w *World) takesWrites(p *partition) bool {
	if p.leader < 0 || len(p.isr) < min(w.minISR(), len(p.replicas)) {
		return false
	}
	for _, id := range p.isr {
		if m := w.machines[id]; !m.answers() || m.stalled {
			return false
		}
	}
	return true
}

// elect gives a partition a leader that is in sync, or none. Without the quorum nothing changes.
func (w *World) elect(p *partition) {
	if w.quorum.leader < 0 {
		return
	}
	valid := p.leader >= 0 && slices.Contains(p.isr, p.leader)
	if valid && w.leads(p.leader, false) {
		return
	}
	for _, shutting := range []bool{false, true} {
		for _, id := range p.replicas {
			if slices.Contains(p.isr, id) && w.leads(id, shutting) {
				p.leader, p.last = id, id
				return
			}
		}
	}
	if len(p.isr) == 0 {
		for _, id := range p.replicas {
			eligible := slices.Contains(p.elr, id) || len(p.elr) == 0 && p.last == id
			if l := p.log(id); eligible && w.leads(id, false) && l != nil && !l.failed && l.bytes == p.end {
				p.leader, p.last, p.isr, p.elr = id, id, []int32{id}, without(p.elr, id)
				return
			}
		}
	}
	p.leader = -1
}

// leave takes a replica out of the ISR.
func (w *World) leave(p *partition, id int32) {
	if !slices.Contains(p.isr, id) {
		return
	}
	p.isr = without(p.isr, id)
	if len(p.isr) < w.minISR() && !slices.Contains(p.elr, id) {
		p.elr = append(slices.Clone(p.elr), id)
	}
}

// join takes a replica that has everything into the ISR.
func (w *World) join(p *partition, id int32) {
	p.isr = append(slices.Clone(p.isr), id)
	p.elr = without(p.elr, id)
	if len(p.isr) >= w.minISR() {
		p.elr = nil
	}
}

// complete ends a reassignment when all of its target is in sync.
func (w *World) complete(p *partition) {
	if !p.inFlight() || w.quorum.leader < 0 {
		return
	}
	target := p.target()
	if len(minus(target, p.isr)) > 0 {
		return
	}
	removed := p.removing
	p.replicas, p.isr, p.adding, p.removing = target, minus(p.isr, removed), nil, nil
	w.elect(p)
	for _, id := range removed {
		if m := w.machines[id]; m != nil {
			w.later(m, pruneAfter, func() { w.prune(id) })
		}
	}
}

// prune deletes from a node's disks what it has no replica of.
func (w *World) prune(id int32) {
	if !w.machines[id].answers() {
		return // It does so when it is back.
	}
	w.on[id] = slices.DeleteFunc(slices.Clone(w.on[id]), func(p *partition) bool {
		if slices.Contains(p.replicas, id) {
			return false
		}
		p.drop(id)
		return true
	})
}

// reassign is what the controller does when it accepts a new list of replicas. One in flight is overridden: its additions that are not in
// the list are removed like all else.
func (w *World) reassign(p *partition, to []int32) {
	w.change(p, func() {
		removing, adding := minus(p.replicas, to), minus(to, p.replicas)
		if len(removing) == 0 && len(adding) == 0 {
			// Kafka forgets what it adds when it is asked for all that there is; only the order may be new.
			p.replicas, p.adding, p.removing = to, nil, nil
			return
		}
		p.copies += len(adding)
		p.replicas, p.adding, p.removing = slices.Concat(to, removing), adding, removing
		for _, id := range adding {
			if !slices.Contains(w.on[id], p) {
				w.on[id] = append(w.on[id], p)
			}
		}
	})
}

// copy lets the replicas that are out of sync catch up for a while. A node's network, or its throttle, is shared by all that it copies.
func (w *World) copy(passed time.Duration) {
	type ask struct {
		p         *partition
		to        int32
		throttled bool
	}
	type link struct {
		node             int32
		leader, throttle bool
	}
	var asks []ask
	users := map[link]int64{}
	still := w.lagging[:0]
	for _, p := range w.lagging {
		if p.listed = p.lags; !p.lags {
			continue
		}
		still = append(still, p)
		w.settle(p)
		if p.leader < 0 || !w.machines[p.leader].answers() {
			continue
		}
		mark := w.marks[p.topic.name]
		for _, id := range p.replicas {
			m := w.machines[id]
			if slices.Contains(p.isr, id) || !m.serves() || m.stalled || !m.whole {
				continue
			}
			a := ask{p, id, slices.Contains(mark.Follower[p.number], id)}
			asks = append(asks, a)
			users[link{id, false, a.throttled}]++
			users[link{p.leader, true, a.throttled}]++
		}
	}
	w.lagging = still
	share := func(l link) float64 {
		rate := float64(catalog.InstanceTypes[instanceType].NetworkBytesPerSecond) * w.machines[l.node].slow
		limit := w.limit(l.node, l.leader)
		if l.throttle && limit >= 0 {
			rate = min(rate, float64(limit))
		}
		return rate / float64(users[l])
	}
	for _, a := range asks {
		if !slices.Contains(a.p.replicas, a.to) {
			continue // A moment ago it had to leave.
		}
		l := a.p.log(a.to)
		if l == nil {
			a.p.logs = append(a.p.logs, replicaLog{node: a.to})
			l = &a.p.logs[len(a.p.logs)-1]
		}
		if l.failed {
			continue
		}
		rate := min(share(link{a.to, false, a.throttled}), share(link{a.p.leader, true, a.throttled}))
		l.bytes = min(a.p.end, l.bytes+int64(rate*passed.Seconds()))
		if l.bytes == a.p.end && w.quorum.leader >= 0 && w.leads(a.to, false) {
			if m := w.machines[a.to]; !w.inSync(m) {
				m.recovered = w.now
			}
			w.change(a.p, func() { w.join(a.p, a.to) })
		}
	}
}

// limit is the throttle of a broker, -1 without one.
func (w *World) limit(id int32, leader bool) int64 {
	t, ok := w.rates[id]
	switch {
	case !ok:
		return -1
	case leader:
		return t.Leader
	}
	return t.Follower
}

// stall lets a node copy nothing for a while. Its replicas leave the ISR when they lag too long.
func (w *World) stall(m *machine, lasts time.Duration) {
	id := m.spec.NodeID
	set := func(stalled bool) {
		m.stalled = stalled
		for _, p := range slices.Clone(w.on[id]) {
			w.change(p, func() {})
		}
	}
	set(true)
	w.after(lasts, func() { set(false) })
	w.after(lagTime, func() {
		if !m.stalled || w.quorum.leader < 0 {
			return
		}
		for _, p := range slices.Clone(w.on[id]) {
			if p.leader != id && p.leader >= 0 && p.rate > 0 {
				w.change(p, func() { w.leave(p, id) })
			}
		}
	})
}

// calm ends all writing: at the end it would only change what is even and what is not.
func (w *World) calm() {
	w.each(func(p *partition) { w.change(p, func() { p.rate = 0 }) })
}

// described is the partition as Kafka tells it.
func (p *partition) described() kafka.Partition {
	return kafka.Partition{
		Topic: p.topic.name, Partition: p.number, Leader: p.leader, Replicas: p.replicas, ISR: p.isr, Adding: p.adding, Removing: p.removing,
	}
}
