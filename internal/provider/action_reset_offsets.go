package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-timetypes/timetypes"
	"github.com/hashicorp/terraform-plugin-framework-validators/actionvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/boolvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

var (
	_ action.Action                     = (*resetOffsetsAction)(nil)
	_ action.ActionWithConfigure        = (*resetOffsetsAction)(nil)
	_ action.ActionWithConfigValidators = (*resetOffsetsAction)(nil)
	_ action.ActionWithModifyPlan       = (*resetOffsetsAction)(nil)
)

// maxShift is how far offsets are shifted at most, which is further than any log is long, and never so far that a number overflows.
const maxShift = 1 << 53

func newResetOffsetsAction() action.Action { return &resetOffsetsAction{} }

type resetOffsetsAction struct{ data *providerData }

type resetOffsetsModel struct {
	Cluster     types.String       `tfsdk:"cluster"`
	Group       types.String       `tfsdk:"group"`
	Topics      []string           `tfsdk:"topics"`
	Partitions  map[string][]int64 `tfsdk:"partitions"`
	ToEarliest  types.Bool         `tfsdk:"to_earliest"`
	ToLatest    types.Bool         `tfsdk:"to_latest"`
	ToOffset    types.Int64        `tfsdk:"to_offset"`
	ToTimestamp timetypes.RFC3339  `tfsdk:"to_timestamp"`
	ShiftBy     types.Int64        `tfsdk:"shift_by"`
	Create      types.Bool         `tfsdk:"create"`
	DryRun      types.Bool         `tfsdk:"dry_run"`
}

func (a *resetOffsetsAction) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_reset_offsets"
}

func (a *resetOffsetsAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Sets the offsets of a consumer group, from which its consumers go on when they start, once, as `kafka-consumer-groups.sh --reset-offsets` does. " +
			"Going back has records read again, going forward has them skipped.\n\n" +
			"It is refused while the group has members: stop them first, and start them afterwards. Consumers that assign themselves their partitions are no members, and Kafka does not tell of them: stop these, too. " +
			"Exactly one of `to_earliest`, `to_latest`, `to_offset`, `to_timestamp` and `shift_by` says where to. An offset beyond an end of its partition's log becomes that end, with a warning. The offsets are read back when they are set. " +
			"Groups of the classic protocol and of the one of KIP-848 are taken, share groups are not. Needs Terraform 1.14.",
		Attributes: map[string]schema.Attribute{
			"cluster": actionCluster(),
			"group":   schema.StringAttribute{MarkdownDescription: "The consumer group's name.", Required: true, Validators: []validator.String{stringvalidator.LengthAtLeast(1)}},
			"topics": schema.SetAttribute{
				MarkdownDescription: "The names of topics, each with all of its partitions. Either this or `partitions`. The group's offsets in other topics stay.",
				ElementType:         types.StringType, Optional: true,
				Validators: []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.ValueStringsAre(topicNameValidator{})},
			},
			"partitions":  partitionsAttribute("Some partitions only: their numbers by the topic's name, in place of `topics`."),
			"to_earliest": schema.BoolAttribute{MarkdownDescription: "`true`: to the first record that there is.", Optional: true, Validators: []validator.Bool{boolvalidator.Equals(true)}},
			"to_latest":   schema.BoolAttribute{MarkdownDescription: "`true`: behind the last record that there is (the high watermark).", Optional: true, Validators: []validator.Bool{boolvalidator.Equals(true)}},
			"to_offset":   schema.Int64Attribute{MarkdownDescription: "To this offset, in each of the partitions.", Optional: true, Validators: []validator.Int64{int64validator.AtLeast(0)}},
			"to_timestamp": schema.StringAttribute{
				MarkdownDescription: "To the first record of this time or later, by RFC 3339, such as `2026-01-31T00:00:00Z`; behind the last record where there is none.",
				CustomType:          timetypes.RFC3339Type{}, Optional: true,
			},
			"shift_by": schema.Int64Attribute{
				MarkdownDescription: "By so many offsets from where the group is, forward, or back when it is negative. A partition for which the group has no offset is an error.",
				Optional:            true, Validators: []validator.Int64{int64validator.Between(-maxShift, maxShift)},
			},
			"create":  schema.BoolAttribute{MarkdownDescription: "Make the group, with these offsets, where there is none of this name. Without it that is an error, since the name may be misspelt. Default false.", Optional: true},
			"dry_run": schema.BoolAttribute{MarkdownDescription: "Tell the old offsets and the new ones, and change nothing; also while the group has members. Default false.", Optional: true},
		},
	}
}

func (a *resetOffsetsAction) ConfigValidators(context.Context) []action.ConfigValidator {
	at := path.MatchRoot
	return []action.ConfigValidator{
		actionvalidator.ExactlyOneOf(at("topics"), at("partitions")),
		actionvalidator.ExactlyOneOf(at("to_earliest"), at("to_latest"), at("to_offset"), at("to_timestamp"), at("shift_by")),
	}
}

func (a *resetOffsetsAction) Configure(_ context.Context, req action.ConfigureRequest, resp *action.ConfigureResponse) {
	a.data = configured(req.ProviderData, &resp.Diagnostics)
}

// ModifyPlan refuses an action without a cluster where there is no Kafka to take instead.
func (a *resetOffsetsAction) ModifyPlan(ctx context.Context, req action.ModifyPlanRequest, resp *action.ModifyPlanResponse) {
	checkActionCluster(ctx, a.data, req, resp)
}

func (a *resetOffsetsAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var m resetOffsetsModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	a.data.Kafka.checkCluster(m.Cluster, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	defer a.data.Kafka.warn(&resp.Diagnostics)
	tell := func(text string) { resp.SendProgress(action.InvokeProgressEvent{Message: text}) }
	group := m.Group.ValueString()
	failed := fmt.Sprintf("Offsets of consumer group %q are not set", group)
	k, err := a.data.Kafka.Kafka(ctx, m.Cluster)
	if err != nil {
		resp.Diagnostics.AddError(failed, sentence(err))
		return
	}
	found, err := k.Group(ctx, group)
	switch {
	case errors.Is(err, kafka.ErrNotFound) && !m.Create.ValueBool():
		resp.Diagnostics.AddAttributeError(path.Root("group"), failed, asSentence(fmt.Sprintf(
			"%s has no consumer group %q. Is its name right? If it is to be made, with the offsets that it begins at, declare create = true", clusterName(m.Cluster), group)))
		return
	case err != nil && !errors.Is(err, kafka.ErrNotFound):
		resp.Diagnostics.AddError(failed, sentence(err))
		return
	case err == nil && found.Active() && !m.DryRun.ValueBool():
		resp.Diagnostics.AddError(failed, activeText(found)+"\n\nStop its consumers, wait until they have left the group, and invoke the action again.")
		return
	case err == nil && found.Active():
		resp.Diagnostics.AddWarning(fmt.Sprintf("Consumer group %q is active", group), activeText(found)+"\n\nIts offsets can be set when they are stopped.")
	}
	moves, err := m.moves(ctx, k)
	if err != nil {
		resp.Diagnostics.AddError(failed, sentence(err))
		return
	}
	if text := boundedText(moves); text != "" {
		resp.Diagnostics.AddWarning("Offsets beyond an end of the log", text)
	}
	if m.DryRun.ValueBool() {
		tell(fmt.Sprintf("Consumer group %q would go on from other offsets:\n%s", group, movesText(moves)))
		tell("Dry run: nothing was changed.")
		return
	}
	if err := setOffsets(ctx, k, group, moves); err != nil {
		resp.Diagnostics.AddError(failed, sentence(err))
		return
	}
	tell(fmt.Sprintf("Consumer group %q goes on from these offsets:\n%s", group, movesText(moves)))
}

// offsetMove is what a reset does to a group's offset in one partition.
type offsetMove struct {
	partition kafka.TopicPartition
	// from is -1 where the group has no offset.
	from, to int64
	// asked is what to would be without the ends of the log.
	asked int64
}

// moves are where the group goes, in the order of partitions.
func (m resetOffsetsModel) moves(ctx context.Context, k *kafka.Client) ([]offsetMove, error) {
	if !m.ToEarliest.ValueBool() && !m.ToLatest.ValueBool() && m.ToOffset.IsNull() && m.ToTimestamp.IsNull() && m.ShiftBy.IsNull() {
		return nil, errors.New("exactly one of to_earliest = true, to_latest = true, to_offset, to_timestamp and shift_by has to say where to")
	}
	named := m.Partitions
	if named == nil {
		named = map[string][]int64{}
		for _, name := range m.Topics {
			named[name] = nil
		}
	}
	var partitions []kafka.TopicPartition
	for _, name := range slices.Sorted(maps.Keys(named)) {
		some, err := namedPartitions(ctx, k, name, named[name])
		if err != nil {
			return nil, err
		}
		for _, p := range some {
			partitions = append(partitions, kafka.TopicPartition{Topic: p.Topic, Partition: p.Partition})
		}
	}
	if len(partitions) == 0 {
		return nil, errors.New("no partition is named in topics or partitions")
	}
	ends, err := k.LogEnds(ctx, partitions)
	if err != nil {
		return nil, err
	}
	from, err := k.CommittedOffsets(ctx, m.Group.ValueString())
	if err != nil {
		return nil, err
	}
	since := map[kafka.TopicPartition]int64{}
	if !m.ToTimestamp.IsNull() {
		at, diags := m.ToTimestamp.ValueRFC3339Time()
		if diags.HasError() {
			return nil, errors.New(diags[0].Detail())
		}
		if since, err = k.OffsetsSince(ctx, partitions, at); err != nil {
			return nil, err
		}
	}
	var moves []offsetMove
	var without []string
	for _, p := range partitions {
		move := offsetMove{partition: p, from: -1}
		if offset, ok := from[p]; ok {
			move.from = offset
		} else if !m.ShiftBy.IsNull() {
			without = append(without, p.String())
		}
		move.asked = m.asked(ends[p], move.from, since[p])
		move.to = max(ends[p].Start, min(move.asked, ends[p].End))
		moves = append(moves, move)
	}
	if len(without) > 0 {
		return nil, fmt.Errorf("the group has no offset in %s that shift_by could begin from (%s); set one by to_earliest, to_latest, to_offset or to_timestamp",
			plural(len(without), "partition"), someOf(without))
	}
	return moves, nil
}

// asked is where the configuration wants the group to go in a partition, also beyond the ends of the log. since is the first offset of its time.
func (m resetOffsetsModel) asked(ends kafka.LogEnds, from, since int64) int64 {
	switch {
	case m.ToEarliest.ValueBool():
		return ends.Start
	case m.ToLatest.ValueBool(), !m.ToTimestamp.IsNull() && since < 0:
		return ends.End
	case !m.ToTimestamp.IsNull():
		return since
	case !m.ToOffset.IsNull():
		return m.ToOffset.ValueInt64()
	}
	return from + m.ShiftBy.ValueInt64()
}

// setOffsets sets what is not so yet, and believes what Kafka tells afterwards.
func setOffsets(ctx context.Context, k *kafka.Client, group string, moves []offsetMove) error {
	want := map[kafka.TopicPartition]int64{}
	for _, move := range moves {
		if move.from != move.to {
			want[move.partition] = move.to
		}
	}
	if err := k.CommitOffsets(ctx, group, want); err != nil {
		return fmt.Errorf("%w; the offsets of partitions that are not named here are set. Kafka refuses it, too, when a consumer of the group has started meanwhile", err)
	}
	now, err := k.CommittedOffsets(ctx, group)
	if err != nil {
		return fmt.Errorf("they were set, and could not be read back: %w", err)
	}
	var others []string
	for _, move := range moves {
		if offset, ok := now[move.partition]; !ok || offset != move.to {
			others = append(others, fmt.Sprintf("%s is at %s and not at %d", move.partition, offsetText(now, move.partition), move.to))
		}
	}
	if len(others) > 0 {
		return fmt.Errorf("somebody else has set them since: %s; stop whoever commits for the group, and invoke the action again", someOf(others))
	}
	return nil
}

func offsetText(offsets map[kafka.TopicPartition]int64, p kafka.TopicPartition) string {
	if offset, ok := offsets[p]; ok {
		return fmt.Sprint(offset)
	}
	return "none"
}

// activeText says who takes part in a group.
func activeText(g kafka.Group) string {
	if len(g.Members) == 0 {
		return fmt.Sprintf("The group is in state %s, and not Empty.", g.State)
	}
	var lines []string
	for _, member := range g.Members[:min(len(g.Members), partitionsTold)] {
		name := fmt.Sprintf("client %q", member.ClientID)
		if member.InstanceID != "" {
			name += fmt.Sprintf(" (instance %q)", member.InstanceID)
		}
		topics := "no topic"
		if len(member.Partitions) > 0 {
			topics = someOf(slices.Sorted(maps.Keys(member.Partitions)))
		}
		lines = append(lines, fmt.Sprintf("  %s at %s: %s", name, strings.TrimPrefix(member.Host, "/"), topics))
	}
	if more := len(g.Members) - partitionsTold; more > 0 {
		lines = append(lines, fmt.Sprintf("  and %d more", more))
	}
	return fmt.Sprintf("The group is in state %s and has %s, which would go on to commit their own offsets:\n%s", g.State, plural(len(g.Members), "member"), strings.Join(lines, "\n"))
}

// boundedText names the partitions where the ends of the log have changed what was asked for, "" for none.
func boundedText(moves []offsetMove) string {
	var texts []string
	for _, move := range moves {
		switch {
		case move.asked < move.to:
			texts = append(texts, fmt.Sprintf("%s begins at %d, and %d was asked for", move.partition, move.to, move.asked))
		case move.asked > move.to:
			texts = append(texts, fmt.Sprintf("%s ends at %d, and %d was asked for", move.partition, move.to, move.asked))
		}
	}
	if len(texts) == 0 {
		return ""
	}
	return "The end of the log is taken where the offset is beyond it: " + someOf(texts) + "."
}

// movesText has a line for each partition whose offset changes, as many as anybody reads.
func movesText(moves []offsetMove) string {
	var lines []string
	same := 0
	for _, move := range moves {
		if move.from == move.to {
			same++
			continue
		}
		from := "none"
		if move.from >= 0 {
			from = fmt.Sprint(move.from)
		}
		lines = append(lines, fmt.Sprintf("  %s: %s -> %d", move.partition, from, move.to))
	}
	if more := len(lines) - partitionsTold; more > 0 {
		lines = append(lines[:partitionsTold], fmt.Sprintf("  and %s more", plural(more, "partition")))
	}
	if same > 0 {
		lines = append(lines, fmt.Sprintf("  %s as before", plural(same, "partition")))
	}
	return strings.Join(lines, "\n")
}

// someOf joins the first of some texts, and says how many more there are.
func someOf(texts []string) string {
	if more := len(texts) - partitionsTold; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(texts[:partitionsTold], ", "), more)
	}
	return strings.Join(texts, ", ")
}
