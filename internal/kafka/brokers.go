package kafka

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Brokers returns the cluster id and all registered brokers in the order of their ids, the fenced ones included (KIP-1073).
func (c *Client) Brokers(ctx context.Context) (clusterID string, brokers []Broker, err error) {
	req := kmsg.NewPtrDescribeClusterRequest()
	req.IncludeFencedBrokers = true
	resp, err := request(ctx, c, c.anyBroker(), req, func(r *kmsg.DescribeClusterResponse) error {
		return kafkaError(r.ErrorCode, r.ErrorMessage)
	})
	if err != nil {
		return "", nil, err
	}
	known := make(map[int32]string, len(resp.Brokers))
	for _, b := range resp.Brokers {
		broker := Broker{ID: b.NodeID, Address: net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port))), Fenced: b.IsFenced}
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
