package provider

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

const endpoint = "https://login.example.com/token"

// oauthBlock is an `oauth` that is complete, with some of it changed; nil takes an attribute away.
func oauthBlock(change map[string]any) map[string]any {
	o := map[string]any{"token_endpoint": endpoint, "client_id": "terraform", "client_secret": "hidden-secret"}
	for name, v := range change {
		if o[name] = v; v == nil {
			delete(o, name)
		}
	}
	return map[string]any{"oauth": o}
}

// withoutLogin clears all variables of the environment that say how to log in, and sets some.
func withoutLogin(t *testing.T, set map[string]string) {
	t.Helper()
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "KAFKA_") {
			t.Setenv(name, "")
		}
	}
	for name, v := range set {
		t.Setenv(name, v)
	}
}

func TestLoginIsReadFromBlockAndEnvironment(t *testing.T) {
	role := "arn:aws:iam::123456789012:role/kafka"
	oauth := kafka.OAuth{TokenEndpoint: endpoint, ClientID: "terraform", ClientSecret: "hidden-secret"}
	full := oauth
	full.Scopes, full.Extensions = []string{"kafka", "admin"}, map[string]string{"logicalCluster": "lkc-1"}
	for name, test := range map[string]struct {
		sasl map[string]any
		env  map[string]string
		want *kafka.SASL
	}{
		"nothing":                  {},
		"a user":                   {sasl: map[string]any{"username": "a", "password": "b"}, want: &kafka.SASL{Mechanism: "SCRAM-SHA-512", Username: "a", Password: "b"}},
		"a user of an environment": {env: map[string]string{"KAFKA_SASL_USERNAME": "a", "KAFKA_SASL_PASSWORD": "b", "KAFKA_SASL_MECHANISM": "plain"}, want: &kafka.SASL{Mechanism: "PLAIN", Username: "a", Password: "b"}},
		"a mechanism of an environment without a user": {env: map[string]string{"KAFKA_SASL_MECHANISM": "PLAIN"}},
		"oauth": {sasl: oauthBlock(nil), want: &kafka.SASL{Mechanism: "OAUTHBEARER", OAuth: &oauth}},
		"oauth in full": {
			sasl: oauthBlock(map[string]any{"scopes": []string{"kafka", "admin"}, "extensions": map[string]string{"logicalCluster": "lkc-1"}}),
			want: &kafka.SASL{Mechanism: "OAUTHBEARER", OAuth: &full},
		},
		"oauth of the environment": {
			env: map[string]string{
				"KAFKA_SASL_MECHANISM": "oauthbearer", "KAFKA_SASL_OAUTH_TOKEN_ENDPOINT": endpoint, "KAFKA_SASL_OAUTH_CLIENT_ID": "terraform",
				"KAFKA_SASL_OAUTH_CLIENT_SECRET": "hidden-secret", "KAFKA_SASL_OAUTH_SCOPES": "kafka  admin", "KAFKA_SASL_OAUTH_EXTENSIONS": "logicalCluster=lkc-1",
			},
			want: &kafka.SASL{Mechanism: "OAUTHBEARER", OAuth: &full},
		},
		"oauth, with a secret of the environment": {
			sasl: oauthBlock(map[string]any{"client_secret": nil}), env: map[string]string{"KAFKA_SASL_OAUTH_CLIENT_SECRET": "hidden-secret"},
			want: &kafka.SASL{Mechanism: "OAUTHBEARER", OAuth: &oauth},
		},
		"oauth, against a mechanism and a user of the environment": {
			sasl: oauthBlock(nil), env: map[string]string{"KAFKA_SASL_MECHANISM": "PLAIN", "KAFKA_SASL_USERNAME": "a"},
			want: &kafka.SASL{Mechanism: "OAUTHBEARER", OAuth: &oauth},
		},
		"oauth on this machine": {
			sasl: oauthBlock(map[string]any{"token_endpoint": "http://127.0.0.1:8080/token"}),
			want: &kafka.SASL{Mechanism: "OAUTHBEARER", OAuth: &kafka.OAuth{TokenEndpoint: "http://127.0.0.1:8080/token", ClientID: "terraform", ClientSecret: "hidden-secret"}},
		},
		"aws":                    {sasl: map[string]any{"aws": map[string]any{}}, want: &kafka.SASL{Mechanism: "AWS_MSK_IAM", AWS: &kafka.AWS{}}},
		"aws by its mechanism":   {sasl: map[string]any{"mechanism": "AWS_MSK_IAM"}, want: &kafka.SASL{Mechanism: "AWS_MSK_IAM", AWS: &kafka.AWS{}}},
		"aws in full":            {sasl: map[string]any{"aws": map[string]any{"region": "eu-west-1", "profile": "p", "role_arn": role, "external_id": "x"}}, want: &kafka.SASL{Mechanism: "AWS_MSK_IAM", AWS: &kafka.AWS{Region: "eu-west-1", Profile: "p", RoleARN: role, ExternalID: "x"}}},
		"aws of the environment": {env: map[string]string{"KAFKA_SASL_MECHANISM": "AWS_MSK_IAM", "KAFKA_SASL_AWS_REGION": "eu-west-1", "KAFKA_SASL_AWS_PROFILE": "p", "KAFKA_SASL_AWS_ROLE_ARN": role, "KAFKA_SASL_AWS_EXTERNAL_ID": "x"}, want: &kafka.SASL{Mechanism: "AWS_MSK_IAM", AWS: &kafka.AWS{Region: "eu-west-1", Profile: "p", RoleARN: role, ExternalID: "x"}}},
	} {
		t.Run(name, func(t *testing.T) {
			withoutLogin(t, test.env)
			block := map[string]any{"bootstrap_servers": []string{"a:1"}, "tls": map[string]any{}}
			if test.sasl != nil {
				block["sasl"] = test.sasl
			}
			data, diags := configure(t, map[string]any{"kafka": block})
			if diags.HasError() {
				t.Fatal(diags)
			}
			got := data.Kafka.login
			if got != nil && got.OAuth != nil && len(got.OAuth.Scopes) == 0 {
				got.OAuth.Scopes = nil
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("the login is %v, want %v", got, test.want)
			}
		})
	}
}

// TestWrongLoginIsRefusedByThePlan: what is wrong, where, and no secret in the words.
func TestWrongLoginIsRefusedByThePlan(t *testing.T) {
	both := oauthBlock(nil)
	both["aws"] = map[string]any{}
	named := oauthBlock(nil)
	named["username"] = "a"
	plain := oauthBlock(nil)
	plain["mechanism"] = "PLAIN"
	for name, test := range map[string]struct {
		sasl  map[string]any
		env   map[string]string
		clear bool // without TLS
		at    string
		says  []string
	}{
		"no token endpoint":           {sasl: oauthBlock(map[string]any{"token_endpoint": nil}), at: "oauth.token_endpoint", says: []string{"No token endpoint", "KAFKA_SASL_OAUTH_TOKEN_ENDPOINT"}},
		"no client":                   {sasl: oauthBlock(map[string]any{"client_id": nil}), at: "oauth.client_id", says: []string{"No client id", "KAFKA_SASL_OAUTH_CLIENT_ID"}},
		"no secret":                   {sasl: oauthBlock(map[string]any{"client_secret": nil}), at: "oauth.client_secret", says: []string{"No client secret", "KAFKA_SASL_OAUTH_CLIENT_SECRET"}},
		"an endpoint in the clear":    {sasl: oauthBlock(map[string]any{"token_endpoint": "http://login.example.com/token"}), at: "oauth.token_endpoint", says: []string{"in the clear", "https://"}},
		"an endpoint with a password": {sasl: oauthBlock(map[string]any{"token_endpoint": "https://a:hidden-secret@login.example.com/token"}), at: "oauth.token_endpoint", says: []string{"name or a password in the address"}},
		"an endpoint that is none":    {sasl: oauthBlock(map[string]any{"token_endpoint": "login"}), at: "oauth.token_endpoint", says: []string{"Not a token endpoint"}},
		"an authority that is none":   {sasl: oauthBlock(map[string]any{"ca_certificate_pem": "x"}), at: "oauth.ca_certificate_pem", says: []string{"Not a certificate"}},
		"extensions that are none":    {sasl: oauthBlock(nil), env: map[string]string{"KAFKA_SASL_OAUTH_EXTENSIONS": "auth=x"}, at: "oauth.extensions", says: []string{"Not an extension"}},
		"oauth and aws":               {sasl: both, at: "aws", says: []string{"Two ways to log in", "OAUTHBEARER"}},
		"oauth and a user":            {sasl: named, at: "username", says: []string{"Two ways to log in"}},
		"oauth by PLAIN":              {sasl: plain, at: "oauth", says: []string{"Two ways to log in", "PLAIN"}},
		"a mechanism without a user":  {sasl: map[string]any{"mechanism": "PLAIN"}, at: "username", says: []string{"No user", "PLAIN"}},
		"aws without TLS":             {sasl: map[string]any{"aws": map[string]any{"region": "eu-west-1"}}, clear: true, at: "tls", says: []string{"AWS_MSK_IAM without TLS", "tls = {}"}},
		"a role that is none":         {sasl: map[string]any{"aws": map[string]any{"role_arn": "kafka"}}, at: "aws.role_arn", says: []string{"Not a role"}},
		"an external id of no role":   {sasl: map[string]any{"aws": map[string]any{"external_id": "x"}}, at: "aws.external_id", says: []string{"An external id without a role"}},
		"an unknown mechanism":        {sasl: map[string]any{"username": "a", "password": "hidden-secret"}, env: map[string]string{"KAFKA_SASL_MECHANISM": "GSSAPI"}, at: "mechanism", says: []string{"GSSAPI", "AWS_MSK_IAM"}},
	} {
		t.Run(name, func(t *testing.T) {
			withoutLogin(t, test.env)
			block := map[string]any{"bootstrap_servers": []string{"a:1"}, "tls": map[string]any{}, "sasl": test.sasl}
			if test.clear {
				delete(block, "tls")
			}
			_, diags := configure(t, map[string]any{"kafka": block})
			found := ""
			for _, d := range diags.Errors() {
				if p, ok := d.(diag.DiagnosticWithPath); ok && strings.HasSuffix(p.Path().String(), test.at) {
					found += d.Summary() + ": " + d.Detail() + "\n"
				}
			}
			for _, text := range test.says {
				if !strings.Contains(found, text) {
					t.Errorf("at %s there is %q, want %q in it; all: %v", test.at, found, text, diags)
				}
			}
			if strings.Contains(fmt.Sprint(diags), "hidden-secret") {
				t.Errorf("the secret is in %v", diags)
			}
		})
	}
}

// TestOnlyALoginBySCRAMCanBeLockedOut: the credentials of a user are those of SCRAM, whatever else has the same name.
func TestOnlyALoginBySCRAMCanBeLockedOut(t *testing.T) {
	for mechanism, locked := range map[string]bool{"PLAIN": false, "SCRAM-SHA-256": true, "SCRAM-SHA-512": true, "OAUTHBEARER": false, "AWS_MSK_IAM": false} {
		var diags diag.Diagnostics
		user := userModel{Name: types.StringValue("terraform")}
		user.checkLockout(&kafka.SASL{Mechanism: mechanism, Username: "terraform"}, nil, types.StringNull(), &diags)
		if diags.HasError() != locked {
			t.Errorf("deleting the user terraform with a login by %s: %v, want it refused: %v", mechanism, diags, locked)
		}
	}
	var diags diag.Diagnostics
	userModel{Name: types.StringValue("")}.checkLockout(&kafka.SASL{Mechanism: "OAUTHBEARER"}, nil, types.StringNull(), &diags)
	if diags.HasError() {
		t.Error(diags)
	}
}

// TestBrokerInTroubleIsAWarningOnce, in the diagnostics of whatever is done next.
func TestBrokerInTroubleIsAWarningOnce(t *testing.T) {
	c := &connections{}
	c.trouble("a:1", fmt.Errorf("a:1: its certificate ended"))
	var first, second diag.Diagnostics
	c.warn(&first)
	c.warn(&second)
	if len(first.Warnings()) != 1 || !strings.Contains(first[0].Detail(), "a:1: its certificate ended") || len(second) != 0 {
		t.Errorf("first %v, then %v; want one warning", first, second)
	}
}
