package provider

import (
	"bytes"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// TestAMapInWhichNothingChangesIsPlannedAsTheFrameworkDoes compares the plan that is cut short with the framework's, and sees that what may change
// something is not cut short.
func TestAMapInWhichNothingChangesIsPlannedAsTheFrameworkDoes(t *testing.T) {
	whole := newServer(t)
	schemas, err := whole.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	object, ok := schemas.ResourceSchemas["kafkafleet_topics"].ValueType().(tftypes.Object)
	if !ok {
		t.Fatal("the resource's schema is no object")
	}
	topics, ok := object.AttributeTypes["topics"].(tftypes.Map)
	if !ok {
		t.Fatal("the topics are no map")
	}
	orders := tftypes.NewValue(topics, map[string]tftypes.Value{"orders": tftypes.NewValue(topics.ElementType, map[string]tftypes.Value{
		"partitions": tftypes.NewValue(tftypes.Number, 3), "replication_factor": tftypes.NewValue(tftypes.Number, 2),
		"config": tftypes.NewValue(tftypes.Map{ElementType: tftypes.String}, map[string]tftypes.Value{"retention.ms": tftypes.NewValue(tftypes.String, "7d")}),
	})})
	text := func(s string) tftypes.Value { return tftypes.NewValue(tftypes.String, s) }
	flag := func(b bool) tftypes.Value { return tftypes.NewValue(tftypes.Bool, b) }
	// value is a resource with some attributes; the others are null.
	value := func(some ...map[string]tftypes.Value) *tfprotov6.DynamicValue {
		t.Helper()
		all := map[string]tftypes.Value{}
		for name, kind := range object.AttributeTypes {
			all[name] = tftypes.NewValue(kind, nil)
		}
		for _, more := range some {
			maps.Copy(all, more)
		}
		dynamic, err := tfprotov6.NewDynamicValue(object, tftypes.NewValue(object, all))
		if err != nil {
			t.Fatal(err)
		}
		return &dynamic
	}
	declared := map[string]tftypes.Value{"topics": orders}
	state := map[string]tftypes.Value{"topics": orders, "delete_removed": flag(true)}
	fleet := map[string]tftypes.Value{"cluster": text("main")}
	kept := map[string]tftypes.Value{"delete_removed": flag(false)}
	identities, err := whole.GetResourceIdentitySchemas(t.Context(), &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		t.Fatal(err)
	}
	kindOfIdentity := identities.IdentitySchemas["kafkafleet_topics"].ValueType()
	identity, err := tfprotov6.NewDynamicValue(kindOfIdentity, tftypes.NewValue(kindOfIdentity, map[string]tftypes.Value{"cluster": tftypes.NewValue(tftypes.String, nil), "name": text("orders")}))
	if err != nil {
		t.Fatal(err)
	}
	request := func(kind string, config, prior, proposed *tfprotov6.DynamicValue) *tfprotov6.PlanResourceChangeRequest {
		return &tfprotov6.PlanResourceChangeRequest{TypeName: kind, Config: config, PriorState: prior, ProposedNewState: proposed, PriorPrivate: []byte(`{"topic_ids":"e30="}`), PriorIdentity: &tfprotov6.ResourceIdentityData{IdentityData: &identity}}
	}
	plan := func(req *tfprotov6.PlanResourceChangeRequest) (short bool, planned tftypes.Value) {
		t.Helper()
		answer := unchangedMap(req)
		short = answer != nil
		inner, ok := whole.(server)
		if !ok {
			t.Fatalf("%T", whole)
		}
		byFramework, err := inner.allOfServer.PlanResourceChange(t.Context(), req)
		if err != nil || len(byFramework.Diagnostics) > 0 {
			t.Fatal(err, byFramework.Diagnostics)
		}
		planned, err = byFramework.PlannedState.Unmarshal(object)
		if err != nil {
			t.Fatal(err)
		}
		if !short {
			return short, planned
		}
		if len(byFramework.RequiresReplace) > 0 || !bytes.Equal(byFramework.PlannedPrivate, answer.PlannedPrivate) || !cmp.Equal(byFramework.PlannedIdentity, answer.PlannedIdentity) {
			t.Errorf("the framework answers %+v, cut short it is %+v", byFramework, answer)
		}
		own, err := answer.PlannedState.Unmarshal(object)
		if err != nil || !own.Equal(planned) {
			t.Errorf("%v: cut short it is %s, the framework plans %s", err, own, planned)
		}
		return short, planned
	}
	for name, test := range map[string]struct {
		req   *tfprotov6.PlanResourceChangeRequest
		short bool
	}{
		"nothing changes":             {request("kafkafleet_topics", value(declared), value(state), value(state)), true},
		"what is kept is declared":    {request("kafkafleet_topics", value(declared, kept), value(state, kept), value(state, kept)), true},
		"a declaration is taken away": {request("kafkafleet_topics", value(declared), value(state, kept), value(state, kept)), false},
		"topics of a fleet":           {request("kafkafleet_topics", value(declared, fleet), value(state, fleet), value(state, fleet)), false},
		"something is proposed":       {request("kafkafleet_topics", value(declared, kept), value(state), value(state, kept)), false},
	} {
		if short, _ := plan(test.req); short != test.short {
			t.Errorf("%s: cut short: %v, want %v", name, short, test.short)
		}
	}
	_, planned := plan(request("kafkafleet_topics", value(declared), value(state, kept), value(state, kept)))
	var attributes map[string]tftypes.Value
	if err := planned.As(&attributes); err != nil || !attributes["delete_removed"].Equal(flag(true)) {
		t.Errorf("the default of delete_removed does not come back: %s, %v", planned, err)
	}
	null, err := tfprotov6.NewDynamicValue(object, tftypes.NewValue(object, nil))
	if err != nil {
		t.Fatal(err)
	}
	for name, req := range map[string]*tfprotov6.PlanResourceChangeRequest{
		"another type": request("kafkafleet_topic", value(declared), value(state), value(state)),
		"no state":     request("kafkafleet_topics", value(declared), &null, &null),
		"no identity":  {TypeName: "kafkafleet_topics", Config: value(declared), PriorState: value(state), ProposedNewState: value(state)},
		"nothing":      {TypeName: "kafkafleet_topics"},
		"no msgpack":   request("kafkafleet_topics", value(declared), &tfprotov6.DynamicValue{MsgPack: []byte{1}}, &tfprotov6.DynamicValue{MsgPack: []byte{1}}),
	} {
		if unchangedMap(req) != nil {
			t.Errorf("%s is cut short", name)
		}
	}
	half := value(state).MsgPack
	cut := &tfprotov6.DynamicValue{MsgPack: half[:len(half)/2]}
	if unchangedMap(request("kafkafleet_topics", value(declared), cut, cut)) != nil {
		t.Error("half a state is cut short")
	}
}
