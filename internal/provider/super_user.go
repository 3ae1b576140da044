package provider

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// ofFleet says that an object belongs to a cluster which this provider runs. A cluster that is not known yet may turn out to be none, and
// Terraform plans once more when it is known.
func ofFleet(cluster types.String) bool { return !cluster.IsNull() && !cluster.IsUnknown() }

// checkSuperUser refuses a user who would log in as one of the principals that may do everything.
func (m userModel) checkSuperUser(diags *diag.Diagnostics) {
	fault := compute.SuperUserFault(m.Name.ValueString())
	if fault == "" || !ofFleet(m.Cluster) {
		return
	}
	diags.AddAttributeError(path.Root("name"), "The user would be a super user",
		fmt.Sprintf("%s Whoever logged in to %s as this user would be it. Choose another name.", asSentence(fault), clusterName(m.Cluster)))
}

// checkSuperUser tells that a binding of a super user changes nothing. One that denies promises a protection that is not there, which is an
// error. at is where an attribute stands.
func (m bindingModel) checkSuperUser(cluster types.String, at func(attribute string) path.Path, diags *diag.Diagnostics) {
	name, isUser := strings.CutPrefix(m.Principal.ValueString(), "User:")
	fault := compute.SuperUserFault(name)
	if fault == "" || !isUser || !ofFleet(cluster) || m.Permission.IsUnknown() {
		return
	}
	if m.binding().Permission == defaultPermission {
		diags.AddAttributeWarning(at("principal"), "A super user needs no ACL", asSentence(fault)+" What is allowed to it here it may do anyway; remove the binding.")
		return
	}
	diags.AddAttributeError(at("permission"), "A super user cannot be denied anything",
		asSentence(fault)+" So the binding would deny nothing, and could not lock the provider or the nodes out either; remove it.")
}

// checkSuperUsers does the same with each binding of a set, as far as it is known.
func (m aclsModel) checkSuperUsers(ctx context.Context, diags *diag.Diagnostics) {
	for i, element := range m.Bindings.Elements() {
		object, ok := element.(types.Object)
		if !ok || object.IsUnknown() {
			continue
		}
		var b bindingModel
		diags.Append(object.As(ctx, &b, objectAsOptions)...)
		m.complete(b).checkSuperUser(m.Cluster, func(attribute string) path.Path {
			if attribute == "principal" && !m.Principal.IsNull() {
				return path.Root(attribute)
			}
			return path.Root("bindings").AtListIndex(i).AtName(attribute)
		}, diags)
	}
}
