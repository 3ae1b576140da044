package placement

import (
	"fmt"

	"github.com/docker/go-units"
)

// Constraint names a hard rule that stood in a move's way.
type Constraint string

// The hard rules.
const (
	// ConstraintBrokers: every broker that could take the replica has one of the partition already.
	ConstraintBrokers Constraint = "brokers"
	// ConstraintGroup: the partition's group has no broker that takes replicas.
	ConstraintGroup Constraint = "group"
	// ConstraintZones: a free broker exists, but only in zones that have a replica already, while there are zones enough.
	ConstraintZones Constraint = "zones"
	// ConstraintHeadroom: the brokers that could take it have too little room left on their disks.
	ConstraintHeadroom Constraint = "headroom"
	// ConstraintSource: no replica is in sync, or all are on dead brokers, so there is nothing to copy from.
	ConstraintSource Constraint = "source"
)

// Left is a replica that an operation should have placed and could not.
type Left struct {
	Topic     string
	Partition int32
	// Broker is where the replica is now, -1 for one that does not exist yet.
	Broker     int32
	Constraint Constraint
	// Short is by how much the constraint fails: for headroom the bytes that are missing on the roomiest broker, else the number of
	// brokers, zones or live replicas that are missing.
	Short int64
	// Group is the partition's group, "" when it has none.
	Group string
}

// String says in one sentence which replica it is, which constraint fails and by how much.
func (l Left) String() string {
	subject := fmt.Sprintf("the replica of %s-%d on broker %d", l.Topic, l.Partition, l.Broker)
	if l.Broker < 0 {
		subject = fmt.Sprintf("a new replica of %s-%d", l.Topic, l.Partition)
	}
	of := ""
	if l.Group != "" {
		of = fmt.Sprintf(" of group %q", l.Group)
	}
	switch l.Constraint {
	case ConstraintGroup:
		return fmt.Sprintf("%s has no place: no broker%s takes replicas, %d more needed", subject, of, l.Short)
	case ConstraintZones:
		return fmt.Sprintf("%s has no place: the free brokers%s that take replicas are in zones that have one already, and another zone has no free broker, %d more needed there", subject, of, l.Short)
	case ConstraintHeadroom:
		return fmt.Sprintf("%s has no place: the roomiest broker%s that may take it is %s short of headroom", subject, of, units.BytesSize(float64(l.Short)))
	case ConstraintSource:
		return fmt.Sprintf("%s cannot be copied: no live replica of the partition is in sync, %d needed", subject, l.Short)
	default:
		return fmt.Sprintf("%s has no place: each broker%s that takes replicas has one already, %d more needed", subject, of, l.Short)
	}
}
