package fleet

import (
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// TestARefusalIsLookedAtAgain: while a move begins or ends, a partition can look for a moment as if it had four replicas for good, which is
// no reason to refuse three brokers. What stays is one.
func TestARefusalIsLookedAtAgain(t *testing.T) {
	four := kafka.Partition{Topic: "t", Leader: 1, Replicas: []int32{1, 2, 3, 4}, ISR: []int32{1, 2, 3}}
	three := kafka.Partition{Topic: "t", Leader: 1, Replicas: []int32{1, 2, 3}, ISR: []int32{1, 2, 3}}
	for name, c := range map[string]struct {
		views []kafka.Partition
		want  int
		looks int
	}{
		"never so":       {[]kafka.Partition{three}, 3, 1},
		"for a moment":   {[]kafka.Partition{four, four, three, four}, 3, 3},
		"all the time":   {[]kafka.Partition{four}, 4, 1 + secondLooks},
		"until the last": {[]kafka.Partition{four, four, four, four, four, four, three}, 3, 1 + secondLooks},
	} {
		t.Run(name, func(t *testing.T) {
			driver := &fakeDriver{record: compute.Cluster{Name: "c", ID: "x", NextNodeID: 4}}
			for id := range int32(3) {
				driver.instances = append(driver.instances, compute.Instance{
					Spec: compute.NodeSpec{NodeID: id + 1, Role: compute.RoleBroker, Group: "main", InstanceType: "small"}, State: compute.StateRunning, Address: "x",
				})
			}
			k := &movedKafka{views: c.views}
			client := New(driver, Options{Poll: time.Millisecond, Kafka: func(string) Kafka { return k }})
			f, err := client.SteadyFacts(t.Context(), "c", func(f Facts) bool { return f.HighestReplication > 3 })
			if err != nil || f.HighestReplication != c.want || k.asked != c.looks {
				t.Errorf("replication %d after %d looks, %v; want %d after %d", f.HighestReplication, k.asked, err, c.want, c.looks)
			}
		})
	}
}
