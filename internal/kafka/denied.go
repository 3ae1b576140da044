package kafka

import (
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
)

// operations are the rights that Kafka asks for, by API (KafkaApis and ControllerApis of Kafka 4.3).
var operations = map[string]string{
	"Metadata":                     "Describe",
	"DescribeCluster":              "Describe",
	"CreateTopics":                 "Create",
	"DeleteTopics":                 "Delete",
	"CreatePartitions":             "Alter",
	"DescribeConfigs":              "DescribeConfigs",
	"IncrementalAlterConfigs":      "AlterConfigs",
	"DescribeAcls":                 "Describe",
	"CreateAcls":                   "Alter",
	"DeleteAcls":                   "Alter",
	"DescribeClientQuotas":         "DescribeConfigs",
	"AlterClientQuotas":            "AlterConfigs",
	"DescribeUserScramCredentials": "Describe",
	"AlterUserScramCredentials":    "Alter",
	"DescribeLogDirs":              "Describe",
	"ElectLeaders":                 "Alter",
	"ListOffsets":                  "Describe",
	"DeleteRecords":                "Delete",
	"FindCoordinator":              "Describe",
	"ConsumerGroupDescribe":        "Describe",
	"DescribeGroups":               "Describe",
	"OffsetFetch":                  "Describe",
	"OffsetCommit":                 "Read",
	"ListPartitionReassignments":   "Describe",
	"AlterPartitionAssignments":    "Alter",
	"UpdateFeatures":               "Alter",
	"DescribeQuorum":               "Describe",
	"AddRaftVoter":                 "Alter",
	"RemoveRaftVoter":              "Alter",
	"UnregisterBroker":             "Alter",
	"ControllerRegistration":       "ClusterAction",
	"ListGroups":                   "Describe",
	"ShareGroupDescribe":           "Describe",
	"StreamsGroupDescribe":         "Describe",
}

// denied says which right is missing, when that is what Kafka answered with; other errors stay as they are.
func (c *Client) denied(err error, api string) error {
	k, ok := code(err)
	if !ok || errors.Is(err, ErrDenied) {
		return err
	}
	var kind string
	switch k {
	case kerr.TopicAuthorizationFailed:
		kind = "topic"
	case kerr.GroupAuthorizationFailed:
		kind = "group"
	case kerr.ClusterAuthorizationFailed:
		kind = "the cluster"
	case kerr.TransactionalIDAuthorizationFailed:
		kind = "transactional id"
	case kerr.DelegationTokenAuthorizationFailed:
		kind = "delegation token"
	default:
		return err
	}
	var a *answer
	on := kind
	if k != kerr.ClusterAuthorizationFailed {
		if errors.As(err, &a) && strings.HasPrefix(a.subject, kind) {
			on = a.subject
		} else {
			on = "a " + kind
		}
	}
	right := operations[api] + " on " + on
	if operations[api] == "" {
		right = "to ask for " + api + " on " + on
	}
	if api == "CreateTopics" && k == kerr.TopicAuthorizationFailed {
		right += ", or Create on the cluster"
	}
	return &refusal{
		sentinel: ErrDenied, err: err,
		text: fmt.Sprintf("%s lacks the right %s: %s; allow it by an ACL, or log in as somebody who has it", c.who(), right, Words(err)),
	}
}

// who is the principal as far as it is known here: what Kafka makes of a token or a certificate is its own business.
func (c *Client) who() string {
	switch {
	case c.login != nil:
		return c.login.String()
	case c.cfg.Secure != nil:
		return "this run, by a certificate of its own,"
	case c.cfg.TLS != nil && len(c.cfg.TLS.Certificates) > 0:
		if leaf := leafOf(c.cfg.TLS.Certificates[0]); leaf != nil {
			return fmt.Sprintf("the client's certificate %q", leaf.Subject)
		}
	}
	return "the client, which does not log in,"
}
