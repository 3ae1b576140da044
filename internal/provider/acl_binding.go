package provider

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// What a binding is when it is not said.
const (
	defaultPattern    = "Literal"
	defaultHost       = "*"
	defaultPermission = "Allow"
)

// bindingModel is one ACL binding as it is declared, in kafkafleet_acl and in the set of kafkafleet_acls.
type bindingModel struct {
	ResourceType types.String `tfsdk:"resource_type"`
	ResourceName types.String `tfsdk:"resource_name"`
	PatternType  types.String `tfsdk:"pattern_type"`
	Principal    types.String `tfsdk:"principal"`
	Host         types.String `tfsdk:"host"`
	Operation    types.String `tfsdk:"operation"`
	Permission   types.String `tfsdk:"permission"`
}

// bindingAttributes describe a binding. Which of them are required, and which have a default, is the resource's to say.
func bindingAttributes() map[string]schema.StringAttribute {
	kinds := slices.Sorted(maps.Keys(kafka.ACLOperations))
	var operations []string
	var table strings.Builder
	for _, kind := range kinds {
		fmt.Fprintf(&table, "\n  * `%s`: `%s`", kind, strings.Join(kafka.ACLOperations[kind], "`, `"))
		operations = append(operations, kafka.ACLOperations[kind]...)
	}
	slices.Sort(operations)
	attribute := func(text string, validators ...validator.String) schema.StringAttribute {
		return schema.StringAttribute{MarkdownDescription: text, Validators: validators}
	}
	return map[string]schema.StringAttribute{
		"resource_type": attribute("What it is about: `"+strings.Join(kinds, "`, `")+"`.", stringvalidator.OneOf(kinds...)),
		"resource_name": attribute("The resource's name, a prefix of names, or `*` for all. The one name of resource type `Cluster` is `"+kafka.ClusterResource+"`.",
			stringvalidator.LengthAtLeast(1)),
		"pattern_type": attribute("How `resource_name` is meant: `Literal`, the default, or `Prefixed` for all names that begin with it.", stringvalidator.OneOf("Literal", "Prefixed")),
		"principal": attribute("Who: a type and a name, such as `User:alice`. `User:*` is everyone. Kafka asks no ACL about a super user; in a cluster of this provider these are "+
			"`User:"+compute.AdminPrincipal+"` and `User:"+compute.NodePrincipal+"`, to whom nothing can be denied.", principalValidator{}),
		"host": attribute("The IP address that the principal connects from. `*`, the default, is any. Kafka compares addresses as texts, so that a host name would match nothing; "+
			"one of IPv6 is written in full, such as `2001:db8:0:0:0:0:0:1`.", hostValidator{}),
		"operation":  attribute("What is allowed or denied. Which operations there are depends on the resource type:"+table.String(), stringvalidator.OneOf(slices.Compact(operations)...)),
		"permission": attribute("`Allow`, the default, or `Deny`, which is stronger than any `Allow`.", stringvalidator.OneOf("Allow", "Deny")),
	}
}

// known says that nothing of a binding has yet to be found out.
func (m bindingModel) known() bool {
	return !slices.ContainsFunc([]types.String{m.ResourceType, m.ResourceName, m.PatternType, m.Principal, m.Host, m.Operation, m.Permission}, types.String.IsUnknown)
}

// binding is the model in Kafka's terms, with the defaults for what it does not say.
func (m bindingModel) binding() kafka.ACL {
	return kafka.ACL{
		ResourceType: m.ResourceType.ValueString(), ResourceName: m.ResourceName.ValueString(), PatternType: orDefault(m.PatternType, defaultPattern).ValueString(),
		Principal: m.Principal.ValueString(), Host: orDefault(m.Host, defaultHost).ValueString(), Operation: m.Operation.ValueString(),
		Permission: orDefault(m.Permission, defaultPermission).ValueString(),
	}
}

func orDefault(s types.String, value string) types.String {
	if s.IsNull() {
		return types.StringValue(value)
	}
	return s
}

// check tells what Kafka would refuse, or would take and never use, as far as it is known. at is where an attribute stands.
func (m bindingModel) check(at func(attribute string) path.Path, diags *diag.Diagnostics) {
	if m.ResourceType.IsUnknown() || m.ResourceType.IsNull() {
		return
	}
	kind := m.ResourceType.ValueString()
	operations, ok := kafka.ACLOperations[kind]
	if ok && !m.Operation.IsUnknown() && !m.Operation.IsNull() && !slices.Contains(operations, m.Operation.ValueString()) {
		diags.AddAttributeError(at("operation"), "The operation does not exist for this resource type",
			fmt.Sprintf("An ACL of resource type %s has one of the operations %s, and not %s.", kind, strings.Join(operations, ", "), m.Operation.ValueString()))
	}
	if m.ResourceName.IsUnknown() || m.ResourceName.IsNull() || m.PatternType.IsUnknown() {
		return
	}
	checkACLName(kind, m.ResourceName.ValueString(), m.PatternType.ValueString() == "Prefixed", at("resource_name"), diags)
}

func checkACLName(kind, name string, prefixed bool, at path.Path, diags *diag.Diagnostics) {
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
	case kind == "User" && name != "*" && principalFault(name) != "":
		diags.AddAttributeError(at, "Not a principal", fmt.Sprintf("A resource of type User is named like a principal, such as User:alice, and %s.", principalFault(name)))
	}
}

var (
	aclEscaper   = strings.NewReplacer("%", "%25", "|", "%7C")
	aclUnescaper = strings.NewReplacer("%25", "%", "%7C", "|")
)

// joinACLID writes the parts of an id so that splitACLID finds them again.
func joinACLID(parts ...string) string {
	for i := range parts {
		parts[i] = aclEscaper.Replace(parts[i])
	}
	return strings.Join(parts, "|")
}

// splitACLID is the reverse of joinACLID.
func splitACLID(id string) []string {
	parts := strings.Split(id, "|")
	for i := range parts {
		parts[i] = aclUnescaper.Replace(parts[i])
	}
	return parts
}

// principalForm is a principal as Kafka writes it.
var principalForm = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9]*):.+$`)

// principalFault says why a text is no principal, "" for nothing. The type is User unless the cluster has a principal builder of its own.
func principalFault(text string) string {
	form := principalForm.FindStringSubmatch(text)
	switch {
	case form == nil:
		return fmt.Sprintf("%q is not a type, a colon and a name, such as User:alice", text)
	case form[1] != "User" && strings.EqualFold(form[1], "User"):
		return fmt.Sprintf("Kafka, which tells upper case from lower, would match %q with nobody: write User:%s", text, text[len("User:"):])
	}
	return ""
}

// principalValidator accepts what can be a principal.
type principalValidator struct{}

func (principalValidator) Description(context.Context) string {
	return "a type, a colon and a name, such as User:alice"
}

func (v principalValidator) MarkdownDescription(ctx context.Context) string {
	return v.Description(ctx)
}

func (principalValidator) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if fault := principalFault(req.ConfigValue.ValueString()); fault != "" {
		resp.Diagnostics.AddAttributeError(req.Path, "Not a principal", asSentence(fault))
	}
}

// hostFault says why a text is no host of an ACL, "" for nothing. Kafka compares the text with what Java writes of the client's address
// (StandardAuthorizerData): the eight groups of IPv6 without leading zeros and never shortened, and IPv4 inside of IPv6 as IPv4.
func hostFault(text string) string {
	if text == defaultHost {
		return ""
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return fmt.Sprintf("%q is not an IP address, or * for any. Kafka compares addresses, not names", text)
	}
	written := address.Unmap().String()
	if address.Is6() && !address.Is4In6() {
		groups := make([]string, 8)
		bytes := address.As16()
		for i := range groups {
			groups[i] = fmt.Sprintf("%x", int(bytes[2*i])<<8|int(bytes[2*i+1]))
		}
		written = strings.Join(groups, ":")
		if address.Zone() != "" {
			written += "%" + address.Zone()
		}
	}
	if text != written {
		return fmt.Sprintf("Kafka compares texts, and would match %q with nobody: write %s, as it writes this address itself", text, written)
	}
	return ""
}

// hostValidator accepts an IP address, or any.
type hostValidator struct{}

func (hostValidator) Description(context.Context) string { return "an IP address, or * for any" }

func (v hostValidator) MarkdownDescription(context.Context) string {
	return "an IP address, or `*` for any"
}

func (hostValidator) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if fault := hostFault(req.ConfigValue.ValueString()); fault != "" {
		resp.Diagnostics.AddAttributeError(req.Path, "Not a host", asSentence(fault))
	}
}
