package provider

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/bytesize"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/throttle"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// FuzzValues: what a validator lets pass is what the reader takes, in bounds, when the plan is carried out; what a duration is written as
// is the same duration.
func FuzzValues(f *testing.F) {
	for _, text := range []string{"512MiB", "64MiB", "63MiB", "4g", "1025PiB", "inf ", "50MiB/s", "auto", "0", "90s", "1h30m", "-5m", "0s", "292y", "1e3", "4.3", "4.3.1", "4.", ""} {
		f.Add(text, int64(90*time.Second))
	}
	f.Add("", int64(time.Hour))
	f.Add("", int64(-10*time.Minute))
	f.Add("", int64(time.Hour+time.Nanosecond))
	f.Fuzz(func(t *testing.T, text string, nanoseconds int64) {
		passes := func(v validator.String) bool {
			var resp validator.StringResponse
			v.ValidateString(t.Context(), validator.StringRequest{ConfigValue: types.StringValue(text)}, &resp)
			return !resp.Diagnostics.HasError()
		}
		if n, err := bytesize.Parse(text); passes(byteSizeValidator{}) && (err != nil || n < 64<<20 || n > bytesize.Most) {
			t.Errorf("a heap of %q passes, and is %d, %v", text, n, err)
		}
		if n, err := parseBudget(text); passes(budgetValidator{}) && (err != nil || n <= 0 || n > bytesize.Most) {
			t.Errorf("a budget of %q passes, and is %d, %v", text, n, err)
		}
		if p, err := throttle.Parse(text); passes(throttleValidator{}) && (err != nil || p == throttle.None && text != "none") {
			t.Errorf("a throttle of %q passes, and is %v, %v", text, p, err)
		}
		if d, err := time.ParseDuration(text); passes(positiveDuration{}) && err == nil && d <= 0 {
			t.Errorf("a duration of %q passes", text)
		}
		// A release and its level stand for each other, also where the patch number follows.
		if level, ok := kafka.MetadataLevel(text); ok && kafka.MetadataRelease(level) != releaseOf(text) {
			t.Errorf("%q has the level %d, which is %q", text, level, kafka.MetadataRelease(level))
		}
		d := time.Duration(nanoseconds)
		if again, err := time.ParseDuration(asDuration(d)); err != nil || again != d {
			t.Errorf("%s is written as %q, which is %s, %v", d, asDuration(d), again, err)
		}
	})
}

// FuzzConfigValue: whether two spellings are one value does not depend on which was declared, nor on the spaces around them, and of two
// different whole numbers none is taken for the other: a difference that is not seen is never mended.
func FuzzConfigValue(f *testing.F) {
	for _, pair := range [][2]string{
		{"true", "TRUE"}, {"true", "1"}, {"1", "true"}, {"t", "true"}, {"0", "false"}, {"1", "1.0"}, {"0x10p0", "16"}, {"inf", "Infinity"}, {"nan", "NaN"}, {"1_0", "10"},
		{"9223372036854775807", "9223372036854775806"}, {"+7", "007"}, {"-0", "0"}, {"a, b", "a,b"}, {"a,b", "b,a"}, {"", " "}, {"1e400", "2e400"}, {".5", "0.5"},
	} {
		f.Add(pair[0], pair[1], int64(len(pair[0])), int64(len(pair[1])))
	}
	f.Add("", "", int64(1<<62), int64(1<<62+1))
	f.Fuzz(func(t *testing.T, a, b string, x, y int64) {
		same := sameConfigValue(a, b)
		if sameConfigValue(b, a) != same {
			t.Errorf("%q and %q are the same in one direction only", a, b)
		}
		if sameConfigValue(" "+a+"\n", b) != same {
			t.Errorf("spaces around %q make a difference to %q", a, b)
		}
		if !sameConfigValue(a, a) || !sameConfigValue(a, strings.ReplaceAll(a, ",", " , ")) {
			t.Errorf("%q is not itself", a)
		}
		one, other := strconv.FormatInt(x, 10), strconv.FormatInt(y, 10)
		if sameConfigValue(one, other) != (x == y) {
			t.Errorf("%d and %d are the same: %t", x, y, x != y)
		}
		if x >= 0 && !sameConfigValue("+00"+one, one) {
			t.Errorf("+00%d is not %d", x, x)
		}
	})
}
