package provider

import (
	"context"
	"fmt"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// movedUser is what a kafka_user_scram_credential has in its state: one mechanism of a user, while a kafkafleet_user is all of them.
type movedUser struct {
	Name       types.String `tfsdk:"username"`
	Mechanism  types.String `tfsdk:"scram_mechanism"`
	Iterations types.Int64  `tfsdk:"scram_iterations"`
	// Password is null where it was write-only there, too.
	Password          types.String `tfsdk:"password"`
	PasswordWOVersion types.String `tfsdk:"password_wo_version"`
}

// MoveState takes over a kafka_user_scram_credential.
func (r *userResource) MoveState(context.Context) []resource.StateMover {
	return []resource.StateMover{movedFrom("kafka_user_scram_credential", 0, map[string]schema.Attribute{
		"username":            schema.StringAttribute{Optional: true},
		"scram_mechanism":     schema.StringAttribute{Optional: true},
		"scram_iterations":    schema.Int64Attribute{Optional: true},
		"password":            schema.StringAttribute{Optional: true, Sensitive: true},
		"password_wo_version": schema.StringAttribute{Optional: true},
	}, moveUser)}
}

// moveUser leaves the password behind. Its mark stays, as if this provider had set it, so that the same password in password_wo is not set again.
func moveUser(ctx context.Context, from movedUser, resp *resource.MoveStateResponse) string {
	if fault := userNameFault(from.Name.ValueString()); fault != "" {
		return fault
	}
	switch from.Mechanism.ValueString() {
	case kafka.MechanismSCRAM256, kafka.MechanismSCRAM512:
	default:
		return fmt.Sprintf("its scram_mechanism %s is neither %s nor %s", from.Mechanism, kafka.MechanismSCRAM256, kafka.MechanismSCRAM512)
	}
	m := userModel{Name: from.Name, Mechanisms: mechanismSet([]string{from.Mechanism.ValueString()}), Iterations: from.Iterations}
	// A version is a text there. One that is no number cannot be declared here, so that the first one declared sets the password.
	if version, err := strconv.ParseInt(from.PasswordWOVersion.ValueString(), 10, 64); err == nil {
		m.PasswordWOVersion = types.Int64Value(version)
	}
	if password := from.Password.ValueString(); password != "" {
		markOf(password, from.Iterations.ValueInt64()).write(ctx, resp.TargetPrivate, &resp.Diagnostics)
	}
	m.ID = m.id()
	resp.Diagnostics.Append(resp.TargetState.Set(ctx, m)...)
	resp.Diagnostics.Append(resp.TargetIdentity.Set(ctx, m.identity())...)
	return ""
}
