package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

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
			"Above some thousands, give each team a map of its own: the CLI compares each topic of one map with each other one, so that it takes the square of their number.\n\n" +
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
			"replication_throttle": replicationThrottleAttribute("topics"),
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
	if !m.Throttle.Equal(prior.Throttle) {
		altered = kept(topics, before) // Any of them may be on its way.
	}
	failed := each(altered, func(name string) error {
		old, planned := before[name], topics[name]
		from, more := declaredConfig(ctx, old.Config)
		to, evenMore := declaredConfig(ctx, planned.Config)
		if more.Append(evenMore...); more.HasError() {
			return errors.New(more.Errors()[0].Detail())
		}
		return r.one.update(ctx, k, m.single(name, planned), prior.single(name, old), from, to)
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
			m := topicsModel{Cluster: from.Cluster, DeleteRemoved: types.BoolValue(true), Protected: from.Protected, KeepIfWritten: from.KeepIfWritten, Throttle: from.Throttle, Timeouts: from.Timeouts}
			m.set(topics, &resp.Diagnostics)
			resp.Diagnostics.Append(resp.TargetState.Set(ctx, m)...)
			resp.Diagnostics.Append(resp.TargetIdentity.Set(ctx, m.identity(topics))...)
			resp.Diagnostics.Append(resp.TargetPrivate.SetKey(ctx, topicIDsKey, idsText(map[string]string{name: from.TopicID.ValueString()}))...)
		},
	}}
}
