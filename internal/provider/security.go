package provider

import (
	"context"
	"errors"

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
	AuthorityRotation types.String `tfsdk:"authority_rotation"`
}

// authorityModel is a certificate authority that the user brings along.
type authorityModel struct {
	CertificatePEM types.String `tfsdk:"certificate_pem"`
	PrivateKeyPEM  types.String `tfsdk:"private_key_pem_wo"`
}

var (
	authorityType = types.ObjectType{AttrTypes: map[string]attr.Type{"certificate_pem": types.StringType, "private_key_pem_wo": types.StringType}}
	securityType  = types.ObjectType{AttrTypes: map[string]attr.Type{"insecure_plaintext": types.BoolType, "client_auth": types.StringType, "authority": authorityType, "authority_rotation": types.StringType}}
)

// authorityPath is where the user's own authority is declared, and rotationPath the step of a change to another one.
var (
	authorityPath = path.Root("security").AtName("authority")
	rotationPath  = path.Root("security").AtName("authority_rotation")
)

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
					"It is put into the driver's secret store when the cluster is created, and is changed by `authority_rotation`.",
				Optional: true,
				Attributes: map[string]schema.Attribute{
					"certificate_pem": schema.StringAttribute{
						MarkdownDescription: "Its certificate in PEM, followed by those above it up to the root.",
						Required:            true,
					},
					"private_key_pem_wo": schema.StringAttribute{
						MarkdownDescription: "Its private key in PEM, without a passphrase. Write-only: it is in no state and no plan, and needed when the cluster is created and when a rotation to it begins.",
						Optional:            true, WriteOnly: true, Sensitive: true,
					},
				},
			},
			"authority_rotation": schema.StringAttribute{
				MarkdownDescription: "Changes the certificate authority for another one while the fleet serves, in three steps that are an apply each, and a rollout of all nodes. `trust_new`: there is a new authority, the one that `authority` declares now or one that the provider makes; nodes " +
					"trust both, and `ca_certificate_pem` holds both: give it to the clients. `use_new`: nodes have certificates of the new one, and clients that trust both go on. Left out again: nothing trusts the old one any more. A step that comes before the one before is done is refused. From `trust_new` leaving it out " +
					"is the way back, from `use_new` it is `trust_new`.",
				Optional:   true,
				Validators: []validator.String{stringvalidator.OneOf(string(fleet.TrustNew), string(fleet.UseNew))},
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

// authorityOf reads the user's own authority from a configuration, whose write-only key no plan has; both are "" where none is declared, and while
// something of it is unknown.
func authorityOf(ctx context.Context, config tfsdk.Config, diags *diag.Diagnostics) fleet.Authority {
	var object types.Object
	diags.Append(config.GetAttribute(ctx, authorityPath, &object)...)
	if diags.HasError() || object.IsNull() || object.IsUnknown() {
		return fleet.Authority{}
	}
	var m authorityModel
	diags.Append(object.As(ctx, &m, objectAsOptions)...)
	if m.CertificatePEM.IsUnknown() || m.PrivateKeyPEM.IsUnknown() {
		return fleet.Authority{}
	}
	return fleet.Authority{CertificatePEM: m.CertificatePEM.ValueString(), KeyPEM: m.PrivateKeyPEM.ValueString()}
}

// checkAuthority refuses at plan time an authority that could sign nothing, or that is another one than the cluster has, and the step of a rotation
// that would cut nodes off.
func checkAuthority(ctx context.Context, client *fleet.Client, want fleet.Cluster, diags *diag.Diagnostics) {
	switch err := client.CheckAuthority(ctx, want); {
	case errors.Is(err, fleet.ErrRotation):
		diags.AddAttributeError(rotationPath, "The certificate authority cannot be changed like this", sentence(err))
	case err != nil:
		diags.AddAttributeError(authorityPath, "The certificate authority cannot be taken", sentence(err))
	}
}

// rotationOf is the step of the rotation that is declared.
func rotationOf(ctx context.Context, security types.Object) (fleet.Rotation, diag.Diagnostics) {
	var m securityModel
	if security.IsNull() {
		return fleet.NoRotation, nil
	}
	diags := security.As(ctx, &m, objectAsOptions)
	return fleet.Rotation(m.AuthorityRotation.ValueString()), diags
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
