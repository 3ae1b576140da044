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
	// firstAgreementPause is the first pause between two rounds of questions: brokers follow the metadata log within some milliseconds.
	firstAgreementPause = 4 * time.Millisecond
	// soonPause is the longest pause within the first second.
	soonPause = 16 * time.Millisecond
	// askTimeout bounds the question to one of many brokers, so that a hung one delays the others' verdict only a little.
	askTimeout = 5 * time.Second
)

// errNotAgreed says that the brokers have not come to agree in the time there was.
var errNotAgreed = errors.New("not confirmed by every live broker")

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
			if limited.Err() != nil && ctx.Err() == nil {
				c.putLast(b.Address) // So that what is asked of any broker is not asked of this one first.
			}
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
	return agreedOnEach(ctx, c, []string{what}, func(ctx context.Context, to nodes, _ []int) ([]bool, error) {
		yes, err := ask(ctx, to)
		return []bool{yes}, err
	})[0]
}

// agreedOnEach is agreed for several things at once. ask returns the answers about those that not every broker has agreed on yet, in their order;
// the errors are in the order of the things.
func agreedOnEach(ctx context.Context, c *Client, what []string, ask func(ctx context.Context, to nodes, left []int) ([]bool, error)) []error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, agreementTimeout)
		defer cancel()
	}
	errs := make([]error, len(what))
	left := firstNumbers(len(what))
	pause, started := firstAgreementPause, time.Now()
	dissent := map[int]string{}
	for {
		asked := left
		all, err := votes(ctx, c, func(ctx context.Context, to nodes) ([]bool, error) { return ask(ctx, to, asked) })
		if err != nil && ctx.Err() == nil {
			for _, thing := range left {
				errs[thing] = err
			}
			return errs
		}
		if err == nil {
			left = nil
			for position, thing := range asked {
				if dissent[thing] = dissenters(all, position); dissent[thing] != "" {
					left = append(left, thing)
				}
			}
			if len(left) == 0 {
				return errs
			}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			for _, thing := range left {
				errs[thing] = fmt.Errorf("%w: %s is %w (%s): %w", ErrUnreachable, what[thing], errNotAgreed, dissent[thing], ctx.Err())
			}
			return errs
		}
		if pause *= 2; time.Since(started) < time.Second {
			pause = min(pause, soonPause) // They most often agree within a tenth of it.
		}
		pause = min(pause, worstPause)
	}
}

// dissenters says which brokers do not agree on the thing at a position of the answers, "" for none.
func dissenters(all []vote[[]bool], position int) string {
	able := slices.ContainsFunc(all, func(v vote[[]bool]) bool { return v.err == nil })
	var dissent []string
	for _, v := range all {
		switch {
		case able && troubled(v.err) != nil:
		case v.err != nil:
			dissent = append(dissent, fmt.Sprintf("broker %d: %s", v.broker, v.err))
		case !v.answer[position]:
			dissent = append(dissent, fmt.Sprintf("broker %d does not know it yet", v.broker))
		}
	}
	return strings.Join(dissent, "; ")
}
