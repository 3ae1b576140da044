package kafka

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestEachTurnBeginsWithAnotherBroker(t *testing.T) {
	c := New(Config{Bootstrap: func(context.Context) ([]string, error) { return []string{"a:1", "b:1", "c:1"}, nil }})
	for turn, want := range []string{"a:1 b:1 c:1", "b:1 c:1 a:1", "c:1 a:1 b:1", "a:1 b:1 c:1"} {
		if got, err := c.anotherBroker(turn).addresses(t.Context()); err != nil || strings.Join(got, " ") != want {
			t.Errorf("turn %d: %v, %v, want %s", turn, got, err, want)
		}
	}
	c.failed["b:1"] = time.Now()
	if got, err := c.anotherBroker(1).addresses(t.Context()); err != nil || strings.Join(got, " ") != "c:1 a:1 b:1" {
		t.Errorf("with one that does not answer: %v, %v", got, err)
	}
	none := New(Config{Bootstrap: func(context.Context) ([]string, error) { return nil, nil }})
	if got, err := none.anotherBroker(1).addresses(t.Context()); !errors.Is(err, errNoBroker) {
		t.Errorf("without a broker: %v, %v", got, err)
	}
}

// TestWhatIsPassedOnAtTheSameTimeGoesToDifferentBrokers: each passes on one request at a time.
func TestWhatIsPassedOnAtTheSameTimeGoesToDifferentBrokers(t *testing.T) {
	c := New(Config{Bootstrap: func(context.Context) ([]string, error) { return []string{"a:1", "b:1", "c:1"}, nil }})
	c.controllers = []string{"k:1"}
	targets := []string{"a:1", "b:1", "c:1", "k:1"}
	choose := func(want string, tried ...string) func() {
		t.Helper()
		left := map[string]bool{}
		for _, address := range tried {
			left[address] = true
		}
		got, done := c.forwarder(targets[len(tried):], left)
		if got != want {
			t.Errorf("%s passes on, want %s; %v are under way", got, want, c.forwarding)
		}
		return done
	}
	first := choose("a:1")
	choose("b:1")
	third := choose("c:1")
	choose("a:1") // All are alike, and no controller is asked while a broker is there.
	third()
	first()
	choose("c:1")() // It has the fewest again.
	c.failed["c:1"] = time.Now()
	choose("a:1")
	choose("b:1", "a:1")
	if !c.anyForwarder().forwarded || !c.anyNode().forwarded || c.anyBroker().forwarded {
		t.Error("reading is passed on, or writing is not")
	}
}
