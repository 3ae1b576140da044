package emulator

import (
	"sync"
)

// replies are what moto answered to reads of one service since its last write. Moto is a Python process on the cores that the machines share, and the same looks
// come by the hundred: what EC2 takes for them it takes from nobody's broker.
type replies struct {
	mu     sync.Mutex
	known  map[string][]byte
	writes int
}

// of is the reply to a call, nil where it is not known, and after how many writes that is.
func (r *replies) of(call string) (reply []byte, writes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.known[call], r.writes
}

// keep keeps a reply to a call that was made after so many writes, unless there was another one meanwhile.
func (r *replies) keep(call string, reply []byte, writes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.writes != writes {
		return
	}
	if r.known == nil {
		r.known = map[string][]byte{}
	}
	r.known[call] = reply
}

// forget is for a write that has had its effect.
func (r *replies) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.known)
	r.writes++
}
