package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet"
)

var (
	_ datasource.DataSource              = (*clusterDataSource)(nil)
	_ datasource.DataSourceWithConfigure = (*clusterDataSource)(nil)
)

func newClusterDataSource() datasource.DataSource { return &clusterDataSource{} }

type clusterDataSource struct{ fleet *fleet.Client }

type clusterDataModel struct {
	Name             types.String `tfsdk:"name"`
	ClusterID        types.String `tfsdk:"cluster_id"`
	Zones            types.List   `tfsdk:"zones"`
	MetadataVersion  types.String `tfsdk:"metadata_version"`
	BootstrapServers types.List   `tfsdk:"bootstrap_servers"`
	BootstrapMTLS    types.List   `tfsdk:"bootstrap_servers_mtls"`
	CACertificate    types.String `tfsdk:"ca_certificate_pem"`
	Controllers      types.Map    `tfsdk:"controllers"`
	Brokers          types.Map    `tfsdk:"brokers"`
}

func (d *clusterDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_cluster"
}

func (d *clusterDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	nodes := func(whose string) schema.MapNestedAttribute {
		return schema.MapNestedAttribute{
			MarkdownDescription: "The " + whose + " by node id.", Computed: true,
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"zone":          schema.StringAttribute{Computed: true, MarkdownDescription: "The zone."},
				"address":       schema.StringAttribute{Computed: true, MarkdownDescription: "Where Kafka listens, `host:port`."},
				"instance_id":   schema.StringAttribute{Computed: true, MarkdownDescription: "The machine."},
				"spec_hash":     schema.StringAttribute{Computed: true, MarkdownDescription: "Identifies the spec."},
				"kafka_version": schema.StringAttribute{Computed: true, MarkdownDescription: "The Kafka version it runs."},
				"state":         schema.StringAttribute{Computed: true, MarkdownDescription: "`ready`, `starting`, `stopping` or `lost`."},
			}},
		}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "A cluster that some configuration of this provider runs, found by its name: for a root module of a team that has topics on it but does not own it.",
		Attributes: map[string]schema.Attribute{
			"name":                   schema.StringAttribute{Required: true, MarkdownDescription: "The cluster's name."},
			"cluster_id":             schema.StringAttribute{Computed: true, MarkdownDescription: "Kafka's own id of the cluster."},
			"zones":                  schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "The zones that it was declared with."},
			"metadata_version":       schema.StringAttribute{Computed: true, MarkdownDescription: "The policy for the feature level: `latest` or a release."},
			"bootstrap_servers":      schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "Where clients reach the live brokers, `host:port`."},
			"bootstrap_servers_mtls": schema.ListAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "The same for clients with a certificate, where those have a listener of their own."},
			"ca_certificate_pem":     schema.StringAttribute{Computed: true, MarkdownDescription: "The certificate authority that clients have to trust, in PEM; null for a plaintext cluster."},
			"controllers":            nodes("controllers"),
			"brokers":                nodes("brokers of all groups"),
		},
	}
}

func (d *clusterDataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	if data := configured(req.ProviderData, &resp.Diagnostics); data != nil {
		d.fleet = data.Fleet
	}
}

func (d *clusterDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m clusterDataModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	record, controllers, err := d.fleet.GetCluster(ctx, m.Name.ValueString())
	if err != nil {
		resp.Diagnostics.AddError(fmt.Sprintf("Cluster %q could not be read", m.Name.ValueString()), sentence(err))
		return
	}
	brokers, err := d.fleet.Brokers(ctx, m.Name.ValueString())
	if err != nil {
		resp.Diagnostics.AddError("The brokers could not be listed", sentence(err))
		return
	}
	m.ClusterID, m.MetadataVersion = types.StringValue(record.ID), types.StringValue(record.MetadataVersion)
	zones, diags := types.ListValueFrom(ctx, types.StringType, append([]string{}, record.Zones...))
	resp.Diagnostics.Append(diags...)
	m.Zones = zones
	m.BootstrapServers, diags = addresses(ctx, brokers)
	resp.Diagnostics.Append(diags...)
	m.BootstrapMTLS, diags = mutualAddresses(ctx, brokers)
	resp.Diagnostics.Append(diags...)
	trusted, err := d.fleet.Trusted(ctx, m.Name.ValueString())
	if err != nil {
		resp.Diagnostics.AddError("The cluster's certificate authority could not be read", sentence(err))
	}
	if trusted != "" {
		m.CACertificate = types.StringValue(trusted)
	}
	m.Controllers, diags = nodesValue(ctx, controllers)
	resp.Diagnostics.Append(diags...)
	m.Brokers, diags = nodesValue(ctx, brokers)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}
