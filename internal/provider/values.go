package provider

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/docker/go-units"
	"github.com/hashicorp/terraform-plugin-framework-timetypes/timetypes"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/bytesize"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/throttle"
)

// defaultThrottle is the limit of moves where none is declared.
const defaultThrottle = "auto"

// objectAsOptions reads objects that are known as a whole.
var objectAsOptions = basetypes.ObjectAsOptions{}

// fullyKnown says that a value and everything in it is known. Null is known.
func fullyKnown(ctx context.Context, v attr.Value) bool {
	value, err := v.ToTerraformValue(ctx)
	return err == nil && value.IsFullyKnown()
}

// sentence turns an error into a diagnostic's detail.
func sentence(err error) string { return asSentence(err.Error()) }

func asSentence(s string) string {
	text := []rune(s)
	if len(text) == 0 {
		return ""
	}
	text[0] = unicode.ToUpper(text[0])
	if !strings.HasSuffix(string(text), ".") {
		text = append(text, '.')
	}
	return string(text)
}

// throttleValidator accepts what throttle.Parse can read.
type throttleValidator struct{}

func (throttleValidator) Description(context.Context) string {
	return "auto, a rate such as 50MiB/s, or none"
}

func (v throttleValidator) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (throttleValidator) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if _, err := throttle.Parse(req.ConfigValue.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Not a throttle", sentence(err))
	}
}

// positiveDuration accepts durations above zero; that it is a duration at all is the type's business.
type positiveDuration struct{}

func (positiveDuration) Description(context.Context) string { return "a duration such as 90s or 5m" }

func (v positiveDuration) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (positiveDuration) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if d, err := time.ParseDuration(req.ConfigValue.ValueString()); err == nil && d <= 0 {
		resp.Diagnostics.AddAttributeError(req.Path, "Not a duration to wait", fmt.Sprintf("%q is not above zero; write a duration such as 90s or 5m.", req.ConfigValue.ValueString()))
	}
}

// durationOf is a duration that was validated, 0 for none.
func durationOf(d timetypes.GoDuration, diags *diag.Diagnostics) time.Duration {
	if d.IsNull() || d.IsUnknown() {
		return 0
	}
	value, more := d.ValueGoDuration()
	diags.Append(more...)
	return value
}

// asDuration is a duration as a user would write it: 15m, and not 15m0s.
func asDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// byteSizeValidator accepts sizes such as "512MiB".
type byteSizeValidator struct{}

func (byteSizeValidator) Description(context.Context) string { return "a size such as 512MiB or 4GiB" }

func (v byteSizeValidator) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (byteSizeValidator) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if n, err := bytesize.Parse(req.ConfigValue.ValueString()); err != nil || n < 64*units.MiB {
		resp.Diagnostics.AddAttributeError(req.Path, "Not a size for a heap",
			fmt.Sprintf("%q is not a size of at least 64MiB, such as 512MiB or 4GiB.", req.ConfigValue.ValueString()))
	}
}
