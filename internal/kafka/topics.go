package kafka

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

// UUID is the topic's id as Kafka's own tools write it: base64url without padding, 22 characters.
func (t Topic) UUID() string { return base64.RawURLEncoding.EncodeToString(t.ID[:]) }

// ReplicationFactor is how many replicas most partitions have, or will have when the reassignments in flight are done. During a
// move, or after somebody's half-done one, partitions may differ. Of two numbers that are equally frequent it is the larger.
func (t Topic) ReplicationFactor() int {
	count := map[int]int{}
	for _, p := range t.Partitions {
		count[len(p.Target())]++
	}
	most := 0
	for factor, n := range count {
		if n > count[most] || n == count[most] && factor > most {
			most = factor
		}
	}
	return most
}

// Topic returns one topic with all of its partitions. ErrNotFound is confirmed by more than one broker.
func (c *Client) Topic(ctx context.Context, name string) (Topic, error) {
	const rounds = 5
	before, err := find(ctx, c, func(ctx context.Context, to nodes) (Topic, error) { return c.topicAt(ctx, to, name) })
	if err != nil {
		return Topic{}, fmt.Errorf("topic %q: %w", name, err)
	}
	// Only the controller knows which replicas a reassignment adds and removes. One that begins or ends between the two
	// questions would show as a plain partition with too many replicas, so the broker is asked before and after.
	for range rounds {
		moving, err := c.reassignmentsOf(ctx, before)
		if err != nil {
			return Topic{}, fmt.Errorf("reassignments of topic %q: %w", name, err)
		}
		after, err := find(ctx, c, func(ctx context.Context, to nodes) (Topic, error) { return c.topicAt(ctx, to, name) })
		if err != nil {
			return Topic{}, fmt.Errorf("topic %q: %w", name, err)
		}
		steady := slices.EqualFunc(before.Partitions, after.Partitions, func(a, b Partition) bool { return slices.Equal(a.Replicas, b.Replicas) })
		if before = after; !steady {
			continue
		}
		for i, p := range after.Partitions {
			if m, ok := moving[TopicPartition{Topic: name, Partition: p.Partition}]; ok {
				after.Partitions[i].Replicas, after.Partitions[i].Adding, after.Partitions[i].Removing = m.replicas, m.adding, m.removing
			}
		}
		return after, nil
	}
	return Topic{}, fmt.Errorf("%w: the replicas of topic %q change all the time", ErrUnreachable, name)
}

// topicAt returns the topic as one node sees it, without what only the controller knows.
func (c *Client) topicAt(ctx context.Context, to nodes, name string) (Topic, error) {
	resp, err := c.topicMetadata(ctx, to, []string{name}, func(r *sarama.MetadataResponse) error {
		if len(r.Topics) != 1 {
			return fmt.Errorf("%w: one topic was asked for and %d are in the answer", ErrInvalid, len(r.Topics))
		}
		return topicError(name, int16(r.Topics[0].Err), nil)
	})
	if err != nil {
		return Topic{}, err
	}
	return newTopic(resp.Topics[0]), nil
}

// CreateTopic creates a topic, with the replicas that it names or with Kafka's own choice of brokers, which spreads replicas over racks.
// A ReplicationFactor of -1 takes the controllers' default.replication.factor. With validateOnly Kafka checks and creates nothing. ErrExists: there is one of this name.
func (c *Client) CreateTopic(ctx context.Context, t NewTopic, validateOnly bool) error {
	config := map[string]*string{}
	for key, value := range t.Config {
		config[key] = &value
	}
	detail := &sarama.TopicDetail{NumPartitions: t.Partitions, ReplicationFactor: t.ReplicationFactor, ConfigEntries: config}
	if len(t.Replicas) > 0 {
		detail.NumPartitions, detail.ReplicationFactor, detail.ReplicaAssignment = -1, -1, map[int32][]int32{}
		for i, replicas := range t.Replicas {
			detail.ReplicaAssignment[int32(i)] = replicas //nolint:gosec // A topic has far fewer partitions.
		}
	}
	if !validateOnly {
		c.mutation("CreateTopics", t.Name)
	}
	// Each request is sent once, so that it is known here whether an earlier one may have had its effect without an answer.
	once := c.anyBroker()
	once.attempts = 1
	repeated := false
	return c.retry(ctx, 3, 0, func(ctx context.Context) error {
		_, err := request(ctx, c, once, "CreateTopics", func(b *sarama.Broker) (*sarama.CreateTopicsResponse, error) {
			return b.CreateTopics(&sarama.CreateTopicsRequest{
				Version: 7, Timeout: c.kafkaTimeout(), ValidateOnly: validateOnly,
				TopicDetails: map[string]*sarama.TopicDetail{t.Name: detail},
			})
		}, func(r *sarama.CreateTopicsResponse) error {
			result := r.TopicErrors[t.Name]
			if result == nil {
				return fmt.Errorf("%w: topic %q was to be created and is not in the answer", ErrInvalid, t.Name)
			}
			return topicError(t.Name, int16(result.Err), result.ErrMsg)
		})
		if repeated && !validateOnly && errors.Is(err, ErrExists) {
			return nil
		}
		repeated = true
		return err
	})
}

// AwaitTopic waits until every live broker knows the topic with so many partitions.
func (c *Client) AwaitTopic(ctx context.Context, name string, partitions int) error {
	return agreed(ctx, c, fmt.Sprintf("topic %q with %d partitions", name, partitions), func(ctx context.Context, to nodes) (bool, error) {
		t, err := c.topicAt(ctx, to, name)
		if errors.Is(err, ErrNotFound) {
			return false, nil
		}
		return len(t.Partitions) >= partitions, err
	})
}

// AwaitTopicConfig waits until every live broker has these changes of a topic's own settings. same says that two values mean the same, since
// Kafka keeps some in a spelling of its own.
func (c *Client) AwaitTopicConfig(ctx context.Context, name string, changes []ConfigChange, same func(a, b string) bool) error {
	this := ConfigResource{Kind: ResourceTopic, Name: name}
	return agreed(ctx, c, fmt.Sprintf("the settings of topic %q", name), func(ctx context.Context, to nodes) (bool, error) {
		found, failed := c.describeConfigsAt(ctx, to, []ConfigResource{this}, nil)
		if err := failed[this]; err != nil {
			return false, err
		}
		own := ownValues(found[this], SourceTopic)
		for _, change := range changes {
			value, set := own[change.Name]
			if set != (change.Value != nil) || set && !same(*change.Value, value) {
				return false, nil
			}
		}
		return true, nil
	})
}

// DeleteTopic deletes a topic and returns when the controller has done so; see AwaitTopicGone. It works without a live broker, too.
func (c *Client) DeleteTopic(ctx context.Context, name string) error {
	c.mutation("DeleteTopics", name)
	_, err := request(ctx, c, c.anyNode(), "DeleteTopics", func(b *sarama.Broker) (*sarama.DeleteTopicsResponse, error) {
		return b.DeleteTopics(&sarama.DeleteTopicsRequest{Version: 6, Topics: []string{name}, Timeout: c.kafkaTimeout()})
	}, func(r *sarama.DeleteTopicsResponse) error {
		code, ok := r.TopicErrorCodes[name]
		if !ok {
			return fmt.Errorf("%w: topic %q was to be deleted and is not in the answer", ErrInvalid, name)
		}
		return topicError(name, int16(code), r.TopicErrorMessages[name])
	})
	return err
}

// AwaitTopicGone waits until no live broker knows the topic of this UUID any more. One of the same name that was created since is
// another topic; with an empty UUID it is waited for that, too. A cluster without a live broker has nobody left who could know it.
func (c *Client) AwaitTopicGone(ctx context.Context, name, uuid string) error {
	err := agreed(ctx, c, fmt.Sprintf("the end of topic %q", name), func(ctx context.Context, to nodes) (bool, error) {
		t, err := c.topicAt(ctx, to, name)
		if errors.Is(err, ErrNotFound) {
			return true, nil
		}
		return err == nil && uuid != "" && t.UUID() != uuid, err
	})
	if errors.Is(err, errNoBroker) {
		return nil
	}
	return err
}

// AddPartitions brings a topic to so many partitions. The new ones get the replicas given, one list for each, or with none given Kafka's
// own choice of brokers. Kafka wants as many replicas in each list as the topic's first partition has at that moment, those that a move
// adds included. It is no error when the topic has that many partitions. With validateOnly Kafka checks and adds nothing.
func (c *Client) AddPartitions(ctx context.Context, name string, total int32, replicas [][]int32, validateOnly bool) error {
	if !validateOnly {
		c.mutation("CreatePartitions", name)
	}
	_, err := request(ctx, c, c.anyBroker(), "CreatePartitions", func(b *sarama.Broker) (*sarama.CreatePartitionsResponse, error) {
		return b.CreatePartitions(&sarama.CreatePartitionsRequest{
			Version: 3, Timeout: c.kafkaTimeout(), ValidateOnly: validateOnly,
			TopicPartitions: map[string]*sarama.TopicPartition{name: {Count: total, Assignment: replicas}},
		})
	}, func(r *sarama.CreatePartitionsResponse) error {
		result := r.TopicPartitionErrors[name]
		if result == nil {
			return fmt.Errorf("%w: topic %q was to get partitions and is not in the answer", ErrInvalid, name)
		}
		return topicError(name, int16(result.Err), result.ErrMsg)
	})
	if err == nil {
		return nil
	}
	// A repetition after a lost answer is refused because the partitions are there.
	if t, found := c.topicAt(ctx, c.anyBroker(), name); found == nil && len(t.Partitions) == int(total) {
		return nil
	}
	return err
}

// AwaitReplicas waits until every listed partition has exactly the listed replicas, all of them in sync. The error says how many are
// not there yet, and why the first one is not.
func (c *Client) AwaitReplicas(ctx context.Context, topic string, want []Reassignment) error {
	pause := firstPause
	for {
		t, err := c.Topic(ctx, topic)
		var waiting []string
		switch {
		case err == nil:
			for _, w := range want {
				if reason := unfinished(t, w); reason != "" {
					waiting = append(waiting, reason)
				}
			}
			if len(waiting) == 0 {
				return nil
			}
		case ctx.Err() == nil && !errors.Is(err, ErrUnreachable):
			return err
		default:
			waiting = []string{err.Error()}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("%w: %d of %d partitions of topic %q do not have their replicas yet; %s: %w",
				ErrUnreachable, len(waiting), len(want), topic, waiting[0], ctx.Err())
		}
		pause = min(2*pause, worstPause)
	}
}

// unfinished says what a partition still lacks, "" for nothing.
func unfinished(t Topic, want Reassignment) string {
	i := slices.IndexFunc(t.Partitions, func(p Partition) bool { return p.Partition == want.Partition })
	if i < 0 {
		return fmt.Sprintf("partition %d does not exist", want.Partition)
	}
	p := t.Partitions[i]
	for _, r := range want.Replicas {
		if !slices.Contains(p.ISR, r) {
			return fmt.Sprintf("partition %d waits for broker %d to be in sync", want.Partition, r)
		}
	}
	if !slices.Equal(p.Replicas, want.Replicas) || len(p.Adding)+len(p.Removing) > 0 {
		return fmt.Sprintf("partition %d has replicas %v and is to have %v", want.Partition, p.Replicas, want.Replicas)
	}
	return ""
}
