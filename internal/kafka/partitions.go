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
// before and after and the round is repeated until both answers agree. Only a broker is asked that has followed the metadata log up to
// where it was at the first of them: one that lags still shows the replicas of a moment ago.
func (c *Client) Topics(ctx context.Context) ([]Topic, error) { return c.topics(ctx, c.committed) }

// topics is Topics of a broker that has followed the metadata log up to an offset, as it is before each question.
func (c *Client) topics(ctx context.Context, offset func(context.Context) int64) ([]Topic, error) {
	const rounds = 5
	var topics []Topic
	before, err := c.reassignments(ctx)
	if err != nil {
		return nil, err
	}
	for range rounds {
		if topics, err = c.metadata(ctx, offset(ctx)); err != nil {
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
				// One that has ended meanwhile is told as it was: the broker may have shown it before its end.
				told := is
				if told.replicas == nil {
					told = was
				}
				if told.replicas != nil {
					p.Replicas, p.Adding, p.Removing = told.replicas, told.adding, told.removing
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
	// So many reassignments begin and end that no two answers agree. Each partition is right by itself, as of one of the last two answers.
	return topics, nil
}

// anyOffset is that of a broker whose metadata is taken as it is.
const anyOffset = -1

// committed is the offset of the last record of the metadata log that the controllers have committed, anyOffset when they do not say.
func (c *Client) committed(ctx context.Context) int64 {
	q, err := c.Quorum(ctx)
	if err != nil {
		return anyOffset // Who may not describe the quorum takes what the brokers say as it is.
	}
	return q.HighWatermark - 1
}

// errLags is a broker that has not followed the metadata log as far as it should. Another one has, or it has a moment later.
var errLags = errors.New("its metadata lags behind the controllers'")

// metadata returns all topics as a broker sees them that has followed the metadata log up to an offset.
func (c *Client) metadata(ctx context.Context, offset int64) ([]Topic, error) {
	type answer struct {
		offset int64
		topics *sarama.MetadataResponse
	}
	resp, err := request(ctx, c, c.anyBroker(), "Metadata", func(b *sarama.Broker) (a answer, err error) {
		a.offset = offset
		if offset >= 0 {
			// What a broker calls the epoch of its features is the offset of the metadata that it works with.
			versions, err := b.ApiVersions(&sarama.ApiVersionsRequest{Version: 3, ClientSoftwareName: defaultClientID, ClientSoftwareVersion: "1"})
			if err != nil {
				return a, err
			}
			a.offset = versions.FinalizedFeaturesEpoch
		}
		// No names ask for all topics: sarama sends null.
		a.topics, err = b.GetMetadata(&sarama.MetadataRequest{Version: metadataVersion})
		return a, err
	}, func(a answer) error {
		if a.offset < offset {
			return errLags
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	topics := make([]Topic, 0, len(resp.topics.Topics))
	for _, t := range resp.topics.Topics {
		if errors.Is(t.Err, sarama.ErrUnknownTopicOrPartition) || int16(t.Err) == kerr.UnknownTopicID.Code {
			continue
		}
		topics = append(topics, newTopic(t))
	}
	slices.SortFunc(topics, func(a, b Topic) int { return cmp.Compare(a.Name, b.Name) })
	return topics, nil
}

// metadataVersion is the version of Metadata that is asked for.
const metadataVersion = 11

// topicMetadata returns the topics of the given names as one node sees them. Nothing is created by asking.
func (c *Client) topicMetadata(ctx context.Context, to nodes, names []string, check func(*sarama.MetadataResponse) error) (*sarama.MetadataResponse, error) {
	return request(ctx, c, to, "Metadata", func(b *sarama.Broker) (*sarama.MetadataResponse, error) {
		return b.GetMetadata(&sarama.MetadataRequest{Version: metadataVersion, Topics: names})
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
