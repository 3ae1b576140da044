package topicmap

import (
	"regexp"
	"testing"
	"unicode/utf8"
)

// FuzzPattern: a pattern that is taken stands for exactly the names that it matches from the first character to the last, and a name that
// is quoted stands for itself alone.
func FuzzPattern(f *testing.F) {
	for _, pattern := range []string{
		`events\..*`, "clicks|views", "a|ab", "ab|a", "a)|(?:b", `\Qa.b`, `\Qa.b\E`, "(?i)ORDERS", "(?m)^a$", "^a$", "(?U)a*", "a*?", "", "*", "(?s).", `a{1001}`, "[[:alpha:]]+", `\bab\b`, `a$|ab`,
	} {
		for _, topic := range []string{"ab", "a.b", "clicks", "orders\nx", ""} {
			f.Add(pattern, topic)
		}
	}
	f.Fuzz(func(t *testing.T, pattern, topic string) {
		if !utf8.ValidString(topic) {
			return // No topic's name is, and no pattern can be.
		}
		quoted := mapOf(t, Claims{Group: "g", Patterns: []string{regexp.QuoteMeta(topic)}})
		for name, want := range map[string]string{topic: "g", topic + "x": "", "x" + topic: ""} {
			if got := quoted.Owner(name); got != want {
				t.Errorf("the name %q, quoted, gives %q to %q", topic, name, got)
			}
		}
		if CheckPattern(pattern) != nil {
			if _, err := New([]Claims{{Group: "g", Patterns: []string{pattern}}}); err == nil {
				t.Errorf("%q is no pattern, and makes a map", pattern)
			}
			return
		}
		m := mapOf(t, Claims{Group: "g", Patterns: []string{pattern}})
		anchored, err := regexp.Compile(`\A(?:` + pattern + `)\z`)
		if err != nil {
			return // Only what is not closed is not to be anchored by text around it.
		}
		if claimed := m.Owner(topic) == "g"; claimed != anchored.MatchString(topic) {
			t.Errorf("%q claims %q: %t", pattern, topic, claimed)
		}
	})
}
