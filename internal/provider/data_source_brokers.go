package provider

import (
	"cmp"
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var (
	_ datasource.DataSource              = (*brokersDataSource)(nil)
	_ datasource.DataSourceWithConfigure = (*brokersDataSource)(nil)
)

func newBrokersDataSource() datasource.DataSource { return &brokersDataSource{} }

type brokersDataSource struct{ data *providerData }

type brokersModel struct {
	Cluster   types.String  `tfsdk:"cluster"`
	ClusterID types.String  `tfsdk:"cluster_id"`
	Brokers   []brokerModel `tfsdk:"brokers"`
}

type brokerModel struct {
	ID      types.Int64  `tfsdk:"id"`
	Address types.String `tfsdk:"address"`
	Zone    types.String `tfsdk:"zone"`
	Fenced  types.Bool   `tfsdk:"fenced"`
}

func (d *brokersDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_brokers"
}

func (d *brokersDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "The brokers that are registered in a cluster, as Kafka itself knows them.",
		Attributes: map[string]schema.Attribute{
			"cluster": schema.StringAttribute{
				MarkdownDescription: "The cluster's name. Without it, the Kafka of the provider block's `kafka`.",
				Optional:            true,
				Validators:          []validator.String{clusterNameValidator{}},
			},
			"cluster_id": schema.StringAttribute{MarkdownDescription: "Kafka's own id of the cluster.", Computed: true},
			"brokers": schema.ListNestedAttribute{
				MarkdownDescription: "The brokers, in the order of their ids.",
				Computed:            true,
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"id":      schema.Int64Attribute{MarkdownDescription: "The node id.", Computed: true},
					"address": schema.StringAttribute{MarkdownDescription: "Where it listens for clients, `host:port`.", Computed: true},
					"zone":    schema.StringAttribute{MarkdownDescription: "Its zone (`broker.rack`), null when it has none.", Computed: true},
					"fenced":  schema.BoolAttribute{MarkdownDescription: "Whether it is registered but takes no part: not yet caught up, stopped, or dead.", Computed: true},
				}},
			},
		},
	}
}

func (d *brokersDataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	d.data = configured(req.ProviderData, &resp.Diagnostics)
}

func (d *brokersDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m brokersModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	d.data.Kafka.checkCluster(m.Cluster, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if err := d.read(ctx, &m); err != nil {
		resp.Diagnostics.AddError(fmt.Sprintf("The brokers of %s could not be read", clusterName(m.Cluster)), sentence(err))
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

func (d *brokersDataSource) read(ctx context.Context, m *brokersModel) error {
	k, err := d.data.Kafka.Kafka(ctx, m.Cluster)
	if err != nil {
		return err
	}
	id, brokers, err := k.Brokers(ctx)
	if err != nil {
		return err
	}
	// The provider is told of the listener that it comes by itself, which is not the one for clients.
	var clients map[int32]string
	if !m.Cluster.IsNull() {
		if clients, err = d.data.Fleet.ClientAddresses(ctx, m.Cluster.ValueString()); err != nil {
			return err
		}
	}
	m.ClusterID, m.Brokers = types.StringValue(id), []brokerModel{}
	for _, b := range brokers {
		zone := types.StringNull()
		if b.Rack != "" {
			zone = types.StringValue(b.Rack)
		}
		m.Brokers = append(m.Brokers, brokerModel{
			ID: types.Int64Value(int64(b.ID)), Address: types.StringValue(cmp.Or(clients[b.ID], b.Address)), Zone: zone, Fenced: types.BoolValue(b.Fenced),
		})
	}
	return nil
}
