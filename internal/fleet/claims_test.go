package fleet

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
)

func (f *fakeDriver) PutCluster(_ context.Context, record compute.Cluster) error {
	f.record = record
	return nil
}

func claims(topics []string, isDefault bool) func(*BrokerGroup) {
	return func(b *BrokerGroup) { b.Topics, b.Default = topics, isDefault }
}

// TestClaimsAreWrittenWhenTheyChange: into the record, which keeps all else, with a number higher than any before; and not again.
func TestClaimsAreWrittenWhenTheyChange(t *testing.T) {
	record := compute.Cluster{Name: "c", ID: "x", NextNodeID: 7, Zones: []string{"a"}, MinISRDeclared: true}
	other := compute.TopicClaim{Patterns: []string{"a.*"}, Since: 4}
	record.Groups = map[string]compute.TopicClaim{"other": other}
	driver := &fakeDriver{record: record}
	mutations := 0
	client := New(driver, Options{OnMutation: func(context.Context, string, string) { mutations++ }})
	steps := []struct {
		name    string
		topics  []string
		dflt    bool
		want    map[string]compute.TopicClaim
		mutates int
	}{
		{"nothing", nil, false, map[string]compute.TopicClaim{"other": other}, 0},
		{"patterns", []string{"b", "c"}, false, map[string]compute.TopicClaim{"other": other, "main": {Patterns: []string{"b", "c"}, Since: 5}}, 1},
		{"again", []string{"b", "c"}, false, map[string]compute.TopicClaim{"other": other, "main": {Patterns: []string{"b", "c"}, Since: 5}}, 0},
		{"the default", []string{"b", "c"}, true, map[string]compute.TopicClaim{"other": other, "main": {Patterns: []string{"b", "c"}, Default: true, Since: 6}}, 1},
		{"no patterns", nil, true, map[string]compute.TopicClaim{"other": other, "main": {Default: true, Since: 7}}, 1},
		{"no claim", []string{}, false, map[string]compute.TopicClaim{"other": other}, 1},
	}
	for _, s := range steps {
		mutations = 0
		if err := client.claim(t.Context(), group(claims(s.topics, s.dflt))); err != nil {
			t.Fatal(err)
		}
		want := record
		want.Groups = s.want
		if diff := cmp.Diff(want, driver.record); diff != "" || mutations != s.mutates {
			t.Errorf("%s: %d mutating calls, want %d; the record:\n%s", s.name, mutations, s.mutates, diff)
		}
	}
	if diff := cmp.Diff(map[string]compute.TopicClaim{"other": other}, record.Groups); diff != "" {
		t.Errorf("the record that was read is changed:\n%s", diff)
	}
}

// TestTopicsAreGivenAsTheGroupWantsThem: a group is planned with its own claims as they will be, and those of others as recorded.
func TestTopicsAreGivenAsTheGroupWantsThem(t *testing.T) {
	record := compute.Cluster{Name: "c", Groups: map[string]compute.TopicClaim{
		"main":   {Default: true, Since: 1},
		"events": {Patterns: []string{"events.*"}, Since: 2},
	}}
	cases := []struct {
		name string
		want BrokerGroup
		owns map[string]string
	}{
		{"as recorded", group(claims(nil, true)), map[string]string{"events.a": "events", "orders": "main"}},
		{"a claim to come is the latest", group(claims([]string{"events.a"}, true)), map[string]string{"events.a": "main", "orders": "main"}},
		{"a claim to end", group(claims(nil, false)), map[string]string{"events.a": "events", "orders": ""}},
		{"a group to come", group(func(b *BrokerGroup) { b.Name, b.Topics = "new", []string{"orders"} }), map[string]string{"events.a": "events", "orders": "new"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := observed{record: record}
			for _, topic := range []string{"events.a", "events.a", "orders"} {
				o.Partitions = append(o.Partitions, plan.Partition{TopicPartition: plan.TopicPartition{Topic: topic}})
			}
			if err := o.giveTopics(c.want); err != nil {
				t.Fatal(err)
			}
			for _, p := range o.Partitions {
				if p.Group != c.owns[p.Topic] {
					t.Errorf("topic %s is of group %q, want %q", p.Topic, p.Group, c.owns[p.Topic])
				}
			}
		})
	}
}

// TestSnapshotKeepsWhatOthersHold: a group may be about to claim it. It comes back as it was, but for the order of replicas in sync.
func TestSnapshotKeepsWhatOthersHold(t *testing.T) {
	partitions := []plan.Partition{
		{TopicPartition: plan.TopicPartition{Topic: "mine"}, Leader: 1, Replicas: []int32{1, 2}, ISR: []int32{2, 1}, Bytes: 5},
		{TopicPartition: plan.TopicPartition{Topic: "theirs"}, Leader: 3, Replicas: []int32{3, 4}, ISR: []int32{3, 4}, Bytes: 6},
		{TopicPartition: plan.TopicPartition{Topic: "lagging"}, Leader: 3, Replicas: []int32{3, 4}, ISR: []int32{3}, Bytes: 6},
		{TopicPartition: plan.TopicPartition{Topic: "lost"}, Leader: -1, Replicas: []int32{3}, ISR: []int32{}, Bytes: 6},
	}
	client := New(&fakeDriver{}, Options{})
	o := observed{record: compute.Cluster{Name: "c", ID: "x"}}
	o.Partitions, o.KafkaUp = partitions, true
	client.recent["c"] = recent{time.Now(), o}
	for group, want := range map[string][]plan.Partition{"main": partitions, compute.ControllersGroup: nil} {
		text, err := client.Snapshot(t.Context(), "c", group)
		if err != nil || !json.Valid(text) {
			t.Fatal(err)
		}
		back, _, err := readSnapshot(text)
		if err != nil {
			t.Fatal(err)
		}
		sorted := cmp.Transformer("set", func(ids []int32) map[int32]bool {
			set := map[int32]bool{}
			for _, id := range ids {
				set[id] = true
			}
			return set
		})
		if diff := cmp.Diff(want, back.Partitions, sorted); diff != "" {
			t.Errorf("group %s:\n%s", group, diff)
		}
	}
	if len(o.Partitions[0].ISR) != 2 {
		t.Error("the shared observation was changed")
	}
}

// TestRecordIsShared: the cluster's resource keeps the claims of its groups, and a group keeps what the cluster declares, its own claims
// aside, which are gone with it.
func TestRecordIsShared(t *testing.T) {
	others := map[string]compute.TopicClaim{"other": {Default: true, Since: 1}}
	driver := &fakeDriver{record: compute.Cluster{Name: "c", ID: "x", NextNodeID: 7, MetadataVersion: "latest", Zones: []string{"a"}, Groups: others}}
	client := New(driver, Options{})
	ended, cancel := context.WithCancel(t.Context())
	cancel() // Each writes its record before its rollout, which does not come to anything.

	if _, err := client.ApplyGroup(ended, group(claims([]string{"b"}, false))); err == nil {
		t.Error("a rollout came to an end that had no time")
	}
	want := compute.Cluster{Name: "c", ID: "x", NextNodeID: 7, MetadataVersion: "latest", Zones: []string{"a"}}
	want.Groups = map[string]compute.TopicClaim{"other": others["other"], "main": {Patterns: []string{"b"}, Since: 2}}
	if diff := cmp.Diff(want, driver.record); diff != "" {
		t.Errorf("after the group:\n%s", diff)
	}
	if _, _, err := client.ApplyCluster(ended, Cluster{Name: "c", MetadataVersion: "4.3", Zones: []string{"a", "b"}, Config: map[string]string{minISR: "1"}, Security: compute.Security{Plaintext: true}}); err == nil {
		t.Error("a rollout came to an end that had no time")
	}
	want.MetadataVersion, want.Zones, want.MinISRDeclared, want.Security.Plaintext = "4.3", []string{"a", "b"}, true, true
	if diff := cmp.Diff(want, driver.record); diff != "" {
		t.Errorf("after the cluster:\n%s", diff)
	}
	if err := client.DestroyGroup(t.Context(), group(claims([]string{"b"}, false))); err != nil {
		t.Fatal(err)
	}
	want.Groups = others
	if diff := cmp.Diff(want, driver.record); diff != "" {
		t.Errorf("after the group is destroyed:\n%s", diff)
	}
}
