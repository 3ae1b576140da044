package check

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// noon is when the runs of these tests start.
var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func after(seconds float64) time.Time {
	return noon.Add(time.Duration(seconds * float64(time.Second)))
}

// answeredAt is a partition with acknowledgements at these seconds after the start.
func answeredAt(seconds ...float64) served {
	s := served{start: noon}
	for _, at := range seconds {
		s.ack(after(at))
	}
	return s
}

func between(from, to float64) Interval { return Interval{after(from), after(to)} }

func TestAvailabilityIsTheShareOfWindowsInWhichEveryPartitionAcknowledged(t *testing.T) {
	tests := map[string]struct {
		partitions []served
		until      float64
		excluded   []Interval
		raw, want  float64
	}{
		"every second":                          {[]served{answeredAt(0.1, 1.9, 2), answeredAt(0.5, 1.5, 2.5)}, 3, nil, 1, 1},
		"one of two partitions misses a second": {[]served{answeredAt(0, 1, 2, 3), answeredAt(0, 1, 3)}, 4, nil, 0.75, 0.75},
		"both miss different seconds":           {[]served{answeredAt(0, 2, 3), answeredAt(0, 1, 3)}, 4, nil, 0.5, 0.5},
		"the client's start does not count":     {[]served{answeredAt(0, 1, 2, 3), answeredAt(2.9, 3)}, 4, nil, 1, 1},
		"nor does the last part of a second":    {[]served{answeredAt(0, 1)}, 2.9, nil, 1, 1},
		"the end without an answer does":        {[]served{answeredAt(0, 1)}, 4, nil, 0.5, 0.5},
		"an answer after the end is none":       {[]served{answeredAt(0, 3.5)}, 3, nil, 1. / 3, 1. / 3},
		"a partition that never answered":       {[]served{answeredAt(0, 1, 2, 3), answeredAt()}, 4, nil, 0, 0},
		"no partition at all answered":          {[]served{answeredAt()}, 4, nil, 0, 0},
		"too short to say anything":             {[]served{answeredAt(0.1)}, 0.9, nil, 0, 0},

		"what is excluded does not count":              {[]served{answeredAt(0, 3)}, 4, []Interval{between(1, 3)}, 0.5, 1},
		"the window next to it does":                   {[]served{answeredAt(0, 4)}, 5, []Interval{between(1, 3)}, 0.4, 2. / 3},
		"a window that is touched is excluded":         {[]served{answeredAt(0, 3)}, 4, []Interval{between(1.99, 2.01)}, 0.5, 1},
		"a good window in there does not count either": {[]served{answeredAt(0, 1, 2)}, 4, []Interval{between(1, 3)}, 0.75, 0.5},
		"several may overlap":                          {[]served{answeredAt(0, 4)}, 5, []Interval{between(1, 3), between(2, 4)}, 0.4, 1},
		"all excluded":                                 {[]served{answeredAt(0, 1)}, 2, []Interval{between(-1, 9)}, 1, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			partitions := map[int32]served{}
			for i, s := range tt.partitions {
				partitions[int32(i)] = s
			}
			w := windowsOf(noon, after(tt.until), partitions)
			if raw, got := w.Availability(), w.Availability(tt.excluded...); raw != tt.raw || got != tt.want {
				t.Errorf("%v raw and %v, want %v and %v", raw, got, tt.raw, tt.want)
			}
		})
	}
}

func TestSilencesSayWhenAndWhere(t *testing.T) {
	w := windowsOf(noon, after(5), map[int32]served{3: answeredAt(0, 1, 4), 0: answeredAt(0, 1, 3, 4), 7: answeredAt(1, 2, 3, 4)})
	want := []Silence{{after(2), []int32{0, 3}}, {after(3), []int32{3}}}
	if diff := cmp.Diff(want, w.Silences()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want[1:], w.Silences(between(2.5, 2.6))); diff != "" {
		t.Errorf("one of them is excluded:\n%s", diff)
	}
}
