// Package health judges what was observed of a cluster: what is wrong, how bad it is, what it means and what to do. It is pure: facts
// and the time go in, a report comes out.
package health

import (
	"fmt"
	"slices"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/placement"
)

// Facts are what a report is made from: an observation, and what was asked beside it.
type Facts struct {
	plan.Observation
	// Now is when it was observed.
	Now time.Time
	// Grace is how long compute or Kafka alone must have given a node up before it counts as lost.
	Grace time.Duration
	// Foreign says that no fleet runs this Kafka: compute knows none of its nodes, and no apply repairs it.
	Foreign bool
	// KafkaErr says why Kafka's answer is missing, "" when it is there or nobody was there to be asked.
	KafkaErr string
	// QuorumErr says why Observation.Quorum is nil; QuorumRefused that Kafka does not tell it to this user, or has none.
	QuorumErr     string
	QuorumRefused bool
	// Voters are the lags of the voters by id.
	Voters map[int32]Voter
	// MinISR is min.insync.replicas by topic, at least of every topic that Lagging names. MinISRErr says why some are missing.
	MinISR    map[string]int
	MinISRErr string
	// Throttles are the replication throttles that this provider has set: "broker 4", "topic orders".
	Throttles []string
	// Volumes are the log directories.
	Volumes []Volume
	// Figures are those of the nodes' agents, by node id.
	Figures map[int32]compute.NodeFigures
}

// Volume is one log directory of a broker.
type Volume struct {
	Broker int32
	Path   string
	// TotalBytes and UsableBytes are of the volume under it, -1 when unknown.
	TotalBytes, UsableBytes int64
	// Offline is why Kafka has given it up, "" when it has not.
	Offline string
}

// Lagging are the topics, in order, of which some partition has a leader and fewer replicas in sync than it has replicas: the only ones
// whose min.insync.replicas can matter, since Kafka takes it for at most the number of replicas (Partition.effectiveMinIsr).
func Lagging(o plan.Observation) []string {
	var topics []string
	for _, p := range o.Partitions {
		if p.Leader >= 0 && len(p.ISR) < len(p.Replicas) && (len(topics) == 0 || topics[len(topics)-1] != p.Topic) {
			topics = append(topics, p.Topic)
		}
	}
	slices.Sort(topics)
	return slices.Compact(topics)
}

// Judge makes the report.
func Judge(f Facts) Report {
	r := Report{KafkaReachable: f.KafkaUp, Quorum: quorum(f)}
	conditions := map[int32]Condition{}
	for _, n := range f.Nodes {
		c := condition(n, f)
		conditions[n.ID] = c
		node := Node{ID: n.ID, Role: n.Role, Group: n.Group, Zone: n.Zone, CertificateEnds: n.CertificateEnds, Condition: c}
		if figures, found := f.Figures[n.ID]; found {
			node.Figures = &figures
		}
		r.Nodes = append(r.Nodes, node)
	}
	r.CertificateDays = certificateDays(f)
	if f.KafkaUp {
		r.Partitions, r.Leaders = partitions(f, conditions)
		r.Zones = zones(f)
		r.Disks = disks(f)
		if r.Partitions.Reassigning.Count == 0 {
			for _, t := range f.Throttles {
				r.ExpiredThrottles.add(name(t))
			}
		}
		r.LeftoverCordons = cordons(f)
	}
	v := verdict{status: Healthy, foreign: f.Foreign}
	v.judge(f, r)
	r.Status, r.Problems = v.status, v.problems
	return r
}

// certificateDays is for how many days the certificate is good that ends first, nil where no node has one.
func certificateDays(f Facts) *int {
	var least *int
	for _, n := range f.Nodes {
		if n.CertificateEnds.IsZero() {
			continue
		}
		days := max(0, int(n.CertificateEnds.Sub(f.Now)/(24*time.Hour)))
		if least == nil || days < *least {
			least = &days
		}
	}
	return least
}

func partitions(f Facts, conditions map[int32]Condition) (*Partitions, *Leaders) {
	p, l := &Partitions{Total: len(f.Partitions)}, &Leaders{}
	live, group := map[int32]bool{}, map[int32]string{}
	for _, n := range f.Nodes {
		live[n.ID], group[n.ID] = n.Registered && !n.Fenced, n.Group
	}
	lost := func(id int32) bool {
		c, known := conditions[id]
		return !known || c.State == Lost
	}
	leads := map[int32]int{}
	for _, x := range f.Partitions {
		if x.InFlight() {
			p.Reassigning.add(partition(x.TopicPartition))
		}
		if x.Leader < 0 {
			p.Offline.add(partition(x.TopicPartition))
			switch {
			case slices.ContainsFunc(x.ISR, func(id int32) bool { return live[id] }):
				p.Leaderless.add(partition(x.TopicPartition))
			case !slices.ContainsFunc(x.Replicas, func(id int32) bool { return !lost(id) }):
				p.Lost.add(partition(x.TopicPartition))
			}
			continue
		}
		inSync, factor := len(x.ISR), len(x.Replicas)-len(x.Adding)
		if inSync < factor {
			p.UnderReplicated.add(partition(x.TopicPartition))
		}
		if least, known := f.MinISR[x.Topic]; known {
			switch least = min(least, len(x.Replicas)); {
			case inSync < least:
				p.UnderMinISR.add(partition(x.TopicPartition))
			case inSync == least && inSync < factor:
				p.AtMinISR.add(partition(x.TopicPartition))
			}
		}
		leads[x.Leader]++
		if preferred := x.Replicas[0]; x.Leader != preferred {
			l.Unbalanced.add(partition(x.TopicPartition))
			if slices.Contains(x.ISR, preferred) && !x.InFlight() {
				l.electable++
			}
		}
	}
	if p.Total > 0 {
		l.Share = float64(l.Unbalanced.Count) / float64(p.Total)
	}
	sum, count := map[string]int{}, map[string]int{}
	for id := range live {
		if live[id] || leads[id] > 0 {
			sum[group[id]] += leads[id]
			count[group[id]]++
		}
	}
	for id, n := range leads {
		if g := group[id]; sum[g] > 0 {
			l.MaxOverMean = max(l.MaxOverMean, float64(n)*float64(count[g])/float64(sum[g]))
		}
	}
	return p, l
}

func quorum(f Facts) *Quorum {
	if f.Quorum == nil {
		return nil
	}
	q := &Quorum{Leader: f.Quorum.Leader}
	caughtUp := 0
	for id, ok := range f.Quorum.Voters {
		v := f.Voters[id]
		v.ID, v.CaughtUp = id, ok
		q.Voters = append(q.Voters, v)
		if ok {
			caughtUp++
		}
	}
	slices.SortFunc(q.Voters, func(a, b Voter) int { return int(a.ID) - int(b.ID) })
	needed := len(q.Voters)/2 + 1
	q.Majority = q.Leader >= 0 && caughtUp >= needed
	if q.Majority {
		q.Tolerates = caughtUp - needed
	}
	return q
}

// disks judges a machine whose disks compute knows by what placement puts there, and any other by what its volumes say of themselves.
func disks(f Facts) *Disks {
	d := &Disks{}
	used := map[int32]int64{}
	for _, p := range f.Partitions {
		for _, id := range p.Replicas {
			used[id] += p.Bytes
		}
	}
	total, usable := map[int32]int64{}, map[int32]int64{}
	for _, v := range f.Volumes {
		if v.Offline != "" {
			d.Offline.add(name(fmt.Sprintf("broker %d %s (%s)", v.Broker, v.Path, v.Offline)))
			continue
		}
		if v.TotalBytes > 0 && v.UsableBytes >= 0 {
			total[v.Broker] += v.TotalBytes
			usable[v.Broker] += v.UsableBytes
		}
	}
	for _, n := range f.Nodes {
		share := 0.0
		switch {
		case n.Role != compute.RoleBroker:
		case n.DiskBytes > 0:
			share = float64(used[n.ID]) / float64(n.DiskBytes)
		case total[n.ID] > 0:
			share = 1 - float64(usable[n.ID])/float64(total[n.ID])
		}
		if share > placement.DefaultHeadroom {
			d.AboveHeadroom.add(name(fmt.Sprintf("broker %d (%.0f %%)", n.ID, 100*share)))
		}
	}
	return d
}

// cordons are the cordoned brokers of this fleet that stay as far as anybody can tell: nobody takes over from them, nothing is moved
// away, they hold something, and their group is of one spec.
func cordons(f Facts) []int32 {
	if f.Foreign {
		return nil // Whoever runs this Kafka knows why.
	}
	leaves, holds, specs := map[int32]bool{}, map[int32]bool{}, map[string]map[string]bool{}
	for _, p := range f.Partitions {
		for _, id := range p.Replicas {
			holds[id] = true
		}
		for _, id := range p.Removing {
			leaves[id] = true
		}
	}
	for _, n := range f.Nodes {
		leaves[n.Replaces] = true
		if specs[n.Group] == nil {
			specs[n.Group] = map[string]bool{}
		}
		specs[n.Group][n.SpecHash] = true
	}
	var out []int32
	for _, n := range f.Nodes {
		if n.Cordoned && n.InstanceID != "" && !leaves[n.ID] && holds[n.ID] && len(specs[n.Group]) == 1 {
			out = append(out, n.ID)
		}
	}
	return out
}
