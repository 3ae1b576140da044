package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// agreementTimeout is how long the brokers may take to agree when the context has no deadline of its own.
	agreementTimeout = time.Minute
	// askTimeout bounds the question to one of many brokers, so that a hung one delays the others' verdict only a little.
	askTimeout = 5 * time.Second
)

// vote is what one broker answered.
type vote[T any] struct {
	broker int32
	answer T
	err    error
}

// votes asks every broker that is not fenced. The error is that of finding the brokers; each vote has its own.
func votes[T any](ctx context.Context, c *Client, ask func(context.Context, nodes) (T, error)) ([]vote[T], error) {
	_, brokers, err := c.Brokers(ctx)
	if err != nil {
		return nil, err
	}
	brokers = slices.DeleteFunc(brokers, func(b Broker) bool { return b.Fenced })
	all := make([]vote[T], len(brokers))
	var group sync.WaitGroup
	for i, b := range brokers {
		group.Go(func() {
			limited, cancel := context.WithTimeout(ctx, askTimeout)
			defer cancel()
			answer, err := ask(limited, c.broker(b.ID))
			all[i] = vote[T]{broker: b.ID, answer: answer, err: err}
		})
	}
	group.Wait()
	return all, nil
}

// find asks any broker for an object, and when that one does not know it, all the others: each broker follows the metadata log at
// its own pace, and one that lags must not make an object vanish. The error wraps ErrNotFound only when more than one broker says
// so and none knows it; in a cluster with a single live broker that one is believed.
func find[T any](ctx context.Context, c *Client, ask func(context.Context, nodes) (T, error)) (T, error) {
	answer, first := ask(ctx, c.anyBroker())
	if !errors.Is(first, ErrNotFound) {
		return answer, first
	}
	all, err := votes(ctx, c, ask)
	if err != nil {
		return answer, err
	}
	absent := 0
	var silent []string
	for _, v := range all {
		switch {
		case v.err == nil:
			return v.answer, nil
		case errors.Is(v.err, ErrNotFound):
			absent++
		default:
			silent = append(silent, fmt.Sprintf("broker %d: %s", v.broker, v.err))
		}
	}
	if absent >= min(2, len(all)) {
		return answer, first
	}
	return answer, fmt.Errorf("%w: only %d of %d live brokers could say that it does not exist, which is too few to believe it (%s)",
		ErrUnreachable, absent, len(all), strings.Join(silent, "; "))
}

// agreed waits until every broker that is not fenced answers true. A broker that dies meanwhile is waited for until Kafka fences
// it. One that cannot be spoken with, such as for its certificate, is left out while another one answers: waiting would not help, and
// OnTrouble has heard of it. The error names the brokers that do not agree.
func agreed(ctx context.Context, c *Client, what string, ask func(context.Context, nodes) (bool, error)) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, agreementTimeout)
		defer cancel()
	}
	pause := firstPause
	var dissent []string
	for {
		all, err := votes(ctx, c, ask)
		switch {
		case err == nil:
			dissent = nil
			able := slices.ContainsFunc(all, func(v vote[bool]) bool { return v.err == nil })
			for _, v := range all {
				switch {
				case able && troubled(v.err) != nil:
				case v.err != nil:
					dissent = append(dissent, fmt.Sprintf("broker %d: %s", v.broker, v.err))
				case !v.answer:
					dissent = append(dissent, fmt.Sprintf("broker %d does not know it yet", v.broker))
				}
			}
			if len(dissent) == 0 {
				return nil
			}
		case ctx.Err() == nil:
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("%w: %s is not confirmed by every live broker (%s): %w", ErrUnreachable, what, strings.Join(dissent, "; "), ctx.Err())
		}
		pause = min(2*pause, worstPause)
	}
}
