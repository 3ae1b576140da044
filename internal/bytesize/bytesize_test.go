package bytesize

import (
	"math"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "17": 17, "49B": 49, "64KiB": 64 << 10, "50MiB": 50 << 20, "50MB": 50 << 20, "512m": 512 << 20, "1GB": 1 << 30, "10 GiB": 10 << 30, "1.5GiB": 3 << 29,
		"2tib": 2 << 40, "1024PiB": Most,
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("%q is %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", " ", "B", "MiB", "-1", "+1", "1e3", "0x10", "inf ", "NaN ", "1.MiB", ".5MiB", "1,5MiB", "1iB", "1 MiB ", " 1MiB", "1MiB\n", "1  MiB", "1EiB", "1MiB/s",
		"1025PiB", "9223372036854775808", "99999999999999999999PiB",
	} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%q is %d, and should be refused", text, got)
		}
	}
}

func TestExact(t *testing.T) {
	for bytes, want := range map[int64]string{0: "0B", 1: "1B", 1023: "1023B", 1024: "1KiB", 1025: "1025B", 50 << 20: "50MiB", 3 << 29: "1536MiB", Most: "1024PiB"} {
		if got := Exact(bytes); got != want {
			t.Errorf("%d is %q, want %q", bytes, got, want)
		}
	}
}

// FuzzSize: what Parse takes is in its bounds, and reads back as what it is written as. What it does not take is no number at all.
func FuzzSize(f *testing.F) {
	for _, text := range []string{
		"0", "17", "49B", "64KiB", "50MB", "512m", "10 GiB", "1.5GiB", "0.1KiB", "1024PiB", "1025PiB", "9223372036854775807", "1e3", "0x1p4MiB", "inf ", "nan ", "-1KiB", "1iB", "",
	} {
		f.Add(text, int64(len(text))<<10)
	}
	f.Fuzz(func(t *testing.T, text string, bytes int64) {
		n, err := Parse(text)
		switch {
		case err != nil && n != 0:
			t.Errorf("%q is refused and is %d all the same", text, n)
		case n < 0, n > Most:
			t.Errorf("%q is %d", text, n)
		}
		for _, bytes := range []int64{n, bytes & (Most - 1)} {
			// Numbers beyond 2^53 are read as floating point: only what has that many digits at most is exact.
			if bytes%1024 != 0 && bytes > 1<<53 {
				continue
			}
			if again, err := Parse(Exact(bytes)); err != nil || again != bytes {
				t.Errorf("%d is written as %q, which is %d, %v", bytes, Exact(bytes), again, err)
			}
		}
		if _, err := Parse(Exact(math.MinInt64 | bytes)); err == nil {
			t.Errorf("a negative number is taken: %q", Exact(math.MinInt64|bytes))
		}
	})
}
