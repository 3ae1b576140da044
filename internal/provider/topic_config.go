package provider

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// throttleKeys are set for the time of a move by whoever moves replicas. They are nobody's declared configuration.
var throttleKeys = []string{"leader.replication.throttled.replicas", "follower.replication.throttled.replicas"}

// declaredConfig reads a config map, with its values as Kafka takes them. A key whose value is null is not declared: so a module can pass a variable
// through.
func declaredConfig(ctx context.Context, m types.Map) (map[string]string, diag.Diagnostics) {
	values := map[string]types.String{}
	var diags diag.Diagnostics
	if !m.IsNull() && !m.IsUnknown() {
		diags = m.ElementsAs(ctx, &values, false)
	}
	out := map[string]string{}
	for key, value := range values {
		if !value.IsNull() && !value.IsUnknown() {
			out[key] = kafkaValue(key, value.ValueString())
		}
	}
	return out, diags
}

// configChanges are the changes that lead from one declaration to another. Keys of neither are left alone.
func configChanges(before, after map[string]string) []kafka.ConfigChange {
	var changes []kafka.ConfigChange
	for key, value := range after {
		if old, ok := before[key]; !ok || old != value {
			changes = append(changes, kafka.ConfigChange{Name: key, Value: &value})
		}
	}
	for _, key := range removedKeys(before, after) {
		changes = append(changes, kafka.ConfigChange{Name: key})
	}
	slices.SortFunc(changes, func(a, b kafka.ConfigChange) int { return strings.Compare(a.Name, b.Name) })
	return changes
}

// observedConfig is the declared map as Kafka has it: each declared key with the value in force, in the user's own spelling where
// that means the same. Keys that others have set are not in it.
func observedConfig(ctx context.Context, declared types.Map, entries []kafka.ConfigEntry) (types.Map, diag.Diagnostics) {
	if declared.IsNull() || declared.IsUnknown() {
		return types.MapNull(types.StringType), nil
	}
	values := map[string]types.String{}
	diags := declared.ElementsAs(ctx, &values, false)
	for _, e := range entries {
		want, ok := values[e.Name]
		if ok && !want.IsNull() && !e.Sensitive && !sameConfigValue(kafkaValue(e.Name, want.ValueString()), e.Value) {
			values[e.Name] = types.StringValue(e.Value)
		}
	}
	out, more := types.MapValueFrom(ctx, types.StringType, values)
	diags.Append(more...)
	return out, diags
}

// overriddenConfig is what somebody has set on the topic itself, for an import.
func overriddenConfig(ctx context.Context, entries []kafka.ConfigEntry) (types.Map, diag.Diagnostics) {
	values := map[string]string{}
	for _, e := range entries {
		if e.Source == kafka.SourceTopic && !e.Sensitive && !slices.Contains(throttleKeys, e.Name) {
			values[e.Name] = e.Value
		}
	}
	if len(values) == 0 {
		return types.MapNull(types.StringType), nil
	}
	return types.MapValueFrom(ctx, types.StringType, values)
}

// effectiveConfig is everything in force that somebody has set, wherever. Kafka's own defaults, some thirty of them, are not in it: state, plans and
// every call about a topic would carry them, which was a third of the time of a plan of a thousand.
func effectiveConfig(ctx context.Context, entries []kafka.ConfigEntry) (types.Map, diag.Diagnostics) {
	values := map[string]string{}
	for _, e := range entries {
		if !e.Sensitive && e.Source != kafka.SourceDefault && !slices.Contains(throttleKeys, e.Name) {
			values[e.Name] = e.Value
		}
	}
	return types.MapValueFrom(ctx, types.StringType, values)
}

var (
	// wholeNumber has the sign and the digits that count, without zeros before them.
	wholeNumber = regexp.MustCompile(`^([+-]?)0*(\d+)$`)
	// decimalNumber is what Kafka reads as a double, without the words and the hexadecimal digits that Go reads as numbers, too.
	decimalNumber = regexp.MustCompile(`^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$`)
)

// sameConfigValue says whether Kafka takes two spellings for one value: it trims, and writes numbers, booleans and lists in its own way.
func sameConfigValue(a, b string) bool {
	if normalList(a) == normalList(b) {
		return true
	}
	a, b = strings.TrimSpace(a), strings.TrimSpace(b)
	if isTrueOrFalse(a) && isTrueOrFalse(b) {
		return strings.EqualFold(a, b)
	}
	// Whole numbers are compared by their digits: as floating point, the largest of them are all the same.
	if x, y := wholeNumber.FindStringSubmatch(a), wholeNumber.FindStringSubmatch(b); x != nil && y != nil {
		return x[2] == y[2] && (x[2] == "0" || (x[1] == "-") == (y[1] == "-"))
	}
	if !decimalNumber.MatchString(a) || !decimalNumber.MatchString(b) {
		return false
	}
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && x == y
}

// isTrueOrFalse says that Kafka reads a text as a boolean.
func isTrueOrFalse(s string) bool {
	return strings.EqualFold(s, "true") || strings.EqualFold(s, "false")
}

// normalList writes a list without spaces around its commas.
func normalList(s string) string {
	parts := strings.Split(s, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return strings.Join(parts, ",")
}
