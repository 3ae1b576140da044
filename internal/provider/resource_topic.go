package provider

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"golang.org/x/sync/errgroup"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

var (
	_ resource.Resource                = (*topicResource)(nil)
	_ resource.ResourceWithConfigure   = (*topicResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*topicResource)(nil)
	_ resource.ResourceWithImportState = (*topicResource)(nil)
	_ resource.ResourceWithIdentity    = (*topicResource)(nil)
)

func newTopicResource() resource.Resource { return &topicResource{} }

type topicResource struct{ data *providerData }

type topicModel struct {
	ID                types.String   `tfsdk:"id"`
	Cluster           types.String   `tfsdk:"cluster"`
	Name              types.String   `tfsdk:"name"`
	Partitions        types.Int64    `tfsdk:"partitions"`
	ReplicationFactor types.Int64    `tfsdk:"replication_factor"`
	Config            types.Map      `tfsdk:"config"`
	ConfigEffective   types.Map      `tfsdk:"config_effective"`
	TopicID           types.String   `tfsdk:"topic_id"`
	BrokerGroup       types.String   `tfsdk:"broker_group"`
	AllowRecreate     types.Bool     `tfsdk:"allow_recreate"`
	Protected         types.Bool     `tfsdk:"deletion_protection"`
	KeepIfWritten     types.String   `tfsdk:"keep_if_written_within"`
	Throttle          types.String   `tfsdk:"replication_throttle"`
	Timeouts          timeouts.Value `tfsdk:"timeouts"`
}

type topicIdentity struct {
	Cluster types.String `tfsdk:"cluster"`
	Name    types.String `tfsdk:"name"`
}

func (r *topicResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_topic"
}

func (r *topicResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"cluster": identityschema.StringAttribute{OptionalForImport: true, Description: "The cluster's name; none for the Kafka of the provider block."},
		"name":    identityschema.StringAttribute{RequiredForImport: true, Description: "The topic's name."},
	}}
}

func (r *topicResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A topic. Partitions are added, the replication factor is changed and settings are altered in place, while producers and consumers go on. " +
			"What would lose records, fewer partitions, is refused at plan time unless `allow_recreate` is set.\n\n" +
			"A topic that was deleted outside is planned to be created again. One that cannot be read is never dropped from the state.",
		Attributes: map[string]schema.Attribute{
			"id":      idAttribute("`cluster/name`, or `name` for a topic in the Kafka of the provider block."),
			"cluster": clusterAttribute(),
			"name": schema.StringAttribute{
				MarkdownDescription: "The topic's name: 1 to 249 ASCII letters, digits, `.`, `_` and `-`. Names that differ in `.` and `_` only collide in Kafka's metrics. A change makes another topic.",
				Required:            true,
				Validators:          []validator.String{topicNameValidator{}},
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"partitions": schema.Int64Attribute{
				MarkdownDescription: "The number of partitions. More are added in place, spread over brokers and zones; records stay where they are, so keys may go to another partition from then on. " +
					"Kafka cannot take partitions away: fewer is an error at plan time, unless `allow_recreate` is set.",
				Required:   true,
				Validators: []validator.Int64{int64validator.Between(1, math.MaxInt32)},
			},
			"replication_factor": schema.Int64Attribute{
				MarkdownDescription: "The number of replicas of each partition. Changed in place by a reassignment that keeps leaders, and puts one replica into each zone while there are zones enough; the apply waits until all new replicas are in sync. " +
					"By default a new topic takes the `default.replication.factor` of the brokers that it comes to, and keeps what it has after that.",
				Optional: true, Computed: true,
				Validators:    []validator.Int64{int64validator.Between(1, math.MaxInt16)},
				PlanModifiers: []planmodifier.Int64{int64planmodifier.UseStateForUnknown()},
			},
			"config": schema.MapAttribute{
				MarkdownDescription: "Settings of the topic by [Kafka's names](https://kafka.apache.org/documentation/#topicconfigs). Only the declared keys are looked at: what others set, such as the throttles of a move, is neither shown nor wiped. " +
					"Kafka takes numbers only; a duration such as `7d` for a key that ends with `.ms`, and a size such as `1GiB` for one that ends with `.bytes`, is sent as one. " +
					"A key that is removed goes back to the cluster's default, and so does one whose value is null.",
				ElementType: types.StringType, Optional: true,
				Validators: []validator.Map{mapvalidator.KeysAre(stringvalidator.LengthAtLeast(1), noSecretValidator{})},
			},
			"config_effective": schema.MapAttribute{
				MarkdownDescription: "Every setting in force that somebody has set: on the topic, for the cluster or at a broker. Those that are not here have Kafka's own default.",
				ElementType:         types.StringType, Computed: true,
			},
			"topic_id": schema.StringAttribute{
				MarkdownDescription: "Kafka's own id of the topic. Another one under the same name means that the topic was deleted and created again.",
				Computed:            true,
				PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"broker_group": schema.StringAttribute{
				MarkdownDescription: "The broker group that the topic's replicas are on; several, separated by a comma and a space, while it moves, or where nothing says on which group it lives (see `topics` and `default` of `kafkafleet_broker_group`). " +
					"Null on a Kafka that this provider did not build.",
				Computed: true,
			},
			"allow_recreate": schema.BoolAttribute{
				MarkdownDescription: "Whether the topic may be deleted and created again, **with the loss of all of its records**, when `partitions` gets lower. `false` by default.",
				Optional:            true, Computed: true, Default: booldefault.StaticBool(false),
			},
			"deletion_protection": schema.BoolAttribute{
				MarkdownDescription: "Whether the topic must not be deleted, be it that it is removed from the configuration, renamed, or made anew with fewer partitions: the plan is an error then. " +
					"What counts is what was applied last, so `false` has to be applied before the topic can go. `false` by default.",
				Optional: true,
			},
			"keep_if_written_within": schema.StringAttribute{
				MarkdownDescription: "Delete the topic only if its newest record is older than this, such as `30d`: the plan is an error otherwise, and so is the apply if a record has come since. " +
					"Records have the time that producers gave them, or that of the broker with `message.timestamp.type = \"LogAppendTime\"`. A topic without records may go.",
				Optional: true, Validators: []validator.String{longDurationValidator{}},
			},
			"replication_throttle": replicationThrottleAttribute("the topic"),
			"timeouts": timeouts.Attributes(ctx, timeouts.Opts{
				Create: true, Update: true, Delete: true,
				CreateDescription: "How long until every broker knows the topic. `5m` by default.",
				UpdateDescription: "How long until everything is changed and new replicas are in sync. `1h` by default; a reassignment that takes longer goes on in Kafka.",
				DeleteDescription: "How long until no broker knows the topic any more. `5m` by default.",
			}),
		},
	}
}

func (r *topicResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = configured(req.ProviderData, &resp.Diagnostics)
}

func (r *topicResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.data == nil {
		return
	}
	if req.Plan.Raw.IsNull() {
		r.checkDeletion(ctx, req.State, &resp.Diagnostics)
		return
	}
	if nothingToPlan(ctx, req) {
		return
	}
	var planned topicModel
	var prior *topicModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &planned)...)
	if !req.State.Raw.IsNull() {
		prior = &topicModel{}
		resp.Diagnostics.Append(req.State.Get(ctx, prior)...)
	}
	r.data.Kafka.checkCluster(planned.Cluster, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if planned.Cluster.IsNull() && planned.BrokerGroup.IsUnknown() {
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("broker_group"), types.StringNull())...)
	}
	r.checkClaim(ctx, planned, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if prior != nil {
		if !planned.Name.IsUnknown() && !planned.Name.Equal(prior.Name) || !planned.Cluster.IsUnknown() && !planned.Cluster.Equal(prior.Cluster) {
			r.checkDeletion(ctx, req.State, &resp.Diagnostics)
		}
		if planned.Config.Equal(prior.Config) && planned.ConfigEffective.IsUnknown() {
			resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("config_effective"), prior.ConfigEffective)...)
		}
		if planned.Partitions.ValueInt64() < prior.Partitions.ValueInt64() && !planned.Partitions.IsUnknown() {
			r.planFewerPartitions(planned, *prior, resp)
			if len(resp.RequiresReplace) > 0 {
				r.checkDeletion(ctx, req.State, &resp.Diagnostics)
			}
			return
		}
		if req.Plan.Raw.Equal(req.State.Raw) {
			return
		}
		if now := prior.Partitions.ValueInt64(); planned.Partitions.ValueInt64() > now {
			resp.Diagnostics.AddAttributeWarning(path.Root("partitions"), morePartitions, morePartitionsText(planned.Name.ValueString(), now, planned.Partitions.ValueInt64(), planned.Config))
		}
	}
	if !planned.Cluster.IsUnknown() && !planned.Name.IsUnknown() && !planned.Partitions.IsUnknown() {
		r.check(ctx, planned, prior, &resp.Diagnostics)
	}
}

// checkClaim remembers the topic for the plans of groups, and tells when two groups claim it.
func (r *topicResource) checkClaim(ctx context.Context, planned topicModel, diags *diag.Diagnostics) {
	if planned.Cluster.IsNull() || planned.Cluster.IsUnknown() || planned.Name.IsUnknown() {
		return
	}
	cluster, name := planned.Cluster.ValueString(), planned.Name.ValueString()
	r.data.Fleet.Plan(cluster, func(p *fleet.Planned) { p.Topics[name] = true })
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	conflict, ok, err := r.data.Fleet.TopicConflict(ctx, cluster, name)
	if err != nil || !ok {
		return // A record that cannot be read is told by the groups.
	}
	summary := "A topic that several groups claim"
	detail := fmt.Sprintf("In cluster %q topic %q is claimed by %s.", cluster, name, claimants(conflict.Claims))
	if conflict.Recorded {
		diags.AddAttributeWarning(path.Root("name"), summary, detail+fmt.Sprintf(" As things are recorded, it lives on %q. "+
			"This run has not planned both groups, or not yet, and a claim may be about to change.", conflict.Claims[0].Group))
		return
	}
	diags.AddAttributeError(path.Root("name"), summary, detail+" A topic lives on one group: change the `topics` of one of them.")
}

// morePartitions is what a plan warns of, since it cannot be undone.
const morePartitions = "Records with keys go to other partitions"

// morePartitionsText says what becomes of keys.
func morePartitionsText(name string, now, planned int64, config types.Map) string {
	text := fmt.Sprintf("Topic %q gets %d partitions where it has %d. The records that are there stay where they are, and new ones of the same key may go to another partition: "+
		"a consumer may see a key's records out of their order until it has read all that is there now. Kafka cannot take partitions away again.", name, planned, now)
	if policy, ok := config.Elements()["cleanup.policy"].(types.String); ok && strings.Contains(policy.ValueString(), "compact") {
		text += " The topic is compacted: a key that goes to another partition keeps its last value in the old one, too."
	}
	return text
}

// planFewerPartitions makes a decrease what the user has allowed it to be.
func (r *topicResource) planFewerPartitions(planned, prior topicModel, resp *resource.ModifyPlanResponse) {
	if planned.AllowRecreate.ValueBool() {
		resp.RequiresReplace = append(resp.RequiresReplace, path.Root("partitions"))
		return
	}
	resp.Diagnostics.AddAttributeError(path.Root("partitions"), "Kafka cannot take partitions away",
		fmt.Sprintf("Topic %q has %d partitions and is to have %d, which is only possible by deleting it with all of its records and creating it again. "+
			"Keep %d partitions, or set allow_recreate = true if the records may be lost.",
			prior.Name.ValueString(), prior.Partitions.ValueInt64(), planned.Partitions.ValueInt64(), prior.Partitions.ValueInt64()))
}

// checkDeletion tells at plan time when a topic must not be deleted. What cannot be asked now is asked again before anything is deleted.
func (r *topicResource) checkDeletion(ctx context.Context, state tfsdk.State, diags *diag.Diagnostics) {
	var m topicModel
	diags.Append(state.Get(ctx, &m)...)
	if diags.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if fault := r.mayBeDeleted(ctx, m); fault != "" {
		diags.AddError(fmt.Sprintf("Topic %q is kept", m.Name.ValueString()), fault)
	}
}

// mayBeDeleted says why a topic must not be deleted, "" for nothing. That it cannot be known is a reason.
func (r *topicResource) mayBeDeleted(ctx context.Context, m topicModel) string {
	name := m.Name.ValueString()
	if m.Protected.ValueBool() {
		return fmt.Sprintf("Topic %q has deletion_protection, and would be deleted with all of its records. To delete it, set deletion_protection = false and apply that first.", name)
	}
	if m.KeepIfWritten.IsNull() {
		return ""
	}
	within, err := milliseconds(m.KeepIfWritten.ValueString())
	if err != nil {
		return sentence(err)
	}
	const remedy = " Stop who writes and wait, or take keep_if_written_within away and apply that first."
	k, err := r.data.Kafka.Kafka(ctx, m.Cluster)
	var last time.Time
	if err == nil {
		last, err = k.LastWritten(ctx, name)
	}
	switch {
	case gone(err):
		return ""
	case err != nil:
		return fmt.Sprintf("Topic %q may only be deleted if nothing was written to it within %s, and when that was is not known: %s", name, m.KeepIfWritten.ValueString(), sentence(err)) + remedy
	case time.Since(last) < time.Duration(within)*time.Millisecond:
		return fmt.Sprintf("The newest record of topic %q is of %s, and it may only be deleted if there is none within %s.", name, last.UTC().Format(time.RFC3339), m.KeepIfWritten.ValueString()) + remedy
	}
	return ""
}

// checkTimeout bounds the checks at plan time, which are a help and no more.
const checkTimeout = 15 * time.Second

// check has Kafka look at the plan without doing anything. A cluster that does not exist yet or cannot be reached checks nothing: the
// apply will tell.
func (r *topicResource) check(ctx context.Context, planned topicModel, prior *topicModel, diags *diag.Diagnostics) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	k, err := r.data.Kafka.Kafka(ctx, planned.Cluster)
	if err != nil {
		return
	}
	config, more := declaredConfig(ctx, planned.Config)
	diags.Append(more...)
	brokers, err := k.Reader().Brokers(ctx)
	live := slices.DeleteFunc(slices.Clone(brokers), func(b kafka.Broker) bool { return b.Fenced })
	if err != nil || len(live) == 0 {
		return
	}
	factor := planned.ReplicationFactor.ValueInt64()
	if prior == nil || factor != prior.ReplicationFactor.ValueInt64() {
		r.checkFactor(ctx, planned, len(live), diags)
	}
	if diags.HasError() {
		return
	}
	if r.data.Applying.Load() {
		return // Kafka answers such a question as late as it makes the change.
	}
	name := planned.Name.ValueString()
	if prior == nil {
		r.checkCollision(ctx, k, name, diags)
		fresh := newTopic(planned, config)
		fresh.ReplicationFactor = min(fresh.ReplicationFactor, int16(len(live))) //nolint:gosec // Both are small. A cluster that grows in this apply is no error.
		if fresh.ReplicationFactor < 0 && !planned.Cluster.IsNull() {
			fresh.ReplicationFactor = 1 // The fleet takes the default of the topic's group, Kafka would take the controllers'.
		}
		err = k.CreateTopic(ctx, fresh, true)
		// One that is being replaced still exists. Whether it is somebody else's is seen by the apply.
		if errors.Is(err, kafka.ErrExists) {
			err = r.alterConfig(ctx, k, name, nil, config, true)
		}
	} else {
		before, more := declaredConfig(ctx, prior.Config)
		diags.Append(more...)
		err = r.alterConfig(ctx, k, name, before, config, true)
		if err == nil && planned.Partitions.ValueInt64() > prior.Partitions.ValueInt64() {
			err = k.AddPartitions(ctx, name, int32(planned.Partitions.ValueInt64()), nil, true) //nolint:gosec // The schema bounds it.
		}
	}
	if errors.Is(err, kafka.ErrInvalid) {
		addTopicError(diags, fmt.Sprintf("Kafka would refuse topic %q", name), config, err)
	}
}

// checkFactor compares the replication factor with the brokers there are, or will be as far as this run's plan knows.
func (r *topicResource) checkFactor(ctx context.Context, planned topicModel, live int, diags *diag.Diagnostics) {
	factor := int(planned.ReplicationFactor.ValueInt64())
	if !planned.Cluster.IsNull() {
		group, brokers, err := r.data.Fleet.TopicHome(ctx, planned.Cluster.ValueString(), planned.Name.ValueString())
		if err == nil && group != "" && brokers < factor {
			diags.AddAttributeError(path.Root("replication_factor"), "More replicas than brokers",
				fmt.Sprintf("Topic %q is to have %d replicas of each partition, and group %q, on which it lives, has %d brokers; each replica needs a broker of its own. "+
					"Set replication_factor to at most %d, or add brokers to the group.", planned.Name.ValueString(), factor, group, brokers, brokers))
			return
		}
	}
	there := fmt.Sprintf("%s has %d live brokers now", clusterName(planned.Cluster), live)
	known := planned.Cluster.IsNull()
	if p, ok := r.data.Fleet.PlannedFor(planned.Cluster.ValueString()); ok && !known && len(p.Brokers) > 0 {
		sum := 0
		for _, n := range p.Brokers {
			sum += n
		}
		live, known = max(live, sum), true
	}
	if factor <= live {
		return
	}
	summary := "More replicas than brokers"
	detail := fmt.Sprintf("Topic %q is to have %d replicas of each partition, and %s; each replica needs a broker of its own.", planned.Name.ValueString(), factor, there)
	if known {
		diags.AddAttributeError(path.Root("replication_factor"), summary, detail+fmt.Sprintf(" Set replication_factor to at most %d, or add brokers.", live))
		return
	}
	diags.AddAttributeWarning(path.Root("replication_factor"), summary, detail+" Unless brokers are added before it, the apply will fail.")
}

// checkCollision warns of a topic that has the same name in Kafka's metrics, where dots become underscores.
func (r *topicResource) checkCollision(ctx context.Context, k *kafka.Client, name string, diags *diag.Diagnostics) {
	if !strings.ContainsAny(name, "._") {
		return
	}
	others, err := k.Reader().SameInMetrics(ctx, name)
	if err != nil {
		return
	}
	for _, other := range others {
		warnCollision(name, other, diags)
	}
}

func warnCollision(name, other string, diags *diag.Diagnostics) {
	diags.AddAttributeWarning(path.Root("name"), "The topic's name collides with another one",
		fmt.Sprintf("Topics %q and %q are both %q in Kafka's metrics, so that they cannot be told apart there. Kafka refuses to create the second one.", name, other, kafka.MetricName(name)))
}

// addTopicError puts Kafka's own words to the attribute that they are about.
func addTopicError(diags *diag.Diagnostics, summary string, config map[string]string, err error) {
	detail := sentence(errors.New(kafka.Words(err)))
	at := path.Empty()
	switch kafka.About(err) {
	case kafka.SubjectConfig:
		at = path.Root("config")
		longest := ""
		for key := range config {
			if strings.Contains(err.Error(), key) && len(key) > len(longest) {
				longest = key
			}
		}
		if longest != "" {
			at = at.AtMapKey(longest)
		}
	case kafka.SubjectReplicationFactor:
		at = path.Root("replication_factor")
	case kafka.SubjectPartitions:
		at = path.Root("partitions")
	case kafka.SubjectName:
		at = path.Root("name")
	}
	if errors.Is(err, fleet.ErrNoPlace) {
		at = path.Root("replication_factor")
	}
	if at.Equal(path.Empty()) {
		diags.AddError(summary, detail)
		return
	}
	diags.AddAttributeError(at, summary, detail)
}

func newTopic(m topicModel, config map[string]string) kafka.NewTopic {
	factor := int16(-1) // The cluster's default.
	if !m.ReplicationFactor.IsNull() && !m.ReplicationFactor.IsUnknown() {
		factor = int16(m.ReplicationFactor.ValueInt64()) //nolint:gosec // The schema bounds it.
	}
	return kafka.NewTopic{
		Name: m.Name.ValueString(), Partitions: int32(m.Partitions.ValueInt64()), ReplicationFactor: factor, Config: config, //nolint:gosec // The schema bounds it.
	}
}

func (r *topicResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	r.data.Applying.Store(true)
	defer r.data.Kafka.warn(&resp.Diagnostics)
	var m topicModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	timeout, diags := m.Timeouts.Create(ctx, 5*time.Minute)
	resp.Diagnostics.Append(diags...)
	config, diags := declaredConfig(ctx, m.Config)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	name := m.Name.ValueString()
	summary := fmt.Sprintf("Topic %q is not created", name)
	k, err := r.data.Kafka.Kafka(ctx, m.Cluster)
	if err != nil {
		resp.Diagnostics.AddError(summary, sentence(err))
		return
	}
	topics, err := r.data.Kafka.Topics(ctx, m.Cluster)
	if err != nil {
		resp.Diagnostics.AddError(summary, sentence(err))
		return
	}
	if err := topics.Create(ctx, newTopic(m, config)); err != nil {
		if errors.Is(err, kafka.ErrExists) {
			resp.Diagnostics.AddAttributeError(path.Root("name"), summary, fmt.Sprintf("%s To manage the topic that is there, import it: terraform import <address> %s",
				sentence(errors.New(kafka.Words(err))), joinID(m.Cluster, name).ValueString()))
			return
		}
		addTopicError(&resp.Diagnostics, summary, config, err)
		return
	}
	// The topic exists from here on. An error would taint it, and the next apply would delete it with whatever was written meanwhile.
	m.ID = joinID(m.Cluster, name)
	if err := k.AwaitTopic(ctx, name, int(m.Partitions.ValueInt64())); err != nil {
		resp.Diagnostics.AddWarning(fmt.Sprintf("Topic %q is created, but not known everywhere yet", name), sentence(err))
	}
	factor := m.ReplicationFactor
	err = r.readBy(ctx, k, k.Reader().CreatedTopic, &m, &resp.Diagnostics)
	if !factor.IsUnknown() {
		m.ReplicationFactor = factor // Kafka has created it so.
	}
	if err != nil {
		resp.Diagnostics.AddWarning(fmt.Sprintf("Topic %q is created, but could not be read", name), sentence(err)+" The next plan reads it.")
		m.TopicID, m.ConfigEffective, m.BrokerGroup = types.StringNull(), types.MapNull(types.StringType), types.StringNull()
		if m.ReplicationFactor.IsUnknown() {
			m.ReplicationFactor = types.Int64Null()
		}
	}
	resp.Diagnostics.Append(resp.Identity.Set(ctx, topicIdentity{Cluster: m.Cluster, Name: m.Name})...)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

// read fills the model from Kafka. An imported topic, which has nothing but its name, gets as its config what was set on it.
func (r *topicResource) read(ctx context.Context, k *kafka.Client, m *topicModel, diags *diag.Diagnostics) error {
	return r.readBy(ctx, k, k.Reader().Topic, m, diags)
}

func (r *topicResource) readBy(ctx context.Context, k *kafka.Client, read func(context.Context, string) (kafka.Topic, error), m *topicModel, diags *diag.Diagnostics) error {
	name := m.Name.ValueString()
	var t kafka.Topic
	var settings []kafka.ConfigEntry
	var reads errgroup.Group
	reads.Go(func() (err error) {
		t, err = read(ctx, name)
		return err
	})
	reads.Go(func() (err error) {
		settings, err = k.Reader().TopicConfig(ctx, name)
		return err
	})
	err := reads.Wait()
	if err != nil {
		return err
	}
	imported := m.Partitions.IsNull()
	var more diag.Diagnostics
	if imported {
		m.Config, more = overriddenConfig(ctx, settings)
		diags.Append(more...)
		m.AllowRecreate = types.BoolValue(false)
	} else {
		m.Config, more = observedConfig(ctx, m.Config, settings)
		diags.Append(more...)
	}
	m.ConfigEffective, more = effectiveConfig(ctx, settings)
	diags.Append(more...)
	m.ID = joinID(m.Cluster, name)
	m.Partitions = types.Int64Value(int64(len(t.Partitions)))
	m.ReplicationFactor = types.Int64Value(int64(t.ReplicationFactor()))
	m.TopicID = types.StringValue(t.UUID())
	m.BrokerGroup, err = r.brokerGroup(ctx, m.Cluster, t)
	return err
}

// brokerGroup names the groups that hold a topic's replicas.
func (r *topicResource) brokerGroup(ctx context.Context, cluster types.String, t kafka.Topic) (types.String, error) {
	if cluster.IsNull() {
		return types.StringNull(), nil
	}
	var brokers []int32
	for _, p := range t.Partitions {
		for _, id := range p.Replicas {
			if !slices.Contains(brokers, id) {
				brokers = append(brokers, id)
			}
		}
	}
	groups, err := r.data.Fleet.GroupsOf(ctx, cluster.ValueString(), brokers)
	if err != nil || len(groups) == 0 {
		return types.StringNull(), err
	}
	return types.StringValue(strings.Join(groups, ", ")), nil
}

func (r *topicResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	defer r.data.Kafka.warn(&resp.Diagnostics)
	var m topicModel
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	before := m.TopicID.ValueString()
	k, err := r.data.Kafka.Kafka(ctx, m.Cluster)
	if err == nil {
		err = r.read(ctx, k, &m, &resp.Diagnostics)
	}
	if err == nil {
		warnOfThrottle(ctx, k, m.Name.ValueString(), &resp.Diagnostics)
	}
	switch {
	case gone(err):
		resp.State.RemoveResource(ctx)
		return
	case err != nil && m.Partitions.IsNull():
		resp.Diagnostics.AddError(fmt.Sprintf("Topic %q cannot be imported", m.Name.ValueString()), sentence(err))
		return
	case err != nil:
		unreadable(fmt.Sprintf("Topic %q", m.Name.ValueString()), m.Cluster, err, &resp.Diagnostics)
		return
	}
	if before != "" && before != m.TopicID.ValueString() {
		resp.Diagnostics.AddWarning(fmt.Sprintf("Topic %q was created again outside of Terraform", m.Name.ValueString()),
			fmt.Sprintf("Its id was %s and is %s now: somebody deleted the topic, with its records, and created another one under the name.", before, m.TopicID.ValueString()))
	}
	resp.Diagnostics.Append(resp.Identity.Set(ctx, topicIdentity{Cluster: m.Cluster, Name: m.Name})...)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

func (r *topicResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	r.data.Applying.Store(true)
	var m, prior topicModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	timeout, diags := m.Timeouts.Update(ctx, time.Hour)
	resp.Diagnostics.Append(diags...)
	config, diags := declaredConfig(ctx, m.Config)
	resp.Diagnostics.Append(diags...)
	before, diags := declaredConfig(ctx, prior.Config)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	summary := fmt.Sprintf("Topic %q is not as declared yet", m.Name.ValueString())
	k, err := r.data.Kafka.Kafka(limited, m.Cluster)
	if err != nil {
		resp.Diagnostics.AddError(summary, sentence(err))
		return
	}
	failed := r.update(limited, k, m, prior, before, config)
	if failed != nil {
		addTopicError(&resp.Diagnostics, summary, config, failed)
	}
	// What is there goes into the state, also when it is not what was planned, and also when the time or the user's patience is over.
	after, done := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer done()
	if failed != nil {
		m.Config = partlyApplied(m.Config, prior.Config)
	}
	if err := r.read(after, k, &m, &resp.Diagnostics); err != nil {
		if failed == nil {
			resp.Diagnostics.AddError(summary, sentence(err))
		}
		return // The state stays as it was before.
	}
	resp.Diagnostics.Append(resp.Identity.Set(after, topicIdentity{Cluster: m.Cluster, Name: m.Name})...)
	resp.Diagnostics.Append(resp.State.Set(after, m)...)
}

// partlyApplied is the map whose keys are read back after a failure: the declared ones, and those that were to be removed, so that the
// next plan removes what is still there.
func partlyApplied(planned, prior types.Map) types.Map {
	if prior.IsNull() {
		return planned
	}
	all := prior.Elements()
	for key, value := range planned.Elements() {
		all[key] = value
	}
	return types.MapValueMust(types.StringType, all)
}

// update changes what differs. More replicas come before, and fewer after, the settings: min.insync.replicas is often raised or lowered
// in the same apply, and must never exceed the replicas there are.
func (r *topicResource) update(ctx context.Context, k *kafka.Client, m, prior topicModel, before, config map[string]string) error {
	topics, err := r.data.Kafka.Topics(ctx, m.Cluster)
	if err != nil {
		return err
	}
	name, factor := m.Name.ValueString(), int(m.ReplicationFactor.ValueInt64())
	shrinks := factor < int(prior.ReplicationFactor.ValueInt64())
	if shrinks {
		if err := r.alterConfig(ctx, k, name, before, config, false); err != nil {
			return err
		}
	}
	// With another throttle what is still on its way goes on, and what an apply that was cut off has left of one is taken off.
	if !m.ReplicationFactor.Equal(prior.ReplicationFactor) || !m.Throttle.Equal(prior.Throttle) {
		if err := topics.SetReplicationFactor(ctx, name, factor, replicationThrottle(m.Throttle)); err != nil {
			return err
		}
	}
	if m.Partitions.ValueInt64() > prior.Partitions.ValueInt64() {
		if err := topics.AddPartitions(ctx, name, int(m.Partitions.ValueInt64()), factor); err != nil {
			return err
		}
	}
	if shrinks {
		return nil
	}
	return r.alterConfig(ctx, k, name, before, config, false)
}

func (r *topicResource) alterConfig(ctx context.Context, k *kafka.Client, name string, before, after map[string]string, validateOnly bool) error {
	changes := configChanges(before, after)
	if len(changes) == 0 {
		return nil
	}
	err := k.AlterTopicConfig(ctx, name, changes, validateOnly)
	if err != nil || validateOnly {
		return err
	}
	// The controllers have it, and a broker that does not yet would show the settings of before to whoever asks it next. What has not come
	// everywhere in this time will: it is no reason to fail.
	seen, cancel := context.WithTimeout(ctx, settingsSeenWithin)
	defer cancel()
	_ = k.AwaitTopicConfig(seen, name, changes, sameConfigValue)
	return nil
}

// settingsSeenWithin is how long an apply waits for all brokers to have the new settings of a topic.
const settingsSeenWithin = 10 * time.Second

func (r *topicResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	r.data.Applying.Store(true)
	var m topicModel
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	timeout, diags := m.Timeouts.Delete(ctx, 5*time.Minute)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if fault := r.mayBeDeleted(ctx, m); fault != "" {
		resp.Diagnostics.AddError(fmt.Sprintf("Topic %q is kept", m.Name.ValueString()), fault)
		return
	}
	if err := r.delete(ctx, m); err != nil && !gone(err) {
		resp.Diagnostics.AddError(fmt.Sprintf("Topic %q is not deleted everywhere", m.Name.ValueString()), sentence(err))
	}
}

// delete is done when no broker knows the topic: one that still does would take records, and let nobody create it anew.
func (r *topicResource) delete(ctx context.Context, m topicModel) error {
	k, err := r.data.Kafka.Kafka(ctx, m.Cluster)
	if err != nil {
		return err
	}
	name := m.Name.ValueString()
	if err := k.DeleteTopic(ctx, name); err != nil && !errors.Is(err, kafka.ErrNotFound) {
		return err
	}
	return k.AwaitTopicGone(ctx, name, m.TopicID.ValueString())
}

// parseTopicID reads `cluster/name`, or `name` alone. Whether that can be a topic's name is for the caller to check.
func parseTopicID(id string) topicIdentity {
	cluster, name := splitID(id)
	return topicIdentity{Cluster: cluster, Name: types.StringValue(name)}
}

func (r *topicResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	var identity topicIdentity
	if req.ID != "" {
		identity = parseTopicID(req.ID)
	} else {
		resp.Diagnostics.Append(req.Identity.Get(ctx, &identity)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if fault := topicNameFault(identity.Name.ValueString()); fault != "" {
		resp.Diagnostics.AddError("Not a topic to import", fmt.Sprintf("The import id of a topic is `cluster/name`, or `name` for the Kafka of the provider block, and %s.", fault))
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("cluster"), identity.Cluster)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("name"), identity.Name)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), joinID(identity.Cluster, identity.Name.ValueString()))...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identity)...)
}
