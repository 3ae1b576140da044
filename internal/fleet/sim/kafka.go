package sim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// past are answers of a moment ago, for reads that are stale.
type past struct {
	brokers             []kafka.Broker
	topics              []kafka.Topic
	brokersAt, topicsAt time.Duration
}

// stale is how old an answer may be.
const stale = 10 * time.Second

// serving are the brokers that answer requests, in the order of their ids.
func (w *World) serving() []int32 {
	var out []int32
	for _, id := range w.order {
		if m := w.machines[id]; m.spec.Role == compute.RoleBroker && m.answers() && w.brokers[id] != nil {
			out = append(out, id)
		}
	}
	return out
}

// anyBroker is the error of a request that any broker can answer, when there is none.
func (p *Provider) anyBroker(name string) error {
	if len(p.w.serving()) == 0 {
		return fmt.Errorf("%s: %w: the cluster has no live broker", name, kafka.ErrUnreachable)
	}
	return nil
}

// Brokers implements fleet.Kafka.
func (p *Provider) Brokers(ctx context.Context) (clusterID string, brokers []kafka.Broker, err error) {
	if err := p.read(ctx, "Brokers"); err != nil {
		return "", nil, err
	}
	if err := p.anyBroker("Brokers"); err != nil {
		return "", nil, err
	}
	if p.past.brokers != nil && p.w.now-p.past.brokersAt < stale && p.chance(p.trouble.stale) {
		p.w.tell("%s gets an old list of brokers", p.name)
		return p.w.record.ID, p.past.brokers, nil
	}
	for _, id := range slices.Sorted(maps.Keys(p.w.brokers)) {
		b := p.w.brokers[id]
		brokers = append(brokers, kafka.Broker{ID: id, Rack: b.zone, Fenced: b.fenced})
	}
	p.past.brokers, p.past.brokersAt = brokers, p.w.now
	return p.w.record.ID, brokers, nil
}

// Topics implements fleet.Kafka.
func (p *Provider) Topics(ctx context.Context) ([]kafka.Topic, error) {
	if err := p.read(ctx, "Topics"); err != nil {
		return nil, err
	}
	if err := cmpErr(p.anyBroker("Topics"), p.led("Topics")); err != nil {
		return nil, err
	}
	if p.past.topics != nil && p.w.now-p.past.topicsAt < stale && p.chance(p.trouble.stale) {
		p.w.tell("%s gets an old list of topics, of %s before", p.name, p.w.now-p.past.topicsAt)
		p.seen = p.past.topicsAt
		return p.past.topics, nil
	}
	var topics []kafka.Topic
	for _, t := range p.w.topics {
		told := kafka.Topic{Name: t.name, Partitions: make([]kafka.Partition, len(t.partitions))}
		for i, one := range t.partitions {
			told.Partitions[i] = one.described()
		}
		topics = append(topics, told)
	}
	p.past.topics, p.past.topicsAt, p.seen = topics, p.w.now, p.w.now
	return topics, nil
}

func cmpErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// patience is how long a client waits for a broker that hangs.
const patience = 10 * time.Second

// LogDirs implements fleet.Kafka.
func (p *Provider) LogDirs(ctx context.Context, brokers []int32) ([]kafka.LogDir, error) {
	if err := p.begin(ctx); err != nil {
		return nil, err
	}
	var out []kafka.LogDir
	var failed error
	var waited time.Duration
	for _, id := range brokers {
		m := p.w.machines[id]
		if !m.answers() || p.chance(p.trouble.before) {
			failed = unreachable(fmt.Sprintf("LogDirs of broker %d", id))
			if m != nil && m.hung {
				waited = patience
			}
			continue
		}
		dir := kafka.LogDir{Broker: id, Path: "/data/0", TotalBytes: 2 << 40, UsableBytes: 1 << 40, Replicas: make([]kafka.Replica, 0, len(p.w.on[id]))}
		for _, one := range p.w.on[id] {
			if l := one.log(id); l != nil && !l.failed {
				if slices.Contains(one.isr, id) {
					p.w.settle(one)
				}
				dir.Replicas = append(dir.Replicas, kafka.Replica{Broker: id, Topic: one.topic.name, Partition: one.number, Bytes: l.bytes, LogDir: dir.Path})
			}
		}
		out = append(out, dir)
		for range m.failedDirs {
			out = append(out, kafka.LogDir{Broker: id, Path: "/data/1", TotalBytes: -1, UsableBytes: -1, Err: fmt.Errorf("%w: KafkaStorageException", kafka.ErrInvalid)})
		}
	}
	if waited > 0 {
		p.wait(waited)
	}
	return out, failed
}

// DescribeConfigs implements fleet.Kafka. A broker that does not answer fails it.
func (p *Provider) DescribeConfigs(ctx context.Context, resources []kafka.ConfigResource) (map[kafka.ConfigResource][]kafka.ConfigEntry, error) {
	if err := p.read(ctx, "DescribeConfigs"); err != nil {
		return nil, err
	}
	out := map[kafka.ConfigResource][]kafka.ConfigEntry{}
	var failed error
	for _, r := range resources {
		if r.Name == "" {
			if failed = cmpErr(failed, p.led("DescribeConfigs")); p.w.quorum.leader >= 0 {
				out[r] = entries(p.w.common, kafka.SourceDynamicDefaultBroker)
			}
			continue
		}
		id := brokerID(r)
		if m := p.w.machines[id]; !m.answers() {
			failed = cmpErr(failed, unreachable("DescribeConfigs of broker "+r.Name))
			continue
		}
		out[r] = entries(p.w.own[id], kafka.SourceDynamicBroker)
		if p.w.cordons[id] {
			out[r] = append(out[r], kafka.ConfigEntry{Name: "cordoned.log.dirs", Value: "*", Source: kafka.SourceDynamicBroker})
		}
	}
	return out, failed
}

func brokerID(r kafka.ConfigResource) int32 {
	id, _ := strconv.ParseInt(r.Name, 10, 32) //nolint:errcheck // The engine names brokers by their ids.
	return int32(id)
}

func entries(config map[string]string, source kafka.ConfigSource) []kafka.ConfigEntry {
	var out []kafka.ConfigEntry
	for _, name := range slices.Sorted(maps.Keys(config)) {
		out = append(out, kafka.ConfigEntry{Name: name, Value: config[name], Source: source})
	}
	return out
}

// AlterConfigs implements fleet.Kafka.
func (p *Provider) AlterConfigs(ctx context.Context, changes map[kafka.ConfigResource][]kafka.ConfigChange, validateOnly bool) error {
	if validateOnly {
		return p.read(ctx, "AlterConfigs")
	}
	var parts []func() error
	var subjects []string
	for r, list := range changes {
		parts = append(parts, func() error {
			if err := p.led("AlterConfigs"); err != nil {
				return err
			}
			p.w.configure(r, list)
			return nil
		})
		for _, c := range list {
			subjects = append(subjects, fmt.Sprintf("%s of %s", c.Name, r))
		}
	}
	slices.Sort(subjects)
	return p.effect(ctx, "AlterConfigs", strings.Join(subjects, ", "), parts...)
}

func (w *World) configure(r kafka.ConfigResource, list []kafka.ConfigChange) {
	for _, c := range list {
		config := w.common
		if r.Name != "" {
			id := brokerID(r)
			if c.Name == "cordoned.log.dirs" {
				if w.cordons[id] = c.Value != nil; c.Value == nil {
					delete(w.cordons, id)
				}
				continue
			}
			if w.own[id] == nil {
				w.own[id] = map[string]string{}
			}
			config = w.own[id]
		}
		if c.Value == nil {
			delete(config, c.Name)
		} else {
			config[c.Name] = *c.Value
		}
	}
	if r.Name == "" {
		w.configured()
	}
}

// Reassign implements fleet.Kafka.
func (p *Provider) Reassign(ctx context.Context, list []kafka.Reassignment, allowRFChange bool) error {
	w := p.w
	var parts []func() error
	for _, r := range list {
		parts = append(parts, func() error {
			one := w.partition(r.Topic, r.Partition)
			switch {
			case w.quorum.leader < 0:
				return p.led("Reassign")
			case one == nil:
				return fmt.Errorf("%s-%d: %w", r.Topic, r.Partition, kafka.ErrNotFound)
			case !allowRFChange && len(r.Replicas) != len(one.target()):
				return fmt.Errorf("%s-%d: %w: the replication factor would change from %v to %v", r.Topic, r.Partition, kafka.ErrInvalid, one.target(), r.Replicas)
			}
			for _, id := range r.Replicas {
				if w.brokers[id] == nil {
					return fmt.Errorf("%s-%d: %w: broker %d is not registered", r.Topic, r.Partition, kafka.ErrInvalid, id)
				}
			}
			w.judge.move(w, p, one, r.Replicas)
			w.reassign(one, r.Replicas)
			return nil
		})
	}
	return p.effect(ctx, "Reassign", fmt.Sprintf("%d partitions, the first is %s-%d to %v", len(list), list[0].Topic, list[0].Partition, list[0].Replicas), parts...)
}

// ElectPreferred implements fleet.Kafka.
func (p *Provider) ElectPreferred(ctx context.Context, partitions []kafka.TopicPartition) error {
	w := p.w
	var parts []func() error
	for _, tp := range partitions {
		parts = append(parts, func() error {
			one := w.partition(tp.Topic, tp.Partition)
			switch {
			case w.quorum.leader < 0:
				return p.led("ElectPreferred")
			case one == nil:
				return fmt.Errorf("%s-%d: %w", tp.Topic, tp.Partition, kafka.ErrNotFound)
			case !slices.Contains(one.isr, one.replicas[0]) || !w.leads(one.replicas[0], false):
				return fmt.Errorf("%s-%d: %w: the preferred leader is not available", tp.Topic, tp.Partition, kafka.ErrUnreachable)
			}
			w.change(one, func() { one.leader, one.last = one.replicas[0], one.replicas[0] })
			return nil
		})
	}
	return p.effect(ctx, "ElectPreferred", fmt.Sprintf("of %d partitions", len(partitions)), parts...)
}

// SetThrottle implements fleet.Kafka.
func (p *Provider) SetThrottle(ctx context.Context, rates map[int32]kafka.BrokerThrottle, leader, follower map[kafka.TopicPartition][]int32) error {
	w := p.w
	var parts []func() error
	for _, id := range slices.Sorted(maps.Keys(rates)) {
		parts = append(parts, func() error {
			if !w.machines[id].answers() {
				return unreachable(fmt.Sprintf("SetThrottle of broker %d", id))
			}
			if err := p.led("SetThrottle"); err != nil {
				return err
			}
			t, ok := w.rates[id]
			if !ok {
				t = kafka.BrokerThrottle{Leader: -1, Follower: -1}
			}
			if rates[id].Leader >= 0 {
				t.Leader = rates[id].Leader
			}
			if rates[id].Follower >= 0 {
				t.Follower = rates[id].Follower
			}
			w.rates[id] = t
			return nil
		})
	}
	topics := map[string]bool{}
	for tp := range leader {
		topics[tp.Topic] = true
	}
	for tp := range follower {
		topics[tp.Topic] = true
	}
	for _, name := range slices.Sorted(maps.Keys(topics)) {
		parts = append(parts, func() error {
			if err := p.led("SetThrottle"); err != nil {
				return err
			}
			old := w.marks[name]
			w.marks[name] = kafka.TopicThrottle{Leader: marked(old.Leader, name, leader), Follower: marked(old.Follower, name, follower)}
			return nil
		})
	}
	return p.effect(ctx, "SetThrottle", fmt.Sprintf("of %d brokers and %d topics", len(rates), len(topics)), parts...)
}

func marked(old map[int32][]int32, topic string, more map[kafka.TopicPartition][]int32) map[int32][]int32 {
	out := maps.Clone(old)
	if out == nil {
		out = map[int32][]int32{}
	}
	for tp, ids := range more {
		if tp.Topic != topic {
			continue
		}
		list := slices.Clone(out[tp.Partition])
		for _, id := range ids {
			if !slices.Contains(list, id) {
				list = append(list, id)
			}
		}
		slices.Sort(list)
		out[tp.Partition] = list
	}
	return out
}

// Throttles implements fleet.Kafka. A broker that does not answer fails it.
func (p *Provider) Throttles(ctx context.Context, brokers []int32, topics []string) (kafka.ThrottleState, error) {
	state := kafka.ThrottleState{Brokers: map[int32]kafka.BrokerThrottle{}, Others: map[int32]kafka.BrokerThrottle{}, Topics: map[string]kafka.TopicThrottle{}}
	if err := p.read(ctx, "Throttles"); err != nil {
		return state, err
	}
	var failed error
	for _, id := range brokers {
		if !p.w.machines[id].answers() {
			failed = unreachable(fmt.Sprintf("Throttles of broker %d", id))
			continue
		}
		if t, ok := p.w.rates[id]; ok {
			state.Brokers[id] = t
		}
	}
	for _, name := range topics {
		if t, ok := p.w.marks[name]; ok {
			state.Topics[name] = t
		}
	}
	return state, cmpErr(failed, p.anyBroker("Throttles"))
}

// ClearThrottle implements fleet.Kafka.
func (p *Provider) ClearThrottle(ctx context.Context, state kafka.ThrottleState) error {
	w := p.w
	var parts []func() error
	for _, id := range slices.Sorted(maps.Keys(state.Brokers)) {
		parts = append(parts, func() error {
			if err := p.led("ClearThrottle"); err != nil {
				return err
			}
			delete(w.rates, id)
			return nil
		})
	}
	for _, name := range slices.Sorted(maps.Keys(state.Topics)) {
		parts = append(parts, func() error {
			if err := p.led("ClearThrottle"); err != nil {
				return err
			}
			delete(w.marks, name)
			return nil
		})
	}
	return p.effect(ctx, "ClearThrottle", fmt.Sprintf("of %d brokers and %d topics", len(state.Brokers), len(state.Topics)), parts...)
}

// ForgetThrottle implements fleet.Kafka.
func (p *Provider) ForgetThrottle(ctx context.Context, brokers []int32) error {
	return p.effect(ctx, "ForgetThrottle", fmt.Sprint(brokers), func() error {
		if err := p.led("ForgetThrottle"); err != nil {
			return err
		}
		for _, id := range brokers {
			delete(p.w.rates, id)
		}
		return nil
	})
}

// Quorum implements fleet.Kafka.
func (p *Provider) Quorum(ctx context.Context) (kafka.Quorum, error) {
	if err := p.read(ctx, "Quorum"); err != nil {
		return kafka.Quorum{}, err
	}
	if err := p.led("Quorum"); err != nil {
		return kafka.Quorum{}, err
	}
	return p.w.describedQuorum(), nil
}

// AddVoter implements fleet.Kafka.
func (p *Provider) AddVoter(ctx context.Context, _ string, v kafka.Voter, _, _ string) error {
	w := p.w
	return p.effect(ctx, "AddVoter", fmt.Sprint(v.ID), func() error {
		switch {
		case w.quorum.leader < 0 || !w.majority(-1):
			return p.led("AddVoter")
		case slices.Contains(w.quorum.voters, v.ID):
			return nil
		case !w.current(v.ID):
			return fmt.Errorf("AddVoter: %w: controller %d has not caught up in time", kafka.ErrUnreachable, v.ID)
		}
		w.quorum.voters = append(slices.Clone(w.quorum.voters), v.ID)
		w.quorumChanged()
		return nil
	})
}

// RemoveVoter implements fleet.Kafka.
func (p *Provider) RemoveVoter(ctx context.Context, _ string, v kafka.Voter) error {
	w := p.w
	return p.effect(ctx, "RemoveVoter", fmt.Sprint(v.ID), func() error {
		if err := p.led("RemoveVoter"); err != nil {
			return err
		}
		if !slices.Contains(w.quorum.voters, v.ID) {
			return nil
		}
		w.judge.removesVoter(w, p, v.ID)
		w.quorum.voters = without(w.quorum.voters, v.ID)
		w.quorumChanged()
		return nil
	})
}

// UnregisterBroker implements fleet.Kafka. As Kafka does, it does not ask whether the broker is gone.
func (p *Provider) UnregisterBroker(ctx context.Context, id int32) error {
	w := p.w
	return p.effect(ctx, "UnregisterBroker", fmt.Sprint(id), func() error {
		if err := p.led("UnregisterBroker"); err != nil {
			return err
		}
		w.judge.unregisters(w, p, id)
		if b := w.brokers[id]; b != nil {
			if !b.fenced {
				w.fence(b)
			}
			delete(w.brokers, id)
			delete(w.cordons, id)
			delete(w.own, id)
		}
		return nil
	})
}

// Features implements fleet.Kafka.
func (p *Provider) Features(ctx context.Context) (map[int32]map[string]kafka.Feature, error) {
	if err := p.read(ctx, "Features"); err != nil {
		return nil, err
	}
	out := map[int32]map[string]kafka.Feature{}
	var failed error
	for _, id := range p.w.order {
		m := p.w.machines[id]
		b := p.w.brokers[id]
		if !m.serves() || m.spec.Role == compute.RoleBroker && (b == nil || b.fenced) {
			failed = unreachable(fmt.Sprintf("features of node %d", id))
			continue
		}
		f := kafka.Feature{Name: kafka.MetadataVersionFeature, Finalized: p.w.level, MinSupported: 7, MaxSupported: supports(m.spec.KafkaVersion)}
		out[id] = map[string]kafka.Feature{f.Name: f}
	}
	return out, failed
}

// RegisteredControllers implements fleet.Kafka.
func (p *Provider) RegisteredControllers(ctx context.Context) ([]int32, error) {
	if err := p.read(ctx, "RegisteredControllers"); err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(p.w.quorum.known)), p.led("RegisteredControllers")
}

// RetireController implements fleet.Kafka.
func (p *Provider) RetireController(ctx context.Context, id int32, features map[string]kafka.Feature, _ string) error {
	return p.effect(ctx, "RetireController", fmt.Sprint(id), func() error {
		if err := p.led("RetireController"); err != nil {
			return err
		}
		p.w.quorum.known[id] = features[kafka.MetadataVersionFeature].MaxSupported
		return nil
	})
}

// FinalizeFeature implements fleet.Kafka.
func (p *Provider) FinalizeFeature(ctx context.Context, name string, level int16) error {
	w := p.w
	return p.effect(ctx, "FinalizeFeature", fmt.Sprintf("%s at %d", name, level), func() error {
		if err := p.led("FinalizeFeature"); err != nil {
			return err
		}
		for _, id := range slices.Sorted(maps.Keys(w.brokers)) {
			if w.brokers[id].level < level {
				return fmt.Errorf("%s: %w: broker %d does not support %d", name, kafka.ErrInvalid, id, level)
			}
		}
		for _, id := range slices.Sorted(maps.Keys(w.quorum.known)) {
			if w.quorum.known[id] < level {
				return fmt.Errorf("%s: %w: controller %d does not support %d", name, kafka.ErrInvalid, id, level)
			}
		}
		w.level = max(w.level, level)
		return nil
	})
}

// DeleteTopic implements fleet.Kafka.
func (p *Provider) DeleteTopic(ctx context.Context, name string) error {
	return p.effect(ctx, "DeleteTopic", name, func() error {
		return fmt.Errorf("topic %q: %w", name, kafka.ErrInvalid) // Nothing that is simulated deletes one.
	})
}

// ElectUnclean implements fleet.Kafka. Nobody who is simulated has asked for a loss.
func (p *Provider) ElectUnclean(ctx context.Context, partitions []kafka.TopicPartition) error {
	return p.effect(ctx, "ElectUnclean", fmt.Sprintf("of %d partitions", len(partitions)), func() error {
		p.w.judge.violate(p.w, Records, "an unclean leader is elected for %v", partitions)
		return nil
	})
}
