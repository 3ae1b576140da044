package placement

import (
	"slices"
	"testing"
)

// six brokers, two in each of three zones: 1 and 4 in a, 2 and 5 in b, 3 and 6 in c.
var six = []Broker{{1, "a"}, {2, "b"}, {3, "c"}, {4, "a"}, {5, "b"}, {6, "c"}}

func TestChangeFactor(t *testing.T) {
	tests := map[string]struct {
		partition Sized
		factor    int
		others    [][]int32
		want      []int32 // nil: no move
	}{
		"a replica is added in a zone that has none": {
			partition: Sized{Partition: Partition{Replicas: []int32{1, 2}}, Leader: 1, InSync: []int32{1, 2}}, factor: 3,
			others: [][]int32{{3}, {3}}, want: []int32{1, 2, 6},
		},
		"zones count more than an even load": {
			partition: Sized{Partition: Partition{Replicas: []int32{1, 2}}, Leader: 1, InSync: []int32{1, 2}}, factor: 3,
			others: [][]int32{{3, 6}, {3, 6}}, want: []int32{1, 2, 3},
		},
		"with a replica in each zone the emptiest broker is next": {
			partition: Sized{Partition: Partition{Replicas: []int32{1, 2, 3}}, Leader: 1, InSync: []int32{1, 2, 3}}, factor: 4,
			others: [][]int32{{4}, {6}}, want: []int32{1, 2, 3, 5},
		},
		"of two replicas in one zone one goes": {
			partition: Sized{Partition: Partition{Replicas: []int32{1, 2, 4}}, Leader: 1, InSync: []int32{1, 2, 4}}, factor: 2,
			others: [][]int32{{2}, {2}}, want: []int32{1, 2},
		},
		"a replica that is not in sync goes first": {
			partition: Sized{Partition: Partition{Replicas: []int32{1, 2, 4}}, Leader: 1, InSync: []int32{1, 4}}, factor: 2,
			want: []int32{1, 4},
		},
		"the leader stays, even when it is not the preferred one": {
			partition: Sized{Partition: Partition{Replicas: []int32{1, 2, 3}}, Leader: 3, InSync: []int32{1, 2, 3}}, factor: 1,
			want: []int32{3},
		},
		"the preferred leader stays when it is in sync": {
			partition: Sized{Partition: Partition{Replicas: []int32{1, 2, 3}}, Leader: 3, InSync: []int32{1, 2, 3}}, factor: 2,
			want: []int32{1, 3},
		},
		"nothing moves when the number is right": {
			partition: Sized{Partition: Partition{Replicas: []int32{1, 4}}, Leader: 1, InSync: []int32{1, 4}}, factor: 2,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			all := []Partition{test.partition.Partition}
			for _, replicas := range test.others {
				all = append(all, Partition{Topic: "other", Replicas: replicas})
			}
			moves, err := ChangeFactor([]Sized{test.partition}, test.factor, all, six)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case test.want == nil && len(moves) > 0:
				t.Errorf("moved to %v, want no move", moves[0].To)
			case test.want != nil && (len(moves) != 1 || !slices.Equal(moves[0].To, test.want)):
				t.Errorf("moves are %v, want one to %v", moves, test.want)
			}
		})
	}
}

func TestChangeFactorSpreadsOverBrokers(t *testing.T) {
	var topic []Sized
	var all []Partition
	for i := range int32(12) {
		p := Partition{Topic: "t", Partition: i, Replicas: []int32{1}}
		topic = append(topic, Sized{Partition: p, Leader: 1, InSync: []int32{1}})
		all = append(all, p)
	}
	moves, err := ChangeFactor(topic, 3, all, six)
	if err != nil {
		t.Fatal(err)
	}
	count := map[int32]int{}
	for _, m := range moves {
		for _, r := range m.To {
			count[r]++
		}
	}
	for _, id := range []int32{2, 3, 5, 6} {
		if count[id] != 6 {
			t.Errorf("broker %d has %d replicas, want 6: %v", id, count[id], count)
		}
	}
	if count[4] != 0 {
		t.Errorf("broker 4, in the zone of every partition's first replica, has %d replicas", count[4])
	}
}

func TestChangeFactorRefusesMoreReplicasThanBrokers(t *testing.T) {
	topic := []Sized{{Partition: Partition{Replicas: []int32{1}}, Leader: 1, InSync: []int32{1}}}
	if moves, err := ChangeFactor(topic, 4, nil, six[:3]); err == nil {
		t.Errorf("got moves %v for 4 replicas on 3 brokers, want an error", moves)
	}
}
