package kafka

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWhoHasAgreedIsNotAskedAgain(t *testing.T) {
	c := New(Config{})
	t.Cleanup(func() { _ = c.Close() })
	brokers := []Broker{{ID: 1}, {ID: 2}, {ID: 3}}
	agreed, dissent := map[int32]map[int]bool{}, map[int]string{}
	// What each broker knows, by its name, and what it is asked about.
	knows := map[string][]int{"broker 1": {7}, "broker 2": {8}, "broker 3": {7, 8}}
	var mu sync.Mutex
	var asked map[string][]int
	ask := func(_ context.Context, to nodes, left []int) ([]bool, error) {
		mu.Lock()
		defer mu.Unlock()
		asked[to.name] = left
		if knows[to.name] == nil {
			return nil, errors.New("no answer")
		}
		answers := make([]bool, len(left))
		for i, thing := range left {
			answers[i] = slices.Contains(knows[to.name], thing)
		}
		return answers, nil
	}
	round := func(left []int, wantAsked map[string][]int, wantDissent map[int]string) []int {
		t.Helper()
		asked = map[string][]int{}
		left = agreedBy(t.Context(), c, brokers, agreed, dissent, left, ask)
		if diff := cmp.Diff(asked, wantAsked); diff != "" {
			t.Errorf("the brokers are asked otherwise:\n%s", diff)
		}
		if diff := cmp.Diff(dissent, wantDissent); diff != "" {
			t.Errorf("others do not agree:\n%s", diff)
		}
		return left
	}
	left := round([]int{7, 8}, map[string][]int{"broker 1": {7, 8}, "broker 2": {7, 8}, "broker 3": {7, 8}},
		map[int]string{7: "broker 2 does not know it yet", 8: "broker 1 does not know it yet"})
	knows["broker 1"], knows["broker 2"] = []int{8}, nil
	left = round(left, map[string][]int{"broker 1": {8}, "broker 2": {7}}, map[int]string{7: "broker 2: no answer", 8: ""})
	knows["broker 2"] = []int{7}
	if left = round(left, map[string][]int{"broker 2": {7}}, map[int]string{7: "", 8: ""}); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}

// TestAgreementsOfAMomentGoByOneLook at who lives, and later ones by another: here there is nobody to ask.
func TestAgreementsOfAMomentGoByOneLook(t *testing.T) {
	c := New(Config{})
	t.Cleanup(func() { _ = c.Close() })
	c.looked.live, c.looked.at = []Broker{{ID: 1}}, time.Now()
	if live, at, err := c.living(t.Context()); err != nil || len(live) != 1 || !at.Equal(c.looked.at) {
		t.Errorf("%v at %s: %v", live, at, err)
	}
	c.looked.at = time.Now().Add(-lookAgain)
	if live, _, err := c.living(t.Context()); err == nil {
		t.Errorf("what was so before is believed: %v", live)
	}
}

func TestBusyBrokersAreAskedLessOften(t *testing.T) {
	c := New(Config{})
	t.Cleanup(func() { _ = c.Close() })
	for _, test := range []struct{ took, first, longest time.Duration }{
		{0, firstAgreementPause, soonPause},
		{10 * time.Millisecond, firstAgreementPause, soonPause},
		{30 * time.Millisecond, 10 * time.Millisecond, soonPause},
		{90 * time.Millisecond, 30 * time.Millisecond, 30 * time.Millisecond},
		{time.Minute, slowPause, slowPause},
		{time.Millisecond, firstAgreementPause, soonPause},
	} {
		c.keepPace(test.took)
		if first, longest := c.pace(); first != test.first || longest != test.longest {
			t.Errorf("after %s brokers are asked again after %s, and after %s at most", test.took, first, longest)
		}
	}
}
