package acceptance

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka/kafkatest"
)

// TestAdoptARunningCluster takes over what somebody has made in a cluster with Kafka's own tools, in two commands: a query writes resources with
// import blocks, and an apply imports them. Nothing of Kafka is changed, and the plan after it is empty.
func TestAdoptARunningCluster(t *testing.T) {
	const topics, acls, quotas = 500, 500, 50
	binary := needed(t, "KAFKAFLEET_AGENT")
	cluster := kafkatest.Start(t, kafkatest.Options{Brokers: 3, SASL: true})
	var commands strings.Builder
	tool := func(class string, args ...string) {
		fmt.Fprintln(&commands, strings.Join(append([]string{class, "--bootstrap-server", cluster.Bootstrap()[0]}, args...), "\t"))
	}
	var names []string
	for i := range topics {
		name := fmt.Sprintf("team-%d.topic-%d", i%7, i)
		names = append(names, name)
		create := []string{"--create", "--topic", name, "--partitions", fmt.Sprint(1 + i%3), "--replication-factor", fmt.Sprint(1 + i%3)}
		if i%5 > 0 {
			create = append(create, "--config", fmt.Sprintf("retention.ms=%d", 3600000+i))
		}
		tool("org.apache.kafka.tools.TopicCommand", create...)
	}
	// A command gives a user several topics.
	const perCommand = 5
	command := 0
	for some := range slices.Chunk(names[:acls], perCommand) {
		give := []string{"--add", "--allow-principal", fmt.Sprintf("User:u%d", command/2), "--operation", "Read", "--resource-pattern-type", []string{"literal", "prefixed"}[command%2]}
		for _, name := range some {
			give = append(give, "--topic", name)
		}
		tool("org.apache.kafka.tools.AclCommand", give...)
		command++
	}
	for i := range quotas {
		entity := []string{"--entity-type", "users", "--entity-name", fmt.Sprintf("u%d", i)}
		if i%2 == 1 {
			entity = append(entity, "--entity-type", "clients", "--entity-default")
		}
		tool("kafka.admin.ConfigCommand", append(entity, "--alter", "--add-config", "producer_byte_rate=1000000")...)
	}
	tool("kafka.admin.ConfigCommand", "--entity-type", "users", "--entity-name", "u1", "--alter", "--add-config", "SCRAM-SHA-512=[iterations=8192,password=pass-word]")
	kafkaTools(t, commands.String())

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
	if want := fmt.Sprintf("%d imported, 0 added, 0 changed, 0 destroyed", topics+acls+quotas+1); !strings.Contains(adopted, want) {
		t.Errorf("the apply did not say %q but %q", want, adopted[max(0, len(adopted)-300):])
	}
	run("plan", "-detailed-exitcode")
}

// kafkaTools runs commands of Kafka's own tools, a line each: the tool's class and its arguments, separated by tabs.
func kafkaTools(t *testing.T, commands string) {
	t.Helper()
	home, err := kafkatest.Home(kafkatest.DefaultVersion)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "java", "-cp", filepath.Join(home, "libs", "*"), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx512m", filepath.Join("testdata", "KafkaTools.java"))
	cmd.Stdin = strings.NewReader(commands)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("Kafka's tools, by %s, which takes a JDK: %v\n%s", cmd, err, out[max(0, len(out)-4000):])
	}
}
