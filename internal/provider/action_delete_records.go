package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-timetypes/timetypes"
	"github.com/hashicorp/terraform-plugin-framework-validators/actionvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/boolvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

var (
	_ action.Action                     = (*deleteRecordsAction)(nil)
	_ action.ActionWithConfigure        = (*deleteRecordsAction)(nil)
	_ action.ActionWithConfigValidators = (*deleteRecordsAction)(nil)
	_ action.ActionWithModifyPlan       = (*deleteRecordsAction)(nil)
	_ action.ActionWithValidateConfig   = (*deleteRecordsAction)(nil)
)

// partitionNumber is a partition as the key of a map.
var partitionNumber = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})$`)

func newDeleteRecordsAction() action.Action { return &deleteRecordsAction{} }

type deleteRecordsAction struct{ data *providerData }

type deleteRecordsModel struct {
	Cluster         types.String      `tfsdk:"cluster"`
	Topic           types.String      `tfsdk:"topic"`
	BeforeOffset    map[string]int64  `tfsdk:"before_offset"`
	BeforeTimestamp timetypes.RFC3339 `tfsdk:"before_timestamp"`
	All             types.Bool        `tfsdk:"all"`
	DryRun          types.Bool        `tfsdk:"dry_run"`
}

func (a *deleteRecordsAction) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_delete_records"
}

func (a *deleteRecordsAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Deletes the oldest records of a topic, once, as `kafka-delete-records.sh` does. **They are gone for good**, on every replica and for every consumer. " +
			"A consumer group that was to read one of them goes on as its `auto.offset.reset` says.\n\n" +
			"Exactly one of `before_offset`, `before_timestamp` and `all` says which. How far each partition is deleted is settled before the first of them is, and records that are written meanwhile stay. " +
			"It ends when all live replicas have deleted them. Cut off at any moment and invoked again, it deletes what was left.\n\n" +
			"Kafka does it only for topics whose `cleanup.policy` has `delete` in it, and not for those that it keeps for itself; the action refuses every topic whose name begins with two underscores. Needs Terraform 1.14.",
		Attributes: map[string]schema.Attribute{
			"cluster": actionCluster(),
			"topic":   schema.StringAttribute{MarkdownDescription: "The topic's name.", Required: true, Validators: []validator.String{topicNameValidator{}}},
			"before_offset": schema.MapAttribute{
				MarkdownDescription: "The offset by partition, such as `{ \"0\" = 1500 }`: all records before it. Other partitions are left alone. An offset beyond the partition's end is an error.",
				ElementType:         types.Int64Type, Optional: true,
				Validators: []validator.Map{
					mapvalidator.SizeAtLeast(1), mapvalidator.ValueInt64sAre(int64validator.AtLeast(0)),
					mapvalidator.KeysAre(stringvalidator.RegexMatches(partitionNumber, "must be the number of a partition, such as 0 or 11")),
				},
			},
			"before_timestamp": schema.StringAttribute{
				MarkdownDescription: "A time by RFC 3339, such as `2026-01-31T00:00:00Z`: the records of each partition that come before the first one of this time or later. By the timestamps that producers gave, unless the topic has `message.timestamp.type = LogAppendTime`.",
				CustomType:          timetypes.RFC3339Type{}, Optional: true,
			},
			"all":     schema.BoolAttribute{MarkdownDescription: "`true`: all records that there are, up to the high watermark.", Optional: true, Validators: []validator.Bool{boolvalidator.Equals(true)}},
			"dry_run": schema.BoolAttribute{MarkdownDescription: "Tell what would be deleted, and delete nothing. Default false.", Optional: true},
		},
	}
}

func (a *deleteRecordsAction) ConfigValidators(context.Context) []action.ConfigValidator {
	return []action.ConfigValidator{actionvalidator.ExactlyOneOf(path.MatchRoot("before_offset"), path.MatchRoot("before_timestamp"), path.MatchRoot("all"))}
}

func (a *deleteRecordsAction) Configure(_ context.Context, req action.ConfigureRequest, resp *action.ConfigureResponse) {
	a.data = configured(req.ProviderData, &resp.Diagnostics)
}

// ValidateConfig refuses topics whose records are somebody's bookkeeping.
func (a *deleteRecordsAction) ValidateConfig(ctx context.Context, req action.ValidateConfigRequest, resp *action.ValidateConfigResponse) {
	var topic types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("topic"), &topic)...)
	if strings.HasPrefix(topic.ValueString(), "__") {
		resp.Diagnostics.AddAttributeError(path.Root("topic"), "A topic of Kafka's own", internalText(topic.ValueString()))
	}
}

// ModifyPlan refuses an action without a cluster where there is no Kafka to take instead.
func (a *deleteRecordsAction) ModifyPlan(ctx context.Context, req action.ModifyPlanRequest, resp *action.ModifyPlanResponse) {
	checkActionCluster(ctx, a.data, req, resp)
}

func (a *deleteRecordsAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var m deleteRecordsModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	a.data.Kafka.checkCluster(m.Cluster, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	defer a.data.Kafka.warn(&resp.Diagnostics)
	tell := func(text string) { resp.SendProgress(action.InvokeProgressEvent{Message: text}) }
	name := m.Topic.ValueString()
	k, err := a.data.Kafka.Kafka(ctx, m.Cluster)
	if err != nil {
		resp.Diagnostics.AddError(fmt.Sprintf("No records of topic %q are deleted", name), sentence(err))
		return
	}
	want, err := m.deletions(ctx, k)
	if err != nil {
		resp.Diagnostics.AddError(fmt.Sprintf("No records of topic %q are deleted", name), sentence(err))
		return
	}
	if len(want) == 0 {
		tell(fmt.Sprintf("Nothing to delete: topic %q has no record before that.", name))
		return
	}
	before, records := map[int32]int64{}, int64(0)
	for _, d := range want {
		before[d.partition] = d.before
		records += d.records()
	}
	// Offsets are what can be counted: those of a compacted or a transactional topic are not all of records.
	what := fmt.Sprintf("%s of topic %q (by their offsets)", plural(int(records), "record"), name)
	if m.DryRun.ValueBool() {
		tell(fmt.Sprintf("To delete: %s, after which its logs begin at %s.", what, startsText(before)))
		tell("Dry run: nothing was deleted.")
		return
	}
	starts, err := k.DeleteRecords(ctx, name, before)
	if err != nil {
		resp.Diagnostics.AddError(fmt.Sprintf("Not all records of topic %q are deleted", name),
			sentence(err)+fmt.Sprintf(" Of the %s that were to be, those of the partitions that are not named here are deleted. Invoke the action again for the others.", plural(len(before), "partition")))
		return
	}
	tell(fmt.Sprintf("Deleted %s: its logs begin at %s.", what, startsText(starts)))
}

// deletion is what is deleted of one partition.
type deletion struct {
	partition     int32
	start, before int64
}

func (d deletion) records() int64 { return d.before - d.start }

// deletions are those that have something to delete, in the order of partitions. Where one of them cannot be, none is.
func (m deleteRecordsModel) deletions(ctx context.Context, k *kafka.Client) ([]deletion, error) {
	name := m.Topic.ValueString()
	topic, err := k.Topic(ctx, name)
	if err != nil {
		return nil, err
	}
	if ofATool(topic) {
		return nil, errors.New(internalText(name))
	}
	if err := deletable(ctx, k, name); err != nil {
		return nil, err
	}
	partitions := make([]kafka.TopicPartition, len(topic.Partitions))
	for i, p := range topic.Partitions {
		partitions[i] = kafka.TopicPartition{Topic: name, Partition: p.Partition}
	}
	ends, err := k.LogEnds(ctx, partitions)
	if err != nil {
		return nil, err
	}
	var before map[kafka.TopicPartition]int64
	switch {
	case m.BeforeOffset != nil:
		before, err = m.beforeOffsets(ends)
	case !m.BeforeTimestamp.IsNull():
		before, err = m.beforeTime(ctx, k, ends)
	case m.All.ValueBool():
		before = map[kafka.TopicPartition]int64{}
		for p, e := range ends {
			before[p] = e.End
		}
	default:
		err = errors.New("exactly one of before_offset, before_timestamp and all = true has to say which records")
	}
	if err != nil {
		return nil, err
	}
	var want []deletion
	for _, p := range slices.SortedFunc(maps.Keys(before), kafka.TopicPartition.Compare) {
		if d := (deletion{partition: p.Partition, start: ends[p].Start, before: before[p]}); d.records() > 0 {
			want = append(want, d)
		}
	}
	return want, nil
}

// beforeOffsets are the declared offsets, which have to be within the logs.
func (m deleteRecordsModel) beforeOffsets(ends map[kafka.TopicPartition]kafka.LogEnds) (map[kafka.TopicPartition]int64, error) {
	before := map[kafka.TopicPartition]int64{}
	var faults []error
	for _, key := range slices.Sorted(maps.Keys(m.BeforeOffset)) {
		id, err := strconv.ParseInt(key, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%q is not the number of a partition", key)
		}
		p := kafka.TopicPartition{Topic: m.Topic.ValueString(), Partition: int32(id)}
		switch e, ok := ends[p]; {
		case !ok:
			faults = append(faults, fmt.Errorf("topic %q has no partition %d: it has %s, the first is 0", p.Topic, id, plural(len(ends), "partition")))
		case m.BeforeOffset[key] > e.End:
			faults = append(faults, fmt.Errorf("partition %d ends at offset %d (its high watermark), and before_offset is %d, beyond it", id, e.End, m.BeforeOffset[key]))
		default:
			before[p] = m.BeforeOffset[key]
		}
	}
	return before, errors.Join(faults...)
}

// beforeTime are the offsets of the first records of the declared time or later, the ends of logs without any.
func (m deleteRecordsModel) beforeTime(ctx context.Context, k *kafka.Client, ends map[kafka.TopicPartition]kafka.LogEnds) (map[kafka.TopicPartition]int64, error) {
	at, diags := m.BeforeTimestamp.ValueRFC3339Time()
	if diags.HasError() {
		return nil, errors.New(diags[0].Detail())
	}
	before, err := k.OffsetsSince(ctx, slices.Collect(maps.Keys(ends)), at)
	if err != nil {
		return nil, err
	}
	for p, e := range ends {
		if before[p] < 0 {
			before[p] = e.End
		}
	}
	return before, nil
}

// deletable refuses topics of which Kafka deletes no records for their age, and so none on demand either.
func deletable(ctx context.Context, k *kafka.Client, topic string) error {
	this := kafka.ConfigResource{Kind: kafka.ResourceTopic, Name: topic}
	settings, err := k.DescribeConfigs(ctx, []kafka.ConfigResource{this})
	if err != nil {
		return err
	}
	for _, s := range settings[this] {
		if s.Name == "cleanup.policy" && !slices.Contains(strings.Split(s.Value, ","), "delete") {
			return fmt.Errorf("topic %q has cleanup.policy = %q, and Kafka deletes records before an offset only where \"delete\" is in it; "+
				"a compacted topic loses a key by a record with a null value, or give it \"compact,delete\" and a retention that suits it", topic, s.Value)
		}
	}
	return nil
}

func internalText(topic string) string {
	return fmt.Sprintf("Topic %q is kept by Kafka or another tool for itself, which reads its records to know what is so. They are not deleted by this action.", topic)
}

// startsText says where logs begin, by partition.
func startsText(starts map[int32]int64) string {
	var texts []string
	ids := slices.Sorted(maps.Keys(starts))
	for _, id := range ids[:min(len(ids), partitionsTold)] {
		texts = append(texts, fmt.Sprintf("%d (partition %d)", starts[id], id))
	}
	if more := len(ids) - partitionsTold; more > 0 {
		low, high := int64(math.MaxInt64), int64(0)
		for _, id := range ids[partitionsTold:] {
			low, high = min(low, starts[id]), max(high, starts[id])
		}
		texts = append(texts, fmt.Sprintf("%d to %d (%d more partitions)", low, high, more))
	}
	return strings.Join(texts, ", ")
}
