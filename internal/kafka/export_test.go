package kafka

import "context"

// AwaitACLs waits until every live broker knows each of some bindings.
func AwaitACLs(ctx context.Context, c *Client, acls []ACL) []error {
	var awaited []awaitedACLs
	for _, a := range acls {
		awaited = append(awaited, awaitedACLs{acls: []ACL{a}})
	}
	return c.awaitACLs(ctx, awaited)
}
