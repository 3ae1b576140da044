package provider

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/actionvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

var (
	_ action.Action                     = (*electLeadersAction)(nil)
	_ action.ActionWithConfigure        = (*electLeadersAction)(nil)
	_ action.ActionWithConfigValidators = (*electLeadersAction)(nil)
	_ action.ActionWithModifyPlan       = (*electLeadersAction)(nil)
)

// partitionsTold is how many partitions an action tells one by one.
const partitionsTold = 10

func newElectLeadersAction() action.Action { return &electLeadersAction{} }

type electLeadersAction struct{ data *providerData }

type electLeadersModel struct {
	Cluster    types.String       `tfsdk:"cluster"`
	Topics     []string           `tfsdk:"topics"`
	Partitions map[string][]int64 `tfsdk:"partitions"`
	DryRun     types.Bool         `tfsdk:"dry_run"`
}

func (a *electLeadersAction) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_elect_leaders"
}

func (a *electLeadersAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Has the preferred replica of partitions, the first of their replicas, elected as their leader, once, as `kafka-leader-election.sh --election-type preferred` does. That spreads the work of clients over the brokers again, " +
			"after a broker was away, without waiting for Kafka's own turn. No record is copied and none is lost; clients of a partition that changes its leader find the new one within a moment.\n\n" +
			"It ends when every live broker shows the leaders that were elected. A partition whose preferred replica is not in sync stays as it is, and a warning names it. " +
			"An unclean election, by which a replica that lacks acknowledged records becomes the leader, is not offered, since it loses them. Needs Terraform 1.14.",
		Attributes: map[string]schema.Attribute{
			"cluster": actionCluster(),
			"topics": schema.SetAttribute{
				MarkdownDescription: "The topics: their names, or regular expressions in [RE2's syntax](https://github.com/google/re2/wiki/Syntax) that the whole name matches. All topics without it, also those that Kafka keeps for itself. A pattern that no topic matches is an error.",
				ElementType:         types.StringType, Optional: true,
				Validators: []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.ValueStringsAre(topicPatternValidator{})},
			},
			"partitions": partitionsAttribute("Some partitions only: their numbers by the topic's name, in place of `topics`."),
			"dry_run":    schema.BoolAttribute{MarkdownDescription: "Tell how many partitions would change their leader, and change nothing. Default false.", Optional: true},
		},
	}
}

// actionCluster says which cluster an action works on.
func actionCluster() schema.StringAttribute {
	return schema.StringAttribute{
		MarkdownDescription: "The cluster's name. Without it, the Kafka of the provider block's `kafka`.",
		Optional:            true, Validators: []validator.String{clusterNameValidator{}},
	}
}

// checkActionCluster is checkCluster for the plan of an action.
func checkActionCluster(ctx context.Context, data *providerData, req action.ModifyPlanRequest, resp *action.ModifyPlanResponse) {
	var cluster types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("cluster"), &cluster)...)
	if data != nil {
		data.Kafka.checkCluster(cluster, &resp.Diagnostics)
	}
}

// partitionsAttribute names partitions of topics.
func partitionsAttribute(text string) schema.MapAttribute {
	return schema.MapAttribute{
		MarkdownDescription: text,
		ElementType:         types.SetType{ElemType: types.Int64Type}, Optional: true,
		Validators: []validator.Map{
			mapvalidator.SizeAtLeast(1), mapvalidator.KeysAre(topicNameValidator{}),
			mapvalidator.ValueSetsAre(setvalidator.SizeAtLeast(1), setvalidator.ValueInt64sAre(int64validator.Between(0, math.MaxInt32))),
		},
	}
}

func (a *electLeadersAction) ConfigValidators(context.Context) []action.ConfigValidator {
	return []action.ConfigValidator{actionvalidator.Conflicting(path.MatchRoot("topics"), path.MatchRoot("partitions"))}
}

func (a *electLeadersAction) Configure(_ context.Context, req action.ConfigureRequest, resp *action.ConfigureResponse) {
	a.data = configured(req.ProviderData, &resp.Diagnostics)
}

// ModifyPlan refuses an action without a cluster where there is no Kafka to take instead.
func (a *electLeadersAction) ModifyPlan(ctx context.Context, req action.ModifyPlanRequest, resp *action.ModifyPlanResponse) {
	checkActionCluster(ctx, a.data, req, resp)
}

func (a *electLeadersAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var m electLeadersModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	a.data.Kafka.checkCluster(m.Cluster, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	defer a.data.Kafka.warn(&resp.Diagnostics)
	tell := func(text string) { resp.SendProgress(action.InvokeProgressEvent{Message: text}) }
	failed := fmt.Sprintf("Leaders in %s are not elected", clusterName(m.Cluster))
	k, err := a.data.Kafka.Kafka(ctx, m.Cluster)
	if err != nil {
		resp.Diagnostics.AddError(failed, sentence(err))
		return
	}
	partitions, err := m.partitions(ctx, k)
	if err != nil {
		resp.Diagnostics.AddError(failed, sentence(err))
		return
	}
	before := kafka.PreferredLeadership(partitions)
	if m.DryRun.ValueBool() {
		tell(fmt.Sprintf("Of %s, %d would change the leader, %d led by the preferred one already.", plural(len(partitions), "partition"), len(before.Elsewhere), len(before.Preferred)))
		warnBehind(before.Behind, &resp.Diagnostics)
		tell("Dry run: nothing was changed.")
		return
	}
	after, err := k.RestoreLeaders(ctx, partitions)
	tell(fmt.Sprintf("%s changed the leader, %d led by the preferred one already.", plural(len(after.Elsewhere), "partition"), len(after.Preferred)))
	warnBehind(after.Behind, &resp.Diagnostics)
	if err != nil {
		resp.Diagnostics.AddError(failed, sentence(err)+" Partitions that are not named here have their leaders. Invoke the action again for the others.")
	}
}

// partitions are those that are meant.
func (m electLeadersModel) partitions(ctx context.Context, k *kafka.Client) ([]kafka.Partition, error) {
	var found []kafka.Partition
	for _, name := range slices.Sorted(maps.Keys(m.Partitions)) {
		some, err := namedPartitions(ctx, k, name, m.Partitions[name])
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	if m.Partitions != nil {
		return found, nil
	}
	topics, err := k.Topics(ctx)
	if err != nil {
		return nil, err
	}
	takes := func(string) bool { return true }
	if m.Topics != nil {
		if takes, err = matching(m.Topics...); err != nil {
			return nil, err
		}
	}
	for _, pattern := range m.Topics {
		takesOne, err := matching(pattern)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(topics, func(t kafka.Topic) bool { return takesOne(t.Name) }) {
			return nil, fmt.Errorf("no topic's name matches %q, of the %d topics that there are", pattern, len(topics))
		}
	}
	for _, t := range topics {
		if takes(t.Name) {
			found = append(found, t.Partitions...)
		}
	}
	return found, nil
}

// namedPartitions are partitions of a topic by their numbers, all of them without any.
func namedPartitions(ctx context.Context, k *kafka.Client, name string, ids []int64) ([]kafka.Partition, error) {
	topic, err := k.Topic(ctx, name)
	if err != nil || len(ids) == 0 {
		return topic.Partitions, err
	}
	var found []kafka.Partition
	for _, id := range slices.Sorted(slices.Values(ids)) {
		i := slices.IndexFunc(topic.Partitions, func(p kafka.Partition) bool { return int64(p.Partition) == id })
		if i < 0 {
			return nil, fmt.Errorf("topic %q has no partition %d: it has %s, the first is 0", name, id, plural(len(topic.Partitions), "partition"))
		}
		found = append(found, topic.Partitions[i])
	}
	return found, nil
}

// warnBehind names partitions whose preferred replica cannot lead now.
func warnBehind(behind []kafka.Partition, diags *diag.Diagnostics) {
	if len(behind) == 0 {
		return
	}
	var lines []string
	for _, p := range behind[:min(len(behind), partitionsTold)] {
		leader := fmt.Sprintf("broker %d leads", p.Leader)
		if p.Leader < 0 {
			leader = "nobody leads"
		}
		lines = append(lines, fmt.Sprintf("  %s-%d: broker %d is preferred, %s, in sync are %v", p.Topic, p.Partition, p.Replicas[0], leader, p.ISR))
	}
	if more := len(behind) - partitionsTold; more > 0 {
		lines = append(lines, fmt.Sprintf("  and %d more", more))
	}
	diags.AddWarning("Preferred replicas that cannot lead now", fmt.Sprintf(
		"The preferred replica of %s is not in sync, or its broker does not serve, so the leader stays as it is:\n%s\n\nStart the broker, or wait until its replicas have caught up, and invoke the action again.",
		plural(len(behind), "partition"), strings.Join(lines, "\n")))
}
