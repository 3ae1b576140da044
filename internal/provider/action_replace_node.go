package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/throttle"
)

var (
	_ action.Action                   = (*replaceNodeAction)(nil)
	_ action.ActionWithConfigure      = (*replaceNodeAction)(nil)
	_ action.ActionWithValidateConfig = (*replaceNodeAction)(nil)
)

// lossesTold is how many partitions that lose something are told one by one.
const lossesTold = 20

func newReplaceNodeAction() action.Action { return &replaceNodeAction{} }

type replaceNodeAction struct{ fleet *fleet.Client }

type replaceNodeModel struct {
	Cluster       types.String `tfsdk:"cluster"`
	Group         types.String `tfsdk:"group"`
	NodeID        types.Int64  `tfsdk:"node_id"`
	Throttle      types.String `tfsdk:"throttle"`
	DryRun        types.Bool   `tfsdk:"dry_run"`
	Force         types.Bool   `tfsdk:"force"`
	ConfirmNodeID types.Int64  `tfsdk:"confirm_node_id"`
}

func (a *replaceNodeAction) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_replace_node"
}

func (a *replaceNodeAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	id := []validator.Int64{int64validator.Between(1, 1<<31-1)}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Replaces one node of a broker group, or of the controllers, and no other: a new node of the same spec takes its place, in its zone. Where the node's own spec is not known any more, it is that of the group's youngest node.\n\n" +
			"Without `force` it is done the safe way, whether the node is healthy or lost, and also when more nodes are lost than `failure_policy.max_lost`. What else there is to do to the group is left to the next apply, so it also works in the middle of a rollout that was interrupted. " +
			"It runs under the cluster's lease and under a throttle that is removed at the end. Stop or kill it at any moment, and invoke it again, or apply: it goes on from what is found.\n\n" +
			"With `force` a node that compute or Kafka has given up counts as lost at once, without the grace of `failure_policy`. Where it has the only replica in sync of a partition, what no other one has is lost with it. The action then names each such partition and what it loses, ends with an error and changes nothing, unless `confirm_node_id` has the node's id once more. " +
			"A node that serves is copied from, so nothing is lost with it. Needs Terraform 1.14.",
		Attributes: map[string]schema.Attribute{
			"cluster":         schema.StringAttribute{MarkdownDescription: "The cluster's name.", Required: true},
			"group":           schema.StringAttribute{MarkdownDescription: "The broker group's name, or `controllers`.", Required: true},
			"node_id":         schema.Int64Attribute{MarkdownDescription: "The node.", Required: true, Validators: id},
			"throttle":        schema.StringAttribute{MarkdownDescription: throttleText, Optional: true, Validators: []validator.String{throttleValidator{}}},
			"dry_run":         schema.BoolAttribute{MarkdownDescription: "Tell what would be done, and lost, and do nothing. Default false.", Optional: true},
			"force":           schema.BoolAttribute{MarkdownDescription: "Take the node for lost at once, and go on where only it has all of a partition. Default false.", Optional: true},
			"confirm_node_id": schema.Int64Attribute{MarkdownDescription: "The node's id once more, which confirms that what only it has may be lost. Needed with `force` when something would be.", Optional: true, Validators: id},
		},
	}
}

func (a *replaceNodeAction) Configure(_ context.Context, req action.ConfigureRequest, resp *action.ConfigureResponse) {
	if data := configured(req.ProviderData, &resp.Diagnostics); data != nil {
		a.fleet = data.Fleet
	}
}

// ValidateConfig refuses a confirmation that confirms nothing, or another node.
func (a *replaceNodeAction) ValidateConfig(ctx context.Context, req action.ValidateConfigRequest, resp *action.ValidateConfigResponse) {
	var m replaceNodeModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() || m.ConfirmNodeID.IsNull() || m.ConfirmNodeID.IsUnknown() {
		return
	}
	at := path.Root("confirm_node_id")
	switch {
	case !m.Force.IsUnknown() && !m.Force.ValueBool():
		resp.Diagnostics.AddAttributeError(at, "Nothing to confirm", "Without `force` nothing is lost, so there is nothing to confirm. Set `force = true`, or leave `confirm_node_id` out.")
	case !m.NodeID.IsUnknown() && m.NodeID.ValueInt64() != m.ConfirmNodeID.ValueInt64():
		resp.Diagnostics.AddAttributeError(at, "Another node is confirmed",
			fmt.Sprintf("`node_id` is %d and `confirm_node_id` is %d. It has to be the same id once more, so that nobody loses the data of a node that was not meant.", m.NodeID.ValueInt64(), m.ConfirmNodeID.ValueInt64()))
	}
}

func (a *replaceNodeAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var m replaceNodeModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	id := int32(m.NodeID.ValueInt64()) //nolint:gosec // The schema bounds it.
	want := fleet.ReplaceNode{Cluster: m.Cluster.ValueString(), Group: m.Group.ValueString(), NodeID: id,
		Force: m.Force.ValueBool(), Confirmed: m.Force.ValueBool() && m.ConfirmNodeID.Equal(m.NodeID)}
	rate := defaultThrottle
	if !m.Throttle.IsNull() {
		rate = m.Throttle.ValueString()
	}
	var err error
	if want.Throttle, err = throttle.Parse(rate); err != nil {
		resp.Diagnostics.AddAttributeError(path.Root("throttle"), "Not a throttle", sentence(err))
		return
	}
	tell := func(text string) { resp.SendProgress(action.InvokeProgressEvent{Message: text}) }
	failed := fmt.Sprintf("Node %d is not replaced", want.NodeID)
	before, err := a.fleet.PlanReplaceNode(ctx, want)
	if err != nil {
		resp.Diagnostics.AddError(failed, sentence(err))
		return
	}
	tell(replacementText(want, before))
	for _, line := range lossTexts(before.Losses) {
		tell(line)
	}
	if m.DryRun.ValueBool() {
		for _, step := range before.Steps {
			tell(step)
		}
		if before.Short != "" {
			tell("As things are now, it would stop at this: " + before.Short + ".")
		}
		tell("Dry run: nothing was done.")
		return
	}
	result, err := a.fleet.ReplaceNode(ctx, want, tell)
	loss := (*fleet.DataLossError)(nil)
	switch {
	case errors.As(err, &loss):
		resp.Diagnostics.AddError(fmt.Sprintf("Replacing node %d by force would lose data", want.NodeID), fmt.Sprintf(
			"%s\n\nNothing was done. If this may be lost, declare confirm_node_id = %d and invoke the action again. Otherwise bring the node back, or wait for it.",
			strings.Join(lossTexts(loss.Losses), "\n"), want.NodeID))
	case err != nil:
		resp.Diagnostics.AddError(failed, sentence(err))
	case result.Steps == 0:
		tell("Nothing is left to do.")
	default:
		tell(doneText(want, result))
	}
}

// replacementText says what the node is like, and what its replacement takes.
func replacementText(want fleet.ReplaceNode, p fleet.Replacement) string {
	if p.By != 0 {
		return fmt.Sprintf("Node %d is gone, and node %d has come in its place.", want.NodeID, p.By)
	}
	return fmt.Sprintf("Node %d of %s is %s. To replace it takes %s, %s to copy, in about %s.", want.NodeID, want.Group, p.Condition, plural(len(p.Steps), "step"), size(p.BytesToMove), p.Estimate)
}

// lossTexts names the partitions that lose something, as many as anybody reads.
func lossTexts(losses []plan.Loss) []string {
	if len(losses) == 0 {
		return nil
	}
	out := []string{fmt.Sprintf("What only this node has is lost with it, in %s:", plural(len(losses), "partition"))}
	for _, l := range losses[:min(len(losses), lossesTold)] {
		out = append(out, "  "+l.String())
	}
	if more := len(losses) - lossesTold; more > 0 {
		out = append(out, fmt.Sprintf("  and of %s more", plural(more, "partition")))
	}
	return out
}

func doneText(want fleet.ReplaceNode, r fleet.Result) string {
	lost := ""
	if r.GivenUp > 0 {
		lost = fmt.Sprintf(", what only it had of %s is lost", plural(r.GivenUp, "partition"))
	}
	by := ""
	if len(r.Launched) > 0 {
		by = fmt.Sprintf(" by node %d", r.Launched[len(r.Launched)-1])
	}
	return fmt.Sprintf("Node %d is replaced%s in %s: %s copied%s.", want.NodeID, by, plural(r.Steps, "step"), size(r.BytesMoved), lost)
}
