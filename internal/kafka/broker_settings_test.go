package kafka_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// TestDynamicBrokerSettingAgreesWithKafka holds the table against what a real broker says of each of its settings.
func TestDynamicBrokerSettingAgreesWithKafka(t *testing.T) {
	resource := kafka.ConfigResource{Kind: kafka.ResourceBroker, Name: "1"}
	configs, err := connect(t, shared).DescribeConfigs(context.Background(), []kafka.ConfigResource{resource})
	if err != nil {
		t.Fatal(err)
	}
	if len(configs[resource]) < 200 {
		t.Fatalf("the broker told %d settings only", len(configs[resource]))
	}
	// The listeners are the node agent's: static here, whatever Kafka could do with them.
	agents := []string{"listeners", "advertised.listeners", "listener.security.protocol.map"}
	for _, e := range configs[resource] {
		if slices.Contains(agents, e.Name) || strings.HasPrefix(e.Name, "listener.name.") {
			continue
		}
		if dynamic := kafka.DynamicBrokerSetting(e.Name); dynamic == e.ReadOnly {
			t.Errorf("%s: the table says dynamic=%t, Kafka says read-only=%t", e.Name, dynamic, e.ReadOnly)
		}
	}
}
