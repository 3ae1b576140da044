package sim

import (
	"container/heap"
	"time"
)

// tick is how finely the copying of replicas is cut.
const tick = 500 * time.Millisecond

// epoch is where the world's clock begins.
var epoch = time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)

// event is something that is going to happen.
type event struct {
	at  time.Duration
	seq int
	do  func()
}

// queue is a heap of events, by time, those of one moment in the order in which they were made.
type queue []event

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push and Pop are container/heap's.
func (q *queue) Push(x any) { *q = append(*q, x.(event)) } //nolint:forcetypeassert // Nothing else is pushed.
func (q *queue) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}

// after lets something happen in a while.
func (w *World) after(d time.Duration, do func()) {
	w.seq++
	heap.Push(&w.queue, event{w.now + d, w.seq, do})
}

// pass lets time pass until a moment, which what happens meanwhile may bring nearer.
func (w *World) pass(until *time.Duration) {
	for w.now < *until {
		next := *until
		if len(w.queue) > 0 {
			next = min(next, w.queue[0].at)
		}
		if len(w.lagging) > 0 {
			next = min(next, w.now+tick)
		}
		next = max(next, w.now)
		passed := next - w.now
		w.now = next
		if len(w.lagging) > 0 {
			w.copy(passed)
		}
		for len(w.queue) > 0 && w.queue[0].at <= w.now {
			heap.Pop(&w.queue).(event).do() //nolint:forcetypeassert // See Push.
		}
	}
}

// time is the clock as the engine reads it.
func (w *World) time() time.Time { return epoch.Add(w.now) }

// between draws a duration.
func (w *World) between(least, most time.Duration) time.Duration {
	return least + time.Duration(w.rng.Int64N(int64(most-least)+1))
}
