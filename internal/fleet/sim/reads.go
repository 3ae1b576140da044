package sim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
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

// Topics implements fleet.Kafka. An old answer is never from before the provider's own last effect: the client asks a broker that has
// followed the metadata as far as the controllers had committed it.
func (p *Provider) Topics(ctx context.Context) ([]kafka.Topic, error) {
	if err := p.read(ctx, "Topics"); err != nil {
		return nil, err
	}
	if err := cmpErr(p.anyBroker("Topics"), p.led("Topics")); err != nil {
		return nil, err
	}
	if p.past.topics != nil && p.w.now-p.past.topicsAt < stale && p.past.topicsAt >= p.changed && p.chance(p.trouble.stale) {
		p.w.tell("%s gets an old list of topics, of %s before", p.name, p.w.now-p.past.topicsAt)
		p.seen = min(p.past.topicsAt, p.listed)
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
	p.past.topics, p.past.topicsAt, p.seen = topics, p.w.now, p.listed
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
