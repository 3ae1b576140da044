package acceptance

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// The names of Kafka's throttles.
const (
	leaderRate, followerRate         = "leader.replication.throttled.rate", "follower.replication.throttled.rate"
	leaderReplicas, followerReplicas = "leader.replication.throttled.replicas", "follower.replication.throttled.replicas"
)

// killThrottled changes a static setting under a throttle, kills that run while a topic moves, and sees what the next one leaves.
func (w *workspace) killThrottled(topic string) {
	w.t.Helper()
	limit, faster, changed := "throttle=8MiB/s", "throttle=100MiB/s", "config="+asJSON(map[string]string{"queued.max.requests": "600"})
	byHand := map[string]string{leaderReplicas: "0:1,0:4", followerReplicas: "0:5"}
	w.setTopic("slow", byHand)
	w.underLoad(func() {
		r := w.start(withVars("apply", []string{limit, changed})...)
		w.until("a throttled move is under way", patience, func() bool {
			topics, err := w.client().Topics(context.Background())
			return err == nil && slices.ContainsFunc(topics, func(t kafka.Topic) bool {
				return t.Name == topic && slices.ContainsFunc(t.Partitions, func(p kafka.Partition) bool { return len(p.Adding) > 0 })
			}) && len(w.throttles()) > 2
		})
		r.signal(syscall.SIGKILL)
		w.wait(r)
		if left := w.throttles(); len(left) <= 2 {
			w.t.Fatalf("nothing was left behind but %v, so the test would prove nothing", left)
		}
		w.apply(faster, changed)
	})
	w.specs(compute.RoleBroker, 3, func(s compute.NodeSpec) bool { return s.Config["queued.max.requests"] == "600" })
	w.onlyByHand("slow", byHand)
	w.quiet(faster, changed)
}

// setTopic sets a topic's settings as an administrator would.
func (w *workspace) setTopic(topic string, config map[string]string) {
	w.t.Helper()
	var changes []kafka.ConfigChange
	for name, value := range config {
		changes = append(changes, kafka.ConfigChange{Name: name, Value: &value})
	}
	resource := kafka.ConfigResource{Kind: kafka.ResourceTopic, Name: topic}
	if err := w.client().AlterConfigs(context.Background(), map[kafka.ConfigResource][]kafka.ConfigChange{resource: changes}, false); err != nil {
		w.t.Fatal(err)
	}
}

// throttles are all throttles that any broker or topic has, as "broker 7: name=value". They are read from Kafka's own settings, and not
// by what the provider takes for its own.
func (w *workspace) throttles() []string {
	w.t.Helper()
	ctx, client := context.Background(), w.client()
	var resources []kafka.ConfigResource
	_, brokers, err := client.Brokers(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, b := range brokers {
		if !b.Fenced {
			resources = append(resources, kafka.ConfigResource{Kind: kafka.ResourceBroker, Name: fmt.Sprint(b.ID)})
		}
	}
	topics, err := client.Topics(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, t := range topics {
		resources = append(resources, kafka.ConfigResource{Kind: kafka.ResourceTopic, Name: t.Name})
	}
	settings, err := client.DescribeConfigs(ctx, resources)
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for r, entries := range settings {
		for _, e := range entries {
			own := e.Source == kafka.SourceTopic || e.Source == kafka.SourceDynamicBroker
			if own && slices.Contains([]string{leaderRate, followerRate, leaderReplicas, followerReplicas}, e.Name) {
				out = append(out, fmt.Sprintf("%s: %s=%s", r, e.Name, e.Value))
			}
		}
	}
	slices.Sort(out)
	return out
}

// onlyByHand asserts that no throttle is left but those that the test has set on a topic.
func (w *workspace) onlyByHand(topic string, config map[string]string) {
	w.t.Helper()
	var want []string
	for name, value := range config {
		want = append(want, fmt.Sprintf("topic %q: %s=%s", topic, name, value))
	}
	slices.Sort(want)
	if got := w.throttles(); !slices.Equal(got, want) {
		w.t.Errorf("throttles are left, or the one set by hand is gone:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
