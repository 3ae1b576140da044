package kafka_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// throttled moves a filled partition from broker 1 to broker 3 so slowly that it stays in flight.
func throttled(t *testing.T, c *kafka.Client, topic string) {
	t.Helper()
	createTopic(t, shared, topic, []int32{1, 2})
	fill(t, shared, topic, 0, 5_000_000)
	tp := kafka.TopicPartition{Topic: topic}
	leaders, followers := map[kafka.TopicPartition][]int32{tp: {1, 2}}, map[kafka.TopicPartition][]int32{tp: {3}}
	slow := kafka.BrokerThrottle{Leader: 50_000, Follower: 50_000}
	if err := c.SetThrottle(t.Context(), map[int32]kafka.BrokerThrottle{1: slow, 2: slow, 3: slow}, leaders, followers); err != nil {
		t.Fatal(err)
	}
	// A broker that has not heard of its rate yet would let the data through at once.
	eventually(t, time.Minute, func() string {
		state, err := c.Throttles(t.Context(), []int32{1, 2, 3}, []string{topic})
		if err != nil {
			return err.Error()
		}
		if len(state.Brokers) != 3 || len(state.Topics) != 1 {
			return fmt.Sprintf("the throttle is not in force: %+v", state)
		}
		return ""
	})
	if err := c.Reassign(t.Context(), []kafka.Reassignment{{Topic: topic, Replicas: []int32{3, 2}}}, false); err != nil {
		t.Fatal(err)
	}
}

func unthrottle(t *testing.T, c *kafka.Client, topic string) {
	t.Helper()
	state, err := c.Throttles(t.Context(), []int32{1, 2, 3}, []string{topic})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.ClearThrottle(t.Context(), state); err != nil {
		t.Fatal(err)
	}
}

func TestReassignmentIsSeenFromStartToEnd(t *testing.T) {
	const topic = "moved"
	c := connect(t, shared)
	throttled(t, c, topic)

	p := partition(t, c, topic, 0)
	if !slices.Equal(p.Adding, []int32{3}) || !slices.Equal(p.Removing, []int32{1}) || !slices.Equal(p.Target(), []int32{3, 2}) {
		t.Errorf("in flight: %+v, want 3 added, 1 removed, target 3,2", p)
	}
	if slices.Contains(p.ISR, 3) {
		t.Errorf("the throttle did not hold: %+v", p)
	}
	if len(p.Replicas) != 3 {
		t.Errorf("replicas %v, want old and new ones", p.Replicas)
	}

	unthrottle(t, c, topic)
	eventually(t, 2*time.Minute, func() string {
		p := partition(t, c, topic, 0)
		isr := slices.Sorted(slices.Values(p.ISR))
		if slices.Equal(p.Replicas, []int32{3, 2}) && len(p.Adding) == 0 && len(p.Removing) == 0 && slices.Equal(isr, []int32{2, 3}) {
			return ""
		}
		return fmt.Sprintf("not moved: %+v", p)
	})
	eventually(t, time.Minute, func() string {
		dirs, err := c.LogDirs(t.Context(), []int32{1, 2, 3})
		if err != nil {
			return err.Error()
		}
		bytes := map[int32]int64{}
		for _, d := range dirs {
			if d.Err != nil || d.TotalBytes <= 0 || d.UsableBytes <= 0 || d.Path == "" {
				t.Errorf("log directory %+v", d)
			}
			for _, r := range d.Replicas {
				if r.Topic == topic {
					bytes[r.Broker] += r.Bytes
				}
			}
		}
		if _, still := bytes[1]; still || bytes[2] < 5_000_000 || bytes[2] != bytes[3] {
			return fmt.Sprintf("bytes by broker %v, want nothing on 1 and the same on 2 and 3", bytes)
		}
		return ""
	})
	again := []kafka.Reassignment{{Topic: topic, Replicas: []int32{3, 2}}}
	if err := c.Reassign(t.Context(), again, false); err != nil {
		t.Errorf("what is so already: %v", err)
	}
}

// TestReplicasGoRoundAndRound: a broker that lags behind the moves of many partitions makes none of them look overtaken by another one.
func TestReplicasGoRoundAndRound(t *testing.T) {
	const topic, partitions, rounds = "round", 12, 12
	c := connect(t, shared)
	placed := func(partition, round int) []int32 {
		return []int32{int32((partition+round)%3 + 1), int32((partition+round+1)%3 + 1)}
	}
	var replicas [][]int32
	for p := range partitions {
		replicas = append(replicas, placed(p, 0))
	}
	createTopic(t, shared, topic, replicas...)
	for round := 1; round <= rounds; round++ {
		var list []kafka.Reassignment
		for p := range partitions {
			list = append(list, kafka.Reassignment{Topic: topic, Partition: int32(p), Replicas: placed(p, round)})
		}
		if err := c.Reassign(t.Context(), list, false); err != nil {
			t.Fatal(err)
		}
		if err := c.AwaitReplicas(t.Context(), topic, list); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
}

func TestCancelReassign(t *testing.T) {
	const topic = "cancelled"
	c := connect(t, shared)
	throttled(t, c, topic)
	partitions := []kafka.TopicPartition{{Topic: topic}}
	if err := c.CancelReassign(t.Context(), partitions); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, func() string {
		p := partition(t, c, topic, 0)
		if !slices.Equal(slices.Sorted(slices.Values(p.Replicas)), []int32{1, 2}) || len(p.Adding)+len(p.Removing) > 0 {
			return fmt.Sprintf("%+v, want the original replicas", p)
		}
		return ""
	})
	unthrottle(t, c, topic)
	if err := c.CancelReassign(t.Context(), partitions); err != nil {
		t.Errorf("nothing in flight: %v", err)
	}
}

func TestReassignRefusesAChangeOfReplicationFactorByMistake(t *testing.T) {
	const topic = "refactored"
	c := connect(t, shared)
	createTopic(t, shared, topic, []int32{1, 2}, []int32{2, 3})
	list := []kafka.Reassignment{
		{Topic: topic, Partition: 0, Replicas: []int32{1, 2, 3}},
		{Topic: topic, Partition: 1, Replicas: []int32{3, 1}},
		{Topic: "no-such-topic", Partition: 0, Replicas: []int32{3, 1}},
	}
	err := c.Reassign(t.Context(), list, false)
	if !errors.Is(err, kafka.ErrInvalid) || !errors.Is(err, kafka.ErrNotFound) {
		t.Fatalf("error %v, want ErrInvalid for one partition and ErrNotFound for another", err)
	}
	if !strings.Contains(err.Error(), `partition 0 of topic "refactored"`) || strings.Contains(err.Error(), `partition 1 of topic "refactored"`) {
		t.Errorf("the error names the wrong partitions: %v", err)
	}
	// What has moved already is no error.
	if errs := c.ReassignEach(t.Context(), list, false); !errors.Is(errs[0], kafka.ErrInvalid) || errs[1] != nil || !errors.Is(errs[2], kafka.ErrNotFound) {
		t.Errorf("the errors of the partitions are %v", errs)
	}
	eventually(t, time.Minute, func() string {
		if p := partition(t, c, topic, 1); !slices.Equal(p.Replicas, []int32{3, 1}) {
			return fmt.Sprintf("partition 1 was not moved: %+v", p)
		}
		return ""
	})
	if p := partition(t, c, topic, 0); !slices.Equal(p.Replicas, []int32{1, 2}) {
		t.Errorf("partition 0 was changed: %+v", p)
	}
	if err := c.Reassign(t.Context(), list[:1], true); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, func() string {
		if p := partition(t, c, topic, 0); !slices.Equal(p.Replicas, []int32{1, 2, 3}) || len(p.ISR) != 3 {
			return fmt.Sprintf("the replication factor was not raised: %+v", p)
		}
		return ""
	})
}

func TestElectPreferred(t *testing.T) {
	const topic = "led"
	c := connect(t, shared)
	createTopic(t, shared, topic, []int32{1, 2})
	if err := c.Reassign(t.Context(), []kafka.Reassignment{{Topic: topic, Replicas: []int32{2, 1}}}, false); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, func() string {
		p := partition(t, c, topic, 0)
		if !slices.Equal(p.Replicas, []int32{2, 1}) || len(p.Adding)+len(p.Removing) > 0 || len(p.ISR) != 2 {
			return fmt.Sprintf("%+v", p)
		}
		return ""
	})
	if p := partition(t, c, topic, 0); p.Leader != 1 {
		t.Fatalf("leader %d before the election, want 1", p.Leader)
	}
	partitions := []kafka.TopicPartition{{Topic: topic}}
	for range 2 {
		if err := c.ElectPreferred(t.Context(), partitions); err != nil {
			t.Fatal(err)
		}
		eventually(t, time.Minute, func() string {
			if p := partition(t, c, topic, 0); p.Leader != 2 {
				return fmt.Sprintf("leader %d, want 2", p.Leader)
			}
			return ""
		})
	}
	err := c.ElectPreferred(t.Context(), []kafka.TopicPartition{{Topic: "no-such-topic"}})
	if !errors.Is(err, kafka.ErrNotFound) {
		t.Errorf("missing topic: %v, want ErrNotFound", err)
	}
	if err := c.ElectPreferred(t.Context(), nil); err != nil {
		t.Errorf("no partitions: %v", err)
	}
}
