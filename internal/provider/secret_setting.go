package provider

import (
	"context"
	"fmt"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// secretName is how settings are called that hold a secret: Kafka's own of type PASSWORD (but the certificates among them, which are no
// secrets), those of a listener or a mechanism, and by their usual words those of plugins, whose settings Kafka does not know.
var secretName = regexp.MustCompile(`(?i)(^|\.)((password|passwd|passphrase|secret)(\.|$)|` +
	`(sasl\.jaas\.config|ssl\.keystore\.key|master\.key|access\.key|account\.key|private\.key|api\.key|token|connection\.string|credentials\.json)$)`)

// holdsSecret says that the value of a setting of Kafka is a secret by the setting's name. What is declared stands in the state and in the
// plan, and a node's settings in its spec, so no such setting can be declared.
func holdsSecret(setting string) bool { return secretName.MatchString(setting) }

// noSecretValidator accepts the names of settings that hold no secret.
type noSecretValidator struct{}

func (noSecretValidator) Description(context.Context) string {
	return "the name of a setting that holds no secret"
}

func (v noSecretValidator) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (noSecretValidator) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if !req.ConfigValue.IsNull() && !req.ConfigValue.IsUnknown() && holdsSecret(req.ConfigValue.ValueString()) {
		resp.Diagnostics.AddAttributeError(req.Path, "A setting that cannot be declared here", fmt.Sprintf("%q: %s.", req.ConfigValue.ValueString(), secretText))
	}
}

// secretText says why a setting that holds a secret is refused.
const secretText = "it is a secret, and would stand in the state and in the nodes' specs for everybody to read"
