package lag_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/lag"
)

// epoch is when the windows of these tests begin.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// window is a look each second, each of a committed offset and an end.
func window(looks ...[2]int64) []lag.Sample {
	var samples []lag.Sample
	for i, l := range looks {
		samples = append(samples, lag.Sample{At: epoch.Add(time.Duration(i) * time.Second), Committed: l[0], End: l[1]})
	}
	return samples
}

func TestPartitions(t *testing.T) {
	for name, tt := range map[string]struct {
		looks [][2]int64
		// owned and free are the statuses with and without a member that has the partition; free is that of owned when it is not said.
		owned, free lag.Status
	}{
		"nothing was seen":                                 {owned: lag.Unknown},
		"never committed":                                  {looks: [][2]int64{{-1, 10}, {-1, 20}}, owned: lag.Unknown},
		"the commit was deleted":                           {looks: [][2]int64{{5, 10}, {-1, 10}}, owned: lag.Unknown},
		"one look at a lag":                                {looks: [][2]int64{{5, 10}}, owned: lag.OK},
		"committed for the first time by the last look":    {looks: [][2]int64{{-1, 10}, {-1, 10}, {5, 10}}, owned: lag.OK},
		"caught up, and nothing is written":                {looks: [][2]int64{{10, 10}, {10, 10}, {10, 10}}, owned: lag.OK},
		"caught up in the middle":                          {looks: [][2]int64{{5, 10}, {10, 10}, {10, 20}, {10, 30}}, owned: lag.OK},
		"went back after it had caught up":                 {looks: [][2]int64{{10, 10}, {2, 10}, {2, 10}}, owned: lag.OK},
		"committed beyond the end":                         {looks: [][2]int64{{10, 7}, {10, 7}}, owned: lag.OK},
		"went back":                                        {looks: [][2]int64{{5, 10}, {6, 10}, {2, 10}, {3, 10}}, owned: lag.Rewind},
		"went back and moves on for long":                  {looks: [][2]int64{{5, 90}, {2, 90}, {20, 90}, {30, 90}, {40, 90}}, owned: lag.Rewind},
		"stands still":                                     {looks: [][2]int64{{5, 10}, {5, 10}, {5, 10}}, owned: lag.Stall, free: lag.Stop},
		"stands still while records come":                  {looks: [][2]int64{{5, 10}, {5, 20}, {5, 30}}, owned: lag.Stall, free: lag.Stop},
		"stands still since its first commit":              {looks: [][2]int64{{-1, 10}, {5, 10}, {5, 10}}, owned: lag.Stall, free: lag.Stop},
		"moved, and has not for longer than it did":        {looks: [][2]int64{{5, 90}, {6, 90}, {6, 90}, {6, 90}}, owned: lag.Stop},
		"moved, and has not for as long as it did":         {looks: [][2]int64{{5, 90}, {6, 90}, {6, 90}}, owned: lag.OK},
		"commits each third second":                        {looks: [][2]int64{{5, 90}, {9, 90}, {9, 93}, {9, 96}, {30, 99}, {30, 102}, {30, 105}}, owned: lag.OK},
		"falls behind at each commit":                      {looks: [][2]int64{{5, 10}, {6, 20}, {7, 30}, {8, 40}, {9, 50}}, owned: lag.Warn},
		"keeps the same lag at each commit":                {looks: [][2]int64{{5, 10}, {6, 11}, {7, 12}, {8, 13}, {9, 14}}, owned: lag.Warn},
		"falls behind, as far as too few commits can tell": {looks: [][2]int64{{5, 10}, {6, 20}, {7, 30}, {8, 40}}, owned: lag.OK},
		"decreases once":                                   {looks: [][2]int64{{5, 10}, {6, 20}, {7, 30}, {30, 40}, {31, 50}}, owned: lag.OK},
		"works off a large lag":                            {looks: [][2]int64{{0, 1e9}, {10, 1e9}, {20, 1e9}, {30, 1e9}, {40, 1e9}}, owned: lag.OK},
		"falls behind, and commits each other look": {looks: [][2]int64{
			{0, 100}, {10, 120}, {10, 140}, {20, 160}, {20, 180}, {30, 200}, {30, 220}, {40, 240}, {40, 260},
		}, owned: lag.Warn},
		"keeps up, and commits each other look": {looks: [][2]int64{
			{0, 100}, {90, 120}, {90, 140}, {130, 160}, {130, 180}, {175, 200}, {175, 220}, {210, 240}, {210, 260},
		}, owned: lag.OK},
	} {
		t.Run(name, func(t *testing.T) {
			if got := lag.Partition(window(tt.looks...), true); got != tt.owned {
				t.Errorf("with an owner: %q, want %q", got, tt.owned)
			}
			if tt.free == "" {
				tt.free = tt.owned
			}
			if got := lag.Partition(window(tt.looks...), false); got != tt.free {
				t.Errorf("without an owner: %q, want %q", got, tt.free)
			}
		})
	}
}

func TestGroups(t *testing.T) {
	for _, tt := range []struct {
		partitions []lag.Status
		want       lag.Status
	}{
		{nil, lag.OK},
		{[]lag.Status{lag.OK, lag.Unknown}, lag.OK},
		{[]lag.Status{lag.Warn, lag.OK}, lag.Warn},
		{[]lag.Status{lag.Warn, lag.Stop}, lag.Err},
		{[]lag.Status{lag.OK, lag.Stall}, lag.Err},
		{[]lag.Status{lag.Rewind, lag.Warn}, lag.Err},
	} {
		if got := lag.Group(tt.partitions); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.partitions, got, tt.want)
		}
	}
}

// anyWindow draws looks of any offsets, some of them without a commit, at times that are in order.
func anyWindow(t *rapid.T) []lag.Sample {
	at := epoch
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) lag.Sample {
		at = at.Add(time.Duration(rapid.IntRange(1, 5000).Draw(t, "ms")) * time.Millisecond)
		return lag.Sample{At: at, Committed: rapid.Int64Range(-1, 8).Draw(t, "committed"), End: rapid.Int64Range(0, 12).Draw(t, "end")}
	}), 0, 12).Draw(t, "window")
}

// TestALagOfZeroIsOK at any time of the window, as long as there is a commit in the end. So what is settled stays as it is.
func TestALagOfZeroIsOK(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		samples := anyWindow(t)
		got := lag.Partition(samples, rapid.Bool().Draw(t, "owned"))
		switch {
		case len(samples) == 0 || samples[len(samples)-1].Committed < 0:
			if got != lag.Unknown {
				t.Fatalf("without a commit: %q", got)
			}
		case got == lag.Unknown:
			t.Fatal("unknown, with a commit")
		case lag.Settled(samples) && got != lag.OK:
			t.Fatalf("with a lag of zero: %q", got)
		}
	})
}

// TestOnlyDifferencesCount of offsets and of times.
func TestOnlyDifferencesCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		samples, owned := anyWindow(t), rapid.Bool().Draw(t, "owned")
		offset, later := rapid.Int64Range(0, 1e12).Draw(t, "offset"), time.Duration(rapid.Int64Range(0, 1e15).Draw(t, "later"))
		var moved []lag.Sample
		for _, s := range samples {
			if s.Committed >= 0 {
				s.Committed += offset
			}
			moved = append(moved, lag.Sample{At: s.At.Add(later), Committed: s.Committed, End: s.End + offset})
		}
		if a, b := lag.Partition(samples, owned), lag.Partition(moved, owned); a != b {
			t.Fatalf("%q, and moved %q", a, b)
		}
	})
}

// TestAConsumerThatCatchesUpIsOK however large its lag is, and one that never goes back is never told to.
func TestAConsumerThatCatchesUpIsOK(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := lag.Sample{At: epoch, End: rapid.Int64Range(1e6, 1e12).Draw(t, "end")}
		var samples []lag.Sample
		for range rapid.IntRange(1, 12).Draw(t, "looks") {
			written := rapid.Int64Range(0, 1000).Draw(t, "written")
			s = lag.Sample{At: s.At.Add(time.Second), Committed: s.Committed + written + rapid.Int64Range(1, 1000).Draw(t, "more"), End: s.End + written}
			samples = append(samples, s)
		}
		if got := lag.Partition(samples, rapid.Bool().Draw(t, "owned")); got != lag.OK {
			t.Fatalf("%q", got)
		}
	})
}

// TestAConsumerThatGoesBackIsTold wherever in the window it does, unless there is no lag once.
func TestAConsumerThatGoesBackIsTold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		samples := anyWindow(t)
		back, before := false, int64(lag.NoCommit)
		for _, s := range samples {
			if s.Committed >= 0 {
				back, before = back || s.Committed < before, s.Committed
			}
		}
		got := lag.Partition(samples, rapid.Bool().Draw(t, "owned"))
		if want := back && !lag.Settled(samples) && samples[len(samples)-1].Committed >= 0; want != (got == lag.Rewind) {
			t.Fatalf("went back with lag: %t, and is %q", want, got)
		}
	})
}
