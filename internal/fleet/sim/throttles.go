package sim

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

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
