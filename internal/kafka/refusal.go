package kafka

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
)

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
	case kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed, kerr.GroupAuthorizationFailed:
		return SubjectAuthorization
	}
	return ""
}

// Words are Kafka's own of an error that it answered with, without what was asked of whom; of other errors the whole text.
func Words(err error) string {
	var a *answer
	if errors.As(err, &a) {
		return a.Error()
	}
	return err.Error()
}
