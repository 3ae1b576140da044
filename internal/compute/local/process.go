package local

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// killDeadline is how long killed processes may take to disappear.
const killDeadline = 30 * time.Second

// process is one process of this machine, told from a later one with the same number by its start time.
type process struct {
	pid, session int
	// started is in clock ticks since the machine's boot.
	started uint64
}

// processRecord is how a process is remembered in a file, such as agent.pid.
type processRecord struct {
	PID     int    `json:"pid"`
	Started uint64 `json:"started"`
	// Boot tells this boot of the machine from the others, since start times begin anew with each.
	Boot string `json:"boot"`
}

func (a processRecord) process() process {
	return process{pid: a.PID, session: a.PID, started: a.Started}
}

// lives says whether the very process that was recorded still runs.
func (a processRecord) lives() bool {
	return a.Boot == bootID() && a.process().lives()
}

func (a processRecord) write(dir string) error {
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return writeDurably(filepath.Join(dir, agentFile), text)
}

func readAgent(dir string) (processRecord, bool) {
	var a processRecord
	text, err := os.ReadFile(filepath.Join(dir, agentFile))
	return a, err == nil && json.Unmarshal(text, &a) == nil
}

// lives says whether the process runs. One that has ended and waits for its parent (a zombie) does not.
func (p process) lives() bool {
	current, ok := readProcess(p.pid)
	return ok && current.started == p.started
}

// signal signals this very process; one that has ended is no error.
func (p process) signal(s syscall.Signal) error {
	// The handle is taken before the check: it belongs to one process, also when the number is given to another in between.
	handle, err := os.FindProcess(p.pid)
	if err != nil {
		return fmt.Errorf("process %d: %w", p.pid, err)
	}
	defer func() { _ = handle.Release() }()
	if !p.lives() {
		return nil
	}
	if err := handle.Signal(s); err != nil && p.lives() {
		return fmt.Errorf("signalling process %d: %w", p.pid, err)
	}
	return nil
}

// mark is the environment variable that a node's agent is started with and that all of its descendants inherit: the proof that a
// process belongs to a node, also when the agent is dead and nothing was recorded.
type mark struct{ variable, below string }

const markName = "KAFKAFLEET_NODE_DIR"

// newMark returns the mark of the node in dir, which is on the processes of all nodes when dir holds several.
func newMark(dir string) mark {
	// One directory has one mark, however its path is written. One that is gone is not resolved.
	if parent, err := filepath.EvalSymlinks(filepath.Dir(dir)); err == nil {
		dir = filepath.Join(parent, filepath.Base(dir))
	}
	variable := markName + "=" + dir
	return mark{variable: variable, below: variable + string(filepath.Separator)}
}

func (m mark) on(p process) bool {
	for _, v := range environment(p.pid) {
		if v == m.variable || strings.HasPrefix(v, m.below) {
			return p.lives()
		}
	}
	return false
}

// kill kills every process that carries the mark of dir, or is of the session if that is not 0, and returns when all are gone.
func kill(ctx context.Context, session int, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, killDeadline)
	defer cancel()
	mark := newMark(dir)
	killed := map[process]bool{}
	for {
		all, err := allProcesses()
		if err != nil {
			return err
		}
		found := false
		for _, p := range all {
			if (session != 0 && p.session == session) || mark.on(p) {
				killed[p], found = true, true
				if err := p.signal(syscall.SIGKILL); err != nil {
					return err
				}
			}
		}
		// A process loses its environment some time before its files and its port, so those that were found once are watched.
		maps.DeleteFunc(killed, func(p process, _ bool) bool { return !p.lives() })
		// What was found may have started another process before it died, so it takes one more look that finds nothing.
		if !found && len(killed) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d processes were killed but are not gone yet: %w", len(killed), ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}
