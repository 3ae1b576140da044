package kafka

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMergeReplicas: ours are added with their mark, and what others have on the list stays as they wrote it.
func TestMergeReplicas(t *testing.T) {
	cases := map[string]struct {
		list, want string
		add        []string
		changed    bool
	}{
		"empty":                     {"", "0:03,10:00", []string{"10:00", "0:03"}, true},
		"the user's own is enough":  {"0:3", "0:3", []string{"0:03"}, false},
		"beside the user's":         {"2:3,1:3", "0:03,1:3,2:3", []string{"0:03"}, true},
		"ours is there already":     {"0:03", "0:03", []string{"0:03"}, false},
		"the user throttles it all": {" * ", " * ", []string{"0:03"}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got, changed := mergeReplicas(c.list, c.add); got != c.want || changed != c.changed {
				t.Errorf("%q, %t, want %q, %t", got, changed, c.want, c.changed)
			}
		})
	}
}

// TestOnlyMarkedEntriesAreOurs: a sweep takes them off the list and leaves every other.
func TestOnlyMarkedEntriesAreOurs(t *testing.T) {
	cases := map[string]struct {
		list, kept string
		ours       map[int32][]int32
	}{
		"none":             {"", "", nil},
		"the user's all":   {"*", "", nil},
		"the user's list":  {"0:3,1:0,12:10", "0:3,1:0,12:10", nil},
		"ours":             {"0:03,0:04,1:00", "", map[int32][]int32{0: {3, 4}, 1: {0}}},
		"both on one list": {"0:03, 0:4,1:010", "0:4", map[int32][]int32{0: {3}, 1: {10}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			kept, changed := withoutMarked(c.list)
			if kept != c.kept || changed != (c.ours != nil) {
				t.Errorf("kept %q, changed %t, want %q, %t", kept, changed, c.kept, c.ours != nil)
			}
			if diff := cmp.Diff(c.ours, replicasMarked(c.list)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRateOf(t *testing.T) {
	cases := map[string]struct{ ours, others int64 }{
		"":          {-1, -1},
		"052428800": {52428800, -1},
		"52428800":  {-1, 52428800},
		"0":         {-1, 0},
		"00":        {0, -1},
	}
	for value, want := range cases {
		if ours, others := rateOf(value, true), rateOf(value, false); ours != want.ours || others != want.others {
			t.Errorf("%q is %d of ours and %d of others, want %d and %d", value, ours, others, want.ours, want.others)
		}
	}
}
