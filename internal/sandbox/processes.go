package sandbox

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// Process is one that runs now.
type Process struct {
	PID int
	// Line is its command line, with the binary's whole path behind it where that is known: Terraform starts providers by a
	// relative one.
	Line string
}

// ProcessesOf returns the processes, other than this one, whose binary is below a folder or whose arguments name it.
func ProcessesOf(folder string) ([]Process, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	var found []Process
	for _, p := range all {
		if p.PID != os.Getpid() && strings.Contains(p.Line, folder) {
			found = append(found, p)
		}
	}
	return found, nil
}

func processes() ([]Process, error) {
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil, fmt.Errorf("listing the processes: %w", err)
	}
	if len(lines) == 0 {
		return processesByPS() // There is no /proc on macOS.
	}
	var all []Process
	for _, path := range lines {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // It has ended since.
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		line := string(bytes.TrimSpace(bytes.ReplaceAll(raw, []byte{0}, []byte{' '})))
		// Other users' binaries cannot be read, and this user's processes are the ones that matter.
		if binary, err := os.Readlink(filepath.Join(filepath.Dir(path), "exe")); err == nil {
			line += " (" + binary + ")"
		}
		all = append(all, Process{pid, line})
	}
	return all, nil
}

func processesByPS() ([]Process, error) {
	raw, err := exec.Command("ps", "-axo", "pid=,command=").Output() //nolint:noctx // It ends by itself.
	if err != nil {
		return nil, fmt.Errorf("listing the processes: %w", err)
	}
	var all []Process
	for line := range strings.Lines(string(raw)) {
		id, command, _ := strings.Cut(strings.TrimSpace(line), " ")
		if pid, err := strconv.Atoi(id); err == nil {
			all = append(all, Process{pid, command})
		}
	}
	return all, nil
}
