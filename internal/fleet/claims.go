package fleet

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/topicmap"
)

// claim writes into the cluster's record which topics the group wants to have. A record that says so already is left alone. The
// cluster must be locked: its other resources write into the same record.
func (c *Client) claim(ctx context.Context, want BrokerGroup) error {
	record, err := c.driver.GetCluster(ctx, want.Cluster)
	if err != nil {
		return fmt.Errorf("cluster %q: %w", want.Cluster, err)
	}
	changed, differs := withClaims(record, want)
	if !differs {
		return nil
	}
	c.opts.OnMutation(ctx, "PutCluster", want.Cluster)
	if err := c.driver.PutCluster(ctx, changed); err != nil {
		return fmt.Errorf("the topics of group %q could not be recorded: %w", want.Name, err)
	}
	return nil
}

// withClaims is the record with the claims of a group as they are wanted, and whether that changes it. A changed claim is later than
// all others. A group that claims nothing is not in the record.
func withClaims(record compute.Cluster, want BrokerGroup) (changed compute.Cluster, differs bool) {
	have := record.Groups[want.Name]
	if slices.Equal(have.Patterns, want.Topics) && have.Default == want.Default {
		return record, false
	}
	claim := compute.TopicClaim{Patterns: slices.Clone(want.Topics), Default: want.Default}
	for _, other := range record.Groups {
		claim.Since = max(claim.Since, other.Since+1)
	}
	claim.Since = max(claim.Since, 1)
	record.Groups = maps.Clone(record.Groups)
	if record.Groups == nil {
		record.Groups = map[string]compute.TopicClaim{}
	}
	if len(claim.Patterns) == 0 && !claim.Default {
		delete(record.Groups, want.Name)
	} else {
		record.Groups[want.Name] = claim
	}
	return record, true
}

// topicMap says which topic lives on which group, as the record has it.
func topicMap(record compute.Cluster) (topicmap.Map, error) {
	var claims []topicmap.Claims
	for _, name := range slices.Sorted(maps.Keys(record.Groups)) {
		c := record.Groups[name]
		claims = append(claims, topicmap.Claims{Group: name, Patterns: c.Patterns, Default: c.Default, Since: c.Since})
	}
	m, err := topicmap.New(claims)
	if err != nil {
		return m, fmt.Errorf("cluster %q: %w", record.Name, err)
	}
	return m, nil
}

// topicMap says which topic lives on which group, as the record of the observation has it.
func (o *observed) topicMap() (topicmap.Map, error) { return topicMap(o.record) }

// giveTopics notes on each partition the group that its topic lives on, with the claims of one group as they are wanted.
func (o *observed) giveTopics(want BrokerGroup) error {
	o.record, _ = withClaims(o.record, want)
	m, err := o.topicMap()
	if err != nil {
		return err
	}
	owner := owners(m)
	for i, p := range o.Partitions {
		o.Partitions[i].Group = owner(p.Topic)
	}
	return nil
}

// owners is the map's Owner for partitions that come topic by topic: there are far fewer topics, and patterns are slow to match.
func owners(m topicmap.Map) func(topic string) string {
	last, owner := "", m.Owner("")
	return func(topic string) string {
		if topic != last {
			last, owner = topic, m.Owner(topic)
		}
		return owner
	}
}

// Claims are the topics that a group has, as the cluster's record says. A group that is not in it claims nothing.
func (c *Client) Claims(ctx context.Context, cluster, group string) (compute.TopicClaim, error) {
	record, err := c.driver.GetCluster(ctx, cluster)
	if err != nil {
		return compute.TopicClaim{}, fmt.Errorf("cluster %q: %w", cluster, err)
	}
	return record.Groups[group], nil
}

// GroupsOf are the names of the groups that some brokers are of, sorted. A broker without a machine is of none that is known.
func (c *Client) GroupsOf(ctx context.Context, cluster string, brokers []int32) ([]string, error) {
	known := func() (names []string, all bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		all = true
		for _, id := range brokers {
			name, ok := c.groups[cluster][id]
			if all = all && ok; ok && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names, all
	}
	if names, all := known(); all {
		return names, nil
	}
	instances, err := c.driver.List(ctx, cluster)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	if c.groups[cluster] == nil {
		c.groups[cluster] = map[int32]string{}
	}
	for _, i := range instances {
		c.groups[cluster][i.Spec.NodeID] = i.Spec.Group
	}
	c.mu.Unlock()
	names, _ := known()
	return names, nil
}
