package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// movedACL is what a kafka_acl has in its state. Of its two schema versions the first one has no pattern type, and means a literal name.
type movedACL struct {
	ResourceType types.String `tfsdk:"resource_type"`
	ResourceName types.String `tfsdk:"resource_name"`
	PatternType  types.String `tfsdk:"resource_pattern_type_filter"`
	Principal    types.String `tfsdk:"acl_principal"`
	Host         types.String `tfsdk:"acl_host"`
	Operation    types.String `tfsdk:"acl_operation"`
	Permission   types.String `tfsdk:"acl_permission_type"`
}

// MoveState takes over a kafka_acl.
func (r *aclResource) MoveState(context.Context) []resource.StateMover {
	attributes := map[string]schema.Attribute{}
	for _, name := range []string{"resource_type", "resource_name", "resource_pattern_type_filter", "acl_principal", "acl_host", "acl_operation", "acl_permission_type"} {
		attributes[name] = schema.StringAttribute{Optional: true}
	}
	return []resource.StateMover{movedFrom("kafka_acl", 1, attributes, moveACL)}
}

func moveACL(ctx context.Context, from movedACL, resp *resource.MoveStateResponse) string {
	from.PatternType = orDefault(from.PatternType, defaultPattern)
	if from.ResourceType.ValueString() == "TransactionalID" {
		from.ResourceType = types.StringValue("TransactionalId") // Kafka's own spelling, and ours.
	}
	if fault := from.fault(); fault != "" {
		return fault
	}
	m := aclModel{bindingModel: bindingModel(from)}
	m.ID = m.id()
	resp.Diagnostics.Append(resp.TargetState.Set(ctx, m)...)
	resp.Diagnostics.Append(resp.TargetIdentity.Set(ctx, m.identity())...)
	return ""
}

// fault says why there can be no such binding, "" for nothing. One that there can be is taken as it is, also one that our configuration refuses
// since it matches nobody: Kafka has it, and the plan says what is wrong with it.
func (m movedACL) fault() string {
	kinds := slices.Sorted(maps.Keys(kafka.ACLOperations))
	operations := slices.Concat(slices.Collect(maps.Values(kafka.ACLOperations))...)
	slices.Sort(operations)
	for _, part := range []struct {
		name  string
		value types.String
		words []string
	}{
		{"resource_type", m.ResourceType, kinds}, {"resource_name", m.ResourceName, nil}, {"resource_pattern_type_filter", m.PatternType, []string{"Literal", "Prefixed"}},
		{"acl_principal", m.Principal, nil}, {"acl_host", m.Host, nil}, {"acl_operation", m.Operation, slices.Compact(operations)},
		{"acl_permission_type", m.Permission, []string{"Allow", "Deny"}},
	} {
		switch {
		case part.value.ValueString() == "":
			return fmt.Sprintf("it has no %s", part.name)
		case part.words != nil && !slices.Contains(part.words, part.value.ValueString()):
			return fmt.Sprintf("no binding has the %s %s, which is one of %s", part.name, part.value, strings.Join(part.words, ", "))
		}
	}
	return ""
}
