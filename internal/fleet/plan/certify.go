package plan

import (
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// certifyAfter is how long a launched node may wait for its certificate before it gets one by a step of its own. It comes with the launch,
// unless the run was cut off between the two.
const certifyAfter = 5 * time.Second

// certify gives the group's nodes the certificates that they lack.
func certify(g Group, o Observation, now time.Time, d *Decision) {
	for _, n := range o.Nodes {
		if n.Group == g.Name && n.Uncertified && n.Dead() == "" && n.State != compute.StateStopping && now.Sub(n.LaunchedAt) > certifyAfter {
			d.step(Step{Kind: Certify, NodeID: n.ID, Reason: "it waits for its certificate"})
		}
	}
}
