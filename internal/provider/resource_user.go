package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

var (
	_ resource.Resource                = (*userResource)(nil)
	_ resource.ResourceWithConfigure   = (*userResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*userResource)(nil)
	_ resource.ResourceWithImportState = (*userResource)(nil)
	_ resource.ResourceWithIdentity    = (*userResource)(nil)
)

const (
	defaultMechanism = "SCRAM-SHA-512"
	// defaultIterations is the most that Kafka takes and what RFC 7677 asks for (15,000 or more); Kafka's own tools take the least.
	defaultIterations = kafka.MaxSCRAMIterations
	// lookAgain is how long Create looks, after it failed, for what it may have made.
	lookAgain = 10 * time.Second
)

func newUserResource() resource.Resource { return &userResource{} }

type userResource struct{ data *providerData }

type userModel struct {
	ID                types.String `tfsdk:"id"`
	Cluster           types.String `tfsdk:"cluster"`
	Name              types.String `tfsdk:"name"`
	Mechanisms        types.Set    `tfsdk:"mechanisms"`
	Iterations        types.Int64  `tfsdk:"iterations"`
	PasswordWO        types.String `tfsdk:"password_wo"`
	PasswordWOVersion types.Int64  `tfsdk:"password_wo_version"`
	PasswordSetAt     types.String `tfsdk:"password_set_at"`
}

type userIdentity struct {
	Cluster types.String `tfsdk:"cluster"`
	Name    types.String `tfsdk:"name"`
}

func (r *userResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_user"
}

func (r *userResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"cluster": identityschema.StringAttribute{OptionalForImport: true, Description: "The cluster's name; none for the Kafka of the provider block."},
		"name":    identityschema.StringAttribute{RequiredForImport: true, Description: "The user's name."},
	}}
}

func (r *userResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A user who logs in with a password, by SASL/SCRAM. In ACLs and quotas the user `alice` is the principal `User:alice`.\n\n" +
			"The password is write-only (Terraform 1.11, OpenTofu 1.11): it is in no state and no plan, and Kafka gets it salted and hashed. There are two ways to change it:\n\n" +
			"* Without `password_wo_version`, an edited password is noticed at plan and set. What it is compared with is a slow, salted hash of the last one (argon2id) in the resource's private state.\n" +
			"* With `password_wo_version`, the version decides: the password is set when the version changes, and an edited password alone gets a warning. " +
			"Use it for a password that is another one in each run, such as that of an ephemeral `random_password`.\n\n" +
			"The resource owns all SCRAM credentials of its user: one of a mechanism that is not declared is removed by the next apply, and deleting the resource deletes all of them. " +
			"Deleted credentials, and other iterations or mechanisms, are seen as drift. Kafka shows nobody the password itself, so that another password with the same iterations is not seen: " +
			"change `password_wo_version` to set it again.\n\n" +
			"A changed password holds for new connections. Those that are open stay open, unless the brokers set `connections.max.reauth.ms`.\n\n" +
			"An imported user is managed as it is, without its password being known, as long as no `password_wo` is declared. With one, the first apply sets it.",
		Attributes: map[string]schema.Attribute{
			"id":      idAttribute("`cluster/name`, with `%2F` for a `/` and `%25` for a `%` inside the name. Without `cluster/` for the Kafka of the provider block."),
			"cluster": clusterAttribute(),
			"name": schema.StringAttribute{
				MarkdownDescription: "What the user logs in as, in ASCII: Kafka lets nobody log in by SCRAM with another character in the name. " +
					"In a cluster of this provider not `" + compute.AdminPrincipal + "` or `" + compute.NodePrincipal + "`, who may do everything. A change makes another user.",
				Required:      true,
				Validators:    []validator.String{userNameValidator{}},
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"mechanisms": schema.SetAttribute{
				MarkdownDescription: "What the user can log in by: `SCRAM-SHA-512`, `SCRAM-SHA-256`, or both, with one password. `[\"SCRAM-SHA-512\"]` by default. " +
					"To move clients from one to the other, declare both meanwhile.",
				ElementType: types.StringType, Optional: true, Computed: true,
				Validators: []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.ValueStringsAre(stringvalidator.OneOf("SCRAM-SHA-256", "SCRAM-SHA-512"))},
			},
			"iterations": schema.Int64Attribute{
				MarkdownDescription: fmt.Sprintf("How often the password is hashed, from %d to %d, which is the default. More make a stolen hash harder to guess; they cost clients some milliseconds for each connection, and brokers nothing. "+
					"Kafka's own tools take %d.", kafka.MinSCRAMIterations, kafka.MaxSCRAMIterations, kafka.MinSCRAMIterations),
				Optional: true, Computed: true,
				Validators: []validator.Int64{int64validator.Between(kafka.MinSCRAMIterations, kafka.MaxSCRAMIterations)},
			},
			"password_wo": schema.StringAttribute{
				MarkdownDescription: "The password. A new user needs one. Left out, the password of a user that exists stays what it is.",
				Optional:            true, WriteOnly: true, Sensitive: true,
				Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"password_wo_version": schema.Int64Attribute{
				MarkdownDescription: "Any number. Where it is declared, an edited `password_wo` is set when the version changes. " +
					"Other iterations or another mechanism set the password, too: Kafka keeps hashes that are made with them.",
				Optional:   true,
				Validators: []validator.Int64{int64validator.AlsoRequires(path.MatchRoot("password_wo"))},
			},
			"password_set_at": schema.StringAttribute{
				MarkdownDescription: "When this resource last set the password (RFC 3339). A plan that shows it as known after apply will set it.",
				Computed:            true,
			},
		},
	}
}

func (r *userResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = configured(req.ProviderData, &resp.Diagnostics)
}

// ModifyPlan fills in what is not declared and decides whether the password is to be set, which makes password_set_at unknown.
func (r *userResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.data == nil {
		return
	}
	var m, config, prior userModel
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	}
	if req.Plan.Raw.IsNull() {
		prior.checkLockout(r.data.Kafka.login, nil, types.StringNull(), &resp.Diagnostics)
		return
	}
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	r.data.Kafka.checkCluster(m.Cluster, &resp.Diagnostics)
	m.checkSuperUser(&resp.Diagnostics)
	isNew := req.State.Raw.IsNull() || !m.Cluster.Equal(prior.Cluster) || !m.Name.Equal(prior.Name)
	hasPassword := !config.PasswordWO.IsNull()
	if isNew && !req.State.Raw.IsNull() {
		prior.checkLockout(r.data.Kafka.login, nil, types.StringNull(), &resp.Diagnostics)
	}
	if isNew && !hasPassword {
		resp.Diagnostics.AddAttributeError(path.Root("password_wo"), "A new user needs a password",
			fmt.Sprintf("User %s is created with the password in password_wo, and there is none. A user that exists already is imported: terraform import <address> '%s'", m.Name, m.id().ValueString()))
		return
	}
	if config.Mechanisms.IsNull() {
		if m.Mechanisms = prior.Mechanisms; isNew || hasPassword {
			m.Mechanisms = mechanismSet([]string{defaultMechanism})
		}
	}
	if config.Iterations.IsNull() {
		if m.Iterations = prior.Iterations; isNew || hasPassword {
			m.Iterations = types.Int64Value(defaultIterations)
		}
	}
	sets := isNew
	if !isNew {
		m.checkPasswordless(prior, hasPassword, &resp.Diagnostics)
		sets = hasPassword && m.sets(config, prior, readMark(ctx, req.Private, &resp.Diagnostics), &resp.Diagnostics)
		password := types.StringNull()
		if sets {
			password = config.PasswordWO
		}
		if fullyKnown(ctx, m.Mechanisms) {
			m.checkLockout(r.data.Kafka.login, m.mechanisms(ctx, &resp.Diagnostics), password, &resp.Diagnostics)
		}
	}
	if m.PasswordSetAt = prior.PasswordSetAt; sets {
		m.PasswordSetAt = types.StringUnknown()
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, m)...)
}

// checkLockout refuses to end the login that the provider itself works with. The user is left with these mechanisms and this password,
// null for the one that it has.
func (m userModel) checkLockout(login *kafka.SASL, mechanisms []string, password types.String, diags *diag.Diagnostics) {
	if login == nil || !m.Cluster.IsNull() || m.Name.ValueString() != login.Username || !login.SCRAM() {
		return
	}
	samePassword := password.IsNull() || password.IsUnknown() || password.ValueString() == login.Password
	if !samePassword || !slices.Contains(mechanisms, login.Mechanism) {
		diags.AddError("The provider would lock itself out",
			fmt.Sprintf("It logs in as user %s by %s, and could not any more in the midst of this change. Make the change with the provider logged in as another user.", m.Name, login.Mechanism))
	}
}

// checkPasswordless refuses changes of a user that are made of the password where there is none.
func (m userModel) checkPasswordless(prior userModel, hasPassword bool, diags *diag.Diagnostics) {
	if hasPassword {
		return
	}
	const detail = "Kafka keeps only a hash that is made with the mechanism and the iterations. Declare password_wo, or leave this as it is, which is %s."
	if !m.Iterations.Equal(prior.Iterations) {
		diags.AddAttributeError(path.Root("iterations"), "Iterations cannot be changed without the password", fmt.Sprintf(detail, prior.Iterations))
	}
	if m.addsMechanism(prior) {
		diags.AddAttributeError(path.Root("mechanisms"), "A mechanism cannot be added without the password", fmt.Sprintf(detail, prior.Mechanisms))
	}
}

// addsMechanism is true when the user is to log in by what it could not, or may be.
func (m userModel) addsMechanism(prior userModel) bool {
	if m.Mechanisms.IsUnknown() {
		return true
	}
	for _, mechanism := range m.Mechanisms.Elements() {
		if !slices.ContainsFunc(prior.Mechanisms.Elements(), mechanism.Equal) {
			return true
		}
	}
	return false
}

// sets says whether the planned user, who exists and has a password declared, has it set by the apply. What is not known yet may be
// another one, and Update sets it.
func (m userModel) sets(config, prior userModel, mark passwordMark, diags *diag.Diagnostics) bool {
	switch {
	case !m.Iterations.Equal(prior.Iterations), m.addsMechanism(prior):
		return true
	case !m.PasswordWOVersion.IsNull() && !m.PasswordWOVersion.Equal(prior.PasswordWOVersion):
		return true
	case m.PasswordWOVersion.IsNull():
		return config.PasswordWO.IsUnknown() || !mark.of(config.PasswordWO.ValueString())
	case !config.PasswordWO.IsUnknown() && mark.KDF != "" && !mark.of(config.PasswordWO.ValueString()):
		diags.AddAttributeWarning(path.Root("password_wo"), "The password is another one, and its version is not",
			fmt.Sprintf("The password of user %s stays as it was set: password_wo_version is still %s, and it decides. To set the new password, change the version. "+
				"There is nothing to do if the value is meant to differ in each run, such as an ephemeral random_password.", m.Name, m.PasswordWOVersion))
	}
	return false
}

func mechanismSet(names []string) types.Set {
	elements := make([]attr.Value, len(names))
	for i, name := range names {
		elements[i] = types.StringValue(name)
	}
	return types.SetValueMust(types.StringType, elements)
}

// mechanisms are the planned ones in order.
func (m userModel) mechanisms(ctx context.Context, diags *diag.Diagnostics) []string {
	var names []string
	diags.Append(m.Mechanisms.ElementsAs(ctx, &names, false)...)
	slices.Sort(names)
	return names
}

func (m userModel) identity() userIdentity { return userIdentity{Cluster: m.Cluster, Name: m.Name} }

func (r *userResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	defer r.data.Kafka.warn(&resp.Diagnostics)
	var m userModel
	var password types.String
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("password_wo"), &password)...)
	mechanisms := m.mechanisms(ctx, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	m.ID = m.id()
	summary := fmt.Sprintf("User %s is not created", m.Name)
	k, err := r.data.Kafka.Kafka(ctx, m.Cluster)
	if err != nil {
		resp.Diagnostics.AddError(summary, sentence(err))
		return
	}
	switch there, err := k.UserCredentials(ctx, m.Name.ValueString()); {
	case err == nil:
		resp.Diagnostics.AddError(summary, fmt.Sprintf("In %s the user exists already, by %s, and two owners would overwrite each other's passwords. To manage it here, import it: terraform import <address> '%s'",
			clusterName(m.Cluster), strings.Join(slices.Sorted(maps.Keys(there)), " and "), m.ID.ValueString()))
		return
	case !gone(err):
		resp.Diagnostics.AddError(summary, sentence(err))
		return
	}
	m.PasswordSetAt = types.StringNull()
	if err := m.setPassword(ctx, k, mechanisms, password); err != nil {
		if notMade(ctx, k, m) {
			resp.Diagnostics.AddError(summary, sentence(err))
			return
		}
		// What was made, or may have been, is this resource's to delete: Terraform keeps it as tainted.
		resp.Diagnostics.AddError(fmt.Sprintf("User %s may be created in part", m.Name), sentence(err)+" The next apply makes it anew.")
	} else {
		m.PasswordSetAt = rightNow()
		markOf(password.ValueString(), m.Iterations.ValueInt64()).write(ctx, resp.Private, &resp.Diagnostics)
	}
	resp.Diagnostics.Append(resp.Identity.Set(ctx, m.identity())...)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

// notMade is true when it is certain that the user does not exist. It looks in spite of a cancelled context.
func notMade(ctx context.Context, k *kafka.Client, m userModel) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookAgain)
	defer cancel()
	_, err := k.UserCredentials(ctx, m.Name.ValueString())
	return gone(err)
}

func rightNow() types.String { return types.StringValue(time.Now().UTC().Format(time.RFC3339)) }

// setPassword sets the credentials of these mechanisms.
func (m userModel) setPassword(ctx context.Context, k *kafka.Client, mechanisms []string, password types.String) error {
	if password.ValueString() == "" {
		return fmt.Errorf("%w: password_wo was not known at plan, and is empty", kafka.ErrInvalid)
	}
	for _, mechanism := range mechanisms {
		err := k.SetUserCredential(ctx, kafka.UserCredential{
			User: m.Name.ValueString(), Mechanism: mechanism, Iterations: int32(m.Iterations.ValueInt64()), Password: password.ValueString(), //nolint:gosec // The schema bounds the iterations.
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *userResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	defer r.data.Kafka.warn(&resp.Diagnostics)
	var m userModel
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	mark := readMark(ctx, req.Private, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	var there map[string]int32
	k, err := r.data.Kafka.Kafka(ctx, m.Cluster)
	if err == nil {
		there, err = k.Reader().UserCredentials(ctx, m.Name.ValueString())
	}
	switch {
	case gone(err):
		resp.State.RemoveResource(ctx)
		return
	case err != nil && m.Mechanisms.IsNull():
		resp.Diagnostics.AddError(fmt.Sprintf("User %s cannot be imported", m.Name), sentence(err))
		return
	case err != nil:
		unreadable(fmt.Sprintf("User %s", m.Name), m.Cluster, err, &resp.Diagnostics)
		return
	}
	m.Mechanisms = mechanismSet(slices.Sorted(maps.Keys(there)))
	m.Iterations = types.Int64Value(iterationsToShow(there, mark.Iterations))
	m.ID = m.id()
	resp.Diagnostics.Append(resp.Identity.Set(ctx, m.identity())...)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

// iterationsToShow is one number for all mechanisms: the lowest of those that are not as they were set, so that drift of one is seen.
func iterationsToShow(there map[string]int32, set int64) int64 {
	numbers := slices.Sorted(maps.Values(there))
	for _, n := range numbers {
		if int64(n) != set {
			return int64(n)
		}
	}
	return set
}

func (r *userResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var m, prior userModel
	var password types.String
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("password_wo"), &password)...)
	mechanisms, before := m.mechanisms(ctx, &resp.Diagnostics), prior.mechanisms(ctx, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	sets := m.PasswordSetAt.IsUnknown()
	k, err := r.data.Kafka.Kafka(ctx, m.Cluster)
	if err == nil && sets {
		err = m.setPassword(ctx, k, mechanisms, password)
	}
	if err == nil {
		before = slices.DeleteFunc(before, func(mechanism string) bool { return slices.Contains(mechanisms, mechanism) })
		err = deleteCredentials(ctx, k, m.Name.ValueString(), before)
	}
	if err != nil {
		resp.Diagnostics.AddError(fmt.Sprintf("User %s is not changed", m.Name), sentence(err)+" The next apply makes all of the change.")
		return // The state stays as it was: Kafka cannot say which password it has, and to set it twice does no harm.
	}
	if sets {
		m.PasswordSetAt = rightNow()
		markOf(password.ValueString(), m.Iterations.ValueInt64()).write(ctx, resp.Private, &resp.Diagnostics)
	}
	resp.Diagnostics.Append(resp.Identity.Set(ctx, m.identity())...)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

func deleteCredentials(ctx context.Context, k *kafka.Client, user string, mechanisms []string) error {
	for _, mechanism := range mechanisms {
		if err := k.DeleteUserCredential(ctx, user, mechanism); err != nil {
			return err
		}
	}
	return nil
}

// Delete deletes every credential of the user, also one that nobody has declared: it would be a login of a deleted user.
func (r *userResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var m userModel
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	var there map[string]int32
	k, err := r.data.Kafka.Kafka(ctx, m.Cluster)
	if err == nil {
		there, err = k.UserCredentials(ctx, m.Name.ValueString())
	}
	if err == nil {
		err = deleteCredentials(ctx, k, m.Name.ValueString(), slices.Sorted(maps.Keys(there)))
	}
	if err != nil && !gone(err) {
		resp.Diagnostics.AddError(fmt.Sprintf("User %s is not deleted", m.Name), sentence(err))
	}
}

func (r *userResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	identity := parseUserID(req.ID)
	if req.ID == "" {
		resp.Diagnostics.Append(req.Identity.Get(ctx, &identity)...)
	}
	if fault := userNameFault(identity.Name.ValueString()); fault != "" {
		resp.Diagnostics.AddError("Not a user to import", fmt.Sprintf("The import id of a user is like `cluster/alice`, and in %q %s.", req.ID, fault))
	}
	if resp.Diagnostics.HasError() {
		return
	}
	m := userModel{Cluster: identity.Cluster, Name: identity.Name, Mechanisms: types.SetNull(types.StringType)}
	m.ID = m.id()
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identity)...)
}
