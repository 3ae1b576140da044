package figures

import (
	"strings"
	"testing"
)

// FuzzCounters: whatever the kernel says, no more ticks were worked than there were, and what is no interface adds nothing.
func FuzzCounters(f *testing.F) {
	f.Add("cpu  100 0 100 700 100 0 0 0 0 0\n", dev(1000, 2000))
	f.Add("cpu  100 0 100 700 100 0 0\n", "eth0: 1 2 3")
	f.Add("cpu  72057594037927935 72057594037927935 1 1 1 1 1 72057594037927935\n", "")
	f.Fuzz(func(t *testing.T, stat, net string) {
		if busy, all := processors(stat); busy > all || all > 0 && !strings.HasPrefix(strings.TrimSpace(stat), "cpu") {
			t.Errorf("%d of %d ticks from %q", busy, all, stat)
		}
		if in, out := interfaces(net); in+out > 0 && !strings.Contains(net, ":") {
			t.Errorf("%d and %d bytes from %q", in, out, net)
		}
	})
}
