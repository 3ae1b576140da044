package provider

import (
	"bytes"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// moveRequest asks for a move of a state of Mongey/kafka, as Terraform does.
func moveRequest(from string, version int64, to, state string) *tfprotov6.MoveResourceStateRequest {
	return &tfprotov6.MoveResourceStateRequest{
		SourceProviderAddress: "registry.terraform.io/mongey/kafka", SourceTypeName: from, SourceSchemaVersion: version, TargetTypeName: to,
		SourceState: &tfprotov6.RawState{JSON: []byte(state)}, SourcePrivate: []byte(`{"schema_version":"1"}`),
	}
}

// move answers a request by the provider, which has no connection to anything.
func move(t *testing.T, req *tfprotov6.MoveResourceStateRequest) *tfprotov6.MoveResourceStateResponse {
	t.Helper()
	resp, err := providerserver.NewProtocol6(&kafkafleetProvider{version: "test"})().MoveResourceState(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// moved is the state and the identity that a move answers with, as JSON without what is null.
func moved(t *testing.T, req *tfprotov6.MoveResourceStateRequest) (state, identity string, private []byte) {
	t.Helper()
	server := providerserver.NewProtocol6(&kafkafleetProvider{version: "test"})()
	schemas, err := server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	identities, err := server.GetResourceIdentitySchemas(t.Context(), &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		t.Fatal(err)
	}
	resp := move(t, req)
	for _, d := range resp.Diagnostics {
		t.Fatalf("%s: %s", d.Summary, d.Detail)
	}
	return withoutNulls(t, resp.TargetState, schemas.ResourceSchemas[req.TargetTypeName].ValueType()),
		withoutNulls(t, resp.TargetIdentity.IdentityData, identities.IdentitySchemas[req.TargetTypeName].ValueType()), resp.TargetPrivate
}

func withoutNulls(t *testing.T, value *tfprotov6.DynamicValue, as tftypes.Type) string {
	t.Helper()
	v, err := value.Unmarshal(as)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(plain(t, v))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func plain(t *testing.T, v tftypes.Value) any {
	t.Helper()
	read := func(into any) {
		t.Helper()
		if err := v.As(into); err != nil {
			t.Fatal(err)
		}
	}
	switch {
	case v.Type().Is(tftypes.String):
		var s string
		read(&s)
		return s
	case v.Type().Is(tftypes.Bool):
		var b bool
		read(&b)
		return b
	case v.Type().Is(tftypes.Number):
		var f *big.Float
		read(&f)
		n, _ := f.Float64()
		return n
	case v.Type().Is(tftypes.Set{}), v.Type().Is(tftypes.List{}):
		var list []tftypes.Value
		read(&list)
		out := []any{}
		for _, e := range list {
			out = append(out, plain(t, e))
		}
		return out
	}
	var attributes map[string]tftypes.Value
	read(&attributes)
	out := map[string]any{}
	for name, a := range attributes {
		if !a.IsNull() {
			out[name] = plain(t, a)
		}
	}
	return out
}

func TestAnotherProvidersStateIsMoved(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		from           string
		version        int64
		to, state      string
		want, identity string
	}{
		"topic": {
			"kafka_topic", 0, "kafkafleet_topic",
			`{"id":"orders","name":"orders","partitions":12,"replication_factor":3,"config":{"retention.ms":"604800000","leader.replication.throttled.replicas":"*"}}`,
			`{"allow_recreate":false,"config":{"retention.ms":"604800000"},"id":"orders","name":"orders","partitions":12,"replication_factor":3}`, `{"name":"orders"}`,
		},
		"topic without settings": {
			"kafka_topic", 0, "kafkafleet_topic", `{"id":"orders","name":"orders","partitions":12,"replication_factor":3,"config":{}}`,
			`{"allow_recreate":false,"id":"orders","name":"orders","partitions":12,"replication_factor":3}`, `{"name":"orders"}`,
		},
		"topic with the brokers' replication factor, an id of its own and an attribute that nobody knows": {
			"kafka_topic", 0, "kafkafleet_topic", `{"id":"7c0f","name":"orders","partitions":1,"replication_factor":-1,"config":null,"force_delete":true}`,
			`{"allow_recreate":false,"id":"orders","name":"orders","partitions":1}`, `{"name":"orders"}`,
		},
		"ACL of the first schema": {
			"kafka_acl", 0, "kafkafleet_acl",
			`{"id":"x","acl_principal":"User:a|b","acl_host":"*","acl_operation":"Read","acl_permission_type":"Allow","resource_name":"orders","resource_type":"Topic"}`,
			`{"host":"*","id":"Topic|orders|Literal|User:a%7Cb|*|Read|Allow","operation":"Read","pattern_type":"Literal","permission":"Allow","principal":"User:a|b","resource_name":"orders","resource_type":"Topic"}`,
			`{"host":"*","operation":"Read","pattern_type":"Literal","permission":"Allow","principal":"User:a|b","resource_name":"orders","resource_type":"Topic"}`,
		},
		"ACL of a transactional id": {
			"kafka_acl", 1, "kafkafleet_acl",
			`{"id":"x","acl_principal":"User:a","acl_host":"192.0.2.1","acl_operation":"Write","acl_permission_type":"Deny","resource_name":"a-","resource_type":"TransactionalID","resource_pattern_type_filter":"Prefixed"}`,
			`{"host":"192.0.2.1","id":"TransactionalId|a-|Prefixed|User:a|192.0.2.1|Write|Deny","operation":"Write","pattern_type":"Prefixed","permission":"Deny","principal":"User:a","resource_name":"a-","resource_type":"TransactionalId"}`,
			`{"host":"192.0.2.1","operation":"Write","pattern_type":"Prefixed","permission":"Deny","principal":"User:a","resource_name":"a-","resource_type":"TransactionalId"}`,
		},
		"user's quota": {
			"kafka_quota", 0, "kafkafleet_quota", `{"id":"a b|user","entity_name":"a b","entity_type":"user","config":{"producer_byte_rate":4e+06,"consumer_byte_rate":1,"request_percentage":12.5,"controller_mutation_rate":0.5}}`,
			`{"consumer_byte_rate":1,"controller_mutation_rate":0.5,"id":"user=a%20b","producer_byte_rate":4000000,"request_percentage":12.5,"user":"a b"}`, `{"user":"a b"}`,
		},
		"default quota": {
			"kafka_quota", 0, "kafkafleet_quota", `{"id":"entity-default|client-id","entity_name":"","entity_type":"client-id","config":{"consumer_byte_rate":5}}`,
			`{"client_id":"\u003cdefault\u003e","consumer_byte_rate":5,"id":"client_id=\u003cdefault\u003e"}`, `{"client_id":"\u003cdefault\u003e"}`,
		},
		"quota of all addresses, without values": {
			"kafka_quota", 0, "kafkafleet_quota", `{"id":"entity-default|ip","entity_name":null,"entity_type":"ip","config":null}`,
			`{"id":"ip=\u003cdefault\u003e","ip":"\u003cdefault\u003e"}`, `{"ip":"\u003cdefault\u003e"}`,
		},
		"user": {
			"kafka_user_scram_credential", 0, "kafkafleet_user", `{"id":"a/b|SCRAM-SHA-256","username":"a/b","scram_mechanism":"SCRAM-SHA-256","scram_iterations":4096,"password":"pass-word","password_wo":null}`,
			`{"id":"a%2Fb","iterations":4096,"mechanisms":["SCRAM-SHA-256"],"name":"a/b"}`, `{"name":"a/b"}`,
		},
		"user with a version of the password": {
			"kafka_user_scram_credential", 0, "kafkafleet_user", `{"id":"a|SCRAM-SHA-512","username":"a","scram_mechanism":"SCRAM-SHA-512","scram_iterations":8192,"password":null,"password_wo_version":"3"}`,
			`{"id":"a","iterations":8192,"mechanisms":["SCRAM-SHA-512"],"name":"a","password_wo_version":3}`, `{"name":"a"}`,
		},
		"user with a version that is no number": {
			"kafka_user_scram_credential", 0, "kafkafleet_user", `{"id":"a|SCRAM-SHA-512","username":"a","scram_mechanism":"SCRAM-SHA-512","scram_iterations":null,"password_wo_version":"v3"}`,
			`{"id":"a","mechanisms":["SCRAM-SHA-512"],"name":"a"}`, `{"name":"a"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, host := range []string{"registry.terraform.io", "registry.opentofu.org", "terraform.example.com"} {
				req := moveRequest(c.from, c.version, c.to, c.state)
				req.SourceProviderAddress = host + "/mongey/kafka"
				state, identity, _ := moved(t, req)
				if diff := cmp.Diff(c.want, state); diff != "" {
					t.Errorf("the state from %s, wanted and got:\n%s", host, diff)
				}
				if diff := cmp.Diff(c.identity, identity); diff != "" {
					t.Errorf("the identity from %s, wanted and got:\n%s", host, diff)
				}
			}
		})
	}
}

// TestAMovedPasswordLeavesAMarkOnly: neither the state nor the private state has the password, and the mark knows it.
func TestAMovedPasswordLeavesAMarkOnly(t *testing.T) {
	t.Parallel()
	const password = "pass-word"
	state, _, private := moved(t, moveRequest("kafka_user_scram_credential", 0, "kafkafleet_user",
		`{"id":"a|SCRAM-SHA-256","username":"a","scram_mechanism":"SCRAM-SHA-256","scram_iterations":4096,"password":"`+password+`"}`))
	var keys map[string][]byte
	if err := json.Unmarshal(private, &keys); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(state, password) || bytes.Contains(private, []byte(password)) || bytes.Contains(keys[markKey], []byte(password)) {
		t.Errorf("the password is in %s or in %s", state, keys[markKey])
	}
	var mark passwordMark
	if err := json.Unmarshal(keys[markKey], &mark); err != nil {
		t.Fatal(err)
	}
	if !mark.of(password) || mark.of("another") || mark.Iterations != 4096 {
		t.Errorf("the mark is %+v", mark)
	}
}

func TestAStateThatCannotBeMovedIsAnError(t *testing.T) {
	t.Parallel()
	acl := func(name, value string) string {
		parts := map[string]any{
			"id": "x", "acl_principal": "User:a", "acl_host": "*", "acl_operation": "Read", "acl_permission_type": "Allow", "resource_name": "orders", "resource_type": "Topic",
			"resource_pattern_type_filter": "Literal",
		}
		parts[name] = value
		text, err := json.Marshal(parts)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for name, c := range map[string]struct {
		from    string
		version int64
		to      string
		state   string
		words   string
	}{
		"schema of a later release": {"kafka_topic", 1, "kafkafleet_topic", `{"name":"orders"}`, "Its state is of schema version 1, and this provider knows those up to 0."},
		"ACL of a later release":    {"kafka_acl", 2, "kafkafleet_acl", acl("id", "x"), "Its state is of schema version 2, and this provider knows those up to 1."},
		"no object":                 {"kafka_topic", 0, "kafkafleet_topic", `null`, "Its state has not the form that mongey/kafka gives it."},
		"another form":              {"kafka_topic", 0, "kafkafleet_topic", `{"name":["orders"]}`, "Its state has not the form that mongey/kafka gives it."},
		"state of Terraform 0.11":   {"kafka_topic", 0, "kafkafleet_topic", ``, "Its state has not the form that mongey/kafka gives it."},
		"no name":                   {"kafka_topic", 0, "kafkafleet_topic", `{"name":null,"partitions":1}`, "A topic's name cannot be empty."},
		"unknown operation":         {"kafka_acl", 1, "kafkafleet_acl", acl("acl_operation", "Any"), `No binding has the acl_operation "Any", which is one of`},
		"unknown resource type":     {"kafka_acl", 1, "kafkafleet_acl", acl("resource_type", "Unknown"), `No binding has the resource_type "Unknown", which is one of`},
		"pattern of a filter":       {"kafka_acl", 1, "kafkafleet_acl", acl("resource_pattern_type_filter", "Match"), `No binding has the resource_pattern_type_filter "Match", which is one of`},
		"permission of a filter":    {"kafka_acl", 1, "kafkafleet_acl", acl("acl_permission_type", "Any"), `No binding has the acl_permission_type "Any", which is one of`},
		"no principal":              {"kafka_acl", 1, "kafkafleet_acl", acl("acl_principal", ""), "It has no acl_principal."},
		"unknown entity type":       {"kafka_quota", 0, "kafkafleet_quota", `{"entity_type":"group","entity_name":"a"}`, `Its entity_type "group" is none of user, client-id and ip.`},
		"no entity type":            {"kafka_quota", 0, "kafkafleet_quota", `{"entity_name":"a"}`, `Its entity_type <null> is none of user, client-id and ip.`},
		"host as an address":        {"kafka_quota", 0, "kafkafleet_quota", `{"entity_type":"ip","entity_name":"here"}`, `"here" is no IP address.`},
		"entity of that name":       {"kafka_quota", 0, "kafkafleet_quota", `{"entity_type":"user","entity_name":"<default>"}`, `Its entity has the name "<default>", which means the default here.`},
		"unknown quota":             {"kafka_quota", 0, "kafkafleet_quota", `{"entity_type":"user","entity_name":"a","config":{"bytes":1,"producer_byte_rate":2}}`, "Of its quotas, map[bytes:1 producer_byte_rate:2], there can only be map[producer_byte_rate:2]."},
		"fraction of a byte":        {"kafka_quota", 0, "kafkafleet_quota", `{"entity_type":"user","entity_name":"a","config":{"producer_byte_rate":2.5}}`, "Of its quotas, map[producer_byte_rate:2.5], there can only be map[producer_byte_rate:2]."},
		"unknown mechanism":         {"kafka_user_scram_credential", 0, "kafkafleet_user", `{"username":"a","scram_mechanism":"PLAIN"}`, `Its scram_mechanism "PLAIN" is neither SCRAM-SHA-256 nor SCRAM-SHA-512.`},
		"user without a name":       {"kafka_user_scram_credential", 0, "kafkafleet_user", `{"scram_mechanism":"SCRAM-SHA-256"}`, "The name is empty."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp := move(t, moveRequest(c.from, c.version, c.to, c.state))
			if len(resp.Diagnostics) != 1 || resp.Diagnostics[0].Severity != tfprotov6.DiagnosticSeverityError {
				t.Fatalf("the diagnostics are %v", resp.Diagnostics)
			}
			d := resp.Diagnostics[0]
			if d.Summary != "A "+c.from+" that cannot be moved" || !strings.HasPrefix(d.Detail, c.words) || !strings.Contains(d.Detail, " Nothing is changed, in the state or in Kafka. Instead of") {
				t.Errorf("it says %q: %q", d.Summary, d.Detail)
			}
		})
	}
}

// TestOtherSourcesAreNotMoved: what is not known to be of the same form is refused by the framework.
func TestOtherSourcesAreNotMoved(t *testing.T) {
	t.Parallel()
	const state = `{"id":"orders","name":"orders","partitions":12,"replication_factor":3}`
	for name, change := range map[string]func(*tfprotov6.MoveResourceStateRequest){
		"another provider": func(req *tfprotov6.MoveResourceStateRequest) {
			req.SourceProviderAddress = "registry.terraform.io/acme/kafka"
		},
		"a provider that sounds like it": func(req *tfprotov6.MoveResourceStateRequest) {
			req.SourceProviderAddress = "registry.terraform.io/notmongey/kafka"
		},
		"another type":                func(req *tfprotov6.MoveResourceStateRequest) { req.SourceTypeName = "kafka_quota" },
		"a target of another kind":    func(req *tfprotov6.MoveResourceStateRequest) { req.TargetTypeName = "kafkafleet_acl" },
		"a target that takes nothing": func(req *tfprotov6.MoveResourceStateRequest) { req.TargetTypeName = "kafkafleet_acls" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := moveRequest("kafka_topic", 0, "kafkafleet_topic", state)
			change(req)
			resp := move(t, req)
			if len(resp.Diagnostics) != 1 || resp.Diagnostics[0].Summary != "Unable to Move Resource State" {
				t.Errorf("the diagnostics are %v", resp.Diagnostics)
			}
		})
	}
}
