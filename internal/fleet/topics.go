package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/coalesce"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/throttle"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/placement"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/topicmap"
)

// topicPatience is how long a change of a topic waits for brokers that have only just started, or that do not answer.
const topicPatience = time.Minute

// ErrNoPlace says that some replica of a topic has no broker to be on.
var ErrNoPlace = errors.New("a replica has no place")

// Topics changes the topics of one cluster and decides which brokers their replicas are on.
type Topics interface {
	// Create creates a topic. A ReplicationFactor of -1 takes the default of the brokers that it comes to. It returns when the controller
	// has the topic. kafka.ErrExists: there is one of this name. ErrNoPlace: the topic's group has too few brokers for it.
	Create(ctx context.Context, topic kafka.NewTopic) error
	// CreateAll is Create for many. It returns what failed, by name.
	CreateAll(ctx context.Context, topics []kafka.NewTopic) map[string]error
	// AddPartitions brings a topic to so many partitions, each with factor replicas, and returns when every broker knows them.
	AddPartitions(ctx context.Context, topic string, total, factor int) error
	// SetReplicationFactor gives every partition of a topic so many replicas, copied within a limit, and returns when all are in sync. What of the topic
	// is on its way already goes on within the same limit, and is waited for.
	SetReplicationFactor(ctx context.Context, topic string, factor int, limit throttle.Policy) error
}

// Topics changes the topics of a cluster that this provider runs: replicas come to the group that the topic lives on, and to no broker
// that is cordoned or about to leave. compute.ErrNotFound: there is no such cluster.
func (c *Client) Topics(ctx context.Context, cluster string) (Topics, error) {
	k, err := c.Kafka(ctx, cluster)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.topics[cluster]
	if t == nil || t.kafka != k {
		t = &fleetTopics{fleet: c, kafka: k, cluster: cluster}
		t.grown = &coalesce.Gather[growth, grown]{Window: gatherWindow, Alone: true, Do: t.grow}
		t.factors = newFactors(k, t.standing)
		c.topics[cluster] = t
	}
	return t, nil
}

// gatherWindow is how long the first of several changes of topics waits for others, which then are placed together.
const gatherWindow = 5 * time.Millisecond

// roundWindow is gatherWindow for changes of which each takes an observation of the whole cluster.
const roundWindow = 100 * time.Millisecond

type fleetTopics struct {
	fleet   *Client
	kafka   *kafka.Client
	cluster string
	grown   *coalesce.Gather[growth, grown]
	factors *factors
}

// placing is what replicas are placed by: an observation that several topics of one apply share, to which each adds what it has placed.
// Without that, topics created at the same time would all be put on the same brokers.
type placing struct {
	at    time.Time
	o     observed
	m     topicmap.Map
	fleet placement.Fleet
}

var (
	// errNotObserved marks a placement that did not come to anything, because the cluster did not say all that it needs.
	errNotObserved = errors.New("the cluster could not be observed")
	// errStarting marks one that failed while brokers start, of which some may be what is missing.
	errStarting = errors.New("brokers are still starting")
)

// place lets do decide by an observation, alone in this process. When do fails, the next one observes anew.
func (t *fleetTopics) place(ctx context.Context, do func(p *placing) error) error {
	t.fleet.mu.Lock()
	room := t.fleet.placing[t.cluster]
	if room == nil {
		room = make(chan *placing, 1)
		room <- &placing{}
		t.fleet.placing[t.cluster] = room
	}
	t.fleet.mu.Unlock()
	var p *placing
	select {
	case p = <-room:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { room <- p }()
	if t.fleet.opts.Now().Sub(p.at) > shareWithin {
		o, err := t.fleet.observe(ctx, t.cluster)
		if err == nil {
			err = o.kafkaErr
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errNotObserved, err)
		}
		if p.m, err = o.topicMap(); err != nil {
			return err
		}
		p.at, p.o, p.fleet = t.fleet.opts.Now(), o, placementFleet(o, p.m)
	}
	err := do(p)
	if err != nil {
		p.at = time.Time{}
	}
	return err
}

// patiently decides, alone in this process, and then acts. It repeats what failed for what passes: brokers that have only just started, or have just
// gone, or do not answer yet. A nil act is none.
func (t *fleetTopics) patiently(ctx context.Context, decide, act func() error) error {
	start := t.fleet.opts.Now()
	for {
		err := decide()
		if err == nil && act != nil {
			if err = act(); err != nil {
				t.lookAnew(ctx)
			}
		}
		if !mayPass(err) || t.fleet.opts.Now().Sub(start) > topicPatience || ctx.Err() != nil {
			return err
		}
		t.fleet.opts.Sleep(ctx, t.fleet.opts.Poll)
	}
}

// lookAnew has the next one observe: what was decided by is not so.
func (t *fleetTopics) lookAnew(ctx context.Context) {
	_ = t.place(ctx, func(p *placing) error { //nolint:errcheck // Whoever cannot look now looks when it places something.
		p.at = time.Time{}
		return nil
	})
}

// mayPass says that what failed may not do so in a moment.
func mayPass(err error) bool {
	return errors.Is(err, errNotObserved) || errors.Is(err, errStarting) || kafka.About(err) == kafka.SubjectReplicas
}

func (t *fleetTopics) Create(ctx context.Context, topic kafka.NewTopic) error {
	// Topics are placed one after the other, and created many at once.
	return t.patiently(ctx, func() error {
		return t.place(ctx, func(p *placing) error {
			placed, failed := t.placed(ctx, p, []kafka.NewTopic{topic})
			if err := failed[topic.Name]; err != nil {
				return err
			}
			topic.Replicas = placed[0].Replicas
			return nil
		})
	}, func() error { return t.kafka.CreateTopic(ctx, topic, false) })
}

func (t *fleetTopics) CreateAll(ctx context.Context, topics []kafka.NewTopic) map[string]error {
	var placed []kafka.NewTopic
	failed := map[string]error{}
	err := t.place(ctx, func(p *placing) error {
		placed, failed = t.placed(ctx, p, topics)
		return nil
	})
	for _, topic := range topics {
		if err != nil {
			failed[topic.Name] = err
		}
	}
	refused := t.kafka.CreateTopics(ctx, placed)
	if len(refused) > 0 {
		t.lookAnew(ctx)
	}
	maps.Copy(failed, refused)
	return again(topics, failed, func(err error) bool { return mayPass(err) || errors.Is(err, ErrNoPlace) }, func(topic kafka.NewTopic) error { return t.Create(ctx, topic) })
}

// again creates those topics one by one that failed of what may pass, each as patiently as it takes, and returns what failed in the end.
func again(topics []kafka.NewTopic, failed map[string]error, passes func(error) bool, create func(kafka.NewTopic) error) map[string]error {
	var mu sync.Mutex
	var all sync.WaitGroup
	left := map[string]error{}
	for _, topic := range topics {
		err := failed[topic.Name]
		switch {
		case err == nil:
		case !passes(err):
			left[topic.Name] = err
		default:
			all.Go(func() {
				if err := create(topic); err != nil {
					mu.Lock()
					defer mu.Unlock()
					left[topic.Name] = err
				}
			})
		}
	}
	all.Wait()
	return left
}

// placed are those of some topics that have a place, with the replicas that they are created with, and why the others have none.
func (t *fleetTopics) placed(ctx context.Context, p *placing, topics []kafka.NewTopic) (placed []kafka.NewTopic, failed map[string]error) {
	factors, failed := map[string]int{}, map[string]error{}
	var wanted []placement.NewTopic
	names := map[string]bool{}
	for _, topic := range topics {
		group, factor := p.m.Owner(topic.Name), int(topic.ReplicationFactor)
		if factor < 0 {
			usual, known := factors[group]
			if !known {
				var err error
				if usual, err = t.defaultFactor(ctx, p.fleet, group); err != nil {
					failed[topic.Name] = err
					continue
				}
				factors[group] = usual
			}
			factor = usual
		}
		names[topic.Name] = true
		wanted = append(wanted, placement.NewTopic{Name: topic.Name, Partitions: int(topic.Partitions), ReplicationFactor: factor, Group: group})
	}
	p.forget(names)
	made, left := placement.CreateAll(p.fleet, wanted)
	for _, l := range left {
		if failed[l.Topic] == nil {
			failed[l.Topic] = p.noPlace(l)
		}
	}
	p.add(made)
	of := map[string][]placement.Move{}
	for _, m := range made {
		of[m.Partition.Topic] = append(of[m.Partition.Topic], m)
	}
	for _, topic := range topics {
		if failed[topic.Name] == nil {
			topic.Replicas = lists(of[topic.Name])
			placed = append(placed, topic)
		}
	}
	return placed, failed
}

// defaultFactor is the default.replication.factor of the brokers that a topic comes to. The controllers, which would be asked by Kafka
// itself, know nothing of groups.
func (t *fleetTopics) defaultFactor(ctx context.Context, f placement.Fleet, group string) (int, error) {
	const setting = "default.replication.factor"
	for _, b := range f.Brokers {
		if b.State != placement.Live || group != "" && b.Group != group {
			continue
		}
		this := brokerResource(b.ID)
		configs, err := t.kafka.DescribeConfigs(ctx, []kafka.ConfigResource{this})
		if err != nil {
			return 0, err
		}
		for _, e := range configs[this] {
			if e.Name == setting {
				return strconv.Atoi(e.Value)
			}
		}
	}
	if group != "" {
		return 0, fmt.Errorf("%w: group %q has no broker that takes replicas", ErrNoPlace, group)
	}
	return 0, fmt.Errorf("%w: cluster %q has no broker that takes replicas", ErrNoPlace, t.cluster)
}

// growth is a topic that shall have so many partitions, each with factor replicas.
type growth struct {
	topic         string
	total, factor int
}

// grown are the replicas of its new partitions. Moving says that some partition of it has another number of replicas now.
type grown struct {
	replicas [][]int32
	moving   bool
}

func (t *fleetTopics) AddPartitions(ctx context.Context, topic string, total, factor int) error {
	var more grown
	err := t.patiently(ctx, func() (err error) {
		more, err = t.grown.Ask(ctx, growth{topic, total, factor})
		return err
	}, func() error {
		return t.kafka.AddPartitions(ctx, topic, int32(total), more.replicas, false) //nolint:gosec // A topic has far fewer partitions.
	})
	if err != nil {
		return err
	}
	if err := t.kafka.AwaitTopic(ctx, topic, total); err != nil {
		return err
	}
	if more.moving {
		return t.set(ctx, factorChange{topic: topic, factor: factor, added: true})
	}
	return nil
}

// grow decides which replicas new partitions get, each topic beside the others.
func (t *fleetTopics) grow(ctx context.Context, asked []growth) []coalesce.Answer[grown] {
	answers := make([]coalesce.Answer[grown], len(asked))
	err := t.place(ctx, func(p *placing) error {
		p.grow(asked, answers)
		return nil
	})
	for i := range answers {
		if err != nil {
			answers[i].Err = err
		}
	}
	return answers
}

func (p *placing) grow(asked []growth, answers []coalesce.Answer[grown]) {
	first, totals := map[string]plan.Partition{}, map[string]int{}
	for _, a := range asked {
		totals[a.topic] = max(totals[a.topic], a.total)
	}
	for _, q := range p.o.Partitions {
		if _, ok := first[q.Topic]; totals[q.Topic] > 0 && !ok {
			first[q.Topic] = q
		}
	}
	moves, left := placement.GrowAll(p.fleet, totals)
	unplaced := map[string]error{}
	for _, l := range left {
		unplaced[l.Topic] = p.noPlace(l)
	}
	moves = slices.DeleteFunc(moves, func(m placement.Move) bool { return unplaced[m.Partition.Topic] != nil })
	of := map[string][]placement.Move{}
	for _, m := range moves {
		of[m.Partition.Topic] = append(of[m.Partition.Topic], m)
	}
	for i, a := range asked {
		has, there := first[a.topic]
		switch {
		case !there:
			answers[i].Err = fmt.Errorf("topic %q: %w", a.topic, kafka.ErrNotFound)
		case unplaced[a.topic] != nil:
			answers[i].Err = unplaced[a.topic]
		case len(has.Replicas) != a.factor:
			// Kafka takes lists only of the length that the first partition has now, which is not the wanted one while that one moves.
			answers[i].Value = grown{moving: true}
		default:
			answers[i].Value = grown{replicas: lists(of[a.topic])}
		}
		if answers[i].Err != nil {
			p.at = time.Time{} // Whoever tries again looks anew.
		}
	}
	p.add(moves)
}

func (t *fleetTopics) SetReplicationFactor(ctx context.Context, topic string, factor int, limit throttle.Policy) error {
	return t.set(ctx, factorChange{topic: topic, factor: factor, limit: limit})
}

func (t *fleetTopics) set(ctx context.Context, change factorChange) error {
	return t.factors.set(ctx, change, func(begin func() error) error { return t.patiently(ctx, begin, nil) })
}

// standing has replicas placed by an observation of the fleet.
func (t *fleetTopics) standing(ctx context.Context, do func(s standing)) error {
	return t.place(ctx, func(p *placing) error {
		p.at = time.Time{} // Moves are not added to the observation, so the next topic makes one of its own.
		serving := map[int32]bool{}
		for id, b := range p.o.brokers {
			serving[id] = !b.Fenced
		}
		do(standing{fleet: p.fleet, partitions: p.o.Partitions, sizes: led(p.o), serving: serving, noPlace: p.noPlace})
		return nil
	})
}

// forget takes out what is left of topics of the same names that were deleted a moment ago. One that is still there is Kafka's to tell.
func (p *placing) forget(topics map[string]bool) {
	if !slices.ContainsFunc(p.o.Partitions, func(q plan.Partition) bool { return topics[q.Topic] }) {
		return
	}
	p.o.Partitions = slices.DeleteFunc(slices.Clone(p.o.Partitions), func(q plan.Partition) bool { return topics[q.Topic] })
	p.fleet.Partitions = slices.DeleteFunc(slices.Clone(p.fleet.Partitions), func(q placement.Partition) bool { return topics[q.Topic] })
}

// add notes what was placed, so that the next topic is placed beside it.
func (p *placing) add(made []placement.Move) {
	for _, m := range made {
		tp := plan.TopicPartition{Topic: m.Partition.Topic, Partition: m.Partition.Partition}
		p.o.Partitions = append(p.o.Partitions, plan.Partition{TopicPartition: tp, Leader: m.To[0], Replicas: m.To, ISR: m.To})
	}
	p.fleet = p.fleet.After(made)
}

// noPlace is the error of a topic that has no place.
func (p *placing) noPlace(l placement.Left) error {
	starting := slices.ContainsFunc(p.o.Nodes, func(n plan.Node) bool { return n.Role == compute.RoleBroker && n.Dead() == "" && !n.Ready() })
	if starting {
		return fmt.Errorf("%w: %s; %w", ErrNoPlace, l, errStarting)
	}
	return noPlace(l)
}

func noPlace(l placement.Left) error { return fmt.Errorf("%w: %s", ErrNoPlace, l) }

// lists are the replicas of the new partitions, in the order of their numbers.
func lists(made []placement.Move) [][]int32 {
	moves := slices.Clone(made)
	slices.SortFunc(moves, func(a, b placement.Move) int { return int(a.Partition.Partition - b.Partition.Partition) })
	out := make([][]int32, len(moves))
	for i, m := range moves {
		out[i] = m.To
	}
	return out
}

// placementFleet is an observation as the placement of topics wants it. A broker takes replicas when it serves, is not cordoned, and has
// no node that was launched to take over from it. A topic that no group has stays on the one where it is, if it is one.
func placementFleet(o observed, m topicmap.Map) placement.Fleet {
	var f placement.Fleet
	replaced, group := map[int32]bool{}, map[int32]string{}
	for _, n := range o.Nodes {
		replaced[n.Replaces], group[n.ID] = true, n.Group
	}
	for _, n := range o.Nodes {
		if n.Role != compute.RoleBroker {
			continue
		}
		b := placement.Broker{ID: n.ID, Zone: n.Zone, Group: n.Group, Capacity: n.DiskBytes, State: placement.Cordoned}
		switch {
		case n.InstanceID != "" && n.Dead() != "", n.InstanceID == "" && !n.Answering:
			b.State = placement.Dead
		case n.Ready() && !n.Cordoned && !replaced[n.ID]:
			b.State = placement.Live
		}
		f.Brokers = append(f.Brokers, b)
	}
	owner := owners(m)
	for _, p := range o.Partitions {
		placed := placement.Partition{
			Topic: p.Topic, Partition: p.Partition, Replicas: p.Target(), Leader: p.Leader, InSync: p.ISR, Bytes: p.Bytes, Group: owner(p.Topic),
		}
		if placed.Group == "" && len(placed.Replicas) > 0 {
			home := group[placed.Replicas[0]]
			if !slices.ContainsFunc(placed.Replicas, func(id int32) bool { return group[id] != home }) {
				placed.Group = home
			}
		}
		f.Partitions = append(f.Partitions, placed)
	}
	return f
}
