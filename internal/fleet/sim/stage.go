package sim

import (
	"slices"
	"time"
)

// stage gives one provider after the other its turn: the one that wakes next. Only the one whose turn it is runs at all, so what happens
// does not depend on the machine that this runs on.
type stage struct {
	w       *World
	running []*Provider
	done    chan struct{}
}

// wait lets time pass for a provider, and the others have theirs.
func (p *Provider) wait(d time.Duration) {
	p.wake = p.w.now + d
	p.stage.next(p)
}

// next hands over to whoever wakes first, and returns when that is the caller.
func (s *stage) next(from *Provider) {
	first := from
	for _, other := range s.running {
		if first == nil || other.wake < first.wake {
			first = other
		}
	}
	switch {
	case first == nil:
		close(s.done)
		return
	case from == nil:
		first.turn <- struct{}{}
		return
	case first != from:
		first.turn <- struct{}{}
		<-from.turn
	}
	s.w.pass(&from.wake)
}

// run lets providers do what they do until the last one has ended.
func (s *stage) run(jobs map[*Provider]func()) {
	s.done = make(chan struct{})
	for _, p := range s.running {
		go func() {
			<-p.turn
			s.w.pass(&p.wake)
			jobs[p]()
			s.running = slices.DeleteFunc(s.running, func(other *Provider) bool { return other == p })
			s.next(nil)
		}()
	}
	s.next(nil)
	<-s.done
}
