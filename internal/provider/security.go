package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// securityModel is how a cluster's listeners are protected.
type securityModel struct {
	InsecurePlaintext types.Bool   `tfsdk:"insecure_plaintext"`
	ClientAuth        types.String `tfsdk:"client_auth"`
}

var securityType = types.ObjectType{AttrTypes: map[string]attr.Type{"insecure_plaintext": types.BoolType, "client_auth": types.StringType}}

func securityAttribute() schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: "How the listeners of all nodes are protected. Without a word here everything is encrypted (TLS 1.3 or 1.2), nodes and this provider know each other by certificates " +
			"of an authority that the provider makes for the cluster, clients log in by SCRAM, and who has no ACL may do nothing.",
		Optional: true,
		Attributes: map[string]schema.Attribute{
			"client_auth": schema.StringAttribute{
				MarkdownDescription: "How clients log in: `scram` (the default), by name and password, see `kafkafleet_user`; `mtls`, by a certificate of the cluster's authority, whose common name is then the principal; " +
					"or `both`, each on a listener of its own. A change is a rollout of the brokers.",
				Optional: true,
				Validators: []validator.String{stringvalidator.OneOf(
					string(compute.ClientAuthSCRAM), string(compute.ClientAuthMTLS), string(compute.ClientAuthBoth))},
			},
			"insecure_plaintext": schema.BoolAttribute{
				MarkdownDescription: "Protect nothing: no encryption, no login, and everybody who reaches a node may do everything. For trials on one machine. It cannot be changed while the cluster has nodes.",
				Optional:            true,
			},
		},
	}
}

// securityOf reads the attribute, which is known; null is the protected default.
func securityOf(ctx context.Context, object types.Object) (compute.Security, diag.Diagnostics) {
	var m securityModel
	var diags diag.Diagnostics
	if !object.IsNull() {
		diags.Append(object.As(ctx, &m, objectAsOptions)...)
	}
	s := compute.Security{Plaintext: m.InsecurePlaintext.ValueBool()}
	if auth := compute.ClientAuth(m.ClientAuth.ValueString()); !s.Plaintext && auth != compute.ClientAuthSCRAM {
		s.ClientAuth = auth
	}
	return s, diags
}

// securityValue is the attribute as it would be declared.
func securityValue(ctx context.Context, s compute.Security) (types.Object, diag.Diagnostics) {
	if s == (compute.Security{}) {
		return types.ObjectNull(securityType.AttrTypes), nil
	}
	var m securityModel
	if s.Plaintext {
		m.InsecurePlaintext = types.BoolValue(true)
	}
	if s.ClientAuth != "" {
		m.ClientAuth = types.StringValue(string(s.ClientAuth))
	}
	return types.ObjectValueFrom(ctx, securityType.AttrTypes, m)
}
