package kafka_test

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka/kafkatest"
)

// shared is one cluster for all tests that break nothing: controller 101, brokers 1 to 3. Whoever does not log in is a super user; see
// secureOptions for the others.
var shared *kafkatest.Cluster

func TestMain(m *testing.M) {
	// Fuzz targets ask no Kafka, and run in several processes, each of which would start one.
	flag.Parse()
	for _, name := range []string{"test.list", "test.fuzz"} {
		if flag.Lookup(name).Value.String() != "" {
			os.Exit(m.Run())
		}
	}
	code, err := onShared(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// onShared runs the tests while the shared cluster does.
func onShared(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "kafka-test-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	opts, err := secureOptions(dir)
	if err != nil {
		return 1, err
	}
	if shared, err = kafkatest.Run(opts); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, shared.Close()) }()
	return m.Run(), nil
}

// connect returns a client of a cluster that follows its live nodes, as in production.
func connect(t *testing.T, c *kafkatest.Cluster, change ...func(*kafka.Config)) *kafka.Client {
	t.Helper()
	cfg := kafka.Config{
		Bootstrap:   func(context.Context) ([]string, error) { return c.Bootstrap(), nil },
		Controllers: func(context.Context) ([]string, error) { return c.Controllers(), nil },
		Timeout:     10 * time.Second,
	}
	for _, f := range change {
		f(&cfg)
	}
	client := kafka.New(cfg)
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

// eventually waits until done returns "", or fails with what it returned last.
func eventually(t *testing.T, within time.Duration, done func() string) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		missing := done()
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", within, missing)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// createTopic makes a topic whose partitions have exactly the given replicas, and deletes it when the test ends.
func createTopic(t *testing.T, c *kafkatest.Cluster, name string, replicas ...[]int32) {
	t.Helper()
	conn := dial(t, c)
	req := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, -1, -1
	for i, r := range replicas {
		assignment := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		assignment.Partition, assignment.Replicas = int32(i), r
		topic.ReplicaAssignment = append(topic.ReplicaAssignment, assignment)
	}
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	if err := kerr.ErrorForCode(resp.Topics[0].ErrorCode); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { deleteTopic(t, conn, name) })
	// Each broker hears of the topic in its own time.
	for _, broker := range conn.SeedBrokers() {
		eventually(t, time.Minute, func() string {
			req := kmsg.NewPtrMetadataRequest()
			topic := kmsg.NewMetadataRequestTopic()
			topic.Topic = &name
			req.Topics = append(req.Topics, topic)
			resp, err := req.RequestWith(t.Context(), broker)
			if err != nil {
				return err.Error()
			}
			if err := kerr.ErrorForCode(resp.Topics[0].ErrorCode); err != nil || len(resp.Topics[0].Partitions) != len(replicas) {
				return fmt.Sprintf("a broker has not heard of topic %q yet (%v)", name, err)
			}
			return ""
		})
	}
}

func deleteTopic(t *testing.T, conn *kgo.Client, name string) {
	t.Helper()
	req := kmsg.NewPtrDeleteTopicsRequest()
	topic := kmsg.NewDeleteTopicsRequestTopic()
	topic.Topic = &name
	req.Topics = append(req.Topics, topic)
	// The test's own context has ended by now.
	if _, err := req.RequestWith(context.Background(), conn); err != nil {
		t.Error(err)
	}
}

// fill writes bytes to a partition, acknowledged by all of its replicas.
func fill(t *testing.T, c *kafkatest.Cluster, topic string, partition int32, bytes int) {
	t.Helper()
	conn := dial(t, c, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))
	value := make([]byte, 100_000)
	if _, err := rand.Read(value); err != nil {
		t.Fatal(err)
	}
	for range bytes / len(value) {
		record := &kgo.Record{Topic: topic, Partition: partition, Value: value}
		conn.Produce(t.Context(), record, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	if err := conn.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func dial(t *testing.T, c *kafkatest.Cluster, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	conn, err := kgo.NewClient(append(opts, kgo.SeedBrokers(c.Bootstrap()...), kgo.DisableClientMetrics(), kgo.UnknownTopicRetries(-1))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// partition returns one partition as the client sees it.
func partition(t *testing.T, c *kafka.Client, name string, id int32) kafka.Partition {
	t.Helper()
	topics, err := c.Topics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range topics {
		if topic.Name == name && int(id) < len(topic.Partitions) {
			return topic.Partitions[id]
		}
	}
	return kafka.Partition{}
}
