package provider

import (
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// TestClaimedBindingsAreNotDeleted: not by another resource of the cluster, while those of other clusters are other bindings.
func TestClaimedBindingsAreNotDeleted(t *testing.T) {
	read, write := kafka.ACL{Operation: "Read"}, kafka.ACL{Operation: "Write"}
	here, there := types.StringValue("here"), types.StringNull()
	c := newACLClaims()
	c.claim(here, []kafka.ACL{read})
	for _, test := range []struct {
		cluster types.String
		want    []kafka.ACL
	}{{here, []kafka.ACL{write}}, {there, []kafka.ACL{read, write}}} {
		got, done := c.release(test.cluster, []kafka.ACL{read, write})
		if !slices.Equal(got, test.want) {
			t.Errorf("in %s these may be deleted: %v, want %v", test.cluster, got, test.want)
		}
		done()
	}
}

// TestAClaimWaitsForADeletionUnderWay: what is created after the claim must not be taken away by a deletion that was sent before it.
func TestAClaimWaitsForADeletionUnderWay(t *testing.T) {
	binding := []kafka.ACL{{Operation: "Read"}}
	c := newACLClaims()
	mine, done := c.release(types.StringNull(), binding)
	if len(mine) != 1 {
		t.Fatal("nobody has claimed it")
	}
	claimed := make(chan bool, 1)
	go func() {
		c.claim(types.StringNull(), binding)
		claimed <- true
	}()
	eventually(t, 10*time.Second, func() string {
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.claimed) == 0 {
			return "the claim has not begun"
		}
		return ""
	})
	select {
	case <-claimed:
		t.Fatal("the claim did not wait for the deletion")
	default:
	}
	done()
	<-claimed
	if mine, _ := c.release(types.StringNull(), binding); len(mine) > 0 {
		t.Errorf("%v was claimed and may be deleted", mine)
	}
}
