package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// stopWithin is how long the machines of a group that is destroyed whole may take to stop before they are terminated as they are.
const stopWithin = time.Minute

// ApplyGroup brings a broker group to what is declared.
func (c *Client) ApplyGroup(ctx context.Context, want BrokerGroup) (Result, error) {
	if _, err := c.driver.GetCluster(ctx, want.Cluster); err != nil {
		return Result{}, fmt.Errorf("cluster %q: %w", want.Cluster, err)
	}
	unlock, err := c.lock(ctx, want.Cluster)
	if err != nil {
		return Result{}, err
	}
	defer unlock()
	if err := c.claim(ctx, want); err != nil {
		return Result{}, err
	}
	started := c.opts.Now()
	result, err := c.converge(ctx, want.Cluster, c.groupGoal(ctx, want))
	if err == nil {
		c.tellDone(ctx, want.Cluster, want.Name, result, c.opts.Now().Sub(started), want.Forecast)
	}
	return result, err
}

func (c *Client) groupGoal(ctx context.Context, want BrokerGroup) builder {
	return func(o *observed) (goal, error) {
		catalog, err := c.driver.Catalog(ctx)
		if err != nil {
			return goal{}, err
		}
		if len(want.Zones) == 0 {
			want.Zones = o.record.Zones
		}
		others := 0
		for _, n := range o.Nodes {
			if n.Role == compute.RoleBroker && n.InstanceID != "" && n.Group != want.Name && n.State == compute.StateRunning {
				others++
			}
		}
		if err := o.giveTopics(want); err != nil {
			return goal{}, err
		}
		return want.goal(catalog, others, o.record)
	}
}

// HoldsData says whether some partition has a replica on a node of the group. When Kafka cannot be asked it says yes.
func (c *Client) HoldsData(ctx context.Context, cluster, group string) bool {
	o, err := c.observe(ctx, cluster)
	if err != nil || o.kafkaErr != nil {
		return true
	}
	for _, p := range o.Partitions {
		for _, r := range p.Replicas {
			if o.instances[r].Spec.Group == group {
				return true
			}
		}
	}
	return false
}

// DestroyGroup takes a broker group out of its cluster. Its claims go first, so that no topic comes to it any more. While other groups have brokers, its replicas move there first; of the last
// group, the topics go with it, since their only copies do.
func (c *Client) DestroyGroup(ctx context.Context, want BrokerGroup) error {
	unlock, err := c.lock(ctx, want.Cluster)
	if err != nil {
		return err
	}
	defer unlock()
	want.Topics, want.Default = nil, false
	if err := c.claim(ctx, want); err != nil && !errors.Is(err, compute.ErrNotFound) {
		return err
	}
	instances, err := c.driver.List(ctx, want.Cluster)
	if err != nil {
		return err
	}
	var own []compute.Instance
	others := false
	for _, i := range instances {
		switch {
		case i.Spec.Role != compute.RoleBroker:
		case i.Spec.Group == want.Name:
			own = append(own, i)
		default:
			others = true
		}
	}
	if others {
		want.Brokers = 0
		_, err := c.converge(ctx, want.Cluster, c.groupGoal(ctx, want))
		return err
	}
	return c.destroyLast(ctx, want.Cluster, own)
}

// destroyLast destroys a cluster's last brokers. Its topics are deleted first, so that a group created later in the same cluster does
// not find partitions whose every replica is lost. Brokers stop before the controllers do: one whose controllers are gone never
// finishes its controlled shutdown.
func (c *Client) destroyLast(ctx context.Context, cluster string, own []compute.Instance) error {
	if err := c.held(ctx, cluster); err != nil {
		return err
	}
	o, err := c.observe(ctx, cluster)
	if err == nil && o.KafkaUp {
		k := c.engine(cluster)
		var topics []string
		for _, p := range o.Partitions {
			if !slices.Contains(topics, p.Topic) {
				topics = append(topics, p.Topic)
			}
		}
		for _, t := range topics {
			if err := k.DeleteTopic(ctx, t); err != nil && !errors.Is(err, kafka.ErrNotFound) {
				c.opts.Log(ctx, "topic not deleted", map[string]any{"topic": t, "error": err.Error()})
			}
		}
	}
	if err := c.stopAll(ctx, cluster, own); err != nil {
		return err
	}
	if err := c.terminateAll(ctx, cluster, own); err != nil {
		return err
	}
	if o.Quorum == nil {
		return nil
	}
	for id := range o.brokers {
		if err := c.engine(cluster).UnregisterBroker(ctx, id); err != nil {
			c.opts.Log(ctx, "broker not unregistered", map[string]any{"broker": id, "error": err.Error()})
		}
	}
	return nil
}

// stopAll stops machines in the orderly way and waits for them, but not longer than stopWithin.
func (c *Client) stopAll(ctx context.Context, cluster string, own []compute.Instance) error {
	for _, i := range own {
		if err := c.held(ctx, cluster); err != nil {
			return err
		}
		c.opts.OnMutation(ctx, "Stop", i.ID)
		if err := c.driver.Stop(ctx, i.ID); err != nil {
			return err
		}
	}
	deadline := c.opts.Now().Add(stopWithin)
	for c.opts.Now().Before(deadline) && ctx.Err() == nil {
		instances, err := c.driver.List(ctx, cluster)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(instances, func(i compute.Instance) bool {
			return i.State != compute.StateStopped && slices.ContainsFunc(own, func(o compute.Instance) bool { return o.ID == i.ID })
		}) {
			return nil
		}
		c.opts.Sleep(ctx, c.opts.Poll)
	}
	return ctx.Err()
}

func (c *Client) terminateAll(ctx context.Context, cluster string, instances []compute.Instance) error {
	if err := c.held(ctx, cluster); err != nil {
		return err
	}
	var group errgroup.Group
	for _, i := range instances {
		c.opts.OnMutation(ctx, "Terminate", i.ID)
		group.Go(func() error { return c.driver.Terminate(ctx, i.ID) })
	}
	return group.Wait()
}
