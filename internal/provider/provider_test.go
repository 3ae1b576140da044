package provider

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka/kafkatest"
)

// shared is one cluster of three brokers for all tests that break nothing, started when the first of them needs it.
var shared struct {
	sync.Once
	cluster *kafkatest.Cluster
	err     error
}

func TestMain(m *testing.M) {
	// Without TF_ACC the acceptance tests would be skipped, and nobody would notice.
	if err := os.Setenv("TF_ACC", "1"); err != nil {
		panic(err)
	}
	code := m.Run()
	if shared.cluster != nil {
		if err := shared.cluster.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// sharedKafka is the cluster that all tests share.
func sharedKafka(t *testing.T) *kafkatest.Cluster {
	t.Helper()
	shared.Do(func() { shared.cluster, shared.err = kafkatest.Run(kafkatest.Options{SASL: true}) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.cluster
}

// direct is a client that goes past Terraform.
func direct(t *testing.T, cluster *kafkatest.Cluster) *kafka.Client {
	t.Helper()
	k := kafka.New(kafka.Config{
		Bootstrap:   func(context.Context) ([]string, error) { return cluster.Bootstrap(), nil },
		Controllers: func(context.Context) ([]string, error) { return cluster.Controllers(), nil },
	})
	t.Cleanup(func() { _ = k.Close() })
	return k
}

// calls remembers the mutating calls of the providers of one test.
type calls struct {
	mu   sync.Mutex
	made []string
}

func (c *calls) add(api, subject string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made = append(c.made, api+" "+subject)
}

// take returns the calls since the last take.
func (c *calls) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	made := c.made
	c.made = nil
	return made
}

// factories run the provider in this process.
func factories(made *calls) map[string]func() (tfprotov6.ProviderServer, error) {
	p := &kafkafleetProvider{version: "test"}
	if made != nil {
		p.onMutation = made.add
	}
	return map[string]func() (tfprotov6.ProviderServer, error){"kafkafleet": func() (tfprotov6.ProviderServer, error) { return NewServer(p) }}
}

// withKafka puts a provider block for these brokers before a configuration.
func withKafka(bootstrap []string, config string) string {
	return fmt.Sprintf("provider \"kafkafleet\" {\n  kafka = { bootstrap_servers = [\"%s\"] }\n}\n%s", strings.Join(bootstrap, `", "`), config)
}

// onShared puts a provider block for the shared cluster before a configuration.
func onShared(t *testing.T, config string) string {
	t.Helper()
	return withKafka(sharedKafka(t).Bootstrap(), config)
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

// message matches a text of Terraform, which breaks lines where it likes. A row of dots stands for whatever comes between.
func message(text string) *regexp.Regexp {
	quoted := strings.ReplaceAll(regexp.QuoteMeta(text), regexp.QuoteMeta("..."), ".*")
	return regexp.MustCompile("(?s)" + strings.ReplaceAll(quoted, " ", `\s+`))
}
