// Package coalesce answers many callers by few calls. It knows nothing of what is asked.
package coalesce

import (
	"context"
	"sync"
	"time"
)

// Answer is what one caller gets.
type Answer[A any] struct {
	Value A
	Err   error
}

// Gather makes one call of what several callers ask within a few milliseconds. Its fields are set before it is first used.
type Gather[Q, A any] struct {
	// Window is how long the first caller waits for others.
	Window time.Duration
	// Alone has no two calls under way at the same time: whoever asks meanwhile waits for the next one, which then is for many.
	Alone bool
	// Rounds, unless nil, says when calls are made, in place of Window and Alone.
	Rounds *Rounds
	// Do answers questions, each at its place. Its context ends when no caller waits any more; a caller's own deadline is the caller's.
	Do func(ctx context.Context, asked []Q) []Answer[A]

	mu   sync.Mutex
	next *batch[Q, A]
	// busy says that a call is under way, with Alone. due are the batches that are called when it ends.
	busy bool
	due  []*batch[Q, A]
}

// batch is one call and those who wait for it.
type batch[Q, A any] struct {
	ctx     context.Context
	cancel  context.CancelFunc
	asked   []Q
	waiting int
	done    chan struct{}
	answers []Answer[A]
}

// Ask answers one question. When ctx ends, the error is ctx's, and the call goes on for the other callers.
func (g *Gather[Q, A]) Ask(ctx context.Context, question Q) (A, error) {
	answer := g.AskAll(ctx, []Q{question})[0]
	return answer.Value, answer.Err
}

// AskAll is Ask for several questions of one caller, in their order. None is asked without questions.
func (g *Gather[Q, A]) AskAll(ctx context.Context, questions []Q) []Answer[A] {
	if len(questions) == 0 {
		return nil
	}
	g.mu.Lock()
	b, begun := g.next, false
	if b == nil {
		b, begun = &batch[Q, A]{done: make(chan struct{})}, true
		// The call is that of all who wait for it, and none of them alone ends it.
		b.ctx, b.cancel = context.WithCancel(context.WithoutCancel(ctx))
		g.next = b
	}
	place := len(b.asked)
	b.asked = append(b.asked, questions...)
	b.waiting++
	switch {
	case g.Rounds != nil && begun:
		g.Rounds.join(len(questions), &call{
			do: func() {
				g.mu.Lock()
				g.take(b)
				g.mu.Unlock()
				g.do(b)
			},
			release: func() { close(b.done) },
		})
	case g.Rounds != nil:
		g.Rounds.join(len(questions), nil)
	case begun:
		time.AfterFunc(g.Window, func() { g.call(b) })
	}
	g.mu.Unlock()
	select {
	case <-b.done:
		return b.answers[place : place+len(questions)]
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if b.waiting--; b.waiting == 0 {
		if g.next == b {
			g.next = nil // Whoever comes now shall not get the answer of a call that is given up.
		}
		b.cancel()
	}
	late := make([]Answer[A], len(questions))
	for i := range late {
		late[i].Err = ctx.Err()
	}
	return late
}

// call makes the call of a batch, now or when the one that is under way has ended. Until it is made, others may join it.
func (g *Gather[Q, A]) call(b *batch[Q, A]) {
	g.mu.Lock()
	if g.Alone && g.busy {
		g.due = append(g.due, b)
		g.mu.Unlock()
		return
	}
	for b != nil {
		g.busy = true
		g.take(b)
		g.mu.Unlock()
		g.do(b)
		close(b.done)
		g.mu.Lock()
		b = nil
		if g.busy = false; len(g.due) > 0 {
			b, g.due = g.due[0], g.due[1:]
		}
	}
	g.mu.Unlock()
}

// take has nobody join a batch any more. The lock is held.
func (g *Gather[Q, A]) take(b *batch[Q, A]) {
	if g.next == b {
		g.next = nil
	}
}

// do makes the call of a batch, once nobody joins it any more.
func (g *Gather[Q, A]) do(b *batch[Q, A]) {
	b.answers = g.Do(b.ctx, b.asked)
	b.cancel()
}
