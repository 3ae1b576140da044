package kafka_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// TestTheLatestRecordOfEachKey is what a reader finds, over as many answers as it takes.
func TestTheLatestRecordOfEachKey(t *testing.T) {
	client := connect(t, shared)
	const topic = "latest-records"
	if err := client.Put(t.Context(), topic, "1", []byte("early")); !errors.Is(err, kafka.ErrNotFound) {
		t.Errorf("a record of a topic that is not there: %v", err)
	}
	if _, err := client.Latest(t.Context(), topic); !errors.Is(err, kafka.ErrNotFound) {
		t.Errorf("the records of a topic that is not there: %v", err)
	}
	if err := client.CreateTopic(t.Context(), kafka.NewTopic{Name: topic, Partitions: 1, ReplicationFactor: 3, Config: map[string]string{"cleanup.policy": "compact"}}, false); err != nil {
		t.Fatal(err)
	}
	if err := client.AwaitTopic(t.Context(), topic, 1); err != nil {
		t.Fatal(err)
	}
	if empty, err := client.Latest(t.Context(), topic); err != nil || len(empty) != 0 {
		t.Errorf("an empty topic: %v, %v", empty, err)
	}
	large := make([]byte, 900<<10)
	for round := range 3 {
		for key := range 3 {
			value := append([]byte(fmt.Sprint(round)), large...)
			if err := client.Put(t.Context(), topic, fmt.Sprint(key), value); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := client.Put(t.Context(), topic, "1", nil); err != nil {
		t.Fatal(err)
	}
	latest, err := client.Latest(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	if len(latest) != 2 || latest["0"][0] != '2' || latest["2"][0] != '2' || len(latest["0"]) != len(large)+1 {
		t.Errorf("%d keys, want 0 and 2 with what was written last", len(latest))
	}
}
