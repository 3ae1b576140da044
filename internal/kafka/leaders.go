package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
)

// ElectPreferred makes the first replica of each partition its leader. A partition that it leads already is no error. Every
// partition whose preferred replica cannot lead now is in the error, the others are led by theirs.
func (c *Client) ElectPreferred(ctx context.Context, partitions []TopicPartition) error {
	return c.elect(ctx, sarama.PreferredElection, "the preferred leader", partitions)
}

// ElectUnclean makes the first live replica of each partition that has no leader its leader, though it has not got all that was
// acknowledged: what it lacks is lost. Where a replica in sync is live, Kafka takes that one and nothing is lost. It does so whatever
// unclean.leader.election.enable says, and leaves a partition that has a leader alone. Every partition that has no live replica is in the
// error.
func (c *Client) ElectUnclean(ctx context.Context, partitions []TopicPartition) error {
	return c.elect(ctx, sarama.UncleanElection, "any leader", partitions)
}

// elect asks for elections of one type; what says in an error whom they should have made.
func (c *Client) elect(ctx context.Context, kind sarama.ElectionType, what string, partitions []TopicPartition) error {
	var errs []error
	// An empty request would mean all partitions of the cluster; Chunk of nothing sends none.
	for chunk := range slices.Chunk(partitions, maxPartitionsPerRequest) {
		refused, err := c.electChunk(ctx, kind, what, chunk)
		errs = append(errs, err)
		for _, p := range chunk {
			errs = append(errs, refused[p])
		}
	}
	return errors.Join(errs...)
}

// electChunk is elect for as many as one request takes. It returns why each partition that did not get its leader did not.
func (c *Client) electChunk(ctx context.Context, kind sarama.ElectionType, what string, partitions []TopicPartition) (map[TopicPartition]error, error) {
	byTopic := map[string][]int32{}
	for _, p := range partitions {
		byTopic[p.Topic] = append(byTopic[p.Topic], p.Partition)
	}
	c.mutation("ElectLeaders", fmt.Sprintf("%d partitions, the first is %s-%d", len(partitions), partitions[0].Topic, partitions[0].Partition))
	resp, err := request(ctx, c, c.anyForwarder(), "ElectLeaders", func(b *sarama.Broker) (*sarama.ElectLeadersResponse, error) {
		return b.ElectLeaders(&sarama.ElectLeadersRequest{
			Version: 2, Type: kind, TopicPartitions: byTopic, TimeoutMs: c.timeoutMillis(),
		})
	}, func(r *sarama.ElectLeadersResponse) error { return kafkaError(int16(r.ErrorCode), nil) })
	if err != nil {
		return nil, fmt.Errorf("electing %s of %d partitions: %w", what, len(partitions), err)
	}
	refused := map[TopicPartition]error{}
	for name, results := range resp.ReplicaElectionResults {
		for id, r := range results {
			if r.ErrorCode != sarama.ErrNoError && r.ErrorCode != sarama.ErrElectionNotNeeded {
				refused[TopicPartition{Topic: name, Partition: id}] = partitionError("electing "+what+" of", name, id, int16(r.ErrorCode), r.ErrorMessage)
			}
		}
	}
	return refused, nil
}

// Leadership is which partitions their preferred replica leads, each list in the order that was asked in.
type Leadership struct {
	// Preferred are led by it, Elsewhere by another replica although it is in sync, so that an election makes it the leader.
	Preferred, Elsewhere []Partition
	// Behind have a preferred replica that is not in sync, or that is on a broker which does not serve: it cannot lead them now.
	Behind []Partition
}

// PreferredLeadership tells partitions apart by who leads them.
func PreferredLeadership(partitions []Partition) Leadership {
	var l Leadership
	for _, p := range partitions {
		switch {
		case p.Leader == p.Replicas[0]:
			l.Preferred = append(l.Preferred, p)
		case slices.Contains(p.ISR, p.Replicas[0]):
			l.Elsewhere = append(l.Elsewhere, p)
		default:
			l.Behind = append(l.Behind, p)
		}
	}
	return l
}

// RestoreLeaders makes the first replica of each partition its leader and returns when every live broker shows it as that. Which partitions are those
// of before is in Leadership.Preferred, those that were elected are in Elsewhere. One whose preferred replica cannot lead now is in Behind and is
// no error: Kafka finds it again at its own rebalance of leaders, when the replica has caught up.
func (c *Client) RestoreLeaders(ctx context.Context, partitions []Partition) (Leadership, error) {
	l := PreferredLeadership(partitions)
	asked := l.Elsewhere
	l.Elsewhere = nil
	var errs []error
	for chunk := range slices.Chunk(asked, maxPartitionsPerRequest) {
		names := make([]TopicPartition, len(chunk))
		for i, p := range chunk {
			names[i] = TopicPartition{Topic: p.Topic, Partition: p.Partition}
		}
		refused, err := c.electChunk(ctx, sarama.PreferredElection, "the preferred leader", names)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for i, p := range chunk {
			switch err := refused[names[i]]; {
			case err == nil:
				l.Elsewhere = append(l.Elsewhere, p)
			case errors.Is(err, kerr.PreferredLeaderNotAvailable):
				l.Behind = append(l.Behind, p)
			default:
				errs = append(errs, err)
			}
		}
	}
	return l, errors.Join(append(errs, c.awaitLeaders(ctx, l.Elsewhere))...)
}

// awaitLeaders waits until every live broker shows each partition as led by the first of its replicas.
func (c *Client) awaitLeaders(ctx context.Context, partitions []Partition) error {
	if len(partitions) == 0 {
		return nil // No names would ask for all topics.
	}
	want := map[string][]Partition{}
	for _, p := range partitions {
		want[p.Topic] = append(want[p.Topic], p)
	}
	topics := slices.Sorted(maps.Keys(want))
	what := make([]string, len(topics))
	for i, name := range topics {
		what[i] = fmt.Sprintf("the election of the leaders of topic %q", name)
	}
	return errors.Join(agreedOnEach(ctx, c, what, func(ctx context.Context, to nodes, left []int) ([]bool, error) {
		var names []string
		for _, i := range left {
			names = append(names, topics[i])
		}
		found, failed := c.topicsAt(ctx, to, names)
		answers := make([]bool, len(left))
		for position, name := range names {
			if err := failed[name]; err != nil && !errors.Is(err, ErrNotFound) {
				return nil, err
			}
			answers[position] = failed[name] != nil || !slices.ContainsFunc(want[name], func(p Partition) bool { return !ledByPreferred(found[name], p) })
		}
		return answers, nil
	})...)
}

// ledByPreferred says that a partition has the leader that was preferred when its election was asked for, or that it is not there any more.
func ledByPreferred(t Topic, p Partition) bool {
	i := slices.IndexFunc(t.Partitions, func(now Partition) bool { return now.Partition == p.Partition })
	return i < 0 || t.Partitions[i].Leader == p.Replicas[0]
}
