package provider

import (
	"context"
	"runtime"
	"testing"
	"weak"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// newServer serves a provider that is not configured.
func newServer(t *testing.T) tfprotov6.ProviderServer {
	t.Helper()
	server, err := NewServer(&kafkafleetProvider{version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// TestACallIsLetGo finds nothing of a call's context in memory when it has ended, which the plugin framework keeps until the process stops.
func TestACallIsLetGo(t *testing.T) {
	server := newServer(t)
	type key struct{}
	kept := func() weak.Pointer[[1 << 16]byte] {
		held := new([1 << 16]byte)
		if _, err := server.ValidateResourceConfig(context.WithValue(t.Context(), key{}, held), &tfprotov6.ValidateResourceConfigRequest{TypeName: "kafkafleet_none"}); err != nil {
			t.Fatal(err)
		}
		return weak.Make(held)
	}()
	runtime.GC()
	if kept.Value() != nil {
		t.Error("the context of a call that has ended is still held")
	}
	runtime.KeepAlive(server)
}

// TestALentContextIsThatOfItsCall sees the call's values and its end.
func TestALentContextIsThatOfItsCall(t *testing.T) {
	type key struct{}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
	var kept context.Context
	_, err := lend(ctx, "", func(lent context.Context, _ string) (string, error) {
		kept = lent
		if lent.Value(key{}) != "value" || lent.Err() != nil {
			t.Errorf("the lent context has the value %v and the error %v", lent.Value(key{}), lent.Err())
		}
		derived, done := context.WithCancel(lent)
		defer done()
		cancel()
		<-derived.Done()
		return "", lent.Err()
	})
	if err == nil {
		t.Error("the call did not see that its context ended")
	}
	if kept.Value(key{}) != nil || kept.Err() == nil {
		t.Errorf("after the call its context has the value %v and the error %v", kept.Value(key{}), kept.Err())
	}
}

// TestAnArgumentWithoutAValueIsNull: OpenTofu passes null like that.
func TestAnArgumentWithoutAValueIsNull(t *testing.T) {
	server := newServer(t)
	req := &tfprotov6.CallFunctionRequest{Name: "acl_id", Arguments: []*tfprotov6.DynamicValue{{}}}
	for _, text := range []string{"Topic", "orders", "Literal", "User:shop", "*", "Read", "Allow"} {
		req.Arguments = append(req.Arguments, &tfprotov6.DynamicValue{JSON: []byte(`"` + text + `"`)})
	}
	resp, err := server.CallFunction(t.Context(), req)
	if err != nil || resp.Error != nil {
		t.Fatal(err, resp.Error)
	}
	value, err := resp.Result.Unmarshal(tftypes.String)
	if want := tftypes.NewValue(tftypes.String, "Topic|orders|Literal|User:shop|*|Read|Allow"); err != nil || !value.Equal(want) {
		t.Errorf("%v, %v, want %v", value, err, want)
	}
}

// TestTheBindingsAreASet for Terraform, whatever they are for the plugin framework.
func TestTheBindingsAreASet(t *testing.T) {
	server := newServer(t)
	resp, err := server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for resource, name := range asSets {
		for _, attribute := range resp.ResourceSchemas[resource].Block.Attributes {
			if attribute.Name == name && attribute.ValueType().Is(tftypes.Set{}) {
				found++
			}
		}
	}
	if found != len(asSets) {
		t.Errorf("%d of %v are sets", found, asSets)
	}
}
