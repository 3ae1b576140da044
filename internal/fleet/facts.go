package fleet

import (
	"context"
	"errors"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// Facts are what a plan must know of a running cluster to refuse what cannot be done.
type Facts struct {
	// Exists says that there is a record; KafkaUp that a broker answered.
	Exists, KafkaUp bool
	// MetadataLevel is the finalised level of metadata.version, 0 when unknown.
	MetadataLevel int16
	// HighestReplication is the largest replication factor in use, of the topic named.
	HighestReplication int
	HighestTopic       string
	// Brokers are the numbers of brokers by group, as compute lists them.
	Brokers map[string]int
	// Groups are the groups of the nodes that compute lists, by node id; every id below NextNodeID was in use once.
	Groups     map[int32]string
	NextNodeID int32
}

// secondLooks is how often SteadyFacts looks again.
const secondLooks = 6

// Facts observes the cluster.
func (c *Client) Facts(ctx context.Context, cluster string) (Facts, error) {
	o, err := c.observeForPlan(ctx, cluster)
	if err != nil {
		return Facts{}, err
	}
	return factsOf(o), nil
}

// SteadyFacts is Facts for a refusal that rests on the number of a partition's replicas: as long as refused says so, it looks again, some
// times. When a move begins or ends, the broker that is asked and the controller can differ for a moment, and then the partition looks as if
// it had its old replicas and its new ones for good.
func (c *Client) SteadyFacts(ctx context.Context, cluster string, refused func(Facts) bool) (Facts, error) {
	f, err := c.Facts(ctx, cluster)
	for range secondLooks {
		if err != nil || !refused(f) || ctx.Err() != nil {
			break
		}
		c.opts.Sleep(ctx, c.opts.Poll)
		var o observed
		o, err = c.observe(ctx, cluster)
		f = factsOf(o)
	}
	return f, err
}

func factsOf(o observed) Facts {
	f := Facts{Exists: o.record.ID != "", KafkaUp: o.KafkaUp, MetadataLevel: o.MetadataLevel, Brokers: map[string]int{},
		Groups: map[int32]string{}, NextNodeID: o.NextNodeID}
	for id, i := range o.instances {
		f.Groups[id] = i.Spec.Group
		if i.Spec.Role == compute.RoleBroker {
			f.Brokers[i.Spec.Group]++
		}
	}
	for _, p := range o.Partitions {
		if rf := len(p.Target()); rf > f.HighestReplication {
			f.HighestReplication, f.HighestTopic = rf, p.Topic
		}
	}
	return f
}

// Specs are the specs of a group's nodes, the youngest node's first. An import reads from them what was declared.
func (c *Client) Specs(ctx context.Context, cluster, group string) ([]compute.NodeSpec, error) {
	instances, err := c.driver.List(ctx, cluster)
	if err != nil {
		return nil, err
	}
	var out []compute.NodeSpec
	for i := len(instances) - 1; i >= 0; i-- {
		if instances[i].Spec.Group == group {
			out = append(out, instances[i].Spec)
		}
	}
	return out, nil
}

// RefusedSettings asks a running cluster which of these dynamic settings it would not take, and returns Kafka's words by key. A cluster
// that does not answer refuses nothing.
func (c *Client) RefusedSettings(ctx context.Context, cluster string, config map[string]string) map[string]error {
	ctx, cancel := context.WithTimeout(ctx, observeWithin)
	defer cancel()
	refused := map[string]error{}
	for key, value := range config {
		if !kafka.DynamicBrokerSetting(key) {
			continue
		}
		change := map[kafka.ConfigResource][]kafka.ConfigChange{{Kind: kafka.ResourceBroker}: {{Name: key, Value: &value}}}
		if err := c.engine(cluster).AlterConfigs(ctx, change, true); errors.Is(err, kafka.ErrInvalid) {
			refused[key] = err
		}
	}
	return refused
}
