// Package figures measures how busy a machine is, and writes it to the topic of the fleet's figures (compute.FiguresTopic).
package figures

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// counterBits is how long a counter can be, so that a sum of some cannot overflow.
const counterBits = 56

// counters are what the kernel has counted since the machine booted.
type counters struct {
	at time.Time
	// busy and all are in ticks of all processors; in and out in bytes.
	busy, all, in, out uint64
}

// count reads the kernel's counters. What cannot be read is zero: there are no figures then, and nothing else is missing.
func count(root string, now time.Time) counters {
	stat, _ := os.ReadFile(root + "/proc/stat")   //nolint:errcheck // See above.
	net, _ := os.ReadFile(root + "/proc/net/dev") //nolint:errcheck // See above.
	c := counters{at: now}
	c.busy, c.all = processors(string(stat))
	c.in, c.out = interfaces(string(net))
	return c
}

// processors are the first line's ticks (proc_stat(5)): user, nice, system, idle, iowait, irq, softirq and steal; guests' are in user already.
func processors(stat string) (busy, all uint64) {
	const (
		idle, iowait = 3, 4
		columns      = 8
	)
	line, _, _ := strings.Cut(stat, "\n")
	fields := strings.Fields(line)
	if len(fields) <= columns || fields[0] != "cpu" {
		return 0, 0
	}
	for i, field := range fields[1 : columns+1] {
		ticks, err := strconv.ParseUint(field, 10, counterBits)
		if err != nil {
			return 0, 0
		}
		all += ticks
		if i != idle && i != iowait {
			busy += ticks
		}
	}
	return busy, all
}

// interfaces are the bytes that came in and went out by all interfaces but the loopback one (proc_net(5)).
func interfaces(dev string) (in, out uint64) {
	const received, sent, columns = 0, 8, 16
	for line := range strings.Lines(dev) {
		name, rest, found := strings.Cut(line, ":")
		fields := strings.Fields(rest)
		if !found || strings.TrimSpace(name) == "lo" || len(fields) < columns {
			continue
		}
		r, errIn := strconv.ParseUint(fields[received], 10, counterBits)
		s, errOut := strconv.ParseUint(fields[sent], 10, counterBits)
		if errIn == nil && errOut == nil {
			in, out = in+r, out+s
		}
	}
	return in, out
}

// rates are what happened between two countings; an interface that has gone takes its bytes with it, and then there are none.
func rates(before, after counters) (cpu, in, out float64) {
	if after.all > before.all && after.busy >= before.busy {
		cpu = min(1, float64(after.busy-before.busy)/float64(after.all-before.all))
	}
	seconds := after.at.Sub(before.at).Seconds()
	if seconds > 0 && after.in >= before.in && after.out >= before.out {
		in, out = float64(after.in-before.in)/seconds, float64(after.out-before.out)/seconds
	}
	return cpu, in, out
}
