package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
)

// TestNobodyElseIsASuperUser: neither a user, nor does a binding say anything about one, in a fleet's cluster; elsewhere the names mean nothing.
func TestNobodyElseIsASuperUser(t *testing.T) {
	small, none, later := types.StringValue("small"), types.StringNull(), types.StringUnknown()
	for _, c := range []struct {
		cluster types.String
		name    string
		refused bool
	}{
		{small, "kafkafleet-admin", true}, {small, "kafkafleet-node", true}, {small, "kafkafleet-node-1", false}, {small, "shop", false},
		{none, "kafkafleet-admin", false}, {none, "kafkafleet-node", false}, {later, "kafkafleet-admin", false},
	} {
		var user, denied, allowed, unsaid, unknown diag.Diagnostics
		userModel{Cluster: c.cluster, Name: types.StringValue(c.name)}.checkSuperUser(&user)
		b := bindingModel{Principal: types.StringValue("User:" + c.name), Permission: types.StringValue("Deny")}
		b.checkSuperUser(c.cluster, path.Root, &denied)
		b.Permission = types.StringValue("Allow")
		b.checkSuperUser(c.cluster, path.Root, &allowed)
		b.Permission = types.StringNull()
		b.checkSuperUser(c.cluster, path.Root, &unsaid)
		b.Permission = types.StringUnknown()
		b.checkSuperUser(c.cluster, path.Root, &unknown)
		want := 0
		if c.refused {
			want = 1
		}
		if user.ErrorsCount() != want || denied.ErrorsCount() != want || allowed.WarningsCount() != want || unsaid.WarningsCount() != want ||
			len(user)+len(denied)+len(allowed)+len(unsaid)+len(unknown) != 4*want {
			t.Errorf("%s in %s: %v, %v, %v, %v, %v", c.name, c.cluster, user, denied, allowed, unsaid, unknown)
		}
		for _, d := range []diag.Diagnostics{user, denied, allowed, unsaid} {
			if c.refused && !strings.Contains(details(d), fmt.Sprintf("User:%s is a super user in each protected cluster", c.name)) {
				t.Errorf("%s", details(d))
			}
		}
	}
	for _, principal := range []string{"User:*", "Group:kafkafleet-admin", "kafkafleet-admin", "User:User:kafkafleet-admin"} {
		var diags diag.Diagnostics
		if (bindingModel{Principal: types.StringValue(principal), Permission: types.StringValue("Deny")}).checkSuperUser(small, path.Root, &diags); len(diags) > 0 {
			t.Errorf("%s is somebody else: %v", principal, diags)
		}
	}
}

// TestSuperUsersInASetAreTold once for a set of their own, and at each binding in the set of a resource.
func TestSuperUsersInASetAreTold(t *testing.T) {
	binding := func(said map[string]string) attr.Value {
		values := map[string]attr.Value{}
		for name := range bindingType.AttrTypes {
			values[name] = types.StringNull()
			if text, ok := said[name]; ok {
				values[name] = types.StringValue(text)
			}
		}
		return types.ObjectValueMust(bindingType.AttrTypes, values)
	}
	set := func(bindings ...attr.Value) types.List { return types.ListValueMust(bindingType, bindings) }
	own := aclsModel{aclSubject: aclSubject{Cluster: types.StringValue("small"), Principal: types.StringValue("User:kafkafleet-admin")}}
	own.Bindings = set(binding(map[string]string{"operation": "Read"}), binding(map[string]string{"operation": "Write"}), binding(map[string]string{"operation": "Alter", "permission": "Deny"}))
	var diags diag.Diagnostics
	if own.checkSuperUsers(t.Context(), &diags); diags.WarningsCount() != 1 || diags.ErrorsCount() != 1 {
		t.Errorf("%v", diags)
	}
	topic := aclsModel{aclSubject: aclSubject{Cluster: types.StringValue("small"), ResourceType: types.StringValue("Topic"), ResourceName: types.StringValue("orders")}}
	topic.Bindings = set(
		binding(map[string]string{"operation": "Read", "principal": "User:shop", "permission": "Deny"}),
		binding(map[string]string{"operation": "Read", "principal": "User:kafkafleet-node", "permission": "Deny"}),
		types.ObjectUnknown(bindingType.AttrTypes))
	diags = nil
	if topic.checkSuperUsers(t.Context(), &diags); len(diags) != 1 || diags.ErrorsCount() != 1 {
		t.Errorf("%v", diags)
	}
	topic.Bindings = types.ListUnknown(bindingType)
	diags = nil
	if topic.checkSuperUsers(t.Context(), &diags); len(diags) > 0 {
		t.Errorf("%v", diags)
	}
}

// TestAccSuperUsersAreRefusedAtPlan: before there is a cluster to ask.
func TestAccSuperUsersAreRefusedAtPlan(t *testing.T) {
	base := fleetConfig(t.TempDir(), "", "")
	var steps []resource.TestStep
	for _, c := range []struct{ config, says string }{
		{`resource "kafkafleet_user" "u" {
  cluster     = kafkafleet_broker_group.g.cluster
  name        = "kafkafleet-admin"
  password_wo = "secret"
}`, "The user would be a super user ... User:kafkafleet-admin is a super user ... Choose another name"},
		{`resource "kafkafleet_acl" "a" {
  cluster       = kafkafleet_broker_group.g.cluster
  resource_type = "Cluster"
  resource_name = "kafka-cluster"
  principal     = "User:kafkafleet-admin"
  operation     = "All"
  permission    = "Deny"
}`, "A super user cannot be denied anything ... asks no ACL about it. So the binding would deny nothing"},
		{`resource "kafkafleet_acls" "a" {
  cluster       = kafkafleet_broker_group.g.cluster
  resource_type = "Topic"
  resource_name = "orders"
  bindings      = [{ principal = "User:kafkafleet-node", operation = "Read", permission = "Deny" }]
}`, "A super user cannot be denied anything ... User:kafkafleet-node is a super user"},
	} {
		steps = append(steps, resource.TestStep{Config: base + c.config, PlanOnly: true, ExpectError: message(c.says)})
	}
	resource.UnitTest(t, resource.TestCase{ProtoV6ProviderFactories: factories(nil), Steps: steps})
}
