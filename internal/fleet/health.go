package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/health"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// quorumWithin bounds the second question for the quorum, after an observation that got no answer to it.
const quorumWithin = 5 * time.Second

// Health judges a cluster as it is. Kafka being down is part of the report, not an error. compute.ErrNotFound: there is no such cluster.
func (c *Client) Health(ctx context.Context, cluster string) (id string, r health.Report, err error) {
	o, err := c.observeForPlan(ctx, cluster)
	if err != nil {
		return "", r, err
	}
	if o.record.ID == "" {
		return "", r, fmt.Errorf("cluster %q: %w", cluster, compute.ErrNotFound)
	}
	k := c.dial(cluster)
	f := health.Facts{Observation: o.Observation, Now: c.opts.Now(), Grace: DefaultGrace}
	if o.Quorum == nil && slices.ContainsFunc(slices.Collect(maps.Values(o.instances)), func(i compute.Instance) bool { return i.State == compute.StateRunning }) {
		// What is told here calls for a person, so one question without an answer is not enough.
		o.Nodes = slices.Clone(o.Nodes) // Others of this plan share it.
		askQuorumAgain(ctx, k, &o, &f)
	}
	return o.record.ID, judge(ctx, k, o, f), ctx.Err()
}

// ForeignHealth judges a Kafka that no fleet runs, by what it says of itself. That it does not answer is part of the report; that it
// refuses to is an error.
func (c *Client) ForeignHealth(ctx context.Context, k *kafka.Client) (id string, r health.Report, err error) {
	limited, cancel := context.WithTimeout(ctx, observeWithin)
	defer cancel()
	o := observed{instances: map[int32]compute.Instance{}, brokers: map[int32]kafka.Broker{}}
	f := health.Facts{Now: time.Now(), Foreign: true}
	id, err = c.observeForeign(limited, k, &o)
	switch {
	case ctx.Err() != nil:
		return "", r, ctx.Err()
	case err != nil && !errors.Is(err, kafka.ErrUnreachable):
		return "", r, err
	case err != nil:
		o.kafkaErr, o.Observation = err, plan.Observation{}
	default:
		askQuorumAgain(ctx, k, &o, &f)
	}
	f.Observation = o.Observation
	return id, judge(ctx, k, o, f), ctx.Err()
}

// observeForeign is observe for a Kafka of which compute knows nothing.
func (c *Client) observeForeign(ctx context.Context, k *kafka.Client, o *observed) (id string, err error) {
	id, brokers, err := k.Brokers(ctx)
	if err != nil {
		return "", err
	}
	o.KafkaUp = true
	nodes := map[int32]*plan.Node{}
	var live []int32
	for _, b := range brokers {
		nodes[b.ID] = &plan.Node{ID: b.ID, Role: compute.RoleBroker, Zone: b.Rack, Registered: true, Fenced: b.Fenced, LogDirReplicas: -1}
		if !b.Fenced {
			live = append(live, b.ID)
		}
	}
	var topics []kafka.Topic
	var group errgroup.Group
	group.Go(func() (err error) {
		topics, err = k.Topics(ctx)
		return err
	})
	var dirsErr error
	group.Go(func() error {
		o.dirs, dirsErr = k.LogDirs(ctx, live)
		return nil // A broker that does not answer is in no result, and shown as such.
	})
	if err := group.Wait(); err != nil {
		return "", err
	}
	bytes := replicaBytes(o.dirs, nodes)
	if errors.Is(dirsErr, kafka.ErrInvalid) {
		for _, n := range nodes {
			n.Answering = true // It answers that this user may not know.
		}
	}
	var names []string
	for _, t := range topics {
		names = append(names, t.Name)
		for _, p := range t.Partitions {
			tp := plan.TopicPartition{Topic: t.Name, Partition: p.Partition}
			o.Partitions = append(o.Partitions, plan.Partition{
				TopicPartition: tp, Leader: p.Leader, Replicas: p.Replicas, ISR: p.ISR, Adding: p.Adding, Removing: p.Removing, Bytes: bytes[tp],
			})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(nodes)) {
		o.Nodes = append(o.Nodes, *nodes[id])
	}
	// A user who may not read settings is told the rest.
	if o.throttles, err = k.Throttles(ctx, live, names); err != nil && !errors.Is(err, kafka.ErrInvalid) {
		return "", err
	}
	return id, nil
}

// askQuorumAgain asks for the quorum once more, and notes why there is no answer.
func askQuorumAgain(ctx context.Context, k *kafka.Client, o *observed, f *health.Facts) {
	limited, cancel := context.WithTimeout(ctx, quorumWithin)
	defer cancel()
	q, err := k.Quorum(limited)
	if err != nil {
		f.QuorumErr, f.QuorumRefused = err.Error(), f.Foreign && errors.Is(err, kafka.ErrInvalid)
		return
	}
	o.quorum = q
	o.Quorum = &plan.Quorum{Leader: q.Leader, Voters: map[int32]bool{}}
	for _, v := range q.Voters {
		o.Quorum.Voters[v.ID] = v.ID == q.Leader || caughtUp(v)
	}
	f.Quorum = o.Quorum
}

// judge adds what an observation does not have, and makes the report.
func judge(ctx context.Context, k *kafka.Client, o observed, f health.Facts) health.Report {
	if o.kafkaErr != nil {
		f.KafkaErr = o.kafkaErr.Error()
	}
	f.Voters = map[int32]health.Voter{}
	for _, v := range o.quorum.Voters {
		f.Voters[v.ID] = health.Voter{LagRecords: v.Lag, LagMillis: v.CaughtUpAgoMillis}
	}
	for _, id := range slices.Sorted(maps.Keys(o.throttles.Brokers)) {
		f.Throttles = append(f.Throttles, fmt.Sprintf("broker %d", id))
	}
	for _, name := range slices.Sorted(maps.Keys(o.throttles.Topics)) {
		f.Throttles = append(f.Throttles, "topic "+name)
	}
	for _, d := range o.dirs {
		v := health.Volume{Broker: d.Broker, Path: d.Path, TotalBytes: d.TotalBytes, UsableBytes: d.UsableBytes}
		if d.Err != nil {
			v.Offline = d.Err.Error()
		}
		f.Volumes = append(f.Volumes, v)
	}
	if lagging := health.Lagging(f.Observation); len(lagging) > 0 {
		limited, cancel := context.WithTimeout(ctx, observeWithin)
		defer cancel()
		var err error
		if f.MinISR, err = k.MinISR(limited, lagging); err != nil {
			f.MinISRErr = err.Error()
		}
	}
	return health.Judge(f)
}
