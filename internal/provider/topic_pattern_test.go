package provider

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet"
)

// TestAccTopicClaimsThatCannotBeAreToldAtPlan: before there is a cluster.
func TestAccTopicClaimsThatCannotBeAreToldAtPlan(t *testing.T) {
	root := filepath.Join(t.TempDir(), "fleets")
	second := func(claims string) string {
		return `
resource "kafkafleet_broker_group" "second" {
  cluster       = kafkafleet_cluster.c.name
  name          = "second"
  brokers       = 1
  instance_type = "local.small"
  kafka_version = "4.3.1"
  ` + claims + `
}`
	}
	topic := `
resource "kafkafleet_topic" "t" {
  cluster    = kafkafleet_cluster.c.name
  name       = "events.audit"
  partitions = 1
}`
	// Topics come after groups here, or before them: whichever is planned last finds the conflict.
	after := strings.Replace(topic, "kafkafleet_cluster.c.name", "kafkafleet_broker_group.second.cluster", 1)
	cases := map[string]struct{ config, says string }{
		"no regular expression": {fleetConfig(root, "", `topics = ["orders", "events.("]`), "Error parsing regexp: missing closing ): `events.(`."},
		"an empty pattern":      {fleetConfig(root, "", `topics = [""]`), "matches no topic"},
		"one pattern twice":     {fleetConfig(root, "", `topics = ["a", "a"]`), "duplicate"},
		"two groups": {fleetConfig(root, "", `topics = ["events.*"]`) + second("topics = [\".*audit\"]") + topic,
			`topic "events.audit" is claimed by group "`},
		"two groups before the topic": {fleetConfig(root, "", `topics = ["events.*"]`) + second("topics = [\".*audit\"]\n depends_on = [kafkafleet_broker_group.g]") + after,
			`topic "events.audit" is claimed by group "second" (by ".*audit") and group "main" (by "events.*").`},
		"two defaults": {fleetConfig(root, "", "default = true") + second("default = true\n depends_on = [kafkafleet_broker_group.g]"),
			`group "second" and group "main" are each the default group, and there can be one.`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			resource.UnitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: factories(nil),
				Steps:                    []resource.TestStep{{Config: c.config, PlanOnly: true, ExpectError: message(c.says)}},
			})
		})
	}
}

// recordDriver has the record of a cluster without nodes.
type recordDriver struct {
	compute.Driver
	record compute.Cluster
}

func (d recordDriver) GetCluster(context.Context, string) (compute.Cluster, error) {
	return d.record, nil
}
func (recordDriver) Catalog(context.Context) (compute.Catalog, error) { return compute.Catalog{}, nil }
func (recordDriver) Secret(context.Context, string, string) ([]byte, error) {
	return nil, compute.ErrNotFound
}
func (recordDriver) List(context.Context, string) ([]compute.Instance, error) { return nil, nil }

// TestConflictsAreToldAsWhatTheyAre: an error between two groups of this run, a warning beside a group that only the record knows, each
// once for all topics of the same two patterns.
func TestConflictsAreToldAsWhatTheyAre(t *testing.T) {
	recorded := map[string]compute.TopicClaim{"events": {Patterns: []string{"events.*"}, Since: 3}}
	want := fleet.BrokerGroup{Cluster: "c", Name: "main", Topics: []string{".*audit"}}
	cases := []struct {
		name            string
		plan            func(*fleet.Planned)
		at              path.Path
		summary, detail string
		severity        diag.Severity
	}{
		{"known from the record", func(*fleet.Planned) {}, path.Root("topics"), "A topic that several groups claim",
			`In cluster "c" topics "events.0audit", "events.1audit", "events.2audit", "events.3audit", "events.4audit" and 2 more are claimed by group "main" (by ".*audit") and group "events" (by "events.*"). The claim`, diag.SeverityWarning},
		{"planned", func(p *fleet.Planned) { p.Claims["events"] = compute.TopicClaim{Patterns: []string{"events.*"}} }, path.Root("topics"), "A topic that several groups claim",
			`and 2 more are claimed by group "main" (by ".*audit") and group "events" (by "events.*"). A topic lives on one group`, diag.SeverityError},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			client := fleet.New(recordDriver{record: compute.Cluster{Name: "c", ID: "x", Groups: recorded}}, fleet.Options{})
			client.Plan("c", func(p *fleet.Planned) {
				p.Claims["main"] = compute.TopicClaim{Patterns: want.Topics}
				for _, n := range strings.Split("0123456", "") {
					p.Topics["events."+n+"audit"] = true
				}
				c.plan(p)
			})
			var diags diag.Diagnostics
			(&brokerGroupResource{fleet: client}).checkClaims(t.Context(), want, &diags)
			if len(diags) != 1 {
				t.Fatalf("%d diagnostics: %v", len(diags), diags)
			}
			at, _ := diags[0].(diag.DiagnosticWithPath)
			if diags[0].Severity() != c.severity || diags[0].Summary() != c.summary || !strings.Contains(diags[0].Detail(), c.detail) || at == nil || !at.Path().Equal(c.at) {
				t.Errorf("%+v", diags[0])
			}
		})
	}
}
