package kafka_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// TestOnlyWhoSaysSoDenies: another broker's refusal, or its silence, says nothing of a third.
func TestOnlyWhoSaysSoDenies(t *testing.T) {
	err := errors.Join(
		&kafka.BrokerError{Broker: 1, What: "log directories", Err: kafka.ErrUnreachable},
		&kafka.BrokerError{Broker: 2, What: "log directories", Err: kafka.ErrDenied},
		&kafka.BrokerError{Broker: 3, What: "log directories", Err: kafka.ErrInvalid},
	)
	if got := kafka.Denying(err); !slices.Equal(got, []int32{2}) {
		t.Errorf("%v, want broker 2", got)
	}
	if got := kafka.Denying(nil); got != nil {
		t.Errorf("without an error: %v", got)
	}
	if !errors.Is(err, kafka.ErrUnreachable) || !errors.Is(err, kafka.ErrDenied) {
		t.Errorf("%v has lost what is wrong", err)
	}
}
