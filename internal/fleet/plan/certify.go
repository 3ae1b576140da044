package plan

import (
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// certifyAfter is how long a launched node may wait for its certificate before it gets one by a step of its own. It comes with the launch,
// unless the run was cut off between the two.
const certifyAfter = 5 * time.Second

// certify gives nodes the certificates that they lack, those of all groups: while the brokers can speak to nobody, the controllers' rollout
// waits for them, too. One whose certificate has ended can speak to nobody, so that it cannot even
// be drained: it gets another one before it is replaced.
func certify(o Observation, now time.Time, d *Decision) {
	for _, n := range o.Nodes {
		if !n.Uncertified || n.Dead() != "" || n.State == compute.StateStopping || now.Sub(n.LaunchedAt) <= certifyAfter {
			continue
		}
		why := "it waits for its certificate"
		if !n.CertificateEnds.IsZero() {
			why = "its certificate has ended on " + n.CertificateEnds.UTC().Format(time.DateOnly)
		}
		d.step(Step{Kind: Certify, NodeID: n.ID, Reason: why})
	}
}
