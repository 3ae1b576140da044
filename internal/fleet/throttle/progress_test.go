package throttle

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
)

func moving(partition int32, bytes int64) plan.Partition {
	return plan.Partition{TopicPartition: tp(partition), Leader: 1, Replicas: []int32{4, 1}, ISR: []int32{1}, Adding: []int32{4}, Removing: []int32{1}, Bytes: bytes}
}

func moved(partition int32, bytes int64) plan.Partition {
	return plan.Partition{TopicPartition: tp(partition), Leader: 4, Replicas: []int32{4}, ISR: []int32{4}, Bytes: bytes}
}

func replica(partition int32) Replica { return Replica{tp(partition), 4} }

func TestTrackerFollowsTheCopying(t *testing.T) {
	var tr Tracker
	tr.Observe([]plan.Partition{moving(9, 100)}, nil, start)
	if p := tr.Progress(); p != (Progress{}) || p.String() != "" {
		t.Fatalf("somebody else's move is followed: %+v", p)
	}
	tr.Ask(replica(0), replica(1))
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	tr.Observe([]plan.Partition{moving(0, 1000), moving(1, 500)}, map[Replica]int64{}, at(0))
	tr.Observe([]plan.Partition{moving(0, 1000), moving(1, 500)}, map[Replica]int64{replica(0): 300, replica(1): 100}, at(5))
	want := Progress{Of: 2, BytesLeft: 700 + 400, BytesPerSecond: 80, ETA: 14 * time.Second}
	if diff := cmp.Diff(want, tr.Progress()); diff != "" {
		t.Error(diff)
	}
	// The partition grew while it was copied, and its broker did not say how large the other replica is.
	tr.Observe([]plan.Partition{moving(0, 1000), moved(1, 600)}, map[Replica]int64{replica(1): 600}, at(10))
	want = Progress{Partitions: 1, Of: 2, BytesMoved: 600, BytesLeft: 700, BytesPerSecond: 100, ETA: 7 * time.Second}
	if diff := cmp.Diff(want, tr.Progress()); diff != "" {
		t.Error(diff)
	}
	if text := tr.Progress().String(); text != "1 of 2 partitions moved, 700B left" {
		t.Error(text)
	}
	tr.Observe([]plan.Partition{moved(0, 1000), moved(1, 600)}, map[Replica]int64{}, at(12))
	if p := tr.Progress(); p.BytesMoved != 1600 || p.BytesLeft != 0 || p.Partitions != 2 {
		t.Errorf("at the end: %+v", p)
	}
	tr.Observe([]plan.Partition{moved(0, 1000), moved(1, 600)}, map[Replica]int64{}, at(14))
	if p := tr.Progress(); p.BytesMoved != 1600 || p.BytesPerSecond != 0 {
		t.Errorf("after the end: %+v", p)
	}
}

// TestTrackerWaitsForTheMetadata: right after a move was asked for, a broker may still show the partition as it was.
func TestTrackerWaitsForTheMetadata(t *testing.T) {
	var tr Tracker
	tr.Ask(replica(0))
	before := plan.Partition{TopicPartition: tp(0), Leader: 1, Replicas: []int32{1}, ISR: []int32{1}, Bytes: 10}
	tr.Observe([]plan.Partition{before}, nil, start)
	if p := tr.Progress(); p.Partitions != 0 || p.BytesLeft != 10 {
		t.Errorf("%+v", p)
	}
	tr.Observe(nil, nil, start.Add(time.Second))
	if p := tr.Progress(); p.BytesMoved != 0 || p.BytesLeft != 0 {
		t.Errorf("the topic was deleted: %+v", p)
	}
}

// TestStalled: nothing nearer to the end for as long as the limit should have let enough through.
func TestStalled(t *testing.T) {
	cases := map[string]struct {
		limit  int64
		left   [2]int64 // before and after
		after  time.Duration
		stalls bool
	}{
		"no progress":                      {1_000_000, [2]int64{500, 500}, 31 * time.Second, true},
		"falls behind":                     {1_000_000, [2]int64{500, 900}, 31 * time.Second, true},
		"a little progress":                {1_000_000, [2]int64{500, 499}, 31 * time.Second, false},
		"too early to say":                 {1_000_000, [2]int64{500, 500}, 29 * time.Second, false},
		"too early to say of a slow limit": {65_536, [2]int64{500, 500}, 300 * time.Second, false},
		"a slow limit":                     {65_536, [2]int64{500, 500}, 306 * time.Second, true},
		"no limit":                         {0, [2]int64{500, 500}, time.Hour, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var tr Tracker
			tr.Ask(replica(0))
			tr.Observe([]plan.Partition{moving(0, c.left[0])}, nil, start)
			now := start.Add(c.after)
			tr.Observe([]plan.Partition{moving(0, c.left[1])}, nil, now)
			if got := tr.Stalled(c.limit, now); got != c.stalls {
				t.Errorf("stalled: %t", got)
			}
			tr.Raised()
			tr.Observe([]plan.Partition{moving(0, c.left[1])}, nil, now)
			if tr.Stalled(c.limit, now.Add(29*time.Second)) {
				t.Error("a raised limit gets no time")
			}
		})
	}
}

// TestACompleteReplicaHasAllItsBytes: the disks are read a moment before the metadata, and what they lack by then has been copied as well.
func TestACompleteReplicaHasAllItsBytes(t *testing.T) {
	var tracker Tracker
	r := Replica{TopicPartition: plan.TopicPartition{Topic: "t"}, Broker: 4}
	tracker.Ask(r)
	p := plan.Partition{TopicPartition: r.TopicPartition, Replicas: []int32{4}, ISR: []int32{4}, Bytes: 100}
	tracker.Observe([]plan.Partition{p}, map[Replica]int64{r: 80}, time.Time{}.Add(time.Hour))
	if got := tracker.Progress().BytesMoved; got != 100 {
		t.Errorf("%d bytes moved, want 100", got)
	}
}
