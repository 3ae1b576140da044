package kafka

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// TestTokenIsRenewedBeforeItEnds has a clock of its own: a token of 100 seconds is used for 80, and for 90 when there is no new one.
func TestTokenIsRenewedBeforeItEnds(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now := start
	fetched := 0
	var fault error
	tokens := newTokens(func(context.Context) (token, error) {
		if fault != nil {
			return token{}, fault
		}
		fetched++
		return token{value: strings.Repeat("t", fetched), ends: now.Add(100 * time.Second)}, nil
	})
	tokens.now = func() time.Time { return now }
	for _, step := range []struct {
		at    time.Duration
		fault error
		want  string // "" for an error
	}{
		{0, nil, "t"},
		{79 * time.Second, nil, "t"},
		{80 * time.Second, nil, "tt"},
		{159 * time.Second, nil, "tt"},
		{169 * time.Second, errors.New("the endpoint is away"), "tt"},
		{170 * time.Second, errors.New("the endpoint is away"), ""},
		{170 * time.Second, nil, "ttt"},
		// A refusal is believed at once: the client's secret was withdrawn.
		{255 * time.Second, &tokenError{refused: true, text: "no"}, ""},
	} {
		now, fault = start.Add(step.at), step.fault
		got, err := tokens.get(t.Context())
		var why *tokenError
		if got != step.want || (step.want == "") != errors.As(err, &why) {
			t.Errorf("after %s (%v): %q, %v, want %q", step.at, step.fault, got, err, step.want)
		}
	}
}

func TestTokenWithoutAnEndIsUsedForAMinute(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	fetched := 0
	tokens := newTokens(func(context.Context) (token, error) {
		fetched++
		return token{value: "t"}, nil
	})
	tokens.now = func() time.Time { return now }
	for _, pass := range []time.Duration{0, 59 * time.Second, time.Second} {
		now = now.Add(pass)
		if _, err := tokens.get(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if fetched != 2 {
		t.Errorf("%d tokens in a minute and the moment after it, want 2", fetched)
	}
}

// TestTokenIsFetchedOnceForAll: whoever comes while it is fetched waits for it, and not for longer than it wants to.
func TestTokenIsFetchedOnceForAll(t *testing.T) {
	began, goOn := make(chan struct{}), make(chan struct{})
	fetched := 0
	tokens := newTokens(func(context.Context) (token, error) {
		fetched++
		close(began)
		<-goOn
		return token{value: "t", ends: time.Now().Add(time.Hour)}, nil
	})
	results := make(chan error, 5)
	for range 5 {
		go func() {
			_, err := tokens.get(t.Context())
			results <- err
		}()
	}
	<-began
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tokens.get(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("one that waits no longer: %v, want context.Canceled", err)
	}
	close(goOn)
	for range 5 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if fetched != 1 {
		t.Errorf("%d tokens were fetched, want 1", fetched)
	}
}
