package throttle

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
)

var start = time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)

func tp(topic string, partition int32) plan.TopicPartition {
	return plan.TopicPartition{Topic: topic, Partition: partition}
}

func sized(bytes ...int64) []plan.Partition {
	var out []plan.Partition
	for i, b := range bytes {
		out = append(out, plan.Partition{TopicPartition: tp("t", int32(i)), Bytes: b})
	}
	return out
}

// TestMeter: growth needs two observations five seconds apart, and what shrinks or was not seen before does not grow.
func TestMeter(t *testing.T) {
	var m Meter
	m.Observe(sized(100, 1000, 0, 10), start)
	m.Observe(sized(999, 1000, 50, 10), start.Add(4*time.Second))
	if m.Growth() != nil {
		t.Fatalf("measured over four seconds: %v", m.Growth())
	}
	m.Observe(sized(600, 900, 70, 10), start.Add(5*time.Second))
	if diff := cmp.Diff(Growth{tp("t", 0): 100}, m.Growth()); diff != "" {
		t.Error(diff)
	}
	m.Observe(sized(600, 900, 170, 10), start.Add(15*time.Second))
	if diff := cmp.Diff(Growth{tp("t", 2): 10}, m.Growth()); diff != "" {
		t.Error(diff)
	}
}

// TestTraffic: what comes in is what the replicas in sync gain; what goes out is what is led, for each follower in sync and one
// consumer. A replica that is being copied is neither.
func TestTraffic(t *testing.T) {
	partitions := []plan.Partition{
		{TopicPartition: tp("t", 0), Leader: 1, Replicas: []int32{1, 2, 3}, ISR: []int32{1, 2, 3}},
		{TopicPartition: tp("t", 1), Leader: 2, Replicas: []int32{2, 1, 4}, ISR: []int32{2, 1}, Adding: []int32{4}},
		{TopicPartition: tp("t", 2), Leader: 3, Replicas: []int32{3}, ISR: []int32{3}},
	}
	growth := Growth{tp("t", 0): 100, tp("t", 1): 10, tp("t", 2): 1}
	want := map[int32]Rates{1: {Leader: 300, Follower: 110}, 2: {Leader: 20, Follower: 110}, 3: {Leader: 1, Follower: 101}}
	if diff := cmp.Diff(want, growth.Traffic(partitions)); diff != "" {
		t.Error(diff)
	}
}

// TestNeed: a copy has to take in what the partition gains meanwhile, and its leader sends that to every follower.
func TestNeed(t *testing.T) {
	copied := []plan.Partition{
		{TopicPartition: tp("t", 0), Leader: 1, Replicas: []int32{4, 2, 3, 1}, ISR: []int32{1, 2, 3}, Adding: []int32{4}, Removing: []int32{1}},
		{TopicPartition: tp("t", 1), Leader: 1, Replicas: []int32{4, 2, 1}, ISR: []int32{1, 2, 4}, Adding: []int32{4}, Removing: []int32{1}},
	}
	want := map[int32]Rates{1: {Leader: 300 + 20}, 4: {Follower: 100}}
	if diff := cmp.Diff(want, Growth{tp("t", 0): 100, tp("t", 1): 10}.Need(copied)); diff != "" {
		t.Error(diff)
	}
}
