package provider

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-testing/echoprovider"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet"
)

// TestClientCertificatesOfWhomAndForHowLong: what nobody gets is refused before anything is asked.
func TestClientCertificatesOfWhomAndForHowLong(t *testing.T) {
	server, err := factories(nil)["kafkafleet"]()
	if err != nil {
		t.Fatal(err)
	}
	kind := certificateSchema(t).Schema.Type().TerraformType(t.Context())
	for name, c := range map[string]struct {
		config map[string]any
		says   string
	}{
		"a name":             {map[string]any{}, ""},
		"the longest":        {map[string]any{"lifetime": "720h"}, ""},
		"the shortest":       {map[string]any{"lifetime": "1m"}, ""},
		"not known yet":      {map[string]any{"cluster": unknown{}, "common_name": unknown{}, "lifetime": unknown{}}, ""},
		"the admin":          {map[string]any{"common_name": "kafkafleet-admin"}, "User:kafkafleet-admin is a super user"},
		"the nodes":          {map[string]any{"common_name": "kafkafleet-node"}, "User:kafkafleet-node is a super user"},
		"a node":             {map[string]any{"common_name": "kafkafleet-node-12"}, `"kafkafleet-node-12" is the common name of a node`},
		"a whole subject":    {map[string]any{"common_name": "CN=shop,O=x"}, "1 to 64 letters"},
		"an illegal cluster": {map[string]any{"cluster": "Small"}, "lower-case letters"},
		"longer":             {map[string]any{"lifetime": "720h1s"}, "not a duration from 1m to 720h"},
		"shorter":            {map[string]any{"lifetime": "59s"}, "not a duration from 1m to 720h"},
		"backwards":          {map[string]any{"lifetime": "-1h"}, "not a duration from 1m to 720h"},
		"no duration":        {map[string]any{"lifetime": "a day"}, "not a valid Go Time Duration"},
	} {
		config := map[string]any{"cluster": "small", "common_name": "shop"}
		for key, v := range c.config {
			config[key] = v
		}
		dynamic, err := tfprotov6.NewDynamicValue(kind, value(t, kind, config))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := server.ValidateEphemeralResourceConfig(t.Context(), &tfprotov6.ValidateEphemeralResourceConfigRequest{TypeName: "kafkafleet_client_certificate", Config: &dynamic})
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		for _, d := range resp.Diagnostics {
			told = append(told, d.Detail)
		}
		if got := strings.Join(told, "\n"); (c.says == "") != (got == "") || !strings.Contains(strings.ToLower(got), strings.ToLower(c.says)) {
			t.Errorf("%s: %q, want it to say %q", name, got, c.says)
		}
	}
}

func certificateSchema(t *testing.T) ephemeral.SchemaResponse {
	t.Helper()
	var schema ephemeral.SchemaResponse
	(&clientCertificateEphemeral{}).Schema(t.Context(), ephemeral.SchemaRequest{}, &schema)
	return schema
}

// TestACertificateOfNothing: a cluster that is not there is an error, unless this run's plan makes it: then it is not known yet.
func TestACertificateOfNothing(t *testing.T) {
	data, diags := configure(t, map[string]any{"local": map[string]any{"root": t.TempDir(), "agent": os.Args[0]}})
	if diags.HasError() {
		t.Fatal(diags)
	}
	schema := certificateSchema(t).Schema
	open := func() (clientCertificateModel, string) {
		config := tfsdk.Config{Schema: schema, Raw: value(t, schema.Type().TerraformType(t.Context()), map[string]any{"cluster": "small", "common_name": "shop"})}
		resp := ephemeral.OpenResponse{Result: tfsdk.EphemeralResultData{Schema: schema, Raw: config.Raw.Copy()}}
		(&clientCertificateEphemeral{fleet: data.Fleet}).Open(t.Context(), ephemeral.OpenRequest{Config: config}, &resp)
		var m clientCertificateModel
		resp.Diagnostics.Append(resp.Result.Get(t.Context(), &m)...)
		return m, details(resp.Diagnostics)
	}
	if m, got := open(); !strings.Contains(got, "no cluster of this name has an authority") || !m.PrivateKeyPEM.IsNull() {
		t.Errorf("%q", got)
	}
	data.Fleet.Plan("small", func(p *fleet.Planned) { p.Security = &compute.Security{ClientAuth: compute.ClientAuthBoth} })
	m, got := open()
	if got != "" || !m.CertificatePEM.IsUnknown() || !m.PrivateKeyPEM.IsUnknown() || !m.CACertificate.IsUnknown() || !m.NotAfter.IsUnknown() ||
		m.Principal.ValueString() != "User:shop" || m.Lifetime.ValueString() != "1h" {
		t.Errorf("%q, %+v", got, m)
	}
}

// keeper is the echo provider but for private keys: it keeps them for the test, and shows another word in their place.
type keeper struct {
	tfprotov6.ProviderServer
	mu   sync.Mutex
	kept map[string]string
}

const keptWord = "kept by the test"

func (k *keeper) ConfigureProvider(ctx context.Context, req *tfprotov6.ConfigureProviderRequest) (*tfprotov6.ConfigureProviderResponse, error) {
	kind := tftypes.Object{AttributeTypes: map[string]tftypes.Type{"data": tftypes.DynamicPseudoType}}
	config, err := req.Config.Unmarshal(kind)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	shown, err := tftypes.Transform(config, func(at *tftypes.AttributePath, v tftypes.Value) (tftypes.Value, error) {
		if !v.IsKnown() || v.IsNull() || !v.Type().Is(tftypes.String) {
			return v, nil
		}
		var text string
		if err := v.As(&text); err != nil {
			return v, err
		}
		name, ok := at.LastStep().(tftypes.AttributeName)
		if !ok {
			return v, nil
		}
		if k.kept[string(name)] = text; name == "private_key_pem" {
			return tftypes.NewValue(tftypes.String, keptWord), nil
		}
		return v, nil
	})
	if err != nil {
		return nil, err
	}
	dynamic, err := tfprotov6.NewDynamicValue(kind, shown)
	if err != nil {
		return nil, err
	}
	req.Config = &dynamic
	return k.ProviderServer.ConfigureProvider(ctx, req)
}

// factories run the keeper beside the provider.
func (k *keeper) factories() map[string]func() (tfprotov6.ProviderServer, error) {
	all := factories(nil)
	all["echo"] = func() (tfprotov6.ProviderServer, error) {
		server, err := echoprovider.NewProviderServer()()
		k.ProviderServer = server
		return k, err
	}
	return all
}

// certifiedShop is a fleet with a topic, and a certificate for a shop that the echo provider gets.
func certifiedShop(root, clientAuth string) string {
	return fleetConfig(root, fmt.Sprintf("security = { client_auth = %q }", clientAuth), "deletion_protection = false") + `
resource "kafkafleet_topic" "orders" {
  cluster            = kafkafleet_broker_group.g.cluster
  name               = "orders"
  partitions         = 1
  replication_factor = 1
}

ephemeral "kafkafleet_client_certificate" "shop" {
  cluster     = kafkafleet_cluster.c.name
  common_name = "shop"
}

provider "echo" {
  data = ephemeral.kafkafleet_client_certificate.shop
}

resource "echo" "shop" {}
`
}

// TestAccACertificateWaitsForItsCluster: the plan of a cluster with a certificate of it is whole, though nobody can issue it yet; and says if nobody
// ever will.
func TestAccACertificateWaitsForItsCluster(t *testing.T) {
	// OpenTofu opens it in the apply only, where what it refers to is going to change.
	onOpenTofu := strings.Contains(os.Getenv("TF_ACC_PROVIDER_HOST"), "opentofu")
	root := filepath.Join(t.TempDir(), "fleets")
	k := &keeper{kept: map[string]string{}}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: k.factories(),
		TerraformVersionChecks:   []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_10_0)},
		Steps: []resource.TestStep{
			{Config: certifiedShop(root, "both"), PlanOnly: true, ExpectNonEmptyPlan: true},
			{SkipFunc: func() (bool, error) { return onOpenTofu, nil }, Config: certifiedShop(root, "scram"), PlanOnly: true, ExpectError: message(`There is no certificate for shop...nobody logs in by certificate at cluster "small"`)},
		},
	})
	if k.kept["private_key_pem"] != "" || k.kept["principal"] != "User:shop" && !onOpenTofu {
		t.Errorf("a plan of no cluster has %v", k.kept)
	}
}

// describe asks for a topic as the bearer of a certificate, on a connection of its own. A kerr error is Kafka's answer; any other one says
// that there is no connection.
func describe(ctx context.Context, servers []string, topic, certificate, key, trusted string) error {
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(trusted)) {
		return errors.New("there is no authority to trust")
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(servers...), kgo.DisableClientMetrics(), kgo.RequestRetries(0),
		kgo.DialTLSConfig(&tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool, Certificates: []tls.Certificate{pair}}))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	req := kmsg.NewPtrMetadataRequest()
	asked := kmsg.NewMetadataRequestTopic()
	asked.Topic = kmsg.StringPtr(topic)
	req.Topics = append(req.Topics, asked)
	resp, err := req.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.Topics[0].ErrorCode)
}

// TestAccClientCertificate: one apply makes a cluster, and a certificate by which a client may do what an ACL says and nothing else, until its
// time is over. The key is in no state and no plan.
func TestAccClientCertificate(t *testing.T) {
	root := filepath.Join(t.TempDir(), "fleets")
	data, diags := configure(t, map[string]any{"local": map[string]any{
		"root": root, "kafka_home": os.Getenv("KAFKAFLEET_KAFKA_HOME"), "agent": os.Getenv("KAFKAFLEET_AGENT"),
	}})
	if diags.HasError() {
		t.Fatal(diags)
	}
	l := &leaks{dir: t.TempDir(), secrets: []string{"PRIVATE KEY"}, seen: map[string]bool{}}
	t.Setenv("TF_ACC_TEMP_DIR", l.dir)
	k := &keeper{kept: map[string]string{}}
	config := certifiedShop(root, "both")
	granted := config + `
resource "kafkafleet_acl" "shop" {
  cluster       = kafkafleet_topic.orders.cluster
  resource_type = "Topic"
  resource_name = kafkafleet_topic.orders.name
  principal     = "User:shop"
  operation     = "Describe"
}
`
	var servers []string
	asShop := func() error {
		k.mu.Lock()
		defer k.mu.Unlock()
		return describe(t.Context(), servers, "orders", k.kept["certificate_pem"], k.kept["private_key_pem"], k.kept["ca_certificate_pem"])
	}
	shown := func(attribute string, check knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownValue("echo.shop", tfjsonpath.New("data").AtMapKey(attribute), check)
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: k.factories(),
		TerraformVersionChecks:   []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_10_0)},
		Steps: []resource.TestStep{
			{
				Config: config,
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction("echo.shop", plancheck.ResourceActionCreate), l},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan(), l},
				},
				ConfigStateChecks: []statecheck.StateCheck{
					shown("principal", knownvalue.StringExact("User:shop")), shown("lifetime", knownvalue.StringExact("1h")),
					shown("private_key_pem", knownvalue.StringExact(keptWord)),
				},
				Check: func(s *terraform.State) error {
					group := s.RootModule().Resources["kafkafleet_broker_group.g"].Primary.Attributes
					servers = []string{group["bootstrap_servers_mtls.0"]}
					if until, err := time.Parse(time.RFC3339, k.kept["not_after"]); err != nil || time.Until(until) < 30*time.Minute || time.Until(until) > time.Hour {
						return fmt.Errorf("it is good until %q", k.kept["not_after"])
					}
					if !strings.Contains(k.kept["private_key_pem"], "PRIVATE KEY") {
						return errors.New("there is no private key")
					}
					if err := asShop(); !errors.Is(err, kerr.TopicAuthorizationFailed) {
						return fmt.Errorf("without an ACL: %w", err)
					}
					return l.look()
				},
			},
			{
				Config: granted,
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectResourceAction("echo.shop", plancheck.ResourceActionNoop), plancheck.ExpectResourceAction("kafkafleet_acl.shop", plancheck.ResourceActionCreate), l,
					},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
				Check: func(*terraform.State) error {
					if err := asShop(); err != nil {
						return fmt.Errorf("with an ACL: %w", err)
					}
					endsByItself(t, data, servers)
					return l.look()
				},
			},
			{Config: granted + `
ephemeral "kafkafleet_client_certificate" "other" {
  cluster     = "other"
  common_name = "shop"
}`, PlanOnly: true, ExpectError: message(`no cluster of this name has an authority to issue a certificate: "other"`)},
		},
	})
	for _, file := range []string{"the plan as JSON", "terraform.tfstate", "tfplan/tfplan", "tfplan/tfstate"} {
		if !l.seen[file] {
			t.Errorf("%s was not looked at, only %v", file, l.seen)
		}
	}
}

// endsByItself gets a certificate for a few seconds, which opens connections during these and not after.
func endsByItself(t *testing.T, data *providerData, servers []string) {
	t.Helper()
	const lifetime = 10 * time.Second
	issued, err := data.Fleet.IssueClientCertificate(t.Context(), "small", "shop", lifetime)
	if err != nil {
		t.Fatal(err)
	}
	try := func() error {
		return describe(t.Context(), servers, "orders", string(issued.Credential.CertificatePEM), string(issued.Credential.KeyPEM), issued.TrustedPEM)
	}
	if err := try(); err != nil {
		t.Fatalf("in its time: %v", err)
	}
	eventually(t, lifetime+time.Minute, func() string {
		err := try()
		if err == nil {
			return "connections are opened after its time"
		}
		if time.Now().Before(issued.NotAfter) || !strings.Contains(err.Error(), "certificate") {
			t.Fatalf("until %s: %v", issued.NotAfter, err)
		}
		return ""
	})
}
