package guides

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// needed is an environment variable that `make test` sets.
func needed(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set; run this test by `make test`, which prepares Terraform and the provider's binary", name)
	}
	return value
}

var (
	block     = regexp.MustCompile("(?s)```terraform\n(.*?)```")
	declared  = regexp.MustCompile(`(?m)^\s*(?:resource|variable) (?:"(\w+)" )?"([\w-]+)"`)
	reference = regexp.MustCompile(`(?:^|[^.\w"])(kafkafleet_\w+|var)\.([\w-]+)`)
	// elsewhere is what a page shows and `terraform validate` cannot judge: what is left out, queries, and resources of other providers.
	elsewhere = regexp.MustCompile(`…|(?m)^list "|"(?:aws|random)_`)
)

// configurations are those that a page shows. All of its blocks are one, until a provider block begins another one.
func (p page) configurations() []string {
	var all []string
	var one strings.Builder
	for _, match := range block.FindAllStringSubmatch(p.text, -1) {
		if elsewhere.MatchString(match[1]) {
			continue
		}
		if strings.Contains(match[1], `provider "kafkafleet"`) && strings.Contains(one.String(), `provider "kafkafleet"`) {
			all = append(all, one.String())
			one.Reset()
		}
		one.WriteString(match[1] + "\n")
	}
	if one.Len() > 0 {
		all = append(all, one.String())
	}
	return all
}

// given are the least resources of each type, for those that a page refers to and does not show.
var given = map[string]string{
	"kafkafleet_cluster":      `name = %q, kafka_version = "4.3.1", zones = ["local-a"], controllers = { nodes = 3, instance_type = "local.small" }`,
	"kafkafleet_broker_group": `cluster = "c", name = %q, brokers = 3, instance_type = "local.small", kafka_version = "4.3.1"`,
	"kafkafleet_topic":        `name = %q, partitions = 1`,
	"kafkafleet_acl":          `principal = "User:a", resource_type = "Topic", resource_name = %q, operation = "Read"`,
	"kafkafleet_user":         `name = %q, password_wo = "p"`,
}

// completed is a configuration with what it refers to.
func completed(t *testing.T, config string) string {
	t.Helper()
	there := map[string]bool{}
	for _, match := range declared.FindAllStringSubmatch(config, -1) {
		kind := match[1]
		if kind == "" {
			kind = "var"
		}
		there[kind+"."+match[2]] = true
	}
	if !strings.Contains(config, "required_providers") {
		config += "\nterraform {\n  required_providers {\n    kafkafleet = { source = \"kafkafleet/kafkafleet\" }\n  }\n}\n"
	}
	for _, match := range reference.FindAllStringSubmatch(config, -1) {
		kind, name := match[1], match[2]
		if there[kind+"."+name] {
			continue
		}
		there[kind+"."+name] = true
		if kind == "var" {
			config += fmt.Sprintf("\nvariable %q {}\n", name)
			continue
		}
		if given[kind] == "" {
			t.Fatalf("there is no %s.%s", kind, name)
		}
		config += fmt.Sprintf("\nresource %q %q {\n  %s\n}\n", kind, name, strings.ReplaceAll(fmt.Sprintf(given[kind], strings.ReplaceAll(name, "_", "-")), ", ", "\n  "))
	}
	return config
}

// TestConfigurationsInTheDocumentsAreValid: what a reader copies, Terraform takes, with the provider's own schema and its own checks of values.
func TestConfigurationsInTheDocumentsAreValid(t *testing.T) {
	terraform, binary := needed(t, "TF_ACC_TERRAFORM_PATH"), needed(t, "KAFKAFLEET_AGENT")
	rc := filepath.Join(t.TempDir(), "cli.tfrc")
	overrides := fmt.Sprintf("provider_installation {\n  dev_overrides {\n    \"kafkafleet/kafkafleet\" = %q\n  }\n  direct {}\n}\n", filepath.Dir(binary))
	if err := os.WriteFile(rc, []byte(overrides), 0o600); err != nil {
		t.Fatal(err)
	}
	// A failed subtest stops the others of its page only.
	validate := func(t *testing.T, config string) {
		t.Helper()
		root := t.TempDir()
		dir := filepath.Join(root, "guide", "page")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		commands := []string{"validate"}
		if strings.Contains(config, `module "`) {
			commands = []string{"get", "validate"}
			if err := os.CopyFS(filepath.Join(root, "guide", "modules"), os.DirFS("../../examples/modules")); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(completed(t, config)), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, command := range commands {
			var out bytes.Buffer
			cmd := exec.CommandContext(t.Context(), terraform, command, "-no-color")
			cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
			cmd.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+rc, "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1")
			if err := cmd.Run(); err != nil {
				t.Errorf("terraform %s: %v\n%s\nof this:\n%s", command, err, out.String(), config)
			}
		}
	}
	for _, p := range pages(t) {
		for i, config := range p.configurations() {
			t.Run(fmt.Sprintf("%s/%d", p.path, i), func(t *testing.T) {
				t.Parallel()
				validate(t, config)
			})
		}
	}
}
