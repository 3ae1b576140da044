package sim

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

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
	free := map[int32]int64{}
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
			w.judge.move(w, p, one, r.Replicas, free)
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
