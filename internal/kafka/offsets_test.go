package kafka_test

import (
	"errors"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// stamped writes a record for each timestamp to a partition, in that order.
func stamped(t *testing.T, topic string, partition int32, at ...time.Time) {
	t.Helper()
	conn := dial(t, shared, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for _, ts := range at {
		if err := conn.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Partition: partition, Value: []byte("value"), Timestamp: ts}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRecordsAreDeletedBeforeAnOffset: where logs begin and end, and which record is the first of a time, before and after records are deleted.
func TestRecordsAreDeletedBeforeAnOffset(t *testing.T) {
	const topic = "deleted-records"
	c := connect(t, shared)
	createTopic(t, shared, topic, []int32{1, 2}, []int32{2, 3}, []int32{3, 1})
	noon := time.Now().Truncate(time.Hour)
	stamped(t, topic, 0, noon, noon.Add(time.Second), noon.Add(2*time.Second), noon.Add(3*time.Second))
	stamped(t, topic, 1, noon, noon)
	at := func(id int32) kafka.TopicPartition { return kafka.TopicPartition{Topic: topic, Partition: id} }
	all := []kafka.TopicPartition{at(0), at(1), at(2)}
	wantEnds := func(want map[kafka.TopicPartition]kafka.LogEnds) {
		t.Helper()
		if ends, err := c.LogEnds(t.Context(), all); err != nil || !maps.Equal(ends, want) {
			t.Errorf("ends %v, %v, want %v", ends, err, want)
		}
	}
	wantEnds(map[kafka.TopicPartition]kafka.LogEnds{at(0): {End: 4}, at(1): {End: 2}, at(2): {}})
	for since, want := range map[time.Time]map[kafka.TopicPartition]int64{
		noon:                              {at(0): 0, at(1): 0, at(2): -1},
		noon.Add(time.Nanosecond):         {at(0): 1, at(1): -1, at(2): -1},
		noon.Add(1500 * time.Millisecond): {at(0): 2, at(1): -1, at(2): -1},
		noon.Add(time.Hour):               {at(0): -1, at(1): -1, at(2): -1},
		time.Unix(-5, 0):                  {at(0): 0, at(1): 0, at(2): -1},
	} {
		if found, err := c.OffsetsSince(t.Context(), all, since); err != nil || !maps.Equal(found, want) {
			t.Errorf("since %s: %v, %v, want %v", since, found, err, want)
		}
	}
	for range 2 { // What is deleted already is no error.
		starts, err := c.DeleteRecords(t.Context(), topic, map[int32]int64{0: 3, 1: 2})
		if err != nil || !maps.Equal(starts, map[int32]int64{0: 3, 1: 2}) {
			t.Errorf("logs begin at %v, %v", starts, err)
		}
	}
	wantEnds(map[kafka.TopicPartition]kafka.LogEnds{at(0): {Start: 3, End: 4}, at(1): {Start: 2, End: 2}, at(2): {}})
	// What Kafka refuses of one partition is done of the others.
	if _, err := c.DeleteRecords(t.Context(), topic, map[int32]int64{0: 4, 1: 5}); !errors.Is(err, kafka.ErrInvalid) || !strings.Contains(err.Error(), "deleted-records-1") || strings.Contains(err.Error(), "deleted-records-0") {
		t.Errorf("beyond the end: %v", err)
	}
	wantEnds(map[kafka.TopicPartition]kafka.LogEnds{at(0): {Start: 4, End: 4}, at(1): {Start: 2, End: 2}, at(2): {}})
	if _, err := c.DeleteRecords(t.Context(), topic, map[int32]int64{7: 1}); !errors.Is(err, kafka.ErrNotFound) || !strings.Contains(err.Error(), "no partition 7") {
		t.Errorf("a partition that is not there: %v", err)
	}
	if _, err := c.LogEnds(t.Context(), []kafka.TopicPartition{{Topic: "no-such-topic"}}); !errors.Is(err, kafka.ErrNotFound) {
		t.Errorf("a topic that is not there: %v", err)
	}
	if ends, err := c.LogEnds(t.Context(), nil); err != nil || len(ends) != 0 {
		t.Errorf("no partition: %v, %v", ends, err)
	}
	compacted := []kafka.ConfigChange{{Name: "cleanup.policy", Value: new("compact")}}
	if err := c.AlterTopicConfig(t.Context(), topic, compacted, false); err != nil {
		t.Fatal(err)
	}
	if err := c.AwaitTopicConfig(t.Context(), topic, compacted, func(a, b string) bool { return a == b }); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteRecords(t.Context(), topic, map[int32]int64{0: 4}); !errors.Is(err, kafka.ErrInvalid) || kafka.About(err) != kafka.SubjectPolicy {
		t.Errorf("a compacted topic: %v", err)
	}
}

// TestTheNewLeaderIsAsked: a broker that has just lost a partition says so, and the answer of the new one is taken.
func TestTheNewLeaderIsAsked(t *testing.T) {
	fake, err := kfake.NewCluster(kfake.NumBrokers(2), kfake.SeedTopics(1, "events"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	var moved atomic.Int32
	fake.ControlKey(int16(kmsg.ListOffsets), func(req kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		if moved.Add(1) > 1 {
			return nil, nil, false
		}
		resp, ok := req.ResponseKind().(*kmsg.ListOffsetsResponse)
		if !ok {
			t.Errorf("the answer would be a %T", req.ResponseKind())
		}
		partition := kmsg.NewListOffsetsResponseTopicPartition()
		partition.ErrorCode = kerr.NotLeaderForPartition.Code
		topic := kmsg.NewListOffsetsResponseTopic()
		topic.Topic, topic.Partitions = "events", append(topic.Partitions, partition)
		resp.Topics = append(resp.Topics, topic)
		// It has gone to the other broker by the time of the answer.
		if err := fake.MoveTopicPartition("events", 0, 1-fake.LeaderFor("events", 0)); err != nil {
			t.Error(err)
		}
		return resp, nil, true
	})
	c := connect(t, shared, bootstrap(fake.ListenAddrs()...), timeout(3*time.Second))
	p := kafka.TopicPartition{Topic: "events"}
	if ends, err := c.LogEnds(t.Context(), []kafka.TopicPartition{p}); err != nil || ends[p] != (kafka.LogEnds{}) {
		t.Errorf("%v, %v", ends, err)
	}
	if n := moved.Load(); n != 3 {
		t.Errorf("%d questions, want the start twice and the end once", n)
	}
}
