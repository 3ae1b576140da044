// Package lag says whether a consumer group keeps up, from a window of looks at its offsets instead of a threshold: a lag of a million that shrinks
// is well, and a lag of ten that nobody works off is not.
//
// The rules are those of LinkedIn's Burrow (its wiki's page "Consumer Lag Evaluation Rules"; evaluatePartitionStatus in
// core/internal/evaluator/caching.go as of 2024), of which these are the differences. Burrow reads the topic __consumer_offsets and sees each commit
// with the time at which it was made. Whoever asks Kafka for a group's offsets sees what is committed at that moment, and neither when it was
// committed nor whether the same offset was committed again. So here
//
//   - a commit is a change of the committed offset, and its time is that of the look that first found it: at most one interval between two looks too
//     late. What the first look finds counts as committed then, though it may be older;
//   - an offset that does not move at all may mean a consumer that commits the same offset over and over, which Burrow calls STALL, or one that does
//     not commit, which it calls STOP. What tells them apart here is whether a member of the group has the partition;
//   - Burrow compares lags from commit to commit. Between two commits a lag grows however fast the consumer is, so here, too, only those lags are
//     compared that were found together with a commit, and there have to be some of them;
//   - Burrow keeps ten commits, however long they take. Here the window is a span of time, and has to be at least twice as long as the consumer waits
//     between commits, or a consumer that is well is taken for one that stands still.
package lag

import "time"

// Status of a partition or a group, in Burrow's words.
type Status string

// What a status may be.
const (
	// Unknown is the status of a partition without a committed offset: of its lag nothing can be said. Burrow does not know of such partitions.
	Unknown Status = ""
	// NotFound is the status of a group that does not exist.
	NotFound Status = "NOTFOUND"
	// OK: the consumer keeps up, or catches up.
	OK Status = "OK"
	// Warn: the consumer works, and its lag has not decreased from any commit to the next.
	Warn Status = "WARN"
	// Err is the status of a group that has a partition with one of the statuses below.
	Err Status = "ERR"
	// Stop: there is lag, and nobody commits any more.
	Stop Status = "STOP"
	// Stall: there is lag, a member has the partition, and the committed offset does not move.
	Stall Status = "STALL"
	// Rewind: the committed offset went back while there was lag.
	Rewind Status = "REWIND"
)

// NoCommit is the committed offset where there is none.
const NoCommit = -1

// leastCommits is how many commits have to be seen before it is said that the lag does not decrease. The lag of a consumer that keeps up goes up and
// down by chance: of two lags the second is the greater one half of the time, of four they are in order once in 24.
const leastCommits = 4

// Sample is one look at a partition.
type Sample struct {
	// At is when the committed offset was read.
	At time.Time
	// Committed is the offset of the next record to consume, NoCommit for none.
	Committed int64
	// End is the offset of the next record to be written, read after Committed.
	End int64
}

// Lag is how many offsets the consumer is behind, 0 without a commit. A commit beyond the end, as after a topic was made anew, is no lag.
func (s Sample) Lag() int64 {
	if s.Committed < 0 {
		return 0
	}
	return max(0, s.End-s.Committed)
}

// Settled says that no further look can change the status: the partition had no lag once, so that it is OK.
func Settled(samples []Sample) bool {
	for _, s := range samples {
		if s.Committed >= 0 && s.Lag() == 0 {
			return true
		}
	}
	return false
}

// Partition evaluates the looks at a partition, the oldest first. Owned says that a member of the group has the partition.
func Partition(samples []Sample, owned bool) Status {
	if len(samples) == 0 || samples[len(samples)-1].Committed < 0 {
		return Unknown
	}
	var committed []Sample
	for _, s := range samples {
		if s.Committed >= 0 {
			committed = append(committed, s)
		}
	}
	if Settled(committed) || len(committed) == 1 {
		return OK
	}
	first, last := committed[0], committed[len(committed)-1]
	var commits []Sample
	for i, s := range committed[1:] {
		before := committed[i]
		if s.Committed < before.Committed {
			return Rewind
		}
		if s.Committed > before.Committed {
			commits = append(commits, s)
		}
	}
	if len(commits) == 0 {
		if owned {
			return Stall
		}
		return Stop
	}
	latest := commits[len(commits)-1]
	if last.At.Sub(latest.At) > latest.At.Sub(first.At) {
		return Stop
	}
	if len(commits) >= leastCommits && !decreases(commits) {
		return Warn
	}
	return OK
}

// decreases says whether a lag is smaller than the one before.
func decreases(samples []Sample) bool {
	for i := range len(samples) - 1 {
		if samples[i+1].Lag() < samples[i].Lag() {
			return true
		}
	}
	return false
}

// Group is the status of a group whose partitions have these: the worst, where Stop, Stall and Rewind are Err.
func Group(partitions []Status) Status {
	worst := OK
	for _, s := range partitions {
		switch s {
		case Stop, Stall, Rewind, Err:
			return Err
		case Warn:
			worst = Warn
		}
	}
	return worst
}
