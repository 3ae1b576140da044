package local

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/node"
)

// supported says that nodes can run on this operating system.
const supported = true

// bootID returns the kernel's random name of this boot.
var bootID = sync.OnceValue(func() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
})

// uptime is for how long the machine has run since its boot, without the time that it was suspended. All processes read it from one clock,
// which nobody can set.
func uptime() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		panic(err) // There is no Linux without this clock.
	}
	return time.Duration(now.Nano())
}

// allProcesses returns the processes that run.
func allProcesses() ([]process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("cannot list the processes of this machine: %w", err)
	}
	var all []process
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			if p, ok := readProcess(pid); ok {
				all = append(all, p)
			}
		}
	}
	return all, nil
}

// readProcess reads a process from /proc; ok is false when it does not run, or has ended and was not waited for.
func readProcess(pid int) (process, bool) {
	p, ended, err := readStat(pid)
	return p, err == nil && !ended
}

// readStat reads a process from /proc, also one that has ended and was not waited for.
func readStat(pid int) (p process, ended bool, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, false, err
	}
	return parseStat(pid, stat)
}

// parseStat reads what /proc/PID/stat says. With an error it says nothing of the process.
func parseStat(pid int, stat []byte) (p process, ended bool, err error) {
	// The second field is the program's name in brackets and may hold anything, also brackets; see proc_pid_stat(5).
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const state, session, threads, starttime = 0, 3, 17, 19 // The page counts from 1, and two fields are cut off here.
	if len(fields) <= starttime {
		return process{}, false, fmt.Errorf("/proc/%d/stat has only %d fields", pid, len(fields))
	}
	p.pid = pid
	if p.session, err = strconv.Atoi(fields[session]); err != nil {
		return process{}, false, err
	}
	if p.started, err = strconv.ParseUint(fields[starttime], 10, 64); err != nil {
		return process{}, false, err
	}
	// The first thread of a process can be a zombie while others still hold its files.
	zombie := fields[state] == "Z" && (fields[threads] == "1" || fields[threads] == "0")
	return p, zombie || fields[state] == "X", nil
}

// environment returns the variables that a process was started with, and none for a process of another user.
func environment(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return nil
	}
	return strings.Split(string(text), "\x00")
}

// agentVariables are handed to the node agent. No others are: Terraform's environment is full of credentials, and an agent
// keeps its own for weeks.
var agentVariables = []string{"PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH"}

// startAgent starts the agent of the node in dir in a session of its own, out of the reach of the terminal's Ctrl-C.
func (d *Driver) startAgent(dir string, reserved []*os.File) (processRecord, error) {
	log, err := os.OpenFile(filepath.Join(dir, logFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return processRecord{}, err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(d.agent, "node", "--spec", filepath.Join(dir, node.SpecFile)) //nolint:noctx // It outlives this run.
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = reserved
	cmd.Env = []string{newMark(dir).variable}
	for _, name := range agentVariables {
		if value, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	if d.javaHome != "" {
		cmd.Env = append(cmd.Env, "JAVA_HOME="+d.javaHome)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return processRecord{}, fmt.Errorf("cannot start the node agent %s: %w", d.agent, err)
	}
	// Nobody waits for the child yet, so that its entry is there even if it has ended.
	p, _, err := readStat(cmd.Process.Pid)
	go func() { _ = cmd.Wait() }() // No zombie stays while this process lives.
	return processRecord{PID: cmd.Process.Pid, Started: p.started, Boot: bootID()}, err
}
