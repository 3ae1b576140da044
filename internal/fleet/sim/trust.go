package sim

import (
	"encoding/json"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/pki"
)

// believes is asked when a node has got its certificate: each of the others has to believe it, and it each of them.
func (j *judge) believes(w *World, m *machine) {
	for _, id := range w.order {
		other := w.machines[id]
		if other == m || !other.connects() {
			continue
		}
		if !other.believed[m.issuer] {
			j.violate(w, Trust, "node %d does not believe node %d, which has just got its certificate (generations %d and %d of the authority)", id, m.spec.NodeID, other.generation, m.generation)
		}
		if !m.believed[other.issuer] {
			j.violate(w, Trust, "node %d, which has just got its certificate, does not believe node %d (generations %d and %d of the authority)", m.spec.NodeID, id, m.generation, other.generation)
		}
	}
}

// connects says whether a machine has a certificate, and runs what shows it to others.
func (m *machine) connects() bool {
	return m.issuer != "" && m.state != compute.StateStopped && m.state != compute.StateTerminating
}

// stored is the part of the cluster's authority that counts here, as the secret store has it.
type stored struct {
	Certificate string         `json:"certificate"`
	Other       string         `json:"other_certificate"`
	Rotation    fleet.Rotation `json:"rotation"`
	Generation  int            `json:"generation"`
}

// authority is the cluster's, empty while there is none.
func (w *World) authority() (a stored) {
	_ = json.Unmarshal(w.secrets[compute.AuthoritySecret], &a) // What cannot be read is a violation already.
	return a
}

// authority is asked when the cluster's authority is another one: the provider shows certificates of it from now on, and believes it alone, or both
// while one follows the other.
func (j *judge) authority(w *World) {
	a := w.authority()
	signer, err := pki.Certificates([]byte(a.Certificate))
	believed := map[string]bool{}
	if err == nil {
		believed, err = keyIDs(a.Certificate + a.Other)
	}
	if err != nil {
		j.violate(w, Trust, "the authority cannot be read: %s", err)
		return
	}
	for _, id := range w.order {
		if m := w.machines[id]; m.connects() && (!m.believed[string(signer[0].SubjectKeyId)] || !believed[m.issuer]) {
			j.violate(w, Trust, "node %d and the provider do not believe each other after this change of the authority (node of generation %d)", id, m.generation)
		}
	}
}
