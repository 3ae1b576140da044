// Package throttle says how fast replicas may be copied, and follows how far the copying is. It is pure: what it knows comes from
// observations that it is handed, with the time at which each was made.
package throttle

import (
	"fmt"
	"strings"

	"github.com/docker/go-units"
)

// Policy is what the user wants of the limit on replication by moves. The zero value is None.
type Policy struct {
	auto  bool
	fixed int64
}

var (
	// None sets no limit.
	None = Policy{}
	// Auto leaves clients what they use: the limit of each broker and direction is measured.
	Auto = Policy{auto: true}
)

// Fixed is a limit in bytes per second, the same for every broker and direction.
func Fixed(bytesPerSecond int64) Policy { return Policy{fixed: bytesPerSecond} }

// Limited says that the policy sets limits at all.
func (p Policy) Limited() bool { return p != None }

// Slowest is the lowest rate that can be declared, in bytes per second. Kafka answers a follower with up to 10 MB at a time
// (replica.fetch.response.max.bytes) and accounts for it afterwards, so a lower rate would be bursts with minutes of nothing between.
const Slowest = 64 << 10

// Parse reads "auto", "none", or a rate such as "50MiB/s".
func Parse(s string) (Policy, error) {
	switch s {
	case "auto":
		return Auto, nil
	case "none":
		return None, nil
	}
	size, perSecond := strings.CutSuffix(s, "/s")
	rate, err := units.RAMInBytes(size)
	if !perSecond || err != nil || rate <= 0 {
		return None, fmt.Errorf(`%q is not a limit of replication: use "auto", a rate such as "50MiB/s", or "none"`, s)
	}
	if rate < Slowest {
		return None, fmt.Errorf(`%q is too slow to move anything: use at least %q, or "auto"`, s, units.BytesSize(Slowest)+"/s")
	}
	return Fixed(rate), nil
}

// String is what Parse reads.
func (p Policy) String() string {
	switch {
	case p.auto:
		return "auto"
	case p.fixed == 0:
		return "none"
	}
	return units.BytesSize(float64(p.fixed)) + "/s"
}
