package check

import (
	"maps"
	"slices"
	"time"
)

// window is the span over which availability is judged: a partition that acknowledges nothing for less is not missed by anyone.
const window = time.Second

// Interval is a span of time, From included, To not.
type Interval struct{ From, To time.Time }

// served notes in which windows since start, by number, one partition acknowledged a record.
type served struct {
	start   time.Time
	windows map[int]bool
}

func (s *served) ack(now time.Time) {
	if s.windows == nil {
		s.windows = map[int]bool{}
	}
	s.windows[int(now.Sub(s.start)/window)] = true
}

// Windows are the one-second windows of a run. They begin with the one in which the last partition acknowledged its first record, since
// what is before that is the client's own start, and end with the last whole one before the producing did. A partition that never
// acknowledged anything leaves all of them.
type Windows struct {
	// Start is when the first of them begins.
	Start time.Time
	// Silent has, for each window, the partitions that acknowledged nothing in it, in order.
	Silent [][]int32
}

// windowsOf puts the partitions of a run together. All of them start at the same moment.
func windowsOf(start, until time.Time, partitions map[int32]served) Windows {
	count, first := int(until.Sub(start)/window), 0
	for _, s := range partitions {
		if len(s.windows) == 0 {
			first = 0
			break
		}
		first = max(first, slices.Min(slices.Collect(maps.Keys(s.windows))))
	}
	w := Windows{Start: start.Add(time.Duration(first) * window)}
	for n := first; n < count; n++ {
		var silent []int32
		for id, s := range partitions {
			if !s.windows[n] {
				silent = append(silent, id)
			}
		}
		slices.Sort(silent)
		w.Silent = append(w.Silent, silent)
	}
	return w
}

// Availability is the share of the windows in which every partition acknowledged a record, from 0 to 1. Windows that touch one of the
// excluded intervals do not count. Where none counts it is 0: nothing is proved.
func (w Windows) Availability(excluded ...Interval) float64 {
	good, all := 0, 0
	for n, silent := range w.Silent {
		if w.touches(n, excluded) {
			continue
		}
		all++
		if len(silent) == 0 {
			good++
		}
	}
	if all == 0 {
		return 0
	}
	return float64(good) / float64(all)
}

// Silence is a window in which some partitions acknowledged nothing.
type Silence struct {
	At         time.Time
	Partitions []int32
}

// Silences are the windows that count against the availability, in order.
func (w Windows) Silences(excluded ...Interval) []Silence {
	var out []Silence
	for n, silent := range w.Silent {
		if len(silent) > 0 && !w.touches(n, excluded) {
			out = append(out, Silence{w.at(n), silent})
		}
	}
	return out
}

func (w Windows) at(n int) time.Time { return w.Start.Add(time.Duration(n) * window) }

func (w Windows) touches(n int, intervals []Interval) bool {
	from, to := w.at(n), w.at(n+1)
	return slices.ContainsFunc(intervals, func(i Interval) bool { return i.From.Before(to) && i.To.After(from) })
}
