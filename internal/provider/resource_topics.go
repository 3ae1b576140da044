package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

var (
	_ resource.Resource                = (*topicsResource)(nil)
	_ resource.ResourceWithConfigure   = (*topicsResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*topicsResource)(nil)
	_ resource.ResourceWithImportState = (*topicsResource)(nil)
	_ resource.ResourceWithIdentity    = (*topicsResource)(nil)
	_ resource.ResourceWithMoveState   = (*topicsResource)(nil)
)

func newTopicsResource() resource.Resource { return &topicsResource{} }

// topicsResource is many topics as one resource: thousands of them are one node of Terraform's graph, and a plan shows those that change.
// What it does with each of them is what topicResource does.
type topicsResource struct{ one topicResource }

type topicsModel struct {
	Cluster       types.String   `tfsdk:"cluster"`
	Topics        types.String   `tfsdk:"topics"` // See sealed.
	DeleteRemoved types.Bool     `tfsdk:"delete_removed"`
	Protected     types.Bool     `tfsdk:"deletion_protection"`
	KeepIfWritten types.String   `tfsdk:"keep_if_written_within"`
	Timeouts      timeouts.Value `tfsdk:"timeouts"`
}

// topicOfMany is an element of the map.
type topicOfMany struct {
	Partitions        types.Int64 `tfsdk:"partitions"`
	ReplicationFactor types.Int64 `tfsdk:"replication_factor"`
	Config            types.Map   `tfsdk:"config"`
}

var (
	topicOfManyTypes = map[string]attr.Type{"partitions": types.Int64Type, "replication_factor": types.Int64Type, "config": types.MapType{ElemType: types.StringType}}
	topicOfManyType  = types.ObjectType{AttrTypes: topicOfManyTypes}
	topicOfManyKind  = topicOfManyType.TerraformType(context.Background())
)

func (t topicOfMany) object() types.Object {
	return types.ObjectValueMust(topicOfManyTypes, map[string]attr.Value{"partitions": t.Partitions, "replication_factor": t.ReplicationFactor, "config": t.Config})
}

// topicsAttribute is the map as Terraform sees it.
var topicsAttribute = &tfprotov6.SchemaAttribute{
	Name: "topics", Required: true, DescriptionKind: tfprotov6.StringKindMarkdown,
	Description: "The topics by their names: 1 to 249 ASCII letters, digits, `.`, `_` and `-`.",
	NestedType: &tfprotov6.SchemaObject{Nesting: tfprotov6.SchemaObjectNestingModeMap, Attributes: []*tfprotov6.SchemaAttribute{
		{
			Name: "config", Type: tftypes.Map{ElementType: tftypes.String}, Optional: true, DescriptionKind: tfprotov6.StringKindMarkdown,
			Description: "Settings of the topic, as `config` of `kafkafleet_topic`. Only the declared keys are looked at.",
		},
		{
			Name: "partitions", Type: tftypes.Number, Required: true, DescriptionKind: tfprotov6.StringKindMarkdown,
			Description: "The number of partitions. More are added in place; fewer is an error at plan time, since Kafka cannot take partitions away.",
		},
		{
			Name: "replication_factor", Type: tftypes.Number, Optional: true, Computed: true, DescriptionKind: tfprotov6.StringKindMarkdown,
			Description: "The number of replicas of each partition, changed in place. By default a new topic takes the `default.replication.factor` of the brokers that it comes to, and keeps what it has after that.",
		},
	}},
}

// topicsValidator checks each topic of the map.
type topicsValidator struct{}

func (topicsValidator) Description(context.Context) string         { return "" }
func (topicsValidator) MarkdownDescription(context.Context) string { return "" }
func (topicsValidator) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	partitions, replicas := int64validator.Between(1, math.MaxInt32), int64validator.Between(1, math.MaxInt16)
	keys := mapvalidator.KeysAre(stringvalidator.LengthAtLeast(1), noSecretValidator{})
	topics := topicsModel{Topics: req.ConfigValue}.topics(&resp.Diagnostics)
	for _, name := range slices.Sorted(maps.Keys(topics)) {
		t, at := topics[name], req.Path.AtMapKey(name)
		if fault := topicNameFault(name); fault != "" {
			resp.Diagnostics.AddAttributeError(at, "Not a topic name", strings.ToUpper(fault[:1])+fault[1:]+".")
		}
		if t.Partitions.IsNull() {
			resp.Diagnostics.AddAttributeError(at, "A topic is null", fmt.Sprintf("Topic %q is declared as null, which says nothing about it: give it its partitions, or leave it out of the map.", name))
		}
		var ofNumbers validator.Int64Response
		partitions.ValidateInt64(ctx, validator.Int64Request{Path: at.AtName("partitions"), ConfigValue: t.Partitions}, &ofNumbers)
		replicas.ValidateInt64(ctx, validator.Int64Request{Path: at.AtName("replication_factor"), ConfigValue: t.ReplicationFactor}, &ofNumbers)
		var ofKeys validator.MapResponse
		keys.ValidateMap(ctx, validator.MapRequest{Path: at.AtName("config"), ConfigValue: t.Config}, &ofKeys)
		resp.Diagnostics.Append(append(ofNumbers.Diagnostics, ofKeys.Diagnostics...)...)
	}
}

// topicIDsKey is where the private state has Kafka's own ids of the topics by name, by which one that was created again is known.
const topicIDsKey = "topic_ids"

func (r *topicsResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_topics"
	resp.ResourceBehavior.MutableIdentity = true // The names are what the map has.
}

func (r *topicsResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	// It has the shape of a single topic's, since OpenTofu keeps the identity when it moves one into the other.
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"cluster": identityschema.StringAttribute{OptionalForImport: true, Description: "The cluster's name; none for the Kafka of the provider block."},
		"name":    identityschema.StringAttribute{RequiredForImport: true, Description: "The topics' names, with commas between them."},
	}}
}

func (r *topicsResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Many topics as one map. It does with each what [kafkafleet_topic](topic.md) does, in few requests and with one node in Terraform's graph: for thousands of topics, " +
			"where single resources would take Terraform itself minutes. A plan shows the topics that change.\n\n" +
			"**A topic that exists already is taken over if it is exactly as declared**, and the plan says which ones; one that differs is an error. " +
			"So a first apply that was cut off goes on with the next one.\n\n" +
			"A topic that is removed from the map is deleted with its records, unless `delete_removed = false`.\n\n" +
			"Topics go from single resources into the map, and back, without being touched. Into it: a `removed` block with `lifecycle { destroy = false }` for each `kafkafleet_topic`, and its name in the map; " +
			"a `moved` block does it for one. Back: apply `delete_removed = false`, then take the topic out of the map and give its `kafkafleet_topic` an `import` block.",
		Attributes: map[string]schema.Attribute{
			"cluster": clusterAttribute(),
			"topics":  schema.StringAttribute{Required: true, Validators: []validator.String{topicsValidator{}}}, // See topicsAttribute.
			"delete_removed": schema.BoolAttribute{
				MarkdownDescription: "Whether a topic that is removed from the map is deleted, with its records. `false` leaves it as it is, and it is no longer managed; so is every topic when the resource is destroyed. `true` by default.",
				Optional:            true, Computed: true, Default: booldefault.StaticBool(true),
			},
			"deletion_protection": schema.BoolAttribute{
				MarkdownDescription: "Whether no topic of the map must be deleted: the plan is an error then. What counts is what was applied last, so `false` has to be applied before a topic can go. `false` by default.",
				Optional:            true,
			},
			"keep_if_written_within": schema.StringAttribute{
				MarkdownDescription: "Delete a topic only if its newest record is older than this, such as `30d`, as `keep_if_written_within` of `kafkafleet_topic`.",
				Optional:            true, Validators: []validator.String{longDurationValidator{}},
			},
			"timeouts": timeouts.Attributes(ctx, timeouts.Opts{
				Create: true, Update: true, Delete: true,
				CreateDescription: "How long until every broker knows all topics. `30m` by default.",
				UpdateDescription: "How long until everything is changed and new replicas are in sync. `1h` by default; a reassignment that takes longer goes on in Kafka.",
				DeleteDescription: "How long until no broker knows the topics any more. `30m` by default.",
			}),
		},
	}
}

func (r *topicsResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.one.data = configured(req.ProviderData, &resp.Diagnostics)
}

// newTopicOfMany is an element of the map; of one that is not known nothing is.
func newTopicOfMany(ctx context.Context, element msgpack.RawMessage) (topicOfMany, error) {
	raw, err := tfprotov6.DynamicValue{MsgPack: element}.Unmarshal(topicOfManyKind)
	if err != nil {
		return topicOfMany{}, err
	}
	if !raw.IsKnown() {
		return topicOfMany{Partitions: types.Int64Unknown(), ReplicationFactor: types.Int64Unknown(), Config: types.MapUnknown(types.StringType)}, nil
	}
	value, err := topicOfManyType.ValueFromTerraform(ctx, raw)
	if err != nil {
		return topicOfMany{}, err
	}
	t := topicOfMany{Config: types.MapNull(types.StringType)}
	// The parts are taken one by one, since the plugin framework's own way compiles a regular expression for each of them.
	if object, ok := value.(types.Object); ok {
		for name, value := range object.Attributes() {
			switch value := value.(type) {
			case types.Map:
				t.Config = value
			case types.Int64:
				if name == "partitions" {
					t.Partitions = value
				} else {
					t.ReplicationFactor = value
				}
			}
		}
	}
	return t, nil
}

// topics are the elements of the map by name.
func (m topicsModel) topics(diags *diag.Diagnostics) map[string]topicOfMany {
	topics, err := topicsOf(m.Topics.ValueString())
	if err != nil {
		diags.AddAttributeError(path.Root("topics"), "The topics cannot be read", sentence(err))
	}
	return topics
}

// topicsOf reads what topicsText has written, or Terraform.
func topicsOf(text string) (map[string]topicOfMany, error) {
	if text == "" {
		return map[string]topicOfMany{}, nil
	}
	packed, err := unsealed(text)
	if err != nil {
		return nil, err
	}
	d := msgpack.NewDecoder(bytes.NewReader(packed))
	n, err := d.DecodeMapLen()
	if err != nil {
		return nil, err
	}
	topics := make(map[string]topicOfMany, max(n, 0))
	for range n {
		name, err := d.DecodeString()
		if err != nil {
			return nil, err
		}
		element, err := d.DecodeRaw()
		if err != nil {
			return nil, err
		}
		if topics[name], err = newTopicOfMany(context.Background(), element); err != nil {
			return nil, fmt.Errorf("topic %q: %w", name, err)
		}
	}
	return topics, nil
}

// topicsText is a map of topics as the plugin framework has it.
func topicsText(topics map[string]topicOfMany) (string, error) {
	var packed bytes.Buffer
	e := msgpack.NewEncoder(&packed)
	if err := e.EncodeMapLen(len(topics)); err != nil {
		return "", err
	}
	for _, name := range slices.Sorted(maps.Keys(topics)) {
		raw, err := topics[name].object().ToTerraformValue(context.Background())
		if err != nil {
			return "", err
		}
		element, err := tfprotov6.NewDynamicValue(topicOfManyKind, raw)
		if err != nil {
			return "", err
		}
		if err := errors.Join(e.EncodeString(name), e.Encode(msgpack.RawMessage(element.MsgPack))); err != nil {
			return "", err
		}
	}
	return sealedText(packed.Bytes()), nil
}

// set puts topics into the model.
func (m *topicsModel) set(topics map[string]topicOfMany, diags *diag.Diagnostics) {
	text, err := topicsText(topics)
	if err != nil {
		diags.AddAttributeError(path.Root("topics"), "The topics cannot be written", sentence(err))
	}
	m.Topics = types.StringValue(text)
}

func (m topicsModel) identity(topics map[string]topicOfMany) topicIdentity {
	return topicIdentity{Cluster: m.Cluster, Name: types.StringValue(strings.Join(slices.Sorted(maps.Keys(topics)), ","))}
}

// single is a topic of the map as topicResource knows it.
func (m topicsModel) single(name string, t topicOfMany) topicModel {
	return topicModel{
		Cluster: m.Cluster, Name: types.StringValue(name), Partitions: t.Partitions, ReplicationFactor: t.ReplicationFactor, Config: t.Config,
		Protected: m.Protected, KeepIfWritten: m.KeepIfWritten,
	}
}

// known says that nothing of a topic is to be known later but how many replicas it gets.
func (t topicOfMany) known(ctx context.Context) bool {
	return !t.Partitions.IsUnknown() && fullyKnown(ctx, t.Config)
}

func (t topicOfMany) equal(u topicOfMany) bool {
	return t.Partitions.Equal(u.Partitions) && t.ReplicationFactor.Equal(u.ReplicationFactor) && t.Config.Equal(u.Config)
}

// topicsAtOnce fill a request to Kafka. What waits for one takes eight KB.
const topicsAtOnce = 2000

// each runs something for each of some topics, many at once: what these ask for is gathered into few requests. It returns what failed, by name.
func each(names []string, do func(name string) error) map[string]error {
	var mu sync.Mutex
	failed := map[string]error{}
	for some := range slices.Chunk(names, topicsAtOnce) {
		var all sync.WaitGroup
		for _, name := range some {
			all.Go(func() {
				if err := do(name); err != nil {
					mu.Lock()
					defer mu.Unlock()
					failed[name] = err
				}
			})
		}
		all.Wait()
	}
	return failed
}

// changed are the names of some topics that are not in before, and of those that are other ones there.
func changed(topics, before map[string]topicOfMany) (added, altered []string) {
	for _, name := range slices.Sorted(maps.Keys(topics)) {
		switch old, ok := before[name]; {
		case !ok:
			added = append(added, name)
		case !topics[name].equal(old):
			altered = append(altered, name)
		}
	}
	return added, altered
}

// removed are the names of topics that are in before only.
func removed(topics, before map[string]topicOfMany) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, ok := topics[name]; !ok {
			out = append(out, name)
		}
	}
	return out
}

// awaitReplicas has the replicas of those topics be known after the apply of which neither the configuration nor, as Terraform proposes it then, the state
// says how many there are. It returns whether there are any.
func awaitReplicas(topics map[string]topicOfMany) (some bool) {
	for name, t := range topics {
		if t.ReplicationFactor.IsNull() {
			t.ReplicationFactor, some = types.Int64Unknown(), true
			topics[name] = t
		}
	}
	return some
}

func (r *topicsResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var prior, m topicsModel
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	}
	before := prior.topics(&resp.Diagnostics)
	var topics map[string]topicOfMany
	if !req.Plan.Raw.IsNull() {
		resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
		if topics = m.topics(&resp.Diagnostics); awaitReplicas(topics) {
			m.set(topics, &resp.Diagnostics)
			resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("topics"), m.Topics)...)
		}
	}
	if r.one.data == nil {
		return
	}
	if req.Plan.Raw.IsNull() {
		r.checkDeletion(ctx, prior, before, slices.Sorted(maps.Keys(before)), &resp.Diagnostics)
		return
	}
	r.one.data.Kafka.checkCluster(m.Cluster, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || m.Cluster.IsUnknown() || m.Topics.IsUnknown() {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(topics)) {
		about := about(name, &resp.Diagnostics)
		r.one.checkClaim(ctx, m.single(name, topics[name]), &about.diags)
		about.tell()
	}
	if !req.State.Raw.IsNull() && !m.Cluster.Equal(prior.Cluster) {
		r.checkDeletion(ctx, prior, before, slices.Sorted(maps.Keys(before)), &resp.Diagnostics)
		before = nil // They are other topics.
	}
	if gone := removed(topics, before); len(gone) > 0 {
		if prior.DeleteRemoved = m.DeleteRemoved; m.DeleteRemoved.ValueBool() {
			r.checkDeletion(ctx, prior, before, gone, &resp.Diagnostics)
		} else {
			resp.Diagnostics.AddAttributeWarning(path.Root("topics"), "Topics are no longer managed",
				fmt.Sprintf("With delete_removed = false %s left as they are, and to be managed by somebody else from then on.", topicList(gone)))
		}
	}
	added, altered := changed(topics, before)
	known := func(name string) bool { return topics[name].known(ctx) }
	r.checkFewer(topics, before, altered, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	r.check(ctx, m, topics, before, slices.DeleteFunc(added, func(name string) bool { return !known(name) }), slices.DeleteFunc(altered, func(name string) bool { return !known(name) }), &resp.Diagnostics)
}

// checkDeletion tells at plan time which topics must not be deleted.
func (r *topicsResource) checkDeletion(ctx context.Context, prior topicsModel, before map[string]topicOfMany, names []string, diags *diag.Diagnostics) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	r.keep(ctx, prior, before, names, diags)
}

// keep tells which of some topics must not be deleted.
func (r *topicsResource) keep(ctx context.Context, prior topicsModel, before map[string]topicOfMany, names []string, diags *diag.Diagnostics) {
	if !prior.DeleteRemoved.IsNull() && !prior.DeleteRemoved.ValueBool() {
		return
	}
	failed := each(names, func(name string) error {
		if fault := r.one.mayBeDeleted(ctx, prior.single(name, before[name])); fault != "" {
			return errors.New(fault)
		}
		return nil
	})
	tellFailed(failed, diags, func(name string, err error, diags *diag.Diagnostics) {
		diags.AddError(fmt.Sprintf("Topic %q is kept", name), err.Error())
	})
}

// checkFewer refuses fewer partitions.
func (r *topicsResource) checkFewer(topics, before map[string]topicOfMany, altered []string, diags *diag.Diagnostics) {
	for _, name := range altered {
		now, planned := before[name].Partitions.ValueInt64(), topics[name].Partitions
		switch {
		case planned.IsUnknown() || planned.ValueInt64() == now:
		case planned.ValueInt64() < now:
			diags.AddAttributeError(path.Root("topics").AtMapKey(name).AtName("partitions"), "Kafka cannot take partitions away",
				fmt.Sprintf("Topic %q has %d partitions and is to have %d, which is only possible by deleting it with all of its records and creating it again. "+
					"Keep %d partitions; or, if the records may be lost, apply once without the topic, and then with it.", name, now, planned.ValueInt64(), now))
		default:
			diags.AddAttributeWarning(path.Root("topics").AtMapKey(name).AtName("partitions"), morePartitions, morePartitionsText(name, now, planned.ValueInt64(), topics[name].Config))
		}
	}
}

// check has Kafka look at the plan without doing anything.
func (r *topicsResource) check(ctx context.Context, m topicsModel, topics, before map[string]topicOfMany, added, altered []string, diags *diag.Diagnostics) {
	if len(added)+len(altered) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	k, err := r.one.data.Kafka.Kafka(ctx, m.Cluster)
	if err != nil {
		return
	}
	there, differ, err := r.existing(ctx, k, topics, added)
	if err != nil {
		return // The apply will tell.
	}
	r.refuse(differ, diags)
	if len(there) > 0 {
		diags.AddAttributeWarning(path.Root("topics"), "Topics exist already, and are taken over",
			fmt.Sprintf("In %s %s there and as declared. Nothing about them changes; they are managed from then on, and deleted when they are removed from the map.",
				clusterName(m.Cluster), topicList(slices.Sorted(maps.Keys(there)))))
	}
	spelled := map[string]string{}
	for _, name := range added {
		if there[name] {
			continue
		}
		about := about(name, diags)
		r.one.checkCollision(ctx, k, name, &about.diags)
		// Of two in one request Kafka takes both, though it would refuse the second one in the next request.
		if other, ok := spelled[kafka.MetricName(name)]; ok {
			warnCollision(name, other, &about.diags)
		}
		spelled[kafka.MetricName(name)] = name
		about.tell()
	}
	// One topic of each form stands for all: Kafka looks at the form, and not at the name.
	seen := map[string]bool{}
	for _, name := range slices.Concat(added, altered) {
		old, isOld := before[name]
		form := fmt.Sprint(isOld, old, topics[name])
		if seen[form] || there[name] || differ[name] != nil {
			continue
		}
		seen[form] = true
		var was *topicModel
		if isOld {
			single := m.single(name, old)
			was = &single
		}
		about := about(name, diags)
		r.one.check(ctx, m.single(name, topics[name]), was, &about.diags)
		if about.tell(); len(diags.Errors()) >= toldAtOnce {
			return
		}
	}
}

// existing are those of some topics that exist: as declared, or with what differs.
func (r *topicsResource) existing(ctx context.Context, k *kafka.Client, topics map[string]topicOfMany, names []string) (there map[string]bool, differ map[string]error, err error) {
	all, err := k.Reader().Topics(ctx) // One by one, those that do not exist would each be asked for at several brokers.
	if err != nil {
		return nil, nil, err
	}
	there = map[string]bool{}
	var mu sync.Mutex
	failed := each(names, func(name string) error {
		if _, ok := all[name]; !ok {
			return nil
		}
		now, err := r.read(ctx, k, name, topics[name])
		switch {
		case gone(err):
			return nil
		case err != nil:
			return err
		}
		if text := difference(topics[name], now); text != "" {
			return fmt.Errorf("%w: %s", errOtherTopic, text)
		}
		mu.Lock()
		defer mu.Unlock()
		there[name] = true
		return nil
	})
	for name, err := range failed {
		if !errors.Is(err, errOtherTopic) {
			return nil, nil, fmt.Errorf("topic %q: %w", name, err)
		}
	}
	return there, failed, nil
}

// errOtherTopic: a topic of this name exists, and is not as declared.
var errOtherTopic = errors.New("it exists already, and is not as declared")

// difference says in what a topic that exists is another one than is declared, "" for nothing.
func difference(want, now topicOfMany) string {
	var parts []string
	if !want.Partitions.Equal(now.Partitions) {
		parts = append(parts, fmt.Sprintf("it has %d partitions, not %d", now.Partitions.ValueInt64(), want.Partitions.ValueInt64()))
	}
	if !want.ReplicationFactor.IsUnknown() && !want.ReplicationFactor.IsNull() && !want.ReplicationFactor.Equal(now.ReplicationFactor) {
		parts = append(parts, fmt.Sprintf("it has %d replicas of each partition, not %d", now.ReplicationFactor.ValueInt64(), want.ReplicationFactor.ValueInt64()))
	}
	have := now.Config.Elements()
	for _, key := range slices.Sorted(maps.Keys(want.Config.Elements())) {
		if value := want.Config.Elements()[key]; !value.Equal(have[key]) {
			parts = append(parts, fmt.Sprintf("its %s is %s, not %s", key, have[key], value))
		}
	}
	return strings.Join(parts, "; ")
}

// refuse tells which topics exist and are not as declared.
func (r *topicsResource) refuse(differ map[string]error, diags *diag.Diagnostics) {
	tellFailed(differ, diags, func(name string, err error, diags *diag.Diagnostics) {
		diags.AddAttributeError(path.Root("topics").AtMapKey(name), fmt.Sprintf("Topic %q is not created", name),
			sentence(err)+" A topic that is as declared would be taken over. Declare it as it is, and change it after that; or give the new one another name.")
	})
}

// read is one topic as Kafka has it.
func (r *topicsResource) read(ctx context.Context, k *kafka.Client, name string, declared topicOfMany) (topicOfMany, error) {
	t, err := k.Reader().Topic(ctx, name)
	if err != nil {
		return topicOfMany{}, err
	}
	settings, err := k.Reader().TopicConfig(ctx, name)
	if err != nil {
		return topicOfMany{}, err
	}
	return observed(ctx, t, settings, declared)
}

// observed is a topic of these settings, of which an imported one gets what was set on it.
func observed(ctx context.Context, t kafka.Topic, settings []kafka.ConfigEntry, declared topicOfMany) (topicOfMany, error) {
	out := topicOfMany{Partitions: types.Int64Value(int64(len(t.Partitions))), ReplicationFactor: types.Int64Value(int64(t.ReplicationFactor()))}
	var diags diag.Diagnostics
	if declared.imported() {
		out.Config, diags = overriddenConfig(ctx, settings)
	} else {
		out.Config, diags = observedConfig(ctx, declared.Config, settings)
	}
	if diags.HasError() {
		return topicOfMany{}, errors.New(diags.Errors()[0].Detail())
	}
	return out, nil
}

// imported says that nothing but the name is known of a topic.
func (t topicOfMany) imported() bool { return t.Partitions.IsNull() }

// readAll are topics as Kafka has them, without those that do not exist, and their own ids.
func (r *topicsResource) readAll(ctx context.Context, k *kafka.Client, declared map[string]topicOfMany) (topics map[string]topicOfMany, ids map[string]string, err error) {
	topics, ids = make(map[string]topicOfMany, len(declared)), make(map[string]string, len(declared))
	there := make(map[string]kafka.Topic, len(declared))
	var mu sync.Mutex
	failed := each(slices.Collect(maps.Keys(declared)), func(name string) error {
		t, err := k.Reader().Topic(ctx, name)
		if gone(err) {
			return nil
		}
		if err == nil {
			mu.Lock()
			defer mu.Unlock()
			there[name] = t
		}
		return err
	})
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		return nil, nil, fmt.Errorf("topic %q: %w", name, failed[name])
	}
	settings, err := r.readSettings(ctx, k, slices.Sorted(maps.Keys(there)), declared)
	if err != nil {
		return nil, nil, err
	}
	for name, its := range settings {
		if topics[name], err = observed(ctx, there[name], its, declared[name]); err != nil {
			return nil, nil, fmt.Errorf("topic %q: %w", name, err)
		}
		ids[name] = there[name].UUID()
	}
	return topics, ids, nil
}

// readSettings are those settings of topics that are declared of any of them, without the topics that are gone by now; all settings where one is imported.
func (r *topicsResource) readSettings(ctx context.Context, k *kafka.Client, names []string, declared map[string]topicOfMany) (map[string][]kafka.ConfigEntry, error) {
	declaredKeys, imported := map[string]bool{}, false
	for _, name := range names {
		imported = imported || declared[name].imported()
		for key := range declared[name].Config.Elements() {
			declaredKeys[key] = true
		}
	}
	keys := slices.Sorted(maps.Keys(declaredKeys))
	if imported {
		keys = nil
	} else if len(keys) == 0 {
		none := map[string][]kafka.ConfigEntry{}
		for _, name := range names {
			none[name] = nil
		}
		return none, nil
	}
	settings, failed := k.Reader().TopicConfigs(ctx, names, keys)
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		err := failed[name]
		if gone(err) { // As far as one broker knows.
			settings[name], err = k.Reader().TopicConfig(ctx, name)
		}
		switch {
		case gone(err):
			delete(settings, name)
		case err != nil:
			return nil, fmt.Errorf("topic %q: %w", name, err)
		}
	}
	return settings, nil
}

// create creates some topics, or takes over those that are there as declared, and returns what failed.
func (r *topicsResource) create(ctx context.Context, k *kafka.Client, m topicsModel, topics map[string]topicOfMany, names []string) map[string]error {
	if len(names) == 0 {
		return nil
	}
	there, failed, err := r.existing(ctx, k, topics, names)
	if err != nil {
		return map[string]error{names[0]: err}
	}
	if len(failed) > 0 {
		return failed // Nothing is begun that cannot be ended.
	}
	placing, err := r.one.data.Kafka.Topics(ctx, m.Cluster)
	if err != nil {
		return map[string]error{names[0]: err}
	}
	var missing []kafka.NewTopic
	partitions := map[string]int{}
	for _, name := range names {
		if there[name] {
			continue
		}
		single := m.single(name, topics[name])
		config, diags := declaredConfig(ctx, single.Config)
		if diags.HasError() {
			return map[string]error{name: errors.New(diags.Errors()[0].Detail())}
		}
		missing = append(missing, newTopic(single, config))
		partitions[name] = int(single.Partitions.ValueInt64())
	}
	failed = placing.CreateAll(ctx, missing)
	maps.DeleteFunc(partitions, func(name string, _ int) bool { return failed[name] != nil })
	maps.Copy(failed, k.AwaitTopics(ctx, partitions))
	return failed
}

func (r *topicsResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	defer r.one.data.Kafka.warn(&resp.Diagnostics)
	var m topicsModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	topics := m.topics(&resp.Diagnostics)
	timeout, diags := m.Timeouts.Create(ctx, 30*time.Minute)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	k, err := r.one.data.Kafka.Kafka(ctx, m.Cluster)
	if err != nil {
		resp.Diagnostics.AddError("The topics are not created", sentence(err))
		return
	}
	// After an error there is no state: one would be tainted, and the next apply would delete all of the topics before it creates them again. What is
	// there by then is as declared, and the next apply takes it over (docs/adr/0024).
	if failed := r.create(ctx, k, m, topics, slices.Sorted(maps.Keys(topics))); len(failed) > 0 {
		tellNotCreated(failed, len(topics), &resp.Diagnostics)
		return
	}
	found, ids, err := r.readAll(ctx, k, topics)
	if err == nil && len(found) < len(topics) {
		err = fmt.Errorf("%d of %d topics are gone again", len(topics)-len(found), len(topics))
	}
	if err != nil {
		resp.Diagnostics.AddError("The topics are created, but could not be read", sentence(err)+" Apply again: it takes over what is there.")
		return
	}
	m.set(found, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, m.identity(found))...)
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, topicIDsKey, idsText(ids))...)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

// tellNotCreated says which topics are not created, and that nothing is lost by it.
func tellNotCreated(failed map[string]error, of int, diags *diag.Diagnostics) {
	tellFailed(failed, diags, func(name string, err error, diags *diag.Diagnostics) {
		diags.AddAttributeError(path.Root("topics").AtMapKey(name), fmt.Sprintf("Topic %q is not created", name), sentence(errors.New(kafka.Words(err)))+
			fmt.Sprintf(" Of %d topics %d failed. Nothing is deleted because of that: the next apply takes over those that are there, and creates the others.", of, len(failed)))
	})
}

func (r *topicsResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	defer r.one.data.Kafka.warn(&resp.Diagnostics)
	var m topicsModel
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	declared := m.topics(&resp.Diagnostics)
	text, diags := req.Private.GetKey(ctx, topicIDsKey)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	var found map[string]topicOfMany
	var ids map[string]string
	k, err := r.one.data.Kafka.Kafka(ctx, m.Cluster)
	if err == nil {
		found, ids, err = r.readAll(ctx, k, declared)
	}
	imported := m.DeleteRemoved.IsNull()
	switch {
	case gone(err): // The whole fleet.
		resp.State.RemoveResource(ctx)
		return
	case err != nil && imported:
		resp.Diagnostics.AddError("The topics cannot be imported", sentence(err))
		return
	case err != nil:
		unreadable(fmt.Sprintf("The %d topics", len(declared)), m.Cluster, err, &resp.Diagnostics)
		return
	}
	if missing := removed(found, declared); imported && len(missing) > 0 {
		resp.Diagnostics.AddError("The topics cannot be imported", fmt.Sprintf("In %s %s to be imported and not there.", clusterName(m.Cluster), topicList(missing)))
		return
	}
	if imported {
		m.DeleteRemoved = types.BoolValue(true)
	}
	var again []string
	for name, before := range idsOf(text) {
		if id, ok := ids[name]; ok && id != before {
			again = append(again, name)
		}
	}
	if slices.Sort(again); len(again) > 0 {
		resp.Diagnostics.AddWarning("Topics were created again outside of Terraform",
			fmt.Sprintf("In %s %s not what they were: somebody deleted them, with their records, and created others under the names.", clusterName(m.Cluster), topicList(again)))
	}
	m.set(found, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, m.identity(found))...)
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, topicIDsKey, idsText(ids))...)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

func (r *topicsResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	defer r.one.data.Kafka.warn(&resp.Diagnostics)
	var m, prior topicsModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	topics, before := m.topics(&resp.Diagnostics), prior.topics(&resp.Diagnostics)
	timeout, diags := m.Timeouts.Update(ctx, time.Hour)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	k, err := r.one.data.Kafka.Kafka(limited, m.Cluster)
	if err != nil {
		resp.Diagnostics.AddError("The topics are not as declared yet", sentence(err))
		return
	}
	prior.DeleteRemoved = m.DeleteRemoved
	r.update(limited, k, m, prior, topics, before, &resp.Diagnostics)
	// What is there goes into the state, also when it is not what was planned, and also when the time or the user's patience is over.
	after, done := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer done()
	mine := maps.Clone(topics)
	if resp.Diagnostics.HasError() {
		for name, t := range topics {
			if old, ok := before[name]; ok {
				t.Config = partlyApplied(t.Config, old.Config)
				mine[name] = t
			}
		}
		for _, name := range removed(topics, before) {
			mine[name] = before[name]
		}
	}
	found, ids, err := r.readAll(after, k, mine)
	if err != nil {
		if !resp.Diagnostics.HasError() {
			resp.Diagnostics.AddError("The topics are not as declared yet", sentence(err))
		}
		return // The state stays as it was before.
	}
	if resp.Diagnostics.HasError() {
		maps.DeleteFunc(found, func(name string, now topicOfMany) bool {
			_, mine := before[name]
			return !mine && difference(topics[name], now) != "" // It is somebody else's, and stays theirs.
		})
	}
	m.set(found, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.Identity.Set(after, m.identity(found))...)
	resp.Diagnostics.Append(resp.Private.SetKey(after, topicIDsKey, idsText(ids))...)
	resp.Diagnostics.Append(resp.State.Set(after, m)...)
}

// update creates, changes, and at last deletes what differs.
func (r *topicsResource) update(ctx context.Context, k *kafka.Client, m, prior topicsModel, topics, before map[string]topicOfMany, diags *diag.Diagnostics) {
	added, altered := changed(topics, before)
	if failed := r.create(ctx, k, m, topics, added); len(failed) > 0 {
		tellNotCreated(failed, len(added), diags)
	}
	failed := each(altered, func(name string) error {
		old, planned := before[name], topics[name]
		from, more := declaredConfig(ctx, old.Config)
		to, evenMore := declaredConfig(ctx, planned.Config)
		if more.Append(evenMore...); more.HasError() {
			return errors.New(more.Errors()[0].Detail())
		}
		return r.one.update(ctx, k, m.single(name, planned), m.single(name, old), from, to)
	})
	tellFailed(failed, diags, func(name string, err error, diags *diag.Diagnostics) {
		config, _ := declaredConfig(ctx, topics[name].Config)
		about := about(name, diags)
		addTopicError(&about.diags, fmt.Sprintf("Topic %q is not as declared yet", name), config, err)
		about.tell()
	})
	if diags.HasError() {
		return // What was to go stays until all else is as declared.
	}
	r.delete(ctx, prior, before, removed(topics, before), diags)
}

// delete deletes topics, unless one of them must stay.
func (r *topicsResource) delete(ctx context.Context, prior topicsModel, before map[string]topicOfMany, names []string, diags *diag.Diagnostics) {
	if !prior.DeleteRemoved.ValueBool() {
		return
	}
	if r.keep(ctx, prior, before, names, diags); diags.HasError() {
		return
	}
	k, err := r.one.data.Kafka.Kafka(ctx, prior.Cluster)
	if err != nil {
		if !gone(err) {
			diags.AddError("The topics are not deleted", sentence(err))
		}
		return
	}
	failed := k.DeleteTopics(ctx, names)
	maps.DeleteFunc(failed, func(_ string, err error) bool { return gone(err) })
	deleted := map[string]string{}
	for _, name := range names {
		if failed[name] == nil {
			deleted[name] = ""
		}
	}
	maps.Copy(failed, k.AwaitTopicsGone(ctx, deleted))
	tellFailed(failed, diags, func(name string, err error, diags *diag.Diagnostics) {
		diags.AddError(fmt.Sprintf("Topic %q is not deleted everywhere", name), sentence(err))
	})
}

// Delete deletes all of the topics. After an error the state stays, and the next apply deletes what is still there.
func (r *topicsResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var m topicsModel
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	topics := m.topics(&resp.Diagnostics)
	timeout, diags := m.Timeouts.Delete(ctx, 30*time.Minute)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r.delete(ctx, m, topics, slices.Sorted(maps.Keys(topics)), &resp.Diagnostics)
}

func (r *topicsResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	var identity topicIdentity
	if req.ID != "" {
		cluster, names := splitID(req.ID)
		identity = topicIdentity{Cluster: cluster, Name: types.StringValue(names)}
	} else {
		resp.Diagnostics.Append(req.Identity.Get(ctx, &identity)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	topics := map[string]topicOfMany{}
	for name := range strings.SplitSeq(identity.Name.ValueString(), ",") {
		name = strings.TrimSpace(name)
		if fault := topicNameFault(name); fault != "" {
			resp.Diagnostics.AddError("Not topics to import", fmt.Sprintf("The import id is `cluster/name,name`, or `name,name` for the Kafka of the provider block, and %s.", fault))
			return
		}
		topics[name] = topicOfMany{Config: types.MapNull(types.StringType)}
	}
	var m topicsModel
	m.set(topics, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("cluster"), identity.Cluster)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("topics"), m.Topics)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, topicsModel{Cluster: identity.Cluster}.identity(topics))...)
}

// MoveState takes a single topic as a map of one.
func (r *topicsResource) MoveState(ctx context.Context) []resource.StateMover {
	var single resource.SchemaResponse
	r.one.Schema(ctx, resource.SchemaRequest{}, &single)
	return []resource.StateMover{{
		SourceSchema: &single.Schema,
		StateMover: func(ctx context.Context, req resource.MoveStateRequest, resp *resource.MoveStateResponse) {
			if req.SourceState == nil || req.SourceTypeName != "kafkafleet_topic" {
				return
			}
			var from topicModel
			resp.Diagnostics.Append(req.SourceState.Get(ctx, &from)...)
			if resp.Diagnostics.HasError() {
				return
			}
			name := from.Name.ValueString()
			topics := map[string]topicOfMany{name: {Partitions: from.Partitions, ReplicationFactor: from.ReplicationFactor, Config: from.Config}}
			m := topicsModel{Cluster: from.Cluster, DeleteRemoved: types.BoolValue(true), Protected: from.Protected, KeepIfWritten: from.KeepIfWritten, Timeouts: from.Timeouts}
			m.set(topics, &resp.Diagnostics)
			resp.Diagnostics.Append(resp.TargetState.Set(ctx, m)...)
			resp.Diagnostics.Append(resp.TargetIdentity.Set(ctx, m.identity(topics))...)
			resp.Diagnostics.Append(resp.TargetPrivate.SetKey(ctx, topicIDsKey, idsText(map[string]string{name: from.TopicID.ValueString()}))...)
		},
	}}
}

// idsText is how the private state has ids.
func idsText(ids map[string]string) []byte {
	text, _ := json.Marshal(ids) //nolint:errchkjson // Texts can be written.
	return text
}

// idsOf reads what idsText has written, or nothing.
func idsOf(text []byte) map[string]string {
	ids := map[string]string{}
	_ = json.Unmarshal(text, &ids) //nolint:errcheck // None are known after an import.
	return ids
}

// toldAtOnce is how many topics get an error of their own. The rest is counted: they have mostly failed of the same thing.
const toldAtOnce = 10

// tellFailed tells what has failed, in the order of the names.
func tellFailed(failed map[string]error, diags *diag.Diagnostics, tell func(name string, err error, diags *diag.Diagnostics)) {
	names := slices.Sorted(maps.Keys(failed))
	for i, name := range names {
		if i == toldAtOnce {
			diags.AddError("More of that", fmt.Sprintf("Beside these, %s the same kind of problem.", strings.TrimSuffix(topicList(names[i:]), " are")+" have"))
			return
		}
		tell(name, failed[name], diags)
	}
}

// aboutTopic collects what is told of a topic with the paths of a single one.
type aboutTopic struct {
	name  string
	diags diag.Diagnostics
	to    *diag.Diagnostics
}

func about(name string, to *diag.Diagnostics) *aboutTopic { return &aboutTopic{name: name, to: to} }

// tell passes it on with the paths that it has in the map.
func (a *aboutTopic) tell() {
	for _, d := range a.diags {
		at := path.Root("topics").AtMapKey(a.name)
		if here, ok := d.(diag.DiagnosticWithPath); ok {
			for _, step := range here.Path().Steps() {
				switch step := step.(type) {
				case path.PathStepAttributeName:
					if step != "name" {
						at = at.AtName(string(step))
					}
				case path.PathStepElementKeyString:
					at = at.AtMapKey(string(step))
				}
			}
		}
		a.to.Append(diag.WithPath(at, d))
	}
}
