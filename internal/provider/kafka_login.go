package provider

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

var (
	roleARN = regexp.MustCompile(`^arn:[a-z0-9-]+:iam::\d{12}:role/.+$`)
	// scopeToken is a scope of RFC 6749, section 3.3.
	scopeToken = regexp.MustCompile(`^[\x21\x23-\x5B\x5D-\x7E]+$`)
	// extensionName and extensionValue are those of RFC 7628, section 3.1, as Kafka takes them.
	extensionName  = regexp.MustCompile(`^[A-Za-z]+$`)
	extensionValue = regexp.MustCompile(`^[\x21-\x7E \t\r\n]+$`)
)

type saslModel struct {
	Mechanism types.String `tfsdk:"mechanism"`
	Username  types.String `tfsdk:"username"`
	Password  types.String `tfsdk:"password"`
	OAuth     types.Object `tfsdk:"oauth"`
	AWS       types.Object `tfsdk:"aws"`
}

type oauthModel struct {
	TokenEndpoint    types.String `tfsdk:"token_endpoint"`
	ClientID         types.String `tfsdk:"client_id"`
	ClientSecret     types.String `tfsdk:"client_secret"`
	Scopes           types.List   `tfsdk:"scopes"`
	Extensions       types.Map    `tfsdk:"extensions"`
	CACertificatePEM types.String `tfsdk:"ca_certificate_pem"`
}

type awsLoginModel struct {
	Region     types.String `tfsdk:"region"`
	Profile    types.String `tfsdk:"profile"`
	RoleARN    types.String `tfsdk:"role_arn"`
	ExternalID types.String `tfsdk:"external_id"`
}

// saslAttribute is how the provider logs in.
func saslAttribute() schema.Attribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: "Log in: by a name and a password (`PLAIN`, SCRAM), by a token of an identity provider (`oauth`) or by an identity of AWS (`aws`).",
		Optional:            true,
		Attributes: map[string]schema.Attribute{
			"mechanism": schema.StringAttribute{
				MarkdownDescription: "`PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512`, `OAUTHBEARER` or `AWS_MSK_IAM`. `KAFKA_SASL_MECHANISM` by default, then `OAUTHBEARER` where `oauth` is given, " +
					"`AWS_MSK_IAM` where `aws` is, and otherwise `SCRAM-SHA-512`.",
				Optional:   true,
				Validators: []validator.String{stringvalidator.OneOf(kafka.Mechanisms()...)},
			},
			"username": schema.StringAttribute{MarkdownDescription: "The user, for `PLAIN` and SCRAM. `KAFKA_SASL_USERNAME` by default.", Optional: true},
			"password": schema.StringAttribute{MarkdownDescription: "The user's password. `KAFKA_SASL_PASSWORD` by default.", Optional: true, Sensitive: true},
			"oauth": schema.SingleNestedAttribute{
				MarkdownDescription: "For `OAUTHBEARER`: a token is fetched by the client credentials grant, kept in memory, and fetched anew before it ends.",
				Optional:            true,
				Attributes: map[string]schema.Attribute{
					"token_endpoint": schema.StringAttribute{
						MarkdownDescription: "The address of the identity provider's token endpoint: `https`, without a name or password in it. It is reached by the proxy of `HTTPS_PROXY`, where that is set. `KAFKA_SASL_OAUTH_TOKEN_ENDPOINT` by default.",
						Optional:            true,
					},
					"client_id":     schema.StringAttribute{MarkdownDescription: "The client's id. `KAFKA_SASL_OAUTH_CLIENT_ID` by default.", Optional: true},
					"client_secret": schema.StringAttribute{MarkdownDescription: "The client's secret. `KAFKA_SASL_OAUTH_CLIENT_SECRET` by default.", Optional: true, Sensitive: true},
					"scopes": schema.ListAttribute{
						MarkdownDescription: "The scopes to ask for. `KAFKA_SASL_OAUTH_SCOPES`, separated by spaces, by default, then those that the endpoint gives by itself.",
						ElementType:         types.StringType, Optional: true,
						Validators: []validator.List{listvalidator.ValueStringsAre(stringvalidator.RegexMatches(scopeToken, "must be one scope, without spaces, quotes and backslashes"))},
					},
					"extensions": schema.MapAttribute{
						MarkdownDescription: "What the brokers want beside the token, such as `logicalCluster` and `identityPoolId` of Confluent Cloud. `KAFKA_SASL_OAUTH_EXTENSIONS`, as `name=value,name=value`, by default.",
						ElementType:         types.StringType, Optional: true,
						Validators: []validator.Map{
							mapvalidator.KeysAre(stringvalidator.RegexMatches(extensionName, "must be letters"), stringvalidator.NoneOf("auth")),
							mapvalidator.ValueStringsAre(stringvalidator.RegexMatches(extensionValue, "must be printable ASCII characters")),
						},
					},
					"ca_certificate_pem": schema.StringAttribute{
						MarkdownDescription: "The certificates, in PEM, of the authorities that the endpoint's certificate must come from. `KAFKA_SASL_OAUTH_CA_CERT` by default, then those of the system.",
						Optional:            true,
					},
				},
			},
			"aws": schema.SingleNestedAttribute{
				MarkdownDescription: "For `AWS_MSK_IAM`, which needs `tls`. The credentials are those of the standard chain of the AWS SDK: environment, shared configuration, single sign-on, web identity, machine.",
				Optional:            true,
				Attributes: map[string]schema.Attribute{
					"region":      schema.StringAttribute{MarkdownDescription: "The region of the brokers. `KAFKA_SASL_AWS_REGION` by default, then that of the standard chain (`AWS_REGION`, the profile).", Optional: true},
					"profile":     schema.StringAttribute{MarkdownDescription: "A profile of the shared configuration. `KAFKA_SASL_AWS_PROFILE` by default, then that of the standard chain (`AWS_PROFILE`).", Optional: true},
					"role_arn":    schema.StringAttribute{MarkdownDescription: "A role to take on, `arn:aws:iam::123456789012:role/name`. `KAFKA_SASL_AWS_ROLE_ARN` by default.", Optional: true},
					"external_id": schema.StringAttribute{MarkdownDescription: "The external id that the role's trust policy asks for. `KAFKA_SASL_AWS_EXTERNAL_ID` by default.", Optional: true},
				},
			},
		},
	}
}

// login reads how to log in from the block and the environment; nil for not at all.
func (m saslModel) login(ctx context.Context, diags *diag.Diagnostics) *kafka.SASL {
	at := path.Root("kafka").AtName("sasl")
	mechanism := strings.ToUpper(m.Mechanism.ValueString())
	if mechanism == "" {
		switch {
		case !m.OAuth.IsNull():
			mechanism = kafka.MechanismOAuthBearer
		case !m.AWS.IsNull():
			mechanism = kafka.MechanismAWSMSKIAM
		default:
			mechanism = strings.ToUpper(os.Getenv("KAFKA_SASL_MECHANISM"))
		}
	}
	m.checkBelongs(mechanism, diags)
	switch mechanism {
	case kafka.MechanismOAuthBearer:
		return &kafka.SASL{Mechanism: mechanism, OAuth: m.oauth(ctx, at.AtName("oauth"), diags)}
	case kafka.MechanismAWSMSKIAM:
		return &kafka.SASL{Mechanism: mechanism, AWS: m.aws(ctx, at.AtName("aws"), diags)}
	}
	s := &kafka.SASL{
		Mechanism: cmp.Or(mechanism, kafka.MechanismSCRAM512),
		Username:  orEnv(m.Username, "KAFKA_SASL_USERNAME"),
		Password:  orEnv(m.Password, "KAFKA_SASL_PASSWORD"),
	}
	switch {
	case s.Username == "" && s.Password == "":
		if !m.Mechanism.IsNull() {
			diags.AddAttributeError(at.AtName("username"), "No user", fmt.Sprintf("%s needs a username and a password, here or in KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD.", mechanism))
		}
		return nil
	case s.Username == "":
		diags.AddAttributeError(at.AtName("username"), "No user", "There is a password but no username, here or in KAFKA_SASL_USERNAME.")
	case s.Password == "":
		diags.AddAttributeError(at.AtName("password"), "No password", "There is a username but no password, here or in KAFKA_SASL_PASSWORD.")
	}
	if !slices.Contains(kafka.Mechanisms(), s.Mechanism) {
		diags.AddAttributeError(at.AtName("mechanism"), "Unknown SASL mechanism", fmt.Sprintf("%q is none of %s.", s.Mechanism, strings.Join(kafka.Mechanisms(), ", ")))
	}
	return s
}

// checkBelongs refuses what is declared for another mechanism than the one that is used: it would be left out without a word.
func (m saslModel) checkBelongs(mechanism string, diags *diag.Diagnostics) {
	at := path.Root("kafka").AtName("sasl")
	name := cmp.Or(mechanism, kafka.MechanismSCRAM512)
	oauth, aws := mechanism == kafka.MechanismOAuthBearer, mechanism == kafka.MechanismAWSMSKIAM
	for _, a := range []struct {
		name             string
		declared, belong bool
		is               string
	}{
		{"username", !m.Username.IsNull(), !oauth && !aws, "PLAIN and SCRAM"},
		{"password", !m.Password.IsNull(), !oauth && !aws, "PLAIN and SCRAM"},
		{"oauth", !m.OAuth.IsNull(), oauth, "OAUTHBEARER"},
		{"aws", !m.AWS.IsNull(), aws, "AWS_MSK_IAM"},
	} {
		if a.declared && !a.belong {
			diags.AddAttributeError(at.AtName(a.name), "Two ways to log in",
				fmt.Sprintf("`%s` is for %s, and the provider is to log in by %s. Leave one of them out.", a.name, a.is, name))
		}
	}
}

// oauth reads where the token comes from.
func (m saslModel) oauth(ctx context.Context, at path.Path, diags *diag.Diagnostics) *kafka.OAuth {
	var o oauthModel
	if !m.OAuth.IsNull() {
		diags.Append(m.OAuth.As(ctx, &o, objectAsOptions)...)
	}
	out := &kafka.OAuth{
		TokenEndpoint: orEnv(o.TokenEndpoint, "KAFKA_SASL_OAUTH_TOKEN_ENDPOINT"),
		ClientID:      orEnv(o.ClientID, "KAFKA_SASL_OAUTH_CLIENT_ID"),
		ClientSecret:  orEnv(o.ClientSecret, "KAFKA_SASL_OAUTH_CLIENT_SECRET"),
	}
	for _, needed := range []struct{ name, value, variable, what string }{
		{"token_endpoint", out.TokenEndpoint, "KAFKA_SASL_OAUTH_TOKEN_ENDPOINT", "No token endpoint"},
		{"client_id", out.ClientID, "KAFKA_SASL_OAUTH_CLIENT_ID", "No client id"},
		{"client_secret", out.ClientSecret, "KAFKA_SASL_OAUTH_CLIENT_SECRET", "No client secret"},
	} {
		if needed.value == "" {
			diags.AddAttributeError(at.AtName(needed.name), needed.what,
				fmt.Sprintf("OAUTHBEARER fetches a token by the client credentials grant, which needs it. Give `%s` here, or %s in the environment.", needed.name, needed.variable))
		}
	}
	if fault := endpointFault(out.TokenEndpoint); fault != "" {
		diags.AddAttributeError(at.AtName("token_endpoint"), "Not a token endpoint", fault)
	}
	if !o.Scopes.IsNull() {
		diags.Append(o.Scopes.ElementsAs(ctx, &out.Scopes, false)...)
	} else {
		out.Scopes = strings.Fields(os.Getenv("KAFKA_SASL_OAUTH_SCOPES"))
	}
	if !o.Extensions.IsNull() {
		diags.Append(o.Extensions.ElementsAs(ctx, &out.Extensions, false)...)
	} else {
		out.Extensions = extensionsOfEnvironment(at.AtName("extensions"), diags)
	}
	if ca := orEnv(o.CACertificatePEM, "KAFKA_SASL_OAUTH_CA_CERT"); ca != "" {
		out.Roots = authorities(ca, at.AtName("ca_certificate_pem"), diags)
	}
	return out
}

// endpointFault says why a token endpoint cannot be used, "" when it can. It repeats nothing of the address that may be a password.
func endpointFault(endpoint string) string {
	if endpoint == "" {
		return ""
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "":
		return "It has to be an address such as https://login.example.com/oauth2/token."
	case u.User != nil:
		return "There is a name or a password in the address, where logs would show it. Give the client's id and secret as `client_id` and `client_secret`."
	case u.Fragment != "":
		return "A token endpoint has no fragment (#…); leave it out."
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return ""
	}
	return fmt.Sprintf("It begins with %q, and the client's secret would go there in the clear. Give an address that begins with https://.", u.Scheme+"://")
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// extensionsOfEnvironment reads name=value,name=value.
func extensionsOfEnvironment(at path.Path, diags *diag.Diagnostics) map[string]string {
	text := os.Getenv("KAFKA_SASL_OAUTH_EXTENSIONS")
	if text == "" {
		return nil
	}
	all := map[string]string{}
	for _, part := range strings.Split(text, ",") {
		name, value, ok := strings.Cut(part, "=")
		if name = strings.TrimSpace(name); !ok || !extensionName.MatchString(name) || name == "auth" || !extensionValue.MatchString(value) {
			diags.AddAttributeError(at, "Not an extension", "KAFKA_SASL_OAUTH_EXTENSIONS has to be name=value,name=value, with names of letters, such as logicalCluster=lkc-1; `auth` is Kafka's own.")
			return nil
		}
		all[name] = value
	}
	return all
}

// aws reads whom AWS_MSK_IAM logs in as.
func (m saslModel) aws(ctx context.Context, at path.Path, diags *diag.Diagnostics) *kafka.AWS {
	var a awsLoginModel
	if !m.AWS.IsNull() {
		diags.Append(m.AWS.As(ctx, &a, objectAsOptions)...)
	}
	out := &kafka.AWS{
		Region:     orEnv(a.Region, "KAFKA_SASL_AWS_REGION"),
		Profile:    orEnv(a.Profile, "KAFKA_SASL_AWS_PROFILE"),
		RoleARN:    orEnv(a.RoleARN, "KAFKA_SASL_AWS_ROLE_ARN"),
		ExternalID: orEnv(a.ExternalID, "KAFKA_SASL_AWS_EXTERNAL_ID"),
	}
	if out.RoleARN != "" && !roleARN.MatchString(out.RoleARN) {
		diags.AddAttributeError(at.AtName("role_arn"), "Not a role", fmt.Sprintf("%q is no ARN of a role. Give one such as arn:aws:iam::123456789012:role/kafka-admin.", out.RoleARN))
	}
	if out.ExternalID != "" && out.RoleARN == "" {
		diags.AddAttributeError(at.AtName("external_id"), "An external id without a role", "An external id is told when a role is taken on, and there is no `role_arn`. Give one, or leave the external id out.")
	}
	return out
}

// checkClearToken refuses a login by AWS without TLS, which no MSK takes: the token would be for everybody to read.
func checkClearToken(config kafka.Config, diags *diag.Diagnostics) {
	if config.SASL != nil && config.SASL.Mechanism == kafka.MechanismAWSMSKIAM && config.TLS == nil {
		diags.AddAttributeError(path.Root("kafka").AtName("tls"), "AWS_MSK_IAM without TLS",
			"Amazon MSK takes a login by IAM over TLS only, and without it the token could be read on the way. Add `tls = {}`, or set KAFKA_ENABLE_TLS=true.")
	}
}

// authorities reads certificates in PEM.
func authorities(text string, at path.Path, diags *diag.Diagnostics) *x509.CertPool {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(text)) {
		diags.AddAttributeError(at, "Not a certificate", "There is no certificate in PEM form in it. Use file(\"ca.pem\") to read one from a file.")
	}
	return pool
}
