package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// tenants is examples/tenants, or another example, run by the real CLI and the built provider.
type tenants struct {
	t   *testing.T
	dir string
	env []string
}

// members are those of examples/tenants.
var members = []string{"shop-api", "shop-billing", "shop-support", "shop-audit", "reports-job"}

// newTenants is examples/tenants, with its modules made ready.
func newTenants(t *testing.T) tenants {
	t.Helper()
	c := newExample(t, "tenants", members...)
	c.run(0, "get")
	return c
}

// newExample copies examples/ to a folder of its own, which is gone at the end of the test. The example of this name is run there, with the first
// passwords of these users.
func newExample(t *testing.T, name string, users ...string) tenants {
	t.Helper()
	examples := t.TempDir()
	if err := os.CopyFS(examples, os.DirFS("../../examples")); err != nil {
		t.Fatal(err)
	}
	agent := os.Getenv("KAFKAFLEET_AGENT")
	if agent == "" || os.Getenv("TF_ACC_TERRAFORM_PATH") == "" {
		t.Fatal("KAFKAFLEET_AGENT or TF_ACC_TERRAFORM_PATH is not set; run this test by `make test`, which prepares Terraform and the provider's binary")
	}
	rc := filepath.Join(examples, "cli.tfrc")
	content := fmt.Sprintf("provider_installation {\n  dev_overrides {\n    \"kafkafleet/kafkafleet\" = %q\n  }\n  direct {}\n}\n", filepath.Dir(agent))
	if err := os.WriteFile(rc, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return tenants{t: t, dir: filepath.Join(examples, name), env: append(os.Environ(),
		"TF_VAR_passwords="+passwordsOf("1", users...), "TF_CLI_CONFIG_FILE="+rc, "TF_IN_AUTOMATION=1", "TF_INPUT=0", "CHECKPOINT_DISABLE=1",
		fmt.Sprintf("TF_VAR_bootstrap_servers=[\"%s\"]", strings.Join(sharedKafka(t).Bootstrap(), `","`)))}
}

// passwordsOf are the variable with the passwords of this version. A user's password has the name in it.
func passwordsOf(version string, users ...string) string {
	passwords := map[string]string{}
	for _, name := range users {
		passwords[name] = passwordOf(name, version)
	}
	text, _ := json.Marshal(passwords) //nolint:errcheck // A map of strings always marshals.
	return string(text)
}

func passwordOf(name, version string) string { return "secret-" + version + "-of-" + name }

// with is the same with other passwords.
func (c tenants) with(version string) tenants {
	c.env = append(slices.Clone(c.env), "TF_VAR_passwords="+passwordsOf(version, members...))
	return c
}

// edit changes the example.
func (c tenants) edit(old, replaced string) {
	c.t.Helper()
	path := filepath.Join(c.dir, "main.tf")
	text, err := os.ReadFile(path)
	if err != nil {
		c.t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		c.t.Fatalf("there is no %q in the example", old)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), old, replaced, 1)), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// member is a client that has logged in as a member of a team.
type member struct {
	t    *testing.T
	name string
}

// client opens a connection of the member's own.
func (m member) client(more ...kgo.Opt) *kgo.Client {
	m.t.Helper()
	login := scram.Auth{User: m.name, Pass: passwordOf(m.name, "1")}.AsSha512Mechanism()
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(sharedKafka(m.t).SASLBootstrap()...), kgo.SASL(login), kgo.DisableIdempotentWrite()}, more...)...)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(client.Close)
	return client
}

// deadline is for one request: what is not allowed is refused at once.
func (m member) deadline() context.Context {
	ctx, cancel := context.WithTimeout(m.t.Context(), 30*time.Second)
	m.t.Cleanup(cancel)
	return ctx
}

func (m member) writes(topic string) error {
	return m.client().ProduceSync(m.deadline(), &kgo.Record{Topic: topic, Key: []byte(m.name), Value: []byte(m.name)}).FirstErr()
}

// reads reads a record that is there.
func (m member) reads(topic string) error {
	return m.client(kgo.ConsumeTopics(topic)).PollFetches(m.deadline()).Err()
}

// group asks what a consumer asks before it reads in a group.
func (m member) group(group string) error {
	heartbeat := kmsg.NewPtrHeartbeatRequest()
	heartbeat.Group, heartbeat.MemberID = group, "nobody"
	answer, err := heartbeat.RequestWith(m.deadline(), m.client())
	if err != nil {
		return err
	}
	// Who may use the group is told that he is not in it.
	if err := kerr.ErrorForCode(answer.ErrorCode); !errors.Is(err, kerr.UnknownMemberID) && !errors.Is(err, kerr.CoordinatorNotAvailable) && !errors.Is(err, kerr.NotCoordinator) {
		return err
	}
	return nil
}

// transaction begins to write by this transactional id.
func (m member) transaction(id string) error {
	start := kmsg.NewPtrInitProducerIDRequest()
	start.TransactionalID, start.TransactionTimeoutMillis = &id, 10_000
	answer, err := start.RequestWith(m.deadline(), m.client())
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(answer.ErrorCode)
}

// rightsHold asserts that each member of the example may do what its roles say, and no more.
func rightsHold(t *testing.T) {
	t.Helper()
	as := func(name string) member { return member{t, name} }
	topic, group, id := kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.TransactionalIDAuthorizationFailed
	for what, c := range map[string]struct {
		got  error
		want error
	}{
		"the producer writes":                      {as("shop-api").writes("shop.orders"), nil},
		"the producer reads":                       {as("shop-api").reads("shop.orders"), topic},
		"the producer writes for another team":     {as("shop-api").writes("reports.daily"), topic},
		"the producer writes in transactions":      {as("shop-api").transaction("shop.t1"), nil},
		"the other team's writes in transactions":  {as("reports-job").transaction("shop.t1"), id},
		"the consumer reads":                       {as("shop-billing").reads("shop.orders"), nil},
		"the consumer has a group":                 {as("shop-billing").group("shop.billing"), nil},
		"the consumer is in another team's group":  {as("shop-billing").group("reports.nightly"), group},
		"the consumer writes":                      {as("shop-billing").writes("shop.orders"), topic},
		"the reader reads":                         {as("shop-support").reads("shop.orders"), nil},
		"the reader has a group":                   {as("shop-support").group("shop.billing"), group},
		"the reader writes":                        {as("shop-support").writes("shop.orders"), topic},
		"the audit writer writes audits":           {as("shop-audit").writes("shop.audit"), nil},
		"the audit writer reads audits":            {as("shop-audit").reads("shop.audit"), topic},
		"the audit writer writes something else":   {as("shop-audit").writes("shop.orders"), topic},
		"the other team reads":                     {as("reports-job").reads("shop.orders"), topic},
		"the other team works in its own":          {as("reports-job").writes("reports.daily"), nil},
		"the other team's consumer has a group":    {as("reports-job").group("reports.nightly"), nil},
		"the other team's consumer is in this one": {as("reports-job").group("shop.billing"), group},
	} {
		if !errors.Is(c.got, c.want) || c.want == nil && c.got != nil {
			t.Errorf("%s: %v, want %v", what, c.got, c.want)
		}
	}
}

// run runs a command, asserts its exit code and returns what it said.
func (c tenants) run(code int, args ...string) string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Getenv("TF_ACC_TERRAFORM_PATH"), append(args, "-no-color")...)
	cmd.Dir, cmd.Env = c.dir, c.env
	said, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != code {
		c.t.Fatalf("%v: %v; exit code %d is wanted:\n%s", args, err, code, said)
	}
	return string(said)
}

// TestAccTheExampleOfTwoTenantsIsApplied: it validates, makes each member a user who may do what its roles say and no more, changes a
// password, and leaves nothing.
func TestAccTheExampleOfTwoTenantsIsApplied(t *testing.T) {
	k := direct(t, sharedKafka(t))
	c := newTenants(t)
	c.run(0, "validate")
	t.Cleanup(func() { c.run(0, "destroy", "-auto-approve") }) // Nothing any more, unless the test failed.
	c.run(0, "apply", "-auto-approve")

	noReading := allow("User:shop-audit", "Topic", "shop.audit", "Literal", "Read")
	noReading.Permission = "Deny"
	want := map[string][]kafka.ACL{
		"User:shop-api":     {allow("User:shop-api", "Topic", "shop.", "Prefixed", "Write"), allow("User:shop-api", "TransactionalId", "shop.", "Prefixed", "Write")},
		"User:shop-billing": {allow("User:shop-billing", "Group", "shop.", "Prefixed", "Read"), allow("User:shop-billing", "Topic", "shop.", "Prefixed", "Read")},
		"User:shop-support": {allow("User:shop-support", "Group", "shop.", "Prefixed", "Describe"), allow("User:shop-support", "Topic", "shop.", "Prefixed", "Read")},
		"User:shop-audit":   {noReading, allow("User:shop-audit", "Topic", "shop.audit", "Literal", "Write")},
		"User:reports-job": {
			allow("User:reports-job", "Group", "reports.", "Prefixed", "Read"), allow("User:reports-job", "Topic", "reports.", "Prefixed", "Read"),
			allow("User:reports-job", "Topic", "reports.", "Prefixed", "Write"),
		},
		"User:reports-import": {allow("User:reports-import", "Group", "reports.", "Prefixed", "Read"), allow("User:reports-import", "Topic", "shop.orders", "Literal", "Read")},
	}
	bindings := func() map[string][]kafka.ACL {
		t.Helper()
		got := map[string][]kafka.ACL{}
		for who := range want {
			found, err := k.ACLs(t.Context(), kafka.ACL{Principal: who})
			if err != nil {
				t.Fatal(err)
			}
			if len(found) > 0 {
				got[who] = found
			}
		}
		return got
	}
	if diff := cmp.Diff(want, bindings()); diff != "" {
		t.Errorf("the bindings are not those of the roles (- wanted, + are there):\n%s", diff)
	}
	for _, name := range []string{"shop.orders", "shop.payments", "shop.audit", "reports.daily"} {
		find(t, sharedKafka(t), name)
	}
	for user, quotas := range map[string]map[string]float64{
		"shop-api": {"producer_byte_rate": 20971520}, "shop-support": {"consumer_byte_rate": 5242880}, "reports-job": {"request_percentage": 25}, "shop-audit": nil,
	} {
		if err := quotasAre(t, kafka.QuotaEntity{User: pointer(user)}, quotas)(nil); err != nil {
			t.Error(err)
		}
	}
	c.run(0, "plan", "-detailed-exitcode")
	for _, name := range []string{"shop-api", "shop-billing", "shop-support", "shop-audit", "reports-job"} {
		if err := logsIn(t, name, "SCRAM-SHA-512", passwordOf(name, "1"))(nil); err != nil {
			t.Error(err)
		}
	}
	rightsHold(t)

	given := allow("User:shop-audit", "Group", "shop.given-by-hand", "Literal", "Read")
	bind(t, given)
	if plan := c.run(2, "plan", "-detailed-exitcode"); !strings.Contains(plan, "shop.given-by-hand") || !strings.Contains(plan, "0 to add, 1 to change, 0 to destroy") {
		t.Errorf("the plan does not show what is removed:\n%s", plan)
	}
	c.run(0, "apply", "-auto-approve")
	if diff := cmp.Diff(want, bindings()); diff != "" {
		t.Errorf("what was given by hand is not removed (- wanted, + are there):\n%s", diff)
	}

	// A password is changed by its version alone, and the others stay what they are.
	c.edit(`password_version = 1`, `password_version = 2`)
	c.with("2").run(0, "apply", "-auto-approve")
	first, second := passwordOf("shop-billing", "1"), passwordOf("shop-billing", "2")
	if err := logsIn(t, "shop-billing", "SCRAM-SHA-512", second, first)(nil); err != nil {
		t.Error(err)
	}
	if err := logsIn(t, "shop-api", "SCRAM-SHA-512", passwordOf("shop-api", "1"), passwordOf("shop-api", "2"))(nil); err != nil {
		t.Error(err)
	}
	if state, err := os.ReadFile(filepath.Join(c.dir, "terraform.tfstate")); err != nil || strings.Contains(string(state), "secret-") || !strings.Contains(string(state), "shop-billing") {
		t.Errorf("a password is in the state, or there is none: %v", err)
	}
	with, without := `"shop"`+"\n  passwords = var.passwords\n", `"shop"`+"\n"
	c.edit(with, without)
	if said := c.run(1, "plan"); !strings.Contains(said, "A member has no password") {
		t.Errorf("a team without passwords is planned:\n%s", said)
	}
	c.edit(without, with)

	c.run(0, "destroy", "-auto-approve")
	if err := credentialsAre(t, "shop-api", nil)(nil); err != nil {
		t.Error(err)
	}
	if left := bindings(); len(left) > 0 {
		t.Errorf("these bindings are left: %v", left)
	}
	if err := noTopic(t, sharedKafka(t), "shop.orders")(nil); err != nil {
		t.Error(err)
	}
}
