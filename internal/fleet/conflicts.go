package fleet

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/topicmap"
)

// ClaimConflict is a topic, or the place of the default group, that several groups of a cluster claim.
type ClaimConflict struct {
	topicmap.Conflict
	// Recorded says that fewer than two of the claims were planned in this process. The others are known from the cluster's record only,
	// and their groups may be about to change them.
	Recorded bool
}

// GroupConflicts returns what a group claims, as planned in this process, and another group, too: over the topics that exist and those
// that are planned.
func (c *Client) GroupConflicts(ctx context.Context, cluster, group string) ([]ClaimConflict, error) {
	o, err := c.observeForPlan(ctx, cluster)
	if err != nil {
		o = observed{} // What is planned is known all the same.
	}
	planned, _ := c.PlannedFor(cluster)
	m, err := plannedMap(o.record, planned, group)
	if err != nil {
		return nil, err
	}
	topics := planned.Topics
	if topics == nil {
		topics = map[string]bool{}
	}
	for _, p := range o.Partitions {
		topics[p.Topic] = true
	}
	return slices.DeleteFunc(conflicts(m, planned, slices.Sorted(maps.Keys(topics))), func(c ClaimConflict) bool {
		return !slices.ContainsFunc(c.Claims, func(claim topicmap.Claim) bool { return claim.Group == group })
	}), nil
}

// TopicConflict says which groups claim a topic, as far as is planned in this process or recorded; ok is false when no more than one does.
func (c *Client) TopicConflict(ctx context.Context, cluster, topic string) (conflict ClaimConflict, ok bool, err error) {
	record, err := c.records.Get(ctx, cluster)
	if err != nil && !errors.Is(err, compute.ErrNotFound) {
		return conflict, false, err
	}
	planned, _ := c.PlannedFor(cluster)
	m, err := plannedMap(record, planned, "")
	if err != nil {
		return conflict, false, err
	}
	for _, found := range conflicts(m, planned, []string{topic}) {
		if found.Topic == topic {
			return found, true, nil
		}
	}
	return conflict, false, nil
}

func conflicts(m topicmap.Map, planned Planned, topics []string) []ClaimConflict {
	var out []ClaimConflict
	for _, found := range m.Conflicts(topics) {
		known := 0
		for _, claim := range found.Claims {
			if _, ok := planned.Claims[claim.Group]; ok {
				known++
			}
		}
		out = append(out, ClaimConflict{Conflict: found, Recorded: known < 2})
	}
	return out
}

// plannedMap is the map as it will be when all that this process has planned is applied, one group last, which therefore wins what it
// newly claims.
func plannedMap(record compute.Cluster, planned Planned, last string) (topicmap.Map, error) {
	take := func(group string) {
		if claim, ok := planned.Claims[group]; ok {
			record, _ = withClaims(record, BrokerGroup{Name: group, Topics: claim.Patterns, Default: claim.Default})
		}
	}
	for _, group := range slices.Sorted(maps.Keys(planned.Claims)) {
		if group != last {
			take(group)
		}
	}
	take(last)
	return topicMap(record)
}

// TopicHome is the group that a topic is going to live on, "" when none has it, and the number of brokers there, as far as is planned in
// this process or there now.
func (c *Client) TopicHome(ctx context.Context, cluster, topic string) (group string, brokers int, err error) {
	record, err := c.records.Get(ctx, cluster)
	if err != nil && !errors.Is(err, compute.ErrNotFound) {
		return "", 0, err
	}
	planned, _ := c.PlannedFor(cluster)
	m, err := plannedMap(record, planned, "")
	if err != nil {
		return "", 0, err
	}
	if group = m.Owner(topic); group == "" {
		return "", 0, nil
	}
	if n, ok := planned.Brokers[group]; ok {
		return group, n, nil
	}
	o, err := c.observeForPlan(ctx, cluster)
	for _, i := range o.instances {
		if i.Spec.Group == group {
			brokers++
		}
	}
	return group, brokers, err
}

// Arrivals are the topics that a group will take in from the brokers of others, and the size of all of their replicas there, as things
// are now.
func (c *Client) Arrivals(ctx context.Context, want BrokerGroup) (topics []string, bytes int64, err error) {
	o, err := c.observeForPlan(ctx, want.Cluster)
	if err != nil {
		return nil, 0, err
	}
	record, _ := withClaims(o.record, want)
	m, err := topicMap(record)
	if err != nil {
		return nil, 0, err
	}
	owner := owners(m)
	for _, p := range o.Partitions {
		if owner(p.Topic) != want.Name {
			continue
		}
		for _, id := range p.Target() {
			if o.instances[id].Spec.Group == want.Name {
				continue
			}
			bytes += p.Bytes
			if len(topics) == 0 || topics[len(topics)-1] != p.Topic {
				topics = append(topics, p.Topic)
			}
		}
	}
	return topics, bytes, nil
}
