package provider

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timetypes/timetypes"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet"
)

var (
	_ ephemeral.EphemeralResource              = (*clientCertificateEphemeral)(nil)
	_ ephemeral.EphemeralResourceWithConfigure = (*clientCertificateEphemeral)(nil)
)

const (
	// defaultClientLifetime is for how long a client's certificate is good where nothing is declared.
	defaultClientLifetime = time.Hour
	// leastClientLifetime is the shortest that can be declared: the clocks of machines differ, and an apply takes its time.
	leastClientLifetime = time.Minute
)

func newClientCertificateEphemeral() ephemeral.EphemeralResource {
	return &clientCertificateEphemeral{}
}

type clientCertificateEphemeral struct{ fleet *fleet.Client }

type clientCertificateModel struct {
	Cluster        types.String         `tfsdk:"cluster"`
	CommonName     types.String         `tfsdk:"common_name"`
	Lifetime       timetypes.GoDuration `tfsdk:"lifetime"`
	CertificatePEM types.String         `tfsdk:"certificate_pem"`
	PrivateKeyPEM  types.String         `tfsdk:"private_key_pem"`
	CACertificate  types.String         `tfsdk:"ca_certificate_pem"`
	NotAfter       types.String         `tfsdk:"not_after"`
	Principal      types.String         `tfsdk:"principal"`
}

func (e *clientCertificateEphemeral) Metadata(_ context.Context, req ephemeral.MetadataRequest, resp *ephemeral.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_client_certificate"
}

func (e *clientCertificateEphemeral) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A certificate by which a client logs in to a cluster of this provider, issued by the cluster's own authority and good for a short time. " +
			"It is in no state and no plan: each plan and each apply issues another one. Hand it to a write-only attribute, such as that of a secret store, or to the block of a provider.\n\n" +
			"The cluster takes certificates where its `security` has `client_auth = \"mtls\"`, at `bootstrap_servers`, or `\"both\"`, at `bootstrap_servers_mtls`. " +
			"A certificate says who the bearer is and allows nothing: without a `kafkafleet_acl` of its principal, its bearer may do nothing.\n\n" +
			"A certificate cannot be taken back. When its time is over it opens no connection any more, while those that are open stay open; until then, what ends its rights is to delete the ACLs of its principal.\n\n" +
			"While the cluster is planned and not created yet, the certificate is known after apply. Needs Terraform 1.10 or OpenTofu 1.11.",
		Attributes: map[string]schema.Attribute{
			"cluster": schema.StringAttribute{
				MarkdownDescription: "The name of the cluster, best from `kafkafleet_cluster.<name>.name`, so that Terraform waits for a cluster that the same apply creates.",
				Required:            true,
				Validators:          []validator.String{clusterNameValidator{}},
			},
			"common_name": schema.StringAttribute{
				MarkdownDescription: "Who the client is: `shop` is the principal `User:shop` in ACLs and quotas, the same as a `kafkafleet_user` of this name. 1 to 64 letters, digits, `.`, `_` and `-`. " +
					"`" + compute.AdminPrincipal + "`, `" + compute.NodePrincipal + "` and the names of nodes, `" + compute.NodePrincipal + "-1` and so on, are refused: their principals may do everything.",
				Required:   true,
				Validators: []validator.String{commonNameValidator{}},
			},
			"lifetime": schema.StringAttribute{
				MarkdownDescription: fmt.Sprintf("For how long the certificate is good, such as `8h`; from `%s` to `%s` (30 days), `%s` by default. It has to last for the rest of the apply that uses it. It ends earlier where the authority's own certificate does.",
					asDuration(leastClientLifetime), asDuration(fleet.MaxClientLifetime), asDuration(defaultClientLifetime)),
				CustomType: timetypes.GoDurationType{}, Optional: true, Computed: true,
				Validators: []validator.String{clientLifetimeValidator{}},
			},
			"certificate_pem":    schema.StringAttribute{MarkdownDescription: "The certificate, in PEM, with those that lead to the root where the authority is below one.", Computed: true},
			"private_key_pem":    schema.StringAttribute{MarkdownDescription: "Its private key, in PEM (PKCS#8), without a passphrase.", Computed: true, Sensitive: true},
			"ca_certificate_pem": schema.StringAttribute{MarkdownDescription: "The certificate authority that the client has to trust, in PEM.", Computed: true},
			"not_after":          schema.StringAttribute{MarkdownDescription: "When the certificate ends (RFC 3339).", Computed: true},
			"principal":          schema.StringAttribute{MarkdownDescription: "Who the client is in ACLs, such as `User:shop`.", Computed: true},
		},
	}
}

func (e *clientCertificateEphemeral) Configure(_ context.Context, req ephemeral.ConfigureRequest, resp *ephemeral.ConfigureResponse) {
	if data := configured(req.ProviderData, &resp.Diagnostics); data != nil {
		e.fleet = data.Fleet
	}
}

// Open issues the certificate. What depends on the rest of the plan stays unknown until that is applied: Terraform itself waits for unknown
// inputs only, and the name of a cluster is known before the cluster is there.
func (e *clientCertificateEphemeral) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	var m clientCertificateModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if m.Lifetime.IsNull() {
		m.Lifetime = timetypes.NewGoDurationValueFromStringMust(asDuration(defaultClientLifetime))
	}
	lifetime := durationOf(m.Lifetime, &resp.Diagnostics)
	m.Principal = types.StringValue("User:" + m.CommonName.ValueString())
	issued, err := e.fleet.IssueClientCertificate(ctx, m.Cluster.ValueString(), m.CommonName.ValueString(), lifetime)
	switch {
	case errors.Is(err, fleet.ErrPlannedOnly):
		m.CertificatePEM, m.PrivateKeyPEM, m.CACertificate, m.NotAfter = types.StringUnknown(), types.StringUnknown(), types.StringUnknown(), types.StringUnknown()
	case err != nil:
		resp.Diagnostics.AddError(fmt.Sprintf("There is no certificate for %s", m.CommonName.ValueString()), sentence(err))
		return
	default:
		m.CertificatePEM, m.PrivateKeyPEM = types.StringValue(string(issued.Credential.CertificatePEM)), types.StringValue(string(issued.Credential.KeyPEM))
		m.CACertificate, m.NotAfter = types.StringValue(issued.TrustedPEM), types.StringValue(issued.NotAfter.UTC().Format(time.RFC3339))
	}
	resp.Diagnostics.Append(resp.Result.Set(ctx, m)...)
}

// commonNameValidator accepts whom a client can have a certificate for.
type commonNameValidator struct{}

func (commonNameValidator) Description(context.Context) string {
	return "1 to 64 letters, digits, dots, underscores and dashes, and no principal that may do everything"
}

func (v commonNameValidator) MarkdownDescription(ctx context.Context) string {
	return v.Description(ctx)
}

func (commonNameValidator) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if fault := compute.CommonNameFault(req.ConfigValue.ValueString()); fault != "" {
		resp.Diagnostics.AddAttributeError(req.Path, "Not a name for a client", asSentence(fault)+" Choose another name.")
	}
}

// clientLifetimeValidator accepts how long a certificate can be good; that it is a duration at all is the type's business.
type clientLifetimeValidator struct{}

func (clientLifetimeValidator) Description(context.Context) string {
	return fmt.Sprintf("a duration from %s to %s, such as 8h", asDuration(leastClientLifetime), asDuration(fleet.MaxClientLifetime))
}

func (v clientLifetimeValidator) MarkdownDescription(ctx context.Context) string {
	return v.Description(ctx)
}

func (v clientLifetimeValidator) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if d, err := time.ParseDuration(req.ConfigValue.ValueString()); err == nil && (d < leastClientLifetime || d > fleet.MaxClientLifetime) {
		resp.Diagnostics.AddAttributeError(req.Path, "Not a lifetime for a certificate",
			fmt.Sprintf("%q is not %s. A certificate cannot be taken back, so its time is short, and the clocks of machines differ, so it is not shorter.", req.ConfigValue.ValueString(), v.Description(ctx)))
	}
}
