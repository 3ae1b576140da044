package kafka

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strconv"

	"github.com/IBM/sarama"
)

// The two halves of the cluster that DescribeCluster tells of (KIP-919).
const (
	brokerEndpoints     = 1
	controllerEndpoints = 2
)

// Brokers returns the cluster id and all registered brokers in the order of their ids, the fenced ones included (KIP-1073).
func (c *Client) Brokers(ctx context.Context) (clusterID string, brokers []Broker, err error) {
	resp, err := c.describeCluster(ctx, c.anyBroker(), brokerEndpoints)
	if err != nil {
		return "", nil, err
	}
	known := make(map[int32]string, len(resp.Brokers))
	for _, b := range resp.Brokers {
		broker := Broker{ID: b.BrokerID, Address: net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port))), Fenced: b.IsFenced}
		if b.Rack != nil {
			broker.Rack = *b.Rack
		}
		brokers = append(brokers, broker)
		known[broker.ID] = broker.Address
	}
	slices.SortFunc(brokers, func(a, b Broker) int { return cmp.Compare(a.ID, b.ID) })
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known = known
	return resp.ClusterID, brokers, nil
}

// describeCluster returns what a node knows of the brokers or of the controllers.
func (c *Client) describeCluster(ctx context.Context, to nodes, endpoints int8) (*sarama.DescribeClusterResponse, error) {
	return request(ctx, c, to, "DescribeCluster", func(b *sarama.Broker) (*sarama.DescribeClusterResponse, error) {
		return b.DescribeCluster(&sarama.DescribeClusterRequest{
			Version: 2, EndpointType: endpoints, IncludeFencedBrokers: endpoints == brokerEndpoints,
		})
	}, func(r *sarama.DescribeClusterResponse) error { return kafkaError(int16(r.Err), r.ErrorMessage) })
}
