package sim

// Invariant is the name of a promise (docs/guides/replacement-and-safety.md).
type Invariant string

// The promises.
const (
	// Records: no acknowledged record is lost.
	Records Invariant = "no acknowledged record is lost"
	// Holders: a node that holds a replica is not stopped, terminated or unregistered, unless it is dead already.
	Holders Invariant = "no node that holds a replica is taken away"
	// MinISR: the provider takes no partition below min.insync.replicas.
	MinISR Invariant = "no partition is taken below min ISR"
	// OneAtATime: no healthy broker is touched while another replica of the cluster is out of sync.
	OneAtATime Invariant = "one at a time"
	// Majority: the caught-up voters are a majority at every moment, and a controller that votes is not stopped.
	Majority Invariant = "the quorum keeps its majority"
	// Fenced: only a fenced broker is unregistered.
	Fenced Invariant = "fenced before it is unregistered"
	// IDs: no node id is used twice.
	IDs Invariant = "node ids are never reused"
	// Throttled: moves are throttled, and no throttle is left at the end.
	Throttled Invariant = "throttles are set on moves and gone after"
	// Orphans: at the end there is exactly what was asked for: no machine, voter, registration or cordon too many.
	Orphans Invariant = "nothing is left over"
	// Zones: at the end zones are even, and no two replicas of a partition share one while there are enough.
	Zones Invariant = "zones are balanced"
	// Once: a roll without faults copies each replica once.
	Once Invariant = "each byte is moved once"
	// Surge: no more than max_surge nodes beyond the wanted number.
	Surge Invariant = "no more than max_surge"
	// Canary: the first node of a new spec comes alone.
	Canary Invariant = "the canary comes alone"
	// OneWriter: only the holder of the lease has effects.
	OneWriter Invariant = "one writer"
	// Receivers: replicas are put on brokers that serve and stay.
	Receivers Invariant = "receivers serve"
	// Patience: a node that may come back is waited for.
	Patience Invariant = "what may come back is waited for"
	// Mass: more than a few losses are not repaired without being asked.
	Mass Invariant = "a mass failure is not repaired unasked"
	// Available: without faults every partition takes writes all the time.
	Available Invariant = "every partition takes writes"
	// Trust: whoever connects to another one is believed, also while one authority follows the other.
	Trust Invariant = "nodes believe each other"
	// Liveness: the desired state is reached.
	Liveness Invariant = "the desired state is reached"
)
