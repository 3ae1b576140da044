package throttle

import (
	"strings"
	"testing"
)

// TestSpare: kafka-kit's own vectors (autothrottle limits_test.go: capacity 100, 80 % for leaders, 60 % for followers, least 10), with
// the other traffic that its utilization less its own last throttle stands for; what is beyond the capacity counts twice there.
func TestSpare(t *testing.T) {
	cases := map[string]struct {
		other int64
		share float64
		want  int64
	}{
		"leader, nothing throttled yet": {70, 0.8, 24},
		"leader, throttled":             {80 - 70, 0.8, 72},
		"leader, beyond the capacity":   {110 - 70 + (110 - 100), 0.8, 40},
		"leader, far beyond it":         {200 - 70 + (200 - 100), 0.8, 10},
		"follower, nothing throttled":   {70, 0.6, 18},
		"follower, throttled":           {80 - 70, 0.6, 54},
		"idle":                          {0, 0.9, 90},
		"full":                          {100, 0.9, 10},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Spare(100, c.other, c.share, 10); got != c.want {
				t.Errorf("%d, want %d", got, c.want)
			}
		})
	}
}

func TestDiffer(t *testing.T) {
	for _, c := range []struct {
		set, wanted int64
		want        bool
	}{{-1, 100, true}, {0, 100, true}, {100, 100, false}, {100, 109, false}, {100, 91, false}, {100, 110, true}, {100, 90, true}} {
		if got := Differ(c.set, c.wanted); got != c.want {
			t.Errorf("from %d to %d: %t", c.set, c.wanted, got)
		}
	}
}

func TestLimits(t *testing.T) {
	const mb = 1_000_000
	measured := Link{Capacity: 100 * mb, Other: &Rates{Leader: 40 * mb, Follower: 20 * mb}}
	cases := map[string]struct {
		policy Policy
		link   Link
		need   Rates
		boost  int64
		want   Rates
		raised bool
	}{
		"auto":                              {Auto, measured, Rates{}, 1, Rates{54 * mb, 72 * mb}, false},
		"auto before anything is measured":  {Auto, Link{Capacity: 100 * mb}, Rates{}, 1, Rates{Floor, Floor}, false},
		"auto where clients use it all":     {Auto, Link{100 * mb, &Rates{100 * mb, 300 * mb}}, Rates{}, 1, Rates{Floor, Floor}, false},
		"fixed, whatever clients use":       {Fixed(50 * mb), measured, Rates{}, 1, Rates{50 * mb, 50 * mb}, false},
		"fixed, below what comes in":        {Fixed(5 * mb), measured, Rates{Follower: 6 * mb}, 1, Rates{5 * mb, 12 * mb}, true},
		"fixed, hardly above what comes in": {Fixed(5 * mb), measured, Rates{Leader: 4_900_000}, 1, Rates{9_800_000, 5 * mb}, true},
		"fixed, well above it":              {Fixed(5 * mb), measured, Rates{Leader: 4 * mb, Follower: 4 * mb}, 1, Rates{5 * mb, 5 * mb}, false},
		"auto, below what comes in":         {Auto, Link{100 * mb, &Rates{95 * mb, 0}}, Rates{Leader: 20 * mb}, 1, Rates{40 * mb, 90 * mb}, true},
		"stalled twice":                     {Fixed(5 * mb), measured, Rates{}, 4, Rates{20 * mb, 20 * mb}, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got, raised := c.policy.Limits(c.link, c.need, c.boost); got != c.want || raised != c.raised {
				t.Errorf("%+v, raised %t, want %+v, %t", got, raised, c.want, c.raised)
			}
		})
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]Policy{"auto": Auto, "none": None, "50MiB/s": Fixed(50 << 20), "1GB/s": Fixed(1 << 30), "64KiB/s": Fixed(64 << 10)} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
	for text, says := range map[string]string{"": `"50MiB/s"`, "fast": `"auto"`, "50MiB": `"none"`, "-1MiB/s": "not a limit", "2TiB/s": `"1TiB/s"`, "0/s": "not a limit", "1KiB/s": "64KiB/s"} {
		if got, err := Parse(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q is %v, %v, want an error that says %s", text, got, err, says)
		}
	}
	for _, text := range []string{"auto", "none", "50MiB/s", "10000000B/s"} {
		if p, err := Parse(text); err != nil || p.String() != text {
			t.Errorf("%q reads back as %q, %v", text, p, err)
		}
	}
}
