package main

import (
	"fmt"
	"math"
	"time"
)

// leastAvailability is the share of seconds in which every partition must acknowledge records, those left out that Kafka itself needs to
// notice a death, and those in which a whole zone is lost.
const leastAvailability = 0.999

// result is the last line of a run.
type result struct {
	Seed uint64 `json:"seed"`
	// RecordsAcked and RecordsLost are of both topics.
	RecordsAcked int64 `json:"records_acked"`
	RecordsLost  int64 `json:"records_lost"`
	// AvailabilityRaw is the share of the seconds in which every partition acknowledged a record; Availability leaves out those that Kafka
	// itself needs to notice a death without a farewell. AvailabilityOutsideZoneLoss also leaves out the loss of a whole zone, until its nodes
	// are replaced.
	AvailabilityRaw             float64 `json:"availability_raw"`
	Availability                float64 `json:"availability"`
	AvailabilityOutsideZoneLoss float64 `json:"availability_outside_zone_loss"`
	LongestGapMillis            int64   `json:"longest_gap_ms"`
	Faults                      []fault `json:"faults"`
	// Converged says that a plan was empty in the end, Left what was not as it should be all the same. Seconds is from the first apply of
	// the roll until then.
	Converged bool     `json:"converged"`
	Left      []string `json:"left,omitempty"`
	Seconds   float64  `json:"seconds"`
}

// available says what the availability falls short of: with faults, and without.
func (r result) available(faults bool) error {
	switch {
	case !faults && r.AvailabilityRaw < 1:
		return fmt.Errorf("without any fault, availability_raw is %.4f and not 1", r.AvailabilityRaw)
	case faults && r.AvailabilityOutsideZoneLoss < leastAvailability:
		return fmt.Errorf("availability_outside_zone_loss is %.4f, less than %.3f", r.AvailabilityOutsideZoneLoss, leastAvailability)
	}
	return nil
}

// share rounds down to four digits, so that no loss is rounded away.
func share(x float64) float64 { return math.Floor(x*10_000) / 10_000 }

func seconds(d time.Duration) float64 { return math.Round(d.Seconds()*10) / 10 }
