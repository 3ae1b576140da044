package provider

import (
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// aclClaims keeps the resources of one run from deleting each other's bindings. Terraform changes them in any order and several at a
// time: when one resource comes to declare a binding that another one ceases to declare in the same run, as when the elements of a
// list move up by one, then the binding is to stay, whichever resource comes first.
type aclClaims struct {
	mu sync.Mutex
	// ended is told when deletions have ended.
	ended    *sync.Cond
	claimed  map[clusterACL]bool
	deleting map[clusterACL]bool
}

// clusterACL is a binding of one cluster, "" for the Kafka of the provider block.
type clusterACL struct {
	cluster string
	binding kafka.ACL
}

func newACLClaims() *aclClaims {
	c := &aclClaims{claimed: map[clusterACL]bool{}, deleting: map[clusterACL]bool{}}
	c.ended = sync.NewCond(&c.mu)
	return c
}

// claim says that a resource declares these bindings: from now on no other one of this run deletes them. It waits for the deletions of
// them that are under way, so that what the caller creates next is not taken away by those.
func (c *aclClaims) claim(cluster types.String, bindings []kafka.ACL) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range bindings {
		this := clusterACL{cluster.ValueString(), b}
		c.claimed[this] = true
		for c.deleting[this] {
			c.ended.Wait()
		}
	}
}

// release returns those of the bindings that nobody has claimed, for the caller to delete, and what to call when that is done.
func (c *aclClaims) release(cluster types.String, bindings []kafka.ACL) (unclaimed []kafka.ACL, done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range bindings {
		if this := (clusterACL{cluster.ValueString(), b}); !c.claimed[this] {
			c.deleting[this] = true
			unclaimed = append(unclaimed, b)
		}
	}
	return unclaimed, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, b := range unclaimed {
			delete(c.deleting, clusterACL{cluster.ValueString(), b})
		}
		c.ended.Broadcast()
	}
}
