package provider

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// Values in MessagePack as Terraform writes them: what is not known yet is an extension. The libraries of the plugin framework make two trees of values of
// each, which took a map of ten thousand topics a second in every plan.

// packedEntry is an entry of a map in MessagePack.
type packedEntry struct {
	name  string
	value msgpack.RawMessage
}

// packedMap are the entries of a map, or of an object, in their order; nil for null.
func packedMap(value msgpack.RawMessage) ([]packedEntry, error) {
	d := msgpack.NewDecoder(bytes.NewReader(value))
	n, err := d.DecodeMapLen()
	if err != nil || n < 0 {
		return nil, err
	}
	entries := []packedEntry{}
	for range n {
		var entry packedEntry
		if entry.name, err = d.DecodeString(); err != nil {
			return nil, err
		}
		if entry.value, err = d.DecodeRaw(); err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// packedJSON is a value of a type, of JSON, in MessagePack. Attributes that the type does not have are left out, as the framework does it: a later version
// may have written more.
func packedJSON(kind tftypes.Type, text json.RawMessage) (msgpack.RawMessage, error) {
	in := json.NewDecoder(bytes.NewReader(text))
	in.UseNumber()
	var value any
	if err := in.Decode(&value); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err := writeJSON(msgpack.NewEncoder(&out), kind, value)
	return out.Bytes(), err
}

func writeJSON(e *msgpack.Encoder, kind tftypes.Type, value any) error {
	switch value := value.(type) {
	case nil:
		return e.EncodeNil()
	case string:
		if kind.Is(tftypes.String) {
			return e.EncodeString(value)
		}
	case json.Number:
		if n, err := value.Int64(); err == nil && kind.Is(tftypes.Number) {
			return e.EncodeInt(n)
		}
	case map[string]any:
		kinds := map[string]tftypes.Type{}
		switch kind := kind.(type) {
		case tftypes.Map:
			for name := range value {
				kinds[name] = kind.ElementType
			}
		case tftypes.Object:
			kinds = kind.AttributeTypes
		default:
			return fmt.Errorf("it is %v, and is to be %s", value, kind)
		}
		if err := e.EncodeMapLen(len(kinds)); err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(kinds)) {
			if err := e.EncodeString(name); err != nil {
				return err
			}
			if err := writeJSON(e, kinds[name], value[name]); err != nil {
				return fmt.Errorf("%q: %w", name, err)
			}
		}
		return nil
	}
	return fmt.Errorf("it is %v, and is to be %s", value, kind)
}

// readAbsent reads a value that is null, or not known yet. Of any other it reads nothing.
func readAbsent(d *msgpack.Decoder) (null, unknown bool, err error) {
	code, err := d.PeekCode()
	if err == nil && (code == msgpcode.Nil || msgpcode.IsExt(code)) {
		return code == msgpcode.Nil, code != msgpcode.Nil, d.Skip()
	}
	return false, false, err
}

// unknownPacked is how Terraform writes what is not known yet.
var unknownPacked = msgpack.RawMessage{msgpcode.FixExt1, 0, 0}

func readInt64(d *msgpack.Decoder) (types.Int64, error) {
	switch null, unknown, err := readAbsent(d); {
	case null || err != nil:
		return types.Int64Null(), err
	case unknown:
		return types.Int64Unknown(), nil
	}
	value, err := d.DecodeInterfaceLoose()
	if err != nil {
		return types.Int64Null(), err
	}
	switch n := value.(type) {
	case int64:
		return types.Int64Value(n), nil
	case uint64:
		if n <= math.MaxInt64 {
			return types.Int64Value(int64(n)), nil
		}
	}
	return types.Int64Null(), fmt.Errorf("%v is no whole number of 64 bits", value)
}

func writeInt64(e *msgpack.Encoder, n types.Int64) error {
	switch {
	case n.IsNull():
		return e.EncodeNil()
	case n.IsUnknown():
		return e.Encode(unknownPacked)
	}
	return e.EncodeInt(n.ValueInt64())
}

func readText(d *msgpack.Decoder) (types.String, error) {
	switch null, unknown, err := readAbsent(d); {
	case null || err != nil:
		return types.StringNull(), err
	case unknown:
		return types.StringUnknown(), nil
	}
	text, err := d.DecodeString()
	return types.StringValue(text), err
}

func writeText(e *msgpack.Encoder, text types.String) error {
	switch {
	case text.IsNull():
		return e.EncodeNil()
	case text.IsUnknown():
		return e.Encode(unknownPacked)
	}
	return e.EncodeString(text.ValueString())
}

// readTexts reads a map of texts.
func readTexts(d *msgpack.Decoder) (types.Map, error) {
	switch null, unknown, err := readAbsent(d); {
	case null || err != nil:
		return types.MapNull(types.StringType), err
	case unknown:
		return types.MapUnknown(types.StringType), nil
	}
	n, err := d.DecodeMapLen()
	if err != nil {
		return types.MapNull(types.StringType), err
	}
	elements := map[string]attr.Value{}
	for range n {
		key, err := d.DecodeString()
		if err != nil {
			return types.MapNull(types.StringType), err
		}
		if elements[key], err = readText(d); err != nil {
			return types.MapNull(types.StringType), fmt.Errorf("%q: %w", key, err)
		}
	}
	return types.MapValueMust(types.StringType, elements), nil
}

// writeTexts writes what readTexts reads.
func writeTexts(e *msgpack.Encoder, texts types.Map) error {
	switch {
	case texts.IsNull():
		return e.EncodeNil()
	case texts.IsUnknown():
		return e.Encode(unknownPacked)
	}
	elements := texts.Elements()
	err := e.EncodeMapLen(len(elements))
	for _, key := range slices.Sorted(maps.Keys(elements)) {
		text, _ := elements[key].(types.String)
		err = errors.Join(err, e.EncodeString(key), writeText(e, text))
	}
	return err
}
