package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

const theACLs = "kafkafleet_acls.test"

// acls writes the configuration of a set. The subject is lines, each binding the inside of an object.
func acls(subject string, bindings ...string) string {
	return fmt.Sprintf("resource \"kafkafleet_acls\" \"test\" {\n%s\nbindings = [%s]\n}\n", subject, "{ "+strings.Join(bindings, " }, { ")+" }")
}

// noACLs is acls without any binding.
func noACLs(subject string) string { return strings.Replace(acls(subject), "{  }", "", 1) }

// on is a binding of the set of a principal.
func on(kind, name, operation, more string) string {
	return fmt.Sprintf("resource_type = %q, resource_name = %q, operation = %q%s", kind, name, operation, more)
}

// allow is a binding as Kafka has it, with what is usual.
func allow(principal, kind, name, pattern, operation string) kafka.ACL {
	return kafka.ACL{ResourceType: kind, ResourceName: name, PatternType: pattern, Principal: principal, Host: "*", Operation: operation, Permission: "Allow"}
}

// bindingsAre checks all bindings in Kafka that are like the given one.
func bindingsAre(t *testing.T, like kafka.ACL, want ...kafka.ACL) resource.TestCheckFunc {
	return func(*terraform.State) error {
		got, err := direct(t, sharedKafka(t)).ACLs(t.Context(), like)
		slices.SortFunc(want, kafka.ACL.Compare)
		if err == nil && !slices.Equal(got, want) {
			err = fmt.Errorf("like %+v there are %v, want %v", like, got, want)
		}
		return err
	}
}

// bind creates bindings past Terraform, and deletes them when the test ends.
func bind(t *testing.T, bindings ...kafka.ACL) {
	t.Helper()
	if err := direct(t, sharedKafka(t)).CreateACLs(t.Context(), bindings); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		k := kafka.New(kafka.Config{Bootstrap: func(context.Context) ([]string, error) { return sharedKafka(t).Bootstrap(), nil }})
		defer k.Close()
		if err := k.DeleteACLs(context.WithoutCancel(t.Context()), bindings); err != nil && !errors.Is(err, kafka.ErrNotFound) {
			t.Error(err)
		}
	})
}

// shows checks that a plan names something in a resource before the change, and whether it does after it.
type shows struct {
	address, name string
	after         bool
}

func (s shows) CheckPlan(_ context.Context, req plancheck.CheckPlanRequest, resp *plancheck.CheckPlanResponse) {
	for _, change := range req.Plan.ResourceChanges {
		if change.Address != s.address {
			continue
		}
		before, after := fmt.Sprint(change.Change.Before), fmt.Sprint(change.Change.After)
		if !strings.Contains(before, s.name) || strings.Contains(after, s.name) != s.after {
			resp.Error = fmt.Errorf("the plan of %s does not show %q as wanted:\nbefore: %s\nafter: %s", s.address, s.name, before, after)
		}
		return
	}
	resp.Error = fmt.Errorf("the plan has no %s", s.address)
}

func TestAccACLsOfAPrincipalAreCreatedChangedImportedAndDeleted(t *testing.T) {
	t.Parallel()
	var made calls
	const who = "User:CN=set,O=a/b"
	subject := fmt.Sprintf("principal = %q", who)
	// Two bindings that differ in nothing but the pattern, and defaults that are written out.
	prefixed := on("Topic", "set", "Read", `, pattern_type = "Prefixed"`)
	first := onShared(t, acls(subject, on("Topic", "set", "Read", ""), prefixed, on("Group", "set", "Read", `, host = "*", permission = "Allow"`)))
	second := onShared(t, acls(subject, on("Topic", "set", "Write", `, host = "192.0.2.1"`), prefixed, on("Group", "set", "Read", `, host = "*", permission = "Allow"`)))
	// The same as the second, said in another way.
	third := onShared(t, acls(subject, on("Group", "set", "Read", ""), prefixed+`, permission = "Allow"`, on("Topic", "set", "Write", `, host = "192.0.2.1", pattern_type = "Literal"`)))
	kept := []kafka.ACL{allow(who, "Topic", "set", "Prefixed", "Read"), allow(who, "Group", "set", "Literal", "Read")}
	old, changed := allow(who, "Topic", "set", "Literal", "Read"), allow(who, "Topic", "set", "Literal", "Write")
	changed.Host = "192.0.2.1"
	other := allow("User:other", "Topic", "set", "Literal", "Read")
	bind(t, other)
	like := kafka.ACL{Principal: who}
	quiet := func(*terraform.State) error {
		if got := made.take(); len(got) > 0 {
			return fmt.Errorf("a second apply made the mutating calls %q", got)
		}
		return nil
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(&made),
		CheckDestroy:             resource.ComposeAggregateTestCheckFunc(bindingsAre(t, like), bound(t, other, true)),
		Steps: []resource.TestStep{
			{
				Config: first, ConfigPlanChecks: expect(theACLs, plancheck.ResourceActionCreate), Check: bindingsAre(t, like, append(kept, old)...),
				ConfigStateChecks: []statecheck.StateCheck{
					has(theACLs, "id", knownvalue.StringExact(who)),
					has(theACLs, "bindings", knownvalue.SetSizeExact(3)),
					statecheck.ExpectIdentity(theACLs, map[string]knownvalue.Check{
						"cluster": knownvalue.Null(), "principal": knownvalue.StringExact(who), "resource_type": knownvalue.Null(), "resource_name": knownvalue.Null(), "pattern_type": knownvalue.Null(),
					}),
				},
			},
			{PreConfig: func() { made.take() }, Config: first, ConfigPlanChecks: expect(theACLs, plancheck.ResourceActionNoop), Check: quiet},
			{
				Config: second, ConfigPlanChecks: expect(theACLs, plancheck.ResourceActionUpdate),
				Check: resource.ComposeAggregateTestCheckFunc(bindingsAre(t, like, append(kept, changed)...), bound(t, other, true), func(*terraform.State) error {
					want := []string{"CreateAcls " + changed.String(), "DeleteAcls " + old.String()}
					if got := made.take(); !slices.Equal(got, want) {
						return fmt.Errorf("the change made the mutating calls %q, want %q", got, want)
					}
					return nil
				}),
			},
			{Config: third, ConfigPlanChecks: expect(theACLs, plancheck.ResourceActionNoop), Check: quiet},
			{Config: third, ResourceName: theACLs, ImportState: true, ImportStateKind: resource.ImportBlockWithID},
			{Config: third, ResourceName: theACLs, ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity},
			{
				PreConfig: func() {
					if err := direct(t, sharedKafka(t)).DeleteACL(t.Context(), kept[0]); err != nil {
						t.Fatal(err)
					}
				},
				Config: third, ConfigPlanChecks: expect(theACLs, plancheck.ResourceActionUpdate), Check: bindingsAre(t, like, append(kept, changed)...),
			},
		},
	})
}

// TestAccABindingFromOutsideIsShownAndRemoved, and an empty set removes everything of its principal. Others' bindings stay.
// TestAccHundredsOfBindingsAreOneSetInAnyOrder: the order in which they are declared, or read, is none.
func TestAccHundredsOfBindingsAreOneSetInAnyOrder(t *testing.T) {
	t.Parallel()
	const many = 300
	config := func(from, to, step int) string {
		var bindings []string
		for i := from; i != to; i += step {
			bindings = append(bindings, on("Topic", fmt.Sprintf("many.%d", i), "Read", ""))
		}
		return onShared(t, acls(`principal = "User:many"`, bindings...))
	}
	count := func(want int) resource.TestCheckFunc {
		return func(*terraform.State) error {
			got, err := direct(t, sharedKafka(t)).ACLs(t.Context(), kafka.ACL{Principal: "User:many"})
			if err == nil && len(got) != want {
				err = fmt.Errorf("there are %d bindings, want %d", len(got), want)
			}
			return err
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil), CheckDestroy: count(0),
		Steps: []resource.TestStep{
			{Config: config(0, many, 1), Check: count(many)},
			{Config: config(many-1, -1, -1), ConfigPlanChecks: expect(theACLs, plancheck.ResourceActionNoop)},
			{Config: config(many, -1, -1), ConfigPlanChecks: expect(theACLs, plancheck.ResourceActionUpdate), Check: count(many + 1)},
			{Config: config(0, many/2, 1), ConfigPlanChecks: expect(theACLs, plancheck.ResourceActionUpdate), Check: count(many / 2)},
		},
	})
}

func TestAccABindingFromOutsideIsShownAndRemoved(t *testing.T) {
	t.Parallel()
	const who = "User:authoritative"
	own, foreign := allow(who, "Topic", "own", "Literal", "Read"), allow(who, "TransactionalId", "from-outside", "Prefixed", "Write")
	foreign.Permission, foreign.Host = "Deny", "192.0.2.9"
	other := allow("User:other", "TransactionalId", "from-outside", "Prefixed", "Write")
	bind(t, other)
	like := kafka.ACL{Principal: who}
	config := onShared(t, acls(fmt.Sprintf("principal = %q", who), on("Topic", "own", "Read", "")))
	removed := expect(theACLs, plancheck.ResourceActionUpdate)
	removed.PreApply = append(removed.PreApply, shows{theACLs, "from-outside", false}, shows{theACLs, "own", true})
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		CheckDestroy:             resource.ComposeAggregateTestCheckFunc(bindingsAre(t, like), bound(t, other, true)),
		Steps: []resource.TestStep{
			{Config: config, ConfigPlanChecks: expect(theACLs, plancheck.ResourceActionCreate), Check: bindingsAre(t, like, own)},
			{
				PreConfig: func() { bind(t, foreign) },
				Config:    config, ConfigPlanChecks: removed, Check: resource.ComposeAggregateTestCheckFunc(bindingsAre(t, like, own), bound(t, other, true)),
			},
			{
				Config: onShared(t, noACLs(fmt.Sprintf("principal = %q", who))), ConfigPlanChecks: expect(theACLs, plancheck.ResourceActionUpdate),
				Check: resource.ComposeAggregateTestCheckFunc(bindingsAre(t, like), bound(t, other, true)),
			},
			{
				// An empty set goes on to be authoritative.
				PreConfig: func() { bind(t, foreign) },
				Config:    onShared(t, noACLs(fmt.Sprintf("principal = %q", who))), ConfigPlanChecks: expect(theACLs, plancheck.ResourceActionUpdate),
				Check: bindingsAre(t, like),
			},
		},
	})
}

func TestAccACLsOfAResourceLeaveOtherPatternsAlone(t *testing.T) {
	t.Parallel()
	literal, prefixed := kafka.ACL{ResourceType: "Topic", ResourceName: "pattern", PatternType: "Literal"}, kafka.ACL{ResourceType: "Topic", ResourceName: "pattern", PatternType: "Prefixed"}
	onLiteral := []kafka.ACL{allow("User:a", "Topic", "pattern", "Literal", "Read"), allow("User:b", "Topic", "pattern", "Literal", "Write")}
	onPrefix, group := allow("User:a", "Topic", "pattern", "Prefixed", "Read"), allow("User:a", "Group", "pattern", "Literal", "Read")
	bind(t, onPrefix, group)
	subject := "resource_type = \"Topic\"\nresource_name = \"pattern\""
	config := onShared(t, acls(subject, `principal = "User:a", operation = "Read"`, `principal = "User:b", operation = "Write"`))
	others := resource.ComposeAggregateTestCheckFunc(bindingsAre(t, prefixed, onPrefix), bound(t, group, true))
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		CheckDestroy:             resource.ComposeAggregateTestCheckFunc(bindingsAre(t, literal), others),
		Steps: []resource.TestStep{
			{
				Config: config, ConfigPlanChecks: expect(theACLs, plancheck.ResourceActionCreate),
				ConfigStateChecks: []statecheck.StateCheck{
					has(theACLs, "id", knownvalue.StringExact("Topic|pattern|Literal")),
					statecheck.ExpectIdentity(theACLs, map[string]knownvalue.Check{
						"cluster": knownvalue.Null(), "principal": knownvalue.Null(), "resource_type": knownvalue.StringExact("Topic"), "resource_name": knownvalue.StringExact("pattern"), "pattern_type": knownvalue.StringExact("Literal"),
					}),
				},
				Check: resource.ComposeAggregateTestCheckFunc(bindingsAre(t, literal, onLiteral...), others),
			},
			{Config: config, ResourceName: theACLs, ImportState: true, ImportStateVerify: true},
			{Config: config, ResourceName: theACLs, ImportState: true, ImportStateKind: resource.ImportBlockWithID},
			{Config: config, ResourceName: theACLs, ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity},
			{Config: onShared(t, noACLs(subject)), ConfigPlanChecks: expect(theACLs, plancheck.ResourceActionUpdate), Check: resource.ComposeAggregateTestCheckFunc(bindingsAre(t, literal), others)},
			{Config: config, ConfigPlanChecks: expect(theACLs, plancheck.ResourceActionUpdate), Check: resource.ComposeAggregateTestCheckFunc(bindingsAre(t, literal, onLiteral...), others)},
		},
	})
}

// TestAccASetIsNotCreatedOverWhatNoPlanHasShown: it is refused by the plan, and an import shows it.
func TestAccASetIsNotCreatedOverWhatNoPlanHasShown(t *testing.T) {
	t.Parallel()
	const who = "User:brownfield"
	known, unknown := allow(who, "Topic", "known", "Literal", "Read"), allow(who, "Topic", "forgotten", "Literal", "Read")
	bind(t, known, unknown)
	config := onShared(t, acls(fmt.Sprintf("principal = %q", who), on("Topic", "known", "Read", "")))
	removed := expect(theACLs, plancheck.ResourceActionUpdate)
	removed.PreApply = append(removed.PreApply, shows{theACLs, "forgotten", false}, shows{theACLs, "known", true})
	imports := "import {\n  to = kafkafleet_acls.test\n  id = \"User:brownfield\"\n}\n"
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		CheckDestroy:             bindingsAre(t, kafka.ACL{Principal: who}),
		Steps: []resource.TestStep{
			{Config: config, PlanOnly: true, ExpectError: message(`The set lacks bindings of User:brownfield..."forgotten"...terraform import <address> 'User:brownfield'`)},
			{Config: config + imports, ConfigPlanChecks: removed, Check: bindingsAre(t, kafka.ACL{Principal: who}, known)},
		},
	})
}

// TestAccTheSubjectOfASetChangesWithoutAHole: the new principal has its bindings before the old one loses them.
func TestAccTheSubjectOfASetChangesWithoutAHole(t *testing.T) {
	t.Parallel()
	before, after := allow("User:old", "Topic", "subject", "Literal", "Read"), allow("User:new", "Topic", "subject", "Literal", "Read")
	config := func(who string) string {
		return onShared(t, acls(fmt.Sprintf("principal = %q", who), on("Topic", "subject", "Read", "")))
	}
	looked := 0
	unforeseen := allow("User:new", "Topic", "unforeseen", "Literal", "Read")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: witness(t, func(subject string) {
			if !strings.Contains(subject, "User:old") {
				return // The end of the test.
			}
			looked++
			for _, a := range []kafka.ACL{before, after} {
				if err := bound(t, a, true)(nil); err != nil {
					t.Errorf("at the deletion of %s: %v", subject, err)
				}
			}
		}),
		CheckDestroy: resource.ComposeAggregateTestCheckFunc(bound(t, before, false), bound(t, after, false)),
		Steps: []resource.TestStep{
			{Config: config("User:old"), Check: bound(t, before, true)},
			{
				PreConfig: func() { bind(t, unforeseen) },
				Config:    config("User:new"), PlanOnly: true, ExpectError: message(`The set lacks bindings of User:new..."unforeseen"`),
			},
			{
				PreConfig: func() {
					if err := direct(t, sharedKafka(t)).DeleteACL(t.Context(), unforeseen); err != nil {
						t.Fatal(err)
					}
				},
				Config: config("User:new"), ConfigPlanChecks: expectUpdated(theACLs, "User:new"),
				ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectIdentityValue(theACLs, tfjsonpath.New("principal"), knownvalue.StringExact("User:new"))},
				Check:             resource.ComposeAggregateTestCheckFunc(bound(t, before, false), bound(t, after, true)),
			},
		},
	})
	if looked != 1 {
		t.Errorf("the old binding was deleted %d times", looked)
	}
}

// TestAccBindingsMoveIntoASetWithoutAHole: the set claims what a single ACL gives up in the same apply.
func TestAccBindingsMoveIntoASetWithoutAHole(t *testing.T) {
	t.Parallel()
	const who = "User:mover"
	single := acl("Topic", "move", who, "Read", "")
	set := acls(fmt.Sprintf("principal = %q", who), on("Topic", "move", "Read", ""))
	like, binding := kafka.ACL{Principal: who}, allow(who, "Topic", "move", "Literal", "Read")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		CheckDestroy:             bindingsAre(t, like),
		Steps: []resource.TestStep{
			{Config: onShared(t, single), Check: bindingsAre(t, like, binding)},
			{Config: onShared(t, set), Check: bindingsAre(t, like, binding)},
		},
	})
}

func TestAccACLsFaultsAreToldAtPlan(t *testing.T) {
	t.Parallel()
	plan := func(config, told string) resource.TestStep {
		return resource.TestStep{Config: onShared(t, config), PlanOnly: true, ExpectError: message(told)}
	}
	const alice = `principal = "User:alice"`
	const orders = "resource_type = \"Topic\"\nresource_name = \"orders\""
	read := on("Topic", "a", "Read", "")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{
			plan(acls(alice+"\n"+orders, read), `Exactly one of these attributes must be configured: [principal,resource_type]`),
			plan(acls("", read), `Exactly one of these attributes must be configured: [principal,resource_type]`),
			plan(acls(`resource_type = "Topic"`, `principal = "User:a", operation = "Read"`), `resource_name`),
			plan(acls(alice+"\npattern_type = \"Literal\"", read), `cannot be configured together`),
			plan(acls(`principal = "alice"`, read), `Not a principal...User:alice`),
			plan(acls("resource_type = \"Cluster\"\nresource_name = \"main\"", `principal = "User:a", operation = "Describe"`), `Not the name of the cluster`),
			plan(acls(alice, `resource_type = "Topic", operation = "Read"`), `needs a resource_name, and this one has none: { resource_type = "Topic", operation = "Read" }`),
			plan(acls(orders, `operation = "Read"`), `A binding lacks a part...needs a principal`),
			plan(acls(alice, read+`, principal = "User:bob"`), `A binding says what the set says...have the principal of the set`),
			plan(acls(orders, `principal = "User:a", operation = "Read", resource_name = "orders"`), `A binding says what the set says...have the resource_name of the set`),
			plan(acls(alice, on("Group", "a", "Write", "")), `does not exist for this resource type...All, Read, Delete`),
			plan(acls("resource_type = \"Group\"\nresource_name = \"g\"", `principal = "User:a", operation = "Write"`), `does not exist for this resource type`),
			plan(acls(alice, on("Topic", "a b", "Read", "")), `Not a topic name`),
			plan(acls(alice, on("Topic", "a", "Read", `, host = "::1"`)), `Not a host...write 0:0:0:0:0:0:0:1`),
			plan(acls(orders, `principal = "user:a", operation = "Read"`), `Not a principal...write User:a`),
			plan(acls(alice, read, read+`, host = "*", permission = "Allow"`), `A binding is there twice...Read Topic "a"`),
			plan(acls(orders, `principal = "User:a", operation = "Read"`, `principal = "User:a", operation = "Read", host = "*"`), `A binding is there twice`),
			{
				Config: onShared(t, acls(alice, read)), ResourceName: theACLs, ImportState: true, ImportStateId: "Topic|a", ExpectError: message(`Not ACLs to import...cluster/User:shop`),
			},
		},
	})
}
