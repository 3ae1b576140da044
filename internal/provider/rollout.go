package provider

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet"
)

// nodeModel is one node as the state holds it.
type nodeModel struct {
	Zone         types.String `tfsdk:"zone"`
	Address      types.String `tfsdk:"address"`
	InstanceID   types.String `tfsdk:"instance_id"`
	SpecHash     types.String `tfsdk:"spec_hash"`
	KafkaVersion types.String `tfsdk:"kafka_version"`
	State        types.String `tfsdk:"state"`
}

var nodeType = types.ObjectType{AttrTypes: map[string]attr.Type{
	"zone": types.StringType, "address": types.StringType, "instance_id": types.StringType,
	"spec_hash": types.StringType, "kafka_version": types.StringType, "state": types.StringType,
}}

// rolloutModel is what an apply will do, known at plan time.
type rolloutModel struct {
	Steps           types.List   `tfsdk:"steps"`
	NodesReplaced   types.List   `tfsdk:"nodes_replaced"`
	NodesLaunched   types.Int64  `tfsdk:"nodes_launched"`
	BytesToMove     types.Int64  `tfsdk:"bytes_to_move"`
	Estimate        types.String `tfsdk:"estimate"`
	EstimateSeconds types.Int64  `tfsdk:"estimate_seconds"`
}

var rolloutType = types.ObjectType{AttrTypes: map[string]attr.Type{
	"steps": types.ListType{ElemType: types.StringType}, "nodes_replaced": types.ListType{ElemType: types.Int64Type},
	"nodes_launched": types.Int64Type, "bytes_to_move": types.Int64Type, "estimate": types.StringType, "estimate_seconds": types.Int64Type,
}}

func nodesAttribute(whose string) schema.MapNestedAttribute {
	return schema.MapNestedAttribute{
		MarkdownDescription: "The " + whose + " by node id, as they are. A node id is never used again in its cluster.",
		Computed:            true,
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"zone":          schema.StringAttribute{Computed: true, MarkdownDescription: "The zone, which is also Kafka's `broker.rack`."},
			"address":       schema.StringAttribute{Computed: true, MarkdownDescription: "Where Kafka listens, `host:port`."},
			"instance_id":   schema.StringAttribute{Computed: true, MarkdownDescription: "The machine."},
			"spec_hash":     schema.StringAttribute{Computed: true, MarkdownDescription: "Identifies the spec; nodes of one hash are interchangeable."},
			"kafka_version": schema.StringAttribute{Computed: true, MarkdownDescription: "The Kafka version it runs."},
			"state":         schema.StringAttribute{Computed: true, MarkdownDescription: "`ready`, `starting`, `stopping`, `suspect` or `lost`, with what ails it, if something does: `lost: machine gone`, `suspect: hung`, `ready: wrong spec`. The causes are machine gone, machine stopped, process dead, hung, disk failed, not joining, wrong spec, wrong zone, scheduled for maintenance, named in replace_nodes. A node is lost, and replaced, when compute and Kafka have both given it up, or one of them for long enough; until then it is suspect."},
		}},
	}
}

func rolloutAttribute() schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: "What the apply will do, found out at plan time on a model of the fleet as it is: to be read, or judged by a policy, before it runs. After the apply it stays, until the next change, as a record of what was planned.",
		Computed:            true,
		Attributes: map[string]schema.Attribute{
			"steps":            schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "Each step in order, with its reason."},
			"nodes_replaced":   schema.ListAttribute{Computed: true, ElementType: types.Int64Type, MarkdownDescription: "The ids of the nodes that leave."},
			"nodes_launched":   schema.Int64Attribute{Computed: true, MarkdownDescription: "How many nodes come."},
			"bytes_to_move":    schema.Int64Attribute{Computed: true, MarkdownDescription: "The size of all replicas that are copied, in bytes."},
			"estimate":         schema.StringAttribute{Computed: true, MarkdownDescription: "How long it takes, such as `12m30s`, by a model: boots as they were measured on the group's nodes, replicas copied at the throttle, one thing after another where the rollout does so."},
			"estimate_seconds": schema.Int64Attribute{Computed: true, MarkdownDescription: "The same in seconds, for a policy to compare."},
		},
	}
}

// nodesValue turns nodes into the state's map by id.
func nodesValue(ctx context.Context, nodes []fleet.Node) (types.Map, diag.Diagnostics) {
	out := map[string]nodeModel{}
	for _, n := range nodes {
		out[strconv.Itoa(int(n.ID))] = nodeModel{
			Zone: types.StringValue(n.Zone), Address: types.StringValue(n.Address), InstanceID: types.StringValue(n.InstanceID),
			SpecHash: types.StringValue(n.SpecHash), KafkaVersion: types.StringValue(n.KafkaVersion), State: types.StringValue(n.Condition.String()),
		}
	}
	return types.MapValueFrom(ctx, nodeType, out)
}

// rolloutValue turns a preview into the plan's object.
func rolloutValue(ctx context.Context, p fleet.Preview) (types.Object, diag.Diagnostics) {
	steps, diags := types.ListValueFrom(ctx, types.StringType, append([]string{}, p.Steps...))
	replaced := []int64{}
	for _, id := range p.Replaced {
		replaced = append(replaced, int64(id))
	}
	ids, more := types.ListValueFrom(ctx, types.Int64Type, replaced)
	diags.Append(more...)
	object, more := types.ObjectValueFrom(ctx, rolloutType.AttrTypes, rolloutModel{
		Steps: steps, NodesReplaced: ids, NodesLaunched: types.Int64Value(int64(p.Launched)),
		BytesToMove: types.Int64Value(p.BytesToMove), Estimate: types.StringValue(p.Estimate.String()),
		EstimateSeconds: types.Int64Value(int64(p.Estimate.Seconds())),
	})
	diags.Append(more...)
	return object, diags
}

// forecast is what a plan's rollout object says that the rollout takes, nil when the object is not known.
func forecast(ctx context.Context, rollout types.Object) *fleet.Forecast {
	var m rolloutModel
	if rollout.IsNull() || rollout.IsUnknown() || rollout.As(ctx, &m, objectAsOptions).HasError() || m.EstimateSeconds.IsNull() {
		return nil
	}
	return &fleet.Forecast{Bytes: m.BytesToMove.ValueInt64(), Duration: time.Duration(m.EstimateSeconds.ValueInt64()) * time.Second}
}

// settledRollout is the object of a fleet that is as declared.
func settledRollout(ctx context.Context) (types.Object, diag.Diagnostics) {
	return rolloutValue(ctx, fleet.Preview{})
}

// addresses are the brokers' addresses of the nodes that may answer.
func addresses(ctx context.Context, nodes []fleet.Node) (types.List, diag.Diagnostics) {
	list := []string{}
	for _, n := range nodes {
		if n.Serves() {
			list = append(list, n.Address)
		}
	}
	return types.ListValueFrom(ctx, types.StringType, list)
}

// mutualAddresses are those of listeners for clients with a certificate, where those have one of their own.
func mutualAddresses(ctx context.Context, nodes []fleet.Node) (types.List, diag.Diagnostics) {
	list := []string{}
	for _, n := range nodes {
		if n.Serves() && n.MutualAddress != "" {
			list = append(list, n.MutualAddress)
		}
	}
	return types.ListValueFrom(ctx, types.StringType, list)
}

// stringMap reads a map attribute; null and unknown are empty.
func stringMap(ctx context.Context, m types.Map) (map[string]string, diag.Diagnostics) {
	out := map[string]string{}
	if m.IsNull() || m.IsUnknown() {
		return out, nil
	}
	diags := m.ElementsAs(ctx, &out, false)
	return out, diags
}

// removedKeys are the keys that were declared before and are not any more.
func removedKeys(before, now map[string]string) []string {
	var out []string
	for key := range before {
		if _, ok := now[key]; !ok {
			out = append(out, key)
		}
	}
	return out
}

// previewWarning tells the reader of a plan that the rollout is not expected to reach its end.
func previewWarning(diags *diag.Diagnostics, what string, p fleet.Preview) {
	if p.KafkaErr != nil {
		diags.AddWarning(fmt.Sprintf("Kafka does not answer, so the rollout of %s is shown without moves", what),
			"What compute says of the nodes is shown; what Kafka says of its partitions is not: "+sentence(p.KafkaErr)+" The apply asks again before each step.")
	}
	if len(p.Strangers) > 0 {
		diags.AddWarning("Brokers that this provider knows no machine of",
			"They are reported and never touched: "+strings.Join(p.Strangers, "; ")+".")
	}
	if p.Refused {
		diags.AddError(fmt.Sprintf("So much of %s is lost that nothing is replaced without being asked", what), asSentence(p.Short))
		return
	}
	if len(p.Suspects) > 0 {
		diags.AddWarning(fmt.Sprintf("The rollout of %s waits first", what),
			"Compute or Kafka has given nodes up, but not both, and nothing healthy is touched until they are back or lost: "+strings.Join(p.Suspects, "; ")+".")
	}
	if p.Short != "" {
		diags.AddWarning(fmt.Sprintf("The rollout of %s will stop short", what),
			"As things are now, the apply would stop at this: "+p.Short+". It leaves the fleet safe and can be applied again.")
	}
}

// observationKey is where a resource's private state holds the observation that both of Terraform's plans are made from.
const observationKey = "observation"

// privateState is the part of a resource's private data that can be written.
type privateState interface {
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

// keepObservation observes and remembers. Without an observation the next plan is made from the one before.
func keepObservation(ctx context.Context, client *fleet.Client, cluster, group string, private privateState, diags *diag.Diagnostics) {
	snapshot, err := client.Snapshot(ctx, cluster, group)
	if err != nil {
		diags.AddWarning(fmt.Sprintf("Cluster %q could not be observed", cluster), sentence(err))
		return
	}
	diags.Append(private.SetKey(ctx, observationKey, snapshot)...)
}
