package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka/kafkatest"
)

const controllerListener = "CONTROLLER"

// TestAClustersLife goes through what a rollout does to a cluster, in its order, on one cluster of its own: the level raised, a
// controller replaced, a broker joined, hung, dead and forgotten. Each part starts from what the one before it left.
func TestAClustersLife(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Options{Brokers: 3, ReleaseVersion: "4.2"})
	c := connect(t, cluster)
	for _, part := range []struct {
		name string
		run  func(*testing.T, *kafkatest.Cluster, *kafka.Client)
	}{
		{"features are raised once every node supports them", raiseLevel},
		{"a controller becomes a voter and is one no more", changeVoters},
		{"controllers answer when there is no broker", controllersOnly},
		{"a broker that has just joined is configured", configureNewBroker},
		{"a hung broker costs one deadline", hungBroker},
		{"a dead broker is passed by, configured and forgotten", deadBroker},
		{"one broker of three left answers", lastBroker},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.run(t, cluster, c) }) {
			return
		}
	}
}

func raiseLevel(t *testing.T, _ *kafkatest.Cluster, c *kafka.Client) {
	before, _ := kafka.MetadataLevel("4.2")
	after, _ := kafka.MetadataLevel("4.3")
	features, err := c.Features(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []int32{1, 2, 3, 101} {
		got := features[id][kafka.MetadataVersionFeature]
		if got.Finalized != before || got.MaxSupported != after || got.MinSupported <= 0 || got.Name != kafka.MetadataVersionFeature {
			t.Errorf("node %d: %+v, want level %d and at most %d", id, got, before, after)
		}
	}
	if len(features) != 4 {
		t.Errorf("%d nodes, want 4", len(features))
	}
	for range 2 {
		if err := c.FinalizeFeature(t.Context(), kafka.MetadataVersionFeature, after); err != nil {
			t.Fatal(err)
		}
	}
	err = c.FinalizeFeature(t.Context(), kafka.MetadataVersionFeature, after+1)
	if !errors.Is(err, kafka.ErrInvalid) || !strings.Contains(err.Error(), "only supports") {
		t.Errorf("a level that nobody supports: %v, want ErrInvalid with Kafka's own words", err)
	}
	eventually(t, time.Minute, func() string {
		features, err := c.Features(t.Context())
		if err != nil {
			return err.Error()
		}
		for id, f := range features {
			if got := f[kafka.MetadataVersionFeature].Finalized; got != after {
				return fmt.Sprintf("node %d is at level %d", id, got)
			}
		}
		return ""
	})
}

// observer waits until a controller follows the quorum and is caught up.
func observer(t *testing.T, c *kafka.Client, id int32) kafka.Voter {
	t.Helper()
	var found kafka.Voter
	eventually(t, time.Minute, func() string {
		q, err := c.Quorum(t.Context())
		if err != nil {
			return err.Error()
		}
		for _, v := range q.Observers {
			if v.ID == id && v.Lag >= 0 && v.Lag < 100 && v.CaughtUpAgoMillis >= 0 && v.CaughtUpAgoMillis < 10_000 {
				found = v
				return ""
			}
		}
		return fmt.Sprintf("no observer %d that is caught up: %+v", id, q)
	})
	return found
}

func voters(t *testing.T, c *kafka.Client) []int32 {
	t.Helper()
	q, err := c.Quorum(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var ids []int32
	for _, v := range q.Voters {
		if v.DirectoryID == ([16]byte{}) {
			t.Errorf("voter %d has no directory id", v.ID)
		}
		ids = append(ids, v.ID)
	}
	slices.Sort(ids)
	return ids
}

func changeVoters(t *testing.T, cluster *kafkatest.Cluster, c *kafka.Client) {
	if err := cluster.AddController(102); err != nil {
		t.Fatal(err)
	}
	v := observer(t, c, 102)
	if got := voters(t, c); !slices.Equal(got, []int32{101}) {
		t.Fatalf("voters %v, want 101", got)
	}
	add := func(v kafka.Voter) error {
		return c.AddVoter(t.Context(), cluster.ID, v, controllerListener, cluster.Address(102))
	}
	for range 2 {
		if err := add(v); err != nil {
			t.Fatal(err)
		}
		if got := voters(t, c); !slices.Equal(got, []int32{101, 102}) {
			t.Fatalf("voters %v, want 101 and 102", got)
		}
	}
	other := v
	other.DirectoryID[0]++
	if err := add(other); !errors.Is(err, kafka.ErrExists) {
		t.Errorf("the same id with another disk: %v, want ErrExists", err)
	}
	if err := c.AddVoter(t.Context(), "AAAAAAAAAAAAAAAAAAAAAA", v, controllerListener, cluster.Address(102)); !errors.Is(err, kafka.ErrInvalid) {
		t.Errorf("another cluster's id: %v, want ErrInvalid", err)
	}
	if err := c.AddVoter(t.Context(), cluster.ID, v, controllerListener, "no-port"); !errors.Is(err, kafka.ErrInvalid) {
		t.Errorf("an address without a port: %v, want ErrInvalid", err)
	}
	for range 2 {
		if err := c.RemoveVoter(t.Context(), cluster.ID, v); err != nil {
			t.Fatal(err)
		}
		if got := voters(t, c); !slices.Equal(got, []int32{101}) {
			t.Fatalf("voters %v, want 101", got)
		}
	}
}

func controllersOnly(t *testing.T, cluster *kafkatest.Cluster, _ *kafka.Client) {
	// The controller that is not the leader comes first, so that "ask the next one" is needed.
	c := connect(t, cluster, func(cfg *kafka.Config) {
		cfg.Bootstrap = func(context.Context) ([]string, error) { return nil, nil }
		cfg.Controllers = func(context.Context) ([]string, error) {
			return []string{cluster.Address(102), deadAddress(t), cluster.Address(101)}, nil
		}
	})
	v := observer(t, c, 102)
	if err := c.AddVoter(t.Context(), cluster.ID, v, controllerListener, cluster.Address(102)); err != nil {
		t.Fatal(err)
	}
	if got := voters(t, c); !slices.Equal(got, []int32{101, 102}) {
		t.Errorf("voters %v, want 101 and 102", got)
	}
	if err := c.RemoveVoter(t.Context(), cluster.ID, v); err != nil {
		t.Fatal(err)
	}
	everyone := kafka.ConfigResource{Kind: kafka.ResourceBroker}
	if err := c.AlterConfigs(t.Context(), changes{everyone: {set("log.cleaner.backoff.ms", "11000")}}, false); err != nil {
		t.Fatal(err)
	}
	awaitEntry(t, c, everyone, "log.cleaner.backoff.ms", "11000", kafka.SourceDynamicDefaultBroker)
	if _, _, err := c.Brokers(t.Context()); !errors.Is(err, kafka.ErrUnreachable) {
		t.Errorf("brokers: %v, want ErrUnreachable", err)
	}
	features, err := c.Features(t.Context())
	if err == nil || !strings.Contains(err.Error(), "controller at") {
		t.Errorf("features: %v, want an error that names the controller that is dead", err)
	}
	if len(features) != 2 || features[101] == nil || features[102] == nil {
		t.Errorf("features of %d nodes, want those of 101 and 102", len(features))
	}
	level, _ := kafka.MetadataLevel("4.3")
	if err := c.FinalizeFeature(t.Context(), kafka.MetadataVersionFeature, level); err != nil {
		t.Error(err)
	}
}

func configureNewBroker(t *testing.T, cluster *kafkatest.Cluster, c *kafka.Client) {
	if _, _, err := c.Brokers(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := cluster.AddBroker(4); err != nil {
		t.Fatal(err)
	}
	if err := c.AlterConfigs(t.Context(), changes{brokerResource(4): {set("log.cleaner.backoff.ms", "14000")}}, false); err != nil {
		t.Fatal(err)
	}
	awaitEntry(t, c, brokerResource(4), "log.cleaner.backoff.ms", "14000", kafka.SourceDynamicBroker)
}

func hungBroker(t *testing.T, cluster *kafkatest.Cluster, _ *kafka.Client) {
	const deadline = 2 * time.Second
	if err := cluster.Pause(1); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := cluster.Resume(1); err != nil {
			t.Error(err)
		}
	}()
	c := connect(t, cluster, timeout(deadline))
	start := time.Now()
	if _, _, err := c.Brokers(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < deadline || took > 4*deadline {
		t.Errorf("took %s with the hung broker first in the list, want a little over %s", took, deadline)
	}
	dirs, err := c.LogDirs(t.Context(), []int32{1, 2, 3})
	if !errors.Is(err, kafka.ErrUnreachable) || !strings.Contains(err.Error(), "broker 1") || strings.Contains(err.Error(), "broker 2") {
		t.Errorf("log directories: %v, want ErrUnreachable for broker 1 alone", err)
	}
	if len(dirs) != 2 || dirs[0].Broker != 2 || dirs[1].Broker != 3 {
		t.Errorf("log directories %v, want those of brokers 2 and 3", dirs)
	}
}

func deadBroker(t *testing.T, cluster *kafkatest.Cluster, c *kafka.Client) {
	createTopic(t, cluster, "only", []int32{3})
	fill(t, cluster, "only", 0, 100_000)
	// Connections to the broker stand when it dies.
	if _, err := c.LogDirs(t.Context(), []int32{3}); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Kill(3); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	dirs, err := c.LogDirs(t.Context(), []int32{2, 3, 4})
	if !errors.Is(err, kafka.ErrUnreachable) || !strings.Contains(err.Error(), "broker 3") {
		t.Errorf("log directories: %v, want ErrUnreachable for broker 3", err)
	}
	if len(dirs) != 2 {
		t.Errorf("log directories of %d brokers, want 2", len(dirs))
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("a dead broker took %s", took)
	}
	state, err := c.Throttles(t.Context(), []int32{2, 3}, nil)
	if err == nil || !strings.Contains(err.Error(), "broker 3") || !state.Empty() {
		t.Errorf("throttles %+v, %v, want an error that names broker 3", state, err)
	}
	err = c.ClearThrottle(t.Context(), kafka.ThrottleState{Brokers: map[int32]kafka.BrokerThrottle{3: {Leader: 1, Follower: 1}, 77: {Leader: 1}}})
	if err != nil {
		t.Errorf("clearing the throttle of a dead and of an unknown broker: %v", err)
	}
	if err := c.ForgetThrottle(t.Context(), []int32{3, 77}); err != nil {
		t.Errorf("forgetting the throttle of a dead and of an unknown broker: %v", err)
	}
	eventually(t, time.Minute, func() string {
		_, brokers, err := c.Brokers(t.Context())
		if err != nil {
			return err.Error()
		}
		for _, b := range brokers {
			if b.ID == 3 {
				if b.Fenced && b.Rack == "local-c" && b.Address == cluster.Address(3) {
					return ""
				}
				return fmt.Sprintf("%+v is not fenced", b)
			}
		}
		return "broker 3 is not among the registered"
	})
	electUnclean(t, c)
	for range 2 {
		if err := c.UnregisterBroker(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, time.Minute, func() string {
		_, brokers, err := c.Brokers(t.Context())
		if err != nil {
			return err.Error()
		}
		if len(brokers) != 3 || slices.ContainsFunc(brokers, func(b kafka.Broker) bool { return b.ID == 3 || b.Fenced }) {
			return fmt.Sprintf("brokers %+v, want 1, 2 and 4", brokers)
		}
		return ""
	})
}

// electUnclean makes broker 4 lead, empty, what only the dead broker 3 has.
func electUnclean(t *testing.T, c *kafka.Client) {
	only := []kafka.TopicPartition{{Topic: "only"}}
	if p := partition(t, c, "only", 0); p.Leader != -1 {
		t.Errorf("a partition whose only replica is dead is led: %+v", p)
	}
	if err := c.ElectUnclean(t.Context(), only); err == nil || !strings.Contains(err.Error(), `partition 0 of topic "only"`) {
		t.Errorf("nobody is there to lead: %v, want an error that names the partition", err)
	}
	to := []kafka.Reassignment{{Topic: "only", Replicas: []int32{4}}}
	if err := c.Reassign(t.Context(), to, false); err != nil {
		t.Fatal(err)
	}
	if p := partition(t, c, "only", 0); p.Leader != -1 || !slices.Equal(p.Adding, []int32{4}) {
		t.Errorf("broker 4 leads before it is told to: %+v", p)
	}
	for range 2 {
		if err := c.ElectUnclean(t.Context(), only); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, time.Minute, func() string {
		if p := partition(t, c, "only", 0); p.Leader != 4 || !slices.Equal(p.ISR, []int32{4}) {
			return fmt.Sprintf("%+v", p)
		}
		return ""
	})
	// Kafka looks at whether a reassignment has what it needs when replicas come into sync, and here none does: it is asked once more.
	if err := c.Reassign(t.Context(), to, false); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, func() string {
		p := partition(t, c, "only", 0)
		if p.Leader == 4 && slices.Equal(p.Replicas, []int32{4}) && slices.Equal(p.ISR, []int32{4}) && len(p.Adding)+len(p.Removing) == 0 {
			return ""
		}
		return fmt.Sprintf("%+v", p)
	})
}

func lastBroker(t *testing.T, cluster *kafkatest.Cluster, c *kafka.Client) {
	for _, id := range []int{1, 2} {
		if err := cluster.Kill(id); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Topics(t.Context()); err != nil {
		t.Errorf("topics: %v", err)
	}
	if _, err := c.Quorum(t.Context()); err != nil {
		t.Errorf("quorum: %v", err)
	}
	if err := cluster.Kill(4); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Quorum(t.Context()); err != nil {
		t.Errorf("quorum without a broker: %v", err)
	}
	if _, err := c.Topics(t.Context()); !errors.Is(err, kafka.ErrUnreachable) {
		t.Errorf("topics without a broker: %v, want ErrUnreachable", err)
	}
}

func TestMetadataLevels(t *testing.T) {
	for _, test := range []struct {
		release string
		level   int16
		ok      bool
	}{{"4.0", 25, true}, {"4.1", 27, true}, {"4.2", 29, true}, {"4.2.1", 29, true}, {"4.3.1", 30, true}, {"3.9", 0, false}, {"4", 0, false}, {"", 0, false}} {
		if level, ok := kafka.MetadataLevel(test.release); level != test.level || ok != test.ok {
			t.Errorf("MetadataLevel(%q) = %d, %t, want %d, %t", test.release, level, ok, test.level, test.ok)
		}
	}
	for level, want := range map[int16]string{24: "", 25: "4.0", 26: "4.0", 27: "4.1", 28: "4.1", 29: "4.2", 30: "4.3"} {
		if got := kafka.MetadataRelease(level); got != want {
			t.Errorf("MetadataRelease(%d) = %q, want %q", level, got, want)
		}
	}
}
