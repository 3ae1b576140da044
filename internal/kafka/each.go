package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/coalesce"
)

// gatherWindow is how long the first of several calls waits for others, which then are one request.
const gatherWindow = 2 * time.Millisecond

// readWindow is gatherWindow for the first objects that a plan reads one by one, before it reads all of a kind: Terraform takes some milliseconds to come to
// the next one.
const readWindow = 5 * time.Millisecond

// writeWindow is gatherWindow for what changes metadata. A controller itself waits 25 ms for more before it writes
// (controller.quorum.append.linger.ms), and each change takes each broker some time, however many objects it is about: ten requests that come one
// after the other keep brokers behind for longer than one for ten.
const writeWindow = 40 * time.Millisecond

// nothing is the answer of a call that has none but an error.
type nothing = struct{}

// gathering makes a Gather whose calls have no answer but an error.
func gathering[Q any](do func(ctx context.Context, asked []Q) []error) *coalesce.Gather[Q, nothing] {
	return &coalesce.Gather[Q, nothing]{Window: gatherWindow, Alone: true, Do: func(ctx context.Context, asked []Q) []coalesce.Answer[nothing] {
		answers := make([]coalesce.Answer[nothing], len(asked))
		for i, err := range do(ctx, asked) {
			answers[i].Err = err
		}
		return answers
	}}
}

// checkWindow is gatherWindow for the question whether a change would be taken, which the controller answers as late as it takes one.
const checkWindow = 10 * time.Millisecond

// asking is gathering for what changes metadata, or asks whether it would be taken, in rounds of one client.
func asking[Q any](rounds *coalesce.Rounds, do func(ctx context.Context, asked []Q) []error) *coalesce.Gather[Q, nothing] {
	g := gathering(do)
	g.Alone, g.Rounds = false, rounds
	return g
}

// ask is Ask without an answer.
func ask[Q any](ctx context.Context, g *coalesce.Gather[Q, nothing], question Q) error {
	return askAll(ctx, g, []Q{question})[0]
}

// askAll is AskAll without answers.
func askAll[Q any](ctx context.Context, g *coalesce.Gather[Q, nothing], questions []Q) []error {
	errs := make([]error, len(questions))
	for i, answer := range g.AskAll(ctx, questions) {
		if errs[i] = answer.Err; answer.Err != nil && answer.Err == ctx.Err() { //nolint:errorlint // That of the caller, whom the call did not answer in time.
			errs[i] = fmt.Errorf("%w: %w", ErrUnreachable, answer.Err)
		}
	}
	return errs
}

// awaitRound is how long those who wait together for brokers to agree wait at once. Their own deadlines differ.
const awaitRound = 6 * time.Second

// awaiting is gathering for what waits until brokers agree.
func awaiting[Q any](do func(ctx context.Context, asked []Q) []error) *coalesce.Gather[Q, nothing] {
	g := gathering(func(ctx context.Context, asked []Q) []error {
		ctx, cancel := context.WithTimeout(ctx, awaitRound)
		defer cancel()
		return do(ctx, asked)
	})
	g.Alone = false // What some wait for long keeps nobody else.
	return g
}

// await asks until the brokers agree, or the caller's time is over.
func await[Q fmt.Stringer](ctx context.Context, g *coalesce.Gather[Q, nothing], what Q) error {
	return awaitAll(ctx, g, []Q{what})[0]
}

// awaitAll is await for several things.
func awaitAll[Q fmt.Stringer](ctx context.Context, g *coalesce.Gather[Q, nothing], things []Q) []error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, agreementTimeout)
		defer cancel()
	}
	last := make([]error, len(things))
	left := firstNumbers(len(things))
	for len(left) > 0 {
		asked := make([]Q, len(left))
		for position, thing := range left {
			asked[position] = things[thing]
		}
		var notYet []int
		for position, err := range askAll(ctx, g, asked) {
			thing := left[position]
			switch over := ctx.Err() != nil; {
			case over && last[thing] != nil:
			case over && err != nil && !errors.Is(err, errNotAgreed):
				last[thing] = fmt.Errorf("%w: %s is %w: %w", ErrUnreachable, things[thing], errNotAgreed, ctx.Err())
			default:
				if last[thing] = err; errors.Is(err, errNotAgreed) && !over {
					notYet = append(notYet, thing)
				}
			}
		}
		left = notYet
	}
	return last
}

// texts are what some things are called in errors.
func texts[Q fmt.Stringer](things []Q) []string {
	out := make([]string, len(things))
	for i, t := range things {
		out[i] = t.String()
	}
	return out
}

// each sends n things in requests for many at once, each request with those that have no answer yet, and returns the errors in their order. read
// finds the answer about the thing at a position of the request; repeated says that an earlier request about it may have had its effect and its
// answer was lost.
func each[R any](ctx context.Context, c *Client, to nodes, api string, n int, send func(b *sarama.Broker, left []int) (R, error), read func(r R, position, thing int, repeated bool) error) []error {
	errs := make([]error, n)
	left := firstNumbers(n)
	// Each request is sent once, so that it is known here whether an earlier one may have had its effect.
	var address string
	to.attempts, to.told = 1, &address
	targets, err := to.addresses(ctx)
	if err != nil {
		for i := range errs {
			errs[i] = classify(err)
		}
		return errs
	}
	repeated := false
	err = c.retry(ctx, max(3, len(targets)), 0, func(ctx context.Context) error {
		again := repeated
		repeated = true
		asked := left
		resp, err := request(ctx, c, to, api, func(b *sarama.Broker) (R, error) { return send(b, asked) }, nil)
		if err != nil {
			return err
		}
		left = nil
		var hope error
		for position, thing := range asked {
			if errs[thing] = read(resp, position, thing, again); errs[thing] == nil {
				continue
			}
			errs[thing] = classify(fmt.Errorf("asking %s: %s at %s: %w", to.name, api, address, c.denied(errs[thing], api)))
			if passes(errs[thing]) {
				left, hope = append(left, thing), errs[thing]
			}
		}
		return hope
	})
	for _, thing := range left {
		if errs[thing] == nil {
			errs[thing] = err
		}
	}
	return errs
}

// firstNumbers are the numbers from 0 to before n.
func firstNumbers(n int) []int {
	var all []int
	for i := range n {
		all = append(all, i)
	}
	return all
}

// chunks are the ends of consecutive runs of n things, none of which has two things of one key or weighs more than most, unless it is a single one.
func chunks[K comparable](n, most int, weight func(i int) int, key func(i int) K) (ends []int) {
	sum, keys := 0, map[K]bool{}
	for i := range n {
		if i > 0 && (sum+weight(i) > most || keys[key(i)]) {
			ends = append(ends, i)
			sum = 0
			clear(keys)
		}
		sum += weight(i)
		keys[key(i)] = true
	}
	if n > 0 {
		ends = append(ends, n)
	}
	return ends
}

// inChunks does what takes only so many things at once, and no two of one key.
func inChunks[Q any, K comparable](things []Q, most int, weight func(Q) int, key func(Q) K, do func([]Q) []error) []error {
	var errs []error
	first := 0
	for _, end := range chunks(len(things), most, func(i int) int { return weight(things[i]) }, func(i int) K { return key(things[i]) }) {
		errs = append(errs, do(things[first:end])...)
		first = end
	}
	return errs
}

// single is the weight of things that weigh the same.
func single[Q any](Q) int { return 1 }
