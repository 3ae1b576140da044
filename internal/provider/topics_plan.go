package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

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

// refuse tells which topics exist and are not as declared.
func (r *topicsResource) refuse(differ map[string]error, diags *diag.Diagnostics) {
	tellFailed(differ, diags, func(name string, err error, diags *diag.Diagnostics) {
		diags.AddAttributeError(path.Root("topics").AtMapKey(name), fmt.Sprintf("Topic %q is not created", name),
			sentence(err)+" A topic that is as declared would be taken over. Declare it as it is, and change it after that; or give the new one another name.")
	})
}
