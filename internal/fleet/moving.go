package fleet

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/throttle"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

const (
	// adjustEvery is the pause between two looks at whether the limits of a move still fit.
	adjustEvery = 5 * time.Second
	// tellEvery is the pause between two lines of the log on how far the moves are.
	tellEvery = 10 * time.Second
	// unlimitWithin is how long a run that ends short of its goal takes to leave nothing behind: whoever stops it waits for that.
	unlimitWithin = 10 * time.Second
	// maxBoost ends the doubling: what stands still at a thousand times its limit is not held back by it.
	maxBoost = 1024
)

// moving is what one run measures of the replicas that are being copied. It is a means only: a run that is killed loses it, and the next
// one measures anew.
type moving struct {
	meter   throttle.Meter
	tracker throttle.Tracker
	// asked is the size of all replicas that this run has asked to be copied.
	asked int64
	// boost multiplies the limits, after a copying that stood still.
	boost          int64
	adjusted, told time.Time
}

func newMoving() *moving { return &moving{boost: 1} }

// observe takes an observation into account. Moves of an earlier run are known by the marks of their throttles (on the replicas that
// are read from, which all of them have), and followed like our own; those of somebody else are none of our business.
func (m *moving) observe(o observed, now time.Time) {
	if !o.KafkaUp {
		return
	}
	m.meter.Observe(o.Partitions, now)
	for _, p := range o.Partitions {
		if len(p.Adding) > 0 && len(o.throttles.Topics[p.Topic].Leader[p.Partition]) > 0 {
			m.tracker.Ask(replicas(p.TopicPartition, p.Adding)...)
		}
	}
	m.tracker.Observe(o.Partitions, held(o.dirs, m.tracker.Open()), now)
}

func replicas(tp plan.TopicPartition, brokers []int32) []throttle.Replica {
	var out []throttle.Replica
	for _, id := range brokers {
		out = append(out, throttle.Replica{TopicPartition: tp, Broker: id})
	}
	return out
}

// held are the sizes of some replicas in the log directories.
func held(dirs []kafka.LogDir, wanted map[throttle.Replica]int64) map[throttle.Replica]int64 {
	out := map[throttle.Replica]int64{}
	if len(wanted) == 0 {
		return out
	}
	for _, dir := range dirs {
		for _, r := range dir.Replicas {
			key := throttle.Replica{TopicPartition: plan.TopicPartition{Topic: r.Topic, Partition: r.Partition}, Broker: r.Broker}
			if _, ok := wanted[key]; ok && !r.Future {
				out[key] = max(out[key], r.Bytes)
			}
		}
	}
	return out
}

// copied are the partitions on their way that this run follows.
func (m *moving) copied(o observed) []plan.Partition {
	var out []plan.Partition
	for _, p := range o.Partitions {
		if len(p.Adding) > 0 && m.tracker.Follows(p.TopicPartition) {
			out = append(out, p)
		}
	}
	return out
}

// patience is the pause before the next look, at least poll. While there is much to copy it is longer: a look asks every broker for all
// that it has, and takes from them what the copying needs.
func (m *moving) patience(poll time.Duration) time.Duration {
	return max(poll, min(m.tracker.Progress().ETA/8, adjustEvery/2))
}

// tell logs how far the moves are, now and then.
func (m *moving) tell(ctx context.Context, c *Client, g goal, now time.Time) {
	if len(m.tracker.Open()) == 0 || now.Sub(m.told) < tellEvery {
		return
	}
	m.told = now
	p := m.tracker.Progress()
	c.opts.Log(ctx, "moving", map[string]any{
		"cluster": g.cluster, "group": g.group.Name, "partitions_moved": p.Partitions, "partitions": p.Of,
		"bytes_left": p.BytesLeft, "bytes_per_second": p.BytesPerSecond, "eta": p.ETA.String(),
	})
}

// limits are what the brokers that take part in copying these partitions should have and do not: only live ones, since a dead one
// cannot be asked, and only where it makes a difference. raised are those whose limit is above what the policy says.
func (m *moving) limits(g goal, o observed, copied []plan.Partition) (changes map[int32]kafka.BrokerThrottle, raised []int32) {
	growth := m.meter.Growth()
	need := growth.Need(copied)
	var traffic map[int32]throttle.Rates
	if growth != nil {
		traffic = growth.Traffic(o.Partitions)
	}
	changes = map[int32]kafka.BrokerThrottle{}
	seen := map[int32]bool{}
	for _, p := range copied {
		for _, id := range p.Replicas {
			b, known := o.brokers[id]
			if seen[id] || !known || b.Fenced {
				continue
			}
			seen[id] = true
			link := throttle.Link{Capacity: g.catalog.InstanceTypes[o.instances[id].Spec.InstanceType].NetworkBytesPerSecond}
			if traffic != nil {
				other := traffic[id]
				link.Other = &other
			}
			wanted, above := g.throttle.Limits(link, need[id], m.boost)
			change := kafka.BrokerThrottle{Leader: changed(o, id, wanted.Leader, leaderOf), Follower: changed(o, id, wanted.Follower, followerOf)}
			if change.Leader < 0 && change.Follower < 0 {
				continue
			}
			changes[id] = change
			if above {
				raised = append(raised, id)
			}
		}
	}
	return changes, raised
}

func leaderOf(t kafka.BrokerThrottle) int64   { return t.Leader }
func followerOf(t kafka.BrokerThrottle) int64 { return t.Follower }

// changed is the limit if it is worth setting, -1 otherwise. One that somebody else has set on the broker stays, whatever it is: there
// is no place to keep it until the end of the rollout.
func changed(o observed, id int32, wanted int64, of func(kafka.BrokerThrottle) int64) int64 {
	if others, ok := o.throttles.Others[id]; ok && of(others) >= 0 {
		return -1
	}
	set := int64(-1)
	if ours, ok := o.throttles.Brokers[id]; ok {
		set = of(ours)
	}
	if !throttle.Differ(set, wanted) {
		return -1
	}
	return wanted
}

// adjust brings the limits of what is being copied to what they should be now.
func (m *moving) adjust(ctx context.Context, c *Client, k Kafka, g goal, o observed, now time.Time) error {
	copied := m.copied(o)
	if !o.KafkaUp || len(copied) == 0 || now.Sub(m.adjusted) < adjustEvery {
		return nil
	}
	m.adjusted = now
	if !g.throttle.Limited() {
		if o.throttles.Empty() {
			return nil
		}
		// An earlier run had a limit and this one has none.
		return k.ClearThrottle(ctx, o.throttles)
	}
	if m.boost < maxBoost && m.tracker.Stalled(slowest(o.throttles), now) {
		m.boost *= 2
		m.tracker.Raised()
		c.opts.Log(ctx, "the moves stand still, so their throttle is doubled", map[string]any{
			"group": g.group.Name, "factor": m.boost, "bytes_left": m.tracker.Progress().BytesLeft, "throttled_by_others": brokersOf(o.throttles.Others),
		})
	}
	changes, raised := m.limits(g, o, copied)
	if len(changes) == 0 {
		return nil
	}
	m.tellRaised(ctx, c, g, raised)
	c.opts.Log(ctx, "throttle", map[string]any{"group": g.group.Name, "policy": g.throttle.String(), "bytes_per_second": changes})
	return k.SetThrottle(ctx, changes, nil, nil)
}

// unlimit takes off the rates of brokers that were to stay for the next move, when a run ends short of its goal and nothing moves. It is a
// courtesy to whoever looks at the brokers meanwhile: alone they limit nothing, and the next run takes off what is still there.
func (c *Client) unlimit(ctx context.Context, cluster string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlimitWithin)
	defer cancel()
	if c.held(ctx, cluster) != nil {
		return // Whoever has the lease now has throttles of its own.
	}
	o, err := c.observe(ctx, cluster)
	if err != nil || !o.Rates || o.Throttled || slices.ContainsFunc(o.Partitions, plan.Partition.InFlight) {
		return
	}
	if err := c.engine(cluster).ClearThrottle(ctx, kafka.ThrottleState{Brokers: o.throttles.Brokers}); err != nil {
		c.opts.Log(ctx, "the throttle rates of brokers stay for the next run to take off", map[string]any{"error": err.Error()})
	}
}

func (*moving) tellRaised(ctx context.Context, c *Client, g goal, raised []int32) {
	if len(raised) > 0 {
		c.opts.Log(ctx, "the throttle is raised above what the policy says, since the moves would never catch up below it", map[string]any{
			"group": g.group.Name, "policy": g.throttle.String(), "brokers": raised,
		})
	}
}

// slowest is the lowest limit in force, 0 when there is none.
func slowest(state kafka.ThrottleState) int64 {
	least := int64(0)
	for _, t := range state.Brokers {
		for _, rate := range []int64{t.Leader, t.Follower} {
			if rate > 0 && (least == 0 || rate < least) {
				least = rate
			}
		}
	}
	return least
}

func brokersOf(rates map[int32]kafka.BrokerThrottle) []int32 {
	var out []int32
	for id := range rates {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// move throttles the brokers that take part, as far as they live, and then asks for the reassignment. The throttle comes first, so
// that no byte flows unthrottled; whatever stops this run in between is swept by the next round.
func (m *moving) move(ctx context.Context, c *Client, k Kafka, g goal, o observed, s plan.Step) error {
	leaders, followers := map[kafka.TopicPartition][]int32{}, map[kafka.TopicPartition][]int32{}
	var list []kafka.Reassignment
	var asked []throttle.Replica
	moves := map[plan.TopicPartition]plan.Reassignment{}
	for _, r := range s.Moves {
		tp := kafka.TopicPartition(r.TopicPartition)
		leaders[tp], followers[tp] = r.From, r.Added()
		list = append(list, kafka.Reassignment{Topic: r.Topic, Partition: r.Partition, Replicas: r.To})
		asked = append(asked, replicas(r.TopicPartition, r.Added())...)
		moves[r.TopicPartition] = r
	}
	if g.throttle.Limited() && !slices.Contains(g.group.Off, plan.GuardThrottle) {
		copied := m.copied(o)
		for _, p := range o.Partitions {
			if r, ok := moves[p.TopicPartition]; ok {
				// What a move in flight takes away may be gone by now, and be added anew.
				leaving := slices.DeleteFunc(slices.Clone(p.Removing), func(id int32) bool { return !slices.Contains(r.To, id) })
				followers[kafka.TopicPartition(p.TopicPartition)] = slices.Concat(r.Added(), leaving)
				// One that takes the place of a move in flight goes on with what that one has begun to copy.
				p.Adding = slices.DeleteFunc(slices.Concat(p.Adding, r.Added()), func(id int32) bool { return !slices.Contains(r.To, id) })
				p.Replicas = slices.Concat(r.From, r.Added())
				copied = append(copied, p)
			}
		}
		limits, raised := m.limits(g, o, copied)
		m.tellRaised(ctx, c, g, raised)
		for r := range small(s.Moves, led(o), func(id int32) int64 { return followerRate(o, limits, id) }) {
			tp := kafka.TopicPartition(r.TopicPartition)
			followers[tp] = slices.DeleteFunc(followers[tp], func(id int32) bool { return id == r.Broker })
		}
		if err := k.SetThrottle(ctx, limits, leaders, followers); err != nil {
			return fmt.Errorf("setting the replication throttle: %w", err)
		}
	}
	if err := k.Reassign(ctx, list, false); err != nil {
		return err
	}
	m.tracker.Ask(asked...)
	m.asked += s.Bytes()
	return nil
}

// small are the replicas that are not held back on their receivers: the smallest of a move, up to one second of the receiver's limit.
//
// A follower may take that much at once, and takes nothing more until the second is over. The end of a reassignment begins a new epoch
// of the leader, in which a throttled follower does not know yet that it is in sync: it waits for the end of the second, too, and
// with it every acknowledgement of the partition. Whatever else is copied is still on its way when the first second is over, and
// from then on the limit lets something through all the time. One whose leader has not said how large it is may be of any size.
func small(moves []plan.Reassignment, sizes map[plan.TopicPartition]int64, limit func(id int32) int64) map[throttle.Replica]bool {
	known := slices.DeleteFunc(slices.Clone(moves), func(r plan.Reassignment) bool { _, ok := sizes[r.TopicPartition]; return !ok })
	slices.SortStableFunc(known, func(a, b plan.Reassignment) int { return cmp.Compare(sizes[a.TopicPartition], sizes[b.TopicPartition]) })
	out, taken := map[throttle.Replica]bool{}, map[int32]int64{}
	for _, r := range known {
		for _, id := range r.Added() {
			rate := limit(id)
			if taken[id] += sizes[r.TopicPartition]; rate > 0 && taken[id] <= rate {
				out[throttle.Replica{TopicPartition: r.TopicPartition, Broker: id}] = true
			}
		}
	}
	return out
}

// led are the sizes of partitions as their leaders have told them.
func led(o observed) map[plan.TopicPartition]int64 {
	leader := map[plan.TopicPartition]int32{}
	for _, p := range o.Partitions {
		leader[p.TopicPartition] = p.Leader
	}
	sizes := map[plan.TopicPartition]int64{}
	for _, dir := range o.dirs {
		for _, r := range dir.Replicas {
			tp := plan.TopicPartition{Topic: r.Topic, Partition: r.Partition}
			if at, ok := leader[tp]; ok && at == dir.Broker && !r.Future {
				sizes[tp] = r.Bytes
			}
		}
	}
	return sizes
}

// followerRate is the limit of what a broker copies when the changes are made, 0 when there is none.
func followerRate(o observed, changes map[int32]kafka.BrokerThrottle, id int32) int64 {
	for _, rates := range []map[int32]kafka.BrokerThrottle{changes, o.throttles.Brokers, o.throttles.Others} {
		if rate, ok := rates[id]; ok && rate.Follower >= 0 {
			return rate.Follower
		}
	}
	return 0
}
