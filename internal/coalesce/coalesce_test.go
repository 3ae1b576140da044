package coalesce

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const window = 5 * time.Millisecond

// together asks all questions at the same time.
func together[Q, A any](questions []Q, ask func(Q) (A, error)) ([]A, []error) {
	answers, errs := make([]A, len(questions)), make([]error, len(questions))
	var group sync.WaitGroup
	for i, q := range questions {
		group.Go(func() { answers[i], errs[i] = ask(q) })
	}
	group.Wait()
	return answers, errs
}

func numbers(n int) []int {
	var all []int
	for i := range n {
		all = append(all, i)
	}
	return all
}

func TestQuestionsOfTheSameTimeAreOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		g := Gather[int, string]{Window: window, Do: func(_ context.Context, asked []int) []Answer[string] {
			calls.Add(1)
			out := make([]Answer[string], len(asked))
			for i, q := range asked {
				if out[i].Value = fmt.Sprint(q); q == 2 {
					out[i] = Answer[string]{Err: errors.New("two")}
				}
			}
			return out
		}}
		answers, errs := together(numbers(3), func(q int) (string, error) { return g.Ask(t.Context(), q) })
		if calls.Load() != 1 || answers[0] != "0" || answers[1] != "1" || errs[0] != nil || errs[2] == nil || errs[2].Error() != "two" {
			t.Errorf("%d calls, %q, %v", calls.Load(), answers, errs)
		}
	})
}

func TestAllQuestionsOfOneCallerAreInOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls [][]int
		g := Gather[int, int]{Window: window, Do: func(ctx context.Context, asked []int) []Answer[int] {
			calls = append(calls, asked)
			out := make([]Answer[int], len(asked))
			for i, q := range asked {
				out[i].Value = 10 * q
			}
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
			return out
		}}
		var other int
		var group sync.WaitGroup
		group.Go(func() { other, _ = g.Ask(t.Context(), 7) })
		synctest.Wait()
		answers := g.AskAll(t.Context(), []int{1, 2, 3})
		group.Wait()
		if want := []Answer[int]{{Value: 10}, {Value: 20}, {Value: 30}}; !slices.Equal(answers, want) || other != 70 || len(calls) != 1 {
			t.Errorf("the answers are %v and %d, after the calls %v", answers, other, calls)
		}
		if got := g.AskAll(t.Context(), nil); got != nil || len(calls) != 1 {
			t.Errorf("no question was answered by %v, after the calls %v", got, calls)
		}
		late, cancel := context.WithTimeout(t.Context(), window+time.Millisecond)
		defer cancel()
		for _, answer := range g.AskAll(late, []int{1, 2}) {
			if !errors.Is(answer.Err, context.DeadlineExceeded) {
				t.Errorf("whose time is over got %v", answer)
			}
		}
		synctest.Wait()
	})
}

func TestOneCallersEndIsNotTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended error
		g := Gather[int, int]{Window: window, Do: func(ctx context.Context, asked []int) []Answer[int] {
			select {
			case <-time.After(time.Minute):
			case <-ctx.Done():
				ended = ctx.Err()
			}
			return make([]Answer[int], len(asked))
		}}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var patient error
		var group sync.WaitGroup
		group.Go(func() { _, patient = g.Ask(t.Context(), 1) })
		_, hasty := g.Ask(short, 2)
		group.Wait()
		if !errors.Is(hasty, context.DeadlineExceeded) || patient != nil || ended != nil {
			t.Errorf("the one whose time was over got %v, the other one %v, and the call %v", hasty, patient, ended)
		}
		again, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := g.Ask(again, 3); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if synctest.Wait(); !errors.Is(ended, context.Canceled) {
			t.Errorf("a call that nobody waits for went on (%v)", ended)
		}
	})
}

// store is what a Known reads from.
type store struct {
	*Known[int, string]
	there map[int]string
	// some, all and confirmed count the calls; during is done within each read, after it has seen what is there.
	some, all, confirmed int
	during               func()
}

var errAbsent = errors.New("absent")

func newStore(n int) *store {
	s := &store{there: map[int]string{}, during: func() {}}
	for i := range n {
		s.there[i] = "old"
	}
	s.Known = &Known[int, string]{
		Window: window, MaxAge: time.Minute, Now: time.Now,
		Some: func(_ context.Context, keys []int) (map[int]string, map[int]error) {
			s.some++
			found := map[int]string{}
			for _, key := range keys {
				if v, ok := s.there[key]; ok {
					found[key] = v
				}
			}
			s.during()
			return found, map[int]error{-1: errors.New("refused")}
		},
		All: func(context.Context) (map[int]string, error) {
			s.all++
			found := maps.Clone(s.there)
			s.during()
			return found, nil
		},
		Confirm: func(_ context.Context, key int) (string, error) {
			s.confirmed++
			if v, ok := s.there[key]; ok {
				return v, nil
			}
			return "", errAbsent
		},
	}
	return s
}

func (s *store) get(t *testing.T, key int, want string) {
	t.Helper()
	if v, err := s.Get(t.Context(), key); v != want || err != nil {
		t.Errorf("object %d is %q (%v), not %q", key, v, err, want)
	}
}

func TestFewAreReadByThemselvesAndManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(1000)
		for range 3 {
			for some := range slices.Chunk(numbers(1000), 10) {
				if _, errs := together(some, func(key int) (string, error) { return s.Get(t.Context(), key) }); errors.Join(errs...) != nil {
					t.Error(errs)
				}
			}
		}
		if s.some != manyAsked/10 || s.all != 1 || s.confirmed != 0 {
			t.Errorf("3,000 questions about 1,000 objects were %d reads of some, %d of all, %d of one", s.some, s.all, s.confirmed)
		}
	})
}

func TestWhatWasWrittenIsReadAnewByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(100)
		if _, err := s.Everything(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.there[7], s.there[8] = "new", "unseen"
		s.Forget(7)
		s.get(t, 7, "new")
		s.get(t, 8, "old")
		s.Set(map[int]string{9: "set"})
		s.get(t, 9, "set")
		if s.some != 1 || s.all != 1 {
			t.Errorf("%d reads of some and %d of all", s.some, s.all)
		}
		time.Sleep(time.Minute)
		s.get(t, 8, "unseen")
		s.get(t, 9, "old")
	})
}

func TestWhatWasOnlyWrittenGetsOldToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(10)
		s.Set(map[int]string{3: "set"})
		s.get(t, 3, "set")
		time.Sleep(time.Minute)
		s.get(t, 3, "old")
	})
}

func TestAReadFromBeforeAWriteIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(10)
		write := func() {
			s.there[3] = "new"
			s.Forget(3)
		}
		s.during = write
		s.get(t, 3, "old") // It was asked before the write.
		s.during = func() {}
		s.get(t, 3, "new")

		s.there[3] = "old"
		s.Forget(3)
		s.during = write
		if _, err := s.Everything(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.during = func() {}
		s.get(t, 3, "new")
		s.get(t, 4, "old")
		s.Remove(4)
		delete(s.there, 4)
		if _, err := s.Get(t.Context(), 4); !errors.Is(err, errAbsent) {
			t.Errorf("what was removed is there: %v", err)
		}
	})
}

func TestWhatIsMissingIsConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(10)
		for _, known := range []bool{false, true} {
			if _, err := s.Get(t.Context(), 77); !errors.Is(err, errAbsent) {
				t.Errorf("known %t: %v", known, err)
			}
			s.there[78] = "late" // The one that was asked first lags behind.
			s.get(t, 78, "late")
			delete(s.there, 78)
			if _, err := s.Everything(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if s.confirmed != 3 {
			t.Errorf("%d were confirmed", s.confirmed)
		}
		fresh := newStore(1)
		if _, err := fresh.Get(t.Context(), -1); err == nil || err.Error() != "refused" || fresh.confirmed != 0 {
			t.Errorf("an object that is refused: %v, confirmed %d times", err, fresh.confirmed)
		}
	})
}

func TestWhoAsksDuringACallIsInTheNextOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls [][]int
		underWay := 0
		g := Gather[int, int]{Window: window, Alone: true, Do: func(_ context.Context, asked []int) []Answer[int] {
			if underWay++; underWay > 1 {
				t.Error("two calls at the same time")
			}
			time.Sleep(100 * time.Millisecond)
			calls = append(calls, asked)
			underWay--
			return make([]Answer[int], len(asked))
		}}
		// One after the other, each later than the window of the one before.
		together(numbers(9), func(q int) (int, error) {
			time.Sleep(time.Duration(q) * 10 * time.Millisecond)
			return g.Ask(t.Context(), q)
		})
		if len(calls) != 2 || len(calls[0]) != 1 || len(calls[1]) != 8 {
			t.Errorf("the calls were %v", calls)
		}
	})
}
