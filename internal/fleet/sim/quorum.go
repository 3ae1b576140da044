package sim

import (
	"slices"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// observerSession is how long the active controller tells of an observer that does not follow any more.
const observerSession = 5 * time.Minute

// quorum is the controllers'.
type quorum struct {
	voters []int32
	// leader is -1 without one, elected when it became it.
	leader  int32
	elected time.Duration
	// known is what each controller that ever registered supports.
	known map[int32]int16
	// electing: an election is on its way.
	electing bool
}

// current says that a controller runs and has followed the log to its end.
func (w *World) current(id int32) bool {
	m := w.machines[id]
	return m.serves() && w.now >= m.caught
}

// majority says that the voters that are current, less one, are more than half of the voters, less that one.
func (w *World) majority(less int32) bool {
	voters := without(w.quorum.voters, less)
	current := 0
	for _, id := range voters {
		if w.current(id) {
			current++
		}
	}
	return 2*current > len(voters)
}

// joinQuorum is what a controller does that has started: the first one forms the quorum, the others follow it.
func (w *World) joinQuorum(m *machine) {
	id := m.spec.NodeID
	w.quorum.known[id] = supports(m.spec.KafkaVersion)
	if m.spec.Bootstrap && len(w.quorum.voters) == 0 {
		w.quorum.voters, m.caught = []int32{id}, w.now
		w.level = supports(m.spec.KafkaVersion)
		if level := supports(m.spec.ReleaseVersion); level > 0 {
			w.level = level
		}
		w.common = map[string]string{}
	}
	w.later(m, m.caught-w.now, func() {
		m.joined = true
		w.judge.serves(m)
		w.quorumChanged()
	})
	w.quorumChanged()
}

// quorumChanged is told of all that may make or unmake an active controller.
func (w *World) quorumChanged() {
	q := &w.quorum
	if q.leader >= 0 && w.current(q.leader) && slices.Contains(q.voters, q.leader) && w.majority(-1) {
		return
	}
	q.leader = -1
	if q.electing {
		return
	}
	q.electing = true
	w.after(w.between(500*time.Millisecond, 3*time.Second), func() {
		q.electing = false
		if q.leader >= 0 || !w.majority(-1) {
			return // What makes a majority again tells.
		}
		var fit []int32
		for _, id := range q.voters {
			if w.current(id) {
				fit = append(fit, id)
			}
		}
		q.leader, q.elected = fit[w.rng.IntN(len(fit))], w.now
		w.each(func(p *partition) { w.change(p, func() {}) })
	})
}

// described is the quorum as its leader tells it.
func (w *World) describedQuorum() kafka.Quorum {
	q := kafka.Quorum{Leader: w.quorum.leader, HighWatermark: int64(w.now / time.Millisecond)}
	seen := func(id int32) kafka.Voter {
		m := w.machines[id]
		v := kafka.Voter{ID: id, DirectoryID: [16]byte{byte(id), byte(id >> 8), 1}} //nolint:gosec // Two bytes are many nodes.
		switch {
		case m.answers() && w.now >= m.caught:
			return v
		case m != nil && m.bad > 0:
			v.Lag, v.CaughtUpAgoMillis = 100, (w.now-m.bad).Milliseconds()+1
		default:
			v.Lag, v.CaughtUpAgoMillis = 100, -1
		}
		return v
	}
	for _, id := range w.quorum.voters {
		q.Voters = append(q.Voters, seen(id))
	}
	for _, id := range w.order {
		m := w.machines[id]
		if slices.Contains(w.quorum.voters, id) || m.caught == 0 || m.bad > 0 && w.now-m.bad > observerSession {
			continue
		}
		if m.spec.Role == compute.RoleController || w.brokers[id] != nil {
			q.Observers = append(q.Observers, seen(id))
		}
	}
	return q
}
