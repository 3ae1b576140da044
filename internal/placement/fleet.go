// Package placement decides which replica lives on which broker. It is pure: data in, data out, and the same answer for the same
// question, in whatever order its parts are given.
//
// What matters, in this order. Hard rules that no move may break: one replica of a partition in a zone while there are zones enough, and
// an even spread over the zones beyond that; only brokers of the partition's group; no broker filled beyond its headroom at any moment of
// the moves; as many replicas as before. Then the fewest bytes moved. Then, among plans of equal bytes, the best balance of bytes,
// replicas, leaders and leader bytes. A replica that need not move is never moved, and what cannot be placed is said, with the rule that
// stands in the way and by how much.
package placement

// State says what a broker may still be used for.
type State uint8

// The states of a broker.
const (
	// Live brokers keep what they have and may get more.
	Live State = iota
	// Cordoned brokers keep what they have and get nothing new. A zone that has no live broker counts for no even spread.
	Cordoned
	// Retiring brokers keep what they have for now and get nothing new. They will give it up, so no spread over zones counts on them.
	Retiring
	// Leaving brokers give up everything; they still serve as sources.
	Leaving
	// Dead brokers serve nothing: what they held is copied from the other replicas.
	Dead
)

// Broker is one broker of a fleet. A broker that partitions name and the fleet does not is a stranger: it keeps what it has and gets
// nothing.
type Broker struct {
	ID int32
	// Zone is its rack; "" when nobody knows it any more, which only happens to dead brokers, and then it is inferred.
	Zone string
	// Group is the broker group that it belongs to.
	Group string
	// Capacity is the size of all its disks in bytes; 0 when unknown, and then its disks limit nothing.
	Capacity int64
	State    State
}

// Partition is one partition and where its replicas are (or will be, when a move is in flight).
type Partition struct {
	Topic     string
	Partition int32
	// Replicas in order, the preferred leader first.
	Replicas []int32
	// Leader is the broker that leads now, -1 for none.
	Leader int32
	// InSync are the replicas that have everything; nil when nobody asked, and then all count as in sync.
	InSync []int32
	// Bytes is the size of one replica; a follower that is catching up counts as its leader's size.
	Bytes int64
	// Group is the broker group that the partition's topic lives on. Brokers of other groups get no replica of it. "" allows all.
	Group string
}

// DefaultHeadroom is the share of a broker's disks that may be filled.
const DefaultHeadroom = 0.8

// Policy is what every operation keeps to.
type Policy struct {
	// Headroom is the share of a broker's disks that may be used, at every moment of a move; 0 means DefaultHeadroom. A broker that is
	// beyond it already gets nothing more.
	Headroom float64
}

// Fleet is what an operation is asked about. No operation changes it.
type Fleet struct {
	Brokers    []Broker
	Partitions []Partition
	Policy     Policy
}

// Plan is what an operation would do.
type Plan struct {
	// Moves by descending bytes moved, reorderings last; ties by topic and partition.
	Moves []Move
	// Left are the replicas that no allowed broker can take. Everything else is in Moves.
	Left []Left
	// Before and After describe the brokers without and with the moves.
	Before, After Figures
	// BytesMoved is the size of all replicas that Moves copy. LowerBound is what any plan for the same operation has to copy at least, the
	// replicas in Left included where bytes are wanting for them.
	BytesMoved, LowerBound int64
}
