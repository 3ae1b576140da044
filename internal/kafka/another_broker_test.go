package kafka

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestOfDifferentKindsIsAskedAtDifferentBrokers(t *testing.T) {
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
