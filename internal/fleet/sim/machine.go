package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/pki"
)

const (
	// stopDeadline is how long an orderly shutdown may take until the process is killed.
	stopDeadline = 30 * time.Second
	// manyRestarts is from how many restarts on the agent waits long before the next.
	manyRestarts = 3
)

// machine is a virtual machine with what runs on it.
type machine struct {
	id    string
	spec  compute.NodeSpec
	state compute.State
	phase compute.Phase
	// since is when it came into its state.
	launched, since time.Duration
	boot            time.Duration
	restarts        int
	problem         string
	// certificate is when its certificate ends, zero while it has none.
	certificate time.Time
	// generation is that of the authority when it was issued, issuer that authority, and believed are those whose certificates the node believes; each
	// by the id of its key.
	generation  int
	issuer      string
	believed    map[string]bool
	maintenance string

	// misreported is since when compute says that it is stopped although it is not, 0 when compute is right.
	misreported time.Duration
	// up: its Kafka answers, unless it hangs. silent: its agent does not report any more.
	up, hung, silent bool
	reported         time.Duration
	// whole: it has its disks. failedDirs of them are offline.
	whole      bool
	failedDirs int
	// joined: its broker was unfenced once, or its controller has caught up once.
	joined bool
	// stalled: it copies nothing; slow is the share of its network that it has.
	stalled bool
	slow    float64
	// bad is since when it does not serve, caught when a controller has caught up.
	bad, caught time.Duration
	// recovered is when it began to serve again, or came into an ISR again, doubted since when compute or Kafka has something against it, 0 when neither has.
	recovered, doubted time.Duration
	// life is another one after each end of its process, so that what was meant for an earlier one does not happen. registered is the one
	// that Kafka has let in last.
	life, registered int
}

func (m *machine) serves() bool {
	return m != nil && m.state == compute.StateRunning && m.up && !m.hung
}

// stops: serving or not, it is on its way out in the orderly way.
func (m *machine) answers() bool {
	return m != nil && (m.state == compute.StateRunning || m.state == compute.StateStopping) && m.up && !m.hung
}

// later lets something happen to a machine in a while, if its process has not ended by then.
func (w *World) later(m *machine, d time.Duration, do func()) {
	life := m.life
	w.after(d, func() {
		if w.machines[m.spec.NodeID] == m && m.life == life {
			do()
		}
	})
}

func (w *World) launch(spec compute.NodeSpec) *machine {
	m := &machine{
		id: fmt.Sprintf("i-%d", spec.NodeID), spec: spec, state: compute.StatePending, launched: w.now, since: w.now, bad: w.now, whole: true, slow: 1,
	}
	w.machines[spec.NodeID] = m
	w.order = append(w.order, spec.NodeID)
	slices.Sort(w.order)
	w.used[spec.NodeID], w.group[spec.NodeID] = true, spec.Group
	w.later(m, w.between(time.Second, 4*time.Second), func() {
		m.state, m.since, m.phase, m.reported = compute.StateRunning, w.now, compute.PhasePreparing, w.now
	})
	w.later(m, w.between(8*time.Second, 25*time.Second), func() { w.start(m) })
	return m
}

// start is when a node's Kafka begins to answer, if it can.
func (w *World) start(m *machine) {
	if m.state != compute.StateRunning {
		return
	}
	if !w.certified(m) {
		m.problem = "waiting for the node's certificate"
		w.later(m, time.Second, func() { w.start(m) })
		return
	}
	if w.ailing[m.spec.KafkaVersion] {
		w.crash(m, "the spec does not start: OutOfMemoryError")
		return
	}
	m.up, m.phase, m.problem = true, compute.PhaseRunning, ""
	if m.boot == 0 {
		m.boot = w.now - m.launched
	}
	m.caught = w.now + w.between(time.Second, 4*time.Second)
	w.servingChanged(m)
	if m.spec.Role == compute.RoleController {
		w.joinQuorum(m)
		return
	}
	w.later(m, time.Second, func() { w.register(m) })
	w.later(m, 2*time.Second, func() { w.prune(m.spec.NodeID) })
}

// certified lets a node take its certificate, which it cannot start without, and says whether it has one.
func (w *World) certified(m *machine) bool {
	if m.spec.Security.Plaintext || !m.certificate.IsZero() {
		return true
	}
	identity, err := compute.ParseIdentity(w.secrets[compute.NodeSecret(m.spec.NodeID)])
	if err != nil {
		return false
	}
	chain, err := pki.Certificates([]byte(identity.CertificatePEM))
	if err != nil {
		return false
	}
	m.certificate, m.generation, m.issuer = chain[0].NotAfter, identity.Generation, string(chain[0].AuthorityKeyId)
	if m.believed, err = keyIDs(identity.TrustedPEM); err == nil {
		w.judge.believes(w, m)
	}
	return err == nil
}

// keyIDs are the ids of the keys of some authorities.
func keyIDs(bundle string) (map[string]bool, error) {
	authorities, err := pki.Certificates([]byte(bundle))
	out := map[string]bool{}
	for _, a := range authorities {
		out[string(a.SubjectKeyId)] = true
	}
	return out, err
}

// crash ends a node's process. Its agent starts it again.
func (w *World) crash(m *machine, why string) {
	m.life++
	m.up, m.hung, m.phase, m.problem = false, false, compute.PhaseBackoff, why
	m.restarts++
	w.servingChanged(m)
	wait := w.between(time.Second, 4*time.Second)
	if m.restarts >= manyRestarts {
		wait = w.between(10*time.Second, 30*time.Second)
	}
	w.later(m, wait, func() { m.phase = compute.PhaseStarting })
	w.later(m, wait+w.between(3*time.Second, 8*time.Second), func() { w.start(m) })
}

// hang stops a node's process without ending it. With frozen its whole machine stands still.
func (w *World) hang(m *machine, frozen bool) {
	m.hung, m.silent = true, frozen
	m.reported = w.now
	w.servingChanged(m)
}

// resume ends a hang.
func (w *World) resume(m *machine) {
	if m.hung && w.machines[m.spec.NodeID] == m {
		m.hung, m.silent = false, false
		w.servingChanged(m)
		w.later(m, pruneAfter, func() { w.prune(m.spec.NodeID) })
	}
}

// loseDisks: the data directories are gone, and the agent starts no Kafka without them.
func (w *World) loseDisks(m *machine) {
	m.life++
	m.up, m.hung, m.phase, m.problem = false, false, compute.PhaseDiskLost, "formatted before, found empty now"
	w.destroyLogs(m)
	w.servingChanged(m)
}

// failDir takes one of the log directories offline: the replicas in it are gone.
func (w *World) failDir(m *machine) {
	m.failedDirs++
	id := m.spec.NodeID
	for i, p := range slices.Clone(w.on[id]) {
		if i%2 == 0 {
			continue
		}
		w.change(p, func() {
			if l := p.log(id); l != nil {
				l.failed = true
			}
			w.leave(p, id)
		})
	}
}

// halt: the machine stops by itself. What was on its disks is gone.
func (w *World) halt(m *machine) {
	m.life++
	m.up, m.hung, m.state, m.since = false, false, compute.StateStopped, w.now
	w.destroyLogs(m)
	w.servingChanged(m)
}

// vanish: nothing is left of the machine.
func (w *World) vanish(m *machine) {
	m.life++
	m.up, m.hung = false, false
	w.destroyLogs(m)
	delete(w.machines, m.spec.NodeID)
	w.order = without(w.order, m.spec.NodeID)
	w.servingChanged(m)
}

func (w *World) destroyLogs(m *machine) {
	id := m.spec.NodeID
	if m.whole {
		m.whole, w.lost[id] = false, w.now
	}
	for _, p := range slices.Clone(w.on[id]) {
		w.change(p, func() { p.drop(id) })
	}
}

// stop begins an orderly shutdown.
func (w *World) stop(m *machine) {
	if m.state == compute.StateStopped || m.state == compute.StateStopping || m.state == compute.StateTerminating {
		return
	}
	m.state, m.since = compute.StateStopping, w.now
	if m.phase != "" {
		m.phase = compute.PhaseStopping
	}
	if b := w.brokers[m.spec.NodeID]; b != nil && m.up && !m.hung {
		b.shutting = true
		for _, p := range slices.Clone(w.on[b.id]) {
			w.change(p, func() {})
		}
	}
	begun := w.now
	var end func()
	end = func() {
		if m.state != compute.StateStopping {
			return
		}
		led := m.spec.Role == compute.RoleController || w.quorum.leader >= 0
		if (m.hung || !led) && w.now-begun < stopDeadline {
			w.after(2*time.Second, end)
			return
		}
		b := w.brokers[m.spec.NodeID]
		orderly := m.up && !m.hung && led && w.rng.IntN(8) > 0 // Now and then the controllers do not let it go in time.
		m.life++
		m.up, m.hung, m.state, m.since, m.phase = false, false, compute.StateStopped, w.now, compute.PhaseStopped
		if b != nil && orderly && !b.fenced {
			w.fence(b)
		}
		w.servingChanged(m)
	}
	w.after(w.between(time.Second, 4*time.Second), end)
}

// terminate destroys a machine and its disks.
func (w *World) terminate(m *machine) {
	m.life++
	m.up, m.hung, m.state, m.since = false, false, compute.StateTerminating, w.now
	w.destroyLogs(m)
	w.servingChanged(m)
	w.later(m, w.between(0, 3*time.Second), func() { w.vanish(m) })
}

// servingChanged is told of each change of what a node's process does.
func (w *World) servingChanged(m *machine) {
	id := m.spec.NodeID
	if m.serves() {
		if m.bad > 0 {
			m.recovered = w.now
		}
		m.bad = 0
	} else if m.bad == 0 {
		m.bad = w.now
	}
	w.doubt(m)
	if m.spec.Role == compute.RoleController {
		w.quorumChanged()
		return
	}
	for _, p := range slices.Clone(w.on[id]) {
		w.change(p, func() {})
	}
	w.heartbeat(id)
}

// doubt follows since when compute or Kafka has something against a machine, be it the one first and then the other.
func (w *World) doubt(m *machine) {
	b := w.brokers[m.spec.NodeID]
	switch doubted := m.bad > 0 || m.misreported > 0 || b != nil && b.fenced; {
	case !doubted:
		m.doubted = 0
	case m.doubted == 0:
		m.doubted = w.now
	}
}

// instance is the machine as compute lists it.
func (w *World) instance(m *machine) compute.Instance {
	i := compute.Instance{
		ID: m.id, Spec: m.spec, State: m.state, LaunchedAt: epoch.Add(m.launched), StateSince: epoch.Add(m.since), Maintenance: m.maintenance,
		Address: fmt.Sprintf("10.0.%d.%d:9092", m.spec.NodeID/250, m.spec.NodeID%250),
	}
	if m.misreported > 0 && m.state == compute.StateRunning {
		i.State, i.StateSince = compute.StateStopped, epoch.Add(m.misreported)
	}
	if m.phase != "" {
		if !m.silent && m.misreported == 0 {
			m.reported = w.now
		}
		i.Status = &compute.NodeStatus{
			Phase: m.phase, Restarts: m.restarts, LastError: m.problem, BootSeconds: m.boot.Seconds(), UpdatedAt: epoch.Add(m.reported),
			CertificateEnds: m.certificate, AuthorityGeneration: m.generation,
		}
	}
	return i
}

// supports is the highest metadata.version that a node's Kafka can.
func supports(version string) int16 {
	level, _ := kafka.MetadataLevel(version)
	return level
}
