package acceptance

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka/kafkatest"
)

// TestAdoptARunningCluster takes over what a cluster has, in two commands: a query writes resources with import blocks, and an apply imports them.
// Nothing of Kafka is changed, and the plan after it is empty.
func TestAdoptARunningCluster(t *testing.T) {
	const topics, quotas = 500, 50
	binary := needed(t, "KAFKAFLEET_AGENT")
	cluster := kafkatest.Start(t, kafkatest.Options{Brokers: 3, SASL: true})
	k := kafka.New(kafka.Config{Bootstrap: func(context.Context) ([]string, error) { return cluster.Bootstrap(), nil }})
	t.Cleanup(func() { _ = k.Close() })
	var group errgroup.Group
	group.SetLimit(100)
	rate := 1e6
	for i := range topics {
		group.Go(func() error {
			name := fmt.Sprintf("team-%d.topic-%d", i%7, i)
			topic := kafka.NewTopic{Name: name, Partitions: int32(1 + i%3), ReplicationFactor: int16(1 + i%3), Config: map[string]string{"retention.ms": fmt.Sprint(3600000 + i)}}
			if i%5 == 0 {
				topic.Config = nil
			}
			if err := k.CreateTopic(t.Context(), topic, false); err != nil {
				return err
			}
			if err := k.CreateACL(t.Context(), kafka.ACL{
				ResourceType: "Topic", ResourceName: name, PatternType: []string{"Literal", "Prefixed"}[i%2], Principal: fmt.Sprintf("User:u%d", i), Host: "*", Operation: "Read", Permission: "Allow",
			}); err != nil || i >= quotas {
				return err
			}
			user, client := fmt.Sprintf("u%d", i), []*string{nil, new(string)}[i%2]
			return k.AlterQuotas(t.Context(), kafka.QuotaEntity{User: &user, ClientID: client}, []kafka.QuotaChange{{Key: "producer_byte_rate", Value: &rate}}, false)
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := k.SetUserCredential(t.Context(), kafka.UserCredential{User: "u1", Mechanism: kafka.MechanismSCRAM512, Iterations: 8192, Password: "pass-word"}); err != nil {
		t.Fatal(err)
	}

	dir := t.TempDir()
	files := map[string]string{
		"cli.tfrc": fmt.Sprintf("provider_installation {\n  dev_overrides {\n    \"kafkafleet/kafkafleet\" = %q\n  }\n}\n", filepath.Dir(binary)),
		"main.tf": fmt.Sprintf("terraform {\n  required_providers {\n    kafkafleet = {\n      source = \"kafkafleet/kafkafleet\"\n    }\n  }\n}\nprovider \"kafkafleet\" {\n  kafka = { bootstrap_servers = [\"%s\"] }\n}\n",
			strings.Join(cluster.Bootstrap(), `", "`)),
	}
	var query strings.Builder
	for _, kind := range []string{"topic", "acl", "quota", "user"} {
		fmt.Fprintf(&query, "list \"kafkafleet_%s\" \"all\" {\n  provider         = kafkafleet\n  limit            = 10000\n  include_resource = true\n}\n", kind)
	}
	files["adopt.tfquery.hcl"] = query.String()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), needed(t, "TF_ACC_TERRAFORM_PATH"), append(args, "-no-color")...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+filepath.Join(dir, "cli.tfrc"), "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_INPUT=0")
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Run(); err != nil {
			text := said.String()
			t.Fatalf("terraform %s: %v\n%s", args[0], err, text[max(0, len(text)-4000):])
		}
		return said.String()
	}
	run("query", "-generate-config-out=adopted.tf")
	adopted := run("apply", "-auto-approve")
	if want := fmt.Sprintf("%d imported, 0 added, 0 changed, 0 destroyed", 2*topics+quotas+1); !strings.Contains(adopted, want) {
		t.Errorf("the apply did not say %q but %q", want, adopted[max(0, len(adopted)-300):])
	}
	run("plan", "-detailed-exitcode")
}
