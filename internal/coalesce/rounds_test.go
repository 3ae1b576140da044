package coalesce

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// told are calls by when they began, since the start of a test.
type told struct {
	mu    sync.Mutex
	start time.Time
	calls []string
}

// gather is a Gather of some rounds whose calls take a second.
func (c *told) gather(name string, rounds *Rounds) *Gather[int, int] {
	return &Gather[int, int]{Rounds: rounds, Do: func(_ context.Context, asked []int) []Answer[int] {
		c.mu.Lock()
		c.calls = append(c.calls, fmt.Sprintf("%s %s: %d", time.Since(c.start), name, len(asked)))
		c.mu.Unlock()
		time.Sleep(time.Second)
		return make([]Answer[int], len(asked))
	}}
}

// twoKinds are two Gathers of the same rounds.
func twoKinds() (c *told, topics, acls *Gather[int, int]) {
	c = &told{start: time.Now()}
	rounds := &Rounds{Window: window}
	return c, c.gather("topics", rounds), c.gather("acls", rounds)
}

func (c *told) expect(t *testing.T, want ...string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if slices.Sort(c.calls); !slices.Equal(c.calls, want) {
		t.Errorf("calls %q, want %q", c.calls, want)
	}
}

func TestCallsOfAllKindsAreOneRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, topics, acls := twoKinds()
		var group sync.WaitGroup
		ask := func(g *Gather[int, int], after time.Duration) {
			group.Go(func() {
				time.Sleep(after)
				_, err := g.Ask(t.Context(), 1)
				if err != nil {
					t.Error(err)
				}
			})
		}
		ask(topics, 0)
		ask(topics, time.Millisecond)
		ask(acls, 2*time.Millisecond)
		ask(acls, 100*time.Millisecond) // The round is under way, and nothing of it is.
		group.Wait()
		// The one that is left is fewer than the last round was for, and waits for others.
		c.expect(t, "1.01s acls: 1", "5ms acls: 1", "5ms topics: 2")
	})
}

func TestARoundBeginsWhenAsManyWaitAsLately(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, g, _ := twoKinds()
		ask := func(n int) {
			_, _ = together(numbers(n), func(q int) (int, error) { return g.Ask(t.Context(), q) })
		}
		ask(3)
		ask(3)
		ask(2)
		for range remembered {
			ask(1)
		}
		ask(1)
		c.expect(t, "1.005s topics: 3", "2.01s topics: 2", "3.015s topics: 1", "4.02s topics: 1", "5.025s topics: 1", "5ms topics: 3", "6.03s topics: 1", "7.03s topics: 1")
	})
}

// TestQuestionsOfOneCallerCountInARoundAsThoseOfMany: the next round waits for as many.
func TestQuestionsOfOneCallerCountInARoundAsThoseOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, g, _ := twoKinds()
		g.AskAll(t.Context(), numbers(3))
		g.AskAll(t.Context(), numbers(3))
		g.AskAll(t.Context(), numbers(2))
		c.expect(t, "1.005s topics: 3", "2.01s topics: 2", "5ms topics: 3")
	})
}

// TestARoundOfNobodyEnds: a caller that has gone away leaves a call that is of no use, and the next round comes.
func TestARoundOfNobodyEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, g, _ := twoKinds()
		hasty, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := g.Ask(hasty, 1); err == nil {
			t.Error("a caller whose time was over got an answer")
		}
		if _, err := g.Ask(t.Context(), 2); err != nil {
			t.Error(err)
		}
		c.expect(t, "5ms topics: 1", "5ms topics: 1")
	})
}

func TestNoRoundBeginsDuringAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, topics, acls := twoKinds()
		var group sync.WaitGroup
		group.Go(func() { _, _ = topics.Ask(t.Context(), 1) })
		group.Go(func() {
			time.Sleep(2 * window)
			_, _ = acls.Ask(t.Context(), 1)
		})
		group.Wait()
		c.expect(t, "1.005s acls: 1", "5ms topics: 1")
	})
}

// TestThoseOfARoundAreLetGoTogether, so that what they ask next is one call, but not for the sake of one that takes long.
func TestThoseOfARoundAreLetGoTogether(t *testing.T) {
	for name, c := range map[string]struct{ slow, quick, want time.Duration }{
		"a little later": {slow: 200 * time.Millisecond, quick: 20 * time.Millisecond, want: 200 * time.Millisecond},
		"much later":     {slow: time.Minute, quick: 20 * time.Millisecond, want: 20*time.Millisecond + togetherWithin},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rounds, start := &Rounds{Window: window}, time.Now()
				taking := func(took time.Duration) *Gather[int, int] {
					return &Gather[int, int]{Rounds: rounds, Do: func(_ context.Context, asked []int) []Answer[int] {
						time.Sleep(took)
						return make([]Answer[int], len(asked))
					}}
				}
				var group sync.WaitGroup
				slow, quick := taking(c.slow), taking(c.quick)
				group.Go(func() { _, _ = slow.Ask(t.Context(), 1) })
				group.Go(func() {
					_, err := quick.Ask(t.Context(), 1)
					if got := time.Since(start) - window; got != c.want || err != nil {
						t.Errorf("let go after %s (%v), want %s", got, err, c.want)
					}
				})
				group.Wait()
			})
		})
	}
}
