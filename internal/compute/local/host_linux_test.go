package local

import (
	"fmt"
	"testing"
)

// FuzzStat: a process can call itself what it wants, also like the end of its own line in the process table. It is never taken for another
// one, which would be killed in its place.
func FuzzStat(f *testing.F) {
	const line = "7 (java) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 33 0 4711 99 100"
	f.Add([]byte(line), "java", uint16(7), uint64(4711))
	f.Add([]byte("7 (a) b) Z 1 7 7 0"), ") S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 (", uint16(1), uint64(1<<63))
	f.Add([]byte(""), "\n) X\t(", uint16(0), uint64(0))
	f.Add([]byte("7 (a) S 1 7 x 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 33 0 -1"), "", uint16(3), uint64(2))
	f.Fuzz(func(t *testing.T, stat []byte, name string, session uint16, started uint64) {
		if p, ended, err := parseStat(7, stat); err != nil && (p != process{} || ended) {
			t.Errorf("%q cannot be read, %v, and is %+v, ended: %t, all the same", stat, err, p, ended)
		} else if err == nil && p.pid != 7 {
			t.Errorf("%q is process %d", stat, p.pid)
		}
		for state, want := range map[string]bool{"S": false, "Z": true, "X": true} {
			line := fmt.Sprintf("7 (%s) %s 1 7 %d 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 %d 99 100", name, state, session, started)
			if p, ended, err := parseStat(7, []byte(line)); err != nil || ended != want || p != (process{pid: 7, session: int(session), started: started}) {
				t.Errorf("%q is %+v, ended: %t, %v", line, p, ended, err)
			}
		}
	})
}
