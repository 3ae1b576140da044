package provider

import (
	"bytes"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/vmihailenco/msgpack/v5"
)

// unchangedMap is the plan of a map of topics in which nothing changes, nil when it is not known to be that. The plugin framework would take two seconds
// for ten thousand topics to come to the same: it makes its own values of the state, the configuration and the plan, and walks through each
// several times.
//
// What Terraform proposes is the declared values, and those of the state where nothing is declared. The map has no default within it, so that a proposal
// that is the state, byte by byte, is the plan, unless the default of delete_removed says something else than the state. Topics of a fleet are for
// ModifyPlan to note in any case, since the plans of groups ask for them.
func unchangedMap(req *tfprotov6.PlanResourceChangeRequest) *tfprotov6.PlanResourceChangeResponse {
	if req.TypeName != "kafkafleet_topics" || req.PriorState == nil || req.ProposedNewState == nil || req.Config == nil || req.PriorIdentity == nil ||
		len(req.PriorState.MsgPack) == 0 || !bytes.Equal(req.PriorState.MsgPack, req.ProposedNewState.MsgPack) {
		return nil
	}
	state, err := clusterAndRemoval(req.PriorState.MsgPack)
	if err != nil || state["cluster"] != nil {
		return nil
	}
	declared, err := clusterAndRemoval(req.Config.MsgPack)
	if err != nil || declared["delete_removed"] == nil && state["delete_removed"] != true {
		return nil
	}
	return &tfprotov6.PlanResourceChangeResponse{PlannedState: req.ProposedNewState, PlannedPrivate: req.PriorPrivate, PlannedIdentity: req.PriorIdentity}
}

// clusterAndRemoval are the attributes cluster and delete_removed of a resource where they are not null; nil for no resource.
func clusterAndRemoval(object []byte) (map[string]any, error) {
	d := msgpack.NewDecoder(bytes.NewReader(object))
	n, err := d.DecodeMapLen()
	if err != nil || n < 0 {
		return nil, err
	}
	found := map[string]any{}
	for range n {
		name, err := d.DecodeString()
		if err != nil {
			return nil, err
		}
		if name != "cluster" && name != "delete_removed" {
			if err := d.Skip(); err != nil {
				return nil, err
			}
			continue
		}
		value, err := d.DecodeInterface()
		if err != nil {
			return nil, err
		}
		if value != nil {
			found[name] = value
		}
	}
	return found, nil
}
