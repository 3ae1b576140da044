package throttle

import (
	"fmt"
	"slices"
	"time"

	"github.com/docker/go-units"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
)

// patience is how long copying may stand still before it counts as stalled, and stallBytes what a limit must have had the time to let
// through by then: Kafka sends up to 10 MB at once, and then nothing until the limit has made up for it.
const (
	patience   = 30 * time.Second
	stallBytes = 20_000_000
)

// Replica is one replica of a partition.
type Replica struct {
	plan.TopicPartition
	Broker int32
}

// Tracker follows the replicas that one run has asked to be copied, or has found on their way. Its zero value works.
type Tracker struct {
	open map[Replica]int64 // bytes on the receiver when it was last seen
	// asked and moved count partitions.
	asked, moved map[plan.TopicPartition]bool
	bytesMoved   int64
	// copied only grows: all that has arrived so far.
	copied int64
	marks  []mark

	// left is what is missing now, least the lowest that it has been since the last move was added or ended, and progressAt when it was
	// last lower than ever.
	left, least int64
	progressAt  time.Time
}

// mark is how much had been copied at a moment.
type mark struct {
	at     time.Time
	copied int64
}

// Ask takes note of replicas that are about to be copied.
func (t *Tracker) Ask(replicas ...Replica) {
	if t.open == nil {
		t.open, t.asked, t.moved = map[Replica]int64{}, map[plan.TopicPartition]bool{}, map[plan.TopicPartition]bool{}
	}
	for _, r := range replicas {
		if _, known := t.open[r]; !known {
			t.open[r] = 0
			t.asked[r.TopicPartition] = true
			delete(t.moved, r.TopicPartition)
			t.progressAt = time.Time{}
		}
	}
}

// Open are the replicas whose sizes Observe needs.
func (t *Tracker) Open() map[Replica]int64 { return t.open }

// Follows says that a partition is among those that the run has asked for, or found.
func (t *Tracker) Follows(tp plan.TopicPartition) bool { return t.asked[tp] }

// Observe takes the partitions and the sizes of the open replicas on their receivers as they are now.
func (t *Tracker) Observe(partitions []plan.Partition, held map[Replica]int64, now time.Time) {
	if len(t.open) == 0 {
		t.left, t.marks, t.progressAt = 0, nil, time.Time{}
		return
	}
	byName := map[plan.TopicPartition]plan.Partition{}
	for _, p := range partitions {
		if t.asked[p.TopicPartition] {
			byName[p.TopicPartition] = p
		}
	}
	t.left = 0
	still := map[plan.TopicPartition]bool{}
	for r, before := range t.open {
		p, exists := byName[r.TopicPartition]
		bytes, answered := held[r]
		switch {
		case !exists: // The topic was deleted.
			delete(t.open, r)
			t.progressAt = time.Time{}
			continue
		case slices.Contains(p.ISR, r.Broker) && !slices.Contains(p.Adding, r.Broker):
			// In sync it has all that its leader has. What was read of its own disks may be of a moment before.
			bytes = max(bytes, p.Bytes)
			t.copied += max(bytes-before, 0)
			t.bytesMoved += bytes
			delete(t.open, r)
			t.progressAt = time.Time{}
			continue
		}
		if !answered {
			bytes = before
		}
		t.copied += max(bytes-before, 0)
		t.open[r] = bytes
		t.left += max(p.Bytes-bytes, 0)
		still[r.TopicPartition] = true
	}
	for tp := range t.asked {
		if !still[tp] {
			t.moved[tp] = true
		}
	}
	t.marks = append(t.marks, mark{now, t.copied})
	for len(t.marks) > 2 && now.Sub(t.marks[1].at) >= window {
		t.marks = t.marks[1:]
	}
	if t.progressAt.IsZero() || t.left < t.least {
		t.least, t.progressAt = t.left, now
	}
}

// Stalled says that the copying has not come nearer to its end for so long that a limit of so many bytes per second should have
// let it.
func (t *Tracker) Stalled(limit int64, now time.Time) bool {
	if len(t.open) == 0 || t.left == 0 || t.progressAt.IsZero() || limit <= 0 {
		return false
	}
	needed := time.Duration(float64(stallBytes) / float64(limit) * float64(time.Second))
	return now.Sub(t.progressAt) >= max(patience, needed)
}

// Raised takes note that the limit was raised, which gets the same time to show as the first one had.
func (t *Tracker) Raised() { t.progressAt = time.Time{} }

// Progress is how far the copying is.
type Progress struct {
	// Partitions of Of are moved.
	Partitions, Of int
	// BytesMoved is the size of the replicas that are complete, BytesLeft what is missing on the others.
	BytesMoved, BytesLeft int64
	// BytesPerSecond is what arrives, over the last few seconds.
	BytesPerSecond int64
	// ETA is how long the rest takes at that rate, 0 while there is none.
	ETA time.Duration
}

// Progress says how far it is.
func (t *Tracker) Progress() Progress {
	p := Progress{Partitions: len(t.moved), Of: len(t.asked), BytesMoved: t.bytesMoved, BytesLeft: t.left}
	if n := len(t.marks); n > 1 {
		first, last := t.marks[0], t.marks[n-1]
		if seconds := last.at.Sub(first.at).Seconds(); seconds > 0 {
			p.BytesPerSecond = int64(float64(last.copied-first.copied) / seconds)
		}
	}
	if p.BytesPerSecond > 0 {
		p.ETA = time.Duration(float64(p.BytesLeft) / float64(p.BytesPerSecond) * float64(time.Second)).Round(time.Second)
	}
	return p
}

// String is "12 of 40 partitions moved, 3.1GiB left", "" when none was to be moved.
func (p Progress) String() string {
	if p.Of == 0 {
		return ""
	}
	noun := "partitions"
	if p.Of == 1 {
		noun = "partition"
	}
	return fmt.Sprintf("%d of %d %s moved, %s left", p.Partitions, p.Of, noun, units.BytesSize(float64(p.BytesLeft)))
}
