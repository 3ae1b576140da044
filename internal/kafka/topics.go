package kafka

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
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

// Moving says that a reassignment of some partition is in flight.
func (t Topic) Moving() bool {
	return slices.ContainsFunc(t.Partitions, func(p Partition) bool { return len(p.Adding)+len(p.Removing) > 0 })
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
	found, failed := c.topicsAt(ctx, to, []string{name})
	return answerAbout(name, found, failed)
}

// answerAbout is what topicsAt has found of one topic, or why it has not.
func answerAbout(name string, found map[string]Topic, failed map[string]error) (Topic, error) {
	if t, ok := found[name]; ok {
		return t, nil
	}
	if err := failed[name]; err != nil {
		return Topic{}, err
	}
	return Topic{}, fmt.Errorf("%w: topic %q was asked for and is not in the answer", ErrInvalid, name)
}

// CreateTopic creates a topic, with the replicas that it names or with Kafka's own choice of brokers, which spreads replicas over racks.
// A ReplicationFactor of -1 takes the controllers' default.replication.factor. With validateOnly Kafka checks and creates nothing. ErrExists: there is one of this name.
func (c *Client) CreateTopic(ctx context.Context, t NewTopic, validateOnly bool) error {
	if validateOnly {
		return ask(ctx, c.gather.checkedTopics, t)
	}
	return c.CreateTopics(ctx, []NewTopic{t})[t.Name]
}

// CreateTopics is CreateTopic for many. It returns what failed, by name.
func (c *Client) CreateTopics(ctx context.Context, topics []NewTopic) map[string]error {
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = t.Name
	}
	defer c.reader.forgetTopics(names)
	return byName(names, askAll(ctx, c.gather.createdTopics, topics))
}

// byName are the errors that are some, by what they are about.
func byName(names []string, errs []error) map[string]error {
	failed := map[string]error{}
	for i, err := range errs {
		if err != nil {
			failed[names[i]] = err
		}
	}
	return failed
}

// maxRecordsPerRequest keeps requests below the 10,000 records that a KRaft controller takes in one.
const maxRecordsPerRequest = 5000

// records is how many records of the metadata log a topic takes.
func (t NewTopic) records() int {
	return 1 + max(int(t.Partitions), len(t.Replicas), 1) + len(t.Config)
}

// createTopics is CreateTopic for many. A request names a topic once.
func (c *Client) createTopics(ctx context.Context, topics []NewTopic, validateOnly bool) []error {
	return inChunks(topics, maxRecordsPerRequest, NewTopic.records, func(t NewTopic) string { return t.Name }, func(some []NewTopic) []error {
		return c.createSome(ctx, some, validateOnly)
	})
}

// createSome is createTopics for as many as one request takes.
func (c *Client) createSome(ctx context.Context, topics []NewTopic, validateOnly bool) []error {
	if !validateOnly {
		for _, t := range topics {
			c.mutation("CreateTopics", t.Name)
		}
	}
	return each(ctx, c, c.anyForwarder(), "CreateTopics", len(topics), func(b *sarama.Broker, left []int) (*sarama.CreateTopicsResponse, error) {
		req := &sarama.CreateTopicsRequest{Version: 7, Timeout: c.kafkaTimeout(), ValidateOnly: validateOnly, TopicDetails: map[string]*sarama.TopicDetail{}}
		for _, i := range left {
			req.TopicDetails[topics[i].Name] = topics[i].detail()
		}
		return b.CreateTopics(req)
	}, func(r *sarama.CreateTopicsResponse, _, i int, repeated bool) error {
		name := topics[i].Name
		result := r.TopicErrors[name]
		if result == nil {
			return fmt.Errorf("%w: topic %q was to be created and is not in the answer", ErrInvalid, name)
		}
		err := topicError(name, int16(result.Err), result.ErrMsg)
		if repeated && !validateOnly && errors.Is(classify(err), ErrExists) {
			return nil
		}
		return err
	})
}

// detail is the topic as sarama asks for it.
func (t NewTopic) detail() *sarama.TopicDetail {
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
	return detail
}

// AwaitTopic waits until every live broker knows the topic with so many partitions.
func (c *Client) AwaitTopic(ctx context.Context, name string, partitions int) error {
	return c.AwaitTopics(ctx, map[string]int{name: partitions})[name]
}

// AwaitTopics is AwaitTopic for many. It returns what failed, by name.
func (c *Client) AwaitTopics(ctx context.Context, partitions map[string]int) map[string]error {
	if len(partitions) == 0 || c.settled(ctx, len(partitions)) {
		return nil
	}
	names := slices.Sorted(maps.Keys(partitions))
	awaited := make([]awaitedTopic, len(names))
	for i, name := range names {
		awaited[i] = awaitedTopic{name: name, partitions: partitions[name]}
	}
	return byName(names, awaitAll(ctx, c.gather.awaitedTopics, awaited))
}

// AwaitTopicGone waits until no live broker knows the topic of this UUID any more. One of the same name that was created since is
// another topic; with an empty UUID it is waited for that, too. A cluster without a live broker has nobody left who could know it.
func (c *Client) AwaitTopicGone(ctx context.Context, name, uuid string) error {
	return c.AwaitTopicsGone(ctx, map[string]string{name: uuid})[name]
}

// AwaitTopicsGone is AwaitTopicGone for many, with their UUIDs. It returns what failed, by name.
func (c *Client) AwaitTopicsGone(ctx context.Context, uuids map[string]string) map[string]error {
	if len(uuids) == 0 || c.settled(ctx, len(uuids)) {
		return nil
	}
	names := slices.Sorted(maps.Keys(uuids))
	awaited := make([]awaitedTopic, len(names))
	for i, name := range names {
		awaited[i] = awaitedTopic{name: name, gone: true, uuid: uuids[name]}
	}
	failed := byName(names, awaitAll(ctx, c.gather.awaitedTopics, awaited))
	maps.DeleteFunc(failed, func(_ string, err error) bool { return errors.Is(err, errNoBroker) })
	return failed
}

// awaitedTopic is a topic that every broker shall know with so many partitions, or that none shall know.
type awaitedTopic struct {
	name       string
	partitions int
	gone       bool
	uuid       string
}

func (a awaitedTopic) String() string {
	if a.gone {
		return fmt.Sprintf("the end of topic %q", a.name)
	}
	return fmt.Sprintf("topic %q with %d partitions", a.name, a.partitions)
}

// awaitTopics waits until every live broker shows the topics as they are awaited.
func (c *Client) awaitTopics(ctx context.Context, awaited []awaitedTopic) []error {
	return agreedOnEach(ctx, c, texts(awaited), func(ctx context.Context, to nodes, left []int) ([]bool, error) {
		var names []string
		for _, i := range left {
			names = append(names, awaited[i].name)
		}
		found, failed := c.topicsAt(ctx, to, names)
		answers := make([]bool, len(left))
		for position, i := range left {
			a := awaited[i]
			t, there := found[a.name]
			err := failed[a.name]
			switch {
			case err != nil && !errors.Is(err, ErrNotFound):
				return nil, err
			case a.gone:
				answers[position] = !there || a.uuid != "" && t.UUID() != a.uuid
			default:
				answers[position] = there && len(t.Partitions) >= a.partitions
			}
		}
		return answers, nil
	})
}

// topicsAt returns topics as one node sees them, without what only the controller knows, and why it does not return the others.
func (c *Client) topicsAt(ctx context.Context, to nodes, names []string) (map[string]Topic, map[string]error) {
	found, failed := map[string]Topic{}, map[string]error{}
	var address string
	to.told = &address
	resp, err := c.topicMetadata(ctx, to, names, func(r *sarama.MetadataResponse) error {
		for _, t := range r.Topics {
			if err := topicError(t.Name, int16(t.Err), nil); err != nil && passes(err) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		for _, name := range names {
			failed[name] = err
		}
		return nil, failed
	}
	for _, t := range resp.Topics {
		if err := topicError(t.Name, int16(t.Err), nil); err != nil {
			failed[t.Name] = c.resourceError(err, "Metadata", address)
			continue
		}
		found[t.Name] = newTopic(t)
	}
	return found, failed
}

// DeleteTopic deletes a topic and returns when the controller has done so; see AwaitTopicGone. It works without a live broker, too.
func (c *Client) DeleteTopic(ctx context.Context, name string) error {
	return c.DeleteTopics(ctx, []string{name})[name]
}

// DeleteTopics is DeleteTopic for many. It returns what failed, by name.
func (c *Client) DeleteTopics(ctx context.Context, names []string) map[string]error {
	defer c.reader.forgetTopics(names)
	return byName(names, askAll(ctx, c.gather.deletedTopics, names))
}

// maxDeletionsPerRequest keeps a request of deletions below the records that a controller takes.
const maxDeletionsPerRequest = 500

// deleteTopics is DeleteTopic for many.
func (c *Client) deleteTopics(ctx context.Context, names []string) []error {
	return inChunks(names, maxDeletionsPerRequest, single, func(name string) string { return name }, func(some []string) []error {
		for _, name := range some {
			c.mutation("DeleteTopics", name)
		}
		return each(ctx, c, c.anyNode(), "DeleteTopics", len(some), func(b *sarama.Broker, left []int) (*sarama.DeleteTopicsResponse, error) {
			req := &sarama.DeleteTopicsRequest{Version: 6, Timeout: c.kafkaTimeout()}
			for _, i := range left {
				req.Topics = append(req.Topics, some[i])
			}
			return b.DeleteTopics(req)
		}, func(r *sarama.DeleteTopicsResponse, _, i int, _ bool) error {
			code, ok := r.TopicErrorCodes[some[i]]
			if !ok {
				return fmt.Errorf("%w: topic %q was to be deleted and is not in the answer", ErrInvalid, some[i])
			}
			return topicError(some[i], int16(code), r.TopicErrorMessages[some[i]])
		})
	})
}

// AddPartitions brings a topic to so many partitions. The new ones get the replicas given, one list for each, or with none given Kafka's
// own choice of brokers. Kafka wants as many replicas in each list as the topic's first partition has at that moment, those that a move
// adds included. It is no error when the topic has that many partitions. With validateOnly Kafka checks and adds nothing.
func (c *Client) AddPartitions(ctx context.Context, name string, total int32, replicas [][]int32, validateOnly bool) error {
	more := morePartitions{topic: name, total: total, replicas: replicas}
	if validateOnly {
		return ask(ctx, c.gather.checkedPartitions, more)
	}
	defer c.reader.topics.Forget(name)
	return ask(ctx, c.gather.addedPartitions, more)
}

// morePartitions are the arguments of AddPartitions.
type morePartitions struct {
	topic    string
	total    int32
	replicas [][]int32
}

// records is how many records of the metadata log the new partitions take, at most.
func (m morePartitions) records() int {
	if len(m.replicas) > 0 {
		return len(m.replicas)
	}
	return int(m.total)
}

// addPartitions is AddPartitions for many topics. A request names a topic once.
func (c *Client) addPartitions(ctx context.Context, more []morePartitions, validateOnly bool) []error {
	return inChunks(more, maxRecordsPerRequest, morePartitions.records, func(m morePartitions) string { return m.topic }, func(some []morePartitions) []error {
		return c.addSomePartitions(ctx, some, validateOnly)
	})
}

// addSomePartitions is addPartitions for as many as one request takes.
func (c *Client) addSomePartitions(ctx context.Context, more []morePartitions, validateOnly bool) []error {
	if !validateOnly {
		for _, m := range more {
			c.mutation("CreatePartitions", m.topic)
		}
	}
	errs := each(ctx, c, c.anyForwarder(), "CreatePartitions", len(more), func(b *sarama.Broker, left []int) (*sarama.CreatePartitionsResponse, error) {
		req := &sarama.CreatePartitionsRequest{Version: 3, Timeout: c.kafkaTimeout(), ValidateOnly: validateOnly, TopicPartitions: map[string]*sarama.TopicPartition{}}
		for _, i := range left {
			req.TopicPartitions[more[i].topic] = &sarama.TopicPartition{Count: more[i].total, Assignment: more[i].replicas}
		}
		return b.CreatePartitions(req)
	}, func(r *sarama.CreatePartitionsResponse, _, i int, _ bool) error {
		result := r.TopicPartitionErrors[more[i].topic]
		if result == nil {
			return fmt.Errorf("%w: topic %q was to get partitions and is not in the answer", ErrInvalid, more[i].topic)
		}
		return topicError(more[i].topic, int16(result.Err), result.ErrMsg)
	})
	var refused []string
	for i, err := range errs {
		if err != nil {
			refused = append(refused, more[i].topic)
		}
	}
	if len(refused) == 0 {
		return errs
	}
	// A repetition after a lost answer is refused because the partitions are there.
	found, _ := c.topicsAt(ctx, c.anyBroker(), refused)
	for i, m := range more {
		if t, ok := found[m.topic]; ok && len(t.Partitions) == int(m.total) {
			errs[i] = nil
		}
	}
	return errs
}

// lagsAtMost is how long a broker is taken to lag where it cannot be seen how far each has followed the metadata log.
const lagsAtMost = 10 * time.Second

// AwaitReplicas waits until every listed partition has exactly the listed replicas, all of them in sync. The error says how many are
// not there yet, and why the first one is not. ErrOvertaken: one of them will not, since it has others and nothing of it moves.
func (c *Client) AwaitReplicas(ctx context.Context, topic string, want []Reassignment) error {
	pause := firstPause
	others := elsewhere{}
	for {
		followed := len(others) > 0 && c.settled(ctx, len(others))
		t, err := c.reader.movingTopic(ctx, topic)
		var waiting []string
		switch {
		case err == nil:
			for _, w := range want {
				reason, overtaken := unfinished(t, w)
				if reason != "" {
					waiting = append(waiting, reason)
				}
				if others.believed(w.Partition, overtaken, followed, time.Now()) {
					return fmt.Errorf("topic %q: %s: %w", topic, reason, ErrOvertaken)
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

// elsewhere is since when partitions have been seen with other replicas while nothing of them moved.
type elsewhere map[int32]time.Time

// believed notes whether a partition was seen so once more, and says whether it is: a broker that lags shows a partition as it was before it moved, or while
// it did. followed says that since the time before every broker has followed the metadata log; where that cannot be seen, time has to pass.
func (e elsewhere) believed(partition int32, overtaken, followed bool, now time.Time) bool {
	since, seen := e[partition]
	switch {
	case !overtaken:
		delete(e, partition)
	case !seen:
		e[partition] = now
	default:
		return followed || now.Sub(since) >= lagsAtMost
	}
	return false
}

// ErrOvertaken says that a reassignment has ended with other replicas than those that it was to bring. Somebody has moved the partition
// elsewhere, or Kafka has: one that takes the place of another one, and itself removes no replica, goes on with the removals of that one
// (Kafka 4.3, ReplicationControlManager.changePartitionReassignment sets none where there are none).
var ErrOvertaken = errors.New("another reassignment has taken its place")

// unfinished says what a partition still lacks, "" for nothing, and whether it will not get it by what is on its way.
func unfinished(t Topic, want Reassignment) (reason string, overtaken bool) {
	i := slices.IndexFunc(t.Partitions, func(p Partition) bool { return p.Partition == want.Partition })
	if i < 0 {
		return fmt.Sprintf("partition %d does not exist", want.Partition), false
	}
	p := t.Partitions[i]
	if !slices.Equal(p.Target(), want.Replicas) {
		return fmt.Sprintf("partition %d is to have replicas %v, and gets %v", want.Partition, want.Replicas, p.Target()), len(p.Adding)+len(p.Removing) == 0
	}
	for _, r := range want.Replicas {
		if !slices.Contains(p.ISR, r) {
			return fmt.Sprintf("partition %d waits for broker %d to be in sync", want.Partition, r), false
		}
	}
	if len(p.Adding)+len(p.Removing) > 0 {
		return fmt.Sprintf("partition %d has replicas %v and is to have %v", want.Partition, p.Replicas, want.Replicas), false
	}
	return "", false
}
