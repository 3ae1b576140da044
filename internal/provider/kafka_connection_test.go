package provider

import (
	"context"
	"errors"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// configure runs Configure with a provider block of which only some attributes are set.
func configure(t *testing.T, block map[string]any) (*providerData, diag.Diagnostics) {
	t.Helper()
	p := &kafkafleetProvider{version: "test"}
	var schema provider.SchemaResponse
	p.Schema(t.Context(), provider.SchemaRequest{}, &schema)
	config := tfsdk.Config{Schema: schema.Schema, Raw: value(t, schema.Schema.Type().TerraformType(t.Context()), block)}
	var resp provider.ConfigureResponse
	p.Configure(t.Context(), provider.ConfigureRequest{Config: config}, &resp)
	data, _ := resp.ResourceData.(*providerData)
	return data, resp.Diagnostics
}

// unknown stands for a value that is only known after apply.
type unknown struct{}

// value makes a value of a type from Go's maps, slices and scalars; what is missing is null, and a value of Terraform's is taken as it is.
func value(t *testing.T, kind tftypes.Type, v any) tftypes.Value {
	t.Helper()
	if _, ok := v.(unknown); ok {
		return tftypes.NewValue(kind, tftypes.UnknownValue)
	}
	if given, ok := v.(tftypes.Value); ok {
		return given
	}
	switch kind := kind.(type) {
	case tftypes.Object:
		fields, ok := v.(map[string]any)
		if !ok {
			return tftypes.NewValue(kind, nil)
		}
		out := map[string]tftypes.Value{}
		for name, k := range kind.AttributeTypes {
			out[name] = value(t, k, fields[name])
		}
		return tftypes.NewValue(kind, out)
	case tftypes.List:
		items, ok := v.([]string)
		if !ok {
			return tftypes.NewValue(kind, nil)
		}
		var out []tftypes.Value
		for _, item := range items {
			out = append(out, tftypes.NewValue(tftypes.String, item))
		}
		return tftypes.NewValue(kind, out)
	case tftypes.Map:
		items, ok := v.(map[string]string)
		if !ok {
			return tftypes.NewValue(kind, nil)
		}
		out := map[string]tftypes.Value{}
		for name, item := range items {
			out[name] = tftypes.NewValue(tftypes.String, item)
		}
		return tftypes.NewValue(kind, out)
	}
	return tftypes.NewValue(kind, v)
}

func TestProviderBlockIsReadWithoutACall(t *testing.T) {
	servers := []string{"a:1"}
	tests := map[string]struct {
		block   map[string]any
		env     map[string]string
		fault   string // the summary of the expected error
		why     error  // why there is no Kafka for objects without a cluster
		refuses bool   // whether there is no place for nodes
	}{
		"nothing":                     {why: errNoKafka},
		"local":                       {block: map[string]any{"local": map[string]any{}}, why: errNoKafka},
		"kafka":                       {block: map[string]any{"kafka": map[string]any{"bootstrap_servers": servers}}, refuses: true},
		"both":                        {block: map[string]any{"local": map[string]any{}, "kafka": map[string]any{"bootstrap_servers": servers}}},
		"aws":                         {block: map[string]any{"aws": map[string]any{"region": "eu-west-1"}}, why: errNoKafka},
		"aws of the environment":      {block: map[string]any{"aws": map[string]any{}}, env: map[string]string{"AWS_REGION": "eu-west-1"}, why: errNoKafka},
		"aws without a region":        {block: map[string]any{"aws": map[string]any{}}, fault: "AWS cannot be used", why: errNoKafka, refuses: true},
		"region not known yet":        {block: map[string]any{"aws": map[string]any{"region": unknown{}}}, why: errNoKafka, refuses: true},
		"aws beside kafka":            {block: map[string]any{"aws": map[string]any{"region": "eu-west-1"}, "kafka": map[string]any{"bootstrap_servers": servers}}},
		"two places for nodes":        {block: map[string]any{"aws": map[string]any{"region": "eu-west-1"}, "local": map[string]any{}}, fault: "Two places for nodes", why: errNoKafka, refuses: true},
		"servers of the environment":  {env: map[string]string{"KAFKA_BOOTSTRAP_SERVERS": "a:1, b:2"}},
		"no servers":                  {block: map[string]any{"kafka": map[string]any{}}, fault: "No bootstrap servers", why: errNoKafka, refuses: true},
		"servers not known yet":       {block: map[string]any{"kafka": map[string]any{"bootstrap_servers": unknown{}}}, why: errKafkaUnknown, refuses: true},
		"root not known yet":          {block: map[string]any{"local": map[string]any{"root": unknown{}}}, why: errNoKafka, refuses: true},
		"a certificate that is none":  {block: map[string]any{"kafka": map[string]any{"bootstrap_servers": servers, "tls": map[string]any{"ca_certificate_pem": "x"}}}, fault: "Not a certificate", why: errNoKafka, refuses: true},
		"a certificate without a key": {block: map[string]any{"kafka": map[string]any{"bootstrap_servers": servers, "tls": map[string]any{"certificate_pem": "x"}}}, fault: "The certificate and the private key are no pair", why: errNoKafka, refuses: true},
		"a user without a password":   {block: map[string]any{"kafka": map[string]any{"bootstrap_servers": servers, "sasl": map[string]any{"username": "a"}}}, fault: "No password", why: errNoKafka, refuses: true},
		"the password of the environment": {
			block: map[string]any{"kafka": map[string]any{"bootstrap_servers": servers, "sasl": map[string]any{"username": "a"}}}, env: map[string]string{"KAFKA_SASL_PASSWORD": "b"}, refuses: true,
		},
		"an unknown mechanism of the environment": {
			block: map[string]any{"kafka": map[string]any{"bootstrap_servers": servers, "sasl": map[string]any{"username": "a", "password": "b"}}},
			env:   map[string]string{"KAFKA_SASL_MECHANISM": "MD5"}, fault: "Unknown SASL mechanism", why: errNoKafka, refuses: true,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for _, variable := range []string{
				"KAFKA_BOOTSTRAP_SERVERS", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD", "KAFKA_SASL_MECHANISM", "KAFKA_ENABLE_TLS", "KAFKA_CA_CERT", "KAFKA_CLIENT_CERT", "KAFKA_CLIENT_KEY",
				"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE",
			} {
				t.Setenv(variable, test.env[variable])
			}
			data, diags := configure(t, test.block)
			switch {
			case test.fault == "" && diags.HasError(), test.fault != "" && (len(diags) == 0 || diags[0].Summary() != test.fault):
				t.Fatalf("diagnostics are %v, want %q", diags, test.fault)
			}
			if _, err := data.Kafka.Kafka(t.Context(), types.StringNull()); !errors.Is(err, test.why) {
				t.Errorf("an object without a cluster gets the error %v, want %v", err, test.why)
			}
			if _, refuses := data.Fleet.Driver().(absentDriver); refuses != test.refuses {
				t.Errorf("having no place for nodes is %v, want %v", refuses, test.refuses)
			}
		})
	}
}

// TestSchemas has the framework look at every schema, as it would when Terraform asks for them.
func TestSchemas(t *testing.T) {
	p := &kafkafleetProvider{}
	ctx := context.Background()
	for _, fresh := range p.Resources(ctx) {
		var resp resource.SchemaResponse
		fresh().Schema(ctx, resource.SchemaRequest{}, &resp)
		if diags := resp.Schema.ValidateImplementation(ctx); diags.HasError() {
			t.Errorf("%T: %v", fresh(), diags)
		}
	}
	for _, fresh := range p.DataSources(ctx) {
		var resp datasource.SchemaResponse
		fresh().Schema(ctx, datasource.SchemaRequest{}, &resp)
		if diags := resp.Schema.ValidateImplementation(ctx); diags.HasError() {
			t.Errorf("%T: %v", fresh(), diags)
		}
	}
}
