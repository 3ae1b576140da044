package node

import (
	"testing"
	"time"
)

func TestNextBackoff(t *testing.T) {
	for _, test := range []struct{ last, ran, want time.Duration }{
		{0, 0, time.Second},
		{time.Second, 10 * time.Second, 2 * time.Second},
		{32 * time.Second, time.Minute, time.Minute},
		{time.Minute, 0, time.Minute},
		{time.Minute, healthyAfter - 1, time.Minute},
		{time.Minute, healthyAfter, time.Second},
	} {
		if got := nextBackoff(test.last, test.ran); got != test.want {
			t.Errorf("after a pause of %s and a run of %s the next pause is %s, want %s", test.last, test.ran, got, test.want)
		}
	}
}
