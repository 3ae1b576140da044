package node

import "time"

const (
	firstBackoff = time.Second
	maxBackoff   = time.Minute
	// healthyAfter is how long Kafka must have run for a crash to count as the first again.
	healthyAfter = 5 * time.Minute
)

// nextBackoff is the pause before the next start: it doubles after each crash, from firstBackoff up to maxBackoff, and begins anew when
// Kafka had been healthy. last is the pause before, 0 for none; ran is how long Kafka has run.
func nextBackoff(last, ran time.Duration) time.Duration {
	if last == 0 || ran >= healthyAfter {
		return firstBackoff
	}
	return min(2*last, maxBackoff)
}
