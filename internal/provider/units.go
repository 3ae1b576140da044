package provider

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/prometheus/common/model"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/bytesize"
)

// withUnit is a text that ends with a letter, as no number of Kafka does.
var withUnit = regexp.MustCompile(`^\d.*[A-Za-z]$`)

// milliseconds reads a duration in years, weeks, days, hours, minutes, seconds and milliseconds, such as "7d" or "1h30m".
func milliseconds(text string) (int64, error) {
	d, err := model.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf(`%q is not a duration, such as "7d", "1h30m" or "500ms": %w`, text, err)
	}
	return time.Duration(d).Milliseconds(), nil
}

// kafkaValue is a setting's value as Kafka takes it: Kafka has numbers only, and people write "7d" for retention.ms and "1GiB" for segment.bytes. What
// cannot be read stays as it is, and Kafka says what is wrong with it.
func kafkaValue(key, declared string) string {
	text := strings.TrimSpace(declared)
	if !withUnit.MatchString(text) {
		return declared
	}
	switch {
	case strings.HasSuffix(key, ".ms"):
		if n, err := milliseconds(text); err == nil {
			return strconv.FormatInt(n, 10)
		}
	case strings.HasSuffix(key, ".bytes"):
		if n, err := bytesize.Parse(text); err == nil {
			return strconv.FormatInt(n, 10)
		}
	}
	return declared
}

// longDurationValidator accepts a duration of days and longer units, too.
type longDurationValidator struct{}

func (longDurationValidator) Description(context.Context) string {
	return "a duration, such as 30d or 12h"
}

func (v longDurationValidator) MarkdownDescription(ctx context.Context) string {
	return v.Description(ctx)
}

func (longDurationValidator) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if _, err := milliseconds(req.ConfigValue.ValueString()); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Not a duration", sentence(err))
	}
}
