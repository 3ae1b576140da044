package provider

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// changeACLs makes what a resource has declared true. It creates the declared bindings that Kafka lacks (all of them are like the given
// one), waits until every live broker knows them, and only then deletes those of before that are declared no longer, so that access
// never has a hole. What fails leaves more bindings than wanted, never fewer, and can be done again.
func (d *providerData) changeACLs(ctx context.Context, cluster types.String, like kafka.ACL, before, declared []kafka.ACL) error {
	d.ACLs.claim(cluster, declared)
	k, err := d.Kafka.Kafka(ctx, cluster)
	if err != nil {
		return err
	}
	there, err := k.Reader().ACLs(ctx, like)
	if err != nil {
		return err
	}
	if err := k.CreateACLs(ctx, without(declared, there)); err != nil {
		return err
	}
	return d.deleteACLs(ctx, cluster, without(before, declared))
}

// deleteACLs deletes bindings, except those that another resource of this run has come to declare. It is no error that some of them, or
// the whole cluster, do not exist any more.
func (d *providerData) deleteACLs(ctx context.Context, cluster types.String, bindings []kafka.ACL) error {
	k, err := d.Kafka.Kafka(ctx, cluster)
	if err == nil {
		unclaimed, done := d.ACLs.release(cluster, bindings)
		defer done()
		err = k.DeleteACLs(ctx, unclaimed)
	}
	if gone(err) {
		return nil
	}
	return err
}

// without are the bindings of one list that are not in the other.
func without(bindings, others []kafka.ACL) []kafka.ACL {
	other := map[kafka.ACL]bool{}
	for _, a := range others {
		other[a] = true
	}
	return slices.DeleteFunc(slices.Clone(bindings), func(a kafka.ACL) bool { return other[a] })
}
