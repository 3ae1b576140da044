package fleet

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/coalesce"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/placement"
)

// placingOf is what topics are placed by in a cluster of these brokers, with one topic "old" on broker 1, 2 and 3.
func placingOf(t *testing.T, groups map[string]compute.TopicClaim, nodes ...plan.Node) *placing {
	t.Helper()
	o := observed{record: compute.Cluster{Name: "c", Groups: groups}}
	for i := range nodes {
		nodes[i].Role = compute.RoleBroker
	}
	o.Nodes = nodes
	o.Partitions = []plan.Partition{{TopicPartition: plan.TopicPartition{Topic: "old"}, Leader: 1, Replicas: []int32{1, 2, 3, 4}, Adding: []int32{4}, Removing: []int32{3}, ISR: []int32{1, 2, 3}, Bytes: 7}}
	m, err := o.topicMap()
	if err != nil {
		t.Fatal(err)
	}
	return &placing{at: time.Now(), o: o, m: m, fleet: placementFleet(o, m)}
}

func serving(id int32, zone, group string, change func(*plan.Node)) plan.Node {
	n := plan.Node{ID: id, Zone: zone, Group: group, InstanceID: "i", State: compute.StateRunning, Registered: true, Answering: true, DiskBytes: 50}
	if change != nil {
		change(&n)
	}
	return n
}

// TestWhatTakesReplicas: a broker that serves and stays, and no other.
func TestWhatTakesReplicas(t *testing.T) {
	p := placingOf(t, nil,
		serving(1, "a", "main", nil),
		serving(2, "b", "main", func(n *plan.Node) { n.Cordoned = true }),
		serving(3, "c", "main", func(n *plan.Node) { n.Fenced = true }),
		serving(4, "a", "main", func(n *plan.Node) { n.Replaces = 1 }),
		serving(5, "b", "main", func(n *plan.Node) { n.State = compute.StateStopping }),
		serving(6, "c", "main", func(n *plan.Node) { n.State = compute.StateStopped }),
		serving(7, "", "", func(n *plan.Node) { n.InstanceID, n.Answering, n.Fenced = "", false, true }),
		serving(8, "b", "", func(n *plan.Node) { n.InstanceID = "" }),
	)
	want := map[int32]placement.State{
		1: placement.Cordoned, // Node 4 takes over from it.
		2: placement.Cordoned, 3: placement.Cordoned, 4: placement.Live, 5: placement.Cordoned, 6: placement.Dead, 7: placement.Dead,
		8: placement.Cordoned, // A stranger.
	}
	got := map[int32]placement.State{}
	for _, b := range p.fleet.Brokers {
		got[b.ID] = b.State
		if b.Capacity != 50 {
			t.Errorf("broker %d has a capacity of %d", b.ID, b.Capacity)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if old := p.fleet.Partitions[0]; old.Group != "main" {
		t.Errorf("a topic that nobody claims stays on group %q", old.Group)
	}
	old := p.fleet.Partitions[0]
	if diff := cmp.Diff([]int32{1, 2, 4}, old.Replicas); diff != "" || old.Bytes != 7 || old.Leader != 1 {
		t.Errorf("a partition that moves counts where it goes: %+v", old)
	}
}

// TestTopicsComeToTheirGroup, each beside what was placed before it in the same apply.
func TestTopicsComeToTheirGroup(t *testing.T) {
	p := placingOf(t, map[string]compute.TopicClaim{"main": {Default: true, Since: 1}, "events": {Patterns: []string{`events\..*`}, Since: 2}},
		serving(1, "a", "main", nil), serving(2, "b", "main", nil), serving(3, "c", "main", nil),
		serving(4, "a", "events", nil), serving(5, "b", "events", nil), serving(6, "c", "events", nil), serving(7, "a", "events", nil))
	ids := map[string][]int32{"events": {4, 5, 6, 7}, "main": {1, 2, 3}}
	held := map[int32]int{}
	for _, topic := range []string{"events.a", "events.b", "events.c", "events.d", "orders"} {
		group := p.m.Owner(topic)
		made := placement.Create(p.fleet, topic, 1, 3, group)
		if len(made.Left) > 0 || len(lists(made.Moves)) != 1 {
			t.Fatal(made)
		}
		for _, id := range lists(made.Moves)[0] {
			held[id]++
			if !slices.Contains(ids[group], id) {
				t.Errorf("%s has a replica on broker %d, which is not of group %s", topic, id, group)
			}
		}
		p.add(made.Moves)
	}
	if held[4]+held[7] != 4 || held[4] == 0 || held[7] == 0 {
		t.Errorf("four topics of one partition are placed as if each were alone: %v", held)
	}
	grown := placement.Grow(p.fleet, "orders", 3)
	if got := lists(grown.Moves); len(got) != 2 || !slices.Contains(ids["main"], got[1][0]) {
		t.Errorf("more partitions: %v", got)
	}
	p.forget(map[string]bool{"orders": true})
	if again := lists(placement.Create(p.fleet, "orders", 3, 3, "main").Moves); len(again) != 3 {
		t.Errorf("a topic that was deleted and is created with more partitions gets %d lists of replicas, want 3", len(again))
	}
	none := p.noPlace(placement.Create(p.fleet, "events.e", 1, 5, "events").Left[0])
	if !errors.Is(none, ErrNoPlace) || !strings.Contains(none.Error(), `group "events"`) {
		t.Errorf("more replicas than brokers of the group: %v", none)
	}
}

// TestListsAreInTheOrderOfPartitions: Kafka takes them by position.
func TestListsAreInTheOrderOfPartitions(t *testing.T) {
	made := placement.Plan{Moves: []placement.Move{
		{Partition: placement.Partition{Topic: "t", Partition: 2}, To: []int32{3}}, {Partition: placement.Partition{Topic: "t", Partition: 1}, To: []int32{2}},
	}}
	if diff := cmp.Diff([][]int32{{2}, {3}}, lists(made.Moves)); diff != "" {
		t.Error(diff)
	}
}

// TestWhatMayPassIsTriedAgain by itself, and nothing else.
func TestWhatMayPassIsTriedAgain(t *testing.T) {
	passing, lasting := errors.New("no broker yet"), errors.New("a bad name")
	var mu sync.Mutex
	var tried []string
	topics := []kafka.NewTopic{{Name: "made"}, {Name: "bad"}, {Name: "late"}, {Name: "never"}}
	left := again(topics, map[string]error{"bad": lasting, "late": passing, "never": passing}, func(err error) bool { return errors.Is(err, passing) }, func(topic kafka.NewTopic) error {
		mu.Lock()
		defer mu.Unlock()
		tried = append(tried, topic.Name)
		if topic.Name == "never" {
			return passing
		}
		return nil
	})
	slices.Sort(tried)
	if want := map[string]error{"bad": lasting, "never": passing}; !maps.Equal(left, want) || !slices.Equal(tried, []string{"late", "never"}) {
		t.Errorf("%q were tried again, and %v is left", tried, left)
	}
}

// TestTopicsArePlacedTogether: each beside the others, and one without a place keeps none from theirs.
func TestTopicsArePlacedTogether(t *testing.T) {
	p := placingOf(t, nil, serving(1, "a", "main", nil), serving(2, "b", "main", nil), serving(3, "c", "main", nil), serving(4, "a", "main", nil))
	p.o.Partitions = append(p.o.Partitions, plan.Partition{TopicPartition: plan.TopicPartition{Topic: "orders", Partition: 7}, Replicas: []int32{1}})
	p.fleet.Partitions = append(p.fleet.Partitions, placement.Partition{Topic: "orders", Partition: 7, Replicas: []int32{1}})
	topics := []kafka.NewTopic{
		{Name: "orders", Partitions: 2, ReplicationFactor: 3}, {Name: "wide", Partitions: 1, ReplicationFactor: 5}, {Name: "events", Partitions: 1, ReplicationFactor: 2},
	}
	placed, failed := (&fleetTopics{}).placed(t.Context(), p, topics)
	if len(failed) != 1 || !errors.Is(failed["wide"], ErrNoPlace) || len(placed) != 2 || placed[0].Name != "orders" || placed[1].Name != "events" {
		t.Fatalf("placed are %v, and %v failed", placed, failed)
	}
	if len(placed[0].Replicas) != 2 || len(placed[0].Replicas[1]) != 3 || len(placed[1].Replicas) != 1 || len(placed[1].Replicas[0]) != 2 {
		t.Errorf("the replicas are %v and %v", placed[0].Replicas, placed[1].Replicas)
	}
	known := map[string]int{}
	for _, q := range p.fleet.Partitions {
		known[q.Topic]++
	}
	if want := map[string]int{"old": 1, "orders": 2, "events": 1}; !maps.Equal(known, want) {
		t.Errorf("the next ones are placed beside %v, want %v", known, want)
	}
}

// TestTopicsGrowTogether: each beside the others, and one that cannot grow keeps none from growing.
func TestTopicsGrowTogether(t *testing.T) {
	p := placingOf(t, nil, serving(1, "a", "main", nil), serving(2, "b", "main", nil), serving(3, "c", "main", nil), serving(4, "a", "main", nil))
	has := func(topic string, replicas ...int32) {
		p.o.Partitions = append(p.o.Partitions, plan.Partition{TopicPartition: plan.TopicPartition{Topic: topic}, Leader: replicas[0], Replicas: replicas, ISR: replicas})
	}
	has("orders", 1, 2, 3)
	has("events", 1, 2)
	has("wide", 1, 2, 3, 4, 5)
	p.fleet = placementFleet(p.o, p.m)
	asked := []growth{{"orders", 3, 3}, {"wide", 2, 5}, {"events", 2, 3}, {"never", 2, 3}}
	answers := make([]coalesce.Answer[grown], len(asked))
	p.grow(asked, answers)
	if got := answers[0].Value; answers[0].Err != nil || got.moving || len(got.replicas) != 2 || len(got.replicas[0]) != 3 || len(got.replicas[1]) != 3 {
		t.Errorf("orders get %+v: %v", got, answers[0].Err)
	}
	if !errors.Is(answers[1].Err, ErrNoPlace) || !errors.Is(answers[3].Err, kafka.ErrNotFound) {
		t.Errorf("%v; %v", answers[1].Err, answers[3].Err)
	}
	if got := answers[2]; got.Err != nil || !got.Value.moving || got.Value.replicas != nil {
		t.Errorf("one whose first partition has another number of replicas gets %+v", got)
	}
	known := map[string]int{}
	for _, q := range p.fleet.Partitions {
		known[q.Topic]++
	}
	if want := map[string]int{"old": 1, "orders": 3, "events": 2, "wide": 1}; !maps.Equal(known, want) || !p.at.IsZero() {
		t.Errorf("the next ones are placed beside %v, observed at %s; want %v, anew", known, p.at, want)
	}
}

// TestWhatHasNoPlaceIsTriedAgainWhileBrokersStart, and is an error when all have.
func TestWhatHasNoPlaceIsTriedAgainWhileBrokersStart(t *testing.T) {
	for what, test := range map[string]struct {
		change func(*plan.Node)
		passes bool
	}{
		"all serve": {nil, false}, "one starts": {func(n *plan.Node) { n.Answering, n.Registered = false, false }, true},
		"one is dead": {func(n *plan.Node) { n.State, n.Answering = compute.StateStopped, false }, false},
	} {
		p := placingOf(t, nil, serving(1, "a", "main", nil), serving(2, "b", "main", test.change))
		if err := p.noPlace(placement.Left{Topic: "t", Broker: -1}); !errors.Is(err, ErrNoPlace) || mayPass(err) != test.passes {
			t.Errorf("%s: %v, which passes: %v", what, err, mayPass(err))
		}
	}
}
