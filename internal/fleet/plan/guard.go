package plan

import "slices"

// Guard names one of the rules that keep a rollout safe. Each can be taken away, by tests and by the simulation only, so that they can show
// that they would notice.
type Guard string

// The guards.
const (
	// GuardEmpty: a broker is stopped, unregistered and terminated only when no partition has a replica on it.
	GuardEmpty Guard = "empty before it leaves"
	// GuardSync: nothing healthy is touched while a partition is out of sync or a node is suspect.
	GuardSync Guard = "one at a time"
	// GuardFence: a broker is unregistered only when it is fenced.
	GuardFence Guard = "fenced before it is unregistered"
	// GuardMajority: a voter is removed only when the others have a majority that has caught up.
	GuardMajority Guard = "majority of caught-up voters"
	// GuardVoter: a controller is stopped only when it is no voter.
	GuardVoter Guard = "no voter is stopped"
	// GuardTwoSignals: a node is lost only when compute and Kafka agree, or one of them has said so for long.
	GuardTwoSignals Guard = "two signals"
	// GuardMassFailure: more than a few losses are repaired only when asked.
	GuardMassFailure Guard = "mass failure"
	// GuardSweep: throttles that are left over are removed.
	GuardSweep Guard = "throttles are swept"
	// GuardThrottle: a move is throttled before it begins.
	GuardThrottle Guard = "throttled before it moves"
	// GuardCanary: the first node of a new spec comes alone.
	GuardCanary Guard = "canary"
	// GuardSurge: no more than MaxSurge nodes are added at once.
	GuardSurge Guard = "surge"
	// GuardFreshLook: what cannot be taken back is planned again on an observation of its own.
	GuardFreshLook Guard = "fresh look"
	// GuardLease: nothing is done without the cluster's lease.
	GuardLease Guard = "lease"
	// GuardReceiver: replicas are put on brokers that serve and stay.
	GuardReceiver Guard = "receivers serve"
	// GuardRedirect: a reassignment that waits for a lost broker is sent elsewhere.
	GuardRedirect Guard = "stuck moves are redirected"
	// GuardGiveUp: what only a lost node has is given up only when somebody has said so for exactly that node.
	GuardGiveUp Guard = "nothing is given up unasked"
)

// Guards are all of them.
var Guards = []Guard{
	GuardEmpty, GuardSync, GuardFence, GuardMajority, GuardVoter, GuardTwoSignals, GuardMassFailure, GuardSweep, GuardThrottle, GuardCanary,
	GuardSurge, GuardFreshLook, GuardLease, GuardReceiver, GuardRedirect, GuardGiveUp,
}

// off says that a guard is taken away.
func (g Group) off(guard Guard) bool { return slices.Contains(g.Off, guard) }
