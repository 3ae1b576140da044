package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// TestThereIsRoomForTwiceWhatIsInUse sees the limit grow with what is held, and come back.
func TestThereIsRoomForTwiceWhatIsInUse(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(room))
	withRoom(room)
	limited := func(what string, as func(limit int64) bool) {
		t.Helper()
		var limit int64
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
			runtime.GC()
			if limit = debug.SetMemoryLimit(-1); as(limit) {
				return
			}
			time.Sleep(time.Millisecond)
		}
		t.Errorf("%s: the limit is %d MB", what, limit>>20)
	}
	held := make([]byte, 2*room)
	limited(fmt.Sprintf("%d MB are held", len(held)>>20), func(limit int64) bool { return limit >= int64(2*len(held)) })
	runtime.KeepAlive(held)
	limited("nothing is held", func(limit int64) bool { return limit == room })
}
