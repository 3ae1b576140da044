package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// wire is a resource as Terraform sees it.
type wire struct {
	kind   tftypes.Object
	topics tftypes.Map
}

func topicsOnTheWire(t *testing.T, s tfprotov6.ProviderServer) wire {
	t.Helper()
	schemas, err := s.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	kind, ok := schemas.ResourceSchemas["kafkafleet_topics"].ValueType().(tftypes.Object)
	if !ok {
		t.Fatal("the resource's schema is no object")
	}
	topics, ok := kind.AttributeTypes["topics"].(tftypes.Map)
	if !ok {
		t.Fatalf("the topics are a %s, and no map", kind.AttributeTypes["topics"])
	}
	return wire{kind, topics}
}

// topic is an element of the map. What is not given is null.
func (w wire) topic(parts map[string]any) tftypes.Value {
	element := w.topics.ElementType.(tftypes.Object) //nolint:forcetypeassert // A wrong type fails the test.
	all := map[string]tftypes.Value{}
	for name, kind := range element.AttributeTypes {
		all[name] = tftypes.NewValue(kind, parts[name])
	}
	return tftypes.NewValue(element, all)
}

func (w wire) object(attributes map[string]tftypes.Value) tftypes.Value {
	all := map[string]tftypes.Value{}
	for name, kind := range w.kind.AttributeTypes {
		all[name] = tftypes.NewValue(kind, nil)
	}
	maps.Copy(all, attributes)
	return tftypes.NewValue(w.kind, all)
}

func (w wire) packed(t *testing.T, value tftypes.Value) *tfprotov6.DynamicValue {
	t.Helper()
	packed, err := tfprotov6.NewDynamicValue(w.kind, value)
	if err != nil {
		t.Fatal(err)
	}
	return &packed
}

func text(s any) tftypes.Value { return tftypes.NewValue(tftypes.String, s) }

// TestWhatIsSealedIsOpenedAsItWas: Terraform gets back what it wrote, also what is null or not known yet.
func TestWhatIsSealedIsOpenedAsItWas(t *testing.T) {
	w := topicsOnTheWire(t, newServer(t))
	for name, value := range map[string]tftypes.Value{
		"no resource": tftypes.NewValue(w.kind, nil),
		"null":        w.object(nil),
		"not known":   w.object(map[string]tftypes.Value{"topics": tftypes.NewValue(w.topics, tftypes.UnknownValue)}),
		"empty":       w.object(map[string]tftypes.Value{"topics": tftypes.NewValue(w.topics, map[string]tftypes.Value{})}),
		"topics": w.object(map[string]tftypes.Value{"cluster": text("main"), "topics": tftypes.NewValue(w.topics, map[string]tftypes.Value{
			"orders":  w.topic(map[string]any{"partitions": 300, "replication_factor": tftypes.UnknownValue, "config": map[string]tftypes.Value{"retention.ms": text("7d"), "x": text(nil)}}),
			"later":   tftypes.NewValue(w.topics.ElementType, tftypes.UnknownValue),
			"nothing": tftypes.NewValue(w.topics.ElementType, nil),
			"é":       w.topic(map[string]any{"partitions": tftypes.UnknownValue, "config": tftypes.UnknownValue}),
		})}),
	} {
		before := w.packed(t, value)
		object := before
		if err := sealed["kafkafleet_topics"].seal(&object); err != nil {
			t.Fatal(err)
		}
		if name == "topics" && strings.Contains(string(object.MsgPack), "orders") {
			t.Error("the topics are not sealed")
		}
		if known := !bytes.Contains(object.MsgPack, []byte("topics\xd4\x00\x00")); known == (name == "not known") {
			t.Errorf("%s: what the framework gets is known: %v", name, known)
		}
		if err := sealed["kafkafleet_topics"].open(&object); err != nil {
			t.Fatal(err)
		}
		if after, err := object.Unmarshal(w.kind); err != nil || !after.Equal(value) {
			t.Errorf("%s: %v: %s became %s", name, err, value, after)
		}
		other := before
		if err := sealed["kafkafleet_topic"].seal(&other); err != nil || other != before {
			t.Errorf("a resource without such an attribute is changed, %v", err)
		}
	}
	for _, cut := range [][]byte{{}, {0x81}, {0x81, 0xa1}, {0xc1}} {
		object := &tfprotov6.DynamicValue{MsgPack: cut}
		if err := sealed["kafkafleet_topics"].seal(&object); err == nil {
			t.Errorf("%x was sealed", cut)
		}
	}
}

// TestTopicsAreReadAsTheyWereWritten by what reads and writes the sealed text.
func TestTopicsAreReadAsTheyWereWritten(t *testing.T) {
	retention := types.MapValueMust(types.StringType, map[string]attr.Value{"retention.ms": types.StringValue("7d"), "x": types.StringNull(), "y": types.StringUnknown()})
	topics := map[string]topicOfMany{
		"orders":   {Partitions: types.Int64Value(1 << 30), ReplicationFactor: types.Int64Value(3), Config: retention},
		"later":    {Partitions: types.Int64Unknown(), ReplicationFactor: types.Int64Unknown(), Config: types.MapUnknown(types.StringType)},
		"imported": {Config: types.MapNull(types.StringType)},
	}
	written, err := topicsText(topics)
	if err != nil {
		t.Fatal(err)
	}
	read, err := topicsOf(written)
	if err != nil || !maps.EqualFunc(topics, read, topicOfMany.equal) {
		t.Errorf("%v: %v was read as %v", err, topics, read)
	}
	for broken, says := range map[string]string{
		"*": "illegal base64", "gQ==": "EOF", sealedText([]byte{0x81, 0xa1, 'a', 0xa1, 'b'}): `topic "a"`,
		sealedText([]byte("\x81\xa1a\x81\xaapartitions\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00")): `topic "a": partitions: 1.5 is no whole number`,
		sealedText([]byte("\x81\xa1a\x81\xaapartitions\xcf\xff\xff\xff\xff\xff\xff\xff\xff")): "18446744073709551615 is no whole number",
		sealedText([]byte("\x81\xa1a\x81\xaapartitions\xa220")):                               "20 is no whole number",
		sealedText([]byte("\x81\xa1a\x81\xa5later\xa220")):                                    "later: topics have no such attribute",
		sealedText([]byte("\x81\xa1a\x81\xa6config\x81\xa1k\x01")):                            `config: "k"`,
	} {
		if _, err := topicsOf(broken); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q was read, or not for %q: %v", broken, says, err)
		}
	}
}

// TestAStateOfTopicsIsKeptAsItIs when Terraform has it checked before a plan.
func TestAStateOfTopicsIsKeptAsItIs(t *testing.T) {
	s := newServer(t)
	w := topicsOnTheWire(t, s)
	for _, state := range []string{
		`{"cluster":"main","delete_removed":true,"topics":{"orders":{"partitions":300,"replication_factor":3,"config":{"retention.ms":"7d"}},"é":{"partitions":1,"replication_factor":1,"config":null}}}`,
		`{"topics":null}`, `{}`,
	} {
		resp, err := s.UpgradeResourceState(t.Context(), &tfprotov6.UpgradeResourceStateRequest{TypeName: "kafkafleet_topics", RawState: &tfprotov6.RawState{JSON: []byte(state)}})
		if err != nil || len(resp.Diagnostics) > 0 {
			t.Fatal(err, resp)
		}
		var attributes map[string]json.RawMessage
		if err := json.Unmarshal([]byte(state), &attributes); err != nil {
			t.Fatal(err)
		}
		for name := range w.kind.AttributeTypes {
			if attributes[name] == nil {
				attributes[name] = []byte("null")
			}
		}
		whole, err := json.Marshal(attributes)
		if err != nil {
			t.Fatal(err)
		}
		want, err := tfprotov6.RawState{JSON: whole}.Unmarshal(w.kind)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := resp.UpgradedState.Unmarshal(w.kind); err != nil || !got.Equal(want) {
			t.Errorf("%v: %s became %s", err, want, got)
		}
	}
	later := &tfprotov6.RawState{JSON: []byte(`{"topics":{"orders":{"partitions":1,"replication_factor":1,"config":null,"later":1}},"later":1}`)}
	if resp, err := s.UpgradeResourceState(t.Context(), &tfprotov6.UpgradeResourceStateRequest{TypeName: "kafkafleet_topics", RawState: later}); err != nil || len(resp.Diagnostics) > 0 {
		t.Errorf("a state of a later version: %v, %v", err, resp)
	} else if _, err := resp.UpgradedState.Unmarshal(w.kind); err != nil {
		t.Errorf("a state of a later version is still one: %v", err)
	}
	for _, broken := range []string{
		`{"topics":{"orders":{"partitions":"many"}}}`, `{"topics":{"orders":{"partitions":1.5}}}`, `{"topics":{"orders":{"partitions":{}}}}`, `{"topics":{"orders":{"config":{"k":1}}}}`,
		`{"topics":3}`, `[]`,
	} {
		resp, err := s.UpgradeResourceState(t.Context(), &tfprotov6.UpgradeResourceStateRequest{TypeName: "kafkafleet_topics", RawState: &tfprotov6.RawState{JSON: []byte(broken)}})
		if err != nil || len(resp.Diagnostics) != 1 || resp.Diagnostics[0].Summary != "The state cannot be read" {
			t.Errorf("%s was taken for a state: %v", broken, err)
		}
	}
}

// TestTopicsThatCannotBeAreToldByTheirPlaceInTheMap: the plugin framework, which has the map as one text, does not look into it.
func TestTopicsThatCannotBeAreToldByTheirPlaceInTheMap(t *testing.T) {
	s := newServer(t)
	w := topicsOnTheWire(t, s)
	config := w.object(map[string]tftypes.Value{"topics": tftypes.NewValue(w.topics, map[string]tftypes.Value{
		"good":    w.topic(map[string]any{"partitions": 1, "replication_factor": 32767, "config": map[string]tftypes.Value{"retention.ms": text("7d")}}),
		"later":   tftypes.NewValue(w.topics.ElementType, tftypes.UnknownValue),
		"bad one": w.topic(map[string]any{"partitions": 1}),
		"none":    w.topic(map[string]any{"partitions": 0, "replication_factor": 32768}),
		"null":    tftypes.NewValue(w.topics.ElementType, nil),
		"secret":  w.topic(map[string]any{"partitions": 1, "config": map[string]tftypes.Value{"": text("1"), "ssl.key.password": text("x")}}),
	})})
	resp, err := s.ValidateResourceConfig(t.Context(), &tfprotov6.ValidateResourceConfigRequest{TypeName: "kafkafleet_topics", Config: w.packed(t, config)})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range resp.Diagnostics {
		got = append(got, d.Attribute.String()+": "+d.Summary)
	}
	slices.Sort(got)
	at := func(steps string) string { return `AttributeName("topics").ElementKeyString(` + steps }
	want := []string{
		at(`"bad one"): Not a topic name`), at(`"none").AttributeName("partitions"): Invalid Attribute Value`), at(`"none").AttributeName("replication_factor"): Invalid Attribute Value`),
		at(`"null"): A topic is null`), at(`"secret").AttributeName("config").ElementKeyString(""): Invalid Attribute Value Length`),
		at(`"secret").AttributeName("config").ElementKeyString("ssl.key.password"): A setting that cannot be declared here`),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestAConfigurationIsGeneratedOfTopics as Terraform reads it.
func TestAConfigurationIsGeneratedOfTopics(t *testing.T) {
	s := newServer(t)
	generator, ok := s.(interface {
		GenerateResourceConfig(context.Context, *tfprotov6.GenerateResourceConfigRequest) (*tfprotov6.GenerateResourceConfigResponse, error)
	})
	if !ok {
		t.Fatalf("a %T generates nothing", s)
	}
	w := topicsOnTheWire(t, s)
	state := w.object(map[string]tftypes.Value{"topics": tftypes.NewValue(w.topics, map[string]tftypes.Value{"orders": w.topic(map[string]any{"partitions": 3, "replication_factor": 2})})})
	resp, err := generator.GenerateResourceConfig(t.Context(), &tfprotov6.GenerateResourceConfigRequest{TypeName: "kafkafleet_topics", State: w.packed(t, state)})
	if err != nil || len(resp.Diagnostics) > 0 {
		t.Fatal(err, resp)
	}
	if got, err := resp.Config.Unmarshal(w.kind); err != nil || !got.Equal(state) {
		t.Errorf("%v: of %s %s was generated", err, state, got)
	}
}
