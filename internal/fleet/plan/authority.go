package plan

import "time"

// Authority is what decisions depend on of a cluster's certificate authority.
type Authority struct {
	// Ends is when its own certificate ends.
	Ends time.Time
	// Generation counts the changes of what nodes get from it: whom to believe, and which authority their certificate is of.
	Generation int
	// Rotation is how far the change to another authority is.
	Rotation Rotation
}

// Rotation is a step of the change from one certificate authority to another.
type Rotation string

const (
	// NoRotation means that there is one authority.
	NoRotation Rotation = ""
	// TrustNew means that nodes believe the old authority and the new one, and have certificates of the old one.
	TrustNew Rotation = "trust_new"
	// UseNew means that nodes believe both, and have certificates of the new one.
	UseNew Rotation = "use_new"
)

// Text is how a configuration says it.
func (r Rotation) Text() string {
	if r == NoRotation {
		return "left out"
	}
	return `"` + string(r) + `"`
}

// why is the reason to replace a node that has not seen this step.
func (r Rotation) why() string {
	switch r {
	case TrustNew:
		return "it does not trust the cluster's new authority yet"
	case UseNew:
		return "its certificate is not of the cluster's new authority"
	}
	return "it trusts an authority that the cluster does not have any more"
}

// To is the authority after the step is taken that leads to a rotation's state, the same one where it is there.
func (a Authority) To(r Rotation) Authority {
	if a.Rotation != r {
		a.Rotation = r
		a.Generation++
	}
	return a
}
