package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka/kafkatest"
)

// readOf is a binding of a topic and a user of its own.
func readOf(name string) kafka.ACL {
	return kafka.ACL{ResourceType: "Topic", ResourceName: name, PatternType: "Literal", Principal: "User:" + name, Host: "*", Operation: "Read", Permission: "Allow"}
}

// TestABindingThatDoesNotComeKeepsNoOther: somebody else may delete one of those that were made together.
func TestABindingThatDoesNotComeKeepsNoOther(t *testing.T) {
	c := connect(t, shared)
	there, never := readOf("await-there"), readOf("await-never")
	if err := c.CreateACL(t.Context(), there); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.DeleteACL(context.WithoutCancel(t.Context()), there) })
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	errs := kafka.AwaitACLs(ctx, c, []kafka.ACL{never, there})
	if errs[1] != nil || !errors.Is(errs[0], kafka.ErrUnreachable) {
		t.Errorf("one that is there: %v; one that is not: %v", errs[1], errs[0])
	}
}

// TestOneOfManyBindingsIsConfirmedByShortAnswers has a client that has not read the bindings delete one after the other: it does not ask for all that
// there are each time.
func TestOneOfManyBindingsIsConfirmedByShortAnswers(t *testing.T) {
	const bindings = 1200
	cluster := kafkatest.Start(t, kafkatest.Options{Brokers: 1, Proxied: true})
	dial := func() *kafka.Client {
		return connect(t, cluster, func(cfg *kafka.Config) {
			cfg.Bootstrap = func(context.Context) ([]string, error) { return cluster.Proxied(), nil }
		})
	}
	var acls []kafka.ACL
	for i := range bindings {
		acls = append(acls, readOf(fmt.Sprintf("many-%04d", i)))
	}
	if err := dial().CreateACLs(t.Context(), acls); err != nil {
		t.Fatal(err)
	}
	c := dial()
	for pair := range slices.Chunk(acls[:40], 2) {
		cluster.Measure(0)
		if err := c.DeleteACLs(t.Context(), pair); err != nil {
			t.Fatal(err)
		}
		if got := cluster.Received(); pair[0] != acls[0] && got > 20_000 {
			t.Errorf("the end of %s took %d bytes of answers", pair[0].ResourceName, got)
		}
	}
}
