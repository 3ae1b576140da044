package fleet

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/model"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// join is how long a broker takes from answering at its port until Kafka counts on it.
const join = 1500 * time.Millisecond

// Preview is what a rollout would do, found out on the model.
type Preview struct {
	// Steps are the rollout's steps in order, as text.
	Steps []string
	// Replaced are the node ids that leave; Launched is how many come.
	Replaced []int32
	Launched int
	// BytesToMove is the size of every replica that is copied.
	BytesToMove int64
	// Estimate is how long that takes by the model's clock: boots as they were measured here, and replicas copied at the throttle.
	Estimate time.Duration
	// Refused says that it stops short on purpose: so much is lost that nothing is repaired without being asked.
	Refused bool
	// Suspects are sentences about nodes that may be lost: the rollout waits for them first. Strangers are about brokers that compute does not
	// know: they are never touched.
	Suspects, Strangers []string
	// Rotates says that a step of the rotation of the cluster's authority is taken before the rollout, so that whom to trust changes.
	Rotates bool
	// Short says why the rollout would stop before it is done, "" when nothing is in its way.
	Short string
	// KafkaErr is why Kafka could not be asked, nil when it was: then the moves are missing here.
	KafkaErr error
}

// Converged says that nothing is to be done.
func (p Preview) Converged() bool { return len(p.Steps) == 0 && p.Short == "" && len(p.Suspects) == 0 }

// PreviewCluster says what ApplyCluster would do to the cluster of a snapshot; nil is a cluster that does not exist.
func (c *Client) PreviewCluster(ctx context.Context, want Cluster, snapshot []byte) (Preview, error) {
	rotates := false
	p, err := preview(snapshot, c.clusterGoal(ctx, want), func(o *observed) {
		rotates = o.record.ID != "" && o.Authority.Rotation != want.Rotation
		o.Authority = o.Authority.To(want.Rotation)
	})
	p.Rotates = rotates
	return p, err
}

// PreviewGroup says what ApplyGroup would do to the group of a snapshot, on the cluster as this process has planned it; nil is a group
// that does not exist.
func (c *Client) PreviewGroup(ctx context.Context, want BrokerGroup, snapshot []byte) (Preview, error) {
	planned, ok := c.PlannedFor(want.Cluster)
	if len(want.Zones) == 0 {
		want.Zones = planned.Zones
	}
	build := c.groupGoal(ctx, want)
	if snapshot == nil {
		// What the cluster is like by then is another resource's business, and may change before this one is applied.
		build = func(o *observed) (goal, error) {
			g, err := c.groupGoal(ctx, want)(o)
			g.group.ClusterConfig = nil
			return g, err
		}
	}
	return preview(snapshot, build, func(o *observed) {
		if planned.Rotation != nil {
			o.Authority = o.Authority.To(*planned.Rotation)
		}
		level, known := kafka.MetadataLevel(release(planned.KafkaVersion))
		if !ok || !known {
			return
		}
		for i := range o.Nodes {
			if o.Nodes[i].Role == compute.RoleController {
				o.Nodes[i].MaxLevel = level
			}
		}
	})
}

// preview runs the rollout on the model. It is a function of its arguments alone, time included: Terraform asks for a plan twice, before
// the approval and right before the apply, and takes a second answer that differs for a fault of the provider.
func preview(snapshot []byte, build builder, adjust func(*observed)) (Preview, error) {
	o, at, err := readSnapshot(snapshot)
	if err != nil {
		return Preview{}, err
	}
	g, err := build(&o)
	if err != nil {
		return Preview{}, err
	}
	if adjust != nil {
		adjust(&o)
	}
	return predict(o, g, at), nil
}

// predict runs the rollout to a goal on the model, from an observation and its time.
func predict(o observed, g goal, at time.Time) Preview {
	g.group.Started = at
	refused := plan.Next(g.group, o.Observation, at).Refused
	fleet := model.New(o.Observation, at)
	fleet.Timing = g.timing(o)
	steps, short := fleet.Run(g.group, 100_000)
	if onlySweeps(steps) && slices.ContainsFunc(o.Partitions, plan.Partition.InFlight) {
		// Somebody moves partitions right now, under a throttle of theirs. It is ours to sweep only when they are done.
		steps = nil
	}
	p := summarize(o.NextNodeID, steps, short)
	p.Refused = refused
	p.Suspects, p.Strangers = plan.Suspects(g.group, o.Observation, at)
	if o.Throttled {
		// Moves that an earlier run has begun are this one's to end.
		for _, partition := range o.Partitions {
			p.BytesToMove += partition.Bytes * int64(len(partition.Adding))
		}
	}
	if len(steps) > 0 {
		p.Estimate = max(fleet.Now.Sub(at).Round(time.Second), time.Second)
	}
	p.KafkaErr = o.kafkaErr
	return p
}

func onlySweeps(steps []plan.Step) bool {
	return !slices.ContainsFunc(steps, func(s plan.Step) bool { return !s.Kind.Sweeps() })
}

// summarize turns steps into what a reader of a plan wants to know. Ids of nodes to come are not known before they come: another
// resource of the same apply may take them.
func summarize(firstNew int32, steps []plan.Step, short string) Preview {
	p := Preview{Short: short}
	name := func(id int32) string {
		if id >= firstNew {
			return fmt.Sprintf("new node #%d", id-firstNew+1)
		}
		return fmt.Sprintf("node %d", id)
	}
	for _, s := range steps {
		p.Steps = append(p.Steps, s.Text(name))
		p.BytesToMove += s.Bytes()
		switch s.Kind {
		case plan.Launch:
			p.Launched++
			if s.Replaces != 0 {
				p.Replaced = append(p.Replaced, s.Replaces)
			}
		case plan.Terminate, plan.Unregister, plan.RemoveVoter:
			if s.NodeID < firstNew && !slices.Contains(p.Replaced, s.NodeID) {
				p.Replaced = append(p.Replaced, s.NodeID)
			}
		}
	}
	slices.Sort(p.Replaced)
	return p
}

// timing is how long things take for this group: what was measured of its nodes, or else of others of their role.
func (g goal) timing(o observed) model.Timing {
	t := model.Usual
	var own, others []time.Duration
	for _, n := range o.Nodes {
		switch {
		case n.Boot == 0 || n.Role != g.group.Role:
		case n.Group == g.group.Name:
			own = append(own, n.Boot)
		default:
			others = append(others, n.Boot)
		}
	}
	if len(own) == 0 {
		own = others
	}
	if len(own) > 0 {
		slices.Sort(own)
		t.Boot = own[len(own)/2] + join
	}
	t.BytesPerSecond = g.pace()
	return t
}
