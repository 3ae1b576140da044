package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// tell adds a line to the tale.
func (w *World) tell(format string, a ...any) {
	if w.judge.narrate {
		w.judge.tale = append(w.judge.tale, clock(w.now)+"  "+fmt.Sprintf(format, a...))
	}
}

func (p *partition) String() string {
	return fmt.Sprintf("%s-%d (replicas %v, ISR %v, adding %v, removing %v)", p.topic.name, p.number, p.replicas, p.isr, p.adding, p.removing)
}

// Tale is what happened, a line for each thing.
func (j *judge) Tale() string { return strings.Join(j.tale, "\n") }

// describe tells of all nodes.
func (w *World) describe() {
	held := map[int32]int{}
	w.each(func(p *partition) {
		for _, id := range p.replicas {
			held[id]++
		}
	})
	for _, id := range slices.Sorted(maps.Keys(w.group)) {
		m, b := w.machines[id], w.brokers[id]
		if m == nil && b == nil && !slices.Contains(w.quorum.voters, id) {
			continue
		}
		text := fmt.Sprintf("  node %d of %s:", id, w.group[id])
		if m != nil {
			text += fmt.Sprintf(" zone %s, Kafka %s, for %d, %s, %s, serves %t, failed disks %d, maintenance %q,", m.spec.Zone, m.spec.KafkaVersion, m.spec.Replaces, m.state, m.phase, m.serves(), m.failedDirs, m.maintenance)
		}
		if b != nil {
			text += fmt.Sprintf(" registered, fenced %t, holds %d", b.fenced, held[id])
		}
		w.tell("%s", text)
	}
	w.tell("  voters %v, leader %d, lease %+v", w.quorum.voters, w.quorum.leader, w.lease.until)
}

// stuck is what is not whole, for the text of a violation.
func (w *World) stuck() string {
	text := ""
	for _, p := range w.lagging[:min(3, len(w.lagging))] {
		text += "; " + p.String()
		for _, l := range p.logs {
			text += fmt.Sprintf(" %d has %d of %d (failed: %t)", l.node, l.bytes, p.end, l.failed)
		}
	}
	return text
}
