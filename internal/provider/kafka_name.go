package provider

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// topicCharacters are what Kafka takes in a topic's name (org.apache.kafka.common.internals.Topic).
var topicCharacters = regexp.MustCompile(`^[a-zA-Z0-9._-]*$`)

// maxTopicName is the longest name: the directory of a partition adds a dash and a number to it, and file names end at 255.
const maxTopicName = 249

// topicNameFault says what is wrong with a topic's name, "" for nothing.
func topicNameFault(name string) string {
	switch {
	case name == "":
		return "a topic's name cannot be empty"
	case name == "." || name == "..":
		return fmt.Sprintf("%q cannot be a topic's name", name)
	case !topicCharacters.MatchString(name):
		return fmt.Sprintf("%q has characters that Kafka refuses; ASCII letters, digits, \".\", \"_\" and \"-\" are allowed", name)
	case len(name) > maxTopicName:
		return fmt.Sprintf("the name has %d characters; at most %d are allowed", len(name), maxTopicName)
	}
	return ""
}

// topicNameValidator accepts what Kafka does.
type topicNameValidator struct{}

func (topicNameValidator) Description(context.Context) string {
	return "1 to 249 ASCII letters, digits, dots, underscores and dashes, and neither . nor .."
}

func (v topicNameValidator) MarkdownDescription(ctx context.Context) string {
	return v.Description(ctx)
}

func (topicNameValidator) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if fault := topicNameFault(req.ConfigValue.ValueString()); fault != "" {
		resp.Diagnostics.AddAttributeError(req.Path, "Not a topic name", strings.ToUpper(fault[:1])+fault[1:]+".")
	}
}

// clusterAttribute says which cluster a Kafka object belongs to.
func clusterAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		MarkdownDescription: "The name of the cluster, best from `kafkafleet_broker_group.<name>.cluster`, so that the object is created after the brokers and deleted before them. " +
			"Without it the object belongs to the Kafka of the provider block's `kafka`. A change makes another object.",
		Optional:      true,
		Validators:    []validator.String{clusterNameValidator{}},
		PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
	}
}

// clusterNameValidator accepts what a fleet can be called.
type clusterNameValidator struct{}

func (clusterNameValidator) Description(context.Context) string { return "the name of a cluster" }

func (v clusterNameValidator) MarkdownDescription(ctx context.Context) string {
	return v.Description(ctx)
}

func (clusterNameValidator) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if name := req.ConfigValue.ValueString(); !fleetName.MatchString(name) {
		resp.Diagnostics.AddAttributeError(req.Path, "Not a cluster's name", fmt.Sprintf("%q %s.", name, fleetNameRule))
	}
}

// idAttribute is the computed id, which is also what import takes.
func idAttribute(form string) schema.StringAttribute {
	return schema.StringAttribute{
		MarkdownDescription: "What `terraform import` takes: " + form,
		Computed:            true,
		PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
	}
}

// joinID puts the cluster before what identifies an object in it. An object of the provider block's Kafka has no cluster.
func joinID(cluster types.String, object string) types.String {
	if cluster.IsNull() {
		return types.StringValue(object)
	}
	return types.StringValue(cluster.ValueString() + "/" + object)
}

// splitID is the reverse of joinID. A cluster's name has characters that leave no doubt where it ends.
func splitID(id string) (cluster types.String, object string) {
	before, after, found := strings.Cut(id, "/")
	if found && fleetName.MatchString(before) {
		return types.StringValue(before), after
	}
	return types.StringNull(), id
}
