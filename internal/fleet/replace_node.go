package fleet

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/throttle"
)

// DataLossError says that the replacement of a node by force would lose data, which nobody has confirmed. Nothing was done.
type DataLossError struct {
	NodeID int32
	// Losses in the order of the partitions, at least one.
	Losses []plan.Loss
}

func (e *DataLossError) Error() string {
	return fmt.Sprintf("what only node %d has of %d partitions would be lost, of %s; nothing was done", e.NodeID, len(e.Losses), e.Losses[0])
}

// ReplaceNode asks for the replacement of one node of a group as it is, and of no other.
type ReplaceNode struct {
	// Group is the name of a broker group, or compute.ControllersGroup.
	Cluster, Group string
	NodeID         int32
	// Throttle limits the replication.
	Throttle throttle.Policy
	// Force takes the node for lost as soon as compute or Kafka has given it up. Confirmed says that what only it has may be lost, too.
	Force, Confirmed bool
}

// Replacement is what a ReplaceNode would do.
type Replacement struct {
	Preview
	// Condition is that of the node, such as "lost: machine stopped".
	Condition string
	// Losses are what would be lost with the node, only where it is replaced by force.
	Losses []plan.Loss
	// By is the node that came for one that is gone already, 0 while it is there.
	By int32
}

// PlanReplaceNode says what a replacement would do now. It changes nothing. compute.ErrNotFound: there is no such cluster, group or node;
// compute.ErrInvalid: it is not a node that may be replaced. Any other: it cannot be told, or done, now.
func (c *Client) PlanReplaceNode(ctx context.Context, want ReplaceNode) (Replacement, error) {
	o, err := c.observeForPlan(ctx, want.Cluster)
	if err != nil {
		return Replacement{}, err
	}
	o.Observation = o.Clone() // Others of this plan share it.
	g, by, err := c.startReplace(ctx, want, &o)
	if err != nil {
		return Replacement{}, err
	}
	now := c.opts.Now()
	p := Replacement{Losses: plan.Losses(g.group, o.Observation, now), By: by, Preview: predict(o, g, now)}
	for _, n := range o.Nodes {
		if n.ID == want.NodeID {
			p.Condition = g.group.Condition(n, o.Observation, now).String()
		}
	}
	return p, nil
}

// ReplaceNode replaces the node, as the cluster's only writer, and tells progress, which may be nil, of each step and wait. One that was
// interrupted is gone on with by the next one, or by the next apply. A DataLossError: by force it would lose data, which was not confirmed.
// Other errors are those of PlanReplaceNode, and whatever stops a rollout.
func (c *Client) ReplaceNode(ctx context.Context, want ReplaceNode, progress func(string)) (Result, error) {
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
	g, _, err := c.startReplace(ctx, want, &o)
	if err != nil {
		return Result{}, err
	}
	if losses := plan.Losses(g.group, o.Observation, c.opts.Now()); len(losses) > 0 && !want.Confirmed {
		return Result{}, &DataLossError{want.NodeID, losses}
	}
	return c.converge(ctx, want.Cluster, want.builder(g))
}

// startReplace is the goal of a run that begins on an observation. by is the node that came for a node that is gone already.
func (c *Client) startReplace(ctx context.Context, want ReplaceNode, o *observed) (g goal, by int32, err error) {
	catalog, err := c.driver.Catalog(ctx)
	if err != nil {
		return goal{}, 0, err
	}
	if by, err = want.check(*o); err != nil {
		return goal{}, 0, err
	}
	if g, err = want.goal(*o, catalog); err != nil {
		return goal{}, 0, err
	}
	return g, by, want.giveTopics(o)
}

// builder makes the goal of each round: it is the same for the whole run, whatever becomes of the node whose spec it has.
func (r ReplaceNode) builder(g goal) builder {
	return func(o *observed) (goal, error) { return g, r.giveTopics(o) }
}

func (r ReplaceNode) giveTopics(o *observed) error {
	claim := o.record.Groups[r.Group]
	return o.giveTopics(BrokerGroup{Name: r.Group, Topics: claim.Patterns, Default: claim.Default})
}

func (r ReplaceNode) role() compute.Role {
	if r.Group == compute.ControllersGroup {
		return compute.RoleController
	}
	return compute.RoleBroker
}

// check refuses what is no node of the group.
func (r ReplaceNode) check(o observed) (by int32, err error) {
	if o.record.ID == "" {
		return 0, fmt.Errorf("cluster %q: %w", r.Cluster, compute.ErrNotFound)
	}
	own := r.nodes(o)
	if len(own) == 0 {
		return 0, fmt.Errorf("group %q of cluster %q: %w; %s, and controllers", r.Group, r.Cluster, compute.ErrNotFound, groupsOf(o))
	}
	at := slices.IndexFunc(o.Nodes, func(n plan.Node) bool { return n.ID == r.NodeID })
	i, listed := o.instances[r.NodeID]
	switch {
	case r.NodeID < 1 || r.NodeID >= o.NextNodeID:
		return 0, fmt.Errorf("%w: node id %d was never given out in cluster %q; group %q has nodes %v", compute.ErrInvalid, r.NodeID, r.Cluster, r.Group, ids(own))
	case listed && (i.Spec.Group != r.Group || i.Spec.Role != r.role()):
		return 0, fmt.Errorf("%w: node %d is of group %q, and not of %q", compute.ErrInvalid, r.NodeID, i.Spec.Group, r.Group)
	case at < 0:
		for id, other := range own {
			if other.Spec.Replaces == r.NodeID {
				by = max(by, id)
			}
		}
		if by == 0 {
			return 0, fmt.Errorf("node %d of cluster %q: %w; it is gone, and nothing came in its place; group %q has nodes %v", r.NodeID, r.Cluster, compute.ErrNotFound, r.Group, ids(own))
		}
	case o.Nodes[at].Role != r.role():
		return 0, fmt.Errorf("%w: node %d is a %s, and not of group %q", compute.ErrInvalid, r.NodeID, o.Nodes[at].Role, r.Group)
	case !listed && o.Nodes[at].Answering && !o.Nodes[at].Fenced:
		return 0, fmt.Errorf("%w: broker %d serves, and compute does not know its machine: nobody but its owner can say what it is", compute.ErrInvalid, r.NodeID)
	}
	switch {
	case r.role() == compute.RoleController && o.Quorum == nil:
		return 0, fmt.Errorf("node %d cannot be replaced now: the quorum does not say who votes", r.NodeID)
	case r.role() == compute.RoleBroker && !o.KafkaUp:
		why := "no broker of it runs"
		if o.kafkaErr != nil {
			why = o.kafkaErr.Error()
		}
		return 0, fmt.Errorf("node %d cannot be replaced now: Kafka does not answer, so nobody knows what it holds (%s)", r.NodeID, why)
	}
	return by, nil
}

// nodes are the machines of the group.
func (r ReplaceNode) nodes(o observed) map[int32]compute.Instance {
	out := map[int32]compute.Instance{}
	for id, i := range o.instances {
		if i.Spec.Role == r.role() && i.Spec.Group == r.Group {
			out[id] = i
		}
	}
	return out
}

func ids(nodes map[int32]compute.Instance) []int32 { return slices.Sorted(maps.Keys(nodes)) }

// goal is the group as it is, in which the node's place is taken by one of the same spec and configuration: where the node's own are not known
// any more, those of the youngest of the group.
func (r ReplaceNode) goal(o observed, catalog compute.Catalog) (goal, error) {
	own := r.nodes(o)
	model, ok := own[r.NodeID]
	if !ok {
		model = own[slices.Max(ids(own))]
	}
	var zones []string
	var mine, youngest map[string]string
	for _, n := range o.Nodes {
		_, listed := own[n.ID]
		if (listed || n.ID == r.NodeID) && n.Zone != "" && !slices.Contains(zones, n.Zone) {
			zones = append(zones, n.Zone)
		}
		switch {
		case n.Config == nil || !listed:
		case n.ID == r.NodeID:
			mine = n.Config
		default:
			youngest = n.Config
		}
	}
	config := mine
	if config == nil {
		config = youngest
	}
	slices.Sort(zones)
	g, err := newGoal(catalog, model.Spec, zones, len(own))
	if err != nil {
		return g, err
	}
	// The node's own hash, whatever this version of the provider would make of its spec.
	g.spec.SpecHash, g.group.SpecHash = model.Spec.SpecHash, model.Spec.SpecHash
	g.throttle, g.group.MaxSurge, g.group.Config = r.Throttle, 1, config
	g.group.BatchBytes = g.batchBytes()
	g.group.Only, g.group.Replace = true, []int32{r.NodeID}
	if r.Force {
		g.group.Forsake = g.group.Replace
	}
	if r.Force && r.Confirmed {
		g.group.GiveUp = g.group.Replace
	}
	return g, nil
}
