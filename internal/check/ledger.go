package check

import (
	"sync"
	"time"
)

// ledger is what the producer knows of one partition. It is safe for concurrent use.
type ledger struct {
	partition int32

	mu      sync.Mutex
	entries []entry
	// open is how many records have no outcome yet, failed how many ended without an acknowledgement.
	open, failed int
	acked        int64
	gap          gap
	served       served
}

// next books a record and returns its sequence, or false while too many are without an outcome: a partition that is stuck
// must not take the place of the others, whose gaps are measured too.
func (l *ledger) next() (int64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open >= maxOpen {
		return 0, false
	}
	l.open++
	l.entries = append(l.entries, entry{offset: -1})
	return int64(len(l.entries) - 1), true
}

func (l *ledger) seal(sequence int64, checksum uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries[sequence].checksum = checksum
}

func (l *ledger) ack(sequence, offset int64, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	l.acked++
	l.entries[sequence].acked = true
	l.entries[sequence].offset = offset
	l.gap.ack(now)
	l.served.ack(now)
}

func (l *ledger) fail() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	l.failed++
}

// close ends the last gap: at the end of the producing, or, when records are still without an acknowledgement, now.
func (l *ledger) close(producedUntil, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open > 0 || l.failed > 0 {
		l.gap.close(now)
		return
	}
	l.gap.close(producedUntil)
}
