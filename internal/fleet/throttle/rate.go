package throttle

import "math"

// The figures of DataDog's autothrottle (kafka-kit, internal/autothrottle/replication/limits.go).
const (
	// Share of what a broker has to spare is what copying may use.
	Share = 0.9
	// Floor is the least that it gets, in bytes per second, whatever clients use: a copy that never ends is the greater danger.
	Floor = 10_000_000
	// minChange is by how much a limit must differ before it is set anew.
	minChange = 0.1
)

// Rates are a broker's limits or its traffic in bytes per second: Leader is what followers read from it, Follower what it reads as one.
type Rates struct{ Leader, Follower int64 }

// Spare is max((capacity − other) × share, floor), all in bytes per second: what copying may use of a link on which others use so much
// already. It is kafka-kit's formula with the other traffic measured, not taken from what a link carries in all, so that what it
// carries beyond its capacity counts twice as there: once as traffic, once as overload.
func Spare(capacity, other int64, share float64, floor int64) int64 {
	return max(int64(float64(capacity-other)*share), floor)
}

// Differ says that a limit is worth setting anew: it is not set, or it differs by a tenth or more.
func Differ(set, wanted int64) bool {
	return set <= 0 || math.Abs(float64(wanted-set)) >= minChange*float64(set)
}

// Link is what is known of one broker's network: its capacity in each direction, and what clients and the usual replication use
// of it; nil while nothing was measured.
type Link struct {
	Capacity int64
	Other    *Rates
}

// Limits are the limits of one broker. need is what the partitions that are being copied gain meanwhile there: a limit below it would
// never catch up, so it is raised, a fixed one as well. boost multiplies what comes out, 1 unless the copying stands still.
// raised says that need or boost have made it more than the policy says.
//
// Before anything is measured Auto takes the floor.
func (p Policy) Limits(link Link, need Rates, boost int64) (limits Rates, raised bool) {
	plain := Rates{p.fixed, p.fixed}
	if p.auto {
		plain = Rates{Floor, Floor}
		if link.Other != nil {
			plain = Rates{Spare(link.Capacity, link.Other.Leader, Share, Floor), Spare(link.Capacity, link.Other.Follower, Share, Floor)}
		}
	}
	limits = Rates{boost * catchUp(plain.Leader, need.Leader), boost * catchUp(plain.Follower, need.Follower)}
	return limits, limits != plain
}

// catchUp raises a limit that what comes in would use up. At twice that, the backlog goes down as fast as it would have grown.
func catchUp(limit, need int64) int64 {
	if need > 0 && float64(limit) < (1+minChange)*float64(need) {
		return 2 * need
	}
	return limit
}
