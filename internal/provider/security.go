package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet"
)

// securityModel is how a cluster's listeners are protected.
type securityModel struct {
	InsecurePlaintext types.Bool   `tfsdk:"insecure_plaintext"`
	ClientAuth        types.String `tfsdk:"client_auth"`
	Authority         types.Object `tfsdk:"authority"`
}

// authorityModel is a certificate authority that the user brings along.
type authorityModel struct {
	CertificatePEM types.String `tfsdk:"certificate_pem"`
	PrivateKeyPEM  types.String `tfsdk:"private_key_pem_wo"`
}

var (
	authorityType = types.ObjectType{AttrTypes: map[string]attr.Type{"certificate_pem": types.StringType, "private_key_pem_wo": types.StringType}}
	securityType  = types.ObjectType{AttrTypes: map[string]attr.Type{"insecure_plaintext": types.BoolType, "client_auth": types.StringType, "authority": authorityType}}
)

// authorityPath is where the user's own authority is declared.
var authorityPath = path.Root("security").AtName("authority")

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
			"authority": schema.SingleNestedAttribute{
				MarkdownDescription: "A certificate authority of your own in place of one that the provider makes: an intermediate for this cluster alone is best, since whoever has a certificate of it with the name `kafkafleet-admin` may do everything. " +
					"It is put into the driver's secret store when the cluster is created, and cannot be changed after that.",
				Optional: true,
				Attributes: map[string]schema.Attribute{
					"certificate_pem": schema.StringAttribute{
						MarkdownDescription: "Its certificate in PEM, followed by those above it up to the root.",
						Required:            true,
					},
					"private_key_pem_wo": schema.StringAttribute{
						MarkdownDescription: "Its private key in PEM, without a passphrase. Write-only: it is in no state and no plan, and needed when the cluster is created.",
						Optional:            true, WriteOnly: true, Sensitive: true,
					},
				},
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

// authorityOf reads the user's own authority from a configuration, whose write-only key no plan has; both are "" where none is declared, and
// ok is false while something of it is unknown.
func authorityOf(ctx context.Context, config tfsdk.Config, diags *diag.Diagnostics) (a fleet.Authority, ok bool) {
	var object types.Object
	diags.Append(config.GetAttribute(ctx, authorityPath, &object)...)
	if diags.HasError() || object.IsNull() {
		return a, !diags.HasError()
	}
	var m authorityModel
	if object.IsUnknown() {
		return a, false
	}
	diags.Append(object.As(ctx, &m, objectAsOptions)...)
	if m.CertificatePEM.IsUnknown() || m.PrivateKeyPEM.IsUnknown() {
		return a, false
	}
	return fleet.Authority{CertificatePEM: m.CertificatePEM.ValueString(), KeyPEM: m.PrivateKeyPEM.ValueString()}, !diags.HasError()
}

// checkAuthority refuses at plan time an authority that could sign nothing, or that is another one than the cluster has.
func checkAuthority(ctx context.Context, client *fleet.Client, cluster string, a fleet.Authority, diags *diag.Diagnostics) {
	if err := client.CheckAuthority(ctx, cluster, a); err != nil {
		diags.AddAttributeError(authorityPath, "The certificate authority cannot be taken", sentence(err))
	}
}

// securityValue is the attribute as it would be declared.
func securityValue(ctx context.Context, s compute.Security) (types.Object, diag.Diagnostics) {
	if s == (compute.Security{}) {
		return types.ObjectNull(securityType.AttrTypes), nil
	}
	m := securityModel{Authority: types.ObjectNull(authorityType.AttrTypes)}
	if s.Plaintext {
		m.InsecurePlaintext = types.BoolValue(true)
	}
	if s.ClientAuth != "" {
		m.ClientAuth = types.StringValue(string(s.ClientAuth))
	}
	return types.ObjectValueFrom(ctx, securityType.AttrTypes, m)
}
