package provider

import (
	"context"
	"fmt"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet"
)

var (
	_ datasource.DataSource              = (*rebalancePlanDataSource)(nil)
	_ datasource.DataSourceWithConfigure = (*rebalancePlanDataSource)(nil)
)

func newRebalancePlanDataSource() datasource.DataSource { return &rebalancePlanDataSource{} }

type rebalancePlanDataSource struct{ fleet *fleet.Client }

type rebalancePlanModel struct {
	Cluster     types.String         `tfsdk:"cluster"`
	Group       types.String         `tfsdk:"group"`
	Threshold   types.Float64        `tfsdk:"threshold"`
	Budget      types.String         `tfsdk:"budget"`
	Throttle    types.String         `tfsdk:"throttle"`
	Moves       []rebalanceMoveModel `tfsdk:"moves"`
	BytesToMove types.Int64          `tfsdk:"bytes_to_move"`
	LowerBound  types.Int64          `tfsdk:"lower_bound"`
	Estimate    types.String         `tfsdk:"estimate"`
	Before      *balanceModel        `tfsdk:"before"`
	After       *balanceModel        `tfsdk:"after"`
}

type rebalanceMoveModel struct {
	Topic     types.String `tfsdk:"topic"`
	Partition types.Int64  `tfsdk:"partition"`
	From      []int64      `tfsdk:"from"`
	To        []int64      `tfsdk:"to"`
	Bytes     types.Int64  `tfsdk:"bytes"`
}

type balanceModel struct {
	MaxOverMeanBytes   types.Float64              `tfsdk:"max_over_mean_bytes"`
	MaxOverMeanLeaders types.Float64              `tfsdk:"max_over_mean_leaders"`
	Brokers            map[string]brokerLoadModel `tfsdk:"brokers"`
}

type brokerLoadModel struct {
	Zone     types.String `tfsdk:"zone"`
	Bytes    types.Int64  `tfsdk:"bytes"`
	Replicas types.Int64  `tfsdk:"replicas"`
	Leaders  types.Int64  `tfsdk:"leaders"`
}

func (d *rebalancePlanDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_rebalance_plan"
}

func (d *rebalancePlanDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "What the action `kafkafleet_rebalance` would do to a broker group as it is, move by move. It reads only. Like the action it is an error while the group has something else to do: a lost node, nodes of different specs, " +
			"partitions that are not in sync, moves of somebody else.",
		Attributes: map[string]schema.Attribute{
			"cluster":   schema.StringAttribute{MarkdownDescription: "The cluster's name.", Required: true},
			"group":     schema.StringAttribute{MarkdownDescription: "The broker group's name.", Required: true},
			"threshold": schema.Float64Attribute{MarkdownDescription: thresholdText, Optional: true, Validators: []validator.Float64{thresholdValidator{}}},
			"budget":    schema.StringAttribute{MarkdownDescription: budgetText, Optional: true, Validators: []validator.String{budgetValidator{}}},
			"throttle":  schema.StringAttribute{MarkdownDescription: throttleText, Optional: true, Validators: []validator.String{throttleValidator{}}},
			"moves": schema.ListNestedAttribute{
				MarkdownDescription: "All moves, those that copy most first. Empty when no broker holds more than the threshold allows.",
				Computed:            true,
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"topic":     schema.StringAttribute{MarkdownDescription: "The topic.", Computed: true},
					"partition": schema.Int64Attribute{MarkdownDescription: "The partition.", Computed: true},
					"from":      schema.ListAttribute{MarkdownDescription: "The brokers that hold it, the preferred leader first.", ElementType: types.Int64Type, Computed: true},
					"to":        schema.ListAttribute{MarkdownDescription: "The brokers that would hold it, the preferred leader first.", ElementType: types.Int64Type, Computed: true},
					"bytes":     schema.Int64Attribute{MarkdownDescription: "How many bytes the move copies: 0 when only the order changes, which moves leaders.", Computed: true},
				}},
			},
			"bytes_to_move": schema.Int64Attribute{MarkdownDescription: "The size of all replicas that would be copied, in bytes.", Computed: true},
			"lower_bound":   schema.Int64Attribute{MarkdownDescription: "What any plan has to copy at least to keep to the threshold in bytes: the sum of what each broker holds beyond it.", Computed: true},
			"estimate":      schema.StringAttribute{MarkdownDescription: "How long the busiest broker's part takes at the throttle, for orientation.", Computed: true},
			"before":        balanceAttribute("The group as it is."),
			"after":         balanceAttribute("The group after the moves."),
		},
	}
}

func balanceAttribute(what string) schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: what, Computed: true,
		Attributes: map[string]schema.Attribute{
			"max_over_mean_bytes":   schema.Float64Attribute{MarkdownDescription: "The most bytes that a broker holds, as a multiple of the mean of its zone; 1 is even.", Computed: true},
			"max_over_mean_leaders": schema.Float64Attribute{MarkdownDescription: "The most partitions that a broker leads by preference, as a multiple of the mean of the group; 1 is even.", Computed: true},
			"brokers": schema.MapNestedAttribute{
				MarkdownDescription: "The group's brokers by node id.", Computed: true,
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"zone":     schema.StringAttribute{MarkdownDescription: "Its zone.", Computed: true},
					"bytes":    schema.Int64Attribute{MarkdownDescription: "The size of all its replicas, in bytes.", Computed: true},
					"replicas": schema.Int64Attribute{MarkdownDescription: "How many replicas it holds.", Computed: true},
					"leaders":  schema.Int64Attribute{MarkdownDescription: "How many partitions it leads by preference.", Computed: true},
				}},
			},
		},
	}
}

func (d *rebalancePlanDataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	if data := configured(req.ProviderData, &resp.Diagnostics); data != nil {
		d.fleet = data.Fleet
	}
}

func (d *rebalancePlanDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m rebalancePlanModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	want := rebalanceOf(m.Cluster, m.Group, m.Threshold, m.Budget, m.Throttle, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	p, err := d.fleet.PlanRebalance(ctx, want)
	if err != nil {
		resp.Diagnostics.AddError(fmt.Sprintf("The rebalance of broker group %q cannot be planned", want.Group), sentence(err))
		return
	}
	m.fill(p)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

// fill takes over what the plan says.
func (m *rebalancePlanModel) fill(p fleet.RebalancePlan) {
	m.Moves = []rebalanceMoveModel{}
	for _, move := range p.Moves {
		m.Moves = append(m.Moves, rebalanceMoveModel{
			Topic: types.StringValue(move.Topic), Partition: types.Int64Value(int64(move.Partition)),
			From: wide(move.From), To: wide(move.To), Bytes: types.Int64Value(move.Bytes),
		})
	}
	m.BytesToMove, m.LowerBound = types.Int64Value(p.BytesToMove), types.Int64Value(p.LowerBound)
	m.Estimate = types.StringValue(p.Estimate.String())
	m.Before, m.After = balanceOf(p.Before), balanceOf(p.After)
}

func balanceOf(b fleet.Balance) *balanceModel {
	out := balanceModel{
		MaxOverMeanBytes: types.Float64Value(b.MaxOverMeanBytes), MaxOverMeanLeaders: types.Float64Value(b.MaxOverMeanLeaders),
		Brokers: map[string]brokerLoadModel{},
	}
	for _, load := range b.Brokers {
		out.Brokers[strconv.Itoa(int(load.ID))] = brokerLoadModel{
			Zone: types.StringValue(load.Zone), Bytes: types.Int64Value(load.Bytes),
			Replicas: types.Int64Value(int64(load.Replicas)), Leaders: types.Int64Value(int64(load.Leaders)),
		}
	}
	return &out
}

func wide(ids []int32) []int64 {
	out := []int64{}
	for _, id := range ids {
		out = append(out, int64(id))
	}
	return out
}
