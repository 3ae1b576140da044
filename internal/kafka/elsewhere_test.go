package kafka

import (
	"testing"
	"time"
)

// TestABrokerThatLagsOvertakesNothing: that a partition has other replicas is believed when it is so after every broker could have heard of its move, or
// after a while where that cannot be seen.
func TestABrokerThatLagsOvertakesNothing(t *testing.T) {
	start := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	type look struct {
		after               time.Duration
		overtaken, followed bool
		want                bool
	}
	for name, looks := range map[string][]look{
		"once":                          {{0, true, true, false}},
		"again, and brokers lag":        {{0, true, false, false}, {time.Second, true, false, false}, {lagsAtMost - 1, true, false, false}},
		"again when all have followed":  {{0, true, false, false}, {time.Second, true, true, true}},
		"again for long":                {{0, true, false, false}, {lagsAtMost, true, false, true}},
		"as it should be in between":    {{0, true, false, false}, {time.Second, false, true, false}, {2 * time.Second, true, true, false}},
		"as it should be for long then": {{0, true, false, false}, {time.Second, false, false, false}, {lagsAtMost, true, false, false}, {lagsAtMost + 1, true, false, false}},
	} {
		e := elsewhere{}
		for i, l := range looks {
			if got := e.believed(7, l.overtaken, l.followed, start.Add(l.after)); got != l.want {
				t.Errorf("%s: look %d is believed: %t", name, i+1, got)
			}
			if e.believed(8, false, true, start.Add(l.after)) {
				t.Errorf("%s: another partition is believed to be elsewhere", name)
			}
		}
	}
}
