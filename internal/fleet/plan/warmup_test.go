package plan_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
)

// cold is a fleet of three in which broker 7 takes over from broker 4, which holds one replica of each of these sizes, partition i of the i-th. A second's worth is
// 1,000 bytes.
func cold(sizes ...int64) (plan.Group, plan.Observation) {
	g, o := groupOf(3), fleetOf(3)
	g.BatchBytes = 1000 * int64(plan.BatchTime.Seconds())
	o.Nodes[0].SpecHash = "old"
	successor := served(7, "a")
	successor.Replaces = 4
	o.Nodes, o.NextNodeID = append(o.Nodes, successor), 8
	o.Partitions = nil
	for i, size := range sizes {
		o.Partitions = append(o.Partitions, plan.Partition{
			TopicPartition: plan.TopicPartition{Topic: "t", Partition: int32(i)}, Leader: 5, Replicas: []int32{4, 5, 6}, ISR: []int32{4, 5, 6}, Bytes: size,
		})
	}
	return g, o
}

// movedTo says of which partitions a broker is to get a replica now.
func movedTo(g plan.Group, o plan.Observation) []int32 {
	got := map[int32]bool{}
	for _, s := range plan.Next(g, o, noon).Steps {
		for _, m := range s.Moves {
			if slices.Contains(m.Added(), 7) {
				got[m.Partition] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(got))
}

// TestANewBrokerGetsItsTinyReplicasFirst, and nothing else until it is in sync with them.
func TestANewBrokerGetsItsTinyReplicasFirst(t *testing.T) {
	adding := func(o *plan.Observation, partitions ...int) {
		for _, i := range partitions {
			o.Partitions[i].Replicas, o.Partitions[i].Adding, o.Partitions[i].Removing = []int32{7, 5, 6, 4}, []int32{7}, []int32{4}
		}
	}
	done := func(o *plan.Observation, partitions ...int) {
		for _, i := range partitions {
			o.Partitions[i].Replicas, o.Partitions[i].ISR = []int32{7, 5, 6}, []int32{7, 5, 6}
		}
	}
	for name, c := range map[string]struct {
		sizes  []int64
		change func(*plan.Group, *plan.Observation)
		want   []int32
	}{
		"tiny ones and large ones":       {[]int64{5000, 100, 5000, 1}, nil, []int32{1, 3}},
		"none is tiny":                   {[]int64{5000, 101, 200}, nil, []int32{0, 1, 2}},
		"all are tiny":                   {[]int64{100, 100, 0}, nil, []int32{0, 1, 2}},
		"more than a second's worth":     {[]int64{100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 101}, nil, []int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
		"what is tiny nobody knows":      {[]int64{5000, 0}, func(g *plan.Group, _ *plan.Observation) { g.BatchBytes = 0 }, []int32{0, 1}},
		"the tiny ones are on their way": {[]int64{5000, 1, 1}, func(_ *plan.Group, o *plan.Observation) { adding(o, 1, 2) }, nil},
		"one of them is still":           {[]int64{5000, 1, 1}, func(_ *plan.Group, o *plan.Observation) { done(o, 1); adding(o, 2) }, nil},
		"they are there":                 {[]int64{5000, 1, 1}, func(_ *plan.Group, o *plan.Observation) { done(o, 1, 2) }, []int32{0}},
		"in sync, and not ended by Kafka": {[]int64{5000, 1}, func(_ *plan.Group, o *plan.Observation) {
			adding(o, 1)
			o.Partitions[1].ISR = []int32{4, 5, 6, 7}
		}, []int32{0}},
		"their leader died on the way": {[]int64{5000, 1}, func(_ *plan.Group, o *plan.Observation) {
			adding(o, 1)
			o.Partitions[1].Leader = -1
		}, []int32{0}},
		"what is tiny and did not fit goes with the others": {[]int64{100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 101}, func(_ *plan.Group, o *plan.Observation) {
			done(o, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
		}, []int32{10, 11}},
		"large ones are on their way": {[]int64{5000, 5000, 1}, func(_ *plan.Group, o *plan.Observation) { adding(o, 0) }, []int32{1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			g, o := cold(c.sizes...)
			if c.change != nil {
				c.change(&g, &o)
			}
			if got := movedTo(g, o); !slices.Equal(got, c.want) {
				t.Errorf("partitions %v, want %v", got, c.want)
			}
		})
	}
}
