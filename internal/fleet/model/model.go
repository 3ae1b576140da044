// Package model is an in-memory fleet that the steps of package plan can be applied to. The preview runs a whole rollout on it,
// and so do the simulations: it is the prediction of what each step does, in one place.
package model

import (
	"cmp"
	"slices"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
)

// Fleet is a fleet that does at once what it is told, and nothing by itself but what Settle lets happen.
type Fleet struct {
	plan.Observation
	Timing
	// Now is the model's clock.
	Now time.Time

	index map[plan.TopicPartition]int
	// lost are nodes whose machines run and that never serve again: those that the group takes for lost.
	lost map[int32]bool
}

// New returns a model that starts from an observation, which is not changed.
func New(o plan.Observation, now time.Time) *Fleet {
	return &Fleet{Observation: o.Clone(), Timing: Usual, Now: now}
}

// Apply does the step as the group's rollout would, instantly: a launched node still has to settle, a move is in flight until then.
func (f *Fleet) Apply(g plan.Group, s plan.Step) {
	switch s.Kind {
	case plan.Launch:
		f.launch(g, s)
	case plan.Terminate:
		f.Nodes = slices.DeleteFunc(f.Nodes, func(n plan.Node) bool { return n.ID == s.NodeID })
	case plan.Stop:
		f.update(s.NodeID, func(n *plan.Node) {
			n.State, n.Answering, n.Fenced = compute.StateStopped, false, n.Registered
		})
		if f.Quorum != nil {
			delete(f.Quorum.Observers, s.NodeID)
		}
	case plan.Unregister:
		f.update(s.NodeID, func(n *plan.Node) { n.Registered, n.Fenced = false, false })
		f.Nodes = slices.DeleteFunc(f.Nodes, func(n plan.Node) bool { return n.ID == s.NodeID && n.InstanceID == "" })
	case plan.Certify:
		f.update(s.NodeID, func(n *plan.Node) { n.Uncertified, n.CertificateEnds = false, time.Time{} })
	case plan.Cordon:
		f.update(s.NodeID, func(n *plan.Node) { n.Cordoned = true })
	case plan.Uncordon:
		f.update(s.NodeID, func(n *plan.Node) { n.Cordoned = false })
	case plan.ConfigureNode:
		f.update(s.NodeID, func(n *plan.Node) { n.Config = merge(n.Config, s.Config) })
	case plan.ConfigureCluster:
		f.ClusterConfig = merge(f.ClusterConfig, s.Config)
	case plan.Move:
		f.Throttled, f.Rates = true, true
		for _, m := range s.Moves {
			f.move(m)
		}
	case plan.Reorder:
		for _, m := range s.Moves {
			if p := f.partition(m.TopicPartition); p != nil {
				p.Replicas, p.Adding, p.Removing = slices.Clone(m.To), nil, nil
			}
		}
	case plan.ElectLeaders:
		for _, tp := range s.Partitions {
			if p := f.partition(tp); p != nil {
				p.Leader = p.Replicas[0]
			}
		}
	case plan.ElectUnclean:
		dead := f.dead()
		for _, tp := range s.Partitions {
			p := f.partition(tp)
			if p == nil {
				continue
			}
			if i := slices.IndexFunc(p.Replicas, func(id int32) bool { return !dead(id) }); i >= 0 {
				p.Leader, p.ISR = p.Replicas[i], []int32{p.Replicas[i]}
			}
		}
	case plan.AddVoter:
		delete(f.Quorum.Observers, s.NodeID)
		f.Quorum.Voters[s.NodeID] = true
	case plan.RemoveVoter:
		f.removeVoter(s.NodeID)
	case plan.ClearThrottles:
		f.Throttled = false
	case plan.ClearRates:
		f.Rates = false
	case plan.FinalizeFeature:
		f.MetadataLevel = s.Level
	}
}

func (f *Fleet) launch(g plan.Group, s plan.Step) {
	f.Nodes = append(f.Nodes, plan.Node{
		ID: s.NodeID, Role: g.Role, Group: g.Name, Zone: s.Zone,
		InstanceID: "model", State: compute.StatePending, SpecHash: g.SpecHash, SpecText: g.SpecText, LaunchedAt: f.Now, Replaces: s.Replaces, Joins: s.Joins, DiskBytes: g.DiskBytes, MaxLevel: g.MaxLevel,
	})
	slices.SortFunc(f.Nodes, func(a, b plan.Node) int { return cmp.Compare(a.ID, b.ID) })
	f.NextNodeID = max(f.NextNodeID, s.NodeID+1)
	if s.Bootstrap {
		f.Quorum = &plan.Quorum{Leader: s.NodeID, Voters: map[int32]bool{s.NodeID: true}, Observers: map[int32]bool{}}
	}
}

func (f *Fleet) removeVoter(id int32) {
	delete(f.Quorum.Voters, id)
	f.Nodes = slices.DeleteFunc(f.Nodes, func(n plan.Node) bool { return n.ID == id && n.InstanceID == "" })
	if f.Quorum.Leader == id {
		f.Quorum.Leader = -1
		for voter := range f.Quorum.Voters {
			f.Quorum.Leader = max(f.Quorum.Leader, voter)
		}
	}
}

func (f *Fleet) update(id int32, change func(*plan.Node)) {
	for i := range f.Nodes {
		if f.Nodes[i].ID == id {
			change(&f.Nodes[i])
		}
	}
}

func (f *Fleet) move(m plan.Reassignment) {
	if p := f.partition(m.TopicPartition); p != nil {
		// A move that takes the place of one in flight keeps what that one has begun to add.
		before := without(p.Replicas, p.Adding)
		p.Adding, p.Removing = without(m.To, before), without(p.Replicas, m.To)
		p.Replicas = slices.Concat(m.To, p.Removing)
	}
}

// without returns the elements of a that are not in b.
func without(a, b []int32) []int32 {
	return slices.DeleteFunc(slices.Clone(a), func(id int32) bool { return slices.Contains(b, id) })
}

// partition finds a partition; nil when there is none. The index is made anew when partitions have come.
func (f *Fleet) partition(tp plan.TopicPartition) *plan.Partition {
	if len(f.index) != len(f.Partitions) {
		f.index = map[plan.TopicPartition]int{}
		for i, p := range f.Partitions {
			f.index[p.TopicPartition] = i
		}
	}
	if i, ok := f.index[tp]; ok {
		return &f.Partitions[i]
	}
	return nil
}

// Settle lets pass what only takes time: launched nodes come up, moves end, empty disks are seen to be empty, the dead are fenced.
func (f *Fleet) Settle() {
	f.Now = f.Now.Add(f.pending())
	dead := f.dead()
	for i, p := range f.Partitions {
		if len(p.Replicas) > 0 && !slices.ContainsFunc(p.ISR, func(id int32) bool { return !dead(id) }) {
			f.Partitions[i].Leader = -1 // Nobody is left to copy from.
			continue
		}
		if p.InFlight() {
			p.Replicas = p.Target()
			p.Adding, p.Removing = nil, nil
		}
		p.ISR = p.Replicas
		if slices.ContainsFunc(p.ISR, dead) {
			p.ISR = slices.DeleteFunc(slices.Clone(p.ISR), dead)
		}
		if len(p.Replicas) > 0 && !slices.Contains(p.ISR, p.Leader) && len(p.ISR) > 0 {
			p.Leader = p.ISR[0]
		}
		f.Partitions[i] = p
	}
	held := map[int32]int{}
	for _, p := range f.Partitions {
		for _, r := range p.Replicas {
			held[r]++
		}
	}
	for i := range f.Nodes {
		n := &f.Nodes[i]
		if n.State == compute.StateStopping {
			n.State = compute.StateStopped
		}
		if n.Dead() != "" || f.lost[n.ID] {
			n.Answering, n.Fenced = false, n.Registered
			continue
		}
		n.State, n.Phase, n.Problem = compute.StateRunning, compute.PhaseRunning, ""
		if n.Role == compute.RoleBroker {
			n.Registered, n.Fenced, n.Answering, n.LogDirReplicas = true, false, true, held[n.ID]
			f.KafkaUp = true
		} else if f.Quorum != nil {
			if _, voter := f.Quorum.Voters[n.ID]; !voter {
				f.Quorum.Observers[n.ID] = true
			}
		}
	}
	if f.ClusterConfig == nil && (f.Quorum != nil || f.KafkaUp) {
		f.ClusterConfig = map[string]string{}
	}
	if f.Quorum != nil && f.MetadataLevel == 0 {
		for _, n := range f.Nodes {
			f.MetadataLevel = max(f.MetadataLevel, n.MaxLevel)
		}
	}
	if f.Quorum != nil {
		dead = f.dead() // Nodes that were stopping are stopped now.
		for id := range f.Quorum.Voters {
			f.Quorum.Voters[id] = !dead(id)
		}
	}
}

// dead says which nodes are gone or cannot serve, as things are now.
func (f *Fleet) dead() func(id int32) bool {
	alive := map[int32]bool{}
	for _, n := range f.Nodes {
		alive[n.ID] = n.Dead() == "" && !f.lost[n.ID]
	}
	return func(id int32) bool { return !alive[id] }
}

func merge(config map[string]string, changes map[string]*string) map[string]string {
	out := map[string]string{}
	for k, v := range config {
		out[k] = v
	}
	for k, v := range changes {
		if v == nil {
			delete(out, k)
		} else {
			out[k] = *v
		}
	}
	return out
}

// Take takes for dead what the group takes for lost now, also where its machine runs.
func (f *Fleet) Take(g plan.Group) {
	f.lost = map[int32]bool{}
	for _, n := range f.Nodes {
		f.lost[n.ID] = g.Condition(n, f.Observation, f.Now).State == plan.NodeLost
	}
}

// Run plans and applies until the group is as desired, and returns the steps taken and what stopped it short of that, "" when
// nothing did. What is suspect is taken to recover, and what is lost never to. limit bounds the number of rounds; the last word of a run that reaches it is what it was waiting for.
func (f *Fleet) Run(g plan.Group, limit int) (steps []plan.Step, short string) {
	idle := 0
	f.Take(g)
	for range limit {
		d := plan.Next(g, f.Observation, f.Now)
		if d.Done() {
			return steps, ""
		}
		if d.Blocked != "" {
			return steps, d.Blocked
		}
		g.Filling = d.Filling
		for _, s := range d.Steps {
			f.Apply(g, s)
		}
		f.round(d.Steps)
		steps = append(steps, d.Steps...)
		if len(d.Steps) == 0 {
			if idle++; idle > 10 {
				return steps, d.Waiting[0]
			}
			f.Settle()
			continue
		}
		idle = 0
	}
	return steps, "too many rounds"
}
