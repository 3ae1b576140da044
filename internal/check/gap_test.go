package check

import (
	"testing"
	"time"
)

func TestLongestGap(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	second := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	tests := map[string]struct {
		acks        []int
		end         int
		longest, at int
	}{
		"between two":         {[]int{1, 2, 7, 8}, 9, 5, 2},
		"before the first":    {[]int{6, 7}, 8, 6, 0},
		"still open":          {[]int{1, 2}, 10, 8, 2},
		"none at all":         {nil, 10, 10, 0},
		"ack after the end":   {[]int{1, 2, 12}, 10, 10, 2},
		"the first of equals": {[]int{3, 6}, 6, 3, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			g := newGap(start)
			for _, s := range tt.acks {
				g.ack(second(s))
			}
			g.close(second(tt.end))
			if g.longest != time.Duration(tt.longest)*time.Second || !g.startedAt.Equal(second(tt.at)) {
				t.Errorf("longest gap %v from %v, want %d s from second %d", g.longest, g.startedAt, tt.longest, tt.at)
			}
		})
	}
}

// TestLedgerGapStaysOpen holds what a report says of a partition that never answered again.
func TestLedgerGapStaysOpen(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	second := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	tests := map[string]struct {
		outcome func(l *ledger, sequence int64)
		want    time.Duration
	}{
		"acknowledged": {func(l *ledger, sequence int64) { l.ack(sequence, 0, second(1)) }, 4 * time.Second},
		"failed":       {func(l *ledger, _ int64) { l.fail() }, 20 * time.Second},
		"open":         {func(*ledger, int64) {}, 20 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			l := &ledger{gap: newGap(start)}
			sequence, ok := l.next()
			if !ok {
				t.Fatal("an empty ledger takes no record")
			}
			tt.outcome(l, sequence)
			l.close(second(5), second(20))
			if l.gap.longest != tt.want {
				t.Errorf("longest gap %v, want %v", l.gap.longest, tt.want)
			}
		})
	}
}

func TestLedgerIsBounded(t *testing.T) {
	l := &ledger{}
	for range maxOpen {
		if _, ok := l.next(); !ok {
			t.Fatal("full too early")
		}
	}
	if _, ok := l.next(); ok {
		t.Fatalf("more than %d records without an outcome", maxOpen)
	}
	l.ack(0, 0, time.Now())
	if _, ok := l.next(); !ok {
		t.Fatal("an acknowledgement made no room")
	}
}
