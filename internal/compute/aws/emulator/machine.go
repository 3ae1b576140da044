package emulator

import (
	"fmt"
	"time"
)

// Instance is what a machine is booted from.
type Instance struct {
	ID, Zone, Type, Address string
	// UserData is as it was given, not encoded.
	UserData string
}

// Power is the switch of a machine that runs.
type Power interface {
	// ShutDown asks the machine to shut down; it takes its time.
	ShutDown()
	// Kill takes its power away.
	Kill()
	// Announce has the machine's metadata service answer with a text for a path below meta-data.
	Announce(path, text string) error
	// Off is closed when nothing of it runs any more.
	Off() <-chan struct{}
}

// The states of an instance, with the codes that EC2 gives them.
const (
	pending      = "pending"
	running      = "running"
	stopping     = "stopping"
	stopped      = "stopped"
	shuttingDown = "shutting-down"
	terminated   = "terminated"
)

var codes = map[string]string{pending: "0", running: "16", shuttingDown: "32", terminated: "48", stopping: "64", stopped: "80"}

// machine is an instance as EC2 shows it; moto keeps all else of it.
type machine struct {
	Instance
	state string
	// reason is why it is in its state, with the time.
	reason string
	power  Power
	// shown is from when on it is shown.
	shown time.Time
	event string
	// protected machines are not terminated, and those of spot instances neither protected nor stopped.
	protected, spot bool
}

// enter changes the state. The server is locked.
func (m *machine) enter(state, why string) {
	m.state, m.reason = state, ""
	if why != "" {
		m.reason = fmt.Sprintf("%s (%s GMT)", why, time.Now().UTC().Format(time.DateTime))
	}
}

// launch takes a new instance from pending to running.
func (s *Server) launch(m *machine, dies bool) {
	s.wait(s.cfg.PendingFor)
	s.mu.Lock()
	if m.state != pending {
		s.mu.Unlock()
		return
	}
	m.power = s.cfg.Boot(m.Instance)
	m.enter(running, "")
	power := m.power
	if dies {
		s.terminate(m, "Server.InternalError: Internal error on launch")
	}
	s.mu.Unlock()
	<-power.Off()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch m.state {
	case running:
		m.enter(stopped, "Client.InstanceInitiatedShutdown")
	case stopping:
		// The reason is that of the one who asked for it.
		m.state = stopped
	}
}

// stop shuts a machine down. The server is locked.
func (s *Server) stop(m *machine) {
	switch m.state {
	case running:
		m.enter(stopping, "User initiated")
		m.power.ShutDown()
	case pending:
		m.enter(stopped, "User initiated")
	}
}

// shutDownWithin is how long a machine that is terminated has for its shutdown.
const shutDownWithin = 30 * time.Second

// terminate takes a machine away: at once, as the worst that can come, but for those of spot instances, which shut down as they do on EC2. The
// server is locked.
func (s *Server) terminate(m *machine, why string) {
	if m.state == shuttingDown || m.state == terminated {
		return
	}
	m.enter(shuttingDown, why)
	power := m.power
	s.work.Go(func() {
		if power != nil {
			if m.spot {
				power.ShutDown()
				select {
				case <-power.Off():
				case <-time.After(shutDownWithin):
				case <-s.ended:
				}
			}
			power.Kill()
			<-power.Off()
		}
		s.wait(s.cfg.GoneAfter)
		s.mu.Lock()
		defer s.mu.Unlock()
		m.state = terminated
	})
}

// wait lets time pass, unless the server ends.
func (s *Server) wait(d time.Duration) {
	select {
	case <-time.After(d):
	case <-s.ended:
	}
}
