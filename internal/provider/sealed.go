package provider

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// sealed are attributes, by resource, that the plugin framework has as one text in place of thousands of values: what Terraform wrote, which the
// resource reads and writes by itself. Terraform sees them as they are here. The framework makes values of its own of the state, the
// configuration and the plan, walks through each several times, and copies them: a plan of ten thousand topics took it six seconds and 400 MB
// (docs/adr/0025).
var sealed = map[string]*sealedAttribute{
	"kafkafleet_topics": {topicsAttribute},
}

// sealedAttribute is such an attribute. None, which is nil, seals nothing.
type sealedAttribute struct{ *tfprotov6.SchemaAttribute }

// show puts the attribute as Terraform sees it into a resource's schema.
func (a *sealedAttribute) show(schema *tfprotov6.Schema) {
	for i, attribute := range schema.Block.Attributes {
		if attribute.Name == a.Name {
			schema.Block.Attributes[i] = a.SchemaAttribute
		}
	}
}

// seal replaces values of a resource by those that the framework gets.
func (a *sealedAttribute) seal(objects ...**tfprotov6.DynamicValue) error {
	return a.each(objects, func(value msgpack.RawMessage, e *msgpack.Encoder) error { return e.EncodeString(sealedText(value)) })
}

// open replaces values of a resource from the framework by those that Terraform gets.
func (a *sealedAttribute) open(objects ...**tfprotov6.DynamicValue) error {
	return a.each(objects, func(value msgpack.RawMessage, e *msgpack.Encoder) error {
		var text string
		if err := msgpack.Unmarshal(value, &text); err != nil {
			return err
		}
		packed, err := unsealed(text)
		if err != nil {
			return err
		}
		return e.Encode(packed)
	})
}

func (a *sealedAttribute) each(objects []**tfprotov6.DynamicValue, write func(value msgpack.RawMessage, e *msgpack.Encoder) error) error {
	if a == nil {
		return nil
	}
	for _, object := range objects {
		if *object == nil {
			continue
		}
		changed, err := rewritten((*object).MsgPack, a.Name, func(value msgpack.RawMessage, e *msgpack.Encoder) error {
			if value[0] == msgpcode.Nil || msgpcode.IsExt(value[0]) { // Null, or not known yet.
				return e.Encode(value)
			}
			return write(value, e)
		})
		if err != nil {
			return fmt.Errorf("the attribute %q of a resource: %w", a.Name, err)
		}
		*object = &tfprotov6.DynamicValue{MsgPack: changed}
	}
	return nil
}

// rewritten is an object in MessagePack with one of its attributes written anew. Of no object, which is null, nothing is.
func rewritten(object []byte, name string, write func(value msgpack.RawMessage, e *msgpack.Encoder) error) ([]byte, error) {
	attributes, err := packedMap(object)
	if err != nil || attributes == nil {
		return object, err
	}
	var out bytes.Buffer
	e := msgpack.NewEncoder(&out)
	if err := e.EncodeMapLen(len(attributes)); err != nil {
		return nil, err
	}
	for _, attribute := range attributes {
		if err := e.EncodeString(attribute.name); err != nil {
			return nil, err
		}
		if attribute.name != name {
			err = e.Encode(attribute.value)
		} else {
			err = write(attribute.value, e)
		}
		if err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

// sealState is a state as Terraform keeps it, in JSON, with what the framework gets in place of the attribute.
func (a *sealedAttribute) sealState(state *tfprotov6.RawState) (*tfprotov6.RawState, error) {
	if a == nil || state == nil || state.JSON == nil {
		return state, nil
	}
	var attributes map[string]json.RawMessage
	if err := json.Unmarshal(state.JSON, &attributes); err != nil {
		return nil, fmt.Errorf("the state of a resource: %w", err)
	}
	is, ok := attributes[a.Name]
	if !ok {
		return state, nil
	}
	packed, err := packedJSON(a.ValueType(), is)
	if err != nil {
		return nil, fmt.Errorf("the attribute %q of a state: %w", a.Name, err)
	}
	if packed[0] == msgpcode.Nil {
		return state, nil
	}
	if attributes[a.Name], err = json.Marshal(sealedText(packed)); err != nil {
		return nil, err
	}
	text, err := json.Marshal(attributes)
	return &tfprotov6.RawState{JSON: text}, err
}

// unreadableState tells why a state cannot be read.
func unreadableState(err error) []*tfprotov6.Diagnostic {
	return []*tfprotov6.Diagnostic{{Severity: tfprotov6.DiagnosticSeverityError, Summary: "The state cannot be read", Detail: sentence(err)}}
}

// sealedText is how the framework carries MessagePack: as a text that JSON can have as well, in which states are kept.
func sealedText(value msgpack.RawMessage) string { return base64.StdEncoding.EncodeToString(value) }

// unsealed is what sealedText was made of.
func unsealed(text string) (msgpack.RawMessage, error) { return base64.StdEncoding.DecodeString(text) }
