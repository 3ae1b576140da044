package plan_test

import (
	"slices"
	"strings"
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
				o.Authority.Ends = noon.Add(c.authority)
			}
			d := plan.Next(g, o, noon)
			launched := slices.ContainsFunc(d.Steps, func(s plan.Step) bool { return s.Kind == plan.Launch && s.Replaces == o.Nodes[1].ID })
			if launched != c.replaced || !c.replaced && !d.Done() {
				t.Errorf("replaced: %t, %+v", launched, d)
			}
		})
	}
}

// TestANodeIsReplacedWhenTheAuthorityGivesOutSomethingElse, once, whatever its group is, and not while nobody knows what the authority gives out.
func TestANodeIsReplacedWhenTheAuthorityGivesOutSomethingElse(t *testing.T) {
	for name, c := range map[string]struct {
		generation int
		authority  plan.Authority
		why        string
	}{
		"as it was":     {0, plan.Authority{}, ""},
		"the same":      {2, plan.Authority{Generation: 2, Rotation: plan.UseNew}, ""},
		"not known":     {2, plan.Authority{}, ""},
		"trusts one":    {0, plan.Authority{Generation: 1, Rotation: plan.TrustNew}, "does not trust the cluster's new authority yet"},
		"of the old":    {1, plan.Authority{Generation: 2, Rotation: plan.UseNew}, "not of the cluster's new authority"},
		"trusts both":   {2, plan.Authority{Generation: 3}, "does not have any more"},
		"to be planned": {1, plan.Authority{Generation: 1, Rotation: plan.TrustNew}.To(plan.UseNew), "not of the cluster's new authority"},
		"planned again": {1, plan.Authority{Generation: 1, Rotation: plan.TrustNew}.To(plan.TrustNew), ""},
	} {
		t.Run(name, func(t *testing.T) {
			g, o := groupOf(3), fleetOf(3)
			o.Authority = c.authority
			o.Authority.Ends = noon.Add(10 * 365 * 24 * time.Hour)
			for i := range o.Nodes {
				o.Nodes[i].CertificateEnds, o.Nodes[i].AuthorityGeneration = noon.Add(365*24*time.Hour), c.authority.Generation
			}
			o.Nodes[1].AuthorityGeneration = c.generation
			d := plan.Next(g, o, noon)
			launched := slices.ContainsFunc(d.Steps, func(s plan.Step) bool {
				return s.Kind == plan.Launch && s.Replaces == o.Nodes[1].ID && strings.Contains(s.Reason, c.why)
			})
			if launched != (c.why != "") || !launched && !d.Done() {
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
