package throttle

import "testing"

// FuzzPolicy: a limit that Parse takes is one that Kafka can be given, also when it is raised as far as it ever is, and reads back as the
// very same.
func FuzzPolicy(f *testing.F) {
	for _, text := range []string{"auto", "none", "50MiB/s", "64KiB/s", "65537B/s", "1.5GB/s", "10 MiB/s", "1TiB/s", "8191PiB/s", "inf /s", "50MiB", "/s", "-1MiB/s", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse(text)
		if err != nil {
			if p.Limited() {
				t.Errorf("%q is refused, and limits all the same: %v", text, p)
			}
			return
		}
		if again, err := Parse(p.String()); err != nil || again != p {
			t.Errorf("%q is %v, which reads back as %v, %v", text, p, again, err)
		}
		if !p.auto && p != None && (p.fixed < Slowest || p.fixed > Fastest) {
			t.Errorf("%q is %d bytes per second", text, p.fixed)
		}
		const boost = 1 << 10 // As far as the engine goes.
		for _, need := range []int64{0, p.fixed, Fastest} {
			if limits, _ := p.Limits(Link{}, Rates{need, need}, boost); limits.Leader < p.fixed || limits.Follower < need {
				t.Errorf("%q becomes %+v where %d bytes per second come in", text, limits, need)
			}
		}
	})
}
