package provider

import (
	"context"
	"fmt"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// groupTopic makes a topic on the shared cluster with so many records in partition 0, and deletes it when the test ends.
func groupTopic(t *testing.T, name string, partitions, records int) {
	t.Helper()
	k := direct(t, sharedKafka(t))
	if err := k.CreateTopic(t.Context(), kafka.NewTopic{Name: name, Partitions: int32(partitions), ReplicationFactor: 1}, false); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.DeleteTopic(context.WithoutCancel(t.Context()), name); err != nil {
			t.Error(err)
		}
	})
	if err := k.AwaitTopic(t.Context(), name, partitions); err != nil {
		t.Fatal(err)
	}
	write(t, groupClient(t, kgo.RecordPartitioner(kgo.ManualPartitioner())), name, records)
}

// groupClient is a client of the shared cluster like those that groups consist of.
func groupClient(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	// Later versions of offset commits name topics by their ids.
	conn, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(sharedKafka(t).Bootstrap()...), kgo.MaxVersions(kversion.V3_8_0())}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// write writes records to partition 0.
func write(t *testing.T, conn *kgo.Client, topic string, records int) {
	t.Helper()
	all := make([]*kgo.Record, records)
	for i := range all {
		all[i] = &kgo.Record{Topic: topic, Value: []byte("record")}
	}
	if err := conn.ProduceSync(context.WithoutCancel(t.Context()), all...).FirstErr(); err != nil {
		t.Error(err)
	}
}

// commit commits an offset of partition 0 for a group without members.
func commit(t *testing.T, conn *kgo.Client, group, topic string, offset int64) {
	t.Helper()
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group = group
	committed, partition := kmsg.NewOffsetCommitRequestTopic(), kmsg.NewOffsetCommitRequestTopicPartition()
	partition.Offset = offset
	committed.Topic, committed.Partitions = topic, append(committed.Partitions, partition)
	req.Topics = append(req.Topics, committed)
	resp, err := req.RequestWith(context.WithoutCancel(t.Context()), conn)
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		t.Error(err)
	}
}

// join has a member in a group until the test ends, which reads and never commits, and waits until it has all partitions.
func join(t *testing.T, topic, group string, opts ...kgo.Opt) {
	t.Helper()
	conn, err := kgo.NewClient(append(opts, kgo.SeedBrokers(sharedKafka(t).Bootstrap()...), kgo.ConsumeTopics(topic), kgo.ClientID("member-of-"+group))...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var reading sync.WaitGroup
	reading.Go(func() {
		for ctx.Err() == nil {
			conn.PollFetches(ctx)
		}
	})
	t.Cleanup(func() {
		stop()
		reading.Wait()
		conn.Close()
	})
	k := direct(t, sharedKafka(t))
	all := len(partitionsOf(t, sharedKafka(t), topic))
	eventually(t, 3*time.Minute, func() string { // The first share group waits for Kafka to make a topic for the states of all.
		g, err := k.Group(t.Context(), group)
		if err != nil || len(g.Members) != 1 || len(g.Members[0].Partitions[topic]) != all || g.State != "Stable" {
			return fmt.Sprintf("group %s is %+v (%v)", group, g, err)
		}
		return ""
	})
}

// forever does something again and again until the test ends.
func forever(t *testing.T, do func(round int64)) {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var work sync.WaitGroup
	work.Go(func() {
		for round := int64(0); ctx.Err() == nil; round++ {
			do(round)
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	})
	t.Cleanup(func() {
		stop()
		work.Wait()
	})
}

func TestAccConsumerGroupsAreFound(t *testing.T) {
	t.Parallel()
	const topic = "grouped"
	seed := func() {
		groupTopic(t, topic, 2, 0)
		commit(t, groupClient(t), "found.b", topic, 0)
		commit(t, groupClient(t), "other.a", topic, 0)
		join(t, topic, "found.a", kgo.ConsumerGroup("found.a"), kgo.DisableAutoCommit(), kgo.InstanceID("static"), kgo.Balancers(kgo.RangeBalancer()))
		join(t, topic, "found.c", kgo.ConsumerGroup("found.c"), kgo.DisableAutoCommit(), kgo.ServerSideBalancer(), kgo.Balancers(kgo.RangeBalancer()))
	}
	text := knownvalue.StringExact
	group := func(name, kind, state, protocolType, protocol string, members ...knownvalue.Check) knownvalue.Check {
		return knownvalue.ObjectExact(map[string]knownvalue.Check{
			"name": text(name), "type": text(kind), "state": text(state), "protocol_type": text(protocolType), "protocol": text(protocol),
			"coordinator": knownvalue.NotNull(), "members": knownvalue.ListExact(members),
		})
	}
	member := func(of string, instance knownvalue.Check) knownvalue.Check {
		return knownvalue.ObjectExact(map[string]knownvalue.Check{
			"id": knownvalue.NotNull(), "instance_id": instance, "client_id": text("member-of-" + of), "host": text("127.0.0.1"),
			"partitions": knownvalue.MapExact(map[string]knownvalue.Check{
				topic: knownvalue.ListExact([]knownvalue.Check{knownvalue.Int64Exact(0), knownvalue.Int64Exact(1)}),
			}),
		})
	}
	a := group("found.a", "classic", "Stable", "consumer", "range", member("found.a", text("static")))
	b := group("found.b", "classic", "Empty", "", "")
	c := group("found.c", "consumer", "Stable", "consumer", "range", member("found.c", knownvalue.Null()))
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{
			{
				Config:      onShared(t, "data \"kafkafleet_consumer_groups\" \"test\" {\n  states = [\"Lazy\"]\n}\n"),
				ExpectError: regexp.MustCompile(`"Empty"`),
			},
			{
				Config:      onShared(t, "data \"kafkafleet_consumer_groups\" \"test\" {\n  name_regex = \"(\"\n}\n"),
				ExpectError: regexp.MustCompile(`Not a regular expression`),
			},
			{
				PreConfig: seed,
				Config: onShared(t, `
data "kafkafleet_consumer_groups" "all" {
  name_regex = "found\\..*"
}
data "kafkafleet_consumer_groups" "empty" {
  name_regex = "found\\..*"
  states     = ["Empty"]
}
data "kafkafleet_consumer_groups" "none" {
  name_regex = "there\\.is\\.none"
}
`),
				ConfigStateChecks: []statecheck.StateCheck{
					has("data.kafkafleet_consumer_groups.all", "groups", knownvalue.ListExact([]knownvalue.Check{a, b, c})),
					has("data.kafkafleet_consumer_groups.empty", "groups", knownvalue.ListExact([]knownvalue.Check{b})),
					has("data.kafkafleet_consumer_groups.none", "groups", knownvalue.ListSizeExact(0)),
				},
			},
		},
	})
}

// lagOf is a data source of the lag of a group, with more settings.
func lagOf(name, group, settings string) string {
	return fmt.Sprintf("data \"kafkafleet_consumer_group_lag\" %q {\n  group = %q\n%s}\n", name, group, settings)
}

func TestAccConsumerGroupLag(t *testing.T) {
	t.Parallel()
	const topic, records, quick = "lagging", 5000, "  window = 3\n  interval = \"300ms\"\n"
	// The end is read after the commit: on a busy machine a second later, in which more is written than between two looks that are a second apart. So these
	// are far apart, and enough for four commits.
	const slow = "  window = 6\n  interval = \"5s\"\n"
	seed := func() {
		groupTopic(t, topic, 2, records)
		groupTopic(t, "also-lagging", 1, 1)
		conn := groupClient(t)
		commit(t, conn, "lag.ok", topic, records)
		commit(t, conn, "lag.stop", topic, 10)
		commit(t, conn, "lag.stop", "also-lagging", 1)
		commit(t, conn, "lag.stall", topic, 20)
		join(t, topic, "lag.stall", kgo.ConsumerGroup("lag.stall"), kgo.DisableAutoCommit())
		join(t, topic, "lag.share", kgo.ShareGroup("lag.share"))
	}
	number, text, null := knownvalue.Int64Exact, knownvalue.StringExact, knownvalue.Null()
	whole := func(data, status string, total int64, partitions ...knownvalue.Check) []statecheck.StateCheck {
		address := "data.kafkafleet_consumer_group_lag." + data
		return []statecheck.StateCheck{
			has(address, "status", text(status)), has(address, "total_lag", number(total)), has(address, "partitions", knownvalue.ListExact(partitions)),
		}
	}
	partition := func(topic string, id, committed, end int64, status string, member knownvalue.Check) knownvalue.Check {
		return knownvalue.ObjectExact(map[string]knownvalue.Check{
			"topic": text(topic), "partition": number(id), "committed_offset": number(committed), "log_end_offset": number(end),
			"lag": number(end - committed), "status": text(status), "member_id": member,
		})
	}
	// Nothing was ever committed of partition 1.
	never := func(member knownvalue.Check) knownvalue.Check {
		return knownvalue.ObjectExact(map[string]knownvalue.Check{
			"topic": text(topic), "partition": number(1), "committed_offset": null, "log_end_offset": number(0), "lag": null, "status": null, "member_id": member,
		})
	}
	var still []statecheck.StateCheck
	for _, checks := range [][]statecheck.StateCheck{
		whole("nobody", "NOTFOUND", 0),
		whole("ok", "OK", 0, partition(topic, 0, records, records, "OK", null), never(null)),
		whole("stop", "ERR", records-10, partition("also-lagging", 0, 1, 1, "OK", null), partition(topic, 0, 10, records, "STOP", null), never(null)),
		whole("some", "OK", 0, partition("also-lagging", 0, 1, 1, "OK", null)),
		whole("stall", "ERR", records-20, partition(topic, 0, 20, records, "STALL", knownvalue.NotNull()), never(knownvalue.NotNull())),
		{
			has("data.kafkafleet_consumer_group_lag.nobody", "state", null),
			has("data.kafkafleet_consumer_group_lag.stop", "state", text("Empty")),
			has("data.kafkafleet_consumer_group_lag.stop", "max_lag", number(records-10)),
			has("data.kafkafleet_consumer_group_lag.stall", "state", text("Stable")),
		},
	} {
		still = append(still, checks...)
	}
	moving := func() {
		conn := groupClient(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
		groupTopic(t, "falling-behind", 1, 100)
		// The groups are there before anybody asks for them.
		commit(t, conn, "lag.rewind", topic, records-1)
		commit(t, conn, "lag.catching-up", topic, 0)
		commit(t, conn, "lag.warn", "falling-behind", 0)
		forever(t, func(round int64) { commit(t, conn, "lag.rewind", topic, max(0, records-1-round)) })
		forever(t, func(round int64) { commit(t, conn, "lag.catching-up", topic, min(records-1, round)) })
		forever(t, func(round int64) {
			write(t, conn, "falling-behind", 20)
			commit(t, conn, "lag.warn", "falling-behind", round)
		})
	}
	status := func(data, of string) []statecheck.StateCheck {
		address := "data.kafkafleet_consumer_group_lag." + data
		group := map[string]string{"REWIND": "ERR"}[of]
		if group == "" {
			group = of
		}
		return []statecheck.StateCheck{
			has(address, "status", text(group)),
			statecheck.ExpectKnownValue(address, tfjsonpath.New("partitions").AtSliceIndex(0).AtMapKey("status"), text(of)),
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{
			{Config: onShared(t, lagOf("test", "any", "  window = 100\n  interval = \"10s\"\n")), ExpectError: message("Too long a window")},
			{Config: onShared(t, lagOf("test", "any", "  interval = \"0s\"\n")), ExpectError: message("Too short an interval")},
			{Config: onShared(t, lagOf("test", "any", "  window = 1\n")), ExpectError: message("between 2 and 100")},
			{
				PreConfig: seed,
				Config: onShared(t, lagOf("nobody", "lag.nobody", "")+lagOf("ok", "lag.ok", "  interval = \"60s\"\n")+lagOf("stop", "lag.stop", quick)+
					lagOf("some", "lag.stop", "  topics = [\"also-lagging\"]\n")+lagOf("stall", "lag.stall", quick)),
				ConfigStateChecks: still,
			},
			{Config: onShared(t, lagOf("test", "lag.share", "")), ExpectError: message("share group")},
			{
				PreConfig: moving,
				Config: onShared(t, lagOf("rewind", "lag.rewind", quick)+lagOf("catching_up", "lag.catching-up", slow)+
					lagOf("warn", "lag.warn", slow)),
				ConfigStateChecks: append(append(status("rewind", "REWIND"), status("catching_up", "OK")...), status("warn", "WARN")...),
			},
		},
	})
}
