package provider

import (
	"context"
	"fmt"
	"strings"

	"github.com/docker/go-units"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/topicmap"
)

// topicPatternValidator accepts regular expressions that can stand for topics.
type topicPatternValidator struct{}

func (topicPatternValidator) Description(context.Context) string {
	return "a regular expression in RE2's syntax, which has to match a topic's whole name"
}

func (v topicPatternValidator) MarkdownDescription(ctx context.Context) string {
	return v.Description(ctx)
}

func (topicPatternValidator) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	switch err := topicmap.CheckPattern(req.ConfigValue.ValueString()); {
	case err != nil:
		resp.Diagnostics.AddAttributeError(req.Path, "Not a pattern of topics", sentence(err))
	case req.ConfigValue.ValueString() == "":
		resp.Diagnostics.AddAttributeError(req.Path, "Not a pattern of topics", "An empty pattern matches no topic. Leave it out, or write .* for every topic.")
	}
}

// checkClaims tells what this group claims and another one, too. When both are planned in this run it is an error. When the other's claim
// is only recorded it may be about to change, or be somebody else's to change, so it is a warning.
func (r *brokerGroupResource) checkClaims(ctx context.Context, want fleet.BrokerGroup, diags *diag.Diagnostics) {
	conflicts, err := r.fleet.GroupConflicts(ctx, want.Cluster, want.Name)
	if err != nil {
		diags.AddAttributeError(path.Root("topics"), "The topics of the cluster's groups cannot be told apart", sentence(err))
		return
	}
	// Topics that the same patterns of the same groups claim make one diagnostic.
	topics := map[string][]string{}
	for _, c := range conflicts {
		topics[claimants(c.Claims)] = append(topics[claimants(c.Claims)], c.Topic)
	}
	for _, c := range conflicts {
		who := claimants(c.Claims)
		if c.Topic != topics[who][0] {
			continue
		}
		at, summary, detail := path.Root("default"), "Two default groups", fmt.Sprintf("In cluster %q %s are each the default group, and there can be one.", want.Cluster, who)
		if c.Topic != "" {
			at, summary = path.Root("topics"), "A topic that several groups claim"
			detail = fmt.Sprintf("In cluster %q %s claimed by %s.", want.Cluster, topicList(topics[who]), who)
		}
		if c.Recorded {
			diags.AddAttributeWarning(at, summary, detail+fmt.Sprintf(" The claim of the other group is the one that was applied last: this run has not planned that group, or not yet. "+
				"If both claims stay, the one that was changed last wins, which will be that of %q, until one of them is taken back.", c.Claims[0].Group))
			continue
		}
		diags.AddAttributeError(at, summary, detail+" A topic lives on one group: take it out of one of them.")
	}
}

// claimants names groups, each with its pattern where there is one.
func claimants(claims []topicmap.Claim) string {
	var names []string
	for _, c := range claims {
		name := fmt.Sprintf("group %q", c.Group)
		if c.Pattern != "" {
			name += fmt.Sprintf(" (by %q)", c.Pattern)
		}
		names = append(names, name)
	}
	return strings.Join(names, " and ")
}

// topicList names some topics, and says how many more there are.
func topicList(topics []string) string {
	const shown = 5
	var names []string
	for _, t := range topics[:min(shown, len(topics))] {
		names = append(names, fmt.Sprintf("%q", t))
	}
	switch more := len(topics) - shown; {
	case len(topics) == 1:
		return "topic " + names[0] + " is"
	case more > 0:
		return fmt.Sprintf("topics %s and %d more are", strings.Join(names, ", "), more)
	}
	return "topics " + strings.Join(names, ", ") + " are"
}

// warnArrivals says what a new group will take in. Its rollout is planned from nothing, since Terraform keeps no observation for what
// does not exist, so the moves are not among its steps.
func (r *brokerGroupResource) warnArrivals(ctx context.Context, want fleet.BrokerGroup, diags *diag.Diagnostics) {
	topics, bytes, err := r.fleet.Arrivals(ctx, want)
	if err != nil || len(topics) == 0 {
		return // The apply will tell.
	}
	at := path.Root("topics")
	if len(want.Topics) == 0 {
		at = path.Root("default")
	}
	diags.AddAttributeWarning(at, fmt.Sprintf("Topics will move to the new group %q", want.Name),
		fmt.Sprintf("As things are now, %s to move there from other groups, %s with all replicas. This is not among the steps of its rollout, which is shown from nothing.",
			topicList(topics), units.BytesSize(float64(bytes))))
}
