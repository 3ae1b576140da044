package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/IBM/sarama"
)

// ClusterResource is the only name that an ACL of resource type Cluster can have.
const ClusterResource = "kafka-cluster"

// aclVersion is sarama's highest of the requests about ACLs. Version 3 differs in nothing but that it allows the resource type User,
// which brokers take in version 2 as well.
const aclVersion = 2

// aclBatch is how many bindings one request creates or deletes. A controller refuses requests of more than 10,000 records.
const aclBatch = 1000

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

// codeOf is the protocol's number of a word. In a filter "" is any, which is 1 of each kind.
func codeOf[N ~int](codes map[string]N, word string) (N, bool) {
	if word == "" {
		return 1, true
	}
	n, ok := codes[word]
	return n, ok
}

// wordOf is the reverse of codeOf for what Kafka answers.
func wordOf[N ~int](codes map[string]N, code N) (string, bool) {
	for word, n := range codes {
		if n == code {
			return word, true
		}
	}
	return "", false
}

// code is the binding, or the filter, in numbers.
func (a ACL) code() (coded, error) {
	var k coded
	var ok [4]bool
	k.resource, ok[0] = codeOf(aclResourceTypes, a.ResourceType)
	k.pattern, ok[1] = codeOf(aclPatternTypes, a.PatternType)
	k.operation, ok[2] = codeOf(aclOperations, a.Operation)
	k.permission, ok[3] = codeOf(aclPermissions, a.Permission)
	if ok != [4]bool{true, true, true, true} {
		return k, fmt.Errorf("%w: the ACL has a word that Kafka does not know: %s", ErrInvalid, a)
	}
	return k, nil
}

// filter matches the bindings that are like a: a field that is "" matches all.
func (k coded) filter(a ACL) *sarama.AclFilter {
	exact := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	return &sarama.AclFilter{
		ResourceType: k.resource, ResourceName: exact(a.ResourceName), ResourcePatternTypeFilter: k.pattern,
		Principal: exact(a.Principal), Host: exact(a.Host), Operation: k.operation, PermissionType: k.permission,
	}
}

// creation asks for the binding.
func (k coded) creation(a ACL) *sarama.AclCreation {
	return &sarama.AclCreation{
		Resource: sarama.Resource{ResourceType: k.resource, ResourceName: a.ResourceName, ResourcePatternType: k.pattern},
		Acl:      sarama.Acl{Principal: a.Principal, Host: a.Host, Operation: k.operation, PermissionType: k.permission},
	}
}

// whole says that a binding has all its parts, so that its filter matches no other.
func (a ACL) whole() bool {
	return a.ResourceType != "" && a.ResourceName != "" && a.PatternType != "" && a.Principal != "" && a.Host != "" && a.Operation != "" && a.Permission != ""
}

// common is the narrowest filter that matches all of the bindings: what they share, and any for the rest.
func common(acls []ACL) ACL {
	like := acls[0]
	for _, a := range acls[1:] {
		for _, f := range []struct {
			shared *string
			value  string
		}{
			{&like.ResourceType, a.ResourceType}, {&like.ResourceName, a.ResourceName}, {&like.PatternType, a.PatternType},
			{&like.Principal, a.Principal}, {&like.Host, a.Host}, {&like.Operation, a.Operation}, {&like.Permission, a.Permission},
		} {
			if *f.shared != f.value {
				*f.shared = ""
			}
		}
	}
	return like
}

// Compare orders bindings by resource, then principal, then what they say.
func (a ACL) Compare(b ACL) int {
	return cmp.Or(
		cmp.Compare(a.ResourceType, b.ResourceType), cmp.Compare(a.ResourceName, b.ResourceName), cmp.Compare(a.PatternType, b.PatternType),
		cmp.Compare(a.Principal, b.Principal), cmp.Compare(a.Host, b.Host), cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Permission, b.Permission),
	)
}

// ACL says whether the binding exists, as nil or ErrNotFound, which is confirmed by more than one broker.
func (c *Client) ACL(ctx context.Context, a ACL) error {
	_, err := find(ctx, c, func(ctx context.Context, to nodes) (struct{}, error) {
		found, err := c.aclsAt(ctx, to, a)
		if err == nil && len(found) == 0 {
			err = ErrNotFound
		}
		return struct{}{}, err
	})
	if err != nil {
		return fmt.Errorf("ACL %q: %w", a.String(), err)
	}
	return nil
}

// ACLs returns the bindings that are like the given one, in the order of Compare: a field that is "" matches all. None is no error. The
// answer is that of one broker, and may lack what another client has changed a moment ago.
func (c *Client) ACLs(ctx context.Context, like ACL) ([]ACL, error) {
	return c.aclsAt(ctx, c.anyBroker(), like)
}

// aclsAt is ACLs as one node sees them.
func (c *Client) aclsAt(ctx context.Context, to nodes, like ACL) ([]ACL, error) {
	k, err := like.code()
	if err != nil {
		return nil, err
	}
	resp, err := request(ctx, c, to, "DescribeAcls", func(b *sarama.Broker) (*sarama.DescribeAclsResponse, error) {
		return b.DescribeAcls(&sarama.DescribeAclsRequest{Version: aclVersion, AclFilter: *k.filter(like)})
	}, func(r *sarama.DescribeAclsResponse) error { return kafkaError(int16(r.Err), r.ErrMsg) })
	if err != nil {
		return nil, err
	}
	var found []ACL
	for _, on := range resp.ResourceAcls {
		for _, binding := range on.Acls {
			a := ACL{ResourceName: on.ResourceName, Principal: binding.Principal, Host: binding.Host}
			var ok [4]bool
			a.ResourceType, ok[0] = wordOf(aclResourceTypes, on.ResourceType)
			a.PatternType, ok[1] = wordOf(aclPatternTypes, on.ResourcePatternType)
			a.Operation, ok[2] = wordOf(aclOperations, binding.Operation)
			a.Permission, ok[3] = wordOf(aclPermissions, binding.PermissionType)
			if ok != [4]bool{true, true, true, true} {
				return nil, fmt.Errorf("%w: the cluster has an ACL of %s on %q that is made of words this version does not know (resource type %d, pattern type %d, operation %d, permission %d)",
					ErrInvalid, a.Principal, a.ResourceName, on.ResourceType, on.ResourcePatternType, binding.Operation, binding.PermissionType)
			}
			found = append(found, a)
		}
	}
	slices.SortFunc(found, ACL.Compare)
	return found, nil
}

// CreateACL creates a binding and waits until every live broker knows it. One that exists already is no error in Kafka.
func (c *Client) CreateACL(ctx context.Context, a ACL) error { return c.CreateACLs(ctx, []ACL{a}) }

// CreateACLs is CreateACL for many. After an error some of them may exist.
func (c *Client) CreateACLs(ctx context.Context, acls []ACL) error {
	for batch := range slices.Chunk(acls, aclBatch) {
		if err := c.createACLs(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) createACLs(ctx context.Context, acls []ACL) error {
	codes, err := codesOf(acls)
	if err != nil {
		return err
	}
	c.mutation("CreateAcls", inWords(acls))
	_, err = request(ctx, c, c.anyBroker(), "CreateAcls", func(b *sarama.Broker) (*sarama.CreateAclsResponse, error) {
		req := &sarama.CreateAclsRequest{Version: aclVersion}
		for i, a := range acls {
			req.AclCreations = append(req.AclCreations, codes[i].creation(a))
		}
		resp, err := b.CreateAcls(req)
		if errors.Is(err, sarama.ErrCreateACLs) {
			return resp, nil // The answer says it better, in Kafka's words.
		}
		return resp, err
	}, func(r *sarama.CreateAclsResponse) error {
		for i, result := range r.AclCreationResponses {
			if err := kafkaError(int16(result.Err), result.ErrMsg); err != nil {
				if i < len(acls) {
					err = fmt.Errorf("ACL %q: %w", acls[i].String(), err)
				}
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.agreedACLs(ctx, inWords(acls), acls, true)
}

// DeleteACL deletes a binding and waits until no live broker knows it any more. ErrNotFound: there was none.
func (c *Client) DeleteACL(ctx context.Context, a ACL) error { return c.DeleteACLs(ctx, []ACL{a}) }

// DeleteACLs is DeleteACL for many; ErrNotFound: there was none of them. After another error some of them may be gone.
func (c *Client) DeleteACLs(ctx context.Context, acls []ACL) error {
	deleted := 0
	for batch := range slices.Chunk(acls, aclBatch) {
		n, err := c.deleteACLs(ctx, batch)
		if err != nil {
			return err
		}
		deleted += n
	}
	if deleted == 0 && len(acls) > 0 {
		return fmt.Errorf("ACL %q: %w", inWords(acls), ErrNotFound)
	}
	return nil
}

func (c *Client) deleteACLs(ctx context.Context, acls []ACL) (deleted int, err error) {
	codes, err := codesOf(acls)
	if err != nil {
		return 0, err
	}
	c.mutation("DeleteAcls", inWords(acls))
	resp, err := request(ctx, c, c.anyBroker(), "DeleteAcls", func(b *sarama.Broker) (*sarama.DeleteAclsResponse, error) {
		req := &sarama.DeleteAclsRequest{Version: aclVersion}
		for i, a := range acls {
			req.Filters = append(req.Filters, codes[i].filter(a))
		}
		return b.DeleteAcls(req)
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
		return 0, err
	}
	if err := c.agreedACLs(ctx, "the end of "+inWords(acls), acls, false); err != nil {
		return 0, err
	}
	for _, result := range resp.FilterResponses {
		deleted += len(result.MatchingAcls)
	}
	return deleted, nil
}

// agreedACLs waits until every live broker knows all of the bindings, or none of them.
func (c *Client) agreedACLs(ctx context.Context, what string, acls []ACL, exist bool) error {
	wanted := map[ACL]bool{}
	for _, a := range acls {
		wanted[a] = true
	}
	number := 0
	if exist {
		number = len(wanted)
	}
	like := common(acls)
	return agreed(ctx, c, fmt.Sprintf("ACL %q", what), func(ctx context.Context, to nodes) (bool, error) {
		found, err := c.aclsAt(ctx, to, like)
		known := 0
		for _, a := range found {
			if wanted[a] {
				known++
			}
		}
		return known == number, err
	})
}

// codesOf are bindings in numbers. One that lacks a part would be a filter that matches others, too.
func codesOf(acls []ACL) ([]coded, error) {
	codes := make([]coded, len(acls))
	for i, a := range acls {
		var err error
		if codes[i], err = a.code(); err != nil {
			return nil, err
		}
		if !a.whole() {
			return nil, fmt.Errorf("%w: the ACL lacks a part: %s", ErrInvalid, a)
		}
	}
	return codes, nil
}

// inWords says bindings in one line.
func inWords(acls []ACL) string {
	texts := make([]string, len(acls))
	for i, a := range acls {
		texts[i] = a.String()
	}
	return strings.Join(texts, "; ")
}
