package kafka

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
)

// refusal is an answer of Kafka that says what is missing for it to be another one: a login, or a right.
type refusal struct {
	// sentinel is ErrLogin or ErrDenied.
	sentinel error
	// text says what, why and what to do.
	text string
	// err is what Kafka answered.
	err error
}

func (r *refusal) Error() string { return r.text }

func (r *refusal) Unwrap() []error { return []error{r.sentinel, r.err} }

// Subject is what a refusal of Kafka is about.
type Subject string

// The subjects of refusals that a caller can do something about.
const (
	SubjectConfig            Subject = "config"
	SubjectReplicationFactor Subject = "replication factor"
	SubjectPartitions        Subject = "partitions"
	SubjectReplicas          Subject = "replicas"
	SubjectName              Subject = "name"
	SubjectPolicy            Subject = "policy"
	SubjectAuthorization     Subject = "authorization"
)

// About says what an error that Kafka answered with is about, "" when it does not tell.
func About(err error) Subject {
	k, ok := code(err)
	if !ok {
		return ""
	}
	switch k {
	case kerr.InvalidConfig:
		return SubjectConfig
	case kerr.InvalidReplicationFactor:
		return SubjectReplicationFactor
	case kerr.InvalidPartitions:
		return SubjectPartitions
	case kerr.InvalidReplicaAssignment:
		return SubjectReplicas
	case kerr.InvalidTopicException:
		return SubjectName
	case kerr.PolicyViolation:
		return SubjectPolicy
	case kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.TransactionalIDAuthorizationFailed,
		kerr.DelegationTokenAuthorizationFailed:
		return SubjectAuthorization
	}
	return ""
}

// Words are Kafka's own of an error that it answered with, without what was asked of whom; of a login or a right that is missing, which
// that is; of other errors the whole text.
func Words(err error) string {
	var r *refusal
	if errors.As(err, &r) {
		return r.Error()
	}
	var a *answer
	if errors.As(err, &a) {
		return a.Error()
	}
	return err.Error()
}
