package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// ClusterResource is the only name that an ACL of resource type Cluster can have.
const ClusterResource = "kafka-cluster"

var (
	aclResourceTypes = map[string]kmsg.ACLResourceType{
		"Topic": kmsg.ACLResourceTypeTopic, "Group": kmsg.ACLResourceTypeGroup, "Cluster": kmsg.ACLResourceTypeCluster,
		"TransactionalId": kmsg.ACLResourceTypeTransactionalId, "DelegationToken": kmsg.ACLResourceTypeDelegationToken,
		"User": kmsg.ACLResourceTypeUser,
	}
	aclPatternTypes = map[string]kmsg.ACLResourcePatternType{
		"Literal": kmsg.ACLResourcePatternTypeLiteral, "Prefixed": kmsg.ACLResourcePatternTypePrefixed,
	}
	aclOperations = map[string]kmsg.ACLOperation{
		"All": kmsg.ACLOperationAll, "Read": kmsg.ACLOperationRead, "Write": kmsg.ACLOperationWrite, "Create": kmsg.ACLOperationCreate,
		"Delete": kmsg.ACLOperationDelete, "Alter": kmsg.ACLOperationAlter, "Describe": kmsg.ACLOperationDescribe,
		"ClusterAction": kmsg.ACLOperationClusterAction, "DescribeConfigs": kmsg.ACLOperationDescribeConfigs,
		"AlterConfigs": kmsg.ACLOperationAlterConfigs, "IdempotentWrite": kmsg.ACLOperationIdempotentWrite,
		"CreateTokens": kmsg.ACLOperationCreateTokens, "DescribeTokens": kmsg.ACLOperationDescribeTokens,
		"TwoPhaseCommit": 15, // KIP-939; kmsg has no name for it yet.
	}
	aclPermissions = map[string]kmsg.ACLPermissionType{"Allow": kmsg.ACLPermissionTypeAllow, "Deny": kmsg.ACLPermissionTypeDeny}
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
	resource   kmsg.ACLResourceType
	pattern    kmsg.ACLResourcePatternType
	operation  kmsg.ACLOperation
	permission kmsg.ACLPermissionType
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
	req := kmsg.NewPtrDescribeACLsRequest()
	req.ResourceType, req.ResourceName, req.ResourcePatternType = k.resource, &a.ResourceName, k.pattern
	req.Principal, req.Host, req.Operation, req.PermissionType = &a.Principal, &a.Host, k.operation, k.permission
	resp, err := requestKRaft(ctx, c, to, req, func(r *kmsg.DescribeACLsResponse) error { return kafkaError(r.ErrorCode, r.ErrorMessage) })
	if err != nil {
		return err
	}
	if len(resp.Resources) == 0 {
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
	req := kmsg.NewPtrCreateACLsRequest()
	creation := kmsg.NewCreateACLsRequestCreation()
	creation.ResourceType, creation.ResourceName, creation.ResourcePatternType = k.resource, a.ResourceName, k.pattern
	creation.Principal, creation.Host, creation.Operation, creation.PermissionType = a.Principal, a.Host, k.operation, k.permission
	req.Creations = append(req.Creations, creation)
	c.mutation("CreateAcls", a.String())
	_, err = requestKRaft(ctx, c, c.anyBroker(), req, func(r *kmsg.CreateACLsResponse) error {
		for _, result := range r.Results {
			if err := kafkaError(result.ErrorCode, result.ErrorMessage); err != nil {
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
	req := kmsg.NewPtrDeleteACLsRequest()
	filter := kmsg.NewDeleteACLsRequestFilter()
	filter.ResourceType, filter.ResourceName, filter.ResourcePatternType = k.resource, &a.ResourceName, k.pattern
	filter.Principal, filter.Host, filter.Operation, filter.PermissionType = &a.Principal, &a.Host, k.operation, k.permission
	req.Filters = append(req.Filters, filter)
	c.mutation("DeleteAcls", a.String())
	resp, err := requestKRaft(ctx, c, c.anyBroker(), req, func(r *kmsg.DeleteACLsResponse) error {
		for _, result := range r.Results {
			if err := kafkaError(result.ErrorCode, result.ErrorMessage); err != nil {
				return err
			}
			for _, match := range result.MatchingACLs {
				if err := kafkaError(match.ErrorCode, match.ErrorMessage); err != nil {
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
	for _, result := range resp.Results {
		if len(result.MatchingACLs) > 0 {
			return nil
		}
	}
	return fmt.Errorf("ACL %q: %w", a.String(), ErrNotFound)
}
