package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka/kafkatest"
)

// triggered is a configuration in which an action runs when the resource is created, or its input changes.
func triggered(kind, config string, input int) string {
	return fmt.Sprintf(`
action "kafkafleet_%s" "test" {
  config {
%s
  }
}

resource "terraform_data" "now" {
  input = %d
  lifecycle {
    action_trigger {
      events  = [after_create, after_update]
      actions = [action.kafkafleet_%s.test]
    }
  }
}
`, kind, config, input, kind)
}

// refused are steps of configurations that the plan refuses.
func refused(on func(config string) string, kind string, faults map[string]string) []resource.TestStep {
	var steps []resource.TestStep
	for _, config := range slices.Sorted(maps.Keys(faults)) {
		steps = append(steps, resource.TestStep{Config: on(triggered(kind, config, 1)), PlanOnly: true, ExpectError: message(faults[config])})
	}
	return steps
}

// onCluster is the provider's data for the brokers of a cluster.
func onCluster(t *testing.T, cluster *kafkatest.Cluster) *providerData {
	t.Helper()
	data, diags := configure(t, map[string]any{"kafka": map[string]any{"bootstrap_servers": cluster.Bootstrap()}})
	if diags.HasError() {
		t.Fatal(diags)
	}
	return data
}

// texts is a set of texts.
func texts(values ...string) tftypes.Value {
	var items []tftypes.Value
	for _, v := range values {
		items = append(items, tftypes.NewValue(tftypes.String, v))
	}
	return tftypes.NewValue(tftypes.Set{ElementType: tftypes.String}, items)
}

// numbered are partitions by the topic's name.
func numbered(topic string, ids ...int) tftypes.Value {
	set := tftypes.Set{ElementType: tftypes.Number}
	var items []tftypes.Value
	for _, id := range ids {
		items = append(items, tftypes.NewValue(tftypes.Number, id))
	}
	return tftypes.NewValue(tftypes.Map{ElementType: set}, map[string]tftypes.Value{topic: tftypes.NewValue(set, items)})
}

// expectRun runs an action that succeeds and compares what it tells and warns of, one text for each message.
func expectRun(t *testing.T, a action.Action, config map[string]any, told ...string) {
	t.Helper()
	got, diags := invokeAction(t, a, config)
	if diags.HasError() {
		t.Errorf("%v: %v", config, diags)
		return
	}
	for _, d := range diags {
		got = append(got, d.Summary()+": "+d.Detail())
	}
	if len(got) != len(told) {
		t.Errorf("%v: told %q, want %q", config, got, told)
		return
	}
	for i, want := range told {
		if !strings.Contains(got[i], want) {
			t.Errorf("%v: told %q, want %q", config, got[i], want)
		}
	}
}

// expectRefusal runs an action that does nothing, and says why.
func expectRefusal(t *testing.T, a action.Action, config map[string]any, want ...string) {
	t.Helper()
	told, diags := invokeAction(t, a, config)
	text := summaries(diags) + "\n" + details(diags)
	if !diags.HasError() || len(told) > 0 {
		t.Errorf("%v: told %q, %v", config, told, diags)
	}
	for _, part := range want {
		if !strings.Contains(text, part) {
			t.Errorf("%v: %q, want %q", config, text, part)
		}
	}
}

func summaries(diags diag.Diagnostics) string {
	var out []string
	for _, d := range diags {
		out = append(out, d.Summary())
	}
	return strings.Join(out, "\n")
}

// madeTopic creates a topic with the given replicas, and waits until every broker knows it.
func madeTopic(t *testing.T, k *kafka.Client, name string, config map[string]string, replicas ...[]int32) {
	t.Helper()
	err := k.CreateTopic(t.Context(), kafka.NewTopic{Name: name, Config: config, Replicas: replicas}, false)
	if err == nil {
		err = k.AwaitTopic(t.Context(), name, len(replicas))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.DeleteTopic(context.WithoutCancel(t.Context()), name); err != nil && !errors.Is(err, kafka.ErrUnreachable) {
			t.Error(err)
		}
	})
}

// produced writes a record for each timestamp to a partition.
func produced(t *testing.T, cluster *kafkatest.Cluster, topic string, partition int32, at ...time.Time) {
	t.Helper()
	conn, err := kgo.NewClient(kgo.SeedBrokers(cluster.Bootstrap()...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DisableClientMetrics())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, ts := range at {
		if err := conn.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Partition: partition, Value: []byte("value"), Timestamp: ts}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// atOffsets compares where logs begin and end.
func atOffsets(k *kafka.Client, topic string, want ...kafka.LogEnds) error {
	var partitions []kafka.TopicPartition
	for i := range want {
		partitions = append(partitions, kafka.TopicPartition{Topic: topic, Partition: int32(i)})
	}
	// Checks run when the test's own context may have ended.
	ends, err := k.LogEnds(context.Background(), partitions)
	if err != nil {
		return err
	}
	for i, p := range partitions {
		if ends[p] != want[i] {
			return fmt.Errorf("%s has its ends at %+v, want %+v", p, ends[p], want[i])
		}
	}
	return nil
}

// TestAccElectLeaders: partitions that are not led by their preferred replica are, once the action was run, and those are told whose preferred replica
// is on a broker that is away.
func TestAccElectLeaders(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Start(t, kafkatest.Options{Brokers: 2})
	k, data := direct(t, cluster), onCluster(t, cluster)
	madeTopic(t, k, "elect.a", nil, []int32{1, 2}, []int32{2, 1}, []int32{1, 2})
	madeTopic(t, k, "elect.b", nil, []int32{1, 2})
	// turned makes another replica of three partitions the preferred one, without a change of the leader.
	turned := func(leader int32) {
		other := 3 - leader
		list := []kafka.Reassignment{{Topic: "elect.a", Partition: 0}, {Topic: "elect.a", Partition: 2}, {Topic: "elect.b", Partition: 0}}
		for i := range list {
			list[i].Replicas = []int32{other, leader}
		}
		if err := k.Reassign(t.Context(), list, false); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"elect.a", "elect.b"} {
			if err := k.AwaitReplicas(t.Context(), name, slices.DeleteFunc(slices.Clone(list), func(r kafka.Reassignment) bool { return r.Topic != name })); err != nil {
				t.Fatal(err)
			}
		}
	}
	led := func(want ...int32) error {
		var leaders []int32
		for _, name := range []string{"elect.a", "elect.b"} {
			topic, err := k.Topic(context.Background(), name)
			if err != nil {
				return err
			}
			for _, p := range topic.Partitions {
				leaders = append(leaders, p.Leader)
			}
		}
		if !slices.Equal(leaders, want) {
			return fmt.Errorf("leaders %v, want %v", leaders, want)
		}
		return nil
	}
	expectLed := func(want ...int32) {
		t.Helper()
		if err := led(want...); err != nil {
			t.Error(err)
		}
	}
	a := &electLeadersAction{data: data}
	on := func(config string) string { return withKafka(cluster.Bootstrap(), config) }
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		TerraformVersionChecks:   []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_14_0)},
		Steps: append(refused(on, "elect_leaders", map[string]string{
			`topics = ["("]`:                                 "Not a pattern of topics",
			`topics = []`:                                    "at least 1",
			`partitions = { "elect.a" = [-1] }`:              "between 0 and",
			"topics = [\"a\"]\npartitions = { \"a\" = [0] }": "cannot be configured together",
		}),
			resource.TestStep{
				PreConfig: func() { turned(1) },
				Config:    on(triggered("elect_leaders", `topics = ["elect\\..*"]`, 1)),
				Check:     func(*terraform.State) error { return led(2, 2, 2, 2) },
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction("terraform_data.now", plancheck.ResourceActionCreate)}, PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
			},
		),
	})
	turned(2) // The broker that leads all of them is 2 now, and 1 is preferred but in elect.a-1.
	expectRefusal(t, a, map[string]any{"topics": texts("elect.a", "elect.missing")}, `No topic's name matches "elect.missing"`)
	expectRefusal(t, a, map[string]any{"partitions": numbered("elect.a", 0, 3)}, `"elect.a" has no partition 3: it has 3 partitions`)
	expectRefusal(t, a, map[string]any{"partitions": numbered("elect.missing", 0)}, "not found")
	expectLed(2, 2, 2, 2)
	expectRun(t, a, map[string]any{"topics": texts("elect.a"), "dry_run": true}, "Of 3 partitions, 2 would change the leader, 1 led by the preferred one already.", "Dry run")
	expectLed(2, 2, 2, 2)
	expectRun(t, a, map[string]any{"partitions": numbered("elect.a", 1, 2)}, "1 partition changed the leader, 1 led by the preferred one already.")
	expectLed(2, 2, 1, 2)
	expectRun(t, a, map[string]any{}, "2 partitions changed the leader, ")
	expectLed(1, 2, 1, 1)
	if err := cluster.Kill(2); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, func() string {
		if err := led(1, 1, 1, 1); err != nil {
			return err.Error()
		}
		return ""
	})
	expectRun(t, a, map[string]any{"topics": texts("elect.*")}, "0 partitions changed the leader, 3 led by the preferred one already.",
		"Preferred replicas that cannot lead now: The preferred replica of 1 partition is not in sync, or its broker does not serve, so the leader stays as it is:\n  elect.a-1: broker 2 is preferred, broker 1 leads, in sync are [1]")
}

// TestAccDeleteRecords: what is before offsets, before a time and at all is deleted, and what cannot be is refused before anything is.
func TestAccDeleteRecords(t *testing.T) {
	t.Parallel()
	cluster := sharedKafka(t)
	k := direct(t, cluster)
	a := &deleteRecordsAction{data: onCluster(t, cluster)}
	const topic = "delete-records"
	madeTopic(t, k, topic, nil, []int32{1, 2}, []int32{2, 3})
	madeTopic(t, k, "__"+topic, nil, []int32{1})
	madeTopic(t, k, topic+"-compacted", map[string]string{"cleanup.policy": "compact"}, []int32{1, 2})
	noon := time.Now().UTC().Truncate(time.Hour)
	produced(t, cluster, topic, 0, noon, noon.Add(time.Second), noon.Add(2*time.Second), noon.Add(3*time.Second), noon.Add(4*time.Second))
	produced(t, cluster, topic, 1, noon, noon.Add(time.Second), noon.Add(5*time.Second))
	offsets := func(values map[string]int) tftypes.Value {
		items := map[string]tftypes.Value{}
		for key, v := range values {
			items[key] = tftypes.NewValue(tftypes.Number, v)
		}
		return tftypes.NewValue(tftypes.Map{ElementType: tftypes.Number}, items)
	}
	expect := func(want ...kafka.LogEnds) {
		t.Helper()
		if err := atOffsets(k, topic, want...); err != nil {
			t.Error(err)
		}
	}
	expectRefusal(t, a, map[string]any{"topic": topic, "before_offset": offsets(map[string]int{"0": 6, "1": 1})}, "Partition 0 ends at offset 5 (its high watermark), and before_offset is 6")
	expectRefusal(t, a, map[string]any{"topic": topic, "before_offset": offsets(map[string]int{"1": 1, "2": 1})}, `"delete-records" has no partition 2: it has 2 partitions`)
	expectRefusal(t, a, map[string]any{"topic": topic + "-compacted", "all": true}, `cleanup.policy = "compact"`, `only where "delete" is in it`)
	expectRefusal(t, a, map[string]any{"topic": topic + "-missing", "all": true}, "not found")
	expectRefusal(t, a, map[string]any{"topic": "__" + topic, "all": true}, `Topic "__delete-records" is kept by Kafka or another tool for itself`)
	expectRefusal(t, a, map[string]any{"topic": topic}, "Exactly one of")
	expectRun(t, a, map[string]any{"topic": topic, "all": true, "dry_run": true}, "To delete: 8 records of topic \"delete-records\" (by their offsets), after which its logs begin at 5 (partition 0), 3 (partition 1).", "Dry run")
	expect(kafka.LogEnds{End: 5}, kafka.LogEnds{End: 3})
	expectRun(t, a, map[string]any{"topic": topic, "before_offset": offsets(map[string]int{"0": 1})}, "Deleted 1 record of topic \"delete-records\" (by their offsets): its logs begin at 1 (partition 0).")
	expect(kafka.LogEnds{Start: 1, End: 5}, kafka.LogEnds{End: 3})
	expectRun(t, a, map[string]any{"topic": topic, "before_offset": offsets(map[string]int{"0": 1, "1": 0})}, "Nothing to delete")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		TerraformVersionChecks:   []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_14_0)},
		Steps: append(refused(func(config string) string { return onShared(t, config) }, "delete_records", map[string]string{
			`topic = "delete-records"`: "Exactly one of these attributes must be configured",
			"topic = \"delete-records\"\nall = true\nbefore_timestamp = \"2026-01-01T00:00:00Z\"": "Exactly one of these attributes must be configured",
			"topic = \"delete-records\"\nall = false":                                             "must be \"true\"",
			"topic = \"delete-records\"\nbefore_timestamp = \"yesterday\"":                        "RFC3339",
			"topic = \"delete-records\"\nbefore_offset = { \"01\" = 1 }":                          "must be the number of a partition",
			"topic = \"delete-records\"\nbefore_offset = { \"0\" = -1 }":                          "at least 0",
			"topic = \"__consumer_offsets\"\nall = true":                                          "A topic of Kafka's own",
		}),
			resource.TestStep{Config: onShared(t, triggered("delete_records", "topic = \"delete-records-compacted\"\nall = true", 1)), ExpectError: message(`cleanup.policy = "compact"`)},
			resource.TestStep{
				Config: onShared(t, triggered("delete_records", fmt.Sprintf("topic = %q\nbefore_timestamp = %q", topic, noon.Add(2*time.Second).Format(time.RFC3339)), 2)),
				Check: func(*terraform.State) error {
					return atOffsets(k, topic, kafka.LogEnds{Start: 2, End: 5}, kafka.LogEnds{Start: 2, End: 3})
				},
				ConfigPlanChecks: resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
			},
			resource.TestStep{
				Config: onShared(t, triggered("delete_records", fmt.Sprintf("topic = %q\nall = true", topic), 3)),
				Check: func(*terraform.State) error {
					return atOffsets(k, topic, kafka.LogEnds{Start: 5, End: 5}, kafka.LogEnds{Start: 3, End: 3})
				},
			},
			resource.TestStep{
				Config:      "provider \"kafkafleet\" {\n  local = {}\n}\n" + triggered("delete_records", "topic = \"delete-records\"\nall = true", 4),
				ExpectError: regexp.MustCompile("No cluster"),
			},
		),
	})
}

// TestAccResetOffsets: a group's offsets are set to each of the places, never while it has members, and never beyond an end of the log.
func TestAccResetOffsets(t *testing.T) {
	t.Parallel()
	cluster := sharedKafka(t)
	k := direct(t, cluster)
	a := &resetOffsetsAction{data: onCluster(t, cluster)}
	const topic, group = "reset-offsets", "reset-group"
	madeTopic(t, k, topic, nil, []int32{1, 2}, []int32{2, 3})
	noon := time.Now().UTC().Truncate(time.Hour)
	produced(t, cluster, topic, 0, noon, noon.Add(time.Second), noon.Add(2*time.Second), noon.Add(3*time.Second), noon.Add(4*time.Second))
	produced(t, cluster, topic, 1, noon, noon.Add(time.Second))
	if _, err := k.DeleteRecords(t.Context(), topic, map[int32]int64{0: 1}); err != nil {
		t.Fatal(err)
	}
	partitions := []kafka.TopicPartition{{Topic: topic}, {Topic: topic, Partition: 1}}
	at := func(want ...int64) error {
		offsets, err := k.CommittedOffsets(context.Background(), group)
		if err != nil {
			return err
		}
		for i, p := range partitions {
			offset, ok := offsets[p]
			if !ok {
				offset = -1
			}
			if offset != want[i] {
				return fmt.Errorf("the group is at %v, want %v", offsets, want)
			}
		}
		return nil
	}
	expect := func(want ...int64) {
		t.Helper()
		if err := at(want...); err != nil {
			t.Error(err)
		}
	}
	run := func(config map[string]any) map[string]any {
		config["group"] = group
		if config["partitions"] == nil {
			config["topics"] = texts(topic)
		}
		return config
	}
	expectRefusal(t, a, run(map[string]any{"to_earliest": true}), `"reset-group" are not set`, "create = true")
	expectRefusal(t, a, run(map[string]any{"shift_by": 1, "create": true}), "no offset in 2 partitions", "reset-offsets-0")
	expectRefusal(t, a, run(map[string]any{"to_earliest": true, "create": true, "partitions": numbered(topic, 9)}), "no partition 9")
	expectRefusal(t, a, run(map[string]any{"create": true}), "has to say where to")
	expect(-1, -1)
	expectRun(t, a, run(map[string]any{"to_earliest": true, "create": true, "dry_run": true}), "would go on", "Dry run")
	expect(-1, -1)
	expectRun(t, a, run(map[string]any{"to_earliest": true, "create": true, "partitions": numbered(topic, 0)}), "reset-offsets-0: none -> 1")
	expect(1, -1)
	expectRefusal(t, a, run(map[string]any{"shift_by": 1}), "no offset in 1 partition", "reset-offsets-1")
	expectRun(t, a, run(map[string]any{"to_latest": true}), "  reset-offsets-0: 1 -> 5\n  reset-offsets-1: none -> 2")
	expectRun(t, a, run(map[string]any{"to_latest": true}), "2 partitions as before")
	expectRun(t, a, run(map[string]any{"to_timestamp": noon.Add(2 * time.Second).Format(time.RFC3339)}), "  reset-offsets-0: 5 -> 2\n  1 partition as before")
	expect(2, 2)
	expectRun(t, a, run(map[string]any{"shift_by": -2}), "  reset-offsets-0: 2 -> 1\n  reset-offsets-1: 2 -> 0",
		"Offsets beyond an end of the log: The end of the log is taken where the offset is beyond it: reset-offsets-0 begins at 1, and 0 was asked for.")
	expectRun(t, a, run(map[string]any{"to_offset": 3}), "  reset-offsets-0: 1 -> 3\n  reset-offsets-1: 0 -> 2", "reset-offsets-1 ends at 2, and 3 was asked for")
	expect(3, 2)
	consumer := func() *kgo.Client {
		conn, err := kgo.NewClient(kgo.SeedBrokers(cluster.Bootstrap()...), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.ClientID("billing-7"), kgo.DisableAutoCommit(), kgo.DisableClientMetrics())
		if err != nil {
			t.Fatal(err)
		}
		if fetches := conn.PollFetches(t.Context()); fetches.Err() != nil || fetches.Records()[0].Offset != 3 {
			t.Errorf("the consumer does not go on from what was set: %v", fetches.Err())
		}
		return conn
	}
	active := consumer()
	defer active.Close()
	expectRefusal(t, a, run(map[string]any{"to_earliest": true}), "has 1 member", `client "billing-7" at 127.0.0.1: reset-offsets`, "Stop its consumers")
	expectRun(t, a, run(map[string]any{"to_earliest": true, "dry_run": true}), "3 -> 1", "Dry run", `Consumer group "reset-group" is active`)
	expect(3, 2)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		TerraformVersionChecks:   []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_14_0)},
		Steps: append(refused(func(config string) string { return onShared(t, config) }, "reset_offsets", map[string]string{
			"group = \"g\"\nto_latest = true":                                             "Exactly one of these attributes must be configured: [topics,partitions]",
			"group = \"g\"\ntopics = [\"a\"]\npartitions = { a = [0] }\nto_latest = true": "Exactly one of these attributes must be configured: [topics,partitions]",
			"group = \"g\"\ntopics = [\"a\"]":                                             "Exactly one of these attributes must be configured: [to_earliest,",
			"group = \"g\"\ntopics = [\"a\"]\nto_offset = 1\nshift_by = 1":                "Exactly one of these attributes must be configured: [to_earliest,",
			"group = \"g\"\ntopics = [\"a\"]\nto_earliest = false":                        "must be \"true\"",
			"group = \"g\"\ntopics = [\"a b\"]\nto_latest = true":                         "Not a topic name",
			"group = \"g\"\npartitions = { a = [0, 3000000000] }\nto_latest = true":       "between 0 and",
			"group = \"g\"\ntopics = [\"a\"]\nto_offset = -1":                             "at least 0",
			"group = \"\"\ntopics = [\"a\"]\nto_offset = 1":                               "at least 1",
			"group = \"g\"\ntopics = [\"a\"]\nto_timestamp = \"2026-01-01\"":              "RFC3339",
			"cluster = \"Not A Name\"\ngroup = \"g\"\ntopics = [\"a\"]\nto_latest = true": "Not a cluster's name",
		}),
			resource.TestStep{
				Config:      onShared(t, triggered("reset_offsets", "group = \"reset-group\"\ntopics = [\"reset-offsets\"]\nto_earliest = true", 1)),
				ExpectError: message("The group is in state Stable and has 1 member"),
			},
			resource.TestStep{
				PreConfig: func() {
					active.Close()
					eventually(t, time.Minute, func() string {
						if g, err := k.Group(t.Context(), group); err != nil || g.Active() {
							return fmt.Sprintf("%+v, %v", g, err)
						}
						return ""
					})
				},
				Config:           onShared(t, triggered("reset_offsets", "group = \"reset-group\"\ntopics = [\"reset-offsets\"]\nto_earliest = true", 2)),
				Check:            func(*terraform.State) error { return at(1, 0) },
				ConfigPlanChecks: resource.ConfigPlanChecks{PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
			},
		),
	})
}

// TestFewPartitionsAreTold: what an action tells stays readable, however many partitions there are.
func TestFewPartitionsAreTold(t *testing.T) {
	starts, behind, moves, group := map[int32]int64{}, []kafka.Partition{}, []offsetMove{}, kafka.Group{Name: "g", State: "Stable"}
	for i := range int32(14) {
		starts[i] = int64(i * 100)
		behind = append(behind, kafka.Partition{Topic: "t", Partition: i, Leader: -1, Replicas: []int32{1}})
		moves = append(moves, offsetMove{partition: kafka.TopicPartition{Topic: "t", Partition: i}, from: 1, to: 2, asked: 3})
		group.Members = append(group.Members, kafka.GroupMember{ClientID: "c", InstanceID: fmt.Sprint(i), Host: "/10.0.0.1"})
	}
	if got := startsText(starts); !strings.HasPrefix(got, "0 (partition 0), 100 (partition 1), ") || !strings.HasSuffix(got, ", 900 (partition 9), 1000 to 1300 (4 more partitions)") {
		t.Errorf("starts: %q", got)
	}
	var diags diag.Diagnostics
	warnBehind(behind, &diags)
	if got := details(diags); !strings.Contains(got, "of 14 partitions") || !strings.Contains(got, "  t-9: broker 1 is preferred, nobody leads, in sync are []\n  and 4 more\n") || strings.Contains(got, "t-10") {
		t.Errorf("behind: %q", got)
	}
	if got := movesText(moves); !strings.HasSuffix(got, "  t-9: 1 -> 2\n  and 4 partitions more") {
		t.Errorf("moves: %q", got)
	}
	if got := boundedText(moves); !strings.Contains(got, "t-9 ends at 2, and 3 was asked for and 4 more.") {
		t.Errorf("bounded: %q", got)
	}
	if got := activeText(group); !strings.Contains(got, `  client "c" (instance "9") at 10.0.0.1: no topic`+"\n  and 4 more") {
		t.Errorf("active: %q", got)
	}
	if got := activeText(kafka.Group{State: "PreparingRebalance"}); got != "The group is in state PreparingRebalance, and not Empty." {
		t.Errorf("without members: %q", got)
	}
}
