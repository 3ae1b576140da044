package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// tokenTimeout bounds one fetch of a token, its repetitions included.
	tokenTimeout = 10 * time.Second
	// tokenUse is the part of a token's life after which a new one is fetched (as sasl.login.refresh.window.factor of Kafka's own client).
	tokenUse = 0.8
	// tokenReserve is how much life a token must have left to be used when no new one is to be had.
	tokenReserve = 10 * time.Second
	// tokenLife is how long a token is used that does not say when it ends.
	tokenLife = time.Minute
)

// token is what a broker takes instead of a password. It is as secret as one.
type token struct {
	value string
	// ends is zero when the source did not say.
	ends time.Time
}

// tokenError is why there is no token. The brokers have no part in it.
type tokenError struct {
	// refused: the source answered, or cannot be trusted, and a repetition will end no better.
	refused bool
	text    string
	err     error
}

func (e *tokenError) Error() string { return e.text }
func (e *tokenError) Unwrap() error { return e.err }

// sentinel is what it is for the caller.
func (e *tokenError) sentinel() error {
	if e.refused {
		return ErrLogin
	}
	return ErrUnreachable
}

// tokens keeps the token of a client, and fetches the next one before it ends. Safe for concurrent use.
type tokens struct {
	fetch func(context.Context) (token, error)
	now   func() time.Time
	// turn lets one caller in at a time; the others wait for what it fetches.
	turn chan struct{}
	held token
	// renew is when the next one is fetched.
	renew time.Time
}

func newTokens(fetch func(context.Context) (token, error)) *tokens {
	return &tokens{fetch: fetch, now: time.Now, turn: make(chan struct{}, 1)}
}

// get returns a token that is valid now. The error is a *tokenError, or that of ctx.
func (t *tokens) get(ctx context.Context) (string, error) {
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	asked := t.now()
	if t.held.value != "" && asked.Before(t.renew) {
		return t.held.value, nil
	}
	limited, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	fresh, err := t.fetch(limited)
	switch {
	case err == nil:
		t.held, t.renew = fresh, asked.Add(tokenLife)
		if !fresh.ends.IsZero() {
			t.renew = asked.Add(time.Duration(tokenUse * float64(fresh.ends.Sub(asked))))
		}
		return fresh.value, nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	}
	// What the source lacks for the moment is no trouble while the token that is there holds.
	var why *tokenError
	if !errors.As(err, &why) {
		why = &tokenError{text: err.Error(), err: err}
	}
	if !why.refused && t.held.value != "" && asked.Before(t.held.ends.Add(-tokenReserve)) {
		return t.held.value, nil
	}
	if errors.Is(limited.Err(), context.DeadlineExceeded) {
		why.text = fmt.Sprintf("%s (no token within %s)", why.text, tokenTimeout)
	}
	return "", why
}
