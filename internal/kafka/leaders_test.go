package kafka_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// TestRestoredLeadersAreKnownToEveryBroker: each partition is told by what came of it, and when the call returns no broker shows another leader.
func TestRestoredLeadersAreKnownToEveryBroker(t *testing.T) {
	const name, behind = "restored", "restored-behind"
	c := connect(t, shared)
	createTopic(t, shared, name, []int32{1, 2}, []int32{2, 3}, []int32{1, 3})
	if err := c.Reassign(t.Context(), []kafka.Reassignment{{Topic: name, Replicas: []int32{2, 1}}, {Topic: name, Partition: 2, Replicas: []int32{3, 1}}}, false); err != nil {
		t.Fatal(err)
	}
	throttled(t, c, behind)
	defer func() {
		if err := c.CancelReassign(t.Context(), []kafka.TopicPartition{{Topic: behind}}); err != nil {
			t.Error(err)
		}
		unthrottle(t, c, behind)
	}()
	var before []kafka.Partition
	eventually(t, time.Minute, func() string {
		before = []kafka.Partition{partition(t, c, name, 0), partition(t, c, name, 1), partition(t, c, name, 2), partition(t, c, behind, 0)}
		if before[0].Replicas[0] != 2 || before[2].Replicas[0] != 3 || before[3].Replicas[0] != 3 {
			return fmt.Sprintf("the order of replicas is not as it shall be: %+v", before)
		}
		return ""
	})
	sort := func(l kafka.Leadership) (preferred, elsewhere, behind []int) {
		numbers := func(partitions []kafka.Partition) (found []int) {
			for _, p := range partitions {
				found = append(found, slices.IndexFunc(before, func(b kafka.Partition) bool { return b.Topic == p.Topic && b.Partition == p.Partition }))
			}
			return found
		}
		return numbers(l.Preferred), numbers(l.Elsewhere), numbers(l.Behind)
	}
	if preferred, elsewhere, late := sort(kafka.PreferredLeadership(before)); !slices.Equal(preferred, []int{1}) || !slices.Equal(elsewhere, []int{0, 2}) || !slices.Equal(late, []int{3}) {
		t.Errorf("before: led by the preferred replica %v, by another one %v, behind %v", preferred, elsewhere, late)
	}
	after, err := c.RestoreLeaders(t.Context(), before)
	if err != nil {
		t.Fatal(err)
	}
	if preferred, elected, late := sort(after); !slices.Equal(preferred, []int{1}) || !slices.Equal(elected, []int{0, 2}) || !slices.Equal(late, []int{3}) {
		t.Errorf("led by the preferred replica before %v, elected %v, behind %v", preferred, elected, late)
	}
	for i, leaders := range leadersByBroker(t, name) {
		if !slices.Equal(leaders, []int32{2, 2, 3}) {
			t.Errorf("broker %d shows leaders %v", i+1, leaders)
		}
	}
	// What fell out of sync just before the election is refused by Kafka, and is no error either.
	before[3].ISR = append(before[3].ISR, 3)
	if after, err = c.RestoreLeaders(t.Context(), before[3:]); err != nil || len(after.Behind) != 1 || len(after.Elsewhere) != 0 {
		t.Errorf("fell out of sync: %+v, %v", after, err)
	}
	gone := kafka.Partition{Topic: "no-such-topic", Leader: 1, Replicas: []int32{2, 1}, ISR: []int32{1, 2}}
	if after, err = c.RestoreLeaders(t.Context(), []kafka.Partition{gone}); !errors.Is(err, kafka.ErrNotFound) || len(after.Elsewhere) != 0 {
		t.Errorf("a topic that is not there: %+v, %v", after, err)
	}
	if after, err = c.RestoreLeaders(t.Context(), nil); err != nil || len(after.Elsewhere) != 0 {
		t.Errorf("no partition: %+v, %v", after, err)
	}
}

// leadersByBroker are the leaders of a topic's partitions as each broker shows them.
func leadersByBroker(t *testing.T, name string) [][]int32 {
	t.Helper()
	var all [][]int32
	for _, broker := range dial(t, shared).SeedBrokers() {
		req := kmsg.NewPtrMetadataRequest()
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = &name
		req.Topics = append(req.Topics, topic)
		resp, err := req.RequestWith(t.Context(), broker)
		if err != nil {
			t.Fatal(err)
		}
		leaders := make([]int32, len(resp.Topics[0].Partitions))
		for _, p := range resp.Topics[0].Partitions {
			leaders[p.Partition] = p.Leader
		}
		all = append(all, leaders)
	}
	return all
}
