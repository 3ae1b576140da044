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
	// soonPause is the longest pause within the first second, of brokers that are quick, and slowPause of others.
	soonPause, slowPause = 16 * time.Millisecond, 64 * time.Millisecond
	// lookAgain is for how long the brokers that are not fenced are taken to be the same.
	lookAgain = 250 * time.Millisecond
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

// unfenced returns the brokers that are not fenced.
func (c *Client) unfenced(ctx context.Context) ([]Broker, error) {
	_, brokers, err := c.Brokers(ctx)
	return slices.DeleteFunc(brokers, func(b Broker) bool { return b.Fenced }), err
}

// living returns the brokers that are not fenced, and when they were looked up: all agreements of a moment go by one look.
func (c *Client) living(ctx context.Context) ([]Broker, time.Time, error) {
	c.mu.Lock()
	last := c.looked
	c.mu.Unlock()
	if time.Since(last.at) < lookAgain {
		return last.live, last.at, nil
	}
	began := time.Now()
	live, err := c.unfenced(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looked.live, c.looked.at = live, began
	return live, began, nil
}

// votes asks brokers at the same time, each about what is its own. Each vote has its own error.
func votes[T any](ctx context.Context, c *Client, brokers []Broker, ask func(context.Context, Broker) (T, error)) []vote[T] {
	all := make([]vote[T], len(brokers))
	var group sync.WaitGroup
	for i, b := range brokers {
		group.Go(func() {
			limited, cancel := context.WithTimeout(ctx, askTimeout)
			defer cancel()
			answer, err := ask(limited, b)
			if limited.Err() != nil && ctx.Err() == nil {
				c.putLast(b.Address) // So that what is asked of any broker is not asked of this one first.
			}
			all[i] = vote[T]{broker: b.ID, answer: answer, err: err}
		})
	}
	group.Wait()
	return all
}

// find asks any broker for an object, and when that one does not know it, all the others: each broker follows the metadata log at
// its own pace, and one that lags must not make an object vanish. The error wraps ErrNotFound only when more than one broker says
// so and none knows it; in a cluster with a single live broker that one is believed.
func find[T any](ctx context.Context, c *Client, ask func(context.Context, nodes) (T, error)) (T, error) {
	answer, first := ask(ctx, c.anyBroker())
	if !errors.Is(first, ErrNotFound) {
		return answer, first
	}
	brokers, err := c.unfenced(ctx)
	if err != nil {
		return answer, err
	}
	all := votes(ctx, c, brokers, func(ctx context.Context, b Broker) (T, error) { return ask(ctx, c.broker(b.ID)) })
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

// agreedOnEach is agreed for several things at once. ask returns the answers about those that the broker has not agreed on yet, in their order; the
// errors are in the order of the things. A broker that has agreed is not asked again: it follows the metadata log one way.
func agreedOnEach(ctx context.Context, c *Client, what []string, ask func(ctx context.Context, to nodes, left []int) ([]bool, error)) []error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, agreementTimeout)
		defer cancel()
	}
	started := time.Now()
	pause, longest := c.pace()
	agreed := map[int32]map[int]bool{}
	left, dissent := firstNumbers(len(what)), map[int]string{}
	var brokers []Broker
	var looked time.Time
	for {
		if time.Since(looked) >= lookAgain {
			live, at, err := c.living(ctx)
			if err != nil && ctx.Err() == nil {
				return errorsOf(len(what), left, func(int) error { return err })
			}
			if err == nil {
				brokers, looked = live, at
			}
		}
		if !looked.IsZero() {
			left = agreedBy(ctx, c, brokers, agreed, dissent, left, ask)
			if len(left) == 0 {
				c.keepPace(time.Since(started))
				return make([]error, len(what))
			}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return errorsOf(len(what), left, func(thing int) error {
				return fmt.Errorf("%w: %s is %w (%s): %w", ErrUnreachable, what[thing], errNotAgreed, dissent[thing], ctx.Err())
			})
		}
		if pause *= 2; time.Since(started) < time.Second {
			pause = min(pause, longest) // They most often agree within a tenth of it.
		}
		pause = min(pause, worstPause)
	}
}

// agreedBy asks brokers once about what they have not agreed on, notes in agreed what they agree on and in dissent who does not, and returns the things
// that some broker has not agreed on.
func agreedBy(ctx context.Context, c *Client, brokers []Broker, agreed map[int32]map[int]bool, dissent map[int]string, left []int,
	ask func(ctx context.Context, to nodes, left []int) ([]bool, error),
) (still []int) {
	all := votes(ctx, c, brokers, func(ctx context.Context, b Broker) (agrees []int, err error) {
		asked := slices.DeleteFunc(slices.Clone(left), func(thing int) bool { return agreed[b.ID][thing] })
		if len(asked) == 0 {
			return nil, nil
		}
		said, err := ask(ctx, c.broker(b.ID), asked)
		if err != nil {
			return nil, err
		}
		for position, thing := range asked {
			if said[position] {
				agrees = append(agrees, thing)
			}
		}
		return agrees, nil
	})
	for _, v := range all {
		if agreed[v.broker] == nil {
			agreed[v.broker] = map[int]bool{}
		}
		for _, thing := range v.answer {
			agreed[v.broker][thing] = true
		}
	}
	for _, thing := range left {
		if dissent[thing] = dissenters(all, agreed, thing); dissent[thing] != "" {
			still = append(still, thing)
		}
	}
	return still
}

// errorsOf are the errors of n things: those of some of them, and nil for the others.
func errorsOf(n int, some []int, err func(thing int) error) []error {
	errs := make([]error, n)
	for _, thing := range some {
		errs[thing] = err(thing)
	}
	return errs
}

// dissenters says which brokers do not agree on a thing, "" for none.
func dissenters(all []vote[[]int], agreed map[int32]map[int]bool, thing int) string {
	able := slices.ContainsFunc(all, func(v vote[[]int]) bool { return v.err == nil })
	var dissent []string
	for _, v := range all {
		switch {
		case agreed[v.broker][thing], able && troubled(v.err) != nil:
		case v.err != nil:
			dissent = append(dissent, fmt.Sprintf("broker %d: %s", v.broker, v.err))
		default:
			dissent = append(dissent, fmt.Sprintf("broker %d does not know it yet", v.broker))
		}
	}
	return strings.Join(dissent, "; ")
}

// pace returns how long to wait before brokers are asked again for the first time, and at most within the first second: a third of what they took to agree
// the last time. Who asks busy brokers often keeps them from what is waited for.
func (c *Client) pace() (first, longest time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	first = max(firstAgreementPause, min(c.agreedWithin/3, slowPause))
	return first, max(first, soonPause)
}

// keepPace notes how long brokers took to agree.
func (c *Client) keepPace(took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.agreedWithin = took
}
