package fleet

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/topicmap"
)

// clientOf is a client of a cluster with these recorded claims and these topics, each of which has one replica on broker 1.
func clientOf(groups map[string]compute.TopicClaim, topics ...string) *Client {
	driver := &fakeDriver{record: compute.Cluster{Name: "c", ID: "x", Groups: groups}, instances: []compute.Instance{
		{ID: "one", Spec: compute.NodeSpec{NodeID: 1, Role: compute.RoleBroker, Group: "main"}},
		{ID: "two", Spec: compute.NodeSpec{NodeID: 2, Role: compute.RoleBroker, Group: "events"}},
	}}
	client := New(driver, Options{})
	o := observed{record: driver.record, instances: map[int32]compute.Instance{1: driver.instances[0], 2: driver.instances[1]}}
	for _, t := range topics {
		o.Partitions = append(o.Partitions, plan.Partition{TopicPartition: plan.TopicPartition{Topic: t}, Leader: 1, Replicas: []int32{1}, ISR: []int32{1}, Bytes: 10})
	}
	client.recent["c"] = recent{time.Now(), o}
	return client
}

func (c *Client) planClaim(group string, isDefault bool, patterns ...string) {
	c.Plan("c", func(p *Planned) { p.Claims[group] = compute.TopicClaim{Patterns: patterns, Default: isDefault} })
}

// TestConflictsOfPlannedGroups: an error is what two groups that were both planned here want; what only the record says may be about to
// change. Of the two, the group that is asked for will be the later writer.
func TestConflictsOfPlannedGroups(t *testing.T) {
	recorded := map[string]compute.TopicClaim{"events": {Patterns: []string{"events.*"}, Since: 3}, "main": {Default: true, Since: 2}}
	both := []topicmap.Claim{{Group: "main", Pattern: ".*a"}, {Group: "events", Pattern: "events.*"}}
	cases := []struct {
		name     string
		topics   []string
		plan     func(*Client)
		conflict []ClaimConflict
		topic    *ClaimConflict
	}{
		{"only the record knows the other", []string{"events.a", "events.b"}, func(c *Client) { c.planClaim("main", true, ".*a") },
			[]ClaimConflict{{topicmap.Conflict{Topic: "events.a", Claims: both}, true}}, &ClaimConflict{topicmap.Conflict{Topic: "events.a", Claims: both}, true}},
		{"both are planned", []string{"events.a"}, func(c *Client) { c.planClaim("main", true, ".*a"); c.planClaim("events", false, "events.*") },
			[]ClaimConflict{{topicmap.Conflict{Topic: "events.a", Claims: both}, false}}, &ClaimConflict{topicmap.Conflict{Topic: "events.a", Claims: both}, false}},
		{"the other gives it up", []string{"events.a"}, func(c *Client) { c.planClaim("main", true, ".*a"); c.planClaim("events", false) }, nil, nil},
		{"the topic is only planned", nil, func(c *Client) {
			c.planClaim("main", true, ".*a")
			c.planClaim("events", false, "events.*")
			c.Plan("c", func(p *Planned) { p.Topics["events.a"] = true })
		}, []ClaimConflict{{topicmap.Conflict{Topic: "events.a", Claims: both}, false}}, &ClaimConflict{topicmap.Conflict{Topic: "events.a", Claims: both}, false}},
		{"two defaults", nil, func(c *Client) { c.planClaim("main", true); c.planClaim("events", true) },
			[]ClaimConflict{{topicmap.Conflict{Claims: []topicmap.Claim{{Group: "events"}, {Group: "main"}}}, false}}, nil},
		{"a conflict of others", []string{"events.a"}, func(c *Client) {
			c.planClaim("main", true)
			c.planClaim("third", false, ".*a")
		}, nil, &ClaimConflict{topicmap.Conflict{Topic: "events.a", Claims: []topicmap.Claim{{Group: "third", Pattern: ".*a"}, {Group: "events", Pattern: "events.*"}}}, true}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			client := clientOf(recorded, c.topics...)
			c.plan(client)
			got, err := client.GroupConflicts(t.Context(), "c", "main")
			if err != nil {
				t.Fatal(err)
			}
			if len(got) == 0 {
				got = nil
			}
			if diff := cmp.Diff(c.conflict, got); diff != "" {
				t.Errorf("of the group:\n%s", diff)
			}
			conflict, ok, err := client.TopicConflict(t.Context(), "c", "events.a")
			if err != nil || ok != (c.topic != nil) {
				t.Fatalf("of the topic: %v, %v", conflict, err)
			}
			if c.topic != nil {
				claims := map[topicmap.Claim]bool{}
				for _, claim := range conflict.Claims {
					claims[claim] = true
				}
				for _, claim := range c.topic.Claims {
					if !claims[claim] || conflict.Recorded != c.topic.Recorded {
						t.Errorf("of the topic: %+v, want %+v", conflict, *c.topic)
					}
				}
			}
		})
	}
}

func TestArrivals(t *testing.T) {
	client := clientOf(map[string]compute.TopicClaim{"main": {Default: true, Since: 1}}, "events.a", "events.b", "orders")
	topics, bytes, err := client.Arrivals(t.Context(), group(func(b *BrokerGroup) { b.Name, b.Topics = "events", []string{"events.*"} }))
	if diff := cmp.Diff([]string{"events.a", "events.b"}, topics); diff != "" || bytes != 20 || err != nil {
		t.Errorf("%d bytes, %v\n%s", bytes, err, diff)
	}
	if topics, bytes, err := client.Arrivals(t.Context(), group(claims(nil, true))); len(topics) > 0 || bytes != 0 || err != nil {
		t.Errorf("what is there already arrives: %v, %d bytes, %v", topics, bytes, err)
	}
}

func TestGroupsOf(t *testing.T) {
	client := clientOf(nil)
	for _, c := range []struct {
		brokers []int32
		want    []string
	}{{[]int32{1}, []string{"main"}}, {[]int32{1, 2}, []string{"events", "main"}}, {[]int32{2, 9}, []string{"events"}}, {[]int32{9}, nil}} {
		if got, err := client.GroupsOf(t.Context(), "c", c.brokers); cmp.Diff(c.want, got) != "" || err != nil {
			t.Errorf("brokers %v are of %v, want %v: %v", c.brokers, got, c.want, err)
		}
	}
}
