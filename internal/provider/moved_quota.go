package provider

import (
	"context"
	"fmt"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// movedQuota is what a kafka_quota has in its state.
type movedQuota struct {
	EntityType types.String `tfsdk:"entity_type"`
	// EntityName is null or empty for the default of its type.
	EntityName types.String `tfsdk:"entity_name"`
	// Config has the quotas by Kafka's keys.
	Config types.Map `tfsdk:"config"`
}

// MoveState takes over a kafka_quota.
func (r *quotaResource) MoveState(context.Context) []resource.StateMover {
	return []resource.StateMover{movedFrom("kafka_quota", 0, map[string]schema.Attribute{
		"entity_type": schema.StringAttribute{Optional: true},
		"entity_name": schema.StringAttribute{Optional: true},
		"config":      schema.MapAttribute{Optional: true, ElementType: types.Float64Type},
	}, moveQuota)}
}

func moveQuota(ctx context.Context, from movedQuota, resp *resource.MoveStateResponse) string {
	name := from.EntityName
	switch name.ValueString() {
	case defaultEntity:
		return fmt.Sprintf("its entity has the name %q, which means the default here", defaultEntity)
	case "":
		name = types.StringValue(defaultEntity)
	}
	var m quotaModel
	switch from.EntityType.ValueString() {
	case "user":
		m.User = name
	case "client-id":
		m.ClientID = name
	case "ip":
		m.IP = name
	default:
		return fmt.Sprintf("its entity_type %s is none of user, client-id and ip", from.EntityType)
	}
	if fault := m.identity().fault(); fault != "" {
		return fault
	}
	quotas := map[string]float64{}
	if !from.Config.IsNull() {
		resp.Diagnostics.Append(from.Config.ElementsAs(ctx, &quotas, false)...)
	}
	if m.set(quotas); !maps.Equal(m.quotas(), quotas) {
		return fmt.Sprintf("of its quotas, %v, there can only be %v", quotas, m.quotas())
	}
	m.ID = m.id()
	resp.Diagnostics.Append(resp.TargetState.Set(ctx, m)...)
	resp.Diagnostics.Append(resp.TargetIdentity.Set(ctx, m.identity())...)
	return ""
}
