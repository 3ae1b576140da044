package fleet

import (
	"context"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// Kafka is what the engine needs of a cluster. *kafka.Client is it.
type Kafka interface {
	Brokers(ctx context.Context) (clusterID string, brokers []kafka.Broker, err error)
	Topics(ctx context.Context) ([]kafka.Topic, error)
	LogDirs(ctx context.Context, brokers []int32) ([]kafka.LogDir, error)
	DescribeConfigs(ctx context.Context, resources []kafka.ConfigResource) (map[kafka.ConfigResource][]kafka.ConfigEntry, error)
	AlterConfigs(ctx context.Context, changes map[kafka.ConfigResource][]kafka.ConfigChange, validateOnly bool) error
	Reassign(ctx context.Context, list []kafka.Reassignment, allowRFChange bool) error
	ElectPreferred(ctx context.Context, partitions []kafka.TopicPartition) error
	ElectUnclean(ctx context.Context, partitions []kafka.TopicPartition) error
	SetThrottle(ctx context.Context, rates map[int32]kafka.BrokerThrottle, leader, follower map[kafka.TopicPartition][]int32) error
	Throttles(ctx context.Context, brokers []int32, topics []string) (kafka.ThrottleState, error)
	ClearThrottle(ctx context.Context, state kafka.ThrottleState) error
	ForgetThrottle(ctx context.Context, brokers []int32) error
	Quorum(ctx context.Context) (kafka.Quorum, error)
	AddVoter(ctx context.Context, clusterID string, v kafka.Voter, listener, address string) error
	RemoveVoter(ctx context.Context, clusterID string, v kafka.Voter) error
	UnregisterBroker(ctx context.Context, id int32) error
	Features(ctx context.Context) (map[int32]map[string]kafka.Feature, error)
	RegisteredControllers(ctx context.Context) ([]int32, error)
	RetireController(ctx context.Context, id int32, features map[string]kafka.Feature, listener string) error
	FinalizeFeature(ctx context.Context, name string, level int16) error
	DeleteTopic(ctx context.Context, name string) error
}
