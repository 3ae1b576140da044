package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/throttle"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka/kafkatest"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/placement"
)

const mib = 1 << 20

// TestReplicationFactors changes those of topics of a Kafka of somebody else's, four brokers in three zones, of which 1 and 4 are in one.
func TestReplicationFactors(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Options{Brokers: 4, Proxied: true})
	k := kafka.New(kafka.Config{Bootstrap: func(context.Context) ([]string, error) { return cluster.Proxied(), nil }})
	t.Cleanup(func() { _ = k.Close() })
	topics := ForeignTopics(k)
	limited := func(t *testing.T) context.Context {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		t.Cleanup(cancel)
		return ctx
	}
	ids := []int32{1, 2, 3, 4}
	create := func(t *testing.T, names ...string) {
		t.Helper()
		partitions := map[string]int{}
		var all []kafka.NewTopic
		for _, name := range names {
			partitions[name] = 1
			all = append(all, kafka.NewTopic{Name: name, Replicas: [][]int32{{2}}})
		}
		if failed := k.CreateTopics(t.Context(), all); len(failed) > 0 {
			t.Fatal(failed)
		}
		if failed := k.AwaitTopics(t.Context(), partitions); len(failed) > 0 {
			t.Fatal(failed)
		}
		// Until a broker has made its logs, the topics may be of any size.
		eventually(t, func() string {
			dirs, err := k.LogDirs(t.Context(), []int32{2})
			if err != nil {
				return err.Error()
			}
			missing := maps.Clone(partitions)
			for _, dir := range dirs {
				for _, r := range dir.Replicas {
					delete(missing, r.Topic)
				}
			}
			if len(missing) > 0 {
				return fmt.Sprintf("broker 2 has no logs of %v", missing)
			}
			return ""
		})
	}
	heavy := func(t *testing.T, name string, bytes int) {
		t.Helper()
		create(t, name)
		for i := range bytes / 800_000 {
			if err := k.Put(t.Context(), name, fmt.Sprint(i), make([]byte, 800_000)); err != nil {
				t.Fatal(err)
			}
		}
	}
	throttles := func(t *testing.T, name string) kafka.ThrottleState {
		t.Helper()
		state, err := k.Throttles(t.Context(), ids, []string{name})
		if err != nil {
			t.Fatal(err)
		}
		return state
	}
	// done is an error unless a topic's replicas are in sync, nothing of it moves, and no throttle is left.
	done := func(t *testing.T, name string) {
		t.Helper()
		topic, err := k.Topic(t.Context(), name)
		if err != nil || len(topic.Partitions[0].ISR) != 3 || topic.Moving() {
			t.Errorf("topic %q is %+v: %v", name, topic, err)
		}
		// Each broker hears of it in its own time.
		eventually(t, func() string {
			if state := throttles(t, name); !state.Empty() {
				return fmt.Sprintf("throttles are left of topic %q: %+v", name, state)
			}
			return ""
		})
	}
	// begin changes a topic until it moves, and its brokers show the throttle.
	begin := func(t *testing.T, name string, limit throttle.Policy) (end func() error, during kafka.ThrottleState) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- topics.SetReplicationFactor(ctx, name, 3, limit) }()
		eventually(t, func() string {
			topic, err := k.Topic(t.Context(), name)
			during = throttles(t, name)
			switch {
			case err != nil:
				return err.Error()
			case len(ended) > 0:
				t.Fatalf("topic %q: %v", name, <-ended)
			case !topic.Moving() || len(during.Topics) == 0 || len(during.Brokers) < 3:
				return fmt.Sprintf("topic %q: %+v, throttled by %+v", name, topic, during)
			}
			return ""
		})
		return func() error { cancel(); return <-ended }, during
	}

	t.Run("many at once", func(t *testing.T) {
		const many = 60
		var names []string
		for i := range many {
			names = append(names, fmt.Sprintf("many-%02d", i))
		}
		create(t, names...)
		cluster.Measure(0)
		var group errgroup.Group
		group.SetLimit(10)
		for _, name := range names {
			group.Go(func() error { return topics.SetReplicationFactor(limited(t), name, 3, throttle.Fixed(mib)) })
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		asked := cluster.Requests()
		t.Log(asked)
		// One of its own would be sixty, with a dozen of Metadata for each.
		if asked["AlterPartitionAssignments"] > many/2 || asked["AlterPartitionAssignments"] == 0 || asked["Metadata"] > 5*many {
			t.Errorf("%d topics took %v", many, asked)
		}
		if asked["IncrementalAlterConfigs"] > 0 {
			t.Errorf("empty topics were throttled: %v", asked)
		}
		all, err := k.Topics(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		added := map[int32]int{}
		for _, topic := range all {
			for _, id := range topic.Partitions[0].Replicas[1:] {
				added[id]++
			}
		}
		if added[3] != many || added[1]+added[4] != many || max(added[1], added[4])-min(added[1], added[4]) > 2 {
			t.Errorf("the new replicas are on %v: half of those of a zone belong on each of its two brokers", added)
		}
	})
	t.Run("what has no place keeps none from the others", func(t *testing.T) {
		create(t, "wide", "usual")
		errs := make([]error, 2)
		var group errgroup.Group
		for i, name := range []string{"wide", "usual"} {
			group.Go(func() error {
				errs[i] = topics.SetReplicationFactor(limited(t), name, 5-2*i, throttle.None)
				return nil
			})
		}
		_ = group.Wait()
		if !errors.Is(errs[0], ErrNoPlace) || errs[1] != nil {
			t.Error(errs)
		}
		done(t, "usual")
	})
	t.Run("throttled while it moves", func(t *testing.T) {
		heavy(t, "heavy", 16*mib)
		start := time.Now()
		ended := make(chan error, 1)
		go func() { ended <- topics.SetReplicationFactor(limited(t), "heavy", 3, throttle.Fixed(2*mib)) }()
		seen := false
		for len(ended) == 0 {
			if state := throttles(t, "heavy"); len(state.Topics["heavy"].Leader[0]) == 1 && len(state.Topics["heavy"].Follower[0]) == 2 && state.Brokers[2] == (kafka.BrokerThrottle{Leader: 2 * mib, Follower: 2 * mib}) {
				seen = true
			}
			time.Sleep(50 * time.Millisecond)
		}
		// Broker 2 sends twice sixteen at two a second, with what Kafka lets through at first and at last.
		if err := <-ended; err != nil || !seen || time.Since(start) < 8*time.Second {
			t.Errorf("after %s: %v; throttles were seen: %v", time.Since(start), err, seen)
		}
		done(t, "heavy")
	})
	t.Run("cut off, it goes on within its throttle, and ends with the next apply", func(t *testing.T) {
		heavy(t, "cut", 16*mib)
		end, during := begin(t, "cut", throttle.Fixed(throttle.Slowest))
		if err := end(); !errors.Is(err, kafka.ErrUnreachable) {
			t.Errorf("cut off: %v", err)
		}
		if failed := k.AwaitTopics(t.Context(), map[string]int{"cut": 1}); len(failed) > 0 {
			t.Error(failed)
		}
		after := throttles(t, "cut")
		if diff := cmp.Diff(during, after); diff != "" || len(after.Topics) == 0 || len(after.Brokers) == 0 {
			t.Errorf("what still moves is throttled by %+v, before that by %+v", after, during)
		}
		if err := topics.SetReplicationFactor(limited(t), "cut", 3, throttle.Fixed(200*mib)); err != nil {
			t.Error(err)
		}
		done(t, "cut")
		ended, stop := context.WithCancel(t.Context())
		stop()
		if err := topics.SetReplicationFactor(ended, "cut", 3, throttle.None); !errors.Is(err, kafka.ErrUnreachable) {
			t.Errorf("cut off before it was begun: %v", err)
		}
	})
	t.Run("partitions that are added during a move leave it alone", func(t *testing.T) {
		heavy(t, "grows", 16*mib)
		tp := kafka.TopicPartition{Topic: "grows"}
		slow := kafka.BrokerThrottle{Leader: throttle.Slowest, Follower: throttle.Slowest}
		if err := k.SetThrottle(t.Context(), map[int32]kafka.BrokerThrottle{1: slow, 2: slow}, map[kafka.TopicPartition][]int32{tp: {2}}, map[kafka.TopicPartition][]int32{tp: {1}}); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() string {
			if state := throttles(t, "grows"); len(state.Topics) == 0 || len(state.Brokers) < 2 {
				return fmt.Sprintf("the throttle is not in force: %+v", state)
			}
			return ""
		})
		if err := k.Reassign(t.Context(), []kafka.Reassignment{{Topic: "grows", Replicas: []int32{1}}}, false); err != nil {
			t.Fatal(err)
		}
		before := throttles(t, "grows")
		// Kafka gives the new one as many replicas as the first one has while it moves, which is two.
		if err := topics.AddPartitions(limited(t), "grows", 2, 1); err != nil {
			t.Error(err)
		}
		topic, err := k.Topic(t.Context(), "grows")
		if after := throttles(t, "grows"); err != nil || len(topic.Partitions) != 2 || !slices.Equal(topic.Partitions[0].Adding, []int32{1}) || !cmp.Equal(before, after) {
			t.Fatalf("topic grows is %+v, throttled by %+v, before that by %+v: %v", topic, after, before, err)
		}
		if got := topic.Partitions[1]; len(got.Replicas) != 1 {
			t.Errorf("the new partition is to have one replica, and is %+v", got)
		}
		if err := topics.SetReplicationFactor(limited(t), "grows", 3, throttle.None); err != nil {
			t.Error(err)
		}
		done(t, "grows")
	})
	t.Run("a throttle of none frees what is on its way", func(t *testing.T) {
		heavy(t, "freed", 16*mib)
		end, _ := begin(t, "freed", throttle.Fixed(throttle.Slowest))
		if err := end(); err == nil {
			t.Error("it has ended")
		}
		if err := topics.SetReplicationFactor(limited(t), "freed", 3, throttle.None); err != nil {
			t.Error(err)
		}
		done(t, "freed")
	})
	t.Run("the throttle of another one stays", func(t *testing.T) {
		heavy(t, "slow", 16*mib)
		heavy(t, "quick", 2*mib)
		end, _ := begin(t, "slow", throttle.Fixed(throttle.Slowest))
		// Its rate is that of the brokers from here on: the last one that was applied.
		if err := topics.SetReplicationFactor(limited(t), "quick", 3, throttle.Fixed(mib)); err != nil {
			t.Error(err)
		}
		eventually(t, func() string {
			if state := throttles(t, "quick"); len(state.Topics) > 0 {
				return fmt.Sprintf("one that has ended is throttled by %+v", state)
			}
			return ""
		})
		// By now every broker has heard of what was taken off.
		if failed := k.AwaitTopics(t.Context(), map[string]int{"quick": 1}); len(failed) > 0 {
			t.Error(failed)
		}
		if state := throttles(t, "slow"); len(state.Topics) == 0 || len(state.Brokers) < 3 {
			t.Errorf("a topic that still moves is throttled by %+v", state)
		}
		_ = end()
		if err := topics.SetReplicationFactor(limited(t), "slow", 3, throttle.None); err != nil {
			t.Error(err)
		}
		done(t, "slow")
	})
}

// TestADecisionIsOfWholeTopics: of one that has a place for some of its partitions only nothing is begun, and what moves already is waited for, too.
func TestADecisionIsOfWholeTopics(t *testing.T) {
	s := standing{noPlace: noPlace, fleet: placement.Fleet{Brokers: []placement.Broker{{ID: 1, Group: "main"}, {ID: 2, Group: "main"}, {ID: 3, Group: "main"}}}}
	has := func(p plan.Partition, group string) {
		s.partitions = append(s.partitions, p)
		s.fleet.Partitions = append(s.fleet.Partitions, placement.Partition{Topic: p.Topic, Partition: p.Partition, Replicas: p.Target(), Group: group})
	}
	named := func(topic string, n int32) plan.TopicPartition {
		return plan.TopicPartition{Topic: topic, Partition: n}
	}
	has(plan.Partition{TopicPartition: named("partly", 0), Replicas: []int32{1}}, "main")
	has(plan.Partition{TopicPartition: named("partly", 1), Replicas: []int32{1}}, "gone")
	has(plan.Partition{TopicPartition: named("moving", 0), Replicas: []int32{1, 2}, Adding: []int32{2}}, "main")
	has(plan.Partition{TopicPartition: named("moving", 1), Replicas: []int32{1}}, "main")
	has(plan.Partition{TopicPartition: named("added", 0), Replicas: []int32{1, 2}, Adding: []int32{2}}, "main")
	has(plan.Partition{TopicPartition: named("another", 0), Replicas: []int32{1, 2}, Adding: []int32{2}}, "main")
	d := decide(s, map[string]factorChange{"partly": {factor: 2}, "moving": {factor: 2}, "added": {factor: 2, added: true}})
	if len(d.failed) != 1 || !errors.Is(d.failed["partly"], ErrNoPlace) {
		t.Errorf("what failed: %v", d.failed)
	}
	if len(d.list) != 1 || d.list[0].Topic != "moving" || d.list[0].Partition != 1 || len(d.list[0].Replicas) != 2 {
		t.Errorf("Kafka is asked for %v", d.list)
	}
	if diff := cmp.Diff(map[string][]kafka.Reassignment{"moving": {{Topic: "moving", Partition: 0, Replicas: []int32{1, 2}}}}, d.awaited); diff != "" || !maps.Equal(d.moved, map[string]bool{"moving": true}) {
		t.Errorf("what moves already: %v, %s", d.moved, diff)
	}
	if len(d.copies) != 2 || d.copies[1].Partition != 0 || !slices.Equal(d.copies[1].From, []int32{1}) || !slices.Equal(d.copies[1].Added(), []int32{2}) {
		t.Errorf("what is copied: %+v", d.copies)
	}
}

// TestWhatIsHeldBack: all but what a second is enough for, at both ends, on brokers that live.
func TestWhatIsHeldBack(t *testing.T) {
	partition := func(n int32) plan.TopicPartition { return plan.TopicPartition{Topic: "t", Partition: n} }
	s := standing{sizes: map[plan.TopicPartition]int64{partition(0): 50, partition(1): 40, partition(2): 400}, serving: map[int32]bool{1: true, 2: true, 3: false}}
	copies := func(numbers ...int32) (all []plan.Reassignment) {
		for _, n := range numbers {
			all = append(all, plan.Reassignment{TopicPartition: partition(n), From: []int32{1, 3}, To: []int32{1, 3, 2}})
		}
		return all
	}
	rates := map[int32]kafka.BrokerThrottle{1: {Leader: 100, Follower: 100}, 2: {Leader: 100, Follower: 100}}
	for what, test := range map[string]struct {
		copies             []plan.Reassignment
		leaders, followers []int32 // partitions
		rates              map[int32]kafka.BrokerThrottle
		briefly            bool
	}{
		"nothing":                          {nil, nil, nil, nil, true},
		"less than a second":               {copies(0, 1), []int32{0, 1}, nil, rates, true},
		"more":                             {copies(0, 1, 2), []int32{0, 1, 2}, []int32{2}, rates, false},
		"of any size":                      {copies(7), []int32{7}, []int32{7}, rates, false},
		"small, and one of any size by it": {copies(0, 7), []int32{0, 7}, []int32{7}, rates, false},
	} {
		if got := briefly(test.copies, s.sizes, 100); got != test.briefly {
			t.Errorf("%s: within a second: %v", what, got)
		}
		leaders, followers, got := heldBack(test.copies, s, 100)
		numbers := func(marks map[kafka.TopicPartition][]int32, of []int32) (all []int32) {
			for tp, ids := range marks {
				all = append(all, tp.Partition)
				if !slices.Equal(ids, of) {
					t.Errorf("%s: partition %d has marks of %v, want %v", what, tp.Partition, ids, of)
				}
			}
			slices.Sort(all)
			return all
		}
		if l, f := numbers(leaders, []int32{1, 3}), numbers(followers, []int32{2}); !slices.Equal(l, test.leaders) || !slices.Equal(f, test.followers) || !maps.Equal(got, test.rates) {
			t.Errorf("%s: partitions %v are held back by their sources and %v by their receivers, at %v", what, l, f, got)
		}
	}
}

// eventually waits until holds has nothing to say any more.
func eventually(t *testing.T, holds func() string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		missing := holds()
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(missing)
		}
	}
}
