package fleet

import (
	"context"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
)

// Node is one node as shown to the user.
type Node struct {
	ID   int32
	Zone string
	// Address is where a broker listens for clients, and a controller for all. MutualAddress is where a broker listens for clients with a
	// certificate, if that is another one.
	Address       string
	MutualAddress string
	InstanceID    string
	SpecHash      string
	KafkaVersion  string
	Condition     plan.Condition
}

// Serves says that clients may be sent to the node.
func (n Node) Serves() bool { return n.Address != "" && n.Condition.State == plan.NodeReady }

// Nodes are the machines of a group as compute lists them, judged by what Kafka says of them. It works while Kafka is down.
func (c *Client) Nodes(ctx context.Context, cluster, group string) ([]Node, error) {
	return c.judged(ctx, cluster, func(i compute.Instance) bool { return i.Spec.Group == group }, nil)
}

// Brokers are the machines of all broker groups of a cluster.
func (c *Client) Brokers(ctx context.Context, cluster string) ([]Node, error) {
	return c.judged(ctx, cluster, func(i compute.Instance) bool { return i.Spec.Role == compute.RoleBroker }, nil)
}

// GroupNodes are the machines of a broker group, judged by what is declared, too.
func (c *Client) GroupNodes(ctx context.Context, want BrokerGroup) ([]Node, error) {
	return c.judged(ctx, want.Cluster, func(i compute.Instance) bool { return i.Spec.Group == want.Name }, c.groupGoal(ctx, want))
}

// ClientAddresses are where the brokers of a cluster listen for clients, by node id.
func (c *Client) ClientAddresses(ctx context.Context, cluster string) (map[int32]string, error) {
	instances, err := c.driver.List(ctx, cluster)
	if err != nil {
		return nil, err
	}
	out := map[int32]string{}
	for _, i := range instances {
		if i.Spec.Role == compute.RoleBroker {
			out[i.Spec.NodeID] = i.Clients
		}
	}
	return out, nil
}

// judged are some nodes of a cluster with their conditions. Without a goal, or when it cannot be made, nothing counts as wrong that serves.
func (c *Client) judged(ctx context.Context, cluster string, wanted func(compute.Instance) bool, build builder) ([]Node, error) {
	instances, err := c.driver.List(ctx, cluster)
	if err != nil {
		return nil, err
	}
	o, err := c.observeForPlan(ctx, cluster)
	if err != nil {
		return nil, err
	}
	g := plan.Group{Failure: plan.FailurePolicy{Grace: DefaultGrace}}
	if build != nil {
		if declared, err := build(&o); err == nil {
			g = declared.group
		}
	}
	conditions := map[int32]plan.Condition{}
	for _, n := range o.Nodes {
		conditions[n.ID] = g.Judge(n, o.Observation, c.opts.Now())
	}
	var out []Node
	for _, i := range instances {
		if wanted(i) {
			address := i.Address
			if i.Spec.Role == compute.RoleBroker {
				address = i.Clients
			}
			out = append(out, Node{
				ID: i.Spec.NodeID, Zone: i.Spec.Zone, Address: address, MutualAddress: i.ClientsMTLS, InstanceID: i.ID,
				SpecHash: i.Spec.SpecHash, KafkaVersion: i.Spec.KafkaVersion, Condition: conditions[i.Spec.NodeID],
			})
		}
	}
	return out, nil
}
