package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/bytesize"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/throttle"
)

// defaultThreshold is how even a rebalance by hand makes a group where nothing is declared.
const defaultThreshold = 1.1

// The attributes that the action and the data source share.
const (
	thresholdText = "How many times the mean a broker may have afterwards, of its zone in bytes and of the group in leaders; above 1. Default `1.1`."
	budgetText    = "How much may be moved, such as `10GiB`: the rebalance goes as far as it can with it. Default: any amount. It counts for one run; another one has its own."
	throttleText  = "The limit of replication by moves, for each broker and direction, as in `kafkafleet_broker_group.rollout_policy`: `auto`, a rate such as `50MiB/s`, or `none`. Default `auto`."
)

// rebalanceOf turns attributes into what the engine is asked for.
func rebalanceOf(cluster, group types.String, threshold types.Float64, budget, limit types.String, diags *diag.Diagnostics) fleet.Rebalance {
	want := fleet.Rebalance{Cluster: cluster.ValueString(), Group: group.ValueString(), Threshold: defaultThreshold}
	if !threshold.IsNull() {
		want.Threshold = threshold.ValueFloat64()
	}
	var err error
	if want.Budget, err = parseBudget(budget.ValueString()); err != nil {
		diags.AddAttributeError(path.Root("budget"), "Not a budget", sentence(err))
	}
	rate := defaultThrottle
	if !limit.IsNull() {
		rate = limit.ValueString()
	}
	if want.Throttle, err = throttle.Parse(rate); err != nil {
		diags.AddAttributeError(path.Root("throttle"), "Not a throttle", sentence(err))
	}
	return want
}

// thresholdValidator accepts what a broker may hold, as a multiple of the mean. At 1 and below no fleet could ever be balanced.
type thresholdValidator struct{}

func (thresholdValidator) Description(context.Context) string {
	return "a number above 1, such as 1.2"
}

func (v thresholdValidator) MarkdownDescription(ctx context.Context) string {
	return v.Description(ctx)
}

func (thresholdValidator) ValidateFloat64(_ context.Context, req validator.Float64Request, resp *validator.Float64Response) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if threshold := req.ConfigValue.ValueFloat64(); threshold <= 1 {
		resp.Diagnostics.AddAttributeError(req.Path, "A threshold that cannot be met",
			fmt.Sprintf("%g times the mean is what some broker always holds. Declare a number above 1: 1.2 allows a broker 20 %% more than the mean.", threshold))
	}
}

// parseBudget reads how much may be moved, such as "10GiB"; "" is 0, any amount.
func parseBudget(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := bytesize.Parse(s)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("%q is not a size above 0, such as \"500MiB\" or \"10GiB\"", s)
	}
	return n, nil
}

// budgetValidator accepts what parseBudget can read.
type budgetValidator struct{}

func (budgetValidator) Description(context.Context) string { return "a size such as 500MiB or 10GiB" }

func (v budgetValidator) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (budgetValidator) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	n, err := parseBudget(req.ConfigValue.ValueString())
	if err == nil && n == 0 {
		err = fmt.Errorf("an empty text is not a size; leave the budget out to move any amount")
	}
	if err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Not a budget", sentence(err))
	}
}
