//go:build aws

package aws

import (
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute/aws/emulator"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute/computetest"
)

// TestConformance is the contract of all drivers, on an EC2 whose changes take their time.
func TestConformance(t *testing.T) {
	computetest.Run(t, func(t *testing.T) computetest.Fixture {
		c := newCloud(t, emulator.Config{PendingFor: 200 * time.Millisecond, HiddenFor: 300 * time.Millisecond, GoneAfter: 200 * time.Millisecond})
		const expiry = 4 * time.Second
		return computetest.Fixture{
			Driver:       c.driver(),
			Again:        func() compute.Driver { return c.driver() },
			Complete:     c.complete,
			KafkaVersion: "4.3.1",
			LeaseExpiry:  expiry,
			LeaseGrain:   time.Second, // That of the Date header.
			Brief: func(hung bool) compute.Driver {
				d := New(Config{AWS: c.config(), LeaseExpiry: expiry})
				d.hung = hung
				return d
			},
			Schedule: func(_ *testing.T, i compute.Instance, reason string) { c.Schedule(i.ID, reason) },
		}
	})
}
