package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-timetypes/timetypes"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/bytesize"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/throttle"
)

var (
	_ resource.Resource                   = (*brokerGroupResource)(nil)
	_ resource.ResourceWithConfigure      = (*brokerGroupResource)(nil)
	_ resource.ResourceWithValidateConfig = (*brokerGroupResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*brokerGroupResource)(nil)
	_ resource.ResourceWithImportState    = (*brokerGroupResource)(nil)
	_ resource.ResourceWithIdentity       = (*brokerGroupResource)(nil)
)

func newBrokerGroupResource() resource.Resource { return &brokerGroupResource{} }

type brokerGroupResource struct{ fleet *fleet.Client }

type brokerGroupModel struct {
	ID                 types.String   `tfsdk:"id"`
	Cluster            types.String   `tfsdk:"cluster"`
	Name               types.String   `tfsdk:"name"`
	Brokers            types.Int64    `tfsdk:"brokers"`
	InstanceType       types.String   `tfsdk:"instance_type"`
	AWS                types.Object   `tfsdk:"aws"`
	Zones              types.List     `tfsdk:"zones"`
	KafkaVersion       types.String   `tfsdk:"kafka_version"`
	Topics             types.List     `tfsdk:"topics"`
	Default            types.Bool     `tfsdk:"default"`
	Config             types.Map      `tfsdk:"config"`
	JVM                types.Object   `tfsdk:"jvm"`
	RolloutPolicy      types.Object   `tfsdk:"rollout_policy"`
	Rebalance          types.Object   `tfsdk:"rebalance"`
	FailurePolicy      types.Object   `tfsdk:"failure_policy"`
	ReplaceNodes       types.Set      `tfsdk:"replace_nodes"`
	DeletionProtection types.Bool     `tfsdk:"deletion_protection"`
	BootstrapServers   types.List     `tfsdk:"bootstrap_servers"`
	BootstrapMTLS      types.List     `tfsdk:"bootstrap_servers_mtls"`
	Nodes              types.Map      `tfsdk:"nodes"`
	Rollout            types.Object   `tfsdk:"rollout"`
	Timeouts           timeouts.Value `tfsdk:"timeouts"`
}

type jvmModel struct {
	Heap types.String `tfsdk:"heap"`
}

type rolloutPolicyModel struct {
	MaxSurge    types.Int64          `tfsdk:"max_surge"`
	Throttle    types.String         `tfsdk:"throttle"`
	GateTimeout timetypes.GoDuration `tfsdk:"gate_timeout"`
}

type failurePolicyModel struct {
	Grace   timetypes.GoDuration `tfsdk:"grace"`
	MaxLost types.Int64          `tfsdk:"max_lost"`
}

type rebalanceModel struct {
	OnScaleOut types.Bool    `tfsdk:"on_scale_out"`
	Threshold  types.Float64 `tfsdk:"threshold"`
}

var rebalanceType = types.ObjectType{AttrTypes: map[string]attr.Type{"on_scale_out": types.BoolType, "threshold": types.Float64Type}}

type brokerGroupIdentity struct {
	Cluster types.String `tfsdk:"cluster"`
	Name    types.String `tfsdk:"name"`
}

func (r *brokerGroupResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_broker_group"
}

func (r *brokerGroupResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"cluster": identityschema.StringAttribute{RequiredForImport: true, Description: "The cluster's name."},
		"name":    identityschema.StringAttribute{RequiredForImport: true, Description: "The group's name."},
	}}
}

func (r *brokerGroupResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A group of identical brokers on machines of their own, spread evenly over zones. Their disks are ephemeral: a node is never upgraded or repaired, it is replaced by a new one with a new id.\n\n" +
			"A change of the Kafka version, the instance type, the heap or a static setting replaces every node, `max_surge` at a time: launch a new node in the same zone, wait until it serves, move the old node's replicas to it one to one " +
			"and under a throttle, wait until all of them are in sync, stop the old node, unregister and terminate it. A dynamic setting is changed online and touches no node. A lost node is replaced, its replicas copied from the survivors.\n\n" +
			"Nothing of a rollout is remembered anywhere: kill Terraform at any moment, and the next apply observes the fleet and goes on.",
		Attributes: map[string]schema.Attribute{
			"id": schema.StringAttribute{
				MarkdownDescription: "`cluster/name`.", Computed: true,
				PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"cluster": schema.StringAttribute{
				MarkdownDescription: "The cluster's name: `kafkafleet_cluster.x.name`.", Required: true,
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"name": schema.StringAttribute{
				MarkdownDescription: "The group's name, unique in its cluster.", Required: true,
				Validators: []validator.String{
					stringvalidator.RegexMatches(fleetName, fleetNameRule),
					stringvalidator.NoneOf(compute.ControllersGroup),
				},
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"brokers": schema.Int64Attribute{
				MarkdownDescription: "How many brokers. Cannot go below the highest replication factor in use.", Required: true,
				Validators: []validator.Int64{int64validator.AtLeast(1)},
			},
			"instance_type": schema.StringAttribute{MarkdownDescription: "The machines' type. Its disks are the brokers' log directories.", Required: true},
			"aws":           machineAttribute(),
			"zones": schema.ListAttribute{
				MarkdownDescription: "The zones that the brokers are spread over, at most as many as brokers. Default: the cluster's.",
				ElementType:         types.StringType, Optional: true, Computed: true,
				Validators: []validator.List{listvalidator.SizeAtLeast(1), listvalidator.UniqueValues()},
			},
			"kafka_version": schema.StringAttribute{MarkdownDescription: "The Kafka version, normally `kafkafleet_cluster.x.kafka_version`.", Required: true},
			"topics": schema.ListAttribute{
				MarkdownDescription: "Which topics live on the group: [regular expressions](https://github.com/google/re2/wiki/Syntax), each of which stands for the topics whose whole name it matches, " +
					"whether Terraform manages them or not, Kafka's own (`__consumer_offsets`) included. So `\"events\\\\..*\"` is every topic whose name begins with `events.`. " +
					"A topic that comes to the group by a change is moved to it by this group's rollout, previewed and throttled like any other; one that leaves stays until the group that it goes to takes it. " +
					"A topic that two groups claim is an error at plan time. The guide on topics and groups says more.",
				ElementType: types.StringType, Optional: true,
				Validators: []validator.List{listvalidator.UniqueValues(), listvalidator.ValueStringsAre(topicPatternValidator{})},
			},
			"default": schema.BoolAttribute{
				MarkdownDescription: "Whether the group also has every topic that no group claims; at most one group of a cluster. Default false. In a cluster without a default group such topics live anywhere, and stay where they are.",
				Optional:            true, Computed: true, Default: booldefault.StaticBool(false),
			},
			"config": schema.MapAttribute{
				MarkdownDescription: "Broker settings. A dynamic one (Kafka's own list) is changed online; a static one is part of the nodes' spec, so that a change replaces them. Only the keys that are declared here are looked at.",
				ElementType:         types.StringType, Optional: true,
			},
			"jvm": schema.SingleNestedAttribute{
				MarkdownDescription: "The brokers' JVM.", Optional: true,
				Attributes: map[string]schema.Attribute{
					"heap": schema.StringAttribute{
						MarkdownDescription: "Heap size, such as `4GiB`. Default: a third of the instance type's memory, since Kafka lives from the page cache.", Optional: true,
						Validators: []validator.String{byteSizeValidator{}},
					},
				},
			},
			"rollout_policy": schema.SingleNestedAttribute{
				MarkdownDescription: "How nodes are replaced.", Optional: true,
				Attributes: map[string]schema.Attribute{
					"max_surge": schema.Int64Attribute{
						MarkdownDescription: "How many nodes beyond `brokers` may be alive during a rollout, and so how many are replaced at a time. Default 1.",
						Optional:            true, Computed: true, Default: int64default.StaticInt64(1),
						Validators: []validator.Int64{int64validator.AtLeast(1)},
					},
					"throttle": schema.StringAttribute{
						MarkdownDescription: "The limit of replication by moves, for each broker and direction: `auto`, a rate such as `50MiB/s`, or `none`. Default `auto`: nine tenths of what the instance type's network has beyond what clients and the usual replication use, which is measured all the time, but at least 10 MB/s. Where the processors are what brokers lack, as small ones may that encrypt all they copy, set a rate. It is set on moves only, raised (a fixed rate too) when a move would never catch up below it, and removed after.",
						Optional:            true, Computed: true, Default: stringdefault.StaticString(defaultThrottle),
						Validators: []validator.String{throttleValidator{}},
					},
					"gate_timeout": schema.StringAttribute{
						MarkdownDescription: "How long a rollout waits without coming any further, no step done and no byte copied, before it ends with an error that says where it stands and what it waits for, such as `15m`. Default 15 minutes. The fleet is safe then, and the next apply goes on.",
						CustomType:          timetypes.GoDurationType{}, Optional: true, Computed: true,
						Default:    stringdefault.StaticString(asDuration(fleet.DefaultGateTimeout)),
						Validators: []validator.String{positiveDuration{}},
					},
				},
			},
			"failure_policy": schema.SingleNestedAttribute{
				MarkdownDescription: "When a node counts as lost, and how many lost nodes are replaced without being asked. A node is lost when compute (its machine is gone, stopped or without a working disk) **and** Kafka (the broker is fenced, or in no ISR) have given it up, or one of them for longer than `grace`. Until then it is `suspect`, and nothing healthy is touched.", Optional: true,
				Attributes: map[string]schema.Attribute{
					"grace": schema.StringAttribute{
						MarkdownDescription: "How long compute or Kafka alone must have given a node up, such as `5m`. Default 5 minutes.",
						CustomType:          timetypes.GoDurationType{}, Optional: true, Computed: true,
						Default:    stringdefault.StaticString(asDuration(fleet.DefaultGrace)),
						Validators: []validator.String{positiveDuration{}},
					},
					"max_lost": schema.Int64Attribute{
						MarkdownDescription: "How many lost nodes of the group are replaced without being asked. Default: one for each three brokers, and one at least. When more are lost, or all nodes of more than one zone, the plan is an error that names them: look at what happened, and name them in `replace_nodes`.",
						Optional:            true, Validators: []validator.Int64{int64validator.AtLeast(1)},
					},
				},
			},
			"replace_nodes": schema.SetAttribute{
				MarkdownDescription: "Ids of nodes that are replaced because you want it: healthy ones too, and lost ones beyond `failure_policy.max_lost`. An id is never used again, so an entry whose node is gone means nothing and may stay.",
				ElementType:         types.Int64Type, Optional: true,
				Validators: []validator.Set{setvalidator.ValueInt64sAre(int64validator.AtLeast(1))},
			},
			"rebalance": schema.SingleNestedAttribute{
				MarkdownDescription: "When replicas move between brokers that stay, for balance alone. The action `kafkafleet_rebalance` does it by hand.", Optional: true,
				Attributes: map[string]schema.Attribute{
					"on_scale_out": schema.BoolAttribute{
						MarkdownDescription: "Whether brokers that are added get their part of the data, from the others of the group. Default true. With false they stay empty until new topics come.",
						Optional:            true, Computed: true, Default: booldefault.StaticBool(true),
					},
					"threshold": schema.Float64Attribute{
						MarkdownDescription: "How many times the mean a broker may have, of its zone in bytes and of the group in leaders, before the group is rebalanced down to it: `1.2` allows 20 % more than the mean. Default: never. " +
							"It is judged at each plan, on the fleet as it is then, so that a plan can show a rebalance though nothing was changed in the configuration; `rollout` shows its moves, bytes and time before anyone agrees, and nothing moves without an apply.",
						Optional:   true,
						Validators: []validator.Float64{thresholdValidator{}},
					},
				},
			},
			"deletion_protection": schema.BoolAttribute{
				MarkdownDescription: "While true, a plan that would destroy the group is an error. Default true: the data is on the nodes' own disks and nowhere else.",
				Optional:            true, Computed: true, Default: booldefault.StaticBool(true),
			},
			"bootstrap_servers": schema.ListAttribute{MarkdownDescription: "Where clients reach the group's brokers, `host:port`.", ElementType: types.StringType, Computed: true},
			"bootstrap_servers_mtls": schema.ListAttribute{
				MarkdownDescription: "The same for clients with a certificate, where the cluster's `security.client_auth` is `both`; empty otherwise.",
				ElementType:         types.StringType, Computed: true,
			},
			"nodes":    nodesAttribute("brokers"),
			"rollout":  rolloutAttribute(),
			"timeouts": timeouts.Attributes(ctx, timeouts.Opts{Create: true, Update: true, Delete: true}),
		},
	}
}

func (r *brokerGroupResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	if data := configured(req.ProviderData, &resp.Diagnostics); data != nil {
		r.fleet = data.Fleet
	}
}

func (r *brokerGroupResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var m brokerGroupModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if zones := len(m.Zones.Elements()); !m.Zones.IsUnknown() && !m.Brokers.IsUnknown() {
		checkZoneCount(zones, m.Brokers.ValueInt64(), &resp.Diagnostics)
	}
	if fullyKnown(ctx, m.Config) {
		config, diags := stringMap(ctx, m.Config)
		resp.Diagnostics.Append(diags...)
		for _, key := range slices.Sorted(maps.Keys(config)) {
			if why := reservedSetting(key); why != "" {
				resp.Diagnostics.AddAttributeError(path.Root("config").AtMapKey(key), "A setting that cannot be declared here", fmt.Sprintf("%q: %s.", key, why))
			}
		}
	}
}

func checkZoneCount(zones int, brokers int64, diags *diag.Diagnostics) {
	if int64(zones) > brokers {
		diags.AddAttributeError(path.Root("brokers"), "More zones than brokers",
			fmt.Sprintf("%d brokers cannot be spread over %d zones. Declare at least one broker for each zone, or fewer zones.", brokers, zones))
	}
}

// want turns the model into the engine's desired state. ok is false while something that it needs is unknown.
func (m brokerGroupModel) want(ctx context.Context, prior *brokerGroupModel) (want fleet.BrokerGroup, ok bool, diags diag.Diagnostics) {
	if m.Cluster.IsUnknown() || m.Name.IsUnknown() || m.Brokers.IsUnknown() || m.InstanceType.IsUnknown() || m.KafkaVersion.IsUnknown() ||
		!fullyKnown(ctx, m.Config) || !fullyKnown(ctx, m.JVM) || !fullyKnown(ctx, m.RolloutPolicy) || !fullyKnown(ctx, m.Rebalance) || !fullyKnown(ctx, m.FailurePolicy) || !fullyKnown(ctx, m.ReplaceNodes) || !fullyKnown(ctx, m.Zones) || !fullyKnown(ctx, m.Topics) || m.Default.IsUnknown() || !fullyKnown(ctx, m.AWS) {
		return want, false, nil
	}
	config, more := stringMap(ctx, m.Config)
	diags.Append(more...)
	want = fleet.BrokerGroup{
		Cluster: m.Cluster.ValueString(), Name: m.Name.ValueString(), Brokers: int(m.Brokers.ValueInt64()),
		InstanceType: m.InstanceType.ValueString(), KafkaVersion: m.KafkaVersion.ValueString(), Config: config, MaxSurge: 1,
		Default: m.Default.ValueBool(),
	}
	want.AWS, more = machineOf(ctx, m.AWS)
	diags.Append(more...)
	if !m.Topics.IsNull() {
		diags.Append(m.Topics.ElementsAs(ctx, &want.Topics, false)...)
	}
	if !m.Zones.IsNull() {
		diags.Append(m.Zones.ElementsAs(ctx, &want.Zones, false)...)
	}
	var jvm jvmModel
	if !m.JVM.IsNull() {
		diags.Append(m.JVM.As(ctx, &jvm, objectAsOptions)...)
	}
	policy := rolloutPolicyModel{Throttle: types.StringValue(defaultThrottle)}
	if !m.RolloutPolicy.IsNull() {
		diags.Append(m.RolloutPolicy.As(ctx, &policy, objectAsOptions)...)
		want.MaxSurge = int(policy.MaxSurge.ValueInt64())
		want.GateTimeout = durationOf(policy.GateTimeout, &diags)
	}
	if !m.FailurePolicy.IsNull() {
		var failure failurePolicyModel
		diags.Append(m.FailurePolicy.As(ctx, &failure, objectAsOptions)...)
		want.Failure.Grace, want.Failure.MaxLost = durationOf(failure.Grace, &diags), int(failure.MaxLost.ValueInt64())
	}
	if !m.ReplaceNodes.IsNull() {
		diags.Append(m.ReplaceNodes.ElementsAs(ctx, &want.Replace, false)...)
	}
	if !m.Rebalance.IsNull() {
		var balance rebalanceModel
		diags.Append(m.Rebalance.As(ctx, &balance, objectAsOptions)...)
		want.NotOnScaleOut, want.RebalanceThreshold = !balance.OnScaleOut.ValueBool(), balance.Threshold.ValueFloat64()
	}
	var err error
	if heap := jvm.Heap.ValueString(); heap != "" {
		if want.HeapBytes, err = bytesize.Parse(heap); err != nil {
			diags.AddAttributeError(path.Root("jvm").AtName("heap"), "Not a size", err.Error())
		}
	}
	if want.Throttle, err = throttle.Parse(policy.Throttle.ValueString()); err != nil {
		diags.AddAttributeError(path.Root("rollout_policy").AtName("throttle"), "Not a throttle", sentence(err))
	}
	if prior != nil {
		before, more := stringMap(ctx, prior.Config)
		diags.Append(more...)
		want.ConfigRemoved = removedKeys(before, config)
	}
	want.Forecast = forecast(ctx, m.Rollout)
	return want, !diags.HasError(), diags
}

func (r *brokerGroupResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.fleet == nil {
		return
	}
	var planned brokerGroupModel
	var prior *brokerGroupModel
	if !req.State.Raw.IsNull() {
		prior = &brokerGroupModel{}
		resp.Diagnostics.Append(req.State.Get(ctx, prior)...)
	}
	if req.Plan.Raw.IsNull() {
		if prior != nil {
			checkDeletion(*prior, &resp.Diagnostics)
			r.planNoClaims(*prior)
		}
		return
	}
	resp.Diagnostics.Append(req.Plan.Get(ctx, &planned)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if prior != nil && !planned.Cluster.IsUnknown() && (!prior.Cluster.Equal(planned.Cluster) || !prior.Name.Equal(planned.Name)) {
		checkDeletion(*prior, &resp.Diagnostics)
		r.planNoClaims(*prior)
	}
	r.planZones(ctx, req, &planned, &resp.Diagnostics)
	planned.AWS = planImage(ctx, r.fleet.Driver(), planned.AWS, path.Root("aws"), &resp.Diagnostics)
	want, ok, diags := planned.want(ctx, prior)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	if !ok {
		planned.Nodes, planned.BootstrapServers, planned.Rollout = types.MapUnknown(nodeType), types.ListUnknown(types.StringType), types.ObjectUnknown(rolloutType.AttrTypes)
		planned.BootstrapMTLS = types.ListUnknown(types.StringType)
		resp.Diagnostics.Append(resp.Plan.Set(ctx, planned)...)
		return
	}
	r.check(ctx, want, prior, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	snapshot, diags := req.Private.GetKey(ctx, observationKey)
	resp.Diagnostics.Append(diags...)
	preview, err := r.fleet.PreviewGroup(ctx, want, snapshot)
	if err != nil {
		resp.Diagnostics.AddWarning("The rollout of the broker group cannot be shown",
			fmt.Sprintf("Cluster %q could not be observed: %s. The apply will observe it again.", want.Cluster, err))
		planned.Rollout = types.ObjectUnknown(rolloutType.AttrTypes)
		resp.Diagnostics.Append(resp.Plan.Set(ctx, planned)...)
		return
	}
	previewWarning(&resp.Diagnostics, fmt.Sprintf("broker group %q", want.Name), preview)
	if resp.Diagnostics.HasError() {
		return
	}
	if preview.Converged() && prior != nil {
		planned.Nodes, planned.BootstrapServers, planned.BootstrapMTLS = prior.Nodes, prior.BootstrapServers, prior.BootstrapMTLS
		planned.Rollout = prior.Rollout
		if unchanged(planned, *prior) {
			resp.Diagnostics.Append(resp.Plan.Set(ctx, planned)...)
			return
		}
	} else {
		planned.Nodes, planned.BootstrapServers, planned.BootstrapMTLS = types.MapUnknown(nodeType), types.ListUnknown(types.StringType), types.ListUnknown(types.StringType)
	}
	planned.Rollout, diags = rolloutValue(ctx, preview)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(resp.Plan.Set(ctx, planned)...)
}

// unchanged says that nothing that the user declared differs.
func unchanged(a, b brokerGroupModel) bool {
	return a.Brokers.Equal(b.Brokers) && a.InstanceType.Equal(b.InstanceType) && a.Zones.Equal(b.Zones) && a.Topics.Equal(b.Topics) && a.Default.Equal(b.Default) && a.KafkaVersion.Equal(b.KafkaVersion) &&
		a.Config.Equal(b.Config) && a.JVM.Equal(b.JVM) && a.RolloutPolicy.Equal(b.RolloutPolicy) && a.Rebalance.Equal(b.Rebalance) && a.FailurePolicy.Equal(b.FailurePolicy) &&
		a.ReplaceNodes.Equal(b.ReplaceNodes) && a.DeletionProtection.Equal(b.DeletionProtection) &&
		a.Timeouts.Equal(b.Timeouts) && a.AWS.Equal(b.AWS) && a.Cluster.Equal(b.Cluster) && a.Name.Equal(b.Name)
}

// planZones gives a group without zones of its own the cluster's, as planned in this run or as recorded.
func (r *brokerGroupResource) planZones(ctx context.Context, req resource.ModifyPlanRequest, planned *brokerGroupModel, diags *diag.Diagnostics) {
	var config brokerGroupModel
	diags.Append(req.Config.Get(ctx, &config)...)
	if !config.Zones.IsNull() || planned.Cluster.IsUnknown() {
		return
	}
	zones, err := r.fleet.Zones(ctx, planned.Cluster.ValueString())
	if err != nil || len(zones) == 0 {
		planned.Zones = types.ListUnknown(types.StringType)
		return
	}
	var more diag.Diagnostics
	planned.Zones, more = types.ListValueFrom(ctx, types.StringType, zones)
	diags.Append(more...)
	if !planned.Brokers.IsUnknown() {
		checkZoneCount(len(zones), planned.Brokers.ValueInt64(), diags)
	}
}

func checkDeletion(prior brokerGroupModel, diags *diag.Diagnostics) {
	if prior.DeletionProtection.ValueBool() {
		diags.AddError(fmt.Sprintf("Broker group %q is protected from deletion", prior.Name.ValueString()),
			fmt.Sprintf("Its %d brokers hold their data on their own disks, and destroying them destroys it. If that is what you want, set deletion_protection = false on the group, apply, and destroy it then.", prior.Brokers.ValueInt64()))
	}
}

// planNoClaims remembers that a group is to be destroyed, and claims no topic any more.
func (r *brokerGroupResource) planNoClaims(prior brokerGroupModel) {
	r.fleet.Plan(prior.Cluster.ValueString(), func(p *fleet.Planned) { p.Claims[prior.Name.ValueString()] = compute.TopicClaim{} })
}

// check refuses at plan time what could not be applied.
func (r *brokerGroupResource) check(ctx context.Context, want fleet.BrokerGroup, prior *brokerGroupModel, diags *diag.Diagnostics) {
	catalog, err := r.fleet.Driver().Catalog(ctx)
	if err != nil {
		diags.AddError("The driver does not answer", err.Error())
		return
	}
	checkZones(catalog, want.Zones, diags)
	checkInstanceType(catalog, want.InstanceType, path.Root("instance_type"), diags)
	checkMachine(ctx, r.fleet.Driver(), catalog, want.AWS, want.InstanceType, want.Zones, want.Brokers, want.MaxSurge, path.Root("aws"), diags)
	checkKafkaVersion(ctx, r.fleet, want.KafkaVersion, diags)
	if size, ok := catalog.InstanceTypes[want.InstanceType]; ok && want.HeapBytes > size.MemoryBytes*3/4 {
		diags.AddAttributeError(path.Root("jvm").AtName("heap"), "The heap is too large for the machine",
			fmt.Sprintf("A heap of %s leaves too little of %s's %s for the page cache and the JVM itself; take at most three quarters.",
				units.BytesSize(float64(want.HeapBytes)), want.InstanceType, units.BytesSize(float64(size.MemoryBytes))))
	}
	twice := false
	r.fleet.Plan(want.Cluster, func(p *fleet.Planned) {
		_, seen := p.Brokers[want.Name]
		twice = seen && prior == nil
		p.Brokers[want.Name] = want.Brokers
		p.Claims[want.Name] = compute.TopicClaim{Patterns: want.Topics, Default: want.Default}
	})
	if twice {
		diags.AddAttributeError(path.Root("name"), "Two groups of one name",
			fmt.Sprintf("Cluster %q has a broker group %q in this configuration already. Names of groups are unique in a cluster.", want.Cluster, want.Name))
	}
	r.checkClaims(ctx, want, diags)
	tooFew := func(f fleet.Facts) bool { return brokersInAll(want, f) < f.HighestReplication }
	facts, err := r.fleet.SteadyFacts(ctx, want.Cluster, tooFew)
	if err != nil || !facts.Exists {
		if planned, ok := r.fleet.PlannedFor(want.Cluster); err == nil && (!ok || len(planned.Zones) == 0) {
			diags.AddAttributeWarning(path.Root("cluster"), "The cluster does not exist yet",
				fmt.Sprintf("There is no cluster %q, and no kafkafleet_cluster of this name is planned before this group. Refer to it as kafkafleet_cluster.x.name, so that it is created first.", want.Cluster))
		}
		r.warnFew(want, want.Brokers, diags)
		return
	}
	checkSettings(ctx, r.fleet, facts, want.Cluster, want.Config, diags)
	if prior == nil {
		r.warnArrivals(ctx, want, diags)
	}
	checkReplaced(want, facts, diags)
	total := brokersInAll(want, facts)
	if tooFew(facts) {
		diags.AddAttributeError(path.Root("brokers"), "Fewer brokers than replicas",
			fmt.Sprintf("Topic %q has %d replicas, and cluster %q would have %d brokers. Lower the topic's replication factor first, or keep at least %d brokers.",
				facts.HighestTopic, facts.HighestReplication, want.Cluster, total, facts.HighestReplication))
	}
	r.warnFew(want, total, diags)
}

// brokersInAll is how many brokers the cluster would have with the group as it is wanted.
func brokersInAll(want fleet.BrokerGroup, facts fleet.Facts) int {
	total := want.Brokers
	for group, n := range facts.Brokers {
		if group != want.Name {
			total += n
		}
	}
	return total
}

func (r *brokerGroupResource) warnFew(want fleet.BrokerGroup, total int, diags *diag.Diagnostics) {
	if total >= 3 {
		return
	}
	rf, isr := fleet.SafeReplication(total)
	diags.AddAttributeWarning(path.Root("brokers"), "A cluster of fewer than three brokers",
		fmt.Sprintf("With %d brokers the safe defaults shrink: default and internal topics get replication factor %d and min.insync.replicas=%d. The loss of a node can cost acknowledged records; "+
			"three brokers in three zones are the least for production. Cluster %q.", total, rf, isr, want.Cluster))
}

func (r *brokerGroupResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var m brokerGroupModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	timeout, diags := m.Timeouts.Create(ctx, time.Hour)
	resp.Diagnostics.Append(diags...)
	m.AWS = applyImage(ctx, r.fleet.Driver(), m.AWS, path.Root("aws"), &resp.Diagnostics)
	want, _, diags := m.want(ctx, nil)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	_, err := r.fleet.ApplyGroup(limited, want)
	after, done := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer done()
	if err != nil {
		summary := fmt.Sprintf("Broker group %q is not as declared yet", want.Name)
		// An error in Create taints: the next plan would destroy the group and create it anew. Once a partition is on its nodes that
		// would be wrong; then the group counts as created, and the next plan shows the rest as an update in place.
		if r.fleet.HoldsData(after, want.Cluster, want.Name) {
			resp.Diagnostics.AddWarning(summary, sentence(err))
		} else {
			resp.Diagnostics.AddError(summary, sentence(err))
		}
	}
	nodes, _ := r.fleet.Nodes(after, want.Cluster, want.Name) //nolint:errcheck // Without an answer there is nothing to save.
	if err != nil && len(nodes) == 0 {
		return // Nothing exists of it.
	}
	r.finish(after, &m, &resp.Diagnostics)
	keepObservation(context.WithoutCancel(ctx), r.fleet, m.Cluster.ValueString(), m.Name.ValueString(), resp.Private, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, brokerGroupIdentity{Cluster: m.Cluster, Name: m.Name})...)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

func (r *brokerGroupResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var m, prior brokerGroupModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	if resp.Diagnostics.HasError() {
		return
	}
	timeout, diags := m.Timeouts.Update(ctx, 6*time.Hour)
	resp.Diagnostics.Append(diags...)
	m.AWS = applyImage(ctx, r.fleet.Driver(), m.AWS, path.Root("aws"), &resp.Diagnostics)
	want, _, diags := m.want(ctx, &prior)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	_, err := r.fleet.ApplyGroup(limited, want)
	after, done := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer done()
	r.finish(after, &m, &resp.Diagnostics)
	if err != nil {
		resp.Diagnostics.AddError(fmt.Sprintf("Broker group %q is not as declared yet", want.Name), sentence(err))
		// Planned values in the state would make the next plan say "no changes": keep what was, with the nodes as they are.
		prior.Nodes, prior.BootstrapServers, prior.BootstrapMTLS = m.Nodes, m.BootstrapServers, m.BootstrapMTLS
		m = prior
	}
	keepObservation(context.WithoutCancel(ctx), r.fleet, m.Cluster.ValueString(), m.Name.ValueString(), resp.Private, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, brokerGroupIdentity{Cluster: m.Cluster, Name: m.Name})...)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

// finish fills in what is computed from what is there.
func (r *brokerGroupResource) finish(ctx context.Context, m *brokerGroupModel, diags *diag.Diagnostics) {
	m.ID = types.StringValue(m.Cluster.ValueString() + "/" + m.Name.ValueString())
	var more diag.Diagnostics
	if m.Rollout.IsUnknown() || m.Rollout.IsNull() {
		m.Rollout, more = settledRollout(ctx)
		diags.Append(more...)
	}
	if m.Zones.IsUnknown() {
		zones, err := r.fleet.Zones(ctx, m.Cluster.ValueString())
		if err != nil {
			diags.AddError("The cluster's zones could not be read", err.Error())
		}
		m.Zones, more = types.ListValueFrom(ctx, types.StringType, append([]string{}, zones...))
		diags.Append(more...)
	}
	nodes, err := r.nodes(ctx, *m)
	if err != nil {
		diags.AddError("The nodes could not be listed", err.Error())
	}
	m.Nodes, more = nodesValue(ctx, nodes)
	diags.Append(more...)
	m.BootstrapServers, more = addresses(ctx, nodes)
	diags.Append(more...)
	m.BootstrapMTLS, more = mutualAddresses(ctx, nodes)
	diags.Append(more...)
}

// checkReplaced refuses ids in replace_nodes that cannot be meant: those of nodes to come, and those of other groups' nodes.
func checkReplaced(want fleet.BrokerGroup, facts fleet.Facts, diags *diag.Diagnostics) {
	for _, id := range want.Replace {
		switch group, exists := facts.Groups[id]; {
		case id >= facts.NextNodeID:
			diags.AddAttributeError(path.Root("replace_nodes"), "A node that has never existed",
				fmt.Sprintf("Cluster %q has given out node ids up to %d, and replace_nodes has %d: it would replace a node to come.", want.Cluster, facts.NextNodeID-1, id))
		case exists && group != want.Name:
			diags.AddAttributeError(path.Root("replace_nodes"), "A node of another group",
				fmt.Sprintf("Node %d belongs to group %q of cluster %q, and only that group can replace it.", id, group, want.Cluster))
		}
	}
}

// nodes are judged by what is declared, as far as that is known: after an import it is not.
func (r *brokerGroupResource) nodes(ctx context.Context, m brokerGroupModel) ([]fleet.Node, error) {
	if want, ok, _ := m.want(ctx, nil); ok {
		return r.fleet.GroupNodes(ctx, want)
	}
	return r.fleet.Nodes(ctx, m.Cluster.ValueString(), m.Name.ValueString())
}

func (r *brokerGroupResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var m brokerGroupModel
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	specs, err := r.fleet.Specs(ctx, m.Cluster.ValueString(), m.Name.ValueString())
	if err != nil && !errors.Is(err, compute.ErrNotFound) {
		resp.Diagnostics.AddError(fmt.Sprintf("Broker group %q could not be read", m.Name.ValueString()), err.Error())
		return
	}
	if len(specs) == 0 {
		// Every machine of the group is gone, and with them the data: what is left to do is to create it.
		resp.State.RemoveResource(ctx)
		return
	}
	r.readDeclared(ctx, &m, specs, &resp.Diagnostics)
	if err := r.readClaims(ctx, &m, &resp.Diagnostics); err != nil {
		resp.Diagnostics.AddError(fmt.Sprintf("Broker group %q could not be read", m.Name.ValueString()), err.Error())
		return
	}
	r.finish(ctx, &m, &resp.Diagnostics)
	keepObservation(context.WithoutCancel(ctx), r.fleet, m.Cluster.ValueString(), m.Name.ValueString(), resp.Private, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, brokerGroupIdentity{Cluster: m.Cluster, Name: m.Name})...)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

// readClaims puts into the state which topics the group has by the cluster's record.
func (r *brokerGroupResource) readClaims(ctx context.Context, m *brokerGroupModel, diags *diag.Diagnostics) error {
	claim, err := r.fleet.Claims(ctx, m.Cluster.ValueString(), m.Name.ValueString())
	if err != nil {
		return err
	}
	m.Default = types.BoolValue(claim.Default)
	if len(claim.Patterns) == 0 && len(m.Topics.Elements()) == 0 {
		return nil // Null and an empty list say the same, and it is the user's to choose.
	}
	var more diag.Diagnostics
	m.Topics, more = types.ListValueFrom(ctx, types.StringType, append([]string{}, claim.Patterns...))
	diags.Append(more...)
	return nil
}

// readDeclared fills, after an import, what the state does not know yet from what the nodes are.
func (r *brokerGroupResource) readDeclared(ctx context.Context, m *brokerGroupModel, specs []compute.NodeSpec, diags *diag.Diagnostics) {
	if !m.KafkaVersion.IsNull() {
		return
	}
	m.KafkaVersion, m.InstanceType = types.StringValue(specs[0].KafkaVersion), types.StringValue(specs[0].InstanceType)
	m.Brokers, m.DeletionProtection, m.AWS = types.Int64Value(int64(len(specs))), types.BoolValue(true), machineValue(ctx, specs[0].AWS, diags)
	var zones []string
	for _, s := range specs {
		if !slices.Contains(zones, s.Zone) {
			zones = append(zones, s.Zone)
		}
	}
	slices.Sort(zones)
	var more diag.Diagnostics
	m.Zones, more = types.ListValueFrom(ctx, types.StringType, zones)
	diags.Append(more...)
}

func (r *brokerGroupResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var m brokerGroupModel
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	checkDeletion(m, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	timeout, diags := m.Timeouts.Delete(ctx, 6*time.Hour)
	resp.Diagnostics.Append(diags...)
	want, _, diags := m.want(ctx, nil)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := r.fleet.DestroyGroup(ctx, want); err != nil {
		resp.Diagnostics.AddError(fmt.Sprintf("Broker group %q is not destroyed", want.Name), sentence(err))
	}
}

// parseGroupID reads `cluster/name`; ok is false for every text that is not the names of a cluster and of a group in it.
func parseGroupID(id string) (identity brokerGroupIdentity, ok bool) {
	cluster, name, ok := strings.Cut(id, "/")
	if !ok || !fleetName.MatchString(cluster) || !fleetName.MatchString(name) {
		return brokerGroupIdentity{}, false
	}
	return brokerGroupIdentity{Cluster: types.StringValue(cluster), Name: types.StringValue(name)}, true
}

func (r *brokerGroupResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	var id brokerGroupIdentity
	if req.ID != "" {
		var ok bool
		if id, ok = parseGroupID(req.ID); !ok {
			resp.Diagnostics.AddError("Not the id of a broker group", fmt.Sprintf("%q is not of the form cluster/name, where each %s.", req.ID, fleetNameRule))
			return
		}
	} else {
		resp.Diagnostics.Append(req.Identity.Get(ctx, &id)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	specs, err := r.fleet.Specs(ctx, id.Cluster.ValueString(), id.Name.ValueString())
	if err != nil || len(specs) == 0 {
		resp.Diagnostics.AddError("There is no such broker group",
			fmt.Sprintf("Cluster %q has no node of a group %q, so there is nothing to import. The import id is cluster/name.", id.Cluster.ValueString(), id.Name.ValueString()))
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("cluster"), id.Cluster)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("name"), id.Name)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, id)...)
}
