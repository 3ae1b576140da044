package fleet

import (
	"context"
	"errors"
	"fmt"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// execute does one step. Each effect is idempotent, so a step whose reply was lost is simply planned again, or not, by the next round.
func (c *Client) execute(ctx context.Context, g goal, o observed, s plan.Step, m *moving) error {
	k := c.engine(g.cluster)
	switch s.Kind {
	case plan.Launch:
		spec := g.spec
		spec.ClusterID, spec.NodeID, spec.Zone, spec.Bootstrap, spec.Replaces, spec.Joins = o.record.ID, s.NodeID, s.Zone, s.Bootstrap, s.Replaces, s.Joins
		c.opts.OnMutation(ctx, "Launch", fmt.Sprint(s.NodeID))
		instance, err := c.driver.Launch(ctx, spec)
		if err != nil || spec.Security.Plaintext {
			return err
		}
		// Only now its address is known, which the certificate names.
		return c.certify(ctx, instance)
	case plan.Certify:
		return c.certify(ctx, o.instances[s.NodeID])
	case plan.Stop:
		c.opts.OnMutation(ctx, "Stop", o.instances[s.NodeID].ID)
		defer c.forgetAddresses(g.cluster)
		return c.driver.Stop(ctx, o.instances[s.NodeID].ID)
	case plan.Terminate:
		c.opts.OnMutation(ctx, "Terminate", o.instances[s.NodeID].ID)
		defer c.forgetAddresses(g.cluster)
		return c.driver.Terminate(ctx, o.instances[s.NodeID].ID)
	case plan.Unregister:
		if err := k.ForgetThrottle(ctx, []int32{s.NodeID}); err != nil {
			return err
		}
		return k.UnregisterBroker(ctx, s.NodeID)
	case plan.Cordon:
		all := "*"
		return c.configure(ctx, k, brokerResource(s.NodeID), map[string]*string{"cordoned.log.dirs": &all})
	case plan.Uncordon:
		return c.configure(ctx, k, brokerResource(s.NodeID), map[string]*string{"cordoned.log.dirs": nil})
	case plan.ConfigureNode:
		return c.configure(ctx, k, brokerResource(s.NodeID), s.Config)
	case plan.ConfigureCluster:
		return c.configure(ctx, k, kafka.ConfigResource{Kind: kafka.ResourceBroker}, s.Config)
	case plan.Move:
		return m.move(ctx, c, k, g, o, s)
	case plan.Reorder:
		var list []kafka.Reassignment
		for _, m := range s.Moves {
			list = append(list, kafka.Reassignment{Topic: m.Topic, Partition: m.Partition, Replicas: m.To})
		}
		return k.Reassign(ctx, list, false)
	case plan.ElectLeaders:
		return k.ElectPreferred(ctx, named(s.Partitions))
	case plan.ElectUnclean:
		return k.ElectUnclean(ctx, named(s.Partitions))
	case plan.AddVoter:
		v, ok := findVoter(o.quorum.Observers, s.NodeID)
		if !ok {
			return fmt.Errorf("controller %d is not an observer of the quorum any more", s.NodeID)
		}
		return k.AddVoter(ctx, o.record.ID, v, controllerListener, o.instances[s.NodeID].Address)
	case plan.RemoveVoter:
		v, ok := findVoter(o.quorum.Voters, s.NodeID)
		if !ok {
			return nil
		}
		return k.RemoveVoter(ctx, o.record.ID, v)
	case plan.ClearThrottles:
		return k.ClearThrottle(ctx, kafka.ThrottleState{Topics: o.throttles.Topics})
	case plan.ClearRates:
		return k.ClearThrottle(ctx, kafka.ThrottleState{Brokers: o.throttles.Brokers})
	case plan.FinalizeFeature:
		return finalize(ctx, k, o, s.Level)
	}
	return fmt.Errorf("no such kind of step: %s", s.Kind)
}

func named(partitions []plan.TopicPartition) []kafka.TopicPartition {
	var out []kafka.TopicPartition
	for _, p := range partitions {
		out = append(out, kafka.TopicPartition(p))
	}
	return out
}

// finalize raises metadata.version. Controllers that were replaced are in its way: Kafka remembers them and asks what they support. Those
// that neither vote nor have a machine are retired first.
func finalize(ctx context.Context, k Kafka, o observed, level int16) error {
	if o.Quorum == nil {
		return errors.New("the quorum does not say who votes, so no retired controller can be told from a living one")
	}
	registered, err := k.RegisteredControllers(ctx)
	if err != nil {
		return err
	}
	features, err := k.Features(ctx)
	if err != nil {
		return err
	}
	if len(features[o.Quorum.Leader]) == 0 {
		return fmt.Errorf("controller %d, the active one, does not say what it supports", o.Quorum.Leader)
	}
	for _, id := range registered {
		_, votes := o.Quorum.Voters[id]
		_, exists := o.instances[id]
		if votes || exists || id >= o.NextNodeID {
			continue
		}
		if err := k.RetireController(ctx, id, features[o.Quorum.Leader], controllerListener); err != nil {
			return err
		}
	}
	return k.FinalizeFeature(ctx, kafka.MetadataVersionFeature, level)
}

func findVoter(voters []kafka.Voter, id int32) (kafka.Voter, bool) {
	for _, v := range voters {
		if v.ID == id {
			return v, true
		}
	}
	return kafka.Voter{}, false
}

func (c *Client) configure(ctx context.Context, k Kafka, resource kafka.ConfigResource, changes map[string]*string) error {
	var list []kafka.ConfigChange
	for name, value := range changes {
		list = append(list, kafka.ConfigChange{Name: name, Value: value})
	}
	return k.AlterConfigs(ctx, map[kafka.ConfigResource][]kafka.ConfigChange{resource: list}, false)
}
