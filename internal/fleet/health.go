package fleet

import (
	"context"
	"encoding/json"
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

const (
	// quorumWithin bounds the second question for the quorum, after an observation that got no answer to it.
	quorumWithin = 5 * time.Second
	// brokerWithin is how long a broker that hangs is waited for: a little longer than Kafka takes to fence it.
	brokerWithin = 10 * time.Second
	// figuresWithin bounds the reading of the nodes' figures.
	figuresWithin = 5 * time.Second
)

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
	f := health.Facts{Now: c.opts.Now(), Grace: DefaultGrace}
	// What is told here may wake somebody, so one question without an answer is not enough.
	if o.kafkaErr != nil {
		c.lookAgain(ctx, k, cluster, &o)
	}
	if o.Quorum == nil && slices.ContainsFunc(slices.Collect(maps.Values(o.instances)), func(i compute.Instance) bool { return i.State == compute.StateRunning }) {
		askVoters(ctx, k, &o, &f)
	}
	f.Observation = o.Observation
	if catalog, err := c.driver.Catalog(ctx); err == nil && catalog.EC2 && o.kafkaErr == nil {
		f.Figures = figures(ctx, k)
	}
	return o.record.ID, judge(ctx, k, o, f), ctx.Err()
}

// figures are those of the nodes' agents, as far as they can be read: nothing is judged by them.
func figures(ctx context.Context, k *kafka.Client) map[int32]compute.NodeFigures {
	ctx, cancel := context.WithTimeout(ctx, figuresWithin)
	defer cancel()
	records, err := k.Latest(ctx, compute.FiguresTopic)
	if err != nil {
		return nil
	}
	all := map[int32]compute.NodeFigures{}
	for _, text := range records {
		var f compute.NodeFigures
		if json.Unmarshal(text, &f) == nil {
			all[f.NodeID] = f
		}
	}
	return all
}

// ForeignHealth judges a Kafka that no fleet runs, by what it says of itself. That it does not answer is part of the report; that it
// refuses to is an error.
func (c *Client) ForeignHealth(ctx context.Context, k *kafka.Client) (id string, r health.Report, err error) {
	limited, cancel := context.WithTimeout(ctx, observeWithin)
	defer cancel()
	o := observed{instances: map[int32]compute.Instance{}, brokers: map[int32]kafka.Broker{}}
	f := health.Facts{Now: c.opts.Now(), Foreign: true}
	id, err = look(limited, k, &o, map[int32]*plan.Node{})
	switch {
	case err != nil && !errors.Is(err, kafka.ErrUnreachable):
		return "", r, err
	case err != nil:
		o.kafkaErr, o.Observation = err, plan.Observation{}
	default:
		askVoters(ctx, k, &o, &f)
	}
	f.Observation = o.Observation
	return id, judge(ctx, k, o, f), ctx.Err()
}

// lookAgain looks at a cluster of which an observation got no whole answer. The engine wants all answers or none, so one broker that has
// died and is not fenced yet costs it the observation; health wants to know what the others say.
func (c *Client) lookAgain(ctx context.Context, k *kafka.Client, cluster string, o *observed) {
	limited, cancel := context.WithTimeout(ctx, observeWithin)
	defer cancel()
	again, nodes := *o, map[int32]*plan.Node{}
	for _, n := range o.Nodes { // Copies: others of this plan share the observation.
		n.Registered, n.Fenced, n.Answering = false, false, false
		nodes[n.ID] = &n
	}
	if _, err := look(limited, k, &again, nodes); err != nil {
		return
	}
	again.kafkaErr = nil
	c.sinceWhen(cluster, &again, c.opts.Now())
	*o = again
}

// look asks Kafka what health is judged by, and adds the brokers to the nodes. A broker that does not answer is not Answering; what the
// others say is there.
func look(ctx context.Context, k *kafka.Client, o *observed, nodes map[int32]*plan.Node) (id string, err error) {
	id, brokers, err := k.Brokers(ctx)
	if err != nil {
		return "", err
	}
	o.KafkaUp, o.Partitions, o.Nodes = true, nil, nil
	var live []int32
	for _, b := range brokers {
		n := nodes[b.ID]
		if n == nil {
			n = &plan.Node{ID: b.ID, Role: compute.RoleBroker, Zone: b.Rack, LogDirReplicas: -1}
			nodes[b.ID] = n
		}
		n.Registered, n.Fenced = true, b.Fenced
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
		limited, cancel := context.WithTimeout(ctx, brokerWithin)
		defer cancel()
		o.dirs, dirsErr = k.LogDirs(limited, live)
		return nil
	})
	if err := group.Wait(); err != nil {
		return "", err
	}
	bytes := replicaBytes(o.dirs, nodes)
	for _, id := range kafka.Denying(dirsErr) {
		nodes[id].Answering = true
	}
	var answering []int32
	for _, id := range live {
		if nodes[id].Answering {
			answering = append(answering, id)
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
	o.outOfISR(nodes)
	for _, id := range slices.Sorted(maps.Keys(nodes)) {
		o.Nodes = append(o.Nodes, *nodes[id])
	}
	// Whoever may not read settings, or has lost a broker meanwhile, is told the rest.
	o.throttles, _ = k.Throttles(ctx, answering, names) //nolint:errcheck // See above.
	return id, nil
}

// askVoters asks the controllers for their quorum, and notes why there is no answer.
func askVoters(ctx context.Context, k *kafka.Client, o *observed, f *health.Facts) {
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
}

// throttled names what replication throttles of ours slow down. Rates of brokers alone slow down nothing: a rollout leaves them there from one
// move to the next.
func throttled(s kafka.ThrottleState) []string {
	if len(s.Topics) == 0 {
		return nil
	}
	var names []string
	for _, id := range slices.Sorted(maps.Keys(s.Brokers)) {
		names = append(names, fmt.Sprintf("broker %d", id))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Topics)) {
		names = append(names, "topic "+name)
	}
	return names
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
	f.Throttles = throttled(o.throttles)
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
