package coalesce

import (
	"sync"
	"time"
)

const (
	// remembered is of how many rounds the size is kept.
	remembered = 4
	// togetherWithin is how long who has its answer waits at most for the others of its round.
	togetherWithin = 250 * time.Millisecond
)

// call is one call of a round: do makes it, and release lets those go who wait for it.
type call struct{ do, release func() }

// Rounds makes the calls of several Gathers at the same time, and no other one of theirs until all of them have ended: those who change something
// together are then let go together, come together with what they change next, and that again is few calls. A round begins when as many wait as
// lately did at most, or when the first of them has waited for Window. Window is set before it is first used.
//
// A call must not ask a Gather of the same Rounds: it would wait for itself.
type Rounds struct {
	Window time.Duration

	mu sync.Mutex
	// waiting is how many questions wait for the next round, and calls are its calls.
	waiting int
	calls   []*call
	busy    bool
	timer   *time.Timer
	// sizes are for how many the last rounds were.
	sizes [remembered]int
	count int
}

// join has some more questions wait for the next round. another, unless nil, is another call of it.
func (r *Rounds) join(questions int, another *call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting += questions
	if another != nil {
		r.calls = append(r.calls, another)
	}
	r.beginOrWait()
}

// beginOrWait begins a round if it is time, or has it begun later. The lock is held.
func (r *Rounds) beginOrWait() {
	most := 0
	for _, size := range r.sizes {
		most = max(most, size)
	}
	switch {
	case r.busy || r.waiting == 0:
	case most > 0 && r.waiting >= most:
		r.begin()
	case r.timer == nil:
		r.timer = time.AfterFunc(r.Window, func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.timer = nil; !r.busy {
				r.begin()
			}
		})
	}
}

// begin makes the calls of a round. The lock is held.
func (r *Rounds) begin() {
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
	calls := r.calls
	r.sizes[r.count%remembered] = r.waiting
	r.count++
	r.calls, r.waiting, r.busy = nil, 0, true
	go func() {
		ended := make(chan struct{})
		var all sync.WaitGroup
		all.Add(len(calls))
		for _, c := range calls {
			go func() {
				c.do()
				all.Done()
				select {
				case <-ended:
				case <-time.After(togetherWithin):
				}
				c.release()
			}()
		}
		all.Wait()
		close(ended)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.busy = false
		r.beginOrWait()
	}()
}
