package topicmap

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func mapOf(t interface{ Fatal(...any) }, claims ...Claims) Map {
	m, err := New(claims)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestOwner(t *testing.T) {
	events := Claims{Group: "events", Patterns: []string{`events\..*`, "clicks|views"}, Since: 1}
	main := Claims{Group: "main", Default: true, Since: 2}
	cases := []struct {
		name   string
		claims []Claims
		owners map[string]string
	}{
		{"nobody claims anything", nil, map[string]string{"a": "", "__consumer_offsets": ""}},
		{"a pattern stands for whole names", []Claims{events}, map[string]string{
			"events.a": "events", "events.": "events", "my.events.a": "", "eventsXa": "", "clicks": "events", "views": "events", "clicks2": "", "my-views": "",
		}},
		{"what nobody claims is the default group's", []Claims{events, main}, map[string]string{"events.a": "events", "a": "main", "__consumer_offsets": "main"}},
		{"an internal topic is like any other", []Claims{main, {Group: "system", Patterns: []string{"__.*"}, Since: 3}}, map[string]string{"__consumer_offsets": "system", "a": "main"}},
		{"the default group may claim, too", []Claims{{Group: "main", Default: true, Patterns: []string{"a"}}, {Group: "rest", Patterns: []string{"b"}}}, map[string]string{"a": "main", "b": "rest", "c": "main"}},
		{"a claim is more than the default, whichever is later", []Claims{{Group: "x", Patterns: []string{"a"}, Since: 1}, {Group: "y", Default: true, Since: 9}}, map[string]string{"a": "x", "b": "y"}},
		{"of two claims the later wins", []Claims{{Group: "x", Patterns: []string{"a.*"}, Since: 1}, {Group: "y", Patterns: []string{"ab"}, Since: 2}}, map[string]string{"ab": "y", "a": "x"}},
		{"and the other way round", []Claims{{Group: "x", Patterns: []string{"a.*"}, Since: 3}, {Group: "y", Patterns: []string{"ab"}, Since: 2}}, map[string]string{"ab": "x", "a": "x"}},
		{"of two defaults the later wins", []Claims{{Group: "x", Default: true, Since: 1}, {Group: "y", Default: true, Since: 2}}, map[string]string{"a": "y"}},
		{"a quote without its end", []Claims{{Group: "x", Patterns: []string{`\Qa.b`}}}, map[string]string{"a.b": "x", "aXb": "", "a.b.c": ""}},
		{"the longest of alternatives", []Claims{{Group: "x", Patterns: []string{"a|ab"}}}, map[string]string{"a": "x", "ab": "x", "abc": ""}},
		{"alternatives are anchored both", []Claims{{Group: "x", Patterns: []string{"a|b"}}}, map[string]string{"a": "x", "b": "x", "ax": "", "xb": ""}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := mapOf(t, c.claims...)
			for topic, want := range c.owners {
				if got := m.Owner(topic); got != want {
					t.Errorf("topic %q is of group %q, want %q", topic, got, want)
				}
			}
		})
	}
}

func TestConflicts(t *testing.T) {
	x := Claims{Group: "x", Patterns: []string{"events.*", `events\..*`}, Since: 1}
	y := Claims{Group: "y", Patterns: []string{`.*\.audit`}, Since: 2}
	cases := []struct {
		name   string
		claims []Claims
		topics []string
		want   []Conflict
	}{
		{"none", []Claims{x, y}, []string{"events.a", "a.audit", "other"}, nil},
		{"two patterns of one group are none", []Claims{x}, []string{"events.a"}, nil},
		{"one topic", []Claims{x, y}, []string{"events.a", "events.audit"}, []Conflict{{Topic: "events.audit", Claims: []Claim{{"y", `.*\.audit`}, {"x", "events.*"}}}}},
		{"the default group's is no claim", []Claims{x, {Group: "z", Default: true}}, []string{"events.a"}, nil},
		{"two defaults", []Claims{{Group: "a", Default: true, Since: 1}, {Group: "b", Default: true, Since: 2}}, []string{"t"}, []Conflict{{Claims: []Claim{{Group: "b"}, {Group: "a"}}}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, mapOf(t, c.claims...).Conflicts(c.topics)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestPatternThatIsNone: the error has the words of Go's regexp, about the pattern as it was written and not as it is anchored.
func TestPatternThatIsNone(t *testing.T) {
	for pattern, words := range map[string]string{
		"events.(": "missing closing ): `events.(`",
		"*":        "missing argument to repetition operator: `*`",
		"a)|(?:b":  "unexpected ): `a)|(?:b`",
		`\p{Nope}`: "invalid character class range: `\\p{Nope}`",
	} {
		if err := CheckPattern(pattern); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%q: %v", pattern, err)
		}
		if _, err := New([]Claims{{Group: "g", Patterns: []string{pattern}}}); err == nil || !strings.Contains(err.Error(), `group "g"`) {
			t.Errorf("%q: %v", pattern, err)
		}
	}
	if err := CheckPattern("check_runs|notifications"); err != nil {
		t.Error(err)
	}
}

// TestOwnerRules: whatever the claims, a topic has the owner that the rules give it, in whichever order the claims come, and a conflict
// is reported exactly for the topics that several groups match.
func TestOwnerRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		patterns := []string{"a", "b", "a|b", "a.*", ".*b", "c+", "abc", "__.*"}
		topics := []string{"a", "b", "ab", "aab", "cc", "abc", "__a", "z"}
		var claims []Claims
		for i := range rapid.IntRange(0, 4).Draw(t, "groups") {
			claims = append(claims, Claims{
				Group: fmt.Sprintf("g%d", i), Since: int64(i),
				Patterns: rapid.SliceOfN(rapid.SampledFrom(patterns), 0, 3).Draw(t, "patterns"),
				Default:  rapid.Bool().Draw(t, "default"),
			})
		}
		m, shuffled := mapOf(t, claims...), mapOf(t, rapid.Permutation(claims).Draw(t, "order")...)
		conflicts := map[string]Conflict{}
		for _, c := range m.Conflicts(topics) {
			conflicts[c.Topic] = c
		}
		for _, topic := range topics {
			var want string
			claimed := 0
			for _, c := range claims { // The later ones are later in this list.
				if c.Default && claimed == 0 {
					want = c.Group
				}
				alone := mapOf(t, Claims{Group: c.Group, Patterns: c.Patterns})
				if alone.Owner(topic) != "" {
					want = c.Group
					claimed++
				}
			}
			if got := m.Owner(topic); got != want || got != shuffled.Owner(topic) {
				t.Fatalf("topic %q is of %q, of %q in another order, want %q", topic, got, shuffled.Owner(topic), want)
			}
			c, found := conflicts[topic]
			if found != (claimed > 1) || found && (c.Claims[0].Group != want || len(c.Claims) != claimed) {
				t.Fatalf("topic %q is claimed by %d groups, the conflict is %+v", topic, claimed, c)
			}
		}
	})
}
