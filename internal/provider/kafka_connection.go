package provider

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"regexp"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

var (
	hostAndPort = regexp.MustCompile(`^.+:\d{1,5}$`)

	// errNoKafka: an object has no cluster and the provider has no Kafka of its own for such objects.
	errNoKafka = errors.New("the object names no cluster, and the provider block has no `kafka` to take instead")
	// errKafkaUnknown: the provider block depends on something that is only known after apply.
	errKafkaUnknown = errors.New("the provider block's `kafka` is not known yet; it will be when what it refers to has been applied")
)

// connections finds the Kafka client for an object's cluster.
type connections struct {
	fleet *fleet.Client
	// external is the Kafka of the provider block; externalErr says why there is none.
	external    *kafka.Client
	externalErr error
	// login is how the provider logs in to the external Kafka, nil for not by SASL.
	login *kafka.SASL

	mu sync.Mutex
	// topics changes those of the external Kafka, for all objects: what they ask for at the same time is placed together.
	topics fleet.Topics
	// troubles are the addresses that were found to be of no use and that no diagnostic names yet.
	troubles []error
}

// trouble keeps in mind that an address is of no use, for the next diagnostics.
func (c *connections) trouble(_ string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.troubles = append(c.troubles, err)
}

// warn names the addresses that were left out meanwhile, each once in a run: the others do, and so there is no error that would tell.
func (c *connections) warn(diags *diag.Diagnostics) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, err := range c.troubles {
		diags.AddWarning("A broker cannot be spoken with", err.Error()+". The other brokers are used, as far as they serve.")
	}
	c.troubles = nil
}

// Kafka returns the client of a cluster by its name, or of the provider block's own Kafka for a null name. It makes no call to
// Kafka. compute.ErrNotFound: no fleet has this name.
func (c *connections) Kafka(ctx context.Context, cluster types.String) (*kafka.Client, error) {
	if !cluster.IsNull() {
		return c.fleet.Kafka(ctx, cluster.ValueString())
	}
	return c.external, c.externalErr
}

// Topics changes the topics of a cluster by its name, or of the provider block's own Kafka for a null name. The errors are Kafka's.
func (c *connections) Topics(ctx context.Context, cluster types.String) (fleet.Topics, error) {
	if !cluster.IsNull() {
		return c.fleet.Topics(ctx, cluster.ValueString())
	}
	if c.externalErr != nil {
		return nil, c.externalErr
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.topics == nil {
		c.topics = fleet.ForeignTopics(c.external)
	}
	return c.topics, nil
}

// gone is true when an error says that the object does not exist, or that the whole cluster does not.
func gone(err error) bool {
	return errors.Is(err, kafka.ErrNotFound) || errors.Is(err, compute.ErrNotFound)
}

// checkCluster refuses, at plan time, an object without a cluster where there is no Kafka to take instead.
func (c *connections) checkCluster(cluster types.String, diags *diag.Diagnostics) {
	if cluster.IsNull() && errors.Is(c.externalErr, errNoKafka) {
		diags.AddAttributeError(path.Root("cluster"), "No cluster",
			"Say which cluster this belongs to, as in `cluster = kafkafleet_broker_group.main.cluster`, or give the provider block a `kafka` with bootstrap servers: objects without a cluster are created there.")
	}
}

// nothingToPlan says that a plan changes nothing of an object in the Kafka of the provider block, where no fleet has to know of it. Most of thousands of
// objects are planned like that.
func nothingToPlan(ctx context.Context, req resource.ModifyPlanRequest) bool {
	if req.State.Raw.IsNull() || !req.Plan.Raw.Equal(req.State.Raw) {
		return false
	}
	var cluster types.String
	diags := req.Plan.GetAttribute(ctx, path.Root("cluster"), &cluster)
	return !diags.HasError() && cluster.IsNull()
}

// unreadable tells that an object could not be read. In a fleet that this provider runs, a cluster without a broker that answers is
// a thing that the same plan may be about to repair, so it is a warning there, and the state stays as it is.
func unreadable(what string, cluster types.String, err error, diags *diag.Diagnostics) {
	detail := sentence(err)
	if !cluster.IsNull() && errors.Is(err, kafka.ErrUnreachable) {
		diags.AddWarning(what+" could not be read", detail+" It is shown as it was when it was last read.")
		return
	}
	diags.AddError(what+" could not be read", detail+" It stays in the state as it was.")
}

// clusterName says in a text which cluster is meant.
func clusterName(cluster types.String) string {
	if cluster.IsNull() {
		return "the cluster of the provider block"
	}
	return fmt.Sprintf("cluster %q", cluster.ValueString())
}

type kafkaModel struct {
	BootstrapServers types.List   `tfsdk:"bootstrap_servers"`
	TLS              types.Object `tfsdk:"tls"`
	SASL             types.Object `tfsdk:"sasl"`
}

type tlsModel struct {
	Enabled            types.Bool   `tfsdk:"enabled"`
	CACertificatePEM   types.String `tfsdk:"ca_certificate_pem"`
	CertificatePEM     types.String `tfsdk:"certificate_pem"`
	PrivateKeyPEM      types.String `tfsdk:"private_key_pem"`
	InsecureSkipVerify types.Bool   `tfsdk:"insecure_skip_verify"`
}

// externalKafka reads the provider block's `kafka` and the environment. The error says why there is no such Kafka, which is of
// interest only to an object that needs it.
func externalKafka(ctx context.Context, block types.Object, diags *diag.Diagnostics) (kafka.Config, error) {
	if !fullyKnown(ctx, block) {
		return kafka.Config{}, errKafkaUnknown
	}
	var m kafkaModel
	var t tlsModel
	var s saslModel
	if !block.IsNull() {
		diags.Append(block.As(ctx, &m, objectAsOptions)...)
	}
	if !m.TLS.IsNull() {
		diags.Append(m.TLS.As(ctx, &t, objectAsOptions)...)
	}
	if !m.SASL.IsNull() {
		diags.Append(m.SASL.As(ctx, &s, objectAsOptions)...)
	}
	var servers []string
	if !m.BootstrapServers.IsNull() {
		diags.Append(m.BootstrapServers.ElementsAs(ctx, &servers, false)...)
	} else {
		var err error
		if servers, err = splitServers(os.Getenv("KAFKA_BOOTSTRAP_SERVERS")); err != nil {
			return kafka.Config{}, fmt.Errorf("the environment variable KAFKA_BOOTSTRAP_SERVERS: %w", err)
		}
	}
	if diags.HasError() {
		return kafka.Config{}, errNoKafka
	}
	if len(servers) == 0 {
		if !block.IsNull() {
			diags.AddAttributeError(path.Root("kafka").AtName("bootstrap_servers"), "No bootstrap servers",
				"Give the address of at least one broker here, or in the environment variable KAFKA_BOOTSTRAP_SERVERS.")
		}
		return kafka.Config{}, errNoKafka
	}
	config := kafka.Config{
		Bootstrap: func(context.Context) ([]string, error) { return servers, nil },
		SASL:      s.login(ctx, diags),
	}
	if t.Enabled.ValueBool() || t.Enabled.IsNull() && (!m.TLS.IsNull() || orEnvBool(t.Enabled, "KAFKA_ENABLE_TLS")) {
		config.TLS = tlsConfig(t, diags)
	}
	checkClearToken(config, diags)
	if diags.HasError() {
		return kafka.Config{}, errNoKafka
	}
	return config, nil
}

func tlsConfig(m tlsModel, diags *diag.Diagnostics) *tls.Config {
	config := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: orEnvBool(m.InsecureSkipVerify, "KAFKA_SKIP_VERIFY"), //nolint:gosec // The user's explicit choice.
	}
	at := path.Root("kafka").AtName("tls")
	if ca := orEnv(m.CACertificatePEM, "KAFKA_CA_CERT"); ca != "" {
		config.RootCAs = authorities(ca, at.AtName("ca_certificate_pem"), diags)
	}
	certificate, key := orEnv(m.CertificatePEM, "KAFKA_CLIENT_CERT"), orEnv(m.PrivateKeyPEM, "KAFKA_CLIENT_KEY")
	if certificate == "" && key == "" {
		return config
	}
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	if err != nil {
		diags.AddAttributeError(at.AtName("certificate_pem"), "The certificate and the private key are no pair", sentence(err))
		return config
	}
	config.Certificates = []tls.Certificate{pair}
	return config
}
