package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/model"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/throttle"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/placement"
)

// ErrUnsettled says that a group has something else to do before replicas may move for balance.
var ErrUnsettled = errors.New("cannot be rebalanced now")

// Rebalance asks for one rebalance of a broker group as it is.
type Rebalance struct {
	Cluster, Group string
	// Threshold is how many times the mean a broker may have: of its zone in bytes, of the group in leaders; above 1.
	Threshold float64
	// Budget is how many bytes the run may move; 0 means any.
	Budget int64
	// Throttle limits the replication.
	Throttle throttle.Policy
}

// RebalancePlan is what a rebalance would do.
type RebalancePlan struct {
	// Moves by descending bytes; those that only reorder replicas come last.
	Moves []RebalanceMove
	// BytesToMove is the size of all replicas that Moves copy. LowerBound is what any rebalance to the threshold has to copy at least,
	// were there no budget: what the brokers hold beyond it.
	BytesToMove, LowerBound int64
	// Before and After are the group without and with the moves.
	Before, After Balance
	// Estimate is how long the busiest broker's part takes at the throttle, for orientation.
	Estimate time.Duration
}

// RebalanceMove is one partition's new replica list.
type RebalanceMove struct {
	Topic     string
	Partition int32
	// From and To are whole replica lists, the preferred leader first.
	From, To []int32
	// Bytes is how much is copied: 0 when only the order changes.
	Bytes int64
}

// Balance says how evenly a group's brokers are filled.
type Balance struct {
	// MaxOverMeanBytes and MaxOverMeanLeaders are the most that a broker has as a multiple of the mean: of its zone in bytes, of the
	// group in leaders. 1 is even, 0 says that there are none.
	MaxOverMeanBytes, MaxOverMeanLeaders float64
	// Brokers in the order of their ids.
	Brokers []BrokerLoad
}

// BrokerLoad is what one broker has.
type BrokerLoad struct {
	ID                int32
	Zone              string
	Bytes             int64
	Replicas, Leaders int
}

// PlanRebalance says what a rebalance would do now. It changes nothing. ErrUnsettled: the group has something else to do first;
// compute.ErrNotFound: there is no such cluster or group.
func (c *Client) PlanRebalance(ctx context.Context, want Rebalance) (RebalancePlan, error) {
	o, err := c.observeForPlan(ctx, want.Cluster)
	if err != nil {
		return RebalancePlan{}, err
	}
	catalog, err := c.driver.Catalog(ctx)
	if err != nil {
		return RebalancePlan{}, err
	}
	o.Observation = o.Clone() // Others of this plan share it.
	g, err := want.settledGoal(&o, catalog)
	if err != nil {
		return RebalancePlan{}, err
	}
	return planRebalance(g, o), nil
}

// Rebalance runs one, as the cluster's only writer, and tells progress, which may be nil, of each step and wait. The goal is made from
// the group as it is, so that it needs no configuration; a rebalance that was interrupted is gone on with by the next one. Errors are
// those of PlanRebalance, and whatever stops a rollout.
func (c *Client) Rebalance(ctx context.Context, want Rebalance, progress func(string)) (Result, error) {
	ctx = withProgress(ctx, progress)
	unlock, err := c.lock(ctx, want.Cluster)
	if err != nil {
		return Result{}, err
	}
	defer unlock()
	o, err := c.observe(ctx, want.Cluster)
	if err != nil {
		return Result{}, err
	}
	catalog, err := c.driver.Catalog(ctx)
	if err != nil {
		return Result{}, err
	}
	if _, err := want.settledGoal(&o, catalog); err != nil {
		return Result{}, err
	}
	result, err := c.converge(ctx, want.Cluster, want.builder(o, catalog))
	if refused := (*unsettledError)(nil); errors.As(err, &refused) {
		err = fmt.Errorf("the rebalance stopped, and nothing is lost: %w", refused)
	}
	return result, err
}

// unsettledError is ErrUnsettled of one group, with the reason.
type unsettledError struct{ cluster, group, why string }

func (e *unsettledError) Error() string {
	return fmt.Sprintf("broker group %q of cluster %q %s: %s. Apply its configuration first, which brings it to rest, and rebalance then",
		e.group, e.cluster, ErrUnsettled, e.why)
}

func (e *unsettledError) Is(target error) bool { return target == ErrUnsettled }

func (r Rebalance) unsettled(why string) error { return &unsettledError{r.Cluster, r.Group, why} }

// builder makes the goal of each round of a run. The group has to keep the nodes that it had at the start: a rebalance launches none and
// terminates none, so when one is lost it is the next apply's turn. What passes by itself, such as a broker that starts anew, is waited for.
func (r Rebalance) builder(start observed, catalog compute.Catalog) builder {
	first := slices.Sorted(maps.Keys(r.nodes(start)))
	return func(o *observed) (goal, error) {
		g, err := r.goal(o, catalog)
		if err != nil {
			return g, err
		}
		if now := slices.Sorted(maps.Keys(r.nodes(*o))); !slices.Equal(first, now) {
			return g, r.unsettled(fmt.Sprintf("its nodes were %v when the rebalance began and are %v now", first, now))
		}
		return g, nil
	}
}

// settledGoal is the goal of a group that is at rest.
func (r Rebalance) settledGoal(o *observed, catalog compute.Catalog) (goal, error) {
	g, err := r.goal(o, catalog)
	switch {
	case err != nil:
		return g, err
	case o.kafkaErr != nil:
		return g, r.unsettled("Kafka does not answer (" + o.kafkaErr.Error() + ")")
	case !o.KafkaUp:
		return g, r.unsettled("Kafka does not answer: no broker runs")
	}
	if why := plan.Unsettled(g.group, o.Observation, time.Now()); why != "" {
		return g, r.unsettled(why)
	}
	return g, nil
}

// nodes are the machines of the group.
func (r Rebalance) nodes(o observed) map[int32]compute.Instance {
	out := map[int32]compute.Instance{}
	for id, i := range o.instances {
		if i.Spec.Role == compute.RoleBroker && i.Spec.Group == r.Group {
			out[id] = i
		}
	}
	return out
}

// goal is the group as it is, but balanced: so many nodes, in these zones, of the spec that they share.
func (r Rebalance) goal(o *observed, catalog compute.Catalog) (goal, error) {
	if r.Threshold <= 1 {
		return goal{}, fmt.Errorf("%w: a threshold of %g cannot be met, since some broker always holds the mean; it has to be above 1", compute.ErrInvalid, r.Threshold)
	}
	if o.record.ID == "" {
		return goal{}, fmt.Errorf("cluster %q: %w", r.Cluster, compute.ErrNotFound)
	}
	nodes := r.nodes(*o)
	if len(nodes) == 0 {
		return goal{}, fmt.Errorf("broker group %q of cluster %q: %w; %s", r.Group, r.Cluster, compute.ErrNotFound, groupsOf(*o))
	}
	claim := o.record.Groups[r.Group]
	if err := o.giveTopics(BrokerGroup{Name: r.Group, Topics: claim.Patterns, Default: claim.Default}); err != nil {
		return goal{}, err
	}
	var spec compute.NodeSpec
	var zones []string
	for _, id := range slices.Sorted(maps.Keys(nodes)) {
		s := nodes[id].Spec
		if spec.SpecHash != "" && s.SpecHash != spec.SpecHash {
			return goal{}, r.unsettled(fmt.Sprintf("its nodes are of different specs: node %d is %s, node %d is %s", spec.NodeID, specText(spec), id, specText(s)))
		}
		if spec.SpecHash == "" {
			spec = s
		}
		if !slices.Contains(zones, s.Zone) {
			zones = append(zones, s.Zone)
		}
	}
	slices.Sort(zones)
	g, err := newGoal(catalog, spec, zones, len(nodes))
	if err != nil {
		return g, err
	}
	// The nodes' own hash, whatever this version of the provider would make of their spec: a rebalance replaces nobody.
	g.spec.SpecHash, g.group.SpecHash, g.group.Subnets = spec.SpecHash, spec.SpecHash, nil
	g.throttle, g.group.MaxSurge = r.Throttle, 1
	g.group.BatchBytes = g.batchBytes()
	g.group.Rebalance = plan.Rebalance{NotOnScaleOut: true, Threshold: r.Threshold, Budget: r.Budget}
	if why := plan.Misfit(g.group, o.Observation, time.Now()); why != "" {
		return g, r.unsettled(why)
	}
	return g, nil
}

func groupsOf(o observed) string {
	names := map[string]bool{}
	for _, i := range o.instances {
		if i.Spec.Role == compute.RoleBroker {
			names[i.Spec.Group] = true
		}
	}
	if len(names) == 0 {
		return "the cluster has no broker"
	}
	return "the cluster has " + strings.Join(slices.Sorted(maps.Keys(names)), ", ")
}

func planRebalance(g goal, o observed) RebalancePlan {
	planned := plan.Balance(g.group, o.Observation, time.Now())
	p := RebalancePlan{
		BytesToMove: planned.BytesMoved, LowerBound: planned.LowerBound,
		Before: balance(planned.Before, g.group.Name), After: balance(planned.After, g.group.Name),
		Estimate: copyTime(planned.Moves, g.timing(o)),
	}
	for _, m := range planned.Moves {
		p.Moves = append(p.Moves, RebalanceMove{Topic: m.Partition.Topic, Partition: m.Partition.Partition, From: m.Partition.Replicas, To: m.To, Bytes: m.Bytes()})
	}
	return p
}

// copyTime is how long the busiest broker's copying takes: each broker has a limit of its own, for what it sends as a leader and for what
// it gets as a follower.
func copyTime(moves []placement.Move, timing model.Timing) time.Duration {
	in, out, most := map[int32]int64{}, map[int32]int64{}, int64(-1)
	for _, m := range moves {
		for _, id := range m.Added() {
			in[id] += m.Partition.Bytes
			out[m.Partition.Leader] += m.Partition.Bytes
			most = max(most, in[id], out[m.Partition.Leader])
		}
	}
	if most < 0 {
		return 0
	}
	return (timing.Copy + time.Duration(float64(most)/float64(timing.BytesPerSecond)*float64(time.Second))).Round(time.Second)
}

// balance are the figures of one group's brokers.
func balance(f placement.Figures, group string) Balance {
	b := Balance{MaxOverMeanBytes: f.MaxOverMeanBytes, MaxOverMeanLeaders: f.MaxOverMeanLeaders}
	for _, broker := range f.Brokers {
		if broker.Group == group {
			b.Brokers = append(b.Brokers, BrokerLoad{ID: broker.Broker, Zone: broker.Zone, Bytes: broker.Bytes, Replicas: broker.Replicas, Leaders: broker.Leaders})
		}
	}
	return b
}
