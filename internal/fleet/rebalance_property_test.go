package fleet

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/model"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
)

// TestRebalanceRunsAsPlanned: in batches or at once, a rebalance copies what its plan said but for a partition, never puts two replicas
// of a partition into one zone, and leaves nothing that a second one would move.
func TestRebalanceRunsAsPlanned(t *testing.T) {
	spec := goalOf(t, group(nil), 0, compute.Cluster{}).spec
	rapid.Check(t, func(t *rapid.T) {
		perZone := rapid.IntRange(2, 4).Draw(t, "brokers a zone")
		o := observed{record: compute.Cluster{Name: "c", ID: "x"}, instances: map[int32]compute.Instance{}}
		o.NextNodeID, o.KafkaUp = 100, true
		zone := func(id int32) string { return []string{"a", "b", "c"}[id%3] }
		for id := range int32(3 * perZone) {
			s := spec
			s.NodeID, s.Zone = id, zone(id)
			o.instances[id] = compute.Instance{ID: fmt.Sprint(id), Spec: s, State: compute.StateRunning}
			o.Nodes = append(o.Nodes, plan.Node{
				ID: id, Role: s.Role, Group: s.Group, Zone: s.Zone, InstanceID: fmt.Sprint(id), State: compute.StateRunning, SpecHash: s.SpecHash,
				Registered: true, Answering: true,
			})
		}
		// Low brokers are drawn more often, so that they are the full ones.
		broker := rapid.Custom(func(t *rapid.T) int32 {
			return min(rapid.Int32Range(0, int32(perZone-1)).Draw(t, "broker"), rapid.Int32Range(0, int32(perZone-1)).Draw(t, "or"))
		})
		for i := range rapid.IntRange(10, 60).Draw(t, "partitions") {
			var replicas []int32
			for z := range int32(3) {
				replicas = append(replicas, 3*broker.Draw(t, "place")+z)
			}
			first := rapid.IntRange(0, 2).Draw(t, "first")
			replicas[0], replicas[first] = replicas[first], replicas[0]
			o.Partitions = append(o.Partitions, plan.Partition{
				TopicPartition: plan.TopicPartition{Topic: "t", Partition: int32(i)}, Leader: replicas[0], Replicas: replicas, ISR: replicas,
				Bytes: rapid.Int64Range(1, 100).Draw(t, "MiB") << 20,
			})
		}
		g, err := evenOut.settledGoal(&o, catalog)
		if err != nil {
			t.Fatal(err)
		}
		g.group.BatchBytes = rapid.SampledFrom([]int64{0, 50 << 20, 200 << 20}).Draw(t, "batch")
		planned := planRebalance(g, o)
		fleet := model.New(o.Observation, time.Now())
		steps, short := fleet.Run(g.group, 1000)
		moved := int64(0)
		for _, s := range steps {
			moved += s.Bytes()
			for _, m := range s.Moves {
				zones := map[string]bool{}
				for _, id := range m.To {
					zones[zone(id)] = true
				}
				if len(zones) != 3 {
					t.Fatalf("%s: %v goes to %v, of %d zones", s, m.TopicPartition, m.To, len(zones))
				}
			}
		}
		// Each batch is planned anew from what the ones before it made, so a partition more or less may go in so coarse a fleet.
		if short != "" || moved > planned.BytesToMove+100<<20 || moved < planned.BytesToMove-100<<20 {
			t.Fatalf("the run copies %d, the plan said %d; it stops at %q", moved, planned.BytesToMove, short)
		}
		o.Observation = fleet.Observation
		again, err := evenOut.settledGoal(&o, catalog)
		if err != nil {
			t.Fatal(err)
		}
		if p := planRebalance(again, o); len(p.Moves) > 0 {
			t.Fatalf("the second rebalance moves %d partitions", len(p.Moves))
		}
	})
}
