package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/throttle"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// usualThrottle is within what a network of one gigabit leaves beside clients, and copies a terabyte to one broker in six hours.
var usualThrottle = throttle.Fixed(50 << 20)

// replicationThrottleAttribute is how fast the replicas that a topic gets are copied.
func replicationThrottleAttribute(of string) schema.StringAttribute {
	return schema.StringAttribute{
		MarkdownDescription: fmt.Sprintf("How fast the replicas that a higher `replication_factor` adds to %s are copied, at most, to and from each broker: a rate such as `50MiB/s`, which is the default, or `none`. ", of) +
			"The limit is taken off when they are in sync; one that somebody else has set on a broker holds there instead. What takes less than a second within the limit is copied without it. " +
			"A limit below what producers write meanwhile never catches up: apply a higher one, which holds at once for what is still on its way.",
		Optional: true, Validators: []validator.String{rateValidator{}},
	}
}

// rateValidator accepts a throttle that is a rate, or none.
type rateValidator struct{ throttleValidator }

func (rateValidator) Description(context.Context) string { return "a rate such as 50MiB/s, or none" }

func (v rateValidator) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v rateValidator) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.ValueString() == throttle.Auto.String() {
		resp.Diagnostics.AddAttributeError(req.Path, "Not a throttle", "Only a broker group can have its throttle measured (`auto`). Write a rate such as `50MiB/s`, or `none`.")
		return
	}
	v.throttleValidator.ValidateString(ctx, req, resp)
}

// replicationThrottle is a throttle that was validated, or the usual one.
func replicationThrottle(value types.String) throttle.Policy {
	if policy, err := throttle.Parse(value.ValueString()); err == nil {
		return policy
	}
	return usualThrottle
}

// warnOfThrottle tells of a topic whose replicas are still throttled by this provider when nothing of it moves any more. It was read a moment ago.
func warnOfThrottle(ctx context.Context, k *kafka.Client, name string, diags *diag.Diagnostics) {
	settings, err := k.Reader().TopicConfig(ctx, name)
	if err != nil || !kafka.Throttled(settings) {
		return
	}
	if t, err := k.Reader().Topic(ctx, name); err == nil && !t.Moving() {
		diags.AddWarning(fmt.Sprintf("Replicas of topic %q are throttled, and nothing of it moves", name),
			"An apply was cut off before it could take the throttle of a move off, or another one is about to. It slows down only a replica that falls behind. "+
				"An apply with another `replication_throttle` takes it off, and in a fleet of this provider the next apply of the topic's broker group.")
	}
}
