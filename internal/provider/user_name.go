package provider

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var (
	userEscaper   = strings.NewReplacer("%", "%25", "/", "%2F")
	userUnescaper = strings.NewReplacer("%25", "%", "%2F", "/")
)

func (m userModel) id() types.String {
	return joinID(m.Cluster, userEscaper.Replace(m.Name.ValueString()))
}

// parseUserID is the reverse of userModel.id.
func parseUserID(id string) userIdentity {
	cluster, object := splitID(id)
	return userIdentity{Cluster: cluster, Name: types.StringValue(userUnescaper.Replace(object))}
}

// userNameFault says what is wrong with a user's name, "" for nothing. Kafka stores every name but the empty one; what it then takes at
// a login is narrower (SASLNAME in org.apache.kafka.common.security.scram.internals.ScramMessages).
func userNameFault(name string) string {
	if name == "" {
		return "the name is empty"
	}
	for _, c := range name {
		if c == 0 || c > 0x7f {
			return fmt.Sprintf("the name has a %q in it, and Kafka lets nobody log in by SCRAM with another character than those of ASCII in the name", c)
		}
	}
	return ""
}

// userNameValidator accepts what a user can log in as.
type userNameValidator struct{}

func (userNameValidator) Description(context.Context) string { return "one or more ASCII characters" }

func (v userNameValidator) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (userNameValidator) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if fault := userNameFault(req.ConfigValue.ValueString()); fault != "" {
		resp.Diagnostics.AddAttributeError(req.Path, "Not a user's name", asSentence(fault))
	}
}
