package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka/kafkatest"
)

// many is how many objects of each kind there are.
const many = 300

// tenAtATime does something for many objects as Terraform does: ten at a time.
func tenAtATime(t *testing.T, do func(ctx context.Context, i int) error) {
	t.Helper()
	turns := make(chan struct{}, 10)
	errs := make([]error, many)
	var group sync.WaitGroup
	for i := range many {
		turns <- struct{}{}
		group.Go(func() {
			errs[i] = do(t.Context(), i)
			<-turns
		})
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// TestManyObjectsAreFewRequests creates, reads, changes and deletes 300 objects of each kind. What it takes of Kafka is counted on the way to it.
func TestManyObjectsAreFewRequests(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Options{Brokers: 3, Proxied: true})
	dial := func() *kafka.Client {
		c := kafka.New(kafka.Config{Bootstrap: func(context.Context) ([]string, error) { return cluster.Proxied(), nil }})
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	name := func(i int) string { return fmt.Sprintf("many-%03d", i) }
	acl := func(i int) kafka.ACL {
		return kafka.ACL{ResourceType: "Topic", ResourceName: name(i), PatternType: "Literal", Principal: "User:" + name(i), Host: "*", Operation: "Read", Permission: "Allow"}
	}
	entity := func(i int) kafka.QuotaEntity {
		user := name(i)
		return kafka.QuotaEntity{User: &user}
	}
	setting := func(value string) []kafka.ConfigChange {
		return []kafka.ConfigChange{{Name: "retention.ms", Value: &value}}
	}
	same := func(a, b string) bool { return a == b }
	rate := 1e6
	writer := dial()
	t.Run("create", func(t *testing.T) {
		cluster.Measure(0)
		tenAtATime(t, func(ctx context.Context, i int) error {
			topic := kafka.NewTopic{Name: name(i), Partitions: 1, ReplicationFactor: 3, Config: map[string]string{"retention.ms": "1000"}}
			return errors.Join(
				writer.CreateTopic(ctx, topic, true), writer.CreateTopic(ctx, topic, false), writer.AwaitTopic(ctx, name(i), 1),
				writer.CreateACL(ctx, acl(i)), writer.AlterQuotas(ctx, entity(i), []kafka.QuotaChange{{Key: "producer_byte_rate", Value: &rate}}, false),
			)
		})
		// Ten at a time are thirty rounds at least.
		atMost(t, cluster.Requests(), map[string]int{"CreateTopics": many / 2, "CreateACLs": many / 3, "AlterClientQuotas": many / 3})
	})
	t.Run("what was just created is read by as few", func(t *testing.T) {
		cluster.Measure(0)
		tenAtATime(t, func(ctx context.Context, i int) error {
			topic, err := writer.Reader().CreatedTopic(ctx, name(i))
			if err == nil && (topic.Name != name(i) || topic.UUID() == "" || len(topic.Partitions) != 1 || topic.ReplicationFactor() != 3) {
				err = fmt.Errorf("%+v", topic)
			}
			return err
		})
		// The controller, which knows who moves, is not asked.
		atMost(t, cluster.Requests(), map[string]int{"Metadata": many / 2, "ListPartitionReassignments": 0})
		if _, err := writer.Reader().CreatedTopic(t.Context(), "never"); !errors.Is(err, kafka.ErrNotFound) {
			t.Error(err)
		}
	})
	t.Run("what every broker was seen to know is not asked again", func(t *testing.T) {
		cluster.Measure(0)
		tenAtATime(t, func(ctx context.Context, i int) error { return writer.Reader().ACL(ctx, acl(i)) })
		if asked := cluster.Requests(); asked["DescribeACLs"] > 0 {
			t.Errorf("bindings that this client has just made took %v", asked)
		}
	})
	t.Run("read", func(t *testing.T) {
		reader := dial().Reader()
		read := func(t *testing.T) {
			t.Helper()
			tenAtATime(t, func(ctx context.Context, i int) error {
				topic, err := reader.Topic(ctx, name(i))
				entries, failed := reader.TopicConfig(ctx, name(i))
				quotas, refused := reader.Quotas(ctx, entity(i))
				if topic.Name != name(i) || topic.ReplicationFactor() != 3 || len(entries) < 20 || quotas["producer_byte_rate"] != rate {
					return fmt.Errorf("%+v, %d settings, %v", topic, len(entries), quotas)
				}
				return errors.Join(err, failed, refused, reader.ACL(ctx, acl(i)))
			})
		}
		cluster.Measure(0)
		read(t)
		first := cluster.Requests()
		// How many there are depends on how close together the questions come; one for each object would be 300.
		atMost(t, first, map[string]int{"Metadata": 60, "DescribeConfigs": 60, "ListPartitionReassignments": 60, "DescribeACLs": 60, "DescribeClientQuotas": 60, "DescribeQuorum": 5})
		cluster.Measure(0)
		read(t)
		if again := cluster.Requests(); len(again) > 0 {
			t.Errorf("what is known was asked again: %v", again)
		}
	})
	t.Run("what this client writes is read anew", func(t *testing.T) {
		read := func(ctx context.Context, i int) error {
			entries, err := writer.Reader().TopicConfig(ctx, name(i))
			for _, e := range entries {
				if e.Name == "retention.ms" && e.Value != fmt.Sprint(2000+i) {
					return fmt.Errorf("%s has the retention %s", name(i), e.Value)
				}
			}
			return err
		}
		tenAtATime(t, func(ctx context.Context, i int) error {
			changes := setting(fmt.Sprint(2000 + i))
			return errors.Join(writer.AlterTopicConfig(ctx, name(i), changes, true), writer.AlterTopicConfig(ctx, name(i), changes, false),
				writer.AwaitTopicConfig(ctx, name(i), changes, same), read(ctx, i))
		})
		wanted := "-5"
		if err := writer.AlterTopicConfig(t.Context(), name(0), setting(wanted), true); !errors.Is(err, kafka.ErrInvalid) {
			t.Errorf("a retention of %s was taken: %v", wanted, err)
		}
	})
	t.Run("one that is refused is not the others' trouble", func(t *testing.T) {
		errs := make([]error, 3)
		var group sync.WaitGroup
		for i, topic := range []kafka.NewTopic{{Name: "good", Partitions: 1, ReplicationFactor: 1}, {Name: "bad", Partitions: 1, ReplicationFactor: 9}, {Name: name(1), Partitions: 1, ReplicationFactor: 1}} {
			group.Go(func() { errs[i] = writer.CreateTopic(t.Context(), topic, false) })
		}
		group.Wait()
		if errs[0] != nil || kafka.About(errs[1]) != kafka.SubjectReplicationFactor || !errors.Is(errs[2], kafka.ErrExists) {
			t.Error(errs)
		}
	})
	t.Run("partitions", func(t *testing.T) {
		cluster.Measure(0)
		tenAtATime(t, func(ctx context.Context, i int) error {
			return errors.Join(writer.AddPartitions(ctx, name(i), 2, nil, true), writer.AddPartitions(ctx, name(i), 2, nil, false), writer.AwaitTopic(ctx, name(i), 2))
		})
		atMost(t, cluster.Requests(), map[string]int{"CreatePartitions": many / 2})
		for _, i := range []int{0, many - 1} {
			if topic, err := writer.Reader().Topic(t.Context(), name(i)); err != nil || len(topic.Partitions) != 2 {
				t.Errorf("%+v: %v", topic, err)
			}
		}
		errs := make([]error, 4)
		var group sync.WaitGroup
		for i, more := range []func() error{
			func() error { return writer.AddPartitions(t.Context(), name(0), 3, nil, false) },
			func() error { return writer.AddPartitions(t.Context(), name(1), 1, nil, false) },
			func() error { return writer.AddPartitions(t.Context(), "never", 3, nil, false) },
			func() error { return writer.AddPartitions(t.Context(), name(2), 2, nil, false) }, // It has them.
		} {
			group.Go(func() { errs[i] = more() })
		}
		group.Wait()
		if errs[0] != nil || kafka.About(errs[1]) != kafka.SubjectPartitions || !errors.Is(errs[2], kafka.ErrNotFound) || errs[3] != nil {
			t.Error(errs)
		}
	})
	t.Run("replicas that are waited for", func(t *testing.T) {
		want := make([][]kafka.Reassignment, many)
		for i := range want {
			topic, err := writer.Reader().Topic(t.Context(), name(i))
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range topic.Partitions {
				want[i] = append(want[i], kafka.Reassignment{Topic: p.Topic, Partition: p.Partition, Replicas: p.Replicas})
			}
		}
		cluster.Measure(0)
		tenAtATime(t, func(ctx context.Context, i int) error { return writer.AwaitReplicas(ctx, name(i), want[i]) })
		atMost(t, cluster.Requests(), map[string]int{"Metadata": many, "ListPartitionReassignments": many / 2})
		if err := writer.AwaitReplicas(t.Context(), "never", want[0]); !errors.Is(err, kafka.ErrNotFound) {
			t.Error(err)
		}
	})
	t.Run("delete", func(t *testing.T) {
		cluster.Measure(0)
		tenAtATime(t, func(ctx context.Context, i int) error {
			return errors.Join(writer.DeleteTopic(ctx, name(i)), writer.AwaitTopicGone(ctx, name(i), ""), writer.DeleteACL(ctx, acl(i)),
				writer.AlterQuotas(ctx, entity(i), []kafka.QuotaChange{{Key: "producer_byte_rate"}}, false))
		})
		atMost(t, cluster.Requests(), map[string]int{"DeleteTopics": many / 3, "DeleteACLs": many / 3, "AlterClientQuotas": many / 3})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for i := range 3 {
			_, missing := writer.Reader().Topic(ctx, name(i))
			_, unset := writer.Reader().Quotas(ctx, entity(i))
			for _, err := range []error{missing, unset, writer.Reader().ACL(ctx, acl(i))} {
				if !errors.Is(err, kafka.ErrNotFound) {
					t.Errorf("what was deleted: %v", err)
				}
			}
		}
		if err := writer.DeleteTopic(ctx, name(0)); !errors.Is(err, kafka.ErrNotFound) {
			t.Error(err)
		}
	})
}

// atMost complains of requests that are more than they may be.
func atMost(t *testing.T, requests, most map[string]int) {
	t.Helper()
	t.Log(requests)
	for name, n := range requests {
		if limit, limited := most[name]; limited && n > limit {
			t.Errorf("%d requests %s, and %d are enough", n, name, limit)
		}
	}
}
