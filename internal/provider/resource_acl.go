package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

var (
	_ resource.Resource                   = (*aclResource)(nil)
	_ resource.ResourceWithConfigure      = (*aclResource)(nil)
	_ resource.ResourceWithValidateConfig = (*aclResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*aclResource)(nil)
	_ resource.ResourceWithImportState    = (*aclResource)(nil)
	_ resource.ResourceWithIdentity       = (*aclResource)(nil)
)

// principalForm is a principal as Kafka writes it.
var principalForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*:.+$`)

func newACLResource() resource.Resource { return &aclResource{} }

type aclResource struct{ data *providerData }

type aclModel struct {
	ID           types.String `tfsdk:"id"`
	Cluster      types.String `tfsdk:"cluster"`
	ResourceType types.String `tfsdk:"resource_type"`
	ResourceName types.String `tfsdk:"resource_name"`
	PatternType  types.String `tfsdk:"pattern_type"`
	Principal    types.String `tfsdk:"principal"`
	Host         types.String `tfsdk:"host"`
	Operation    types.String `tfsdk:"operation"`
	Permission   types.String `tfsdk:"permission"`
}

type aclIdentity struct {
	Cluster      types.String `tfsdk:"cluster"`
	ResourceType types.String `tfsdk:"resource_type"`
	ResourceName types.String `tfsdk:"resource_name"`
	PatternType  types.String `tfsdk:"pattern_type"`
	Principal    types.String `tfsdk:"principal"`
	Host         types.String `tfsdk:"host"`
	Operation    types.String `tfsdk:"operation"`
	Permission   types.String `tfsdk:"permission"`
}

func (r *aclResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_acl"
}

func (r *aclResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"cluster":       identityschema.StringAttribute{OptionalForImport: true, Description: "The cluster's name; none for the Kafka of the provider block."},
		"resource_type": identityschema.StringAttribute{RequiredForImport: true, Description: "What it is about, such as Topic."},
		"resource_name": identityschema.StringAttribute{RequiredForImport: true, Description: "Its name or prefix."},
		"pattern_type":  identityschema.StringAttribute{OptionalForImport: true, Description: "Literal, which is the default, or Prefixed."},
		"principal":     identityschema.StringAttribute{RequiredForImport: true, Description: "Who, such as User:alice."},
		"host":          identityschema.StringAttribute{OptionalForImport: true, Description: "From where; any host by default."},
		"operation":     identityschema.StringAttribute{RequiredForImport: true, Description: "What, such as Read."},
		"permission":    identityschema.StringAttribute{OptionalForImport: true, Description: "Allow, which is the default, or Deny."},
	}}
}

func (r *aclResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	word := func(text string, words []string) schema.StringAttribute {
		return schema.StringAttribute{
			MarkdownDescription: text, Required: true,
			Validators:    []validator.String{stringvalidator.OneOf(words...)},
			PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
		}
	}
	withDefault := func(text, value string, validators ...validator.String) schema.StringAttribute {
		return schema.StringAttribute{
			MarkdownDescription: text, Optional: true, Computed: true, Default: stringdefault.StaticString(value),
			Validators:    validators,
			PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
		}
	}
	var operations []string
	var table strings.Builder
	for _, kind := range slices.Sorted(maps.Keys(kafka.ACLOperations)) {
		fmt.Fprintf(&table, "\n  * `%s`: `%s`", kind, strings.Join(kafka.ACLOperations[kind], "`, `"))
		for _, o := range kafka.ACLOperations[kind] {
			if !slices.Contains(operations, o) {
				operations = append(operations, o)
			}
		}
	}
	slices.Sort(operations)
	resp.Schema = schema.Schema{
		MarkdownDescription: "One ACL binding: who may, or may not, do what with which resource, from where. The words are Kafka's own, in Kafka's spelling. " +
			"A binding cannot be changed, so every change makes another one.\n\n" +
			"A cluster takes ACLs only if it has an authorizer (`authorizer.class.name`).",
		Attributes: map[string]schema.Attribute{
			"id": idAttribute("`cluster/resource_type|resource_name|pattern_type|principal|host|operation|permission`, with `%7C` for a `|` and `%25` for a `%` inside a part. " +
				"Without `cluster/` for the Kafka of the provider block."),
			"cluster":       clusterAttribute(),
			"resource_type": word("What it is about: `"+strings.Join(slices.Sorted(maps.Keys(kafka.ACLOperations)), "`, `")+"`.", slices.Sorted(maps.Keys(kafka.ACLOperations))),
			"resource_name": schema.StringAttribute{
				MarkdownDescription: "The resource's name, a prefix of names, or `*` for all. The one name of resource type `Cluster` is `" + kafka.ClusterResource + "`.",
				Required:            true,
				Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"pattern_type": withDefault("How `resource_name` is meant: `Literal`, the default, or `Prefixed` for all names that begin with it.", "Literal", stringvalidator.OneOf("Literal", "Prefixed")),
			"principal": schema.StringAttribute{
				MarkdownDescription: "Who: a type and a name, such as `User:alice`. `User:*` is everyone.",
				Required:            true,
				Validators:          []validator.String{stringvalidator.RegexMatches(principalForm, "must be a type, a colon and a name, such as User:alice")},
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"host":       withDefault("The IP address that the principal connects from. `*`, the default, is any. Kafka compares addresses, so that a host name would match nothing.", "*", hostValidator{}),
			"operation":  word("What is allowed or denied. Which operations there are depends on the resource type:"+table.String(), operations),
			"permission": withDefault("`Allow`, the default, or `Deny`, which is stronger than any `Allow`.", "Allow", stringvalidator.OneOf("Allow", "Deny")),
		},
	}
}

func (r *aclResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = configured(req.ProviderData, &resp.Diagnostics)
}

// ValidateConfig checks what depends on more than one attribute.
func (r *aclResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var m aclModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() || m.ResourceType.IsUnknown() {
		return
	}
	kind := m.ResourceType.ValueString()
	operations, ok := kafka.ACLOperations[kind]
	if ok && !m.Operation.IsUnknown() && !slices.Contains(operations, m.Operation.ValueString()) {
		resp.Diagnostics.AddAttributeError(path.Root("operation"), "The operation does not exist for this resource type",
			fmt.Sprintf("An ACL of resource type %s has one of the operations %s, and not %s.", kind, strings.Join(operations, ", "), m.Operation.ValueString()))
	}
	if m.ResourceName.IsUnknown() || m.PatternType.IsUnknown() {
		return
	}
	checkACLName(kind, m.ResourceName.ValueString(), m.PatternType.ValueString() == "Prefixed", &resp.Diagnostics)
}

func checkACLName(kind, name string, prefixed bool, diags *diag.Diagnostics) {
	at := path.Root("resource_name")
	switch {
	case kind == "Cluster" && (name != kafka.ClusterResource || prefixed):
		diags.AddAttributeError(at, "Not the name of the cluster", fmt.Sprintf("The only resource of type Cluster is the literal %q: Kafka refuses every other name, and this is %q.", kafka.ClusterResource, name))
	case name == "*" && prefixed:
		diags.AddAttributeError(at, "A prefix is no wildcard", "With pattern_type \"Prefixed\", \"*\" is the names that begin with an asterisk. For all resources set pattern_type to \"Literal\".")
	case kind == "Topic" && name != "*":
		fault := topicNameFault(name)
		if prefixed && name == "." || prefixed && name == ".." {
			fault = ""
		}
		if fault != "" {
			diags.AddAttributeError(at, "Not a topic name", fmt.Sprintf("No topic can match this ACL: %s.", fault))
		}
	case kind == "User" && name != "*" && !principalForm.MatchString(name):
		diags.AddAttributeError(at, "Not a principal", fmt.Sprintf("A resource of type User is named like a principal, such as User:alice, and this is %q.", name))
	}
}

func (r *aclResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() || r.data == nil {
		return
	}
	var cluster types.String
	resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, path.Root("cluster"), &cluster)...)
	r.data.Kafka.checkCluster(cluster, &resp.Diagnostics)
}

// binding is the model in Kafka's terms.
func (m aclModel) binding() kafka.ACL {
	return kafka.ACL{
		ResourceType: m.ResourceType.ValueString(), ResourceName: m.ResourceName.ValueString(), PatternType: m.PatternType.ValueString(),
		Principal: m.Principal.ValueString(), Host: m.Host.ValueString(), Operation: m.Operation.ValueString(), Permission: m.Permission.ValueString(),
	}
}

func (m aclModel) identity() aclIdentity {
	return aclIdentity{
		Cluster: m.Cluster, ResourceType: m.ResourceType, ResourceName: m.ResourceName, PatternType: m.PatternType,
		Principal: m.Principal, Host: m.Host, Operation: m.Operation, Permission: m.Permission,
	}
}

var (
	aclEscaper   = strings.NewReplacer("%", "%25", "|", "%7C")
	aclUnescaper = strings.NewReplacer("%25", "%", "%7C", "|")
)

func (m aclModel) id() types.String {
	parts := []string{
		m.ResourceType.ValueString(), m.ResourceName.ValueString(), m.PatternType.ValueString(), m.Principal.ValueString(),
		m.Host.ValueString(), m.Operation.ValueString(), m.Permission.ValueString(),
	}
	for i := range parts {
		parts[i] = aclEscaper.Replace(parts[i])
	}
	return joinID(m.Cluster, strings.Join(parts, "|"))
}

// parseACLID is the reverse of aclModel.id.
func parseACLID(id string) (aclModel, error) {
	cluster, object := splitID(id)
	parts := strings.Split(object, "|")
	if len(parts) != 7 {
		return aclModel{}, fmt.Errorf("it has %d parts instead of 7", len(parts))
	}
	for i := range parts {
		parts[i] = aclUnescaper.Replace(parts[i])
	}
	return aclModel{
		Cluster: cluster, ResourceType: types.StringValue(parts[0]), ResourceName: types.StringValue(parts[1]), PatternType: types.StringValue(parts[2]),
		Principal: types.StringValue(parts[3]), Host: types.StringValue(parts[4]), Operation: types.StringValue(parts[5]), Permission: types.StringValue(parts[6]),
	}, nil
}

func (r *aclResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var m aclModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	m.ID = m.id()
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	if err := r.create(ctx, m); err != nil {
		detail := sentence(err)
		if errors.Is(err, kafka.ErrExists) {
			detail += fmt.Sprintf(" Two owners of one binding would delete it for each other. To manage it here, import it: terraform import <address> '%s'", m.ID.ValueString())
		}
		resp.Diagnostics.AddError("The ACL is not created", detail)
		return
	}
	resp.Diagnostics.Append(resp.Identity.Set(ctx, m.identity())...)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

func (r *aclResource) create(ctx context.Context, m aclModel) error {
	k, err := r.data.Kafka.Kafka(ctx, m.Cluster)
	if err != nil {
		return err
	}
	switch err := k.ACL(ctx, m.binding()); {
	case err == nil:
		return fmt.Errorf("%w in %s: %s", kafka.ErrExists, clusterName(m.Cluster), m.binding())
	case !gone(err):
		return err
	}
	return k.CreateACL(ctx, m.binding())
}

func (r *aclResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var m aclModel
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	k, err := r.data.Kafka.Kafka(ctx, m.Cluster)
	if err == nil {
		err = k.ACL(ctx, m.binding())
	}
	switch {
	case gone(err):
		resp.State.RemoveResource(ctx)
		return
	case err != nil:
		unreadable("ACL "+m.ID.ValueString(), m.Cluster, err, &resp.Diagnostics)
		return
	}
	resp.Diagnostics.Append(resp.Identity.Set(ctx, m.identity())...)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

// Update is never called: every attribute makes another binding.
func (r *aclResource) Update(_ context.Context, _ resource.UpdateRequest, resp *resource.UpdateResponse) {
	resp.Diagnostics.AddError("An ACL cannot be changed", "This is a bug of the provider: every change of an ACL makes another one.")
}

func (r *aclResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var m aclModel
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	k, err := r.data.Kafka.Kafka(ctx, m.Cluster)
	if err == nil {
		err = k.DeleteACL(ctx, m.binding())
	}
	if err != nil && !gone(err) {
		resp.Diagnostics.AddError("The ACL is not deleted", sentence(err))
	}
}

func (r *aclResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	var m aclModel
	if req.ID != "" {
		var err error
		if m, err = parseACLID(req.ID); err != nil {
			resp.Diagnostics.AddError("Not an ACL to import",
				fmt.Sprintf("The import id of an ACL is like `cluster/Topic|orders|Literal|User:shop|*|Write|Allow`; %q is not: %s.", req.ID, err))
			return
		}
	} else {
		var identity aclIdentity
		resp.Diagnostics.Append(req.Identity.Get(ctx, &identity)...)
		m = aclModel{
			Cluster: identity.Cluster, ResourceType: identity.ResourceType, ResourceName: identity.ResourceName, PatternType: orDefault(identity.PatternType, "Literal"),
			Principal: identity.Principal, Host: orDefault(identity.Host, "*"), Operation: identity.Operation, Permission: orDefault(identity.Permission, "Allow"),
		}
	}
	if resp.Diagnostics.HasError() {
		return
	}
	m.ID = m.id()
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, m.identity())...)
}

func orDefault(s types.String, value string) types.String {
	if s.IsNull() {
		return types.StringValue(value)
	}
	return s
}

// hostValidator accepts an IP address, or any.
type hostValidator struct{}

func (hostValidator) Description(context.Context) string { return "an IP address, or * for any" }

func (v hostValidator) MarkdownDescription(context.Context) string {
	return "an IP address, or `*` for any"
}

func (v hostValidator) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() || req.ConfigValue.ValueString() == "*" {
		return
	}
	if _, err := netip.ParseAddr(req.ConfigValue.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Not a host", fmt.Sprintf("%q is not %s. Kafka compares addresses, not names.", req.ConfigValue.ValueString(), v.Description(ctx)))
	}
}
