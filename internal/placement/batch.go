package placement

import (
	"cmp"
	"container/heap"
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
}

// Batch returns which of the moves may start now, in the order in which they should. inFlight are the moves under way; their partitions
// are passed over.
//
// Data flows from the partition's leader to the added brokers. Of all moves those come first that have to pass where the most bytes are
// still to go, in or out of one broker, so that no broker is busy when all others are done; of these the biggest.
//
// A move that would exchange every replica of a partition at once is cut: one old replica that is in sync stays, the leader where it can, in
// its position. What it leaves out is for a later round.
func Batch(moves, inFlight []Move, limits Limits) []Move {
	type name struct {
		topic     string
		partition int32
	}
	q := newQueue(moves, inFlight, limits)
	busy := map[name]bool{}
	for _, m := range inFlight {
		busy[name{m.Partition.Topic, m.Partition.Partition}] = true
		q.start(m.Partition.Bytes, q.pipes(nil, m))
	}
	for _, m := range moves {
		if len(busy) > 0 && busy[name{m.Partition.Topic, m.Partition.Partition}] {
			continue
		}
		q.moves = append(q.moves, cut(m))
	}
	q.rank()
	var batch []Move
	for len(q.waiting) > 0 && (limits.Partitions == 0 || q.started < limits.Partitions) {
		// What is ahead only shrinks as moves start, so a move that is still the first when its rank is found anew is the first of all.
		first := q.waiting[0]
		if now := q.most(first); now < q.ahead[first] {
			q.ahead[first] = now
			heap.Fix(q, 0)
			continue
		}
		heap.Pop(q)
		m := q.moves[first]
		if pipes := q.through(first); q.may(m.Partition.Bytes, pipes) {
			q.start(m.Partition.Bytes, pipes)
			for _, p := range pipes {
				q.pending[p] -= m.Partition.Bytes
			}
			batch = append(batch, m)
		}
	}
	return batch
}

// cut leaves one old replica of a partition all of whose replicas would be exchanged.
func cut(m Move) Move {
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
	m.To[min(kept, len(m.To)-1)] = old[kept]
	return m
}

// queue is the moves that wait, a heap with the one to start next on top. What they pass through are pipes: the two directions of each
// broker, as numbers.
type queue struct {
	limits Limits
	number numbers

	moves   []Move // the biggest first
	first   []int  // move m passes through the pipes all[first[m]:first[m+1]], one for each copy
	all     []int32
	ahead   []int64 // by move: the bytes that were to go through its busiest pipe when its rank was last found
	waiting []int32 // the heap, of numbers of moves

	pending []int64 // by pipe: the bytes of the moves that wait
	flying  []int64 // by pipe: bytes in flight
	flights []int   // by pipe: moves in flight
	started int
}

// newQueue numbers the brokers.
func newQueue(moves, inFlight []Move, limits Limits) *queue {
	highest := int32(0)
	each := func(do func(id int32)) {
		for _, list := range [][]Move{moves, inFlight} {
			for _, m := range list {
				for _, id := range m.Partition.Replicas {
					do(id)
				}
				for _, id := range m.To {
					do(id)
				}
			}
		}
	}
	each(func(id int32) { highest = max(highest, id) })
	q := &queue{limits: limits, number: newNumbers(highest)}
	n := int32(0)
	each(func(id int32) {
		if q.number.get(id) < 0 {
			q.number.set(id, n)
			n++
		}
	})
	q.pending, q.flying, q.flights = make([]int64, 2*n), make([]int64, 2*n), make([]int, 2*n)
	return q
}

// pipes appends what a move passes through.
func (q *queue) pipes(to []int32, m Move) []int32 {
	if len(m.Partition.Replicas) == 0 {
		return to
	}
	source := m.Partition.Replicas[0]
	if slices.Contains(m.Partition.Replicas, m.Partition.Leader) {
		source = m.Partition.Leader
	}
	for _, r := range m.To {
		if !slices.Contains(m.Partition.Replicas, r) {
			to = append(to, 2*q.number.get(r), 2*q.number.get(source)+1)
		}
	}
	return to
}

// rank orders the moves and makes the heap.
func (q *queue) rank() {
	type sized struct {
		bytes int64
		move  int32
	}
	moves := q.moves
	order := make([]sized, len(moves))
	for i, m := range moves {
		order[i] = sized{m.Bytes(), int32(i)}
	}
	slices.SortFunc(order, func(x, y sized) int {
		if x.bytes != y.bytes {
			return cmp.Compare(y.bytes, x.bytes)
		}
		p, r := &moves[x.move].Partition, &moves[y.move].Partition
		return cmp.Or(cmp.Compare(p.Topic, r.Topic), cmp.Compare(p.Partition, r.Partition), cmp.Compare(x.move, y.move))
	})
	q.moves = make([]Move, len(order))
	q.first = make([]int, len(order)+1)
	for i, o := range order {
		q.moves[i] = moves[o.move]
		q.all = q.pipes(q.all, q.moves[i])
		q.first[i+1] = len(q.all)
		for _, p := range q.through(int32(i)) {
			q.pending[p] += q.moves[i].Partition.Bytes
		}
	}
	q.ahead, q.waiting = make([]int64, len(order)), make([]int32, len(order))
	for i := range q.waiting {
		q.waiting[i] = int32(i)
		q.ahead[i] = q.most(int32(i))
	}
	heap.Init(q)
}

// through are the pipes of a move.
func (q *queue) through(move int32) []int32 { return q.all[q.first[move]:q.first[move+1]] }

// most is how many bytes are to go through the busiest pipe of a move.
func (q *queue) most(move int32) (most int64) {
	for _, p := range q.through(move) {
		most = max(most, q.pending[p])
	}
	return most
}

// start notes that a move is in flight. It counts once in each pipe, with its bytes for every copy.
func (q *queue) start(bytes int64, pipes []int32) {
	q.started++
	for i, p := range pipes {
		if !slices.Contains(pipes[:i], p) {
			q.flights[p]++
		}
		q.flying[p] += bytes
	}
}

// may says that the limits let a move start.
func (q *queue) may(bytes int64, pipes []int32) bool {
	for _, p := range pipes {
		if q.limits.MovesPerBroker > 0 && q.flights[p] >= q.limits.MovesPerBroker {
			return false
		}
		if q.limits.BytesPerBroker == 0 || q.flights[p] == 0 {
			continue
		}
		more := q.flying[p]
		for _, other := range pipes {
			if other == p {
				more += bytes
			}
		}
		if more > q.limits.BytesPerBroker {
			return false
		}
	}
	return true
}

// Len, Less, Swap, Push and Pop make the queue a heap.
func (q *queue) Len() int { return len(q.waiting) }

func (q *queue) Less(i, j int) bool {
	x, y := q.waiting[i], q.waiting[j]
	if q.ahead[x] != q.ahead[y] {
		return q.ahead[x] > q.ahead[y]
	}
	return x < y
}

func (q *queue) Swap(i, j int) { q.waiting[i], q.waiting[j] = q.waiting[j], q.waiting[i] }

func (q *queue) Push(x any) { q.waiting = append(q.waiting, x.(int32)) } //nolint:forcetypeassert // The heap has nothing else.

func (q *queue) Pop() any {
	last := q.waiting[len(q.waiting)-1]
	q.waiting = q.waiting[:len(q.waiting)-1]
	return last
}
