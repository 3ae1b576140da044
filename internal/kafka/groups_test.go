package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
	"golang.org/x/sync/errgroup"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka/kafkatest"
)

// commit commits an offset of partition 0 of a topic for groups without members.
func commit(t *testing.T, c *kafkatest.Cluster, topic string, offset int64, groups ...string) {
	t.Helper()
	// Later versions name topics by their ids.
	conn := dial(t, c, kgo.MaxVersions(kversion.V3_8_0()))
	work, ctx := errgroup.WithContext(t.Context())
	work.SetLimit(20)
	for _, group := range groups {
		work.Go(func() error {
			req := kmsg.NewPtrOffsetCommitRequest()
			req.Group = group
			committed, partition := kmsg.NewOffsetCommitRequestTopic(), kmsg.NewOffsetCommitRequestTopicPartition()
			partition.Offset = offset
			committed.Topic, committed.Partitions = topic, append(committed.Partitions, partition)
			req.Topics = append(req.Topics, committed)
			resp, err := req.RequestWith(ctx, conn)
			if err != nil {
				return err
			}
			return kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
		})
	}
	if err := work.Wait(); err != nil {
		t.Fatal(err)
	}
}

// consume joins a group until the test ends.
func consume(t *testing.T, clientID string, opts ...kgo.Opt) {
	t.Helper()
	conn := dial(t, shared, append(opts, kgo.ClientID(clientID))...)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			conn.PollFetches(ctx)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

// stream joins a group as an application of Kafka Streams does that has one task for each partition of a topic.
func stream(t *testing.T, c *kafkatest.Cluster, group, topic string) {
	t.Helper()
	conn := dial(t, c, kgo.ClientID("streaming"))
	req := kmsg.NewPtrStreamsGroupHeartbeatRequest()
	process := "process"
	req.Group, req.MemberID, req.ProcessID, req.RebalanceTimeoutMillis = group, "streaming-member", &process, 60_000
	topology, sub := kmsg.NewStreamsGroupHeartbeatRequestTopology(), kmsg.NewStreamsGroupHeartbeatRequestTopologySubtopology()
	sub.SubtopologyID, sub.SourceTopics = "0", []string{topic}
	topology.Subtopologies = append(topology.Subtopologies, sub)
	req.Topology = &topology
	req.ActiveTasks, req.StandbyTasks, req.WarmupTasks = []kmsg.TaskIDs{}, []kmsg.TaskIDs{}, []kmsg.TaskIDs{}
	brokers := conn.SeedBrokers() // One of them coordinates the group.
	eventually(t, time.Minute, func() string {
		resp, err := req.RequestWith(t.Context(), brokers[0])
		if err == nil {
			err = kerr.ErrorForCode(resp.ErrorCode)
		}
		if err != nil {
			brokers = append(brokers[1:], brokers[0])
			return err.Error()
		}
		req.MemberEpoch, req.Topology, req.RebalanceTimeoutMillis = resp.MemberEpoch, nil, -1
		if resp.ActiveTasks != nil {
			req.ActiveTasks = resp.ActiveTasks
		}
		if len(req.ActiveTasks) == 0 {
			return fmt.Sprintf("no task is assigned: %v", resp.Status)
		}
		return ""
	})
}

// TestGroupsOfEveryType are found by name and state, with their members and what these have.
func TestGroupsOfEveryType(t *testing.T) {
	const topic = "groups"
	createTopic(t, shared, topic, []int32{1}, []int32{2}, []int32{3})
	commit(t, shared, topic, 0, "groups.empty")
	consume(t, "one", kgo.ConsumeTopics(topic), kgo.ConsumerGroup("groups.classic"), kgo.InstanceID("first"))
	consume(t, "two", kgo.ConsumeTopics(topic), kgo.ConsumerGroup("groups.classic"), kgo.InstanceID("second"))
	consume(t, "three", kgo.ConsumeTopics(topic), kgo.ConsumerGroup("groups.consumer"), kgo.ServerSideBalancer(), kgo.Balancers(kgo.RangeBalancer()))
	consume(t, "four", kgo.ConsumeTopics(topic), kgo.ShareGroup("groups.share"))
	stream(t, shared, "groups.streams", topic)

	client := connect(t, shared)
	ours := func(name string) bool { return strings.HasPrefix(name, "groups.") }
	read := func(states ...string) map[string]kafka.Group {
		t.Helper()
		groups, err := client.Groups(t.Context(), ours, states)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.IsSortedFunc(groups, func(a, b kafka.Group) int { return strings.Compare(a.Name, b.Name) }) {
			t.Errorf("the groups are in no order: %v", groups)
		}
		found := map[string]kafka.Group{}
		for _, g := range groups {
			found[g.Name] = g
		}
		return found
	}
	whole := map[string][]int32{topic: {0, 1, 2}}
	var found map[string]kafka.Group
	eventually(t, time.Minute, func() string {
		found = read()
		for _, name := range []string{"groups.classic", "groups.consumer", "groups.share", "groups.streams"} {
			assigned := 0
			for _, m := range found[name].Members {
				assigned += len(m.Partitions[topic])
			}
			if g := found[name]; assigned != 3 || name != "groups.streams" && g.State != "Stable" {
				return fmt.Sprintf("group %s is %+v", name, g)
			}
		}
		if len(found["groups.classic"].Members) != 2 {
			return "one member of two has joined"
		}
		return ""
	})

	for name, want := range map[string]kafka.Group{
		"groups.empty":    {Type: kafka.GroupClassic, State: "Empty"},
		"groups.classic":  {Type: kafka.GroupClassic, State: "Stable", ProtocolType: "consumer", Protocol: "cooperative-sticky"},
		"groups.consumer": {Type: kafka.GroupConsumer, State: "Stable", ProtocolType: "consumer", Protocol: "range"},
		"groups.share":    {Type: kafka.GroupShare, State: "Stable", ProtocolType: "share", Protocol: "simple"},
		"groups.streams":  {Type: kafka.GroupStreams, State: found["groups.streams"].State, ProtocolType: "streams", Protocol: found["groups.streams"].Protocol},
	} {
		got := found[name]
		if got.Type != want.Type || got.State != want.State || got.ProtocolType != want.ProtocolType || got.Protocol != want.Protocol || got.Coordinator < 1 {
			t.Errorf("group %s is %+v, want %+v and a coordinator", name, got, want)
		}
		alone, err := client.Group(t.Context(), name)
		if err != nil || !reflect.DeepEqual(alone, got) {
			t.Errorf("group %s is %+v (%v) when it is asked for alone, and %+v in the list", name, alone, err, got)
		}
	}
	if len(found) != 5 {
		t.Errorf("%d groups, want 5", len(found))
	}
	for name, clientID := range map[string]string{"groups.consumer": "three", "groups.share": "four", "groups.streams": "streaming"} {
		m := found[name].Members
		if len(m) != 1 || m[0].ID == "" || m[0].ClientID != clientID || m[0].Host != "/127.0.0.1" || m[0].InstanceID != "" || !reflect.DeepEqual(m[0].Partitions, whole) {
			t.Errorf("the members of %s are %+v", name, m)
		}
	}
	static := map[string]string{}
	for _, m := range found["groups.classic"].Members {
		static[m.ClientID] = m.InstanceID
	}
	if !reflect.DeepEqual(static, map[string]string{"one": "first", "two": "second"}) {
		t.Errorf("static members by client: %v", static)
	}
	if empty := read("Empty"); len(empty) != 1 || empty["groups.empty"].Name == "" {
		t.Errorf("empty: %v", empty)
	}
	if others := read("Stable", "CompletingRebalance"); others["groups.empty"].Name != "" || others["groups.classic"].Name == "" {
		t.Errorf("stable: %v", others)
	}
}

// TestGroupsAreReadByFewRequests however many there are, and a reader creates nothing where there are none.
func TestGroupsAreReadByFewRequests(t *testing.T) {
	const topic, many = "many-groups", 210
	cluster := kafkatest.Start(t, kafkatest.Options{Brokers: 1, Proxied: true})
	client := connect(t, cluster, func(cfg *kafka.Config) {
		cfg.Bootstrap = func(context.Context) ([]string, error) { return cluster.Proxied(), nil }
	})
	all := func(string) bool { return true }
	if _, err := client.Group(t.Context(), "nobody"); !errors.Is(err, kafka.ErrNotFound) {
		t.Errorf("a group of a new cluster: %v", err)
	}
	if committed, err := client.CommittedOffsets(t.Context(), "nobody"); err != nil || len(committed) != 0 {
		t.Errorf("offsets in a new cluster: %v, %v", committed, err)
	}
	if groups, err := client.Groups(t.Context(), all, nil); err != nil || len(groups) != 0 {
		t.Errorf("groups of a new cluster: %v, %v", groups, err)
	}
	if topics, err := client.Topics(t.Context()); err != nil || len(topics) != 0 {
		t.Errorf("topics after reading: %v, %v", topics, err)
	}

	createTopic(t, cluster, topic, []int32{1})
	var names []string
	for i := range many {
		names = append(names, fmt.Sprintf("group-%03d", i))
	}
	commit(t, cluster, topic, 0, names...)
	cluster.Measure(0)
	groups, err := client.Groups(t.Context(), all, nil)
	if err != nil || len(groups) != many {
		t.Fatalf("%d groups, want %d: %v", len(groups), many, err)
	}
	requests := cluster.Requests()
	if requests["ListGroups"] != 1 || requests["DescribeGroups"] != 3 || requests["FindCoordinator"] != 0 {
		t.Errorf("%d groups took %v", many, requests)
	}
	cluster.Measure(0)
	if some, err := client.Groups(t.Context(), func(name string) bool { return name == "group-007" }, []string{"Stable"}); err != nil || len(some) != 0 {
		t.Errorf("%v, %v", some, err)
	}
	if requests := cluster.Requests(); requests["DescribeGroups"] != 0 {
		t.Errorf("groups that are not wanted took %v", requests)
	}
}

// TestOffsetsOfAGroup are what it has committed, beside where logs end.
func TestOffsetsOfAGroup(t *testing.T) {
	const topic, group = "group-offsets", "offsets.one"
	client := connect(t, shared)
	createTopic(t, shared, topic, []int32{1, 2}, []int32{3, 1})
	if _, err := client.Group(t.Context(), group); !errors.Is(err, kafka.ErrNotFound) {
		t.Errorf("a group that does not exist: %v", err)
	}
	if committed, err := client.CommittedOffsets(t.Context(), group); err != nil || len(committed) != 0 {
		t.Errorf("the offsets of a group that does not exist: %v, %v", committed, err)
	}
	fill(t, shared, topic, 1, 500_000)
	commit(t, shared, topic, 3, group)
	committed, err := client.CommittedOffsets(t.Context(), group)
	if want := (map[kafka.TopicPartition]int64{{Topic: topic}: 3}); err != nil || !reflect.DeepEqual(committed, want) {
		t.Errorf("committed %v (%v), want %v", committed, err, want)
	}
	ends, err := client.TopicEnds(t.Context(), []string{topic, "there-is-no-such-topic"})
	if want := (map[kafka.TopicPartition]int64{{Topic: topic}: 0, {Topic: topic, Partition: 1}: 5}); err != nil || !reflect.DeepEqual(ends, want) {
		t.Errorf("ends %v (%v), want %v", ends, err, want)
	}
	if none, err := client.TopicEnds(t.Context(), nil); err != nil || len(none) != 0 {
		t.Errorf("the ends of no topics: %v, %v", none, err)
	}
}
