package main

import (
	"fmt"
	"slices"
	"testing"
)

func TestAScheduleHasEachFaultOnceAndFollowsFromItsSeed(t *testing.T) {
	orders := map[string]bool{}
	for seed := range uint64(50) {
		s := schedule(seed, kinds)
		var got []kind
		for _, p := range s {
			if p.pause < shortestPause || p.pause > longestPause {
				t.Errorf("seed %d: a pause of %s", seed, p.pause)
			}
			got = append(got, p.kind)
		}
		orders[fmt.Sprint(got)] = true
		if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(kinds))) {
			t.Errorf("seed %d has %v", seed, got)
		}
		if again := schedule(seed, kinds); !slices.Equal(again, s) {
			t.Errorf("seed %d gave %v and then %v", seed, s, again)
		}
	}
	if len(orders) < 40 {
		t.Errorf("50 seeds gave %d orders only", len(orders))
	}
}

// TestFewerFaultsAreThoseOfTheWholeRun: so a fault that went wrong can be tried by itself.
func TestFewerFaultsAreThoseOfTheWholeRun(t *testing.T) {
	all, some := schedule(7, kinds), schedule(7, []kind{loseZone, hangBroker})
	want := slices.DeleteFunc(all, func(p planned) bool { return p.kind != loseZone && p.kind != hangBroker })
	if !slices.Equal(some, want) {
		t.Errorf("%v, want %v", some, want)
	}
}

func TestParseFaults(t *testing.T) {
	for text, want := range map[string][]kind{"all": kinds, "none": nil, "lose-zone,kill-broker": {loseZone, killBroker}} {
		if got, err := parseFaults(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	if got, err := parseFaults("kill-broker,flood"); err == nil {
		t.Errorf("there is no flood, and the faults are %v", got)
	}
}
