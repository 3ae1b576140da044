// Package provider is the Terraform surface: one file for each type, with its schema, its model and the translation to and from the
// packages below.
package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute/local"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafkadist"
)

var (
	_ provider.Provider                       = (*kafkafleetProvider)(nil)
	_ provider.ProviderWithActions            = (*kafkafleetProvider)(nil)
	_ provider.ProviderWithEphemeralResources = (*kafkafleetProvider)(nil)
	_ provider.ProviderWithFunctions          = (*kafkafleetProvider)(nil)
	_ provider.ProviderWithListResources      = (*kafkafleetProvider)(nil)
)

// New returns a function that makes the provider of this version, as the plugin server wants it.
func New(version string) func() provider.Provider {
	return func() provider.Provider { return &kafkafleetProvider{version: version} }
}

type kafkafleetProvider struct {
	version string
	// onMutation hears of every mutating call; nil but in tests.
	onMutation func(api, subject string)
}

type providerModel struct {
	Local types.Object `tfsdk:"local"`
	AWS   types.Object `tfsdk:"aws"`
	Kafka types.Object `tfsdk:"kafka"`
}

type localModel struct {
	Root        types.String `tfsdk:"root"`
	KafkaHome   types.String `tfsdk:"kafka_home"`
	KafkaURL    types.String `tfsdk:"kafka_url"`
	KafkaSHA512 types.Map    `tfsdk:"kafka_sha512"`
	JavaHome    types.String `tfsdk:"java_home"`
	Agent       types.String `tfsdk:"agent"`
}

// providerData is what every resource, data source, ephemeral resource and action gets.
type providerData struct {
	// Fleet is the engine. It is never nil; where the provider has no place for nodes, its driver says why.
	Fleet *fleet.Client
	// Kafka finds the client for a cluster.
	Kafka *connections
	// ACLs are the bindings that resources of this run have come to declare.
	ACLs *aclClaims
	// Applying says that something was applied. A plan that is made after that is the one that Terraform makes anew for each object right before it
	// applies it: what Kafka would refuse, it refuses then.
	Applying atomic.Bool
}

func (p *kafkafleetProvider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName, resp.Version = "kafkafleet", p.version
}

func (p *kafkafleetProvider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Owns whole Apache Kafka fleets: the machines, the brokers and controllers on them, and the topics, quotas, ACLs and users inside. " +
			"It finds the brokers of a cluster by asking where its nodes run, at each run, so that no broker's address stands in a configuration.\n\n" +
			"With none of `local`, `aws` and `kafka`, the provider works as with `local = {}`.",
		Attributes: map[string]schema.Attribute{
			"local": schema.SingleNestedAttribute{
				MarkdownDescription: "Nodes are processes on this machine and zones are simulated, while Kafka is real. They keep running when Terraform has ended.",
				Optional:            true,
				Attributes: map[string]schema.Attribute{
					"root": schema.StringAttribute{
						MarkdownDescription: "The folder of all fleets: records, configuration, disks and logs. `KAFKAFLEET_LOCAL_ROOT` by default, then `kafkafleet` in `$XDG_DATA_HOME` or `~/.local/share`.",
						Optional:            true,
					},
					"kafka_home": schema.StringAttribute{
						MarkdownDescription: "A Kafka distribution, a folder with `libs/*.jar`. `{version}` in it stands for the Kafka version, so that several versions can lie side by side. `KAFKAFLEET_KAFKA_HOME` by default; without any, Kafka is downloaded.",
						Optional:            true,
					},
					"kafka_url": schema.StringAttribute{
						MarkdownDescription: "Where Kafka is downloaded from, a `.tgz` with `{version}` in its address: `" + kafkadist.DefaultURL + "` by default. A download is checked, unpacked once, and shared by all nodes.",
						Optional:            true,
					},
					"kafka_sha512": schema.MapAttribute{
						MarkdownDescription: "The SHA-512 of the archive by Kafka version. A version that is not listed is checked against the sum that lies beside its archive.",
						ElementType:         types.StringType, Optional: true,
					},
					"java_home": schema.StringAttribute{
						MarkdownDescription: "The Java, 17 or newer, that nodes run on. `JAVA_HOME` by default, then the `java` on `PATH`.",
						Optional:            true,
					},
					"agent": schema.StringAttribute{
						MarkdownDescription: "The binary that runs on each node as its agent. `KAFKAFLEET_AGENT` by default, then this provider's own binary.",
						Optional:            true,
					},
				},
			},
			"aws": awsAttribute(),
			"kafka": schema.SingleNestedAttribute{
				MarkdownDescription: "A Kafka cluster that this provider did not build: Amazon MSK, Strimzi, Aiven, self-run. Topics, quotas, ACLs and users without a `cluster` are its objects. " +
					"It can stand beside `local` or `aws`.",
				Optional:   true,
				Attributes: kafkaAttributes(),
			},
		},
	}
}

func kafkaAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"bootstrap_servers": schema.ListAttribute{
			MarkdownDescription: "Addresses of brokers, `host:port`. One that answers is enough. `KAFKA_BOOTSTRAP_SERVERS`, separated by commas, by default.",
			ElementType:         types.StringType, Optional: true,
			Validators: []validator.List{
				listvalidator.SizeAtLeast(1),
				listvalidator.ValueStringsAre(stringvalidator.RegexMatches(hostAndPort, "must be host:port, such as broker-1.example.com:9092")),
			},
		},
		"tls": schema.SingleNestedAttribute{
			MarkdownDescription: "Encrypt the connections.",
			Optional:            true,
			Attributes: map[string]schema.Attribute{
				"enabled": schema.BoolAttribute{
					MarkdownDescription: "Whether to use TLS: `true` by default where the `tls` attribute is given. `KAFKA_ENABLE_TLS` turns it on without.",
					Optional:            true,
				},
				"ca_certificate_pem": schema.StringAttribute{
					MarkdownDescription: "The certificates, in PEM, of the authorities that brokers' certificates must come from. `KAFKA_CA_CERT` by default, then those of the system.",
					Optional:            true,
				},
				"certificate_pem": schema.StringAttribute{
					MarkdownDescription: "The client's own certificate, in PEM, for mutual TLS. `KAFKA_CLIENT_CERT` by default.",
					Optional:            true,
				},
				"private_key_pem": schema.StringAttribute{
					MarkdownDescription: "The private key of `certificate_pem`, in PEM, without a passphrase. `KAFKA_CLIENT_KEY` by default.",
					Optional:            true, Sensitive: true,
				},
				"insecure_skip_verify": schema.BoolAttribute{
					MarkdownDescription: "Accept any certificate. Whoever is between here and the brokers can then read and change everything. `KAFKA_SKIP_VERIFY` by default.",
					Optional:            true,
				},
			},
		},
		"sasl": saslAttribute(),
	}
}

// Configure makes no network call: what cannot be reached is told by the resource that needs it.
func (p *kafkafleetProvider) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	var m providerModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	// Calls are logged long after Configure has ended.
	log := context.WithoutCancel(ctx)
	found := &connections{}
	dial := func(config kafka.Config) *kafka.Client {
		config.ClientID = fmt.Sprintf("terraform-provider-kafkafleet-%s", p.version)
		config.OnMutation = func(api, subject string) { p.mutation(log, api, subject) }
		config.OnTrouble = func(address string, err error) {
			tflog.Warn(log, "a broker cannot be spoken with", map[string]any{"address": address, "error": err.Error()})
			found.trouble(address, err)
		}
		return kafka.New(config)
	}
	data := &providerData{
		ACLs:  newACLClaims(),
		Kafka: found,
		Fleet: fleet.New(driver(ctx, m, &resp.Diagnostics), fleet.Options{
			Dial:       dial,
			Log:        func(ctx context.Context, message string, fields map[string]any) { tflog.Info(ctx, message, fields) },
			OnMutation: p.mutation,
		}),
	}
	found.fleet = data.Fleet
	config, err := externalKafka(ctx, m.Kafka, &resp.Diagnostics)
	if err != nil {
		found.externalErr = err
	} else {
		found.external, found.login = dial(config), config.SASL
	}
	resp.ResourceData, resp.DataSourceData, resp.ActionData, resp.EphemeralResourceData, resp.ListResourceData = data, data, data, data, data
}

// mutation writes the line that says what is changed, and by which call.
func (p *kafkafleetProvider) mutation(ctx context.Context, api, subject string) {
	tflog.Info(ctx, "mutating call", map[string]any{"api": api, "subject": subject})
	if p.onMutation != nil {
		p.onMutation(api, subject)
	}
}

// driver makes what runs the nodes. Where there is nothing to run them, the driver that is returned says why when it is used.
func driver(ctx context.Context, m providerModel, diags *diag.Diagnostics) compute.Driver {
	if m.Local.IsNull() && m.AWS.IsNull() && !m.Kafka.IsNull() {
		return absentDriver{fmt.Errorf("%w: the provider block has `kafka` only, and a fleet needs a place for its nodes: add `local = {}` or `aws = { … }`", compute.ErrInvalid)}
	}
	if !m.Local.IsNull() && !m.AWS.IsNull() {
		diags.AddAttributeError(path.Root("aws"), "Two places for nodes", "The provider block has `local` and `aws`, and nodes live in one place: use a second provider block, with an alias, for the other.")
		return absentDriver{fmt.Errorf("%w: the provider block has `local` and `aws`", compute.ErrInvalid)}
	}
	if !fullyKnown(ctx, m.AWS) {
		return absentDriver{errors.New("the provider block's `aws` is not known yet; it will be when what it refers to has been applied")}
	}
	if !m.AWS.IsNull() {
		return awsDriver(ctx, m.AWS, diags)
	}
	if !fullyKnown(ctx, m.Local) {
		return absentDriver{errors.New("the provider block's `local` is not known yet; it will be when what it refers to has been applied")}
	}
	var l localModel
	var sums map[string]string
	if !m.Local.IsNull() {
		diags.Append(m.Local.As(ctx, &l, objectAsOptions)...)
		if !l.KafkaSHA512.IsNull() {
			diags.Append(l.KafkaSHA512.ElementsAs(ctx, &sums, false)...)
		}
	}
	d, err := local.New(local.Config{
		Root:     orEnv(l.Root, "KAFKAFLEET_LOCAL_ROOT"),
		Agent:    orEnv(l.Agent, "KAFKAFLEET_AGENT"),
		JavaHome: l.JavaHome.ValueString(),
		Kafka:    kafkadist.Source{Home: orEnv(l.KafkaHome, "KAFKAFLEET_KAFKA_HOME"), URL: l.KafkaURL.ValueString(), SHA512: sums},
	})
	if err != nil {
		diags.AddAttributeError(path.Root("local"), "Nodes cannot run on this machine", sentence(err))
		return absentDriver{err}
	}
	return d
}

// orEnv is the declared value, or else what the first environment variable says that is set.
func orEnv(declared types.String, names ...string) string {
	value := declared.ValueString()
	for _, name := range names {
		value = cmp.Or(value, os.Getenv(name))
	}
	return value
}

// orEnvBool is orEnv for switches: "1", "t" and "true" in any case are true.
func orEnvBool(declared types.Bool, name string) bool {
	if !declared.IsNull() {
		return declared.ValueBool()
	}
	switch strings.ToLower(os.Getenv(name)) {
	case "1", "t", "true":
		return true
	}
	return false
}

// configured is what Configure has put aside, nil while the provider is not configured yet.
func configured(data any, diags *diag.Diagnostics) *providerData {
	if data == nil {
		return nil
	}
	d, ok := data.(*providerData)
	if !ok {
		diags.AddError("The provider is not configured", fmt.Sprintf("This is a bug of the provider: it handed over a %T.", data))
	}
	return d
}

func (p *kafkafleetProvider) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{newClusterResource, newBrokerGroupResource, newTopicResource, newTopicsResource, newQuotaResource, newACLResource, newUserResource, newACLsResource}
}

func (p *kafkafleetProvider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{newClusterDataSource, newBrokersDataSource, newRebalancePlanDataSource, newHealthDataSource, newTopicsDataSource, newConsumerGroupsDataSource, newConsumerGroupLagDataSource}
}

func (p *kafkafleetProvider) Actions(context.Context) []func() action.Action {
	return []func() action.Action{newDeleteRecordsAction, newElectLeadersAction, newRebalanceAction, newReplaceNodeAction, newResetOffsetsAction}
}

func (p *kafkafleetProvider) EphemeralResources(context.Context) []func() ephemeral.EphemeralResource {
	return []func() ephemeral.EphemeralResource{newClientCertificateEphemeral}
}

func (p *kafkafleetProvider) Functions(context.Context) []func() function.Function {
	var all []func() function.Function
	for _, f := range functions() {
		all = append(all, func() function.Function { return f })
	}
	return all
}

func (p *kafkafleetProvider) ListResources(context.Context) []func() list.ListResource {
	var all []func() list.ListResource
	for _, l := range listings() {
		all = append(all, func() list.ListResource { return l })
	}
	return all
}
