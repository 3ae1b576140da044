package provider

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// tenants is examples/tenants, run by the real CLI and the built provider.
type tenants struct {
	t   *testing.T
	dir string
	env []string
}

// newTenants copies examples/ to a folder of its own, which is gone at the end of the test, and makes the module ready.
func newTenants(t *testing.T) tenants {
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
	c := tenants{t: t, dir: filepath.Join(examples, "tenants"), env: append(os.Environ(),
		"TF_CLI_CONFIG_FILE="+rc, "TF_IN_AUTOMATION=1", "TF_INPUT=0", "CHECKPOINT_DISABLE=1",
		fmt.Sprintf("TF_VAR_bootstrap_servers=[\"%s\"]", strings.Join(sharedKafka(t).Bootstrap(), `","`)))}
	c.run(0, "get")
	return c
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

// TestAccTheExampleOfTwoTenantsIsApplied: it validates, gives each member the bindings of its roles and no others, and leaves nothing.
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

	given := allow("User:shop-audit", "Group", "shop.given-by-hand", "Literal", "Read")
	bind(t, given)
	if plan := c.run(2, "plan", "-detailed-exitcode"); !strings.Contains(plan, "shop.given-by-hand") || !strings.Contains(plan, "0 to add, 1 to change, 0 to destroy") {
		t.Errorf("the plan does not show what is removed:\n%s", plan)
	}
	c.run(0, "apply", "-auto-approve")
	if diff := cmp.Diff(want, bindings()); diff != "" {
		t.Errorf("what was given by hand is not removed (- wanted, + are there):\n%s", diff)
	}

	c.run(0, "destroy", "-auto-approve")
	if left := bindings(); len(left) > 0 {
		t.Errorf("these bindings are left: %v", left)
	}
	if err := noTopic(t, sharedKafka(t), "shop.orders")(nil); err != nil {
		t.Error(err)
	}
}
