package kafka_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// committed is how far the metadata log of the fake controllers is.
const committed = 100

// lagging is a cluster of one broker. Its metadata is behind what its controllers have committed for as many questions as behind says.
func lagging(t *testing.T, behind int32) *kafka.Client {
	t.Helper()
	fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "events"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	fake.ControlKey(int16(kmsg.DescribeQuorum), func(req kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		resp, ok := req.ResponseKind().(*kmsg.DescribeQuorumResponse)
		if !ok {
			t.Errorf("the answer would be a %T", req.ResponseKind())
		}
		partition := kmsg.NewDescribeQuorumResponseTopicPartition()
		partition.HighWatermark = committed + 1
		topic := kmsg.NewDescribeQuorumResponseTopic()
		topic.Partitions = append(topic.Partitions, partition)
		resp.Topics = append(resp.Topics, topic)
		return resp, nil, true
	})
	var asked atomic.Int32
	fake.ControlKey(int16(kmsg.ApiVersions), func(req kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		resp, ok := req.ResponseKind().(*kmsg.ApiVersionsResponse)
		if !ok {
			t.Errorf("the answer would be a %T", req.ResponseKind())
		}
		for _, of := range []kmsg.Request{kmsg.NewPtrMetadataRequest(), kmsg.NewPtrApiVersionsRequest(), kmsg.NewPtrListPartitionReassignmentsRequest(), kmsg.NewPtrDescribeQuorumRequest()} {
			key := kmsg.NewApiVersionsResponseApiKey()
			key.ApiKey, key.MaxVersion = of.Key(), min(of.MaxVersion(), 12)
			resp.ApiKeys = append(resp.ApiKeys, key)
		}
		resp.FinalizedFeaturesEpoch = committed
		if r, ok := req.(*kmsg.ApiVersionsRequest); ok && r.ClientSoftwareVersion == "1" && asked.Add(1) <= behind {
			resp.FinalizedFeaturesEpoch--
		}
		return resp, nil, true
	})
	return connect(t, shared, bootstrap(fake.ListenAddrs()...), timeout(time.Second))
}

// TestABrokerThatLagsIsNotBelieved: its replicas may be those of a reassignment that has ended.
func TestABrokerThatLagsIsNotBelieved(t *testing.T) {
	topics, err := lagging(t, 2).Topics(t.Context())
	if err != nil || len(topics) != 1 {
		t.Errorf("once it has caught up: %v, %v", topics, err)
	}
	topics, err = lagging(t, 1<<30).Topics(t.Context())
	if !errors.Is(err, kafka.ErrUnreachable) || !strings.Contains(err.Error(), "lags") {
		t.Errorf("it never catches up: %v, %v", topics, err)
	}
}
