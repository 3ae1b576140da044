package provider

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// bindingType is an element of the set of kafkafleet_acls.
var bindingType = types.ObjectType{AttrTypes: map[string]attr.Type{
	"resource_type": types.StringType, "resource_name": types.StringType, "pattern_type": types.StringType,
	"principal": types.StringType, "host": types.StringType, "operation": types.StringType, "permission": types.StringType,
}}

// aclSubject is whose bindings, or the bindings about what, a kafkafleet_acls owns: a principal, or a resource pattern. It is also the
// resource's identity.
type aclSubject struct {
	Cluster      types.String `tfsdk:"cluster"`
	Principal    types.String `tfsdk:"principal"`
	ResourceType types.String `tfsdk:"resource_type"`
	ResourceName types.String `tfsdk:"resource_name"`
	PatternType  types.String `tfsdk:"pattern_type"`
}

// sameAs says that the other is the same subject.
func (s aclSubject) sameAs(other aclSubject) bool {
	return s.Cluster.Equal(other.Cluster) && s.Principal.Equal(other.Principal) && s.ResourceType.Equal(other.ResourceType) &&
		s.ResourceName.Equal(other.ResourceName) && s.PatternType.Equal(other.PatternType)
}

// subject says it in a few words.
func (s aclSubject) subject() string {
	if !s.Principal.IsNull() {
		return s.Principal.ValueString()
	}
	return fmt.Sprintf("%s %s %q", s.PatternType.ValueString(), s.ResourceType.ValueString(), s.ResourceName.ValueString())
}

// filter matches the subject's bindings.
func (s aclSubject) filter() kafka.ACL {
	return kafka.ACL{
		Principal: s.Principal.ValueString(), ResourceType: s.ResourceType.ValueString(), ResourceName: s.ResourceName.ValueString(), PatternType: s.PatternType.ValueString(),
	}
}

// id is unknown while a part of it is.
func (s aclSubject) id() types.String {
	if slices.ContainsFunc([]types.String{s.Cluster, s.Principal, s.ResourceType, s.ResourceName, s.PatternType}, types.String.IsUnknown) {
		return types.StringUnknown()
	}
	if !s.Principal.IsNull() {
		return joinID(s.Cluster, joinACLID(s.Principal.ValueString()))
	}
	return joinID(s.Cluster, joinACLID(s.ResourceType.ValueString(), s.ResourceName.ValueString(), s.PatternType.ValueString()))
}

// parseACLsID is the reverse of id; check tells what is wrong with the result.
func parseACLsID(id string) aclSubject {
	cluster, object := splitID(id)
	s := aclSubject{Cluster: cluster}
	switch parts := splitACLID(object); len(parts) {
	case 1:
		s.Principal = types.StringValue(parts[0])
	case 3:
		s.ResourceType, s.ResourceName, s.PatternType = types.StringValue(parts[0]), types.StringValue(parts[1]), types.StringValue(parts[2])
	}
	return s
}

// check tells why nothing can be imported of the subject.
func (s aclSubject) check(diags *diag.Diagnostics) {
	fault := ""
	switch {
	case !s.Principal.IsNull() && !s.ResourceType.IsNull():
		fault = "it names both"
	case !s.Principal.IsNull():
		fault = principalFault(s.Principal.ValueString())
	case s.ResourceType.IsNull() || s.ResourceName.IsNull():
		fault = "it names neither"
	case kafka.ACLOperations[s.ResourceType.ValueString()] == nil:
		fault = fmt.Sprintf("there is no resource type %q", s.ResourceType.ValueString())
	case !slices.Contains([]string{"Literal", "Prefixed"}, s.PatternType.ValueString()):
		fault = fmt.Sprintf("the pattern type %q is neither Literal nor Prefixed", s.PatternType.ValueString())
	}
	if fault != "" {
		diags.AddError("Not ACLs to import", fmt.Sprintf("The bindings of one principal, as by the id `cluster/User:shop`, or of one resource, as by the id `cluster/Topic|orders|Literal`, can be imported: %s.", fault))
		return
	}
	bindingModel{ResourceType: s.ResourceType, ResourceName: s.ResourceName, PatternType: s.PatternType}.check(path.Root, diags)
}

// complete is a binding of the set with what the subject says of it.
func (s aclSubject) complete(b bindingModel) bindingModel {
	if !s.Principal.IsNull() {
		b.Principal = s.Principal
	} else {
		b.ResourceType, b.ResourceName, b.PatternType = s.ResourceType, s.ResourceName, s.PatternType
	}
	return b
}

// checkParts tells what a binding lacks, and what it says although the set says it.
func (s aclSubject) checkParts(b bindingModel, at func(attribute string) path.Path, diags *diag.Diagnostics) {
	ofPrincipal := !s.Principal.IsNull()
	for _, part := range []struct {
		name          string
		value         types.String
		said, omitted bool
	}{
		{"principal", b.Principal, !ofPrincipal, ofPrincipal},
		{"resource_type", b.ResourceType, ofPrincipal, !ofPrincipal},
		{"resource_name", b.ResourceName, ofPrincipal, !ofPrincipal},
		{"pattern_type", b.PatternType, false, !ofPrincipal},
	} {
		switch {
		case part.said && part.value.IsNull():
			diags.AddAttributeError(at(part.name), "A binding lacks a part", fmt.Sprintf("Each binding of this set needs a %s, and this one has none: %s.", part.name, b.said()))
		case part.omitted && !part.value.IsNull():
			diags.AddAttributeError(at(part.name), "A binding says what the set says", fmt.Sprintf("All bindings have the %s of the set; remove it from this one: %s.", part.name, b.said()))
		}
	}
}

// said is what a binding says, as far as it is known.
func (m bindingModel) said() string {
	var parts []string
	for _, part := range []struct {
		name  string
		value types.String
	}{
		{"resource_type", m.ResourceType}, {"resource_name", m.ResourceName}, {"pattern_type", m.PatternType}, {"principal", m.Principal},
		{"host", m.Host}, {"operation", m.Operation}, {"permission", m.Permission},
	} {
		if !part.value.IsNull() && !part.value.IsUnknown() {
			parts = append(parts, fmt.Sprintf("%s = %q", part.name, part.value.ValueString()))
		}
	}
	return "{ " + strings.Join(parts, ", ") + " }"
}

// declared are the bindings of the set in Kafka's terms; false while a part of them is not known.
func (m aclsModel) declared(ctx context.Context, diags *diag.Diagnostics) ([]kafka.ACL, bool) {
	if m.Bindings.IsNull() || m.ID.IsUnknown() || !fullyKnown(ctx, m.Bindings) {
		return nil, false
	}
	var elements []bindingModel
	diags.Append(m.Bindings.ElementsAs(ctx, &elements, false)...)
	out := make([]kafka.ACL, len(elements))
	for i, e := range elements {
		out[i] = m.complete(e).binding()
	}
	return out, true
}

// set fills the model with the bindings that Kafka has. One that is in the model keeps its spelling; of others the defaults are not said.
func (m *aclsModel) set(ctx context.Context, found []kafka.ACL, diags *diag.Diagnostics) {
	var elements []bindingModel
	if !m.Bindings.IsNull() {
		diags.Append(m.Bindings.ElementsAs(ctx, &elements, false)...)
	}
	spelled := map[kafka.ACL]bindingModel{}
	for _, e := range elements {
		spelled[m.complete(e).binding()] = e
	}
	unlessDefault := func(value, usual string) types.String {
		if value == usual {
			return types.StringNull()
		}
		return types.StringValue(value)
	}
	now := make([]bindingModel, len(found))
	for i, a := range found {
		if e, ok := spelled[a]; ok {
			now[i] = e
			continue
		}
		b := bindingModel{
			Operation: types.StringValue(a.Operation), Host: unlessDefault(a.Host, defaultHost), Permission: unlessDefault(a.Permission, defaultPermission),
		}
		if m.Principal.IsNull() {
			b.Principal = types.StringValue(a.Principal)
		} else {
			b.ResourceType, b.ResourceName = types.StringValue(a.ResourceType), types.StringValue(a.ResourceName)
			b.PatternType = unlessDefault(a.PatternType, defaultPattern)
		}
		now[i] = b
	}
	list, more := types.ListValueFrom(ctx, bindingType, now)
	diags.Append(more...)
	m.Bindings = list
}
