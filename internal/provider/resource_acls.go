package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/resourcevalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

var (
	_ resource.Resource                     = (*aclsResource)(nil)
	_ resource.ResourceWithConfigure        = (*aclsResource)(nil)
	_ resource.ResourceWithConfigValidators = (*aclsResource)(nil)
	_ resource.ResourceWithValidateConfig   = (*aclsResource)(nil)
	_ resource.ResourceWithModifyPlan       = (*aclsResource)(nil)
	_ resource.ResourceWithImportState      = (*aclsResource)(nil)
	_ resource.ResourceWithIdentity         = (*aclsResource)(nil)
)

func newACLsResource() resource.Resource { return &aclsResource{} }

type aclsResource struct{ data *providerData }

type aclsModel struct {
	ID types.String `tfsdk:"id"`
	aclSubject
	// Bindings are a set for Terraform, see asSets.
	Bindings types.List `tfsdk:"bindings"`
}

func (r *aclsResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_acls"
	// A change of the subject, too, creates before it deletes, which only a change in place can do.
	resp.ResourceBehavior.MutableIdentity = true
}

func (r *aclsResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"cluster":       identityschema.StringAttribute{OptionalForImport: true, Description: "The cluster's name; none for the Kafka of the provider block."},
		"principal":     identityschema.StringAttribute{OptionalForImport: true, Description: "Whose bindings, such as User:alice."},
		"resource_type": identityschema.StringAttribute{OptionalForImport: true, Description: "Or the bindings about what, such as Topic."},
		"resource_name": identityschema.StringAttribute{OptionalForImport: true, Description: "Its name or prefix."},
		"pattern_type":  identityschema.StringAttribute{OptionalForImport: true, Description: "Literal, which is the default, or Prefixed."},
	}}
}

func (r *aclsResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	ofAll, ofOne := bindingAttributes(), map[string]schema.Attribute{}
	for name, attribute := range bindingAttributes() {
		attribute.Optional = name != "operation"
		attribute.Required = !attribute.Optional
		switch name {
		case "resource_type", "resource_name":
			attribute.MarkdownDescription += " Needed in the set of a principal; in the set of a resource it is that of the set, and is not said again."
		case "pattern_type":
			attribute.MarkdownDescription += " Only in the set of a principal."
		case "principal":
			attribute.MarkdownDescription += " Needed in the set of a resource; in the set of a principal it is that of the set, and is not said again."
		}
		ofOne[name] = attribute
	}
	subject := func(name, text string) schema.StringAttribute {
		attribute := ofAll[name]
		attribute.Optional, attribute.MarkdownDescription = true, text
		return attribute
	}
	pattern := subject("pattern_type", "With `resource_name`: how that is meant, `Literal`, the default, or `Prefixed`. The bindings of the prefix are meant, not those of all names that begin with it.")
	pattern.Computed = true
	resp.Schema = schema.Schema{
		MarkdownDescription: "All ACL bindings of one principal, or all bindings of one resource, as one set. What Kafka has of them and is not in the set is removed, and the plan shows it. " +
			"An empty set removes everything. `kafkafleet_acl` is a single binding, which leaves all others alone.\n\n" +
			"A change creates what is new, waits until every live broker knows it, and only then deletes what is old: access has no hole, also when the principal or the resource of the set is changed.\n\n" +
			"A set is not created over bindings that are not in it, as no plan would have shown their end: import what is there, and the next plan says what is removed. " +
			"A binding has one owner. Do not declare a `kafkafleet_acl` of a principal or resource that has a `kafkafleet_acls`, nor the set of a principal beside that of a resource which has bindings of that principal: " +
			"each would remove what the other creates, at every apply. A binding can move from a `kafkafleet_acl` into a set within one apply; it may be gone for a moment, " +
			"unless the `kafkafleet_acl` is taken out of the state instead, by a `removed` block with `destroy = false`.\n\n" +
			"A cluster takes ACLs only if it has an authorizer (`authorizer.class.name`).",
		Attributes: map[string]schema.Attribute{
			"id": idAttribute("`cluster/principal`, or `cluster/resource_type|resource_name|pattern_type`, with `%7C` for a `|` and `%25` for a `%` inside a part. " +
				"Without `cluster/` for the Kafka of the provider block."),
			"cluster":       clusterAttribute(),
			"principal":     subject("principal", "Whose bindings these are: a type and a name, such as `User:alice`. Those of `User:*` are those that are given to everyone, and not all of all. Either this, or `resource_type` and `resource_name`."),
			"resource_type": subject("resource_type", strings.Replace(ofAll["resource_type"].MarkdownDescription, "What it is about", "What the bindings are about", 1)),
			"resource_name": subject("resource_name", "With `resource_type`: the resource's name or prefix, or `*` for the bindings that are about all."),
			"pattern_type":  pattern,
			"bindings": schema.ListNestedAttribute{
				MarkdownDescription: "All bindings. Each is one operation; a `for` expression writes several at once.",
				Required:            true,
				PlanModifiers:       []planmodifier.List{plannedAsOne{}},
				NestedObject:        schema.NestedAttributeObject{Attributes: ofOne},
			},
		},
	}
}

// plannedAsOne keeps the plugin framework from planning bindings one by one, which it copies the whole list for. ModifyPlan plans them.
type plannedAsOne struct{}

func (plannedAsOne) Description(context.Context) string         { return "" }
func (plannedAsOne) MarkdownDescription(context.Context) string { return "" }
func (plannedAsOne) PlanModifyList(ctx context.Context, req planmodifier.ListRequest, resp *planmodifier.ListResponse) {
	resp.PlanValue = types.ListUnknown(req.PlanValue.ElementType(ctx))
}

func (r *aclsResource) ConfigValidators(context.Context) []resource.ConfigValidator {
	at := path.MatchRoot
	return []resource.ConfigValidator{
		resourcevalidator.ExactlyOneOf(at("principal"), at("resource_type")),
		resourcevalidator.RequiredTogether(at("resource_type"), at("resource_name")),
		resourcevalidator.Conflicting(at("principal"), at("pattern_type")),
	}
}

func (r *aclsResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = configured(req.ProviderData, &resp.Diagnostics)
}

// ValidateConfig checks each binding by itself, and that no two say the same.
func (r *aclsResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var m aclsModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() || m.Principal.IsNull() == m.ResourceType.IsNull() {
		return // What is not said of the subject is told by ConfigValidators.
	}
	if m.Principal.IsNull() {
		bindingModel{ResourceType: m.ResourceType, ResourceName: m.ResourceName, PatternType: m.PatternType}.check(path.Root, &resp.Diagnostics)
	}
	seen := map[kafka.ACL]bool{}
	for i, element := range m.Bindings.Elements() {
		object, ok := element.(types.Object)
		if !ok || object.IsUnknown() {
			continue
		}
		var b bindingModel
		resp.Diagnostics.Append(object.As(ctx, &b, objectAsOptions)...)
		at := func(attribute string) path.Path { return path.Root("bindings").AtListIndex(i).AtName(attribute) }
		m.checkParts(b, at, &resp.Diagnostics)
		b = m.complete(b)
		if m.Principal.IsNull() {
			// The set's own resource has been checked already.
			b.ResourceName = types.StringNull()
		}
		b.check(at, &resp.Diagnostics)
		if !b.known() {
			continue
		}
		if a := b.binding(); seen[a] {
			resp.Diagnostics.AddAttributeError(path.Root("bindings"), "A binding is there twice",
				fmt.Sprintf("Two elements of the set mean the same, since what one of them says is the default of the other: %s %s from %s to %s %s %q. Kafka has it once; remove one of them.",
					a.Permission, a.Principal, a.Host, a.Operation, a.ResourceType, a.ResourceName))
		} else {
			seen[a] = true
		}
	}
}

// ModifyPlan plans what follows from the rest, and refuses what would remove bindings that no plan has shown.
func (r *aclsResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	var config, m, prior aclsModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	m.Bindings, m.PatternType = config.Bindings, config.PatternType
	if config.PatternType.IsNull() && !config.ResourceType.IsNull() {
		m.PatternType = types.StringValue(defaultPattern)
	}
	m.ID = m.id()
	declared, known := m.declared(ctx, &resp.Diagnostics)
	if known && m.sameAs(prior.aclSubject) {
		if before, _ := prior.declared(ctx, &resp.Diagnostics); len(without(before, declared)) == 0 && len(without(declared, before)) == 0 && !prior.Bindings.IsNull() {
			m.Bindings = prior.Bindings // It says the same, with defaults written out or left out.
		}
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, m)...)
	if r.data == nil || resp.Diagnostics.HasError() {
		return
	}
	r.data.Kafka.checkCluster(m.Cluster, &resp.Diagnostics)
	m.checkSuperUsers(ctx, &resp.Diagnostics)
	if !known || resp.Diagnostics.HasError() {
		return
	}
	// What cannot be asked now is asked again before anything is changed.
	if err := r.checkUndeclared(ctx, m, prior, &resp.Diagnostics); errors.Is(err, errUndeclared) {
		resp.Diagnostics.AddError(fmt.Sprintf("The set lacks bindings of %s", m.subject()), sentence(err))
	}
}

// errUndeclared: the subject of a set has bindings that no plan would have shown.
var errUndeclared = errors.New("there are bindings that are not in the set")

// checkUndeclared returns errUndeclared when a set that has not owned its subject before would remove bindings of it.
func (r *aclsResource) checkUndeclared(ctx context.Context, m, prior aclsModel, diags *diag.Diagnostics) error {
	if m.sameAs(prior.aclSubject) {
		return nil
	}
	k, err := r.data.Kafka.Kafka(ctx, m.Cluster)
	if err != nil {
		return err
	}
	found, err := k.Reader().ACLs(ctx, m.filter())
	if err != nil {
		return err
	}
	declared, _ := m.declared(ctx, diags)
	before, _ := prior.declared(ctx, diags)
	foreign := without(without(found, declared), before)
	if len(foreign) == 0 {
		return nil
	}
	lines := make([]string, len(foreign))
	for i, a := range foreign {
		lines[i] = "\n  * " + a.String()
	}
	return fmt.Errorf("%w, in %s:%s\nThe set would remove them, and no plan has shown that. Declare them; or import them, and the next plan says what it removes: terraform import <address> '%s'",
		errUndeclared, clusterName(m.Cluster), strings.Join(lines, ""), m.id().ValueString())
}

func (r *aclsResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	defer r.data.Kafka.warn(&resp.Diagnostics)
	var m aclsModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	// After an error there is no state: one would be tainted, and be deleted before it is created again. What is there by then is in
	// the set, so that the next apply goes on from it.
	m.ID = m.id()
	r.change(ctx, m, aclsModel{}, "set", &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.Identity.Set(ctx, m.aclSubject)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

// change leads from the bindings of before, which the plan has shown, to those that are declared.
func (r *aclsResource) change(ctx context.Context, m, prior aclsModel, verb string, diags *diag.Diagnostics) {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	declared, _ := m.declared(ctx, diags)
	before, _ := prior.declared(ctx, diags)
	err := r.checkUndeclared(ctx, m, prior, diags)
	if err == nil {
		err = r.data.changeACLs(ctx, m.Cluster, m.filter(), before, declared)
	}
	if err != nil {
		diags.AddError(fmt.Sprintf("The bindings of %s are not %s", m.subject(), verb), sentence(err)+" Some of the new ones may be there already; the next apply goes on from what there is.")
	}
}

func (r *aclsResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	defer r.data.Kafka.warn(&resp.Diagnostics)
	var m aclsModel
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	var found []kafka.ACL
	k, err := r.data.Kafka.Kafka(ctx, m.Cluster)
	if err == nil {
		found, err = k.Reader().ACLs(ctx, m.filter())
	}
	switch {
	case gone(err):
		resp.State.RemoveResource(ctx)
		return
	case err != nil && m.Bindings.IsNull():
		resp.Diagnostics.AddError(fmt.Sprintf("The bindings of %s cannot be imported", m.subject()), sentence(err))
		return
	case err != nil:
		unreadable(fmt.Sprintf("The bindings of %s", m.subject()), m.Cluster, err, &resp.Diagnostics)
		return
	}
	m.set(ctx, found, &resp.Diagnostics)
	m.ID = m.id()
	resp.Diagnostics.Append(resp.Identity.Set(ctx, m.aclSubject)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

// Update goes from one set to the other, of another subject too. After an error the state stays as it was, and the next plan reads what
// there is.
func (r *aclsResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var m, prior aclsModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	if resp.Diagnostics.HasError() {
		return
	}
	m.ID = m.id()
	r.change(ctx, m, prior, "changed", &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(resp.Identity.Set(ctx, m.aclSubject)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

// Delete deletes the bindings that the plan has shown, and no others that have come since.
func (r *aclsResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var m aclsModel
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	bindings, _ := m.declared(ctx, &resp.Diagnostics)
	if err := r.data.deleteACLs(ctx, m.Cluster, bindings); err != nil {
		resp.Diagnostics.AddError(fmt.Sprintf("The bindings of %s are not deleted", m.subject()), sentence(err))
	}
}

func (r *aclsResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	var subject aclSubject
	if req.ID != "" {
		subject = parseACLsID(req.ID)
	} else {
		resp.Diagnostics.Append(req.Identity.Get(ctx, &subject)...)
		if !subject.ResourceType.IsNull() {
			subject.PatternType = orDefault(subject.PatternType, defaultPattern)
		}
	}
	subject.check(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	m := aclsModel{aclSubject: subject, ID: subject.id(), Bindings: types.ListNull(bindingType)}
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, subject)...)
}
