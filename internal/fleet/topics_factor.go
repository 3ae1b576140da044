package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/coalesce"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/throttle"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/placement"
)

// factors changes the replication factors of topics of one Kafka. What is asked for at the same time is placed together, throttled together, and asked of
// Kafka by few requests.
//
// A throttle is set before the first byte is copied, and taken off a topic when nothing of it moves any more, off the brokers when nothing moves at all. Who
// is stopped in between leaves it to what is copied meanwhile: docs/adr/0027.
type factors struct {
	kafka *kafka.Client
	// within has do decide by what is now; what that asks of Kafka is seen by the next one.
	within func(ctx context.Context, do func(s standing)) error
	begun  *coalesce.Gather[factorChange, begun]
	ended  *coalesce.Gather[string, nothing]
	// throttling is held by whoever sets throttles and by whoever takes them off, so that none takes off what another one has just set.
	throttling sync.Mutex
	// throttled says that a throttle was set, or found, and the brokers may have its rates still.
	throttled bool
}

type nothing = struct{}

// rounds is how often a change is begun anew that another reassignment has overtaken.
const rounds = 5

// factorChange is a topic whose partitions shall have so many replicas, copied within a limit.
type factorChange struct {
	topic  string
	factor int
	limit  throttle.Policy
	// added says that it is about partitions that were just added, which are empty: what else of the topic moves stays as it is, with its throttle.
	added bool
}

// begun is what is copied for a change.
type begun struct {
	list []kafka.Reassignment
	// moved says that something of the topic was on its way before, which may have a throttle of its own.
	moved bool
}

// standing is what new replicas are placed and throttled by.
type standing struct {
	fleet      placement.Fleet
	partitions []plan.Partition
	// sizes are those of partitions that are known.
	sizes map[plan.TopicPartition]int64
	// serving are the brokers that live.
	serving map[int32]bool
	noPlace func(l placement.Left) error
}

func newFactors(k *kafka.Client, within func(ctx context.Context, do func(s standing)) error) *factors {
	f := &factors{kafka: k, within: within}
	// In rounds: those that Terraform changes at the same time end at the same time, too, and come together with the next ones.
	f.begun = &coalesce.Gather[factorChange, begun]{Rounds: &coalesce.Rounds{Window: roundWindow}, Do: f.begin}
	f.ended = &coalesce.Gather[string, nothing]{Window: gatherWindow, Alone: true, Do: f.end}
	return f
}

// set changes a topic and waits until its replicas are in sync. try begins, as often as it takes.
func (f *factors) set(ctx context.Context, change factorChange, try func(begin func() error) error) error {
	var err error
	moved := false
	for range rounds {
		var copied begun
		err = try(func() (err error) {
			if copied, err = f.begun.Ask(ctx, change); err != nil && ctx.Err() != nil && !errors.Is(err, kafka.ErrUnreachable) {
				err = fmt.Errorf("%w: %w", kafka.ErrUnreachable, err) // Who asked for it has ended. It may be under way.
			}
			return err
		})
		moved = moved || copied.moved
		if err == nil && len(copied.list) > 0 {
			err = f.kafka.AwaitReplicas(ctx, change.topic, copied.list)
		}
		if !errors.Is(err, kafka.ErrOvertaken) {
			break
		}
	}
	if !change.limit.Limited() && !moved {
		return err
	}
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlimitWithin)
	defer cancel()
	if _, failed := f.ended.Ask(after, change.topic); failed != nil && err == nil {
		err = fmt.Errorf("its replicas are as they should be, and their throttle could not be taken off: %w", failed)
	}
	return err
}

// begin asks Kafka for the replicas, and returns those that are to be waited for: what is on its way already, too.
func (f *factors) begin(ctx context.Context, asked []factorChange) []coalesce.Answer[begun] {
	changes := map[string]factorChange{}
	for _, a := range asked {
		changes[a.topic] = a
	}
	var d decision
	err := f.within(ctx, func(s standing) {
		d = decide(s, changes)
		if err := f.limit(ctx, s, changes, d.copies, len(d.moved) > 0); err != nil {
			for topic := range changes {
				d.failed[topic] = err
			}
			return
		}
		for i, err := range f.kafka.ReassignEach(ctx, d.list, true) {
			if r := d.list[i]; err == nil {
				d.awaited[r.Topic] = append(d.awaited[r.Topic], r)
			} else {
				d.failed[r.Topic] = errors.Join(d.failed[r.Topic], err)
			}
		}
	})
	answers := make([]coalesce.Answer[begun], len(asked))
	for i, a := range asked {
		answers[i].Value, answers[i].Err = begun{d.awaited[a.topic], d.moved[a.topic]}, d.failed[a.topic]
		if err != nil {
			answers[i].Err = err
		}
	}
	return answers
}

// decision is what changes of topics come to.
type decision struct {
	// list is what Kafka is to be asked for, and copies are all that is copied then.
	list   []kafka.Reassignment
	copies []plan.Reassignment
	// By topic: what of it is on its way and is to be waited for, whether something of it is on its way, and why nothing is begun.
	awaited map[string][]kafka.Reassignment
	moved   map[string]bool
	failed  map[string]error
}

// decide places the new replicas of some topics. Nothing is begun of one of which some partition has no place.
func decide(s standing, changes map[string]factorChange) decision {
	d := decision{awaited: map[string][]kafka.Reassignment{}, moved: map[string]bool{}, failed: map[string]error{}}
	wanted := map[string]int{}
	for topic, c := range changes {
		wanted[topic] = c.factor
	}
	changed := placement.SetReplicationFactors(s.fleet, wanted)
	for _, l := range changed.Left {
		if d.failed[l.Topic] == nil {
			d.failed[l.Topic] = s.noPlace(l)
		}
	}
	begins := map[plan.TopicPartition]bool{}
	for _, m := range changed.Moves {
		tp := plan.TopicPartition{Topic: m.Partition.Topic, Partition: m.Partition.Partition}
		if d.failed[tp.Topic] != nil {
			continue
		}
		begins[tp] = true
		d.list = append(d.list, kafka.Reassignment{Topic: tp.Topic, Partition: tp.Partition, Replicas: m.To})
		d.copies = append(d.copies, plan.Reassignment{TopicPartition: tp, From: m.Partition.Replicas, To: m.To})
	}
	for _, p := range s.partitions {
		if c, mine := changes[p.Topic]; !mine || c.added || d.failed[p.Topic] != nil || len(p.Adding) == 0 {
			continue
		}
		if d.moved[p.Topic] = true; !begins[p.TopicPartition] {
			d.awaited[p.Topic] = append(d.awaited[p.Topic], kafka.Reassignment{Topic: p.Topic, Partition: p.Partition, Replicas: p.Target()})
			from := slices.DeleteFunc(slices.Clone(p.Replicas), func(id int32) bool { return slices.Contains(p.Adding, id) })
			d.copies = append(d.copies, plan.Reassignment{TopicPartition: p.TopicPartition, From: from, To: p.Target()})
		}
	}
	return d
}

// limit throttles what is about to be copied. What takes less than a second within the limit is not: each setting that a broker gets costs its clients more
// (docs/adr/0018), unless something moves already, which may have a limit that is lower. Of several limits the lowest holds for all, since a broker has one. A
// topic that has none any more is copied without.
func (f *factors) limit(ctx context.Context, s standing, changes map[string]factorChange, copies []plan.Reassignment, moving bool) error {
	rate := int64(0)
	free := map[string]kafka.TopicThrottle{}
	for topic, c := range changes {
		limits, _ := c.limit.Limits(throttle.Link{}, throttle.Rates{}, 1)
		switch {
		case c.added:
		case !c.limit.Limited():
			free[topic] = kafka.TopicThrottle{}
		case rate == 0 || limits.Follower < rate:
			rate = limits.Follower
		}
	}
	f.throttling.Lock()
	defer f.throttling.Unlock()
	if moving && len(free) > 0 {
		f.throttled = true
		if err := f.kafka.ClearThrottle(ctx, kafka.ThrottleState{Topics: free}); err != nil {
			return err
		}
	}
	copies = slices.DeleteFunc(copies, func(r plan.Reassignment) bool { return !changes[r.Topic].limit.Limited() || len(r.Added()) == 0 })
	if !moving && briefly(copies, s.sizes, rate) || len(copies) == 0 {
		return nil
	}
	leaders, followers, rates := heldBack(copies, s, rate)
	f.throttled = true
	if err := f.kafka.SetThrottle(ctx, rates, leaders, followers); err != nil {
		return fmt.Errorf("setting the replication throttle, without which nothing is copied: %w", err)
	}
	return nil
}

// briefly says that all of it is copied within a second.
func briefly(copies []plan.Reassignment, sizes map[plan.TopicPartition]int64, rate int64) bool {
	bytes := int64(0)
	for _, r := range copies {
		size, known := sizes[r.TopicPartition]
		if !known {
			return false
		}
		bytes += size * int64(len(r.Added()))
	}
	return bytes <= rate
}

// heldBack are the replicas that are read from and those that are written when partitions are copied at a rate, and the limits of their brokers. The smallest
// are written without a limit, as in every move.
func heldBack(copies []plan.Reassignment, s standing, rate int64) (leaders, followers map[kafka.TopicPartition][]int32, rates map[int32]kafka.BrokerThrottle) {
	leaders, followers, rates = map[kafka.TopicPartition][]int32{}, map[kafka.TopicPartition][]int32{}, map[int32]kafka.BrokerThrottle{}
	free := small(copies, s.sizes, func(int32) int64 { return rate })
	for _, r := range copies {
		tp := kafka.TopicPartition(r.TopicPartition)
		leaders[tp] = r.From
		for _, id := range r.Added() {
			if !free[throttle.Replica{TopicPartition: r.TopicPartition, Broker: id}] {
				followers[tp] = append(followers[tp], id)
			}
		}
		for _, id := range slices.Concat(r.From, r.Added()) {
			if s.serving[id] {
				rates[id] = kafka.BrokerThrottle{Leader: rate, Follower: rate}
			}
		}
	}
	return leaders, followers, rates
}

// end takes the throttles off topics of which nothing moves any more, and off the brokers when nothing moves at all.
func (f *factors) end(ctx context.Context, topics []string) []coalesce.Answer[nothing] {
	f.throttling.Lock()
	defer f.throttling.Unlock()
	answers := make([]coalesce.Answer[nothing], len(topics))
	if err := f.unlimit(ctx, topics); err != nil {
		for i := range answers {
			answers[i].Err = err
		}
	}
	return answers
}

func (f *factors) unlimit(ctx context.Context, topics []string) error {
	moving, err := f.kafka.Moving(ctx)
	if err != nil {
		return err
	}
	state, err := f.kafka.Throttles(ctx, nil, slices.DeleteFunc(slices.Clone(topics), func(topic string) bool { return moving[topic] }))
	if err != nil {
		return err
	}
	f.throttled = f.throttled || len(state.Topics) > 0
	if len(moving) == 0 && f.throttled {
		_, brokers, err := f.kafka.Brokers(ctx)
		if err != nil {
			return err
		}
		var serving []int32
		for _, b := range brokers {
			if !b.Fenced {
				serving = append(serving, b.ID)
			}
		}
		set, err := f.kafka.Throttles(ctx, serving, nil)
		if err != nil {
			return err
		}
		state.Brokers = set.Brokers
	}
	if state.Empty() {
		return nil
	}
	if err := f.kafka.ClearThrottle(ctx, state); err != nil {
		return err
	}
	f.throttled = f.throttled && len(moving) > 0
	return nil
}
