package plan

import (
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/placement"
)

// Balance is what a rebalance would do to the group as it is, by its threshold and budget. Without a move, nothing is above the threshold.
func Balance(g Group, o Observation, now time.Time) placement.Plan {
	o = o.judged(g, now)
	_, own := shares(g, o, newRoster(g, members(g, o), func(Node) int { return 0 }))
	return rebalanced(g, own)
}

// rebalanced is the rebalance of what only the group has. Up to the threshold nothing moves, not even leaders.
func rebalanced(g Group, own placement.Fleet) placement.Plan {
	threshold := g.Rebalance.Threshold
	if threshold <= 0 {
		return placement.Plan{}
	}
	planned := placement.Rebalance(own, threshold-1, g.Rebalance.Budget)
	if max(planned.Before.MaxOverMeanBytes, planned.Before.MaxOverMeanLeaders) <= threshold {
		return placement.Plan{Before: planned.Before, After: planned.Before}
	}
	return planned
}
