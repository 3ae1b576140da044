package placement

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// moves are made from texts like "10 1,2>1,3": a partition of 10 bytes on 1 and 2 goes to 1 and 3.
func move(number int32, bytes int64, from, to []int32) Move {
	return Move{Partition: Partition{Topic: "t", Partition: number, Replicas: from, Leader: from[0], Bytes: bytes}, To: to}
}

func TestBatch(t *testing.T) {
	l := func(ids ...int32) []int32 { return ids }
	tests := map[string]struct {
		moves, inFlight []Move
		limits          Limits
		want            []int32
	}{
		"without limits all start, the biggest first": {
			[]Move{move(0, 5, l(1), l(2)), move(1, 9, l(3), l(4))}, nil, Limits{}, l(1, 0),
		},
		"so many in all": {
			[]Move{move(0, 5, l(1), l(2)), move(1, 9, l(3), l(4)), move(2, 7, l(5), l(6))}, []Move{move(3, 1, l(7), l(8))}, Limits{Partitions: 3}, l(1, 2),
		},
		"what is in flight does not start again": {
			[]Move{move(0, 5, l(1), l(2)), move(1, 9, l(3), l(4))}, []Move{move(1, 9, l(3), l(4))}, Limits{}, l(0),
		},
		"the way with most ahead goes first": {
			[]Move{move(0, 8, l(1), l(2)), move(1, 6, l(3), l(4)), move(2, 6, l(5), l(4))}, nil, Limits{Partitions: 1}, l(1),
		},
		"so many into a broker": {
			[]Move{move(0, 5, l(1), l(4)), move(1, 5, l(2), l(4)), move(2, 5, l(3), l(4))}, nil, Limits{MovesPerBroker: 2}, l(0, 1),
		},
		"so many out of a broker": {
			[]Move{move(0, 5, l(4), l(1)), move(1, 5, l(4), l(2)), move(2, 5, l(4), l(3))}, []Move{move(3, 5, l(4), l(5))}, Limits{MovesPerBroker: 2}, l(0),
		},
		"data comes from the leader": {
			[]Move{move(0, 5, l(9, 1), l(9, 4)), move(1, 5, l(9, 2), l(9, 5)), move(2, 5, l(8, 3), l(8, 6))}, nil, Limits{MovesPerBroker: 1}, l(0, 2),
		},
		"so many bytes at a broker": {
			[]Move{move(0, 60, l(1), l(4)), move(1, 50, l(2), l(4)), move(2, 30, l(3), l(4))}, nil, Limits{BytesPerBroker: 100}, l(0, 2),
		},
		"a larger one may go alone": {
			[]Move{move(0, 600, l(1), l(4)), move(1, 50, l(2), l(4))}, nil, Limits{BytesPerBroker: 100}, l(0),
		},
		"but not beside another one": {
			[]Move{move(0, 600, l(1), l(4))}, []Move{move(1, 50, l(2), l(4))}, Limits{BytesPerBroker: 100}, nil,
		},
		"a new order of replicas is limited by number only": {
			[]Move{move(0, 600, l(1, 4), l(4, 1)), move(1, 50, l(2), l(4))}, nil, Limits{BytesPerBroker: 100, MovesPerBroker: 1}, l(1, 0),
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got []int32
			for _, m := range Batch(test.moves, test.inFlight, test.limits) {
				got = append(got, m.Partition.Partition)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBatchLeavesAnOldReplica(t *testing.T) {
	tests := []struct {
		leader           int32
		inSync, from, to []int32
		want             string
	}{
		{1, nil, []int32{1, 2, 3}, []int32{4, 5, 6}, "[1 5 6]"},
		{2, nil, []int32{1, 2, 3}, []int32{4, 5, 6}, "[4 2 6]"},
		{2, []int32{3}, []int32{1, 2, 3}, []int32{4, 5, 6}, "[4 5 3]"},
		{-1, []int32{3}, []int32{1, 2, 3}, []int32{4, 5, 6}, "[4 5 3]"},
		{-1, nil, []int32{1, 2, 3}, []int32{4, 5, 6}, "[1 5 6]"},
		{3, nil, []int32{1, 2, 3}, []int32{4, 5}, "[4 3]"},
		{1, nil, []int32{1, 2, 3}, []int32{4, 5, 1}, "[4 5 1]"},
		{1, nil, []int32{1}, []int32{4}, "[4]"},
	}
	for _, test := range tests {
		m := Move{Partition: Partition{Topic: "t", Replicas: test.from, Leader: test.leader, InSync: test.inSync}, To: test.to}
		if got := fmt.Sprint(Batch([]Move{m}, nil, Limits{})[0].To); got != test.want {
			t.Errorf("%+v gave %s", test, got)
		}
	}
}

// TestBatchLeavesAnOldReplicaInItsZone: in a list that was reordered for its leader, the new replica in the same position may be of another
// zone, and cutting that one would put two replicas into one.
func TestBatchLeavesAnOldReplicaInItsZone(t *testing.T) {
	zones := map[int32]string{1: "a", 2: "b", 3: "c", 4: "a", 5: "b", 6: "c"}
	for leader, want := range map[int32]string{1: "[6 5 1]", 2: "[6 2 4]", 3: "[3 5 4]"} {
		m := Move{Partition: Partition{Topic: "t", Replicas: []int32{1, 2, 3}, Leader: leader}, To: []int32{6, 5, 4}}
		if got := fmt.Sprint(Batch([]Move{m}, nil, Limits{Zones: zones})[0].To); got != want {
			t.Errorf("leader %d: %s, want %s", leader, got, want)
		}
	}
}
