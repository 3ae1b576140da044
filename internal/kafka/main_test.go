package kafka_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka/kafkatest"
)

// shared is one cluster for all tests that break nothing: controller 101, brokers 1 to 3.
var shared *kafkatest.Cluster

func TestMain(m *testing.M) {
	cluster, err := kafkatest.Run(kafkatest.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	shared = cluster
	code := m.Run()
	if err := cluster.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
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
