package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/vmihailenco/msgpack/v5"
)

// topicsModel is a kafkafleet_topics. What it does is in resource_topics.go, what it looks at in a plan in topics_plan.go.
type topicsModel struct {
	Cluster       types.String   `tfsdk:"cluster"`
	Topics        types.String   `tfsdk:"topics"` // See sealed.
	DeleteRemoved types.Bool     `tfsdk:"delete_removed"`
	Protected     types.Bool     `tfsdk:"deletion_protection"`
	KeepIfWritten types.String   `tfsdk:"keep_if_written_within"`
	Throttle      types.String   `tfsdk:"replication_throttle"`
	Timeouts      timeouts.Value `tfsdk:"timeouts"`
}

// topicOfMany is an element of the map.
type topicOfMany struct {
	Partitions        types.Int64 `tfsdk:"partitions"`
	ReplicationFactor types.Int64 `tfsdk:"replication_factor"`
	Config            types.Map   `tfsdk:"config"`
}

// topicsAttribute is the map as Terraform sees it.
var topicsAttribute = &tfprotov6.SchemaAttribute{
	Name: "topics", Required: true, DescriptionKind: tfprotov6.StringKindMarkdown,
	Description: "The topics by their names: 1 to 249 ASCII letters, digits, `.`, `_` and `-`.",
	NestedType: &tfprotov6.SchemaObject{Nesting: tfprotov6.SchemaObjectNestingModeMap, Attributes: []*tfprotov6.SchemaAttribute{
		{
			Name: "config", Type: tftypes.Map{ElementType: tftypes.String}, Optional: true, DescriptionKind: tfprotov6.StringKindMarkdown,
			Description: "Settings of the topic, as `config` of `kafkafleet_topic`. Only the declared keys are looked at.",
		},
		{
			Name: "partitions", Type: tftypes.Number, Required: true, DescriptionKind: tfprotov6.StringKindMarkdown,
			Description: "The number of partitions. More are added in place; fewer is an error at plan time, since Kafka cannot take partitions away.",
		},
		{
			Name: "replication_factor", Type: tftypes.Number, Optional: true, Computed: true, DescriptionKind: tfprotov6.StringKindMarkdown,
			Description: "The number of replicas of each partition, changed in place. By default a new topic takes the `default.replication.factor` of the brokers that it comes to, and keeps what it has after that.",
		},
	}},
}

// topicsValidator checks each topic of the map.
type topicsValidator struct{}

func (topicsValidator) Description(context.Context) string         { return "" }
func (topicsValidator) MarkdownDescription(context.Context) string { return "" }
func (topicsValidator) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	partitions, replicas := int64validator.Between(1, math.MaxInt32), int64validator.Between(1, math.MaxInt16)
	keys := mapvalidator.KeysAre(stringvalidator.LengthAtLeast(1), noSecretValidator{})
	topics := topicsModel{Topics: req.ConfigValue}.topics(&resp.Diagnostics)
	for _, name := range slices.Sorted(maps.Keys(topics)) {
		t, at := topics[name], req.Path.AtMapKey(name)
		if fault := topicNameFault(name); fault != "" {
			resp.Diagnostics.AddAttributeError(at, "Not a topic name", strings.ToUpper(fault[:1])+fault[1:]+".")
		}
		if t.Partitions.IsNull() {
			resp.Diagnostics.AddAttributeError(at, "A topic is null", fmt.Sprintf("Topic %q is declared as null, which says nothing about it: give it its partitions, or leave it out of the map.", name))
		}
		var ofNumbers validator.Int64Response
		partitions.ValidateInt64(ctx, validator.Int64Request{Path: at.AtName("partitions"), ConfigValue: t.Partitions}, &ofNumbers)
		replicas.ValidateInt64(ctx, validator.Int64Request{Path: at.AtName("replication_factor"), ConfigValue: t.ReplicationFactor}, &ofNumbers)
		var ofKeys validator.MapResponse
		keys.ValidateMap(ctx, validator.MapRequest{Path: at.AtName("config"), ConfigValue: t.Config}, &ofKeys)
		resp.Diagnostics.Append(append(ofNumbers.Diagnostics, ofKeys.Diagnostics...)...)
	}
}

// topicIDsKey is where the private state has Kafka's own ids of the topics by name, by which one that was created again is known.
const topicIDsKey = "topic_ids"

// readTopic reads an element of the map; of one that is not known nothing is.
func readTopic(d *msgpack.Decoder) (topicOfMany, error) {
	t := topicOfMany{Config: types.MapNull(types.StringType)}
	switch null, unknown, err := readAbsent(d); {
	case unknown:
		return topicOfMany{Partitions: types.Int64Unknown(), ReplicationFactor: types.Int64Unknown(), Config: types.MapUnknown(types.StringType)}, nil
	case null || err != nil:
		return t, err
	}
	n, err := d.DecodeMapLen()
	if err != nil {
		return t, err
	}
	for range n {
		name, err := d.DecodeString()
		if err != nil {
			return t, err
		}
		switch name {
		case "partitions":
			t.Partitions, err = readInt64(d)
		case "replication_factor":
			t.ReplicationFactor, err = readInt64(d)
		case "config":
			t.Config, err = readTexts(d)
		default:
			err = errors.New("topics have no such attribute")
		}
		if err != nil {
			return t, fmt.Errorf("%s: %w", name, err)
		}
	}
	return t, nil
}

// write writes what readTopic reads.
func (t topicOfMany) write(e *msgpack.Encoder) error {
	return errors.Join(e.EncodeMapLen(3),
		e.EncodeString("config"), writeTexts(e, t.Config),
		e.EncodeString("partitions"), writeInt64(e, t.Partitions),
		e.EncodeString("replication_factor"), writeInt64(e, t.ReplicationFactor))
}

// topics are the elements of the map by name.
func (m topicsModel) topics(diags *diag.Diagnostics) map[string]topicOfMany {
	topics, err := topicsOf(m.Topics.ValueString())
	if err != nil {
		diags.AddAttributeError(path.Root("topics"), "The topics cannot be read", sentence(err))
	}
	return topics
}

// topicsOf reads what topicsText has written, or Terraform.
func topicsOf(text string) (map[string]topicOfMany, error) {
	if text == "" {
		return map[string]topicOfMany{}, nil
	}
	packed, err := unsealed(text)
	if err != nil {
		return nil, err
	}
	d := msgpack.NewDecoder(bytes.NewReader(packed))
	n, err := d.DecodeMapLen()
	if err != nil {
		return nil, err
	}
	topics := map[string]topicOfMany{}
	for range n {
		name, err := d.DecodeString()
		if err != nil {
			return nil, err
		}
		if topics[name], err = readTopic(d); err != nil {
			return nil, fmt.Errorf("topic %q: %w", name, err)
		}
	}
	return topics, nil
}

// topicsText is a map of topics as the plugin framework has it.
func topicsText(topics map[string]topicOfMany) (string, error) {
	var packed bytes.Buffer
	e := msgpack.NewEncoder(&packed)
	if err := e.EncodeMapLen(len(topics)); err != nil {
		return "", err
	}
	for _, name := range slices.Sorted(maps.Keys(topics)) {
		if err := errors.Join(e.EncodeString(name), topics[name].write(e)); err != nil {
			return "", err
		}
	}
	return sealedText(packed.Bytes()), nil
}

// set puts topics into the model.
func (m *topicsModel) set(topics map[string]topicOfMany, diags *diag.Diagnostics) {
	text, err := topicsText(topics)
	if err != nil {
		diags.AddAttributeError(path.Root("topics"), "The topics cannot be written", sentence(err))
	}
	m.Topics = types.StringValue(text)
}

func (m topicsModel) identity(topics map[string]topicOfMany) topicIdentity {
	return topicIdentity{Cluster: m.Cluster, Name: types.StringValue(strings.Join(slices.Sorted(maps.Keys(topics)), ","))}
}

// single is a topic of the map as topicResource knows it.
func (m topicsModel) single(name string, t topicOfMany) topicModel {
	return topicModel{
		Cluster: m.Cluster, Name: types.StringValue(name), Partitions: t.Partitions, ReplicationFactor: t.ReplicationFactor, Config: t.Config,
		Protected: m.Protected, KeepIfWritten: m.KeepIfWritten, Throttle: m.Throttle,
	}
}

// known says that nothing of a topic is to be known later but how many replicas it gets.
func (t topicOfMany) known(ctx context.Context) bool {
	return !t.Partitions.IsUnknown() && fullyKnown(ctx, t.Config)
}

func (t topicOfMany) equal(u topicOfMany) bool {
	return t.Partitions.Equal(u.Partitions) && t.ReplicationFactor.Equal(u.ReplicationFactor) && t.Config.Equal(u.Config)
}

// changed are the names of some topics that are not in before, and of those that are other ones there.
func changed(topics, before map[string]topicOfMany) (added, altered []string) {
	for _, name := range slices.Sorted(maps.Keys(topics)) {
		switch old, ok := before[name]; {
		case !ok:
			added = append(added, name)
		case !topics[name].equal(old):
			altered = append(altered, name)
		}
	}
	return added, altered
}

// kept are the names of topics that are in both.
func kept(topics, before map[string]topicOfMany) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(topics)) {
		if _, ok := before[name]; ok {
			out = append(out, name)
		}
	}
	return out
}

// removed are the names of topics that are in before only.
func removed(topics, before map[string]topicOfMany) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, ok := topics[name]; !ok {
			out = append(out, name)
		}
	}
	return out
}

// awaitReplicas has the replicas of those topics be known after the apply of which neither the configuration nor, as Terraform proposes it then, the state
// says how many there are. It returns whether there are any.
func awaitReplicas(topics map[string]topicOfMany) (some bool) {
	for name, t := range topics {
		if t.ReplicationFactor.IsNull() {
			t.ReplicationFactor, some = types.Int64Unknown(), true
			topics[name] = t
		}
	}
	return some
}

// difference says in what a topic that exists is another one than is declared, "" for nothing.
func difference(want, now topicOfMany) string {
	var parts []string
	if !want.Partitions.Equal(now.Partitions) {
		parts = append(parts, fmt.Sprintf("it has %d partitions, not %d", now.Partitions.ValueInt64(), want.Partitions.ValueInt64()))
	}
	if !want.ReplicationFactor.IsUnknown() && !want.ReplicationFactor.IsNull() && !want.ReplicationFactor.Equal(now.ReplicationFactor) {
		parts = append(parts, fmt.Sprintf("it has %d replicas of each partition, not %d", now.ReplicationFactor.ValueInt64(), want.ReplicationFactor.ValueInt64()))
	}
	have := now.Config.Elements()
	for _, key := range slices.Sorted(maps.Keys(want.Config.Elements())) {
		if value := want.Config.Elements()[key]; !value.Equal(have[key]) {
			parts = append(parts, fmt.Sprintf("its %s is %s, not %s", key, have[key], value))
		}
	}
	return strings.Join(parts, "; ")
}

// imported says that nothing but the name is known of a topic.
func (t topicOfMany) imported() bool { return t.Partitions.IsNull() }

// idsText is how the private state has ids.
func idsText(ids map[string]string) []byte {
	text, _ := json.Marshal(ids) //nolint:errchkjson // Texts can be written.
	return text
}

// idsOf reads what idsText has written, or nothing.
func idsOf(text []byte) map[string]string {
	ids := map[string]string{}
	_ = json.Unmarshal(text, &ids) //nolint:errcheck // None are known after an import.
	return ids
}
