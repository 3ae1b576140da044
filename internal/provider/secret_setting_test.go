package provider

import (
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
)

// TestSettingsThatHoldASecretAreRefused: the settings of Kafka 4.3 whose type is PASSWORD, and what plugins call theirs.
func TestSettingsThatHoldASecretAreRefused(t *testing.T) {
	for _, setting := range []string{
		"ssl.key.password", "ssl.keystore.password", "ssl.truststore.password", "ssl.keystore.key", "sasl.jaas.config", "delegation.token.secret.key",
		"sasl.oauthbearer.client.credentials.client.secret", "sasl.oauthbearer.assertion.private.key.passphrase",
		"listener.name.clients.ssl.keystore.password", "listener.name.clients.ssl.keystore.key", "listener.name.clients.scram-sha-512.sasl.jaas.config",
		"password.encoder.secret", "delegation.token.master.key", "confluent.metrics.reporter.sasl.jaas.config", "SSL.Key.Password",
		"rsm.config.storage.s3.secret.access.key", "rsm.config.storage.azure.account.key", "rsm.config.storage.gcs.credentials.json",
		"rsm.config.storage.azure.connection.string", "config.providers.vault.param.token",
	} {
		if !holdsSecret(setting) {
			t.Errorf("%s can be declared", setting)
		}
		if engineOrSecret(setting) != secretText || reservedSetting(setting) != secretText {
			t.Errorf("%s is refused by %q and %q", setting, engineOrSecret(setting), reservedSetting(setting))
		}
	}
	for _, setting := range []string{
		"ssl.truststore.certificates", "ssl.keystore.certificate.chain", "ssl.keystore.location", "ssl.keystore.type", "delegation.token.max.lifetime.ms",
		"delegation.token.expiry.time.ms", "sasl.oauthbearer.client.credentials.client.id", "sasl.oauthbearer.assertion.private.key.file",
		"sasl.oauthbearer.token.endpoint.url", "log.retention.ms", "transactional.id.expiration.ms", "num.io.threads", "group.coordinator.rebalance.protocols",
	} {
		if holdsSecret(setting) {
			t.Errorf("%s cannot be declared", setting)
		}
	}
}

// secretAttribute is how an attribute of the provider is called that holds a secret.
var secretAttribute = regexp.MustCompile(`password|secret|private_key|token$`)

// TestSecretsOfTheProviderBlockAreSensitive: Terraform shows none of them, and a new attribute whose name says that it is one has to be.
func TestSecretsOfTheProviderBlockAreSensitive(t *testing.T) {
	var resp provider.SchemaResponse
	New("test")().Schema(t.Context(), provider.SchemaRequest{}, &resp)
	found := 0
	var look func(at string, attributes map[string]schema.Attribute)
	look = func(at string, attributes map[string]schema.Attribute) {
		for name, a := range attributes {
			if nested, ok := a.(schema.SingleNestedAttribute); ok {
				look(at+name+".", nested.Attributes)
				continue
			}
			if secretAttribute.MatchString(name) {
				found++
				if !a.IsSensitive() {
					t.Errorf("%s%s is not sensitive", at, name)
				}
			}
		}
	}
	look("", resp.Schema.Attributes)
	if found < 3 {
		t.Errorf("%d secrets were found in the provider block, and there are a password, a client's secret and a key", found)
	}
}
