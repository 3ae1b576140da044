package provider

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timetypes/timetypes"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
)

var failurePolicyTypes = map[string]attr.Type{"grace": timetypes.GoDurationType{}, "max_lost": types.Int64Type}

// TestGroupSaysWhatCountsAsLost: what is declared reaches the engine, and what is not is the engine's to choose.
func TestGroupSaysWhatCountsAsLost(t *testing.T) {
	m := groupModel(types.ObjectNull(rebalanceType.AttrTypes))
	want, ok, diags := m.want(t.Context(), nil)
	if !ok || diags.HasError() || want.Failure != (plan.FailurePolicy{}) || want.Replace != nil {
		t.Errorf("nothing said: %+v, %v", want, diags)
	}
	var more diag.Diagnostics
	m.FailurePolicy, more = types.ObjectValueFrom(t.Context(), failurePolicyTypes, failurePolicyModel{
		Grace: timetypes.NewGoDurationValue(90 * time.Second), MaxLost: types.Int64Value(4),
	})
	diags.Append(more...)
	m.ReplaceNodes, more = types.SetValueFrom(t.Context(), types.Int64Type, []int64{7, 9})
	diags.Append(more...)
	want, ok, more = m.want(t.Context(), nil)
	diags.Append(more...)
	slices.Sort(want.Replace)
	if !ok || diags.HasError() || want.Failure != (plan.FailurePolicy{Grace: 90 * time.Second, MaxLost: 4}) || !slices.Equal(want.Replace, []int32{7, 9}) {
		t.Errorf("%+v, %v", want, diags)
	}
}

// TestReplaceNodesAreThoseOfTheGroup: one that has never existed would be a node to come, and that of another group is not this one's.
func TestReplaceNodesAreThoseOfTheGroup(t *testing.T) {
	facts := fleet.Facts{NextNodeID: 9, Groups: map[int32]string{4: "main", 7: "other"}}
	for id, says := range map[int32]string{4: "", 2: "", 7: `belongs to group "other"`, 9: "node ids up to 8"} {
		var diags diag.Diagnostics
		checkReplaced(fleet.BrokerGroup{Cluster: "c", Name: "main", Replace: []int32{id}}, facts, &diags)
		if (says != "") != diags.HasError() || says != "" && !strings.Contains(diags[0].Detail(), says) {
			t.Errorf("%d: %v, want it to say %q", id, diags, says)
		}
	}
}

func TestDurationsAreWrittenShort(t *testing.T) {
	for d, want := range map[time.Duration]string{5 * time.Minute: "5m", time.Hour: "1h", 90 * time.Second: "1m30s", 20 * time.Second: "20s", time.Hour + time.Minute: "1h1m"} {
		if got := asDuration(d); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
