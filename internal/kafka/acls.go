package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"
)

// ClusterResource is the only name that an ACL of resource type Cluster can have.
const ClusterResource = "kafka-cluster"

// aclVersion is sarama's highest of the requests about ACLs. Version 3 differs in nothing but that it allows the resource type User,
// which brokers take in version 2 as well.
const aclVersion = 2

var (
	aclResourceTypes = map[string]sarama.AclResourceType{
		"Topic": sarama.AclResourceTopic, "Group": sarama.AclResourceGroup, "Cluster": sarama.AclResourceCluster,
		"TransactionalId": sarama.AclResourceTransactionalID, "DelegationToken": sarama.AclResourceDelegationToken,
		"User": 7, // KIP-373; sarama has no name for it.
	}
	aclPatternTypes = map[string]sarama.AclResourcePatternType{
		"Literal": sarama.AclPatternLiteral, "Prefixed": sarama.AclPatternPrefixed,
	}
	aclOperations = map[string]sarama.AclOperation{
		"All": sarama.AclOperationAll, "Read": sarama.AclOperationRead, "Write": sarama.AclOperationWrite, "Create": sarama.AclOperationCreate,
		"Delete": sarama.AclOperationDelete, "Alter": sarama.AclOperationAlter, "Describe": sarama.AclOperationDescribe,
		"ClusterAction": sarama.AclOperationClusterAction, "DescribeConfigs": sarama.AclOperationDescribeConfigs,
		"AlterConfigs": sarama.AclOperationAlterConfigs, "IdempotentWrite": sarama.AclOperationIdempotentWrite,
		"CreateTokens": 13, "DescribeTokens": 14, "TwoPhaseCommit": 15, // KIP-373 and KIP-939; sarama has no names for them.
	}
	aclPermissions = map[string]sarama.AclPermissionType{"Allow": sarama.AclPermissionAllow, "Deny": sarama.AclPermissionDeny}
)

// ACLOperations are the operations that are legal for each resource type (AclEntry.supportedOperations of Kafka 4.3), All first.
var ACLOperations = map[string][]string{
	"Topic": {"All", "Read", "Write", "Create", "Delete", "Alter", "Describe", "DescribeConfigs", "AlterConfigs"},
	"Group": {"All", "Read", "Delete", "Describe", "DescribeConfigs", "AlterConfigs"},
	"Cluster": {
		"All", "Create", "Alter", "Describe", "ClusterAction", "DescribeConfigs", "AlterConfigs", "IdempotentWrite",
	},
	"TransactionalId": {"All", "Write", "Describe", "TwoPhaseCommit"},
	"DelegationToken": {"All", "Describe"},
	"User":            {"All", "CreateTokens", "DescribeTokens"},
}

// String says the binding in one line.
func (a ACL) String() string {
	return fmt.Sprintf("%s %s from %s to %s %s %s %q", a.Permission, a.Principal, a.Host, a.Operation, a.PatternType, a.ResourceType, a.ResourceName)
}

// coded is a binding in the protocol's numbers.
type coded struct {
	resource   sarama.AclResourceType
	pattern    sarama.AclResourcePatternType
	operation  sarama.AclOperation
	permission sarama.AclPermissionType
}

func (a ACL) code() (coded, error) {
	var k coded
	var ok [4]bool
	k.resource, ok[0] = aclResourceTypes[a.ResourceType]
	k.pattern, ok[1] = aclPatternTypes[a.PatternType]
	k.operation, ok[2] = aclOperations[a.Operation]
	k.permission, ok[3] = aclPermissions[a.Permission]
	if ok != [4]bool{true, true, true, true} {
		return k, fmt.Errorf("%w: the ACL has a word that Kafka does not know: %s", ErrInvalid, a)
	}
	return k, nil
}

// filter matches the binding and no other.
func (k coded) filter(a ACL) sarama.AclFilter {
	return sarama.AclFilter{
		ResourceType: k.resource, ResourceName: &a.ResourceName, ResourcePatternTypeFilter: k.pattern,
		Principal: &a.Principal, Host: &a.Host, Operation: k.operation, PermissionType: k.permission,
	}
}

// ACL says whether the binding exists, as nil or ErrNotFound, which is confirmed by more than one broker.
func (c *Client) ACL(ctx context.Context, a ACL) error {
	_, err := find(ctx, c, func(ctx context.Context, to nodes) (struct{}, error) { return struct{}{}, c.aclAt(ctx, to, a) })
	if err != nil {
		return fmt.Errorf("ACL %q: %w", a.String(), err)
	}
	return nil
}

// aclAt is ACL as one node sees it.
func (c *Client) aclAt(ctx context.Context, to nodes, a ACL) error {
	k, err := a.code()
	if err != nil {
		return err
	}
	resp, err := request(ctx, c, to, "DescribeAcls", func(b *sarama.Broker) (*sarama.DescribeAclsResponse, error) {
		return b.DescribeAcls(&sarama.DescribeAclsRequest{Version: aclVersion, AclFilter: k.filter(a)})
	}, func(r *sarama.DescribeAclsResponse) error { return kafkaError(int16(r.Err), r.ErrMsg) })
	if err != nil {
		return err
	}
	if len(resp.ResourceAcls) == 0 {
		return ErrNotFound
	}
	return nil
}

// CreateACL creates a binding and waits until every live broker knows it. One that exists already is no error in Kafka.
func (c *Client) CreateACL(ctx context.Context, a ACL) error {
	k, err := a.code()
	if err != nil {
		return err
	}
	c.mutation("CreateAcls", a.String())
	_, err = request(ctx, c, c.anyBroker(), "CreateAcls", func(b *sarama.Broker) (*sarama.CreateAclsResponse, error) {
		resp, err := b.CreateAcls(&sarama.CreateAclsRequest{Version: aclVersion, AclCreations: []*sarama.AclCreation{{
			Resource: sarama.Resource{ResourceType: k.resource, ResourceName: a.ResourceName, ResourcePatternType: k.pattern},
			Acl:      sarama.Acl{Principal: a.Principal, Host: a.Host, Operation: k.operation, PermissionType: k.permission},
		}}})
		if errors.Is(err, sarama.ErrCreateACLs) {
			return resp, nil // The answer says it better, in Kafka's words.
		}
		return resp, err
	}, func(r *sarama.CreateAclsResponse) error {
		for _, result := range r.AclCreationResponses {
			if err := kafkaError(int16(result.Err), result.ErrMsg); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return agreed(ctx, c, fmt.Sprintf("ACL %q", a.String()), func(ctx context.Context, to nodes) (bool, error) {
		err := c.aclAt(ctx, to, a)
		if errors.Is(err, ErrNotFound) {
			return false, nil
		}
		return err == nil, err
	})
}

// DeleteACL deletes a binding and waits until no live broker knows it any more. ErrNotFound: there was none.
func (c *Client) DeleteACL(ctx context.Context, a ACL) error {
	k, err := a.code()
	if err != nil {
		return err
	}
	c.mutation("DeleteAcls", a.String())
	resp, err := request(ctx, c, c.anyBroker(), "DeleteAcls", func(b *sarama.Broker) (*sarama.DeleteAclsResponse, error) {
		filter := k.filter(a)
		return b.DeleteAcls(&sarama.DeleteAclsRequest{Version: aclVersion, Filters: []*sarama.AclFilter{&filter}})
	}, func(r *sarama.DeleteAclsResponse) error {
		for _, result := range r.FilterResponses {
			if err := kafkaError(int16(result.Err), result.ErrMsg); err != nil {
				return err
			}
			for _, match := range result.MatchingAcls {
				if err := kafkaError(int16(match.Err), match.ErrMsg); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = agreed(ctx, c, fmt.Sprintf("the end of ACL %q", a.String()), func(ctx context.Context, to nodes) (bool, error) {
		err := c.aclAt(ctx, to, a)
		if errors.Is(err, ErrNotFound) {
			return true, nil
		}
		return false, err
	})
	if err != nil {
		return err
	}
	for _, result := range resp.FilterResponses {
		if len(result.MatchingAcls) > 0 {
			return nil
		}
	}
	return fmt.Errorf("ACL %q: %w", a.String(), ErrNotFound)
}
