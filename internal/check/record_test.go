package check

import (
	"slices"
	"testing"
)

func TestRecordIsReadBackAsWritten(t *testing.T) {
	for _, size := range []int{minRecordBytes, 33, 1024} {
		value, sum := encode(7, 3, 42, size)
		if len(value) != size {
			t.Errorf("a record of %d bytes is %d bytes long", size, len(value))
		}
		got := decode(7, 3, 99, value)
		if want := (found{offset: 99, sequence: 42, checksum: sum, ours: true}); got != want {
			t.Errorf("decode = %+v, want %+v", got, want)
		}
	}
}

func TestRecordOfAnyoneElseIsNotOurs(t *testing.T) {
	value, _ := encode(7, 3, 42, 64)
	for i := range value {
		changed := slices.Clone(value)
		changed[i] ^= 1
		if decode(7, 3, 0, changed).ours {
			t.Errorf("a record with byte %d changed passes for ours", i)
		}
	}
	for name, f := range map[string]found{
		"another run's":       decode(8, 3, 0, value),
		"another partition's": decode(7, 2, 0, value),
		"an empty record":     decode(7, 3, 0, nil),
		"a short record":      decode(7, 3, 0, value[:31]),
	} {
		if f.ours {
			t.Errorf("%s record passes for ours", name)
		}
	}
}
