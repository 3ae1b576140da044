package figures

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// counted makes the kernel's files.
func counted(t *testing.T, root, stat, dev string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(root, "proc", "net"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"stat": stat, "net/dev": dev} {
		if err := os.WriteFile(filepath.Join(root, "proc", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

const header = "Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n"

func dev(in, out int) string {
	return header + fmt.Sprintf("    lo: %d  10    0    0    0     0          0         0   %d      10    0    0    0     0       0          0\n  eth0: %d  10    0    0    0     0          0         0   %d      10    0    0    0     0       0          0\n", 9*in, 9*in, in, out)
}

func TestRates(t *testing.T) {
	root, now := t.TempDir(), time.Unix(1_000_000, 0)
	counted(t, root, "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 1 1\n", dev(1000, 2000))
	before := count(root, now)
	counted(t, root, "cpu  130 10 105 900 150 3 2 0 90 0\ncpu0 1 1 1\n", dev(6000, 4000))
	after := count(root, now.Add(10*time.Second))
	cpu, in, out := rates(before, after)
	// 30 + 10 + 5 + 3 + 2 ticks at work of 300; a guest's are in the first of them.
	if fmt.Sprintf("%.4f", cpu) != "0.1667" || in != 500 || out != 200 {
		t.Errorf("processors %.4f, in %.0f, out %.0f", cpu, in, out)
	}
	counted(t, root, "cpu  1 0 1 7 1 0 0 0 0 0\n", header)
	if cpu, in, out := rates(after, count(root, now.Add(20*time.Second))); cpu != 0 || in != 0 || out != 0 {
		t.Errorf("counters that went back say %f, %f, %f", cpu, in, out)
	}
	if c := count(filepath.Join(root, "nowhere"), now); c.all != 0 || c.in != 0 {
		t.Errorf("where there is nothing to count: %+v", c)
	}
}

// pretend is a Kafka with some brokers.
type pretend struct {
	live    int
	topic   *kafka.NewTopic
	records map[string]string
}

func (p *pretend) Put(_ context.Context, topic, key string, value []byte) error {
	if p.topic == nil || p.topic.Name != topic {
		return kafka.ErrNotFound
	}
	p.records[key] = string(value)
	return nil
}

func (p *pretend) CreateTopic(_ context.Context, t kafka.NewTopic, _ bool) error {
	if p.topic != nil {
		return kafka.ErrExists
	}
	p.topic = &t
	return nil
}

func (p *pretend) Brokers(context.Context) (string, []kafka.Broker, error) {
	brokers := []kafka.Broker{{ID: 99, Fenced: true}}
	for i := range p.live {
		brokers = append(brokers, kafka.Broker{ID: int32(i + 1)})
	}
	return "", brokers, nil
}

// TestTheTopicWaitsForItsReplicas: a fleet that is being built has one broker first, and a topic of one replica would stay one.
func TestTheTopicWaitsForItsReplicas(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	for _, c := range []struct {
		live     int
		after    time.Duration
		replicas int16
	}{
		{live: 0, after: time.Hour},
		{live: 1, after: time.Minute},
		{live: 2, after: patience - 1},
		{live: 2, after: patience, replicas: 2},
		{live: 3, replicas: 3},
		{live: 9, replicas: 3},
	} {
		k := &pretend{live: c.live, records: map[string]string{}}
		p := &Publisher{NodeID: 7, Kafka: k, Root: t.TempDir(), began: now}
		if err := p.publish(t.Context(), compute.NodeStatus{Phase: compute.PhaseRunning}, now.Add(c.after)); err == nil {
			t.Errorf("%d brokers: a record without a topic", c.live)
		}
		var got int16
		if k.topic != nil {
			got = k.topic.ReplicationFactor
		}
		if got != c.replicas {
			t.Errorf("%d brokers for %s: the topic has %d replicas, want %d", c.live, c.after, got, c.replicas)
		}
	}
}

func TestARecordHasWhatTheNodeIs(t *testing.T) {
	now := time.Unix(1_000_000, 0).UTC()
	k := &pretend{live: 3, records: map[string]string{}}
	p := &Publisher{NodeID: 7, Kafka: k, Root: t.TempDir()}
	status := compute.NodeStatus{Phase: compute.PhaseRunning, Restarts: 2, DiskUsedBytes: []int64{10, 20}}
	counted(t, p.Root, "cpu  0 0 0 100 0 0 0 0 0 0\n", dev(0, 0))
	p.before = count(p.Root, now.Add(-10*time.Second))
	counted(t, p.Root, "cpu  50 0 0 150 0 0 0 0 0 0\n", dev(1000, 0))
	for range 2 {
		_ = p.publish(t.Context(), status, now) // The first one makes the topic.
	}
	var f compute.NodeFigures
	if err := json.Unmarshal([]byte(k.records["7"]), &f); err != nil {
		t.Fatal(err)
	}
	if f.NodeID != 7 || !f.At.Equal(now) || f.Restarts != 2 || f.CPU != 0.5 || f.NetworkIn != 100 || len(f.DiskUsedBytes) != 2 {
		t.Errorf("%+v", f)
	}
}
