package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// movedTopic is what a kafka_topic has in its state.
type movedTopic struct {
	Name              types.String `tfsdk:"name"`
	Partitions        types.Int64  `tfsdk:"partitions"`
	ReplicationFactor types.Int64  `tfsdk:"replication_factor"`
	Config            types.Map    `tfsdk:"config"`
}

// MoveState takes over a kafka_topic, and a kafkafleet_topics that has one topic.
func (r *topicResource) MoveState(ctx context.Context) []resource.StateMover {
	return []resource.StateMover{movedFromMap(ctx), movedFrom("kafka_topic", 0, map[string]schema.Attribute{
		"name":               schema.StringAttribute{Optional: true},
		"partitions":         schema.Int64Attribute{Optional: true},
		"replication_factor": schema.Int64Attribute{Optional: true},
		"config":             schema.MapAttribute{Optional: true, ElementType: types.StringType},
	}, moveTopic)}
}

// movedFromMap takes a map of one topic as that topic.
func movedFromMap(ctx context.Context) resource.StateMover {
	var many resource.SchemaResponse
	(&topicsResource{}).Schema(ctx, resource.SchemaRequest{}, &many)
	return resource.StateMover{
		SourceSchema: &many.Schema,
		StateMover: func(ctx context.Context, req resource.MoveStateRequest, resp *resource.MoveStateResponse) {
			if req.SourceTypeName != "kafkafleet_topics" || req.SourceState == nil {
				return
			}
			var from topicsModel
			resp.Diagnostics.Append(req.SourceState.Get(ctx, &from)...)
			topics := from.topics(&resp.Diagnostics)
			if resp.Diagnostics.HasError() {
				return
			}
			if len(topics) != 1 {
				notMoved("kafkafleet_topics", fmt.Sprintf("it has %d topics, and a kafkafleet_topic is one", len(topics)), &resp.Diagnostics)
				return
			}
			for name, t := range topics {
				m := from.single(name, t)
				m.ID, m.AllowRecreate, m.Timeouts = joinID(from.Cluster, name), types.BoolValue(false), from.Timeouts
				m.ConfigEffective = types.MapNull(types.StringType)
				resp.Diagnostics.Append(resp.TargetState.Set(ctx, m)...)
				resp.Diagnostics.Append(resp.TargetIdentity.Set(ctx, topicIdentity{Cluster: m.Cluster, Name: m.Name})...)
			}
		},
	}
}

func moveTopic(ctx context.Context, from movedTopic, resp *resource.MoveStateResponse) string {
	if fault := topicNameFault(from.Name.ValueString()); fault != "" {
		return fault
	}
	if from.ReplicationFactor.ValueInt64() < 1 {
		from.ReplicationFactor = types.Int64Null() // There -1 is the brokers' default, and the state has it until a refresh.
	}
	for name, value := range map[string]attr.Value{
		"id": joinID(types.StringNull(), from.Name.ValueString()), "name": from.Name,
		"partitions": from.Partitions, "replication_factor": from.ReplicationFactor, "config": movedConfig(from.Config), "allow_recreate": types.BoolValue(false),
	} {
		resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root(name), value)...)
	}
	resp.Diagnostics.Append(resp.TargetIdentity.Set(ctx, topicIdentity{Name: from.Name})...)
	return ""
}

// movedConfig is all that is set on the topic, as that provider's last refresh has seen it: the throttles of a move, too, which nobody declares. An
// empty map there is mostly what a refresh makes of none.
func movedConfig(from types.Map) types.Map {
	settings := from.Elements()
	maps.DeleteFunc(settings, func(key string, _ attr.Value) bool { return slices.Contains(throttleKeys, key) })
	if len(settings) == 0 {
		return types.MapNull(types.StringType)
	}
	return types.MapValueMust(types.StringType, settings)
}
