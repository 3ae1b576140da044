package provider

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
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

func newACLResource() resource.Resource { return &aclResource{} }

type aclResource struct{ data *providerData }

type aclModel struct {
	ID      types.String `tfsdk:"id"`
	Cluster types.String `tfsdk:"cluster"`
	bindingModel
}

type aclIdentity struct {
	Cluster types.String `tfsdk:"cluster"`
	bindingModel
}

func (r *aclResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_acl"
	// A binding has no other identity than all that it says, so a change in place, which alone can create before it deletes, changes it.
	resp.ResourceBehavior.MutableIdentity = true
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
	attributes := map[string]schema.Attribute{
		"id": idAttribute("`cluster/resource_type|resource_name|pattern_type|principal|host|operation|permission`, with `%7C` for a `|` and `%25` for a `%` inside a part. " +
			"Without `cluster/` for the Kafka of the provider block."),
		"cluster": clusterAttribute(),
	}
	defaults := map[string]string{"pattern_type": defaultPattern, "host": defaultHost, "permission": defaultPermission}
	for name, attribute := range bindingAttributes() {
		if value, ok := defaults[name]; ok {
			attribute.Optional, attribute.Computed, attribute.Default = true, true, stringdefault.StaticString(value)
		} else {
			attribute.Required = true
		}
		attributes[name] = attribute
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "One ACL binding: who may, or may not, do what with which resource, from where. The words are Kafka's own, in Kafka's spelling. " +
			"Kafka cannot change a binding, so a change creates the new one, waits until every live broker knows it, and only then deletes the old one: access has no hole.\n\n" +
			"For all bindings of a principal or of a resource there is `kafkafleet_acls`, which also removes what is not declared. A binding belongs to one of the two, " +
			"never to both: a `kafkafleet_acl` of a principal that a `kafkafleet_acls` owns is removed by the one and created again by the other.\n\n" +
			"A cluster takes ACLs only if it has an authorizer (`authorizer.class.name`).",
		Attributes: attributes,
	}
}

func (r *aclResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = configured(req.ProviderData, &resp.Diagnostics)
}

// ValidateConfig checks what depends on more than one attribute.
func (r *aclResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var m aclModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if !resp.Diagnostics.HasError() {
		m.check(path.Root, &resp.Diagnostics)
	}
}

// ModifyPlan plans the id of a changed binding, and tells when a change would take over a binding that is there.
func (r *aclResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() || nothingToPlan(ctx, req) {
		return
	}
	var m, prior aclModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if m.ID = types.StringUnknown(); !m.Cluster.IsUnknown() && m.known() {
		m.ID = m.id()
	}
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("id"), m.ID)...)
	if r.data == nil {
		return
	}
	r.data.Kafka.checkCluster(m.Cluster, &resp.Diagnostics)
	m.checkSuperUser(m.Cluster, path.Root, &resp.Diagnostics)
	if req.State.Raw.IsNull() || m.ID.IsUnknown() || m.ID.Equal(prior.ID) || !m.Cluster.Equal(prior.Cluster) {
		return
	}
	// What cannot be asked now is no obstacle: the change itself will tell.
	if k, err := r.data.Kafka.Kafka(ctx, m.Cluster); err == nil && k.Reader().ACL(ctx, m.binding()) == nil {
		resp.Diagnostics.AddWarning("The binding that this ACL becomes exists already",
			fmt.Sprintf("In %s there is %s. It is taken over. That is right when an earlier run was cut off in the middle of this change, or when another ACL of this configuration gives it up in the same run. "+
				"If it has another owner, both will delete it for each other.", clusterName(m.Cluster), m.binding()))
	}
}

func (m aclModel) identity() aclIdentity {
	return aclIdentity{Cluster: m.Cluster, bindingModel: m.bindingModel}
}

func (m aclModel) id() types.String {
	a := m.binding()
	return joinID(m.Cluster, joinACLID(a.ResourceType, a.ResourceName, a.PatternType, a.Principal, a.Host, a.Operation, a.Permission))
}

// parseACLID is the reverse of aclModel.id.
func parseACLID(id string) (aclModel, error) {
	cluster, object := splitID(id)
	parts := splitACLID(object)
	if len(parts) != 7 {
		return aclModel{}, fmt.Errorf("it has %d parts instead of 7", len(parts))
	}
	return aclModel{Cluster: cluster, bindingModel: bindingModel{
		ResourceType: types.StringValue(parts[0]), ResourceName: types.StringValue(parts[1]), PatternType: types.StringValue(parts[2]),
		Principal: types.StringValue(parts[3]), Host: types.StringValue(parts[4]), Operation: types.StringValue(parts[5]), Permission: types.StringValue(parts[6]),
	}}, nil
}

func (r *aclResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	defer r.data.Kafka.warn(&resp.Diagnostics)
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
	switch there, err := k.Reader().HasACL(ctx, m.binding()); {
	case err != nil:
		return err
	case there:
		return fmt.Errorf("%w in %s: %s", kafka.ErrExists, clusterName(m.Cluster), m.binding())
	}
	this := []kafka.ACL{m.binding()}
	r.data.ACLs.claim(m.Cluster, this)
	return k.CreateACLs(ctx, this)
}

func (r *aclResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	defer r.data.Kafka.warn(&resp.Diagnostics)
	var m aclModel
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	k, err := r.data.Kafka.Kafka(ctx, m.Cluster)
	if err == nil {
		err = k.Reader().ACL(ctx, m.binding())
	}
	switch {
	case gone(err):
		resp.State.RemoveResource(ctx)
		return
	case err != nil:
		unreadable("ACL "+m.ID.ValueString(), m.Cluster, err, &resp.Diagnostics)
		return
	}
	resp.Diagnostics.Append(resp.Identity.Set(ctx, m.identity())...) // Nothing else of it can be another one.
}

// Update makes another binding of it. After an error the state stays as it was, and the next run does the same again.
func (r *aclResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var m, prior aclModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	if err := r.data.changeACLs(ctx, m.Cluster, m.binding(), []kafka.ACL{prior.binding()}, []kafka.ACL{m.binding()}); err != nil {
		resp.Diagnostics.AddError("The ACL is not changed", sentence(err)+" The binding of before may still be there, beside the new one; the next apply goes on from what there is.")
		return
	}
	m.ID = m.id()
	resp.Diagnostics.Append(resp.Identity.Set(ctx, m.identity())...)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

func (r *aclResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var m aclModel
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	if err := r.data.deleteACLs(ctx, m.Cluster, []kafka.ACL{m.binding()}); err != nil {
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
		m = aclModel{Cluster: identity.Cluster, bindingModel: identity.bindingModel}
		m.PatternType, m.Host, m.Permission = orDefault(m.PatternType, defaultPattern), orDefault(m.Host, defaultHost), orDefault(m.Permission, defaultPermission)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	m.ID = m.id()
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, m.identity())...)
}
