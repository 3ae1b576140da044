package fleet

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// observeEvery is how long a run that waits goes without an observation.
const observeEvery = 2 * time.Second

// awaitChange pauses, and then goes on to pause for as long as nothing that is waited for looks different at a glance. An observation asks each broker
// several things. That was a fifth of what brokers did in a quiet fleet, in the very seconds in which a new one is cold and its partitions wait for it;
// a glance is four questions to the fleet. No step is decided by one: what has changed is observed.
func (c *Client) awaitChange(ctx context.Context, cluster string, o observed, pause time.Duration) {
	began := c.opts.Now()
	for {
		c.opts.Sleep(ctx, pause)
		// What a glance takes counts, too: Kafka may be slow to answer.
		if ctx.Err() != nil || c.opts.Now().Add(pause).Sub(began) > observeEvery || c.changed(ctx, cluster, o) {
			return
		}
	}
}

// afterMoves is an observation as it will be at a glance when the fleet has taken up moves that were asked for. To observe it right then would ask a node
// that has just come for all that there is to know of it, while partitions wait for its first answers as a replica.
func (o observed) afterMoves(steps []plan.Step) observed {
	added := map[plan.TopicPartition][]int32{}
	for _, s := range steps {
		for _, r := range s.Moves {
			added[r.TopicPartition] = r.Added()
		}
	}
	o.Partitions = slices.Clone(o.Partitions)
	for i := range o.Partitions {
		p := &o.Partitions[i]
		p.Adding = slices.Concat(p.Adding, added[p.TopicPartition])
	}
	return o
}

// changed says that the fleet looks different from an observation at a glance, or that there is no telling.
func (c *Client) changed(ctx context.Context, cluster string, o observed) bool {
	if !o.KafkaUp || o.Quorum == nil {
		return true
	}
	instances, err := c.driver.List(ctx, cluster)
	if err != nil || !sameInstances(instances, o.instances) {
		return true
	}
	k := c.engine(cluster)
	quorum, err := k.Quorum(ctx)
	if err != nil || !sameQuorum(votersOf(quorum), o.Quorum) {
		return true
	}
	_, brokers, err := k.Brokers(ctx)
	if err != nil || !sameRegistrations(brokers, o.brokers) {
		return true
	}
	topics, err := k.Topics(ctx)
	return err != nil || !samePartitions(topics, o.Partitions)
}

// told is what an instance shows of how far its node is.
type told struct {
	state    compute.State
	address  string
	phase    compute.Phase
	problem  string
	restarts int
}

func tells(i compute.Instance) told {
	t := told{state: i.State, address: i.Address}
	if i.Status != nil {
		t.phase, t.problem, t.restarts = i.Status.Phase, i.Status.LastError, i.Status.Restarts
	}
	return t
}

func sameInstances(now []compute.Instance, before map[int32]compute.Instance) bool {
	return len(now) == len(before) && !slices.ContainsFunc(now, func(i compute.Instance) bool { return tells(i) != tells(before[i.Spec.NodeID]) })
}

func sameQuorum(now, before *plan.Quorum) bool {
	return now.Leader == before.Leader && maps.Equal(now.Voters, before.Voters) && maps.Equal(now.Observers, before.Observers)
}

func sameRegistrations(now []kafka.Broker, before map[int32]kafka.Broker) bool {
	return len(now) == len(before) && !slices.ContainsFunc(now, func(b kafka.Broker) bool {
		old, known := before[b.ID]
		return !known || b.Fenced != old.Fenced
	})
}

// samePartitions says that no partition has come, gone, or changed hands. While some are being moved, all of them are waited for: that one has
// arrived is no news.
func samePartitions(topics []kafka.Topic, before []plan.Partition) bool {
	old := make(map[plan.TopicPartition]plan.Partition, len(before))
	for _, p := range before {
		old[p.TopicPartition] = p
	}
	moved := slices.ContainsFunc(before, plan.Partition.InFlight)
	moving := false
	for _, t := range topics {
		for _, p := range t.Partitions {
			tp := plan.TopicPartition{Topic: t.Name, Partition: p.Partition}
			was, known := old[tp]
			delete(old, tp)
			moving = moving || len(p.Adding)+len(p.Removing) > 0
			if !known || !moved && (p.Leader != was.Leader || !slices.Equal(p.Replicas, was.Replicas) || !sameBrokers(p.ISR, was.ISR)) {
				return false
			}
		}
	}
	return len(old) == 0 && moved == moving
}
