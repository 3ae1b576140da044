package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timetypes/timetypes"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	rules "github.com/kafkafleet/terraform-provider-kafkafleet/internal/lag"
)

var (
	_ datasource.DataSource                   = (*consumerGroupLagDataSource)(nil)
	_ datasource.DataSourceWithConfigure      = (*consumerGroupLagDataSource)(nil)
	_ datasource.DataSourceWithValidateConfig = (*consumerGroupLagDataSource)(nil)
)

// The window of a lag: by default twice as long as consumers wait between two commits by default (auto.commit.interval.ms, 5 s).
const (
	defaultLagWindow   = 6
	defaultLagInterval = 2 * time.Second
	mostLagWindow      = 100
	leastLagInterval   = 100 * time.Millisecond
	// longestLagWindow bounds how long a plan waits for one group.
	longestLagWindow = 5 * time.Minute
	// lagGrace is how much longer than its window the reading may take: what Kafka itself needs to answer.
	lagGrace = time.Minute
)

func newConsumerGroupLagDataSource() datasource.DataSource { return &consumerGroupLagDataSource{} }

type consumerGroupLagDataSource struct{ data *providerData }

type groupLagModel struct {
	Cluster    types.String         `tfsdk:"cluster"`
	Group      types.String         `tfsdk:"group"`
	Topics     []string             `tfsdk:"topics"`
	Window     types.Int64          `tfsdk:"window"`
	Interval   timetypes.GoDuration `tfsdk:"interval"`
	Status     types.String         `tfsdk:"status"`
	State      types.String         `tfsdk:"state"`
	TotalLag   types.Int64          `tfsdk:"total_lag"`
	MaxLag     types.Int64          `tfsdk:"max_lag"`
	Partitions []partitionLag       `tfsdk:"partitions"`
}

type partitionLag struct {
	Topic     types.String `tfsdk:"topic"`
	Partition types.Int64  `tfsdk:"partition"`
	Committed types.Int64  `tfsdk:"committed_offset"`
	End       types.Int64  `tfsdk:"log_end_offset"`
	Lag       types.Int64  `tfsdk:"lag"`
	Status    types.String `tfsdk:"status"`
	Member    types.String `tfsdk:"member_id"`
}

func (d *consumerGroupLagDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_consumer_group_lag"
}

func (d *consumerGroupLagDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Whether a consumer group keeps up. Not the size of its lag decides, but what becomes of it: the offsets are looked at several times, and judged by the rules of " +
			"[Burrow](https://github.com/linkedin/Burrow/wiki/Consumer-Lag-Evaluation-Rules).\n\n" +
			"Reading takes `window` looks, `interval` apart, " + asDuration((defaultLagWindow-1)*defaultLagInterval) + " by default. It ends at once where the group does not exist, and as soon as every partition has had no lag once: that is `OK`, whatever comes then. " +
			"The window has to be at least twice as long as the consumers wait between commits, which is 5 seconds for most clients (`auto.commit.interval.ms`): in a shorter one a consumer that is well seems to stand still. " +
			"Kafka does not tell when an offset was committed, so a commit counts from the look that found it.",
		Attributes: map[string]schema.Attribute{
			"cluster": schema.StringAttribute{
				MarkdownDescription: "The cluster's name. Without it, the Kafka of the provider block's `kafka`.",
				Optional:            true, Validators: []validator.String{clusterNameValidator{}},
			},
			"group": schema.StringAttribute{
				MarkdownDescription: "The group's name, which Kafka calls its id. A share group commits no offsets, and is refused.",
				Required:            true, Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"topics": schema.SetAttribute{
				MarkdownDescription: "Only these topics, by their whole names. By default all that the group has committed an offset of, or that are assigned to a member.",
				ElementType:         types.StringType, Optional: true,
				Validators: []validator.Set{setvalidator.SizeAtLeast(1)},
			},
			"window": schema.Int64Attribute{
				MarkdownDescription: fmt.Sprintf("How many looks, from 2 to %d; %d by default. `WARN` takes four commits in the window, so more looks, or more time, where commits are rare.", mostLagWindow, defaultLagWindow),
				Optional:            true, Validators: []validator.Int64{int64validator.Between(2, mostLagWindow)},
			},
			"interval": schema.StringAttribute{
				MarkdownDescription: fmt.Sprintf("The time between two looks, `%s` at least; `%s` by default. All looks together may take `%s`.",
					asDuration(leastLagInterval), asDuration(defaultLagInterval), asDuration(longestLagWindow)),
				CustomType: timetypes.GoDurationType{}, Optional: true,
			},
			"status": schema.StringAttribute{
				MarkdownDescription: "`OK`: every partition is. `WARN`: one is, and none is worse. `ERR`: one is `STOP`, `STALL` or `REWIND`. `NOTFOUND`: there is no such group.",
				Computed:            true,
			},
			"state":     schema.StringAttribute{MarkdownDescription: "The group's state, as in `kafkafleet_consumer_groups`; null when there is no such group.", Computed: true},
			"total_lag": schema.Int64Attribute{MarkdownDescription: "The sum of the partitions' lags, in offsets.", Computed: true},
			"max_lag":   schema.Int64Attribute{MarkdownDescription: "The largest of them.", Computed: true},
			"partitions": schema.ListNestedAttribute{
				MarkdownDescription: "All partitions of the topics, as of the last look, in the order of topics and numbers. Topics that the login has no right to describe are left out by Kafka.",
				Computed:            true,
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"topic":            schema.StringAttribute{MarkdownDescription: "The topic.", Computed: true},
					"partition":        schema.Int64Attribute{MarkdownDescription: "The partition's number.", Computed: true},
					"committed_offset": schema.Int64Attribute{MarkdownDescription: "The committed offset, that of the next record to consume; null where the group has none.", Computed: true},
					"log_end_offset":   schema.Int64Attribute{MarkdownDescription: "The offset that the next record gets.", Computed: true},
					"lag":              schema.Int64Attribute{MarkdownDescription: "The difference of the two; null without a committed offset.", Computed: true},
					"status": schema.StringAttribute{
						MarkdownDescription: "`OK`: there was no lag at some time of the window, or it is worked off. `WARN`: offsets are committed, and the lag has not decreased from any commit to the next. " +
							"`STALL`: there is lag, a member has the partition, and the committed offset does not move. `STOP`: there is lag, and no member has the partition and nothing is committed, or nothing has been for longer than it was before. " +
							"`REWIND`: the committed offset went back. Null without a committed offset.",
						Computed: true,
					},
					"member_id": schema.StringAttribute{MarkdownDescription: "The id of the member that has the partition; null for none.", Computed: true},
				}},
			},
		},
	}
}

func (d *consumerGroupLagDataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	d.data = configured(req.ProviderData, &resp.Diagnostics)
}

// ValidateConfig refuses windows that a plan should not wait for.
func (d *consumerGroupLagDataSource) ValidateConfig(ctx context.Context, req datasource.ValidateConfigRequest, resp *datasource.ValidateConfigResponse) {
	var window types.Int64
	var text timetypes.GoDuration
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("window"), &window)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("interval"), &text)...)
	if resp.Diagnostics.HasError() || window.IsUnknown() || text.IsUnknown() {
		return
	}
	m := groupLagModel{Window: window, Interval: text}
	looks, interval := m.looks(), m.interval(&resp.Diagnostics)
	switch span := time.Duration(looks-1) * interval; {
	case interval < leastLagInterval:
		resp.Diagnostics.AddAttributeError(path.Root("interval"), "Too short an interval",
			fmt.Sprintf("%q is less than %s, and Kafka would be asked all the time.", text.ValueString(), asDuration(leastLagInterval)))
	case span > longestLagWindow:
		resp.Diagnostics.AddAttributeError(path.Root("window"), "Too long a window",
			fmt.Sprintf("%d looks, %s apart, take %s, and a plan waits for them: make it %s at most.", looks, asDuration(interval), asDuration(span), asDuration(longestLagWindow)))
	}
}

// looks is how many looks there are to be.
func (m groupLagModel) looks() int {
	if m.Window.IsNull() {
		return defaultLagWindow
	}
	return int(m.Window.ValueInt64())
}

// interval is the time between two looks.
func (m groupLagModel) interval(diags *diag.Diagnostics) time.Duration {
	if m.Interval.IsNull() {
		return defaultLagInterval
	}
	return durationOf(m.Interval, diags)
}

func (d *consumerGroupLagDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m groupLagModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	d.data.Kafka.checkCluster(m.Cluster, &resp.Diagnostics)
	interval := m.interval(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if err := d.read(ctx, &m, interval); err != nil {
		of := fmt.Sprintf("%q of %s", m.Group.ValueString(), clusterName(m.Cluster))
		resp.Diagnostics.AddError("The lag of consumer group "+of+" could not be read", sentence(err))
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

func (d *consumerGroupLagDataSource) read(ctx context.Context, m *groupLagModel, interval time.Duration) error {
	k, err := d.data.Kafka.Kafka(ctx, m.Cluster)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(m.looks()-1)*interval+lagGrace)
	defer cancel()
	group, samples, err := watchGroup(ctx, k, m.Group.ValueString(), m.Topics, m.looks(), interval)
	if errors.Is(err, errNoGroup) {
		m.set(kafka.Group{}, nil)
		m.Status, m.State = types.StringValue(string(rules.NotFound)), types.StringNull()
		return nil
	}
	if err != nil {
		return err
	}
	m.set(group, samples)
	return nil
}

// errNoGroup says that it is the group which does not exist.
var errNoGroup = errors.New("there is no such group")

// watchGroup returns a group as it is after the looks at its offsets, and the looks.
func watchGroup(ctx context.Context, k *kafka.Client, name string, topics []string, looks int, interval time.Duration) (
	kafka.Group, map[kafka.TopicPartition][]rules.Sample, error,
) {
	find := func() (kafka.Group, error) {
		group, err := k.Group(ctx, name)
		if errors.Is(err, kafka.ErrNotFound) {
			err = errNoGroup
		}
		return group, err
	}
	group, err := find()
	if err != nil {
		return group, nil, err
	}
	if group.Type == kafka.GroupShare {
		return group, nil, errors.New("it is a share group: its members share the records of each partition, and it commits no offsets that a lag could be told by")
	}
	samples, err := watch(ctx, k, group, topics, looks, interval)
	if err != nil {
		return group, nil, err
	}
	// Members come and go. That a partition has none now is what tells a consumer that has stopped from one that is stuck.
	group, err = find()
	return group, samples, err
}

// watch looks at the offsets of a group so many times, or until no further look can change what they say.
func watch(ctx context.Context, k *kafka.Client, group kafka.Group, topics []string, looks int, interval time.Duration) (
	map[kafka.TopicPartition][]rules.Sample, error,
) {
	assigned := map[string]bool{}
	for _, member := range group.Members {
		for topic := range member.Partitions {
			assigned[topic] = true
		}
	}
	samples := map[kafka.TopicPartition][]rules.Sample{}
	next := time.NewTicker(interval)
	defer next.Stop()
	for look := 1; ; look++ {
		// The ends after the offsets: what is consumed between the two would else be ahead of them.
		committed, err := k.CommittedOffsets(ctx, group.Name)
		if err != nil {
			return nil, err
		}
		at := time.Now()
		read := maps.Clone(assigned)
		for p := range committed {
			read[p.Topic] = true
		}
		maps.DeleteFunc(read, func(topic string, _ bool) bool { return topics != nil && !slices.Contains(topics, topic) })
		ends, err := k.TopicEnds(ctx, slices.Sorted(maps.Keys(read)))
		if err != nil {
			return nil, err
		}
		// What is gone now is not told of.
		maps.DeleteFunc(samples, func(p kafka.TopicPartition, _ []rules.Sample) bool { _, ok := ends[p]; return !ok })
		settled := true
		for p, end := range ends {
			offset, ok := committed[p]
			if !ok {
				offset = rules.NoCommit
			}
			samples[p] = append(samples[p], rules.Sample{At: at, Committed: offset, End: end})
			settled = settled && (!ok || rules.Settled(samples[p]))
		}
		if settled || look == looks {
			return samples, nil
		}
		select {
		case <-next.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("stopped after %d of %d looks at the offsets: %w", look, looks, ctx.Err())
		}
	}
}

// set sets what was found out about a group.
func (m *groupLagModel) set(group kafka.Group, samples map[kafka.TopicPartition][]rules.Sample) {
	owners := map[kafka.TopicPartition]string{}
	for _, member := range group.Members {
		for topic, partitions := range member.Partitions {
			for _, id := range partitions {
				owners[kafka.TopicPartition{Topic: topic, Partition: id}] = member.ID
			}
		}
	}
	// While partitions are assigned anew some have no member, and will have one soon.
	assigning := len(group.Members) > 0 && group.State != "Stable"
	total, most := int64(0), int64(0)
	var statuses []rules.Status
	m.Partitions = []partitionLag{}
	for _, p := range slices.SortedFunc(maps.Keys(samples), func(a, b kafka.TopicPartition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	}) {
		last := samples[p][len(samples[p])-1]
		found := partitionLag{Topic: types.StringValue(p.Topic), Partition: types.Int64Value(int64(p.Partition)), End: types.Int64Value(last.End)}
		owner, owned := owners[p]
		if owned {
			found.Member = types.StringValue(owner)
		}
		status := rules.Partition(samples[p], owned || assigning)
		if status != rules.Unknown {
			found.Committed, found.Lag, found.Status = types.Int64Value(last.Committed), types.Int64Value(last.Lag()), types.StringValue(string(status))
		}
		total, most = total+last.Lag(), max(most, last.Lag())
		statuses = append(statuses, status)
		m.Partitions = append(m.Partitions, found)
	}
	m.Status, m.State = types.StringValue(string(rules.Group(statuses))), types.StringValue(group.State)
	m.TotalLag, m.MaxLag = types.Int64Value(total), types.Int64Value(most)
}
