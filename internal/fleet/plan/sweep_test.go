package plan_test

import (
	"slices"
	"testing"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
)

// TestRatesStayUntilTheRolloutEnds, while the marks of topics, without which they limit nothing, go as soon as nothing moves.
func TestRatesStayUntilTheRolloutEnds(t *testing.T) {
	old := func(o *plan.Observation) {
		o.Nodes[slices.IndexFunc(o.Nodes, func(n plan.Node) bool { return n.ID == 5 })].SpecHash = "old"
	}
	moving := func(o *plan.Observation) { o.Partitions[0].Adding = []int32{9} }
	for name, c := range map[string]struct {
		marks, rates bool
		change       func(*plan.Observation)
		want         []plan.Kind
	}{
		"at rest":                     {false, false, nil, nil},
		"left over":                   {true, true, nil, []plan.Kind{plan.ClearThrottles, plan.ClearRates}},
		"rates left over":             {false, true, nil, []plan.Kind{plan.ClearRates}},
		"a move has ended":            {true, true, old, []plan.Kind{plan.ClearThrottles, plan.Launch}},
		"before the next move":        {false, true, old, []plan.Kind{plan.Launch}},
		"a move is in flight":         {true, true, moving, nil},
		"another's move is in flight": {false, true, moving, nil},
	} {
		t.Run(name, func(t *testing.T) {
			o := fleetOf(3)
			if c.change != nil {
				c.change(&o)
			}
			o.Throttled, o.Rates = c.marks, c.rates
			var got []plan.Kind
			for _, s := range plan.Next(groupOf(3), o, noon).Steps {
				got = append(got, s.Kind)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
