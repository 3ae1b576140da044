package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/node"
)

var (
	_ resource.Resource                = (*clusterResource)(nil)
	_ resource.ResourceWithConfigure   = (*clusterResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*clusterResource)(nil)
	_ resource.ResourceWithImportState = (*clusterResource)(nil)
	_ resource.ResourceWithIdentity    = (*clusterResource)(nil)
)

// fleetName is what a cluster or a group can be called: it becomes part of machine names, paths and tags.
var fleetName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

const fleetNameRule = "must be 1 to 63 lower-case letters, digits and dashes, with a letter or digit at both ends"

// metadataVersionForm is "latest" or a release.
var metadataVersionForm = regexp.MustCompile(`^(latest|\d+\.\d+)$`)

func newClusterResource() resource.Resource { return &clusterResource{} }

type clusterResource struct{ fleet *fleet.Client }

type clusterModel struct {
	ID               types.String   `tfsdk:"id"`
	Name             types.String   `tfsdk:"name"`
	KafkaVersion     types.String   `tfsdk:"kafka_version"`
	Zones            types.List     `tfsdk:"zones"`
	Controllers      types.Object   `tfsdk:"controllers"`
	Config           types.Map      `tfsdk:"config"`
	MetadataVersion  types.String   `tfsdk:"metadata_version"`
	ClusterID        types.String   `tfsdk:"cluster_id"`
	Security         types.Object   `tfsdk:"security"`
	BootstrapServers types.List     `tfsdk:"bootstrap_servers"`
	BootstrapMTLS    types.List     `tfsdk:"bootstrap_servers_mtls"`
	CACertificate    types.String   `tfsdk:"ca_certificate_pem"`
	Nodes            types.Map      `tfsdk:"nodes"`
	Rollout          types.Object   `tfsdk:"rollout"`
	Timeouts         timeouts.Value `tfsdk:"timeouts"`
}

type controllersModel struct {
	Nodes        types.Int64  `tfsdk:"nodes"`
	InstanceType types.String `tfsdk:"instance_type"`
	AWS          types.Object `tfsdk:"aws"`
}

type clusterIdentity struct {
	Name types.String `tfsdk:"name"`
}

func (r *clusterResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_cluster"
}

func (r *clusterResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"name": identityschema.StringAttribute{RequiredForImport: true, Description: "The cluster's name."},
	}}
}

func (r *clusterResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A Kafka cluster: its identity, its KRaft controllers on nodes of their own, and what all of its brokers share. The brokers are `kafkafleet_broker_group`s.\n\n" +
			"A change of the Kafka version or of the controllers' instance type replaces the controllers one by one: a new node joins the quorum, catches up and becomes a voter " +
			"before an old one is removed from the voters and stopped. The quorum keeps a majority of caught-up voters at every moment.",
		Attributes: map[string]schema.Attribute{
			"id": schema.StringAttribute{
				MarkdownDescription: "The name.", Computed: true,
				PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"name": schema.StringAttribute{
				MarkdownDescription: "The cluster's name. Everything that belongs to it refers to it by this name. A change makes another cluster.",
				Required:            true,
				Validators:          []validator.String{stringvalidator.RegexMatches(fleetName, fleetNameRule)},
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"kafka_version": schema.StringAttribute{
				MarkdownDescription: "The Kafka version of the controllers, such as `4.3.1`. Give `kafkafleet_broker_group.kafka_version` a reference to it, so that one plan shows, and one apply does, the whole roll.",
				Required:            true,
			},
			"zones": schema.ListAttribute{
				MarkdownDescription: "The zones that nodes are spread over. A broker group without zones of its own uses them.",
				ElementType:         types.StringType, Required: true,
				Validators: []validator.List{listvalidator.SizeAtLeast(1), listvalidator.UniqueValues()},
			},
			"controllers": schema.SingleNestedAttribute{
				MarkdownDescription: "The controllers: a dynamic quorum (KIP-853) on nodes of their own.",
				Required:            true,
				Attributes: map[string]schema.Attribute{
					"nodes": schema.Int64Attribute{
						MarkdownDescription: "How many: 3 survive the loss of one, 5 of two; 1 survives none and is for trials.",
						Required:            true,
						Validators:          []validator.Int64{int64validator.OneOf(1, 3, 5)},
					},
					"instance_type": schema.StringAttribute{MarkdownDescription: "The controllers' instance type.", Required: true},
					"aws":           machineAttribute(),
				},
			},
			"config": schema.MapAttribute{
				MarkdownDescription: "Cluster-wide dynamic broker settings, changed online. Only the keys that are declared here are looked at; a key that is removed goes back to its default. " +
					"Without a word here the cluster gets `min.insync.replicas=2` (1 below three brokers) and `unclean.leader.election.enable=false`.",
				ElementType: types.StringType, Optional: true,
				Validators: []validator.Map{mapvalidator.KeysAre(stringvalidator.LengthAtLeast(1))},
			},
			"metadata_version": schema.StringAttribute{
				MarkdownDescription: "The feature level `metadata.version`: `latest` raises it once **every** node of the cluster runs a version that has it, and never before; a release such as `4.2` holds it there. It cannot be lowered.",
				Optional:            true, Computed: true, Default: stringdefault.StaticString("latest"),
				Validators: []validator.String{stringvalidator.RegexMatches(metadataVersionForm, "must be \"latest\" or a release such as \"4.2\"")},
			},
			"cluster_id": schema.StringAttribute{
				MarkdownDescription: "Kafka's own id of the cluster.", Computed: true,
				PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"security": securityAttribute(),
			"bootstrap_servers": schema.ListAttribute{
				MarkdownDescription: "Where clients reach the live brokers, at the time of the last refresh. Empty while the cluster has no broker; `kafkafleet_broker_group.bootstrap_servers` is known in the same apply.",
				ElementType:         types.StringType, Computed: true,
			},
			"bootstrap_servers_mtls": schema.ListAttribute{
				MarkdownDescription: "The same for clients with a certificate, where `security.client_auth` is `both`; empty otherwise.",
				ElementType:         types.StringType, Computed: true,
			},
			"ca_certificate_pem": schema.StringAttribute{
				MarkdownDescription: "The certificate authority that clients have to trust, in PEM; no secret. Null for a plaintext cluster.",
				Computed:            true,
			},
			"nodes":    nodesAttribute("controllers"),
			"rollout":  rolloutAttribute(),
			"timeouts": timeouts.Attributes(ctx, timeouts.Opts{Create: true, Update: true, Delete: true}),
		},
	}
}

func (r *clusterResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	if data := configured(req.ProviderData, &resp.Diagnostics); data != nil {
		r.fleet = data.Fleet
	}
}

// want turns the model into the engine's desired state. ok is false while something that it needs is unknown.
func (m clusterModel) want(ctx context.Context, prior *clusterModel) (want fleet.Cluster, ok bool, diags diag.Diagnostics) {
	if m.Name.IsUnknown() || m.KafkaVersion.IsUnknown() || !fullyKnown(ctx, m.Zones) || !fullyKnown(ctx, m.Controllers) || !fullyKnown(ctx, m.Config) || m.MetadataVersion.IsUnknown() || !fullyKnown(ctx, m.Security) {
		return want, false, nil
	}
	var controllers controllersModel
	diags.Append(m.Controllers.As(ctx, &controllers, objectAsOptions)...)
	diags.Append(m.Zones.ElementsAs(ctx, &want.Zones, false)...)
	config, more := stringMap(ctx, m.Config)
	diags.Append(more...)
	want.Name, want.KafkaVersion, want.MetadataVersion = m.Name.ValueString(), m.KafkaVersion.ValueString(), m.MetadataVersion.ValueString()
	want.Controllers, want.InstanceType = int(controllers.Nodes.ValueInt64()), controllers.InstanceType.ValueString()
	want.Config = config
	want.AWS, more = machineOf(ctx, controllers.AWS)
	diags.Append(more...)
	want.Security, more = securityOf(ctx, m.Security)
	diags.Append(more...)
	want.Rotation, more = rotationOf(ctx, m.Security)
	diags.Append(more...)
	if prior != nil {
		before, more := stringMap(ctx, prior.Config)
		diags.Append(more...)
		want.ConfigRemoved = removedKeys(before, config)
	}
	want.Forecast = forecast(ctx, m.Rollout)
	return want, !diags.HasError(), diags
}

func (r *clusterResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() || r.fleet == nil {
		return
	}
	var planned clusterModel
	var prior *clusterModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &planned)...)
	if !req.State.Raw.IsNull() {
		prior = &clusterModel{}
		resp.Diagnostics.Append(req.State.Get(ctx, prior)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	planned.Controllers = r.withImage(ctx, planned.Controllers, planImage, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	want, ok, diags := planned.want(ctx, prior)
	resp.Diagnostics.Append(diags...)
	if !ok {
		return
	}
	r.check(ctx, want, &resp.Diagnostics)
	if want.Security.Plaintext && want.Rotation != fleet.NoRotation {
		resp.Diagnostics.AddAttributeError(rotationPath, "There is no certificate authority to change", fmt.Sprintf("Cluster %q is to be plaintext. Leave authority_rotation out.", want.Name))
	}
	// Of an authority that is not known yet only the step of the rotation is checked.
	want.Authority = authorityOf(ctx, req.Config, &resp.Diagnostics)
	if !want.Security.Plaintext {
		checkAuthority(ctx, r.fleet, want, &resp.Diagnostics)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	snapshot, diags := req.Private.GetKey(ctx, observationKey)
	resp.Diagnostics.Append(diags...)
	preview, err := r.fleet.PreviewCluster(ctx, want, snapshot)
	if err != nil {
		resp.Diagnostics.AddWarning("The rollout of the cluster cannot be shown", fmt.Sprintf("Cluster %q could not be observed: %s. The apply will observe it again.", want.Name, err))
		return
	}
	previewWarning(&resp.Diagnostics, fmt.Sprintf("cluster %q", want.Name), preview)
	r.fleet.Plan(want.Name, func(p *fleet.Planned) {
		p.Zones, p.KafkaVersion, p.Security, p.Rotation = want.Zones, want.KafkaVersion, &want.Security, &want.Rotation
	})
	if preview.Converged() && prior != nil && !preview.Rotates {
		planned.Nodes, planned.BootstrapServers, planned.BootstrapMTLS = prior.Nodes, prior.BootstrapServers, prior.BootstrapMTLS
		planned.CACertificate = prior.CACertificate
		if req.Plan.Raw.Equal(req.State.Raw) {
			return
		}
	} else {
		planned.Nodes, planned.BootstrapServers, planned.BootstrapMTLS = types.MapUnknown(nodeType), types.ListUnknown(types.StringType), types.ListUnknown(types.StringType)
		planned.CACertificate = types.StringUnknown()
		if prior != nil && !preview.Rotates {
			planned.CACertificate = prior.CACertificate
		}
	}
	planned.Rollout, diags = rolloutValue(ctx, preview)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(resp.Plan.Set(ctx, planned)...)
}

// withImage is the controllers with their machine's image.
func (r *clusterResource) withImage(ctx context.Context, controllers types.Object, image imageOf, diags *diag.Diagnostics) types.Object {
	if controllers.IsNull() || controllers.IsUnknown() {
		return controllers
	}
	var m controllersModel
	diags.Append(controllers.As(ctx, &m, objectAsOptions)...)
	m.AWS = image(ctx, r.fleet.Driver(), m.AWS, path.Root("controllers").AtName("aws"), diags)
	out, more := types.ObjectValueFrom(ctx, controllers.AttributeTypes(ctx), m)
	diags.Append(more...)
	return out
}

// check refuses at plan time what could not be applied.
func (r *clusterResource) check(ctx context.Context, want fleet.Cluster, diags *diag.Diagnostics) {
	catalog, err := r.fleet.Driver().Catalog(ctx)
	if err != nil {
		diags.AddError("The driver does not answer", err.Error())
		return
	}
	checkZones(catalog, want.Zones, diags)
	checkInstanceType(catalog, want.InstanceType, path.Root("controllers").AtName("instance_type"), diags)
	checkMachine(ctx, r.fleet.Driver(), catalog, want.AWS, want.InstanceType, want.Zones, want.Controllers, 1, path.Root("controllers").AtName("aws"), diags)
	checkKafkaVersion(ctx, r.fleet, want.KafkaVersion, diags)
	for _, key := range slices.Sorted(maps.Keys(want.Config)) {
		if why := engineOrSecret(key); why != "" {
			diags.AddAttributeError(path.Root("config").AtMapKey(key), "A setting that cannot be declared here", fmt.Sprintf("%q: %s.", key, why))
			continue
		}
		if !kafka.DynamicBrokerSetting(key) {
			diags.AddAttributeError(path.Root("config").AtMapKey(key), "Not a dynamic setting",
				fmt.Sprintf("%q is not a broker setting that Kafka takes while it runs, and a cluster-wide setting has to be one. Put it into kafkafleet_broker_group.config: there it becomes part of the nodes' spec.", key))
		}
	}
	if err := r.fleet.CheckSecurity(ctx, want); errors.Is(err, compute.ErrInvalid) {
		diags.AddAttributeError(path.Root("security").AtName("insecure_plaintext"), "The listeners of a running cluster cannot be opened or closed", sentence(err))
	}
	facts, err := r.fleet.Facts(ctx, want.Name)
	if err != nil || diags.HasError() {
		return // The preview says what it is.
	}
	checkSettings(ctx, r.fleet, facts, want.Name, want.Config, diags)
	checkMetadataVersion(want, facts, diags)
}

// checkSettings lets a running cluster say what it thinks of dynamic settings.
func checkSettings(ctx context.Context, client *fleet.Client, facts fleet.Facts, cluster string, config map[string]string, diags *diag.Diagnostics) {
	if !facts.KafkaUp || len(config) == 0 {
		return
	}
	for key, err := range client.RefusedSettings(ctx, cluster, config) {
		diags.AddAttributeError(path.Root("config").AtMapKey(key), "Kafka refuses this setting", sentence(err))
	}
}

func checkMetadataVersion(want fleet.Cluster, facts fleet.Facts, diags *diag.Diagnostics) {
	version, known := kafka.MetadataLevel(releaseOf(want.KafkaVersion))
	if known && facts.MetadataLevel > version {
		diags.AddAttributeError(path.Root("kafka_version"), "The Kafka version is too old for this cluster",
			fmt.Sprintf("Cluster %q has finalised metadata.version %s, which Kafka %s cannot read, and the level cannot be lowered. Nodes of %s or newer are needed.",
				want.Name, kafka.MetadataRelease(facts.MetadataLevel), want.KafkaVersion, kafka.MetadataRelease(facts.MetadataLevel)))
	}
	if want.MetadataVersion == "latest" {
		return
	}
	level, ok := kafka.MetadataLevel(want.MetadataVersion)
	switch {
	case !ok:
		diags.AddAttributeError(path.Root("metadata_version"), "Unknown metadata version", fmt.Sprintf("%q is no release whose metadata.version this provider knows.", want.MetadataVersion))
	case known && level > version:
		diags.AddAttributeError(path.Root("metadata_version"), "The metadata version is newer than Kafka",
			fmt.Sprintf("metadata_version %q needs Kafka %s; the cluster is to run %s.", want.MetadataVersion, want.MetadataVersion, want.KafkaVersion))
	case level < facts.MetadataLevel:
		diags.AddAttributeError(path.Root("metadata_version"), "The metadata version cannot be lowered",
			fmt.Sprintf("Cluster %q has finalised %s. Kafka cannot go back to %s without losing metadata; leave it, or set \"latest\".",
				want.Name, kafka.MetadataRelease(facts.MetadataLevel), want.MetadataVersion))
	}
}

func checkZones(catalog compute.Catalog, zones []string, diags *diag.Diagnostics) {
	for i, zone := range zones {
		if !slices.Contains(catalog.Zones, zone) {
			diags.AddAttributeError(path.Root("zones").AtListIndex(i), "Unknown zone", fmt.Sprintf("There is no zone %q. There are %s.", zone, strings.Join(catalog.Zones, ", ")))
		}
	}
}

func checkInstanceType(catalog compute.Catalog, name string, at path.Path, diags *diag.Diagnostics) {
	if _, ok := catalog.InstanceTypes[name]; !ok {
		diags.AddAttributeError(at, "Unknown instance type",
			fmt.Sprintf("There is no instance type %q. There are %s.", name, strings.Join(slices.Sorted(maps.Keys(catalog.InstanceTypes)), ", ")))
	}
}

func checkKafkaVersion(ctx context.Context, client *fleet.Client, version string, diags *diag.Diagnostics) {
	if err := client.Driver().CheckKafka(ctx, version); err != nil {
		diags.AddAttributeError(path.Root("kafka_version"), "Nodes cannot run this Kafka version", err.Error())
	}
}

func releaseOf(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

func (r *clusterResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var m clusterModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	timeout, diags := m.Timeouts.Create(ctx, 30*time.Minute)
	resp.Diagnostics.Append(diags...)
	own := authorityOf(ctx, req.Config, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	r.apply(ctx, &m, nil, own, timeout, &resp.Diagnostics)
	if m.ClusterID.IsUnknown() {
		return // Nothing exists of it.
	}
	keepObservation(context.WithoutCancel(ctx), r.fleet, m.Name.ValueString(), compute.ControllersGroup, resp.Private, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, clusterIdentity{Name: m.Name})...)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

func (r *clusterResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var m, prior clusterModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	if resp.Diagnostics.HasError() {
		return
	}
	timeout, diags := m.Timeouts.Update(ctx, 6*time.Hour)
	resp.Diagnostics.Append(diags...)
	own := authorityOf(ctx, req.Config, &resp.Diagnostics)
	r.apply(ctx, &m, &prior, own, timeout, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		// Planned values in the state would make the next plan say "no changes": keep what was, with the nodes as they are.
		prior.Nodes, prior.BootstrapServers, prior.BootstrapMTLS, prior.CACertificate = m.Nodes, m.BootstrapServers, m.BootstrapMTLS, m.CACertificate
		m = prior
	}
	keepObservation(context.WithoutCancel(ctx), r.fleet, m.Name.ValueString(), compute.ControllersGroup, resp.Private, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, clusterIdentity{Name: m.Name})...)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

// apply converges and fills in what is computed, also after an error, from what is there then.
func (r *clusterResource) apply(ctx context.Context, m, prior *clusterModel, own fleet.Authority, timeout time.Duration, diags *diag.Diagnostics) {
	m.Controllers = r.withImage(ctx, m.Controllers, applyImage, diags)
	want, ok, more := m.want(ctx, prior)
	diags.Append(more...)
	if !ok || diags.HasError() {
		return
	}
	want.Authority = own
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if _, _, err := r.fleet.ApplyCluster(limited, want); err != nil {
		diags.AddError(fmt.Sprintf("Cluster %q is not as declared yet", want.Name), sentence(err))
	}
	after, done := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer done()
	record, _, err := r.fleet.GetCluster(after, want.Name)
	if err != nil {
		if !errors.Is(err, compute.ErrNotFound) {
			diags.AddError(fmt.Sprintf("Cluster %q could not be read", want.Name), err.Error())
		}
		return
	}
	m.ID, m.ClusterID = m.Name, types.StringValue(record.ID)
	if m.Rollout.IsUnknown() {
		m.Rollout, more = settledRollout(after)
		diags.Append(more...)
	}
	r.readNodes(after, m, diags)
}

func (r *clusterResource) readNodes(ctx context.Context, m *clusterModel, diags *diag.Diagnostics) {
	_, nodes, err := r.fleet.GetCluster(ctx, m.Name.ValueString())
	if err != nil {
		diags.AddError("The nodes could not be listed", err.Error())
	}
	brokers, err := r.fleet.Brokers(ctx, m.Name.ValueString())
	if err != nil {
		diags.AddError("The brokers could not be listed", err.Error())
	}
	var more diag.Diagnostics
	m.Nodes, more = nodesValue(ctx, nodes)
	diags.Append(more...)
	m.BootstrapServers, more = addresses(ctx, brokers)
	diags.Append(more...)
	m.BootstrapMTLS, more = mutualAddresses(ctx, brokers)
	diags.Append(more...)
	trusted, err := r.fleet.Trusted(ctx, m.Name.ValueString())
	if err != nil {
		diags.AddError("The cluster's certificate authority could not be read", sentence(err))
	}
	m.CACertificate = types.StringNull()
	if trusted != "" {
		m.CACertificate = types.StringValue(trusted)
	}
}

func (r *clusterResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var m clusterModel
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	record, _, err := r.fleet.GetCluster(ctx, m.Name.ValueString())
	if errors.Is(err, compute.ErrNotFound) {
		resp.State.RemoveResource(ctx)
		return
	}
	if err != nil {
		resp.Diagnostics.AddError(fmt.Sprintf("Cluster %q could not be read", m.Name.ValueString()), err.Error())
		return
	}
	m.ID, m.ClusterID, m.MetadataVersion = m.Name, types.StringValue(record.ID), types.StringValue(record.MetadataVersion)
	r.readNodes(ctx, &m, &resp.Diagnostics)
	r.readDeclared(ctx, &m, record, &resp.Diagnostics)
	if m.Rollout.IsNull() {
		var diags diag.Diagnostics
		m.Rollout, diags = settledRollout(ctx)
		resp.Diagnostics.Append(diags...)
	}
	keepObservation(context.WithoutCancel(ctx), r.fleet, m.Name.ValueString(), compute.ControllersGroup, resp.Private, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, clusterIdentity{Name: m.Name})...)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

// readDeclared fills, after an import, what the state does not know yet from what the nodes are.
func (r *clusterResource) readDeclared(ctx context.Context, m *clusterModel, record compute.Cluster, diags *diag.Diagnostics) {
	if !m.KafkaVersion.IsNull() {
		return
	}
	specs, err := r.fleet.Specs(ctx, m.Name.ValueString(), compute.ControllersGroup)
	if err != nil || len(specs) == 0 {
		diags.AddError("The cluster has no controllers to import", fmt.Sprintf("Cluster %q is recorded but no node of its quorum exists (%v).", m.Name.ValueString(), err))
		return
	}
	m.KafkaVersion = types.StringValue(specs[0].KafkaVersion)
	var more diag.Diagnostics
	m.Security, more = securityValue(ctx, record.Security)
	diags.Append(more...)
	m.Zones, more = types.ListValueFrom(ctx, types.StringType, record.Zones)
	diags.Append(more...)
	m.Controllers, more = types.ObjectValueFrom(ctx, m.Controllers.AttributeTypes(ctx), controllersModel{
		Nodes: types.Int64Value(int64(len(specs))), InstanceType: types.StringValue(specs[0].InstanceType), AWS: machineValue(ctx, specs[0].AWS, diags),
	})
	diags.Append(more...)
}

func (r *clusterResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var m clusterModel
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	timeout, diags := m.Timeouts.Delete(ctx, 15*time.Minute)
	resp.Diagnostics.Append(diags...)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := r.fleet.DestroyCluster(ctx, m.Name.ValueString()); err != nil {
		resp.Diagnostics.AddError(fmt.Sprintf("Cluster %q is not destroyed", m.Name.ValueString()), sentence(err))
	}
}

func (r *clusterResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	resource.ImportStatePassthroughWithIdentity(ctx, path.Root("name"), path.Root("name"), req, resp)
	var name types.String
	resp.Diagnostics.Append(resp.State.GetAttribute(ctx, path.Root("name"), &name)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if _, _, err := r.fleet.GetCluster(ctx, name.ValueString()); err != nil {
		resp.Diagnostics.AddError("There is no such cluster", fmt.Sprintf("No cluster %q can be imported: %s. The import id is the cluster's name.", name.ValueString(), err))
	}
}

// reservedSetting says why a declared broker setting cannot be taken, "" when it can.
func reservedSetting(key string) string {
	switch {
	case holdsSecret(key):
		return secretText
	case node.IsReserved(key):
		return "the node agent sets it on each node"
	case key == "min.insync.replicas":
		return "Kafka takes it for the whole cluster or a topic only (KIP-966); put it into kafkafleet_cluster.config"
	}
	return engineOrSecret(key)
}

// engineOrSecret says why no configuration may declare a broker setting, "" when it may.
func engineOrSecret(key string) string {
	switch {
	case strings.HasSuffix(key, ".replication.throttled.rate"), key == "cordoned.log.dirs":
		return "the provider sets and clears it during a rollout"
	case holdsSecret(key):
		return secretText
	}
	return ""
}
