package sim

import (
	"slices"
	"time"
)

// session is Kafka's broker.session.timeout.ms.
const session = 9 * time.Second

// broker is a registration.
type broker struct {
	id     int32
	zone   string
	fenced bool
	// changed is when it was last fenced or unfenced.
	changed time.Duration
	// contact is when it was last heard of, for one that is silent.
	contact time.Duration
	// shutting: its controlled shutdown is under way.
	shutting bool
	level    int16
}

// leads says that a broker may lead partitions. One that shuts down may while there is nobody else.
func (w *World) leads(id int32, shutting bool) bool {
	b := w.brokers[id]
	return b != nil && !b.fenced && (shutting || !b.shutting)
}

// register is what a broker's process does when it has started: it is fenced until it has caught up with the metadata.
func (w *World) register(m *machine) {
	id := m.spec.NodeID
	again := func() { w.later(m, time.Second, func() { w.register(m) }) }
	if !m.serves() || w.quorum.leader < 0 {
		again()
		return
	}
	b := w.brokers[id]
	switch {
	case b == nil:
		b = &broker{id: id, zone: m.spec.Zone, fenced: true, changed: w.now, level: supports(m.spec.KafkaVersion)}
		w.brokers[id] = b
	case !b.fenced:
		again() // Its earlier incarnation has a session still.
		return
	}
	b.shutting = false
	w.later(m, w.between(500*time.Millisecond, 2*time.Second), func() { w.unfence(m) })
}

// heartbeat follows whether a broker answers the active controller: it is fenced when its session ends, and unfenced when it is back.
func (w *World) heartbeat(id int32) {
	b, m := w.brokers[id], w.machines[id]
	if b == nil {
		return
	}
	if m.serves() {
		if b.fenced {
			w.later(m, w.between(500*time.Millisecond, 2*time.Second), func() { w.unfence(m) })
		}
		return
	}
	if b.fenced {
		return
	}
	b.contact = w.now
	var expire func()
	expire = func() {
		m := w.machines[id]
		switch since := max(b.contact, w.quorum.elected); {
		case w.brokers[id] != b, b.fenced, m.serves() && m.registered == m.life:
			return // A process that has only just started is another one, and waits until the session has ended.
		case w.quorum.leader < 0, w.now-since < session:
			w.after(time.Second, expire)
			return
		}
		w.fence(b)
	}
	w.after(session, expire)
}

func (w *World) unfence(m *machine) {
	b := w.brokers[m.spec.NodeID]
	switch {
	case b == nil || !b.fenced || !m.serves():
		return
	case w.quorum.leader < 0:
		w.later(m, time.Second, func() { w.unfence(m) })
		return
	}
	b.fenced, b.shutting, b.changed, m.registered = false, false, w.now, m.life
	m.joined = true
	w.doubt(m)
	w.judge.serves(m)
	for _, p := range slices.Clone(w.on[b.id]) {
		w.change(p, func() {})
	}
}

// fence takes a broker out of all ISRs.
func (w *World) fence(b *broker) {
	b.fenced, b.changed = true, w.now
	if m := w.machines[b.id]; m != nil {
		w.doubt(m)
	}
	for _, p := range slices.Clone(w.on[b.id]) {
		w.change(p, func() { w.leave(p, b.id) })
	}
	if m := w.machines[b.id]; m.serves() {
		w.later(m, w.between(500*time.Millisecond, 2*time.Second), func() { w.unfence(m) })
	}
}
