package provider

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

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

// expectUpdated checks that a resource was changed in place into one of this id.
func expectUpdated(address, id string) resource.ConfigPlanChecks {
	checks := expect(address, plancheck.ResourceActionUpdate)
	checks.PreApply = append(checks.PreApply, plancheck.ExpectKnownValue(address, tfjsonpath.New("id"), knownvalue.StringExact(id)))
	return checks
}

// witness runs the provider in this process, and has a look at Kafka right before each deletion of ACLs, when what is told must be true.
func witness(t *testing.T, look func(subject string)) map[string]func() (tfprotov6.ProviderServer, error) {
	t.Helper()
	p := &kafkafleetProvider{version: "test", onMutation: func(api, subject string) {
		if api == "DeleteAcls" {
			look(subject)
		}
	}}
	return map[string]func() (tfprotov6.ProviderServer, error){"kafkafleet": func() (tfprotov6.ProviderServer, error) { return NewServer(p) }}
}

func TestAccACLIsCreatedChangedImportedAndDeleted(t *testing.T) {
	t.Parallel()
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
				Config: special, ConfigPlanChecks: expectUpdated(theACL, "TransactionalId|pay%7Cments/|Prefixed|User:CN=shop,O=Example|192.0.2.1|TwoPhaseCommit|Deny"),
				ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectIdentityValue(theACL, tfjsonpath.New("operation"), knownvalue.StringExact("TwoPhaseCommit"))},
				Check:             resource.ComposeAggregateTestCheckFunc(bound(t, binding, true), bound(t, defaults, false)),
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

// TestAccChangedACLLeavesNoHole: when the old binding is about to be deleted, the new one is there. A run that was cut off in between is
// gone on with, and its second binding does not look like somebody else's.
func TestAccChangedACLLeavesNoHole(t *testing.T) {
	t.Parallel()
	binding := func(operation string) kafka.ACL {
		return kafka.ACL{ResourceType: "Topic", ResourceName: "hole", PatternType: "Literal", Principal: "User:hole", Host: "*", Operation: operation, Permission: "Allow"}
	}
	deletions := 0
	config := func(operation string) string { return onShared(t, acl("Topic", "hole", "User:hole", operation, "")) }
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: witness(t, func(subject string) {
			if deletions++; !strings.Contains(subject, "to Read") {
				return // The end of the test.
			}
			for _, operation := range []string{"Read", "Write"} {
				if err := bound(t, binding(operation), true)(nil); err != nil {
					t.Errorf("at the deletion of %s: %v", subject, err)
				}
			}
		}),
		CheckDestroy: bound(t, binding("Describe"), false),
		Steps: []resource.TestStep{
			{Config: config("Read")},
			{
				Config: config("Write"), ConfigPlanChecks: expect(theACL, plancheck.ResourceActionUpdate),
				Check: resource.ComposeAggregateTestCheckFunc(bound(t, binding("Read"), false), bound(t, binding("Write"), true)),
			},
			{
				// As left by a run that was killed after the creation.
				PreConfig: func() {
					if err := direct(t, sharedKafka(t)).CreateACL(t.Context(), binding("Describe")); err != nil {
						t.Fatal(err)
					}
				},
				Config: config("Describe"), ConfigPlanChecks: expect(theACL, plancheck.ResourceActionUpdate),
				Check: resource.ComposeAggregateTestCheckFunc(bound(t, binding("Write"), false), bound(t, binding("Describe"), true)),
			},
		},
	})
	if deletions != 3 {
		t.Errorf("%d deletions, want 3: the two changes and the end", deletions)
	}
}

// TestAccACLsThatSwapBindingsKeepThem: each resource gives up what the other one takes, whichever is first.
func TestAccACLsThatSwapBindingsKeepThem(t *testing.T) {
	t.Parallel()
	binding := func(operation string) kafka.ACL {
		return kafka.ACL{ResourceType: "Topic", ResourceName: "swap", PatternType: "Literal", Principal: "User:swap", Host: "*", Operation: operation, Permission: "Allow"}
	}
	config := func(operations string) string {
		return onShared(t, fmt.Sprintf(`
resource "kafkafleet_acl" "test" {
  count         = length(%[1]s)
  resource_type = "Topic"
  resource_name = "swap"
  principal     = "User:swap"
  operation     = %[1]s[count.index]
}
`, operations))
	}
	all := func(operations ...string) resource.TestCheckFunc {
		return func(*terraform.State) error {
			for _, operation := range []string{"Read", "Write", "Describe"} {
				if err := bound(t, binding(operation), slices.Contains(operations, operation))(nil); err != nil {
					return err
				}
			}
			return nil
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		CheckDestroy:             all(),
		Steps: []resource.TestStep{
			{Config: config(`["Read", "Write", "Describe"]`), Check: all("Read", "Write", "Describe")},
			{Config: config(`["Write", "Read", "Describe"]`), Check: all("Read", "Write", "Describe")},
			{Config: config(`["Read", "Describe"]`), Check: all("Read", "Describe")},
		},
	})
}

func TestAccACLThatExistsIsNotTakenOver(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
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
			plan(acl("Topic", "a", "user:a", "Read", ""), `Not a principal...write User:a`),
			plan(acl("Topic", "a", "User:a", "Read", `host = "example.com"`), `Not a host...addresses, not names`),
			plan(acl("Topic", "a", "User:a", "Read", `host = "2001:db8::1"`), `Not a host...write 2001:db8:0:0:0:0:0:1`),
			plan(acl("User", "alice", "User:a", "CreateTokens", ""), `Not a principal`),
			{
				Config: onShared(t, acl("Topic", "a", "User:a", "Read", "")), ResourceName: theACL, ImportState: true, ImportStateId: "Topic|a", ExpectError: message(`2 parts instead of 7`),
			},
		},
	})
}
