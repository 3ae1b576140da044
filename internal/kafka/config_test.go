package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

func topicResource(name string) kafka.ConfigResource {
	return kafka.ConfigResource{Kind: kafka.ResourceTopic, Name: name}
}

func brokerResource(id int32) kafka.ConfigResource {
	return kafka.ConfigResource{Kind: kafka.ResourceBroker, Name: fmt.Sprint(id)}
}

func set(name, value string) kafka.ConfigChange { return kafka.ConfigChange{Name: name, Value: &value} }

type changes = map[kafka.ConfigResource][]kafka.ConfigChange

// entry returns one setting of one resource.
func entry(t *testing.T, c *kafka.Client, r kafka.ConfigResource, name string) kafka.ConfigEntry {
	t.Helper()
	all, err := c.DescribeConfigs(t.Context(), []kafka.ConfigResource{r})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all[r] {
		if e.Name == name {
			return e
		}
	}
	return kafka.ConfigEntry{}
}

// awaitEntry waits until a setting has a value from a source; brokers hear of it one by one.
func awaitEntry(t *testing.T, c *kafka.Client, r kafka.ConfigResource, name, value string, source kafka.ConfigSource) {
	t.Helper()
	eventually(t, time.Minute, func() string {
		if e := entry(t, c, r, name); e.Value != value || e.Source != source {
			return fmt.Sprintf("%s: %+v, want %q from source %d", r, e, value, source)
		}
		return ""
	})
}

func TestAlterConfigsOfATopic(t *testing.T) {
	const topic = "configured"
	c := connect(t, shared)
	createTopic(t, shared, topic, []int32{1, 2, 3})
	r := topicResource(topic)
	if err := c.AlterConfigs(t.Context(), changes{r: {set("retention.ms", "1000000"), set("segment.ms", "500000")}}, false); err != nil {
		t.Fatal(err)
	}
	awaitEntry(t, c, r, "retention.ms", "1000000", kafka.SourceTopic)

	if err := c.AlterConfigs(t.Context(), changes{r: {set("retention.ms", "2000000")}}, true); err != nil {
		t.Fatal(err)
	}
	// Neither the validated value nor the removal of another key touches what is not named.
	if err := c.AlterConfigs(t.Context(), changes{r: {{Name: "segment.ms"}}}, false); err != nil {
		t.Fatal(err)
	}
	awaitEntry(t, c, r, "segment.ms", "604800000", kafka.SourceDefault)
	awaitEntry(t, c, r, "retention.ms", "1000000", kafka.SourceTopic)
}

func TestAlterConfigsNamesWhatIsRefused(t *testing.T) {
	const topic = "half-refused"
	c := connect(t, shared)
	createTopic(t, shared, topic, []int32{1})
	err := c.AlterConfigs(t.Context(), changes{
		topicResource(topic):           {set("retention.ms", "1000000")},
		topicResource("no-such-topic"): {set("retention.ms", "1000000")},
		brokerResource(2):              {set("leader.replication.throttled.rate", "abc")},
		brokerResource(77):             {set("leader.replication.throttled.rate", "1")},
	}, false)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"configuring broker 2: ", "abc", `configuring topic "no-such-topic": `, "configuring broker 77: "} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
	if !errors.Is(err, kafka.ErrInvalid) || !errors.Is(err, kafka.ErrNotFound) {
		t.Errorf("error %v, want ErrInvalid and ErrNotFound in it", err)
	}
	awaitEntry(t, c, topicResource(topic), "retention.ms", "1000000", kafka.SourceTopic)
}

func TestAlterConfigsOfBrokers(t *testing.T) {
	c := connect(t, shared)
	const key = "log.cleaner.backoff.ms"
	everyone := kafka.ConfigResource{Kind: kafka.ResourceBroker}
	if err := c.AlterConfigs(t.Context(), changes{everyone: {set(key, "11000")}, brokerResource(2): {set(key, "12000")}}, false); err != nil {
		t.Fatal(err)
	}
	awaitEntry(t, c, brokerResource(1), key, "11000", kafka.SourceDynamicDefaultBroker)
	awaitEntry(t, c, brokerResource(2), key, "12000", kafka.SourceDynamicBroker)
	awaitEntry(t, c, everyone, key, "11000", kafka.SourceDynamicDefaultBroker)
	if err := c.AlterConfigs(t.Context(), changes{everyone: {{Name: key}}, brokerResource(2): {{Name: key}}}, false); err != nil {
		t.Fatal(err)
	}
	awaitEntry(t, c, brokerResource(1), key, "15000", kafka.SourceDefault)
	awaitEntry(t, c, brokerResource(2), key, "15000", kafka.SourceDefault)

	rack := entry(t, c, brokerResource(2), "broker.rack")
	want := kafka.ConfigEntry{Name: "broker.rack", Value: "local-b", Source: kafka.SourceStaticBroker, ReadOnly: true}
	if rack != want {
		t.Errorf("rack %+v, want %+v", rack, want)
	}
	if err := c.AlterConfigs(t.Context(), changes{everyone: {set(key, "abc")}}, false); !errors.Is(err, kafka.ErrInvalid) {
		t.Errorf("a word for a number: %v, want ErrInvalid", err)
	}
}

func TestDescribeConfigsReturnsTheRestOfAnIncompleteAnswer(t *testing.T) {
	c := connect(t, shared)
	found, err := c.DescribeConfigs(t.Context(), []kafka.ConfigResource{brokerResource(1), brokerResource(77), topicResource("no-such-topic")})
	if !errors.Is(err, kafka.ErrNotFound) || !strings.Contains(err.Error(), "broker 77") || !strings.Contains(err.Error(), "no-such-topic") {
		t.Errorf("error %v, want ErrNotFound that names broker 77 and the topic", err)
	}
	if len(found) != 1 || len(found[brokerResource(1)]) == 0 {
		t.Errorf("found %d resources, want broker 1", len(found))
	}
}

func TestThrottleRoundTrip(t *testing.T) {
	const (
		leaderRate, followerRate         = "leader.replication.throttled.rate", "follower.replication.throttled.rate"
		leaderReplicas, followerReplicas = "leader.replication.throttled.replicas", "follower.replication.throttled.replicas"
	)
	c := connect(t, shared)
	createTopic(t, shared, "throttled-a", []int32{1, 2}, []int32{2, 3})
	createTopic(t, shared, "throttled-b", []int32{1, 2})
	createTopic(t, shared, "throttled-by-user", []int32{1, 2})
	topics := []string{"throttled-a", "throttled-b", "throttled-by-user", "no-such-topic"}
	brokers := []int32{1, 2, 3}
	read := func() kafka.ThrottleState {
		t.Helper()
		state, err := c.Throttles(t.Context(), brokers, topics)
		if err != nil {
			t.Fatal(err)
		}
		return state
	}
	inForce := func(want kafka.ThrottleState) {
		t.Helper()
		if state := read(); !reflect.DeepEqual(state, want) {
			t.Errorf("throttle %+v in force, want %+v", state, want)
		}
	}
	await := func(want kafka.ThrottleState) {
		t.Helper()
		eventually(t, time.Minute, func() string {
			if state := read(); !reflect.DeepEqual(state, want) {
				return fmt.Sprintf("throttle %+v, want %+v", state, want)
			}
			return ""
		})
	}
	if state := read(); !state.Empty() || len(state.Others) > 0 {
		t.Fatalf("a throttle before the test: %+v", state)
	}
	err := c.AlterConfigs(t.Context(), changes{
		brokerResource(3):                  {set(leaderRate, "7000000")},
		topicResource("throttled-by-user"): {set(leaderReplicas, "*"), set(followerReplicas, "0:3")},
		topicResource("throttled-a"):       {set(followerReplicas, "1:3")},
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := c.AlterConfigs(context.Background(), changes{brokerResource(3): {{Name: leaderRate}}}, false)
		if err != nil {
			t.Error(err)
		}
	})
	byHand := func() {
		t.Helper()
		awaitEntry(t, c, brokerResource(3), leaderRate, "7000000", kafka.SourceDynamicBroker)
		awaitEntry(t, c, topicResource("throttled-by-user"), leaderReplicas, "*", kafka.SourceTopic)
		awaitEntry(t, c, topicResource("throttled-by-user"), followerReplicas, "0:3", kafka.SourceTopic)
		awaitEntry(t, c, topicResource("throttled-a"), followerReplicas, "1:3", kafka.SourceTopic)
	}
	byHand()

	leader := map[kafka.TopicPartition][]int32{
		{Topic: "throttled-a", Partition: 1}: {2},
		{Topic: "throttled-a", Partition: 0}: {1, 2},
		{Topic: "throttled-by-user"}:         {1},
		{Topic: "no-such-topic"}:             {1},
	}
	follower := map[kafka.TopicPartition][]int32{
		{Topic: "throttled-a", Partition: 0}: {3},
		{Topic: "throttled-a", Partition: 1}: {3},
		{Topic: "throttled-b", Partition: 0}: {3},
	}
	rates := map[int32]kafka.BrokerThrottle{1: {Leader: 1_000_000, Follower: 500_000}, 2: {Leader: -1, Follower: 600_000}, 3: {Leader: 1_000_000, Follower: 1_000_000}}
	if err := c.SetThrottle(t.Context(), rates, leader, follower); err != nil {
		t.Fatal(err)
	}
	others := map[int32]kafka.BrokerThrottle{3: {Leader: 7_000_000, Follower: -1}}
	want := kafka.ThrottleState{
		Brokers: map[int32]kafka.BrokerThrottle{1: rates[1], 2: rates[2], 3: {Leader: -1, Follower: 1_000_000}},
		Others:  others,
		Topics: map[string]kafka.TopicThrottle{
			"throttled-a": {Leader: map[int32][]int32{0: {1, 2}, 1: {2}}, Follower: map[int32][]int32{0: {3}}},
			"throttled-b": {Follower: map[int32][]int32{0: {3}}},
		},
	}
	inForce(want)
	awaitEntry(t, c, topicResource("throttled-a"), followerReplicas, "0:03,1:3", kafka.SourceTopic)

	// A raised rate replaces the old one, and the lists stay as they are.
	if err := c.SetThrottle(t.Context(), map[int32]kafka.BrokerThrottle{1: {Leader: 2_000_000, Follower: -1}}, leader, nil); err != nil {
		t.Fatal(err)
	}
	want.Brokers[1] = kafka.BrokerThrottle{Leader: 2_000_000, Follower: 500_000}
	inForce(want)

	state := read()
	state.Topics["no-such-topic"] = kafka.TopicThrottle{Leader: map[int32][]int32{0: {1}}}
	if err := c.ClearThrottle(t.Context(), state); err != nil {
		t.Fatal(err)
	}
	await(kafka.ThrottleState{Brokers: map[int32]kafka.BrokerThrottle{}, Others: others, Topics: map[string]kafka.TopicThrottle{}})
	byHand()
}
