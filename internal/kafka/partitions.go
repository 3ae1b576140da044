package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
)

// Topics returns every topic, the internal ones included, in the order of their names, each with all of its partitions. A topic
// that vanishes meanwhile is left out.
//
// Brokers know the replicas, but only the controller knows which of them a reassignment adds and removes. A reassignment that
// begins or ends between the two questions would show as a plain partition with too many replicas, so the controller is asked
// before and after and the round is repeated until both answers agree. A broker whose metadata lags behind the controller can
// still show the replicas of a moment ago.
func (c *Client) Topics(ctx context.Context) ([]Topic, error) {
	const rounds = 5
	var topics []Topic
	before, err := c.reassignments(ctx)
	if err != nil {
		return nil, err
	}
	for range rounds {
		if topics, err = c.metadata(ctx); err != nil {
			return nil, err
		}
		after, err := c.reassignments(ctx)
		if err != nil {
			return nil, err
		}
		steady := true
		for _, t := range topics {
			for i := range t.Partitions {
				p := &t.Partitions[i]
				tp := TopicPartition{Topic: p.Topic, Partition: p.Partition}
				was, is := before[tp], after[tp]
				steady = steady && was.equal(is)
				if is.replicas != nil {
					p.Replicas, p.Adding, p.Removing = is.replicas, is.adding, is.removing
				}
			}
		}
		if steady {
			return topics, nil
		}
		before = after
		select {
		case <-time.After(firstPause):
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrUnreachable, ctx.Err())
		}
	}
	// So many reassignments begin and end that no two answers agree. Each partition is right by itself, as of the last answer.
	return topics, nil
}

// metadata returns all topics as one broker sees them.
func (c *Client) metadata(ctx context.Context) ([]Topic, error) {
	// No names ask for all topics: sarama sends null.
	resp, err := c.topicMetadata(ctx, c.anyBroker(), nil, nil)
	if err != nil {
		return nil, err
	}
	topics := make([]Topic, 0, len(resp.Topics))
	for _, t := range resp.Topics {
		if errors.Is(t.Err, sarama.ErrUnknownTopicOrPartition) || int16(t.Err) == kerr.UnknownTopicID.Code {
			continue
		}
		topics = append(topics, newTopic(t))
	}
	slices.SortFunc(topics, func(a, b Topic) int { return cmp.Compare(a.Name, b.Name) })
	return topics, nil
}

// topicMetadata returns the topics of the given names as one node sees them, all topics for no names. Nothing is created by asking.
func (c *Client) topicMetadata(ctx context.Context, to nodes, names []string, check func(*sarama.MetadataResponse) error) (*sarama.MetadataResponse, error) {
	return request(ctx, c, to, "Metadata", func(b *sarama.Broker) (*sarama.MetadataResponse, error) {
		return b.GetMetadata(&sarama.MetadataRequest{Version: 11, Topics: names})
	}, check)
}

// newTopic is a topic without what only the controller knows.
func newTopic(t *sarama.TopicMetadata) Topic {
	topic := Topic{Name: t.Name, ID: t.Uuid, Internal: t.IsInternal}
	for _, p := range t.Partitions {
		topic.Partitions = append(topic.Partitions, Partition{
			Topic: t.Name, Partition: p.ID, Leader: p.Leader, Replicas: p.Replicas, ISR: p.Isr,
		})
	}
	slices.SortFunc(topic.Partitions, func(a, b Partition) int { return cmp.Compare(a.Partition, b.Partition) })
	return topic
}
