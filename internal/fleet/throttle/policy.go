// Package throttle says how fast replicas may be copied, and follows how far the copying is. It is pure: what it knows comes from
// observations that it is handed, with the time at which each was made.
package throttle

import (
	"fmt"
	"strings"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/bytesize"
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

// Fastest is the highest rate that can be declared, 1 TiB per second: no link has it, and what a rate is multiplied by, to let a move that
// stands still catch up, still fits into an int64.
const Fastest = 1 << 40

// Parse reads "auto", "none", or a rate such as "50MiB/s".
func Parse(s string) (Policy, error) {
	switch s {
	case "auto":
		return Auto, nil
	case "none":
		return None, nil
	}
	size, perSecond := strings.CutSuffix(s, "/s")
	rate, err := bytesize.Parse(size)
	if !perSecond || err != nil || rate <= 0 {
		return None, fmt.Errorf(`%q is not a limit of replication: use "auto", a rate such as "50MiB/s", or "none"`, s)
	}
	if rate < Slowest {
		return None, fmt.Errorf(`%q is too slow to move anything: use at least %q, or "auto"`, s, bytesize.Exact(Slowest)+"/s")
	}
	if rate > Fastest {
		return None, fmt.Errorf(`%q is more than any network has: use at most %q, or "none" for no limit`, s, bytesize.Exact(Fastest)+"/s")
	}
	return Fixed(rate), nil
}

// String is what Parse reads, and reads as the very same policy.
func (p Policy) String() string {
	switch {
	case p.auto:
		return "auto"
	case p.fixed == 0:
		return "none"
	}
	return bytesize.Exact(p.fixed) + "/s"
}
