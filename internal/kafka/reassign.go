package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// maxPartitionsPerRequest keeps requests far below the 10,000 records that a KRaft controller takes in one.
const maxPartitionsPerRequest = 1000

// inFlight is a reassignment that the controller is carrying out.
type inFlight struct{ replicas, adding, removing []int32 }

func (f inFlight) equal(g inFlight) bool {
	return slices.Equal(f.replicas, g.replicas) && slices.Equal(f.adding, g.adding) && slices.Equal(f.removing, g.removing)
}

// reassignments returns all that are in flight.
func (c *Client) reassignments(ctx context.Context) (map[TopicPartition]inFlight, error) {
	// Null asks for all topics. An empty list, which is all that sarama can send, asks for none, and its empty answer would read as
	// "nothing is in flight".
	return c.listReassignments(ctx, nil)
}

// listReassignments returns what is in flight for some topics, or for all topics when they are nil.
func (c *Client) listReassignments(ctx context.Context, topics []kmsg.ListPartitionReassignmentsRequestTopic) (map[TopicPartition]inFlight, error) {
	req := kmsg.NewPtrListPartitionReassignmentsRequest()
	req.TimeoutMillis = c.timeoutMillis()
	req.Topics = topics
	resp, err := requestKRaft(ctx, c, c.anyNode(), req, func(r *kmsg.ListPartitionReassignmentsResponse) error {
		return kafkaError(r.ErrorCode, r.ErrorMessage)
	})
	if err != nil {
		return nil, err
	}
	all := map[TopicPartition]inFlight{}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			all[TopicPartition{Topic: t.Topic, Partition: p.Partition}] = inFlight{
				replicas: p.Replicas, adding: p.AddingReplicas, removing: p.RemovingReplicas,
			}
		}
	}
	return all, nil
}

// reassignmentsOf returns what is in flight for the partitions of some topics.
func (c *Client) reassignmentsOf(ctx context.Context, topics ...Topic) (map[TopicPartition]inFlight, error) {
	if len(topics) == 0 {
		return map[TopicPartition]inFlight{}, nil
	}
	var all []kmsg.ListPartitionReassignmentsRequestTopic
	for _, t := range topics {
		asked := kmsg.NewListPartitionReassignmentsRequestTopic()
		asked.Topic = t.Name
		for _, p := range t.Partitions {
			asked.Partitions = append(asked.Partitions, p.Partition)
		}
		all = append(all, asked)
	}
	return c.listReassignments(ctx, all)
}

// Reassign asks Kafka to move partitions to the given replicas and returns when the controller has accepted; it does not wait for
// data. With allowRFChange false Kafka refuses any list that would change a partition's number of replicas (Kafka 4.1 and later;
// an older one does not check). Every partition that was refused is in the error, the others move. A list of what is so already
// is no error.
func (c *Client) Reassign(ctx context.Context, list []Reassignment, allowRFChange bool) error {
	// Those of one request that failed as a whole have one error.
	return errors.Join(slices.Compact(c.alterReassignments(ctx, list, allowRFChange))...)
}

// ReassignEach is Reassign with the error of each partition, in their order.
func (c *Client) ReassignEach(ctx context.Context, list []Reassignment, allowRFChange bool) []error {
	return c.alterReassignments(ctx, list, allowRFChange)
}

// Moving says of which topics a reassignment is in flight.
func (c *Client) Moving(ctx context.Context) (map[string]bool, error) {
	all, err := c.reassignments(ctx)
	topics := map[string]bool{}
	for tp := range all {
		topics[tp.Topic] = true
	}
	return topics, err
}

// CancelReassign stops reassignments: the replicas they add are dropped, those they would remove stay, but not always in their old
// order, so another replica may be the preferred leader after it. A partition without a reassignment in flight is no error. Kafka leaves a partition without a leader when all of its original replicas are offline.
func (c *Client) CancelReassign(ctx context.Context, partitions []TopicPartition) error {
	list := make([]Reassignment, len(partitions))
	for i, p := range partitions {
		list[i] = Reassignment{Topic: p.Topic, Partition: p.Partition}
	}
	return errors.Join(slices.Compact(c.alterReassignments(ctx, list, false))...)
}

// alterReassignments sends the list; an entry without replicas cancels. The errors are in the order of the list.
func (c *Client) alterReassignments(ctx context.Context, list []Reassignment, allowRFChange bool) []error {
	defer func() {
		for _, r := range list {
			c.reader.topics.Forget(r.Topic)
		}
	}()
	var errs []error
	for chunk := range slices.Chunk(list, maxPartitionsPerRequest) {
		errs = append(errs, c.alterReassignmentsChunk(ctx, chunk, allowRFChange)...)
	}
	return errs
}

func (c *Client) alterReassignmentsChunk(ctx context.Context, list []Reassignment, allowRFChange bool) []error {
	req := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	req.TimeoutMillis = c.timeoutMillis()
	req.AllowReplicationFactorChange = allowRFChange
	at := map[string]int{}
	for _, r := range list {
		i, ok := at[r.Topic]
		if !ok {
			i = len(req.Topics)
			at[r.Topic] = i
			topic := kmsg.NewAlterPartitionAssignmentsRequestTopic()
			topic.Topic = r.Topic
			req.Topics = append(req.Topics, topic)
		}
		partition := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
		partition.Partition, partition.Replicas = r.Partition, r.Replicas
		req.Topics[i].Partitions = append(req.Topics[i].Partitions, partition)
	}
	c.mutation("AlterPartitionReassignments", fmt.Sprintf("%d partitions, the first is %s-%d", len(list), list[0].Topic, list[0].Partition))
	resp, err := requestKRaft(ctx, c, c.anyNode(), req, func(r *kmsg.AlterPartitionAssignmentsResponse) error {
		return kafkaError(r.ErrorCode, r.ErrorMessage)
	})
	errs := make([]error, len(list))
	if err != nil {
		err = fmt.Errorf("reassigning %d partitions: %w", len(list), err)
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	refused := map[TopicPartition]error{}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 && p.ErrorCode != kerr.NoReassignmentInProgress.Code {
				refused[TopicPartition{Topic: t.Topic, Partition: p.Partition}] = partitionError("reassigning", t.Topic, p.Partition, p.ErrorCode, p.ErrorMessage)
			}
		}
	}
	for i, r := range list {
		errs[i] = refused[TopicPartition{Topic: r.Topic, Partition: r.Partition}]
	}
	return errs
}

// partitionError is what a response says of one partition.
func partitionError(doing, topic string, partition int32, code int16, message *string) error {
	return fmt.Errorf("%s partition %d of topic %q: %w", doing, partition, topic, classify(kafkaError(code, message)))
}
