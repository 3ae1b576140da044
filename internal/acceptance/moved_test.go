package acceptance

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute/local"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka/kafkatest"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafkadist"
)

// TestMoveFromAnotherProvider takes over what Mongey/kafka manages, from a state as that provider writes it, by examples/moved: topic, ACLs of both
// schema versions, quotas and a user. Nothing of Kafka is changed, and the password stays behind.
func TestMoveFromAnotherProvider(t *testing.T) {
	const password = "correct horse battery staple"
	cluster := kafkatest.Start(t, kafkatest.Options{Brokers: 1, SASL: true})
	makeMoved(t, cluster, password)
	binary, home := needed(t, "KAFKAFLEET_AGENT"), needed(t, "KAFKAFLEET_KAFKA_HOME")
	none, err := local.New(local.Config{Root: filepath.Join(t.TempDir(), "fleets"), Agent: binary, Kafka: kafkadist.Source{Home: home}})
	if err != nil {
		t.Fatal(err)
	}
	w := workspaceOf(t, "../../examples/moved/main.tf", none)
	w.giveMovedState(password)
	vars := func(password string) []string {
		return []string{"bootstrap_servers=" + asJSON(cluster.Bootstrap()), "shop_password=" + password}
	}

	moves := w.plannedMoves(vars(password))
	slices.Sort(moves)
	want := []string{
		"kafka_acl.orders to kafkafleet_acl.orders", "kafka_acl.transactions to kafkafleet_acl.transactions",
		"kafka_quota.clients to kafkafleet_quota.clients", "kafka_quota.shop to kafkafleet_quota.shop",
		"kafka_topic.orders to kafkafleet_topic.orders", "kafka_user_scram_credential.shop to kafkafleet_user.shop",
	}
	if !slices.Equal(moves, want) {
		t.Errorf("the plan moves\n%s", strings.Join(moves, "\n"))
	}
	if calls := w.apply(vars(password)...); len(calls) > 0 {
		t.Errorf("the move changed something:\n%s", strings.Join(calls, "\n"))
	}
	w.quiet(vars(password)...)
	w.keptNothingOf(password)
	if id := w.attribute("kafkafleet_topic", "id"); id != "orders" {
		t.Errorf("the topic's id is %v, and was orders", id)
	}
	if id, _ := w.attribute("kafkafleet_topic", "topic_id").(string); id == "" {
		t.Error("the topic was not read from Kafka")
	}
	// The mark of the password came along, and the log shows what is changed.
	calls := w.apply(vars("another one")...)
	other := func(call string) bool { return !strings.Contains(call, "AlterUserScramCredentials") }
	if len(calls) == 0 || slices.ContainsFunc(calls, other) {
		t.Errorf("an edited password made the calls %q", calls)
	}
}

// makeMoved makes the objects of testdata/moved.json, as the other provider would have.
func makeMoved(t *testing.T, cluster *kafkatest.Cluster, password string) {
	t.Helper()
	k := kafka.New(kafka.Config{Bootstrap: func(context.Context) ([]string, error) { return cluster.Bootstrap(), nil }})
	t.Cleanup(func() { _ = k.Close() })
	shop, everyone, written, read, share := "shop", "", 4e6, 8e6, 12.5
	for what, err := range map[string]error{
		"topic": k.CreateTopic(t.Context(), kafka.NewTopic{
			Name: "orders", Partitions: 3, ReplicationFactor: 1, Config: map[string]string{"cleanup.policy": "compact,delete", "retention.ms": "604800000"},
		}, false),
		"ACLs": k.CreateACLs(t.Context(), []kafka.ACL{
			{ResourceType: "Topic", ResourceName: "orders", PatternType: "Literal", Principal: "User:shop", Host: "*", Operation: "Read", Permission: "Allow"},
			{ResourceType: "TransactionalId", ResourceName: "shop-", PatternType: "Prefixed", Principal: "User:shop", Host: "192.0.2.1", Operation: "Write", Permission: "Allow"},
		}),
		"user's quota": k.AlterQuotas(t.Context(), kafka.QuotaEntity{User: &shop}, []kafka.QuotaChange{
			{Key: "producer_byte_rate", Value: &written}, {Key: "request_percentage", Value: &share},
		}, false),
		"default quota": k.AlterQuotas(t.Context(), kafka.QuotaEntity{ClientID: &everyone}, []kafka.QuotaChange{{Key: "consumer_byte_rate", Value: &read}}, false),
		"user":          k.SetUserCredential(t.Context(), kafka.UserCredential{User: "shop", Mechanism: kafka.MechanismSCRAM256, Iterations: 4096, Password: password}),
	} {
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
}

// giveMovedState puts testdata/moved.json into the workspace, and something in the place of the other provider: Terraform wants a plugin for every
// provider of a state, and asks it for nothing but its schema.
func (w *workspace) giveMovedState(password string) {
	w.t.Helper()
	state, err := os.ReadFile("testdata/moved.json")
	if err != nil {
		w.t.Fatal(err)
	}
	text := strings.ReplaceAll(string(state), "PASSWORD", password)
	if host := os.Getenv("TF_ACC_PROVIDER_HOST"); host != "" {
		text = strings.ReplaceAll(text, "registry.terraform.io", host)
	}
	binary, stand := needed(w.t, "KAFKAFLEET_AGENT"), w.t.TempDir()
	if err := os.Symlink(binary, filepath.Join(stand, "terraform-provider-kafka")); err != nil {
		w.t.Fatal(err)
	}
	rc := fmt.Sprintf("provider_installation {\n  dev_overrides {\n    \"kafkafleet/kafkafleet\" = %q\n    \"mongey/kafka\" = %q\n  }\n}\n", filepath.Dir(binary), stand)
	for name, content := range map[string]string{"terraform.tfstate": text, "cli.tfrc": rc} {
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(content), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
}

// plannedMoves are the moves of a plan, which has to have nothing else.
func (w *workspace) plannedMoves(vars []string) []string {
	w.t.Helper()
	w.terraform(append(withVars("plan", vars), "-out=moves.tfplan")...)
	var plan struct {
		Changes []struct {
			Address  string `json:"address"`
			Previous string `json:"previous_address"`
			Change   struct {
				Actions []string `json:"actions"`
			} `json:"change"`
		} `json:"resource_changes"`
	}
	if err := json.Unmarshal(w.said("show", "-json", "moves.tfplan"), &plan); err != nil {
		w.t.Fatal(err)
	}
	var moves []string
	for _, c := range plan.Changes {
		if !slices.Equal(c.Change.Actions, []string{"no-op"}) {
			w.t.Errorf("%s is to be changed: %v", c.Address, c.Change.Actions)
		}
		moves = append(moves, c.Previous+" to "+c.Address)
	}
	return moves
}

// keptNothingOf asserts that the state has a secret nowhere, also not in the private part of a resource.
func (w *workspace) keptNothingOf(password string) {
	w.t.Helper()
	state := w.readState()
	for _, r := range state.Resources {
		for _, i := range r.Instances {
			private, err := base64.StdEncoding.DecodeString(i.Private)
			if err != nil {
				w.t.Fatal(err)
			}
			if bytes.Contains(private, []byte(password)) || bytes.Contains(private, []byte(base64.StdEncoding.EncodeToString([]byte(password)))) {
				w.t.Errorf("the private state of %s has the password", r.Type)
			}
			if strings.Contains(asJSON(i.Attributes), password) {
				w.t.Errorf("the state of %s has the password", r.Type)
			}
		}
	}
}

// attribute is what the state has of the one resource of a type.
func (w *workspace) attribute(kind, name string) any {
	w.t.Helper()
	for _, r := range w.readState().Resources {
		if r.Type == kind && len(r.Instances) == 1 {
			return r.Instances[0].Attributes[name]
		}
	}
	w.t.Errorf("the state has no %s", kind)
	return nil
}

// movedState is the part of a state file that the test looks at.
type movedState struct {
	Resources []struct {
		Type      string `json:"type"`
		Instances []struct {
			Attributes map[string]any `json:"attributes"`
			Private    string         `json:"private"`
		} `json:"instances"`
	} `json:"resources"`
}

func (w *workspace) readState() (s movedState) {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, "terraform.tfstate"))
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}
