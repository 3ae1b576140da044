package provider

import (
	"context"
	"fmt"

	"github.com/docker/go-units"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet"
)

var (
	_ action.Action              = (*rebalanceAction)(nil)
	_ action.ActionWithConfigure = (*rebalanceAction)(nil)
)

// movesTold is how many moves a dry run tells one by one. The data source has all of them.
const movesTold = 20

func newRebalanceAction() action.Action { return &rebalanceAction{} }

type rebalanceAction struct{ fleet *fleet.Client }

type rebalanceActionModel struct {
	Cluster   types.String  `tfsdk:"cluster"`
	Group     types.String  `tfsdk:"group"`
	Threshold types.Float64 `tfsdk:"threshold"`
	Budget    types.String  `tfsdk:"budget"`
	Throttle  types.String  `tfsdk:"throttle"`
	DryRun    types.Bool    `tfsdk:"dry_run"`
}

func (a *rebalanceAction) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_rebalance"
}

func (a *rebalanceAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Rebalances a broker group, once: moves the fewest bytes after which no broker has more than `threshold` times the mean, of its zone in bytes and of the group in leaders. Leaders move first, by the order of replicas, since that copies nothing.\n\n" +
			"It works on the group as it is and needs no configuration of it. It refuses while the group has something else to do: a lost node, nodes of different specs, partitions that are not in sync, moves of somebody else. " +
			"It runs under the cluster's lease and under a throttle that is removed at the end. Stop or kill it at any moment, and invoke it again: it goes on from what it finds. Needs Terraform 1.14.",
		Attributes: map[string]schema.Attribute{
			"cluster":   schema.StringAttribute{MarkdownDescription: "The cluster's name.", Required: true},
			"group":     schema.StringAttribute{MarkdownDescription: "The broker group's name.", Required: true},
			"threshold": schema.Float64Attribute{MarkdownDescription: thresholdText, Optional: true, Validators: []validator.Float64{thresholdValidator{}}},
			"budget":    schema.StringAttribute{MarkdownDescription: budgetText, Optional: true, Validators: []validator.String{budgetValidator{}}},
			"throttle":  schema.StringAttribute{MarkdownDescription: throttleText, Optional: true, Validators: []validator.String{throttleValidator{}}},
			"dry_run":   schema.BoolAttribute{MarkdownDescription: "Tell what would be moved, and move nothing. Default false.", Optional: true},
		},
	}
}

func (a *rebalanceAction) Configure(_ context.Context, req action.ConfigureRequest, resp *action.ConfigureResponse) {
	if data := configured(req.ProviderData, &resp.Diagnostics); data != nil {
		a.fleet = data.Fleet
	}
}

func (a *rebalanceAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var m rebalanceActionModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	want := rebalanceOf(m.Cluster, m.Group, m.Threshold, m.Budget, m.Throttle, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	tell := func(text string) { resp.SendProgress(action.InvokeProgressEvent{Message: text}) }
	failed := fmt.Sprintf("Broker group %q is not rebalanced", want.Group)
	before, err := a.fleet.PlanRebalance(ctx, want)
	if err != nil {
		resp.Diagnostics.AddError(failed, sentence(err))
		return
	}
	if len(before.Moves) == 0 {
		tell(fmt.Sprintf("Nothing to rebalance: %s, and %g is allowed.", evenness(before.Before), want.Threshold))
	} else {
		tell(fmt.Sprintf("%s, %s to copy (at least %s), in about %s: %s; afterwards %s.", plural(len(before.Moves), "move"),
			size(before.BytesToMove), size(before.LowerBound), before.Estimate, evenness(before.Before), evenness(before.After)))
	}
	if m.DryRun.ValueBool() {
		tellMoves(before.Moves, tell)
		tell("Dry run: nothing was moved.")
		return
	}
	// Also without a planned move: what an interrupted run left in flight or throttled is brought to its end.
	result, err := a.fleet.Rebalance(ctx, want, tell)
	if err != nil {
		resp.Diagnostics.AddError(failed, sentence(err))
		return
	}
	if result.Steps == 0 {
		return
	}
	done := fmt.Sprintf("Moved %s in %s.", size(result.BytesMoved), plural(result.Steps, "step"))
	if after, err := a.fleet.PlanRebalance(ctx, want); err == nil {
		done = fmt.Sprintf("Moved %s in %s: now %s.", size(result.BytesMoved), plural(result.Steps, "step"), evenness(after.Before))
	}
	tell(done)
}

func tellMoves(moves []fleet.RebalanceMove, tell func(string)) {
	for _, move := range moves[:min(len(moves), movesTold)] {
		tell(fmt.Sprintf("%s-%d: %v to %v (%s)", move.Topic, move.Partition, move.From, move.To, size(move.Bytes)))
	}
	if more := len(moves) - movesTold; more > 0 {
		tell(fmt.Sprintf("and %d smaller ones; the data source kafkafleet_rebalance_plan lists all", more))
	}
}

func evenness(b fleet.Balance) string {
	return fmt.Sprintf("a broker has up to %.2f times its zone's mean in bytes and %.2f times the group's in leaders", b.MaxOverMeanBytes, b.MaxOverMeanLeaders)
}

func size(bytes int64) string { return units.BytesSize(float64(bytes)) }

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
