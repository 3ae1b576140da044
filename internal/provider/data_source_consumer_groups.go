package provider

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

var (
	_ datasource.DataSource              = (*consumerGroupsDataSource)(nil)
	_ datasource.DataSourceWithConfigure = (*consumerGroupsDataSource)(nil)
)

func newConsumerGroupsDataSource() datasource.DataSource { return &consumerGroupsDataSource{} }

type consumerGroupsDataSource struct{ data *providerData }

type foundGroupsModel struct {
	Cluster types.String `tfsdk:"cluster"`
	Name    types.String `tfsdk:"name_regex"`
	States  []string     `tfsdk:"states"`
	Groups  []foundGroup `tfsdk:"groups"`
}

type foundGroup struct {
	Name         types.String       `tfsdk:"name"`
	Type         types.String       `tfsdk:"type"`
	State        types.String       `tfsdk:"state"`
	ProtocolType types.String       `tfsdk:"protocol_type"`
	Protocol     types.String       `tfsdk:"protocol"`
	Coordinator  types.Int64        `tfsdk:"coordinator"`
	Members      []foundGroupMember `tfsdk:"members"`
}

type foundGroupMember struct {
	ID         types.String       `tfsdk:"id"`
	InstanceID types.String       `tfsdk:"instance_id"`
	ClientID   types.String       `tfsdk:"client_id"`
	Host       types.String       `tfsdk:"host"`
	Partitions map[string][]int32 `tfsdk:"partitions"`
}

func (d *consumerGroupsDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_consumer_groups"
}

func (d *consumerGroupsDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The consumer groups that a cluster has, with their members: those of both protocols (classic and KIP-848), share groups and groups of Kafka Streams. " +
			"It takes a request to each broker and one to each for a hundred of its groups; every broker has to answer. Kafka leaves out the groups that the login has no right to describe.",
		Attributes: map[string]schema.Attribute{
			"cluster": schema.StringAttribute{
				MarkdownDescription: "The cluster's name. Without it, the Kafka of the provider block's `kafka`.",
				Optional:            true, Validators: []validator.String{clusterNameValidator{}},
			},
			"name_regex": schema.StringAttribute{
				MarkdownDescription: "A regular expression in [RE2's syntax](https://github.com/google/re2/wiki/Syntax) that the whole name matches. All by default.",
				Optional:            true, Validators: []validator.String{patternValidator{}},
			},
			"states": schema.SetAttribute{
				MarkdownDescription: "Only groups in one of these states: `" + strings.Join(kafka.GroupStates, "`, `") + "`. All by default.",
				ElementType:         types.StringType, Optional: true,
				Validators: []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.ValueStringsAre(stringvalidator.OneOf(kafka.GroupStates...))},
			},
			"groups": schema.ListNestedAttribute{
				MarkdownDescription: "The groups in the order of their names.",
				Computed:            true,
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"name": schema.StringAttribute{MarkdownDescription: "The group's name, which Kafka calls its id.", Computed: true},
					"type": schema.StringAttribute{
						MarkdownDescription: "`classic`: members assign partitions among themselves. `consumer`: the coordinator does (KIP-848). `share`: members share the records of a partition (KIP-932). `streams`: the coordinator assigns tasks of Kafka Streams (KIP-1071).",
						Computed:            true,
					},
					"state": schema.StringAttribute{
						MarkdownDescription: "`Stable`: every member has its partitions. `Empty`: there are no members, and the offsets are kept. The others are those of a group that assigns anew.",
						Computed:            true,
					},
					"protocol_type": schema.StringAttribute{MarkdownDescription: "What its members are: `consumer`, `connect` and the like. Empty for a group that only ever committed offsets.", Computed: true},
					"protocol":      schema.StringAttribute{MarkdownDescription: "How partitions are assigned, such as `range`, `cooperative-sticky` or `uniform`. Empty while there are no members.", Computed: true},
					"coordinator":   schema.Int64Attribute{MarkdownDescription: "The id of the broker that keeps the group.", Computed: true},
					"members": schema.ListNestedAttribute{
						MarkdownDescription: "The members in the order of their ids.",
						Computed:            true,
						NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
							"id":          schema.StringAttribute{MarkdownDescription: "The member's id, another one after each start.", Computed: true},
							"instance_id": schema.StringAttribute{MarkdownDescription: "The `group.instance.id` of a static member; null for others.", Computed: true},
							"client_id":   schema.StringAttribute{MarkdownDescription: "The client's own `client.id`.", Computed: true},
							"host":        schema.StringAttribute{MarkdownDescription: "Where it connects from, an IP address.", Computed: true},
							"partitions": schema.MapAttribute{
								MarkdownDescription: "The partitions that are assigned to it, by topic. Those of Kafka Streams are of its active tasks. Empty for what is no consumer, such as Kafka Connect.",
								ElementType:         types.ListType{ElemType: types.Int64Type}, Computed: true,
							},
						}},
					},
				}},
			},
		},
	}
}

func (d *consumerGroupsDataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	d.data = configured(req.ProviderData, &resp.Diagnostics)
}

func (d *consumerGroupsDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m foundGroupsModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	d.data.Kafka.checkCluster(m.Cluster, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if err := d.read(ctx, &m); err != nil {
		resp.Diagnostics.AddError(fmt.Sprintf("The consumer groups of %s could not be read", clusterName(m.Cluster)), sentence(err))
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

func (d *consumerGroupsDataSource) read(ctx context.Context, m *foundGroupsModel) error {
	takes, err := nameFilter(m.Name.ValueString())
	if err != nil {
		return err
	}
	k, err := d.data.Kafka.Kafka(ctx, m.Cluster)
	if err != nil {
		return err
	}
	groups, err := k.Groups(ctx, takes, m.States)
	if err != nil {
		return err
	}
	m.Groups = []foundGroup{}
	for _, g := range groups {
		found := foundGroup{
			Name: types.StringValue(g.Name), Type: types.StringValue(g.Type), State: types.StringValue(g.State),
			ProtocolType: types.StringValue(g.ProtocolType), Protocol: types.StringValue(g.Protocol),
			Coordinator: types.Int64Value(int64(g.Coordinator)), Members: []foundGroupMember{},
		}
		for _, member := range g.Members {
			found.Members = append(found.Members, foundMember(member))
		}
		m.Groups = append(m.Groups, found)
	}
	return nil
}

func foundMember(m kafka.GroupMember) foundGroupMember {
	found := foundGroupMember{
		ID: types.StringValue(m.ID), ClientID: types.StringValue(m.ClientID), Host: types.StringValue(strings.TrimPrefix(m.Host, "/")),
		Partitions: m.Partitions,
	}
	if m.InstanceID != "" {
		found.InstanceID = types.StringValue(m.InstanceID)
	}
	if found.Partitions == nil {
		found.Partitions = map[string][]int32{} // Null would have no length.
	}
	return found
}
