package provider

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

var (
	_ datasource.DataSource              = (*topicsDataSource)(nil)
	_ datasource.DataSourceWithConfigure = (*topicsDataSource)(nil)
)

func newTopicsDataSource() datasource.DataSource { return &topicsDataSource{} }

type topicsDataSource struct{ data *providerData }

type foundTopicsModel struct {
	Cluster   types.String          `tfsdk:"cluster"`
	Name      types.String          `tfsdk:"name_regex"`
	Internal  types.Bool            `tfsdk:"internal"`
	WithSizes types.Bool            `tfsdk:"with_sizes"`
	Topics    map[string]foundTopic `tfsdk:"topics"`
}

type foundTopic struct {
	TopicID           types.String `tfsdk:"topic_id"`
	Partitions        types.Int64  `tfsdk:"partitions"`
	ReplicationFactor types.Int64  `tfsdk:"replication_factor"`
	Config            types.Map    `tfsdk:"config"`
	Bytes             types.Int64  `tfsdk:"bytes"`
}

func (d *topicsDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_topics"
}

func (d *topicsDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The topics that a cluster has, by their names.",
		Attributes: map[string]schema.Attribute{
			"cluster": schema.StringAttribute{
				MarkdownDescription: "The cluster's name. Without it, the Kafka of the provider block's `kafka`.",
				Optional:            true, Validators: []validator.String{clusterNameValidator{}},
			},
			"name_regex": schema.StringAttribute{
				MarkdownDescription: "A regular expression in [RE2's syntax](https://github.com/google/re2/wiki/Syntax) that the whole name matches. All by default.",
				Optional:            true, Validators: []validator.String{patternValidator{}},
			},
			"internal": schema.BoolAttribute{
				MarkdownDescription: "Whether to have those, too, that Kafka and other tools keep for themselves, whose names begin with two underscores. `false` by default.",
				Optional:            true,
			},
			"with_sizes": schema.BoolAttribute{
				MarkdownDescription: "Whether to ask the brokers how much their disks hold of each topic. `false` by default: it takes a request to each broker, and every broker has to answer.",
				Optional:            true,
			},
			"topics": schema.MapNestedAttribute{
				MarkdownDescription: "The topics by name.",
				Computed:            true,
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"topic_id":           schema.StringAttribute{MarkdownDescription: "Kafka's own id of the topic.", Computed: true},
					"partitions":         schema.Int64Attribute{MarkdownDescription: "The number of partitions.", Computed: true},
					"replication_factor": schema.Int64Attribute{MarkdownDescription: "The number of replicas that most partitions have.", Computed: true},
					"config":             schema.MapAttribute{MarkdownDescription: "The settings that are set on the topic itself; null for none.", ElementType: types.StringType, Computed: true},
					"bytes":              schema.Int64Attribute{MarkdownDescription: "What all of its replicas take on disks; null without `with_sizes`.", Computed: true},
				}},
			},
		},
	}
}

func (d *topicsDataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	d.data = configured(req.ProviderData, &resp.Diagnostics)
}

func (d *topicsDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m foundTopicsModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	d.data.Kafka.checkCluster(m.Cluster, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if err := d.read(ctx, &m, &resp.Diagnostics); err != nil {
		resp.Diagnostics.AddError(fmt.Sprintf("The topics of %s could not be read", clusterName(m.Cluster)), sentence(err))
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

func (d *topicsDataSource) read(ctx context.Context, m *foundTopicsModel, diags *diag.Diagnostics) error {
	takes, err := nameFilter(m.Name.ValueString())
	if err != nil {
		return err
	}
	k, err := d.data.Kafka.Kafka(ctx, m.Cluster)
	if err != nil {
		return err
	}
	topics, err := k.Reader().Topics(ctx)
	if err != nil {
		return err
	}
	var bytes map[string]int64
	if m.WithSizes.ValueBool() {
		if bytes, err = topicBytes(ctx, k); err != nil {
			return err
		}
	}
	m.Topics = map[string]foundTopic{}
	for name, topic := range topics {
		if !takes(name) || !m.Internal.ValueBool() && ofATool(topic) {
			continue
		}
		settings, err := k.Reader().TopicConfig(ctx, name)
		if gone(err) {
			continue // It was deleted meanwhile.
		}
		if err != nil {
			return err
		}
		config, more := overriddenConfig(ctx, settings)
		diags.Append(more...)
		found := foundTopic{
			TopicID: types.StringValue(topic.UUID()), Partitions: types.Int64Value(int64(len(topic.Partitions))),
			ReplicationFactor: types.Int64Value(int64(topic.ReplicationFactor())), Config: config,
		}
		if bytes != nil {
			found.Bytes = types.Int64Value(bytes[name])
		}
		m.Topics[name] = found
	}
	return nil
}

// ofATool says that a topic is kept by Kafka or another tool for itself.
func ofATool(t kafka.Topic) bool { return t.Internal || strings.HasPrefix(t.Name, "__") }

// topicBytes is what the replicas of each topic take on all disks. A broker that does not answer is an error: the sum would be wrong without it.
func topicBytes(ctx context.Context, k *kafka.Client) (map[string]int64, error) {
	_, brokers, err := k.Brokers(ctx)
	if err != nil {
		return nil, err
	}
	brokers = slices.DeleteFunc(brokers, func(b kafka.Broker) bool { return b.Fenced })
	var live []int32
	for _, b := range brokers {
		live = append(live, b.ID)
	}
	dirs, err := k.LogDirs(ctx, live)
	if err != nil {
		return nil, err
	}
	bytes := map[string]int64{}
	for _, dir := range dirs {
		for _, r := range dir.Replicas {
			bytes[r.Topic] += r.Bytes
		}
	}
	return bytes, nil
}
