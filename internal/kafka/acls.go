package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/IBM/sarama"
	"golang.org/x/sync/errgroup"
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

// wide says that a filter is not about one principal or one resource.
func (a ACL) wide() bool { return a.Principal == "" && a.ResourceName == "" }

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
	if like.wide() {
		c.reader.sees(len(found))
	}
	return found, nil
}

// CreateACL creates a binding and waits until every live broker knows it. One that exists already is no error in Kafka.
func (c *Client) CreateACL(ctx context.Context, a ACL) error { return c.CreateACLs(ctx, []ACL{a}) }

// CreateACLs is CreateACL for many. After an error some of them may exist.
func (c *Client) CreateACLs(ctx context.Context, acls []ACL) error {
	if _, err := codesOf(acls); err != nil || len(acls) == 0 {
		return err
	}
	err := ask(ctx, c.gather.createdACLs, acls)
	c.reader.acls.Forget(acls...)
	if err != nil {
		return err
	}
	// Brokers tell their authorizers a moment after they have the metadata, so that these are asked in any case, and most often once.
	c.settled(ctx, 1)
	if err := await(ctx, c.gather.awaitedACLs, awaitedACLs{acls: acls}); err != nil {
		return err
	}
	c.reader.knows(acls)
	return nil
}

// DeleteACL deletes a binding and waits until no live broker knows it any more. ErrNotFound: there was none.
func (c *Client) DeleteACL(ctx context.Context, a ACL) error { return c.DeleteACLs(ctx, []ACL{a}) }

// DeleteACLs is DeleteACL for many; ErrNotFound: there was none of them. After another error some of them may be gone.
func (c *Client) DeleteACLs(ctx context.Context, acls []ACL) error {
	if _, err := codesOf(acls); err != nil || len(acls) == 0 {
		return err
	}
	deleted := ask(ctx, c.gather.deletedACLs, acls)
	c.reader.acls.Forget(acls...)
	if deleted != nil && !errors.Is(deleted, ErrNotFound) {
		return deleted
	}
	c.settled(ctx, 1)
	if err := await(ctx, c.gather.awaitedACLs, awaitedACLs{acls: acls, gone: true}); err != nil {
		return err
	}
	c.reader.acls.Remove(acls...)
	return deleted
}

// perCaller are the errors of the callers' lists, made of those of their bindings.
func perCaller(lists [][]ACL, errs []error, of func(own []error) error) []error {
	out := make([]error, len(lists))
	first := 0
	for i, list := range lists {
		out[i] = of(errs[first : first+len(list)])
		first += len(list)
	}
	return out
}

// firstOf is the first error that there is.
func firstOf(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// createACLs is CreateACLs for several callers, without the wait.
func (c *Client) createACLs(ctx context.Context, lists [][]ACL) []error {
	errs := inChunks(slices.Concat(lists...), aclBatch, single, func(a ACL) ACL { return a }, func(acls []ACL) []error {
		codes, _ := codesOf(acls) //nolint:errcheck // Each caller's have been checked, so that no other one's fail with them.
		for _, a := range acls {
			c.mutation("CreateAcls", a.String())
		}
		return each(ctx, c, c.anyForwarder(), "CreateAcls", len(acls), func(b *sarama.Broker, left []int) (*sarama.CreateAclsResponse, error) {
			req := &sarama.CreateAclsRequest{Version: aclVersion}
			for _, i := range left {
				req.AclCreations = append(req.AclCreations, codes[i].creation(acls[i]))
			}
			resp, err := b.CreateAcls(req)
			if errors.Is(err, sarama.ErrCreateACLs) {
				return resp, nil // The answer says it better, in Kafka's words.
			}
			return resp, err
		}, func(r *sarama.CreateAclsResponse, position, i int, _ bool) error {
			if position >= len(r.AclCreationResponses) {
				return fmt.Errorf("%w: ACL %q was to be created and is not in the answer", ErrInvalid, acls[i])
			}
			result := r.AclCreationResponses[position]
			if err := kafkaError(int16(result.Err), result.ErrMsg); err != nil {
				return fmt.Errorf("ACL %q: %w", acls[i], err)
			}
			return nil
		})
	})
	return perCaller(lists, errs, firstOf)
}

// deleteACLs is DeleteACLs for several callers, without the wait.
func (c *Client) deleteACLs(ctx context.Context, lists [][]ACL) []error {
	errs := inChunks(slices.Concat(lists...), aclBatch, single, func(a ACL) ACL { return a }, func(acls []ACL) []error {
		codes, _ := codesOf(acls) //nolint:errcheck // Each caller's have been checked, so that no other one's fail with them.
		for _, a := range acls {
			c.mutation("DeleteAcls", a.String())
		}
		return each(ctx, c, c.anyForwarder(), "DeleteAcls", len(acls), func(b *sarama.Broker, left []int) (*sarama.DeleteAclsResponse, error) {
			req := &sarama.DeleteAclsRequest{Version: aclVersion}
			for _, i := range left {
				req.Filters = append(req.Filters, codes[i].filter(acls[i]))
			}
			return b.DeleteAcls(req)
		}, func(r *sarama.DeleteAclsResponse, position, i int, repeated bool) error {
			if position >= len(r.FilterResponses) {
				return fmt.Errorf("%w: ACL %q was to be deleted and is not in the answer", ErrInvalid, acls[i])
			}
			result := r.FilterResponses[position]
			if err := kafkaError(int16(result.Err), result.ErrMsg); err != nil {
				return err
			}
			for _, match := range result.MatchingAcls {
				if err := kafkaError(int16(match.Err), match.ErrMsg); err != nil {
					return err
				}
			}
			if len(result.MatchingAcls) == 0 && !repeated {
				return fmt.Errorf("ACL %q: %w", acls[i], ErrNotFound)
			}
			return nil
		})
	})
	return perCaller(lists, errs, func(own []error) error {
		// That some of them are not there is no error, that none is there is one.
		if others := slices.DeleteFunc(slices.Clone(own), func(err error) bool { return errors.Is(err, ErrNotFound) }); len(others) > 0 {
			return firstOf(others)
		}
		return own[0]
	})
}

// awaitedACLs are bindings that every broker shall know, or that none shall know.
type awaitedACLs struct {
	acls []ACL
	gone bool
}

func (a awaitedACLs) String() string {
	text := a.acls[0].String()
	if more := len(a.acls) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	if a.gone {
		return fmt.Sprintf("the end of ACL %q", text)
	}
	return fmt.Sprintf("ACL %q", text)
}

// comesTogether is how long bindings that were changed together are taken to come to a broker together.
const comesTogether = time.Second

// awaitACLs waits until every live broker knows the bindings, or none of them.
func (c *Client) awaitACLs(ctx context.Context, all []awaitedACLs) []error {
	began := time.Now()
	return agreedOnEach(ctx, c, texts(all), func(ctx context.Context, to nodes, left []int) ([]bool, error) {
		var acls []ACL
		for _, i := range left {
			acls = append(acls, all[i].acls...)
		}
		known := map[ACL]bool{}
		filters := likes(acls, c.reader.bindings())
		// What was changed together comes to a broker together: where those of the first filter have not come yet, the others are not worth a question. One
		// that does not come at all, since somebody else has changed it, keeps them for no longer than that.
		for _, some := range [][]ACL{filters[:1], filters[1:]} {
			found, err := c.likeAny(ctx, to, some)
			if err != nil {
				return nil, err
			}
			for _, a := range found {
				known[a] = true
			}
			if time.Since(began) < comesTogether && slices.ContainsFunc(left, func(i int) bool {
				return slices.ContainsFunc(all[i].acls, func(a ACL) bool {
					return known[a] == all[i].gone && slices.ContainsFunc(some, a.like)
				})
			}) {
				return make([]bool, len(left)), nil
			}
		}
		answers := make([]bool, len(left))
		for position, i := range left {
			answers[position] = !slices.ContainsFunc(all[i].acls, func(a ACL) bool { return known[a] == all[i].gone })
		}
		return answers, nil
	})
}

// likeAny returns the bindings that one node has of each of several filters, which are asked for at the same time.
func (c *Client) likeAny(ctx context.Context, to nodes, filters []ACL) ([]ACL, error) {
	found := make([][]ACL, len(filters))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(filtersAtOnce)
	for i, like := range filters {
		group.Go(func() (err error) {
			found[i], err = c.aclsAt(ctx, to, like)
			return err
		})
	}
	err := group.Wait()
	return slices.Concat(found...), err
}

// filtersAtOnce is how many questions about bindings one broker is asked at the same time.
const filtersAtOnce = 4

// bindingsPerFilter is how many bindings an answer may have before it is worth a filter more.
const bindingsPerFilter = 100

// likes are filters that together match all of the bindings, and few others: what all share; or one for each principal, or for each resource. They
// match all that there are where these are few.
func likes(acls []ACL, there int) []ACL {
	like := common(acls)
	if !like.wide() {
		return []ACL{like}
	}
	principals, resources := map[ACL]bool{}, map[ACL]bool{}
	for _, a := range acls {
		principals[ACL{Principal: a.Principal}] = true
		resources[ACL{ResourceType: a.ResourceType, ResourceName: a.ResourceName}] = true
	}
	fewest := principals
	if len(resources) < len(principals) {
		fewest = resources
	}
	if len(fewest)*bindingsPerFilter > there {
		return []ACL{like}
	}
	return slices.SortedFunc(maps.Keys(fewest), ACL.Compare)
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
