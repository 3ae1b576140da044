package provider

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

const theACL = "kafkafleet_acl.test"

// acl writes the configuration of one binding.
func acl(kind, name, principal, operation, more string) string {
	return fmt.Sprintf("resource \"kafkafleet_acl\" \"test\" {\n  resource_type = %q\n  resource_name = %q\n  principal = %q\n  operation = %q\n  %s\n}\n", kind, name, principal, operation, more)
}

// bound checks whether a binding exists in Kafka.
func bound(t *testing.T, a kafka.ACL, want bool) resource.TestCheckFunc {
	return func(*terraform.State) error {
		err := direct(t, sharedKafka(t)).ACL(t.Context(), a)
		if err != nil && !gone(err) {
			return err
		}
		if (err == nil) != want {
			return fmt.Errorf("existence of %s is %v, want %v", a, err == nil, want)
		}
		return nil
	}
}

func TestAccACLIsCreatedReplacedImportedAndDeleted(t *testing.T) {
	var made calls
	binding := kafka.ACL{
		ResourceType: "TransactionalId", ResourceName: "pay|ments/", PatternType: "Prefixed", Principal: "User:CN=shop,O=Example", Host: "192.0.2.1", Operation: "TwoPhaseCommit", Permission: "Deny",
	}
	special := onShared(t, acl("TransactionalId", "pay|ments/", "User:CN=shop,O=Example", "TwoPhaseCommit", "pattern_type = \"Prefixed\"\n  host = \"192.0.2.1\"\n  permission = \"Deny\""))
	plain := onShared(t, acl("Topic", "*", "User:*", "Read", ""))
	defaults := kafka.ACL{ResourceType: "Topic", ResourceName: "*", PatternType: "Literal", Principal: "User:*", Host: "*", Operation: "Read", Permission: "Allow"}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(&made),
		CheckDestroy:             bound(t, binding, false),
		Steps: []resource.TestStep{
			{
				Config: plain, ConfigPlanChecks: expect(theACL, plancheck.ResourceActionCreate), Check: bound(t, defaults, true),
				ConfigStateChecks: []statecheck.StateCheck{has(theACL, "id", knownvalue.StringExact("Topic|*|Literal|User:*|*|Read|Allow"))},
			},
			{
				Config: special, ConfigPlanChecks: expect(theACL, plancheck.ResourceActionDestroyBeforeCreate),
				Check: resource.ComposeAggregateTestCheckFunc(bound(t, binding, true), bound(t, defaults, false)),
			},
			{
				PreConfig: func() { made.take() },
				Config:    special, ConfigPlanChecks: expect(theACL, plancheck.ResourceActionNoop),
				Check: func(*terraform.State) error {
					if got := made.take(); len(got) > 0 {
						return fmt.Errorf("a second apply made the mutating calls %q", got)
					}
					return nil
				},
			},
			{Config: special, ResourceName: theACL, ImportState: true, ImportStateVerify: true},
			{Config: special, ResourceName: theACL, ImportState: true, ImportStateKind: resource.ImportBlockWithID},
			{Config: special, ResourceName: theACL, ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity},
			{
				PreConfig: func() {
					if err := direct(t, sharedKafka(t)).DeleteACL(t.Context(), binding); err != nil {
						t.Fatal(err)
					}
				},
				Config: special, ConfigPlanChecks: expect(theACL, plancheck.ResourceActionCreate), Check: bound(t, binding, true),
			},
		},
	})
}

func TestAccACLThatExistsIsNotTakenOver(t *testing.T) {
	binding := kafka.ACL{ResourceType: "Group", ResourceName: "taken", PatternType: "Literal", Principal: "User:a", Host: "*", Operation: "Read", Permission: "Allow"}
	if err := direct(t, sharedKafka(t)).CreateACL(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{{
			Config:      onShared(t, acl("Group", "taken", "User:a", "Read", "")),
			ExpectError: message(`exists in the cluster of the provider block...terraform import <address> 'Group|taken|Literal|User:a|*|Read|Allow'`),
		}},
	})
	if err := bound(t, binding, true)(nil); err != nil {
		t.Error(err)
	}
}

func TestAccACLFaultsAreToldAtPlan(t *testing.T) {
	plan := func(config, told string) resource.TestStep {
		return resource.TestStep{Config: onShared(t, config), PlanOnly: true, ExpectError: message(told)}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{
			plan(acl("topic", "a", "User:a", "Read", ""), `resource_type..."Topic"`),
			plan(acl("Group", "a", "User:a", "Write", ""), `does not exist for this resource type...All, Read, Delete`),
			plan(acl("Cluster", "main", "User:a", "Describe", ""), `Not the name of the cluster..."kafka-cluster"`),
			plan(acl("Cluster", "kafka-cluster", "User:a", "Describe", `pattern_type = "Prefixed"`), `Not the name of the cluster`),
			plan(acl("Topic", "*", "User:a", "Read", `pattern_type = "Prefixed"`), `A prefix is no wildcard`),
			plan(acl("Topic", "a b", "User:a", "Read", ""), `Not a topic name`),
			plan(acl("Topic", "a", "alice", "Read", ""), `User:alice`),
			plan(acl("Topic", "a", "User:a", "Read", `host = "example.com"`), `Not a host...addresses, not names`),
			plan(acl("User", "alice", "User:a", "CreateTokens", ""), `Not a principal`),
			{
				Config: onShared(t, acl("Topic", "a", "User:a", "Read", "")), ResourceName: theACL, ImportState: true, ImportStateId: "Topic|a", ExpectError: message(`2 parts instead of 7`),
			},
		},
	})
}
