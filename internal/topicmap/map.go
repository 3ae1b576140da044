// Package topicmap says which topic lives on which broker group of a cluster.
//
// Each group claims topics by patterns, and at most one is the default group, which has what nobody claims. A [Map] is made of the
// claims of all groups of a cluster. It is pure: the claims come from the cluster's record, where each group writes its own.
package topicmap

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
)

// Claims are what one group wants of a cluster's topics.
type Claims struct {
	Group string
	// Patterns are regular expressions in RE2's syntax. Each stands for the topics whose whole name it matches.
	Patterns []string
	// Default says that the group also has every topic that no group claims.
	Default bool
	// Since orders the claims of groups by when they were last changed: the higher is the later.
	Since int64
}

// Map gives topics to groups. The zero Map gives none.
type Map struct {
	// groups in the order in which their claims win: the latest first.
	groups []group
}

type group struct {
	Claims
	compiled []*regexp.Regexp
}

// New makes the map of all groups of a cluster. An error names the group and the pattern that is none, in the words of Go's regexp.
func New(claims []Claims) (Map, error) {
	var m Map
	for _, c := range claims {
		g := group{Claims: c}
		for _, p := range c.Patterns {
			compiled, err := compile(p)
			if err != nil {
				return Map{}, fmt.Errorf("the topics of group %q: %w", c.Group, err)
			}
			g.compiled = append(g.compiled, compiled)
		}
		m.groups = append(m.groups, g)
	}
	slices.SortFunc(m.groups, func(a, b group) int {
		return cmp.Or(cmp.Compare(b.Since, a.Since), cmp.Compare(a.Group, b.Group))
	})
	return m, nil
}

// CheckPattern says, in the words of Go's regexp, why a text is no pattern; nil when it is one.
func CheckPattern(pattern string) error {
	_, err := compile(pattern)
	return err
}

// compile makes a pattern of which the longest match counts, see whole. It is not anchored by text around it: "a)|(?:b" is no pattern, and
// would become one, while "\Qa.b", which may end without its "\E", would become none.
func compile(pattern string) (*regexp.Regexp, error) {
	compiled, err := regexp.Compile(pattern)
	if err == nil {
		compiled.Longest()
	}
	return compiled, err
}

// whole says that a compiled pattern matches the whole name: of all matches the leftmost is found, and the longest of those.
func whole(pattern *regexp.Regexp, name string) bool {
	at := pattern.FindStringIndex(name)
	return at != nil && at[0] == 0 && at[1] == len(name)
}

// claim returns the first pattern of the group that matches the topic's name.
func (g group) claim(topic string) (pattern string, ok bool) {
	for i, c := range g.compiled {
		if whole(c, topic) {
			return g.Patterns[i], true
		}
	}
	return "", false
}

// Owner is the group that the topic lives on: the one that claims it, or else the default group. Of several groups it is the one whose
// claims were changed last, so that two writers never take a topic from each other in turns while humans sort it out. "" means that
// no group claims the topic and none is the default: it may live anywhere.
func (m Map) Owner(topic string) string {
	for _, g := range m.groups {
		if _, ok := g.claim(topic); ok {
			return g.Group
		}
	}
	for _, g := range m.groups {
		if g.Default {
			return g.Group
		}
	}
	return ""
}

// Claim is one side of a conflict.
type Claim struct {
	Group string
	// Pattern is the pattern that matches; "" in a conflict of default groups.
	Pattern string
}

// Conflict is a topic that several groups claim.
type Conflict struct {
	// Topic is the topic's name; "" means that the groups all want to be the default group.
	Topic string
	// Claims in the order in which they win: the first is the owner's.
	Claims []Claim
}

// Conflicts returns what more than one group claims: first the place of the default group, then the topics, in the order given.
func (m Map) Conflicts(topics []string) []Conflict {
	var out []Conflict
	var defaults []Claim
	for _, g := range m.groups {
		if g.Default {
			defaults = append(defaults, Claim{Group: g.Group})
		}
	}
	if len(defaults) > 1 {
		out = append(out, Conflict{Claims: defaults})
	}
	for _, topic := range topics {
		if claims := m.claims(topic); len(claims) > 1 {
			out = append(out, Conflict{Topic: topic, Claims: claims})
		}
	}
	return out
}

func (m Map) claims(topic string) []Claim {
	var out []Claim
	for _, g := range m.groups {
		if pattern, ok := g.claim(topic); ok {
			out = append(out, Claim{Group: g.Group, Pattern: pattern})
		}
	}
	return out
}
