package provider

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/resourcevalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

var (
	_ resource.Resource                     = (*quotaResource)(nil)
	_ resource.ResourceWithConfigure        = (*quotaResource)(nil)
	_ resource.ResourceWithConfigValidators = (*quotaResource)(nil)
	_ resource.ResourceWithModifyPlan       = (*quotaResource)(nil)
	_ resource.ResourceWithImportState      = (*quotaResource)(nil)
	_ resource.ResourceWithIdentity         = (*quotaResource)(nil)
)

// defaultEntity is how the default entity of a kind is written, here as in Kafka's own tools.
const defaultEntity = "<default>"

// changeTimeout is how long all brokers may take to know a quota or an ACL.
const changeTimeout = 2 * time.Minute

func newQuotaResource() resource.Resource { return &quotaResource{} }

type quotaResource struct{ data *providerData }

type quotaModel struct {
	ID                     types.String  `tfsdk:"id"`
	Cluster                types.String  `tfsdk:"cluster"`
	User                   types.String  `tfsdk:"user"`
	ClientID               types.String  `tfsdk:"client_id"`
	IP                     types.String  `tfsdk:"ip"`
	ProducerByteRate       types.Int64   `tfsdk:"producer_byte_rate"`
	ConsumerByteRate       types.Int64   `tfsdk:"consumer_byte_rate"`
	RequestPercentage      types.Float64 `tfsdk:"request_percentage"`
	ControllerMutationRate types.Float64 `tfsdk:"controller_mutation_rate"`
	ConnectionCreationRate types.Int64   `tfsdk:"connection_creation_rate"`
}

type quotaIdentity struct {
	Cluster  types.String `tfsdk:"cluster"`
	User     types.String `tfsdk:"user"`
	ClientID types.String `tfsdk:"client_id"`
	IP       types.String `tfsdk:"ip"`
}

func (r *quotaResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_quota"
}

func (r *quotaResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"cluster":   identityschema.StringAttribute{OptionalForImport: true, Description: "The cluster's name; none for the Kafka of the provider block."},
		"user":      identityschema.StringAttribute{OptionalForImport: true, Description: "The user, or <default>."},
		"client_id": identityschema.StringAttribute{OptionalForImport: true, Description: "The client id, or <default>."},
		"ip":        identityschema.StringAttribute{OptionalForImport: true, Description: "The address, or <default>."},
	}}
}

func (r *quotaResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	entity := func(text string, validators ...validator.String) schema.StringAttribute {
		return schema.StringAttribute{
			MarkdownDescription: text + " A change makes another quota.",
			Optional:            true,
			Validators:          append([]validator.String{stringvalidator.LengthAtLeast(1)}, validators...),
			PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
		}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "The quotas of one entity: a user, a client id, a user's client id, or an IP address. `\"" + defaultEntity + "\"` in place of a name is the default: it holds for everyone who has no quota of his own.\n\n" +
			"All eight levels of precedence can be written. From the strongest to the weakest: `user` and `client_id`; `user` and default client id; `user`; default user and `client_id`; default user and default client id; " +
			"default user; `client_id`; default client id. Of the quotas of an IP address, an exact one comes before the default.\n\n" +
			"The resource owns all quotas of its entity: what others set on it is removed by the next apply.",
		Attributes: map[string]schema.Attribute{
			"id":        idAttribute("`cluster/user=alice&client_id=reports`, with those of `user`, `client_id` and `ip` that the quota has, percent-encoded where a name has a `%`, `&`, `+`, `;` or space in it. Without `cluster/` for the Kafka of the provider block."),
			"cluster":   clusterAttribute(),
			"user":      entity("The user, as authenticated, without `User:`; `\"" + defaultEntity + "\"` for all users without a quota of their own."),
			"client_id": entity("The client id, which clients choose for themselves; `\"" + defaultEntity + "\"` for all without a quota of their own. With `user`, the client id of that user."),
			"ip":        entity("The IP address that connections come from; `\""+defaultEntity+"\"` for all without a quota of their own. Only with `connection_creation_rate`.", ipValidator{}),
			"producer_byte_rate": schema.Int64Attribute{
				MarkdownDescription: "Bytes a second that each broker takes from the entity. A client that sends more is delayed.",
				Optional:            true, Validators: []validator.Int64{int64validator.AtLeast(1)},
			},
			"consumer_byte_rate": schema.Int64Attribute{
				MarkdownDescription: "Bytes a second that each broker gives to the entity.",
				Optional:            true, Validators: []validator.Int64{int64validator.AtLeast(1)},
			},
			"request_percentage": schema.Float64Attribute{
				MarkdownDescription: "The share of a broker's request and network threads that the entity may keep busy: 100 is one thread, so that the most is 100 times the number of threads.",
				Optional:            true, Validators: []validator.Float64{positiveValidator{}},
			},
			"controller_mutation_rate": schema.Float64Attribute{
				MarkdownDescription: "Partitions a second that the entity may create and delete.",
				Optional:            true, Validators: []validator.Float64{positiveValidator{}},
			},
			"connection_creation_rate": schema.Int64Attribute{
				MarkdownDescription: "Connections a second that each broker accepts from an IP address. Only with `ip`.",
				Optional:            true, Validators: []validator.Int64{int64validator.Between(1, 1<<31-1)},
			},
		},
	}
}

func (r *quotaResource) ConfigValidators(context.Context) []resource.ConfigValidator {
	at := path.MatchRoot
	return []resource.ConfigValidator{
		resourcevalidator.AtLeastOneOf(at("user"), at("client_id"), at("ip")),
		resourcevalidator.Conflicting(at("ip"), at("user")),
		resourcevalidator.Conflicting(at("ip"), at("client_id")),
		resourcevalidator.AtLeastOneOf(at("producer_byte_rate"), at("consumer_byte_rate"), at("request_percentage"), at("controller_mutation_rate"), at("connection_creation_rate")),
		resourcevalidator.Conflicting(at("ip"), at("producer_byte_rate")),
		resourcevalidator.Conflicting(at("ip"), at("consumer_byte_rate")),
		resourcevalidator.Conflicting(at("ip"), at("request_percentage")),
		resourcevalidator.Conflicting(at("ip"), at("controller_mutation_rate")),
		resourcevalidator.Conflicting(at("user"), at("connection_creation_rate")),
		resourcevalidator.Conflicting(at("client_id"), at("connection_creation_rate")),
	}
}

func (r *quotaResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.data = configured(req.ProviderData, &resp.Diagnostics)
}

func (r *quotaResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() || r.data == nil {
		return
	}
	var cluster types.String
	resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, path.Root("cluster"), &cluster)...)
	r.data.Kafka.checkCluster(cluster, &resp.Diagnostics)
}

// entity is the model's entity in Kafka's terms.
func (m quotaModel) entity() kafka.QuotaEntity {
	name := func(s types.String) *string {
		if s.IsNull() {
			return nil
		}
		v := s.ValueString()
		if v == defaultEntity {
			v = ""
		}
		return &v
	}
	return kafka.QuotaEntity{User: name(m.User), ClientID: name(m.ClientID), IP: name(m.IP)}
}

// quotas are the declared quotas by Kafka's keys.
func (m quotaModel) quotas() map[string]float64 {
	out := map[string]float64{}
	for key, v := range map[string]types.Int64{
		"producer_byte_rate": m.ProducerByteRate, "consumer_byte_rate": m.ConsumerByteRate, "connection_creation_rate": m.ConnectionCreationRate,
	} {
		if !v.IsNull() {
			out[key] = float64(v.ValueInt64())
		}
	}
	for key, v := range map[string]types.Float64{"request_percentage": m.RequestPercentage, "controller_mutation_rate": m.ControllerMutationRate} {
		if !v.IsNull() {
			out[key] = v.ValueFloat64()
		}
	}
	return out
}

// set fills the model with quotas as Kafka has them.
func (m *quotaModel) set(quotas map[string]float64) {
	whole := func(key string) types.Int64 {
		if v, ok := quotas[key]; ok {
			return types.Int64Value(int64(v))
		}
		return types.Int64Null()
	}
	fraction := func(key string) types.Float64 {
		if v, ok := quotas[key]; ok {
			return types.Float64Value(v)
		}
		return types.Float64Null()
	}
	m.ProducerByteRate, m.ConsumerByteRate = whole("producer_byte_rate"), whole("consumer_byte_rate")
	m.ConnectionCreationRate = whole("connection_creation_rate")
	m.RequestPercentage, m.ControllerMutationRate = fraction("request_percentage"), fraction("controller_mutation_rate")
}

// quotaEscaper leaves names readable and escapes only what would be taken for something else.
var quotaEscaper = strings.NewReplacer("%", "%25", "&", "%26", "+", "%2B", ";", "%3B", " ", "%20")

func (m quotaModel) id() types.String {
	var parts []string
	for _, p := range []struct {
		kind string
		name types.String
	}{{"user", m.User}, {"client_id", m.ClientID}, {"ip", m.IP}} {
		if !p.name.IsNull() {
			parts = append(parts, p.kind+"="+quotaEscaper.Replace(p.name.ValueString()))
		}
	}
	return joinID(m.Cluster, strings.Join(parts, "&"))
}

func (m quotaModel) identity() quotaIdentity {
	return quotaIdentity{Cluster: m.Cluster, User: m.User, ClientID: m.ClientID, IP: m.IP}
}

// parseQuotaID is the reverse of quotaModel.id.
func parseQuotaID(id string) (quotaIdentity, error) {
	cluster, object := splitID(id)
	identity := quotaIdentity{Cluster: cluster}
	values, err := url.ParseQuery(object)
	if err != nil {
		return identity, err
	}
	for kind, names := range values {
		if len(names) != 1 || names[0] == "" {
			return identity, fmt.Errorf("%q has no name, or more than one", kind)
		}
		name := types.StringValue(names[0])
		switch kind {
		case "user":
			identity.User = name
		case "client_id":
			identity.ClientID = name
		case "ip":
			identity.IP = name
		default:
			return identity, fmt.Errorf("%q is none of user, client_id and ip", kind)
		}
	}
	return identity, nil
}

// fault says why there can be no such entity, "" for nothing.
func (i quotaIdentity) fault() string {
	switch {
	case i.User.IsNull() && i.ClientID.IsNull() && i.IP.IsNull():
		return "it names neither a user nor a client id nor an IP address"
	case !i.IP.IsNull() && (!i.User.IsNull() || !i.ClientID.IsNull()):
		return "an IP address cannot be combined with a user or a client id"
	case !i.IP.IsNull() && !isAddressOrDefault(i.IP.ValueString()):
		return fmt.Sprintf("%q is no IP address", i.IP.ValueString())
	}
	// Kafka means the default by an empty name, and here that has a word of its own.
	for _, name := range []types.String{i.User, i.ClientID} {
		if !name.IsNull() && name.ValueString() == "" {
			return "a name is empty"
		}
	}
	return ""
}

func (r *quotaResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	defer r.data.Kafka.warn(&resp.Diagnostics)
	var m quotaModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	summary := fmt.Sprintf("The quota of %s is not set", m.entity())
	k, err := r.data.Kafka.Kafka(ctx, m.Cluster)
	if err != nil {
		resp.Diagnostics.AddError(summary, sentence(err))
		return
	}
	switch there, found, err := k.Reader().HasQuotas(ctx, m.entity()); {
	case found:
		resp.Diagnostics.AddError(summary, fmt.Sprintf("In %s it has quotas already, %v, and two owners would overwrite each other. To manage what is there, import it: terraform import <address> '%s'",
			clusterName(m.Cluster), there, m.id().ValueString()))
		return
	case err != nil:
		resp.Diagnostics.AddError(summary, sentence(err))
		return
	}
	if err := k.AlterQuotas(ctx, m.entity(), quotaChanges(nil, m.quotas()), false); err != nil {
		resp.Diagnostics.AddError(summary, sentence(err))
		return
	}
	m.ID = m.id()
	resp.Diagnostics.Append(resp.Identity.Set(ctx, m.identity())...)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

// quotaChanges are the changes that lead from one set of quotas to another, in the order of their keys.
func quotaChanges(before, after map[string]float64) []kafka.QuotaChange {
	var changes []kafka.QuotaChange
	for key, value := range after {
		if old, ok := before[key]; !ok || old != value {
			changes = append(changes, kafka.QuotaChange{Key: key, Value: &value})
		}
	}
	for key := range before {
		if _, ok := after[key]; !ok {
			changes = append(changes, kafka.QuotaChange{Key: key})
		}
	}
	slices.SortFunc(changes, func(a, b kafka.QuotaChange) int { return strings.Compare(a.Key, b.Key) })
	return changes
}

func (r *quotaResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	defer r.data.Kafka.warn(&resp.Diagnostics)
	var m quotaModel
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	var quotas map[string]float64
	k, err := r.data.Kafka.Kafka(ctx, m.Cluster)
	if err == nil {
		quotas, err = k.Reader().Quotas(ctx, m.entity())
	}
	switch {
	case gone(err):
		resp.State.RemoveResource(ctx)
		return
	case err != nil && len(m.quotas()) == 0:
		resp.Diagnostics.AddError(fmt.Sprintf("The quota of %s cannot be imported", m.entity()), sentence(err))
		return
	case err != nil:
		unreadable(fmt.Sprintf("The quota of %s", m.entity()), m.Cluster, err, &resp.Diagnostics)
		return
	}
	m.set(quotas)
	m.ID = m.id()
	resp.Diagnostics.Append(resp.Identity.Set(ctx, m.identity())...)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

func (r *quotaResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var m, prior quotaModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if err := r.alter(ctx, m, quotaChanges(prior.quotas(), m.quotas())); err != nil {
		resp.Diagnostics.AddError(fmt.Sprintf("The quota of %s is not changed", m.entity()), sentence(err))
		return // The state stays as it was, and the next plan reads what is there.
	}
	resp.Diagnostics.Append(resp.Identity.Set(ctx, m.identity())...)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

func (r *quotaResource) alter(ctx context.Context, m quotaModel, changes []kafka.QuotaChange) error {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	k, err := r.data.Kafka.Kafka(ctx, m.Cluster)
	if err != nil {
		return err
	}
	return k.AlterQuotas(ctx, m.entity(), changes, false)
}

func (r *quotaResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var m quotaModel
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if err := r.alter(ctx, m, quotaChanges(m.quotas(), nil)); err != nil && !gone(err) {
		resp.Diagnostics.AddError(fmt.Sprintf("The quota of %s is not removed", m.entity()), sentence(err))
	}
}

func (r *quotaResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	var identity quotaIdentity
	fault := ""
	if req.ID != "" {
		var err error
		if identity, err = parseQuotaID(req.ID); err != nil {
			fault = err.Error()
		}
	} else {
		resp.Diagnostics.Append(req.Identity.Get(ctx, &identity)...)
	}
	if fault == "" {
		fault = identity.fault()
	}
	if fault != "" {
		resp.Diagnostics.AddError("Not a quota to import", fmt.Sprintf("The import id of a quota is like `cluster/user=alice&client_id=reports`, and in %q %s.", req.ID, fault))
	}
	if resp.Diagnostics.HasError() {
		return
	}
	m := quotaModel{Cluster: identity.Cluster, User: identity.User, ClientID: identity.ClientID, IP: identity.IP}
	m.ID = m.id()
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, identity)...)
}

// ipValidator accepts an IP address, or the default.
type ipValidator struct{}

func (ipValidator) Description(context.Context) string {
	return "an IP address, or " + defaultEntity
}

func (v ipValidator) MarkdownDescription(ctx context.Context) string {
	return "an IP address, or `" + defaultEntity + "`"
}

func (v ipValidator) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if !isAddressOrDefault(req.ConfigValue.ValueString()) {
		resp.Diagnostics.AddAttributeError(req.Path, "Not an IP address", fmt.Sprintf("%q is not %s.", req.ConfigValue.ValueString(), v.Description(ctx)))
	}
}

func isAddressOrDefault(ip string) bool {
	_, err := netip.ParseAddr(ip)
	return err == nil || ip == defaultEntity
}

// positiveValidator accepts numbers above zero.
type positiveValidator struct{}

func (positiveValidator) Description(context.Context) string { return "a number above 0" }

func (v positiveValidator) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (positiveValidator) ValidateFloat64(_ context.Context, req validator.Float64Request, resp *validator.Float64Response) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() || req.ConfigValue.ValueFloat64() > 0 {
		return
	}
	resp.Diagnostics.Append(diag.NewAttributeErrorDiagnostic(req.Path, "Not a quota", fmt.Sprintf("Kafka takes numbers above 0 only, and this is %v.", req.ConfigValue.ValueFloat64())))
}
