package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/topicmap"
)

var (
	_ list.ListResource              = (*listing)(nil)
	_ list.ListResourceWithConfigure = (*listing)(nil)
)

// listing finds the objects of one type that a cluster has, for `terraform query`.
type listing struct {
	data *providerData
	// of is the managed resource, whose name a list has.
	of func() resource.Resource
	// what says in the documentation what is listed, and named what name_regex is about.
	what, named string
	// find returns the objects whose names the filter takes, in a steady order.
	find func(ctx context.Context, data *providerData, cluster types.String, k *kafka.Client, filter func(name string) bool) ([]listed, error)
}

// listed is an object that was found.
type listed struct {
	name     string
	identity any
	// fill sets the attributes of the object as an import would read them.
	fill func(ctx context.Context, into *list.ListResult)
}

type listingModel struct {
	Cluster types.String `tfsdk:"cluster"`
	Name    types.String `tfsdk:"name_regex"`
}

func (l *listing) Metadata(ctx context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	l.of().Metadata(ctx, req, resp)
}

func (l *listing) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	l.data = configured(req.ProviderData, &resp.Diagnostics)
}

func (l *listing) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: l.what + " `terraform query -generate-config-out=<file>` writes them as resources with `import` blocks, of which the plan is empty.",
		Attributes: map[string]schema.Attribute{
			"cluster": schema.StringAttribute{
				MarkdownDescription: "The name of the cluster. Without it the objects are those of the provider block's `kafka`.",
				Optional:            true, Validators: []validator.String{clusterNameValidator{}},
			},
			"name_regex": schema.StringAttribute{
				MarkdownDescription: "A regular expression in [RE2's syntax](https://github.com/google/re2/wiki/Syntax) that " + l.named + " matches as a whole. All by default.",
				Optional:            true, Validators: []validator.String{patternValidator{}},
			},
		},
	}
}

func (l *listing) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	var m listingModel
	diags := req.Config.Get(ctx, &m)
	if !diags.HasError() {
		l.data.Kafka.checkCluster(m.Cluster, &diags)
	}
	var found []listed
	if !diags.HasError() {
		var err error
		if found, err = l.list(ctx, m); err != nil {
			diags.AddError("The objects cannot be listed", sentence(err))
		}
	}
	if diags.HasError() {
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	stream.Results = func(push func(list.ListResult) bool) {
		for i, o := range found {
			if req.Limit > 0 && int64(i) == req.Limit {
				return
			}
			result := req.NewListResult(ctx)
			result.DisplayName = o.name
			result.Diagnostics.Append(result.Identity.Set(ctx, o.identity)...)
			if req.IncludeResource {
				o.fill(ctx, &result)
			}
			if !push(result) {
				return
			}
		}
	}
}

func (l *listing) list(ctx context.Context, m listingModel) ([]listed, error) {
	filter, err := nameFilter(m.Name.ValueString())
	if err != nil {
		return nil, err
	}
	k, err := l.data.Kafka.Kafka(ctx, m.Cluster)
	if err != nil {
		return nil, err
	}
	return l.find(ctx, l.data, m.Cluster, k, filter)
}

// nameFilter takes the names that a pattern matches as a whole, all of them for "".
func nameFilter(pattern string) (func(name string) bool, error) {
	if pattern == "" {
		return func(string) bool { return true }, nil
	}
	return matching(pattern)
}

// matching takes the names that one of some patterns matches as a whole.
func matching(patterns ...string) (func(name string) bool, error) {
	const group = "matches"
	m, err := topicmap.New([]topicmap.Claims{{Group: group, Patterns: patterns}})
	if err != nil {
		return nil, errors.Unwrap(err) // Of what group it is says nothing here.
	}
	return func(name string) bool { return m.Owner(name) == group }, nil
}

// listings are all lists of the provider.
func listings() []*listing {
	return []*listing{
		{of: newTopicResource, what: "The topics of a cluster, without those that Kafka and other tools keep for themselves, whose names begin with two underscores.", named: "the topic's name", find: listTopics},
		{of: newACLResource, what: "The ACL bindings of a cluster.", named: "the name of the binding's resource", find: listACLs},
		{of: newQuotaResource, what: "The quotas of a cluster.", named: "the entity's user, client id or IP address", find: listQuotas},
		{of: newUserResource, what: "The users of a cluster that have SCRAM credentials. Kafka tells no passwords, and a user that is imported keeps the one that it has.", named: "the user's name", find: listUsers},
	}
}

// filled sets the attributes of an object that are known without its timeouts and the like.
func filled(model any) func(context.Context, *list.ListResult) {
	return func(ctx context.Context, into *list.ListResult) {
		into.Diagnostics.Append(into.Resource.Set(ctx, model)...)
	}
}

func listTopics(ctx context.Context, data *providerData, cluster types.String, k *kafka.Client, filter func(string) bool) ([]listed, error) {
	topics, err := k.Reader().Topics(ctx)
	if err != nil {
		return nil, err
	}
	r := &topicResource{data: data}
	var found []listed
	for _, name := range slices.Sorted(maps.Keys(topics)) {
		if ofATool(topics[name]) || !filter(name) {
			continue
		}
		found = append(found, listed{
			name: name, identity: topicIdentity{Cluster: cluster, Name: types.StringValue(name)},
			fill: func(ctx context.Context, into *list.ListResult) {
				// As an import begins: with the name and nothing else.
				into.Diagnostics.Append(into.Resource.SetAttribute(ctx, path.Root("cluster"), cluster)...)
				into.Diagnostics.Append(into.Resource.SetAttribute(ctx, path.Root("name"), name)...)
				var m topicModel
				into.Diagnostics.Append(into.Resource.Get(ctx, &m)...)
				if into.Diagnostics.HasError() {
					return
				}
				if err := r.read(ctx, k, &m, &into.Diagnostics); err != nil {
					into.Diagnostics.AddError(fmt.Sprintf("Topic %q cannot be read", name), sentence(err))
					return
				}
				into.Diagnostics.Append(into.Resource.Set(ctx, m)...)
			},
		})
	}
	return found, nil
}

func listACLs(ctx context.Context, _ *providerData, cluster types.String, k *kafka.Client, filter func(string) bool) ([]listed, error) {
	acls, err := k.Reader().ACLs(ctx, kafka.ACL{})
	if err != nil {
		return nil, err
	}
	var found []listed
	for _, a := range acls {
		if !filter(a.ResourceName) {
			continue
		}
		m := aclModel{Cluster: cluster, bindingModel: bindingModel{
			ResourceType: types.StringValue(a.ResourceType), ResourceName: types.StringValue(a.ResourceName), PatternType: types.StringValue(a.PatternType),
			Principal: types.StringValue(a.Principal), Host: types.StringValue(a.Host), Operation: types.StringValue(a.Operation), Permission: types.StringValue(a.Permission),
		}}
		m.ID = m.id()
		found = append(found, listed{name: a.String(), identity: m.identity(), fill: filled(m)})
	}
	return found, nil
}

func listQuotas(ctx context.Context, _ *providerData, cluster types.String, k *kafka.Client, filter func(string) bool) ([]listed, error) {
	all, err := k.Reader().AllQuotas(ctx)
	if err != nil {
		return nil, err
	}
	var found []listed
	for _, q := range all {
		m := quotaModel{Cluster: cluster}
		matches := false
		for into, name := range map[*types.String]*string{&m.User: q.Entity.User, &m.ClientID: q.Entity.ClientID, &m.IP: q.Entity.IP} {
			if name == nil {
				continue
			}
			*into = types.StringValue(*name)
			if *name == "" {
				*into = types.StringValue(defaultEntity)
			}
			matches = matches || filter(into.ValueString())
		}
		if !matches {
			continue
		}
		m.set(q.Quotas)
		m.ID = m.id()
		found = append(found, listed{name: q.Entity.String(), identity: m.identity(), fill: filled(m)})
	}
	return found, nil
}

func listUsers(ctx context.Context, _ *providerData, cluster types.String, k *kafka.Client, filter func(string) bool) ([]listed, error) {
	users, err := k.Reader().Users(ctx)
	if err != nil {
		return nil, err
	}
	var found []listed
	for _, name := range slices.Sorted(maps.Keys(users)) {
		if !filter(name) {
			continue
		}
		m := userModel{Cluster: cluster, Name: types.StringValue(name)}
		m.Mechanisms = mechanismSet(slices.Sorted(maps.Keys(users[name])))
		m.Iterations = types.Int64Value(iterationsToShow(users[name], 0))
		m.ID = m.id()
		found = append(found, listed{name: name, identity: m.identity(), fill: filled(m)})
	}
	return found, nil
}

// patternValidator accepts a regular expression.
type patternValidator struct{}

func (patternValidator) Description(context.Context) string {
	return "a regular expression in RE2's syntax"
}

func (v patternValidator) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (patternValidator) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if err := topicmap.CheckPattern(req.ConfigValue.ValueString()); err != nil {
		resp.Diagnostics.Append(diag.NewAttributeErrorDiagnostic(req.Path, "Not a regular expression", sentence(err)))
	}
}
