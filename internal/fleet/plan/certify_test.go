package plan_test

import (
	"slices"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
)

// TestANodeIsReplacedBeforeItsCertificateEnds, while it still serves, and not for one that ends no earlier than its successor's would.
func TestANodeIsReplacedBeforeItsCertificateEnds(t *testing.T) {
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		node, authority, renew time.Duration // from now on; 0 is not known, and the default
		replaced               bool
	}{
		"plaintext":                    {},
		"new":                          {node: 365 * day, authority: 3650 * day},
		"a month left":                 {node: 30 * day, authority: 3650 * day, replaced: true},
		"a little more":                {node: 30*day + time.Hour, authority: 3650 * day},
		"ended":                        {node: -day, authority: 3650 * day, replaced: true},
		"the authority is not known":   {node: day},
		"the authority ends as well":   {node: 20 * day, authority: 20 * day},
		"the authority ends with most": {node: 20 * day, authority: 50 * day},
		"declared otherwise":           {node: 30 * day, authority: 3650 * day, renew: 10 * day},
		"declared and due":             {node: 9 * day, authority: 3650 * day, renew: 10 * day, replaced: true},
	} {
		t.Run(name, func(t *testing.T) {
			g, o := groupOf(3), fleetOf(3)
			g.RenewBefore = c.renew
			if c.node != 0 {
				o.Nodes[1].CertificateEnds = noon.Add(c.node)
			}
			if c.authority != 0 {
				o.AuthorityEnds = noon.Add(c.authority)
			}
			d := plan.Next(g, o, noon)
			launched := slices.ContainsFunc(d.Steps, func(s plan.Step) bool { return s.Kind == plan.Launch && s.Replaces == o.Nodes[1].ID })
			if launched != c.replaced || !c.replaced && !d.Done() {
				t.Errorf("replaced: %t, %+v", launched, d)
			}
		})
	}
}

// TestANodeWithoutACertificateGetsOne, also when the run that launched it was cut off before, and one whose certificate has ended before it is
// replaced.
func TestANodeWithoutACertificateGetsOne(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*plan.Node)
		due    bool
	}{
		"one that waits":                 {func(*plan.Node) {}, true},
		"one whose own has ended":        {func(n *plan.Node) { n.CertificateEnds = noon.Add(-time.Hour) }, true},
		"one that has it":                {func(n *plan.Node) { n.Uncertified = false }, false},
		"one that was just launched":     {func(n *plan.Node) { n.LaunchedAt = noon.Add(-time.Second) }, false},
		"one that stops":                 {func(n *plan.Node) { n.State = compute.StateStopping }, false},
		"a dead one":                     {func(n *plan.Node) { n.State = compute.StateStopped }, false},
		"one of another group":           {func(n *plan.Node) { n.Group = "other" }, true},
		"one that compute lists no more": {func(n *plan.Node) { n.InstanceID = "" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := fleetOf(3)
			o.Nodes[1].Uncertified = true
			c.change(&o.Nodes[1])
			due := slices.ContainsFunc(plan.Next(groupOf(3), o, noon).Steps, func(s plan.Step) bool { return s.Kind == plan.Certify && s.NodeID == o.Nodes[1].ID })
			if due != c.due {
				t.Errorf("it gets one: %t", due)
			}
		})
	}
}
