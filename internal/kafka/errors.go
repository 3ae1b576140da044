package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
)

var (
	errClosed = fmt.Errorf("%w: the client is closed", ErrInvalid)
	// errNoBroker and errNoNode are not repeated: that nothing runs is what compute says, and it is asked at each call.
	errNoBroker = fmt.Errorf("%w: the cluster has no live broker", ErrUnreachable)
	errNoNode   = fmt.Errorf("%w: the cluster has no live broker and no live controller", ErrUnreachable)
	errNoAnswer = errors.New("hung or overloaded")
)

// answer is an error that Kafka itself gave.
type answer struct {
	err     *kerr.Error
	message string
	// subject is what was asked about, such as a topic by its name; "" when that is said elsewhere.
	subject string
}

func (a *answer) Error() string {
	if a.message == "" {
		return a.err.Description + " (" + a.err.Message + ")"
	}
	return a.message + " (" + a.err.Message + ")"
}

func (a *answer) Unwrap() error { return a.err }

// kafkaError turns an error code of a response into an error with Kafka's own message; nil for code 0.
func kafkaError(code int16, message *string) error {
	if code == 0 {
		return nil
	}
	a := &answer{err: kerr.TypedErrorForCode(code)}
	if message != nil {
		a.message = *message
	}
	return a
}

// kafkaErrorAbout is kafkaError for an answer about one resource of several, or one that has a name.
func kafkaErrorAbout(subject string, code int16, message *string) error {
	err := kafkaError(code, message)
	var a *answer
	if errors.As(err, &a) {
		a.subject = subject
	}
	return err
}

// topicError is kafkaErrorAbout for a topic.
func topicError(name string, code int16, message *string) error {
	return kafkaErrorAbout(fmt.Sprintf("topic %q", name), code, message)
}

// code returns the error that Kafka answered with.
func code(err error) (*kerr.Error, bool) {
	var k *kerr.Error
	ok := errors.As(err, &k)
	return k, ok
}

// answered is true when a node gave an answer, be it an error.
func answered(err error) bool {
	_, ok := code(err)
	return ok
}

// passes is true for errors that a repetition may cure: no answer, or an answer that Kafka calls retriable.
func passes(err error) bool {
	if k, ok := code(err); ok {
		// Kafka calls a missing topic retriable because metadata may lag. For an administrator it is the answer.
		return k.Retriable && !errors.Is(k, kerr.UnknownTopicOrPartition) && !errors.Is(k, kerr.UnknownTopicID)
	}
	var token *tokenError // The token's source was asked several times already.
	switch {
	case errors.Is(err, errNoBroker), errors.Is(err, errNoNode), errors.Is(err, ErrInvalid), errors.Is(err, ErrNotFound),
		troubled(err) != nil, errors.As(err, &token), errors.Is(err, context.Canceled):
		return false
	}
	return true
}

// classify wraps err with the sentinel that tells the caller what to do.
func classify(err error) error {
	for _, sentinel := range []error{ErrNotFound, ErrExists, ErrInvalid, ErrUnreachable} {
		if err == nil || errors.Is(err, sentinel) {
			return err
		}
	}
	k, ok := code(err)
	if !ok {
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	switch k {
	case kerr.UnknownTopicOrPartition, kerr.UnknownTopicID, kerr.ResourceNotFound, kerr.BrokerIDNotRegistered,
		kerr.VoterNotFound, kerr.NoReassignmentInProgress, kerr.GroupIDNotFound:
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	case kerr.TopicAlreadyExists, kerr.DuplicateResource, kerr.DuplicateVoter:
		return fmt.Errorf("%w: %w", ErrExists, err)
	}
	if k.Retriable {
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return fmt.Errorf("%w: %w", ErrInvalid, err)
}
