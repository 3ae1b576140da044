package check

import "time"

// gap follows one partition's acknowledgements and keeps the longest time without one.
type gap struct {
	last    time.Time
	longest time.Duration
	// startedAt is when the longest gap began.
	startedAt time.Time
}

// newGap starts the first gap: the time to the first acknowledgement counts too.
func newGap(start time.Time) gap { return gap{last: start, startedAt: start} }

// ack ends the gap that is open and begins the next.
func (g *gap) ack(now time.Time) {
	if d := now.Sub(g.last); d > g.longest {
		g.longest, g.startedAt = d, g.last
	}
	if now.After(g.last) {
		g.last = now
	}
}

// close counts the gap that is still open at the end.
func (g *gap) close(end time.Time) { g.ack(end) }
