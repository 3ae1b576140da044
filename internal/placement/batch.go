package placement

import (
	"cmp"
	"slices"
)

// Limits bound what is in flight at once. Zero means no limit.
type Limits struct {
	// Partitions is how many moves may be in flight in all.
	Partitions int
	// MovesPerBroker is how many moves may copy into one broker, and how many out of it.
	MovesPerBroker int
	// BytesPerBroker is how many bytes moves in flight may copy into one broker, and how many out of it. A larger move may go when nothing
	// else is in flight there in its direction.
	BytesPerBroker int64
	// Zones are the brokers' zones. With them a replica that a cut keeps takes the place of the new one in its zone; without, that of the
	// new one in its position, which is another one's zone when the list was reordered for its leader.
	Zones map[int32]string
}

// Batch returns which of the moves may start now, in the order in which they should. inFlight are the moves under way; their partitions
// are passed over.
//
// Data flows from the partition's leader to the added brokers. Of all moves those come first that have to pass where the most bytes are
// still to go, in or out of one broker, so that no broker is busy when all others are done; of these the biggest. MovesPerBroker and
// BytesPerBroker leave room for the others.
//
// A move that would exchange every replica of a partition at once is cut: one old replica that is in sync stays, the leader where it can, in
// place of a new one of its zone. What it leaves out is for a later round.
func Batch(moves, inFlight []Move, limits Limits) []Move {
	flying, pending := map[pipe]flight{}, map[pipe]int64{} // pending are the bytes of the moves that wait
	var waiting []candidate
	busy := map[string]map[int32]bool{}
	for _, m := range inFlight {
		if busy[m.Partition.Topic] == nil {
			busy[m.Partition.Topic] = map[int32]bool{}
		}
		busy[m.Partition.Topic][m.Partition.Partition] = true
		fly(flying, pipes(m), m.Partition.Bytes)
	}
	for _, m := range moves {
		if busy[m.Partition.Topic][m.Partition.Partition] {
			continue
		}
		c := candidate{move: cut(m, limits.Zones)}
		c.bytes, c.pipes = c.move.Bytes(), pipes(c.move)
		for _, p := range c.pipes {
			pending[p] += m.Partition.Bytes
		}
		waiting = append(waiting, c)
	}
	for i := range waiting {
		for _, p := range waiting[i].pipes {
			waiting[i].ahead = max(waiting[i].ahead, pending[p])
		}
	}
	slices.SortFunc(waiting, func(x, y candidate) int {
		return cmp.Or(
			cmp.Compare(y.ahead, x.ahead), cmp.Compare(y.bytes, x.bytes),
			cmp.Compare(x.move.Partition.Topic, y.move.Partition.Topic), cmp.Compare(x.move.Partition.Partition, y.move.Partition.Partition),
		)
	})
	var batch []Move
	for _, c := range waiting {
		if limits.Partitions > 0 && len(inFlight)+len(batch) >= limits.Partitions {
			break
		}
		if limits.allow(c, flying) {
			fly(flying, c.pipes, c.move.Partition.Bytes)
			batch = append(batch, c.move)
		}
	}
	return batch
}

// cut leaves one old replica of a partition all of whose replicas would be exchanged.
func cut(m Move, zones map[int32]string) Move {
	old := m.Partition.Replicas
	if len(old) < 2 || slices.ContainsFunc(old, func(r int32) bool { return slices.Contains(m.To, r) }) {
		return m
	}
	inSync := func(r int32) bool { return m.Partition.InSync == nil || slices.Contains(m.Partition.InSync, r) }
	kept := slices.Index(old, m.Partition.Leader)
	if kept < 0 || !inSync(old[kept]) {
		kept = max(0, slices.IndexFunc(old, inSync))
	}
	m.To = slices.Clone(m.To)
	at := slices.IndexFunc(m.To, func(r int32) bool { return zones[r] != "" && zones[r] == zones[old[kept]] })
	if at < 0 {
		at = min(kept, len(m.To)-1)
	}
	m.To[at] = old[kept]
	return m
}

// pipe is one direction of one broker.
type pipe struct {
	broker int32
	out    bool
}

// pipes returns what a move passes through, once for every copy.
func pipes(m Move) []pipe {
	added := m.Added()
	if len(added) == 0 || len(m.Partition.Replicas) == 0 {
		return nil
	}
	source := m.Partition.Replicas[0]
	if slices.Contains(m.Partition.Replicas, m.Partition.Leader) {
		source = m.Partition.Leader
	}
	var out []pipe
	for _, r := range added {
		out = append(out, pipe{r, false}, pipe{source, true})
	}
	return out
}

// candidate is a move that waits. ahead is how many bytes are to go through the busiest pipe that it passes.
type candidate struct {
	move         Move
	pipes        []pipe
	bytes, ahead int64
}

// flight is what is in flight in a pipe.
type flight struct {
	moves int
	bytes int64
}

// fly notes that a move is in flight. It counts once in each pipe, with its bytes for every copy.
func fly(flying map[pipe]flight, pipes []pipe, bytes int64) {
	for i, p := range pipes {
		f := flying[p]
		if !slices.Contains(pipes[:i], p) {
			f.moves++
		}
		f.bytes += bytes
		flying[p] = f
	}
}

// allow says that the limits let the move start beside what is in flight.
func (l Limits) allow(c candidate, flying map[pipe]flight) bool {
	for _, p := range c.pipes {
		f := flying[p]
		if l.MovesPerBroker > 0 && f.moves >= l.MovesPerBroker {
			return false
		}
		var bytes int64
		for _, other := range c.pipes {
			if other == p {
				bytes += c.move.Partition.Bytes
			}
		}
		if l.BytesPerBroker > 0 && f.moves > 0 && f.bytes+bytes > l.BytesPerBroker {
			return false
		}
	}
	return true
}
