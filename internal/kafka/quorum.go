package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// metadataTopic is the log that the controllers keep.
const metadataTopic = "__cluster_metadata"

// Quorum returns the controllers' own view of their quorum. Without a live broker the controllers are asked directly.
func (c *Client) Quorum(ctx context.Context) (Quorum, error) {
	req := kmsg.NewPtrDescribeQuorumRequest()
	topic := kmsg.NewDescribeQuorumRequestTopic()
	topic.Topic = metadataTopic
	topic.Partitions = []kmsg.DescribeQuorumRequestTopicPartition{kmsg.NewDescribeQuorumRequestTopicPartition()}
	req.Topics = []kmsg.DescribeQuorumRequestTopic{topic}
	var log kmsg.DescribeQuorumResponseTopicPartition
	_, err := requestKRaft(ctx, c, c.anyNode(), req, func(r *kmsg.DescribeQuorumResponse) error {
		if err := kafkaError(r.ErrorCode, r.ErrorMessage); err != nil {
			return err
		}
		if len(r.Topics) != 1 || len(r.Topics[0].Partitions) != 1 {
			return fmt.Errorf("%w: the answer does not describe the metadata log", ErrInvalid)
		}
		log = r.Topics[0].Partitions[0]
		// A controller that is not the leader says so here, and the next one is asked.
		return kafkaError(log.ErrorCode, log.ErrorMessage)
	})
	if err != nil {
		return Quorum{}, fmt.Errorf("describing the quorum: %w", err)
	}

	leaderEnd, leaderNow := int64(-1), int64(-1)
	for _, v := range log.CurrentVoters {
		if v.ReplicaID == log.LeaderID {
			leaderEnd, leaderNow = v.LogEndOffset, v.LastCaughtUpTimestamp
		}
	}
	seen := func(states []kmsg.DescribeQuorumResponseTopicPartitionReplicaState) []Voter {
		var voters []Voter
		for _, s := range states {
			v := Voter{ID: s.ReplicaID, DirectoryID: s.ReplicaDirectoryID, Lag: -1, CaughtUpAgoMillis: -1}
			if leaderEnd >= 0 && s.LogEndOffset >= 0 {
				v.Lag = max(0, leaderEnd-s.LogEndOffset)
			}
			if leaderNow >= 0 && s.LastCaughtUpTimestamp >= 0 {
				v.CaughtUpAgoMillis = max(0, leaderNow-s.LastCaughtUpTimestamp)
			}
			voters = append(voters, v)
		}
		return voters
	}
	return Quorum{Leader: log.LeaderID, Voters: seen(log.CurrentVoters), Observers: seen(log.Observers), HighWatermark: log.HighWatermark, LogEndOffset: leaderEnd}, nil
}

// AddVoter makes a controller that follows the quorum one of its voters (KIP-853). The address, host:port, is where it listens on
// the controller listener of that name. A controller that is a voter with this directory already is no error; one that is a voter
// with another directory is ErrExists.
func (c *Client) AddVoter(ctx context.Context, clusterID string, v Voter, listenerName, address string) error {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%w: address of controller %d: %w", ErrInvalid, v.ID, err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return fmt.Errorf("%w: address of controller %d: %w", ErrInvalid, v.ID, err)
	}
	req := kmsg.NewPtrAddRaftVoterRequest()
	req.ClusterID = &clusterID
	req.TimeoutMillis = c.timeoutMillis()
	req.VoterID, req.VoterDirectoryID = v.ID, v.DirectoryID
	// With the next version's early acknowledgement "added" could still be undone by a change of leader.
	req.AckWhenCommitted = true
	listener := kmsg.NewAddRaftVoterRequestListener()
	listener.Name, listener.Host, listener.Port = listenerName, host, uint16(port)
	req.Listeners = []kmsg.AddRaftVoterRequestListener{listener}
	c.mutation("AddRaftVoter", strconv.Itoa(int(v.ID)))
	_, err = requestKRaft(ctx, c, c.anyNode(), req, func(r *kmsg.AddRaftVoterResponse) error {
		return kafkaError(r.ErrorCode, r.ErrorMessage)
	})
	if errors.Is(err, ErrExists) {
		// This may be the echo of an earlier request of ours whose answer was lost.
		if q, quorumErr := c.Quorum(ctx); quorumErr == nil && q.has(v) {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("adding controller %d at %s to the voters: %w", v.ID, address, err)
	}
	return nil
}

// has is true when v votes with its directory.
func (q Quorum) has(v Voter) bool {
	for _, voter := range q.Voters {
		if voter.ID == v.ID && voter.DirectoryID == v.DirectoryID {
			return true
		}
	}
	return false
}

// RemoveVoter takes the vote from a controller; it goes on as an observer. One that does not vote is no error.
func (c *Client) RemoveVoter(ctx context.Context, clusterID string, v Voter) error {
	req := kmsg.NewPtrRemoveRaftVoterRequest()
	req.ClusterID = &clusterID
	req.VoterID, req.VoterDirectoryID = v.ID, v.DirectoryID
	c.mutation("RemoveRaftVoter", strconv.Itoa(int(v.ID)))
	_, err := requestKRaft(ctx, c, c.anyNode(), req, func(r *kmsg.RemoveRaftVoterResponse) error {
		return kafkaError(r.ErrorCode, r.ErrorMessage)
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("removing controller %d from the voters: %w", v.ID, err)
	}
	return nil
}

// UnregisterBroker makes the cluster forget a broker. Kafka does not check that it is gone: the caller does. A broker that is not
// registered is no error.
func (c *Client) UnregisterBroker(ctx context.Context, id int32) error {
	req := kmsg.NewPtrUnregisterBrokerRequest()
	req.BrokerID = id
	c.mutation("UnregisterBroker", strconv.Itoa(int(id)))
	_, err := requestKRaft(ctx, c, c.anyNode(), req, func(r *kmsg.UnregisterBrokerResponse) error {
		return kafkaError(r.ErrorCode, r.ErrorMessage)
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("unregistering broker %d: %w", id, err)
	}
	return nil
}
