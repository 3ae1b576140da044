package check

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// at is a record of this run as verify expects it for the sequence; its checksum is 100 more.
func at(offset, sequence int64) found {
	return found{offset: offset, sequence: sequence, checksum: uint32(100 + sequence), ours: true}
}

// ackedAt is a ledger whose n-th record was acknowledged at offsets[n]; -2 stands for "no acknowledgement".
func ackedAt(offsets ...int64) []entry {
	var out []entry
	for sequence, offset := range offsets {
		e := entry{offset: offset, checksum: uint32(100 + sequence), acked: true}
		if offset == -2 {
			e.offset, e.acked = -1, false
		}
		out = append(out, e)
	}
	return out
}

func TestVerify(t *testing.T) {
	type counts struct{ Lost, Duplicated, Reordered, Unexpected, Vanished int }
	corrupt := at(11, 1)
	corrupt.checksum++
	alien := found{offset: 13, sequence: 0}
	tests := map[string]struct {
		ledger        []entry
		consumed, log []found
		want          counts
	}{
		"all there":                              {ackedAt(10, 11, 12), []found{at(10, 0)}, []found{at(10, 0), at(11, 1), at(12, 2)}, counts{}},
		"nothing sent":                           {nil, nil, nil, counts{}},
		"one missing in the middle":              {ackedAt(10, 11, 12), nil, []found{at(10, 0), at(12, 2)}, counts{Lost: 1}},
		"tail truncated":                         {ackedAt(10, 11, 12), nil, []found{at(10, 0)}, counts{Lost: 2}},
		"log empty":                              {ackedAt(10, 11), []found{at(10, 0)}, nil, counts{Lost: 2, Vanished: 1}},
		"at another offset":                      {ackedAt(10, 11), nil, []found{at(10, 0), at(12, 1)}, counts{Lost: 1}},
		"offset taken by another record":         {ackedAt(10, 11, 11), nil, []found{at(10, 0), at(11, 2)}, counts{Lost: 1}},
		"content changed":                        {ackedAt(10, 11), nil, []found{at(10, 0), corrupt}, counts{Lost: 1, Unexpected: 1}},
		"twice in the log":                       {ackedAt(10, 11), nil, []found{at(10, 0), at(11, 1), at(12, 1)}, counts{Duplicated: 1}},
		"three times in the log":                 {ackedAt(10), nil, []found{at(10, 0), at(11, 0), at(12, 0)}, counts{Duplicated: 2}},
		"swapped":                                {ackedAt(11, 10, 12), nil, []found{at(10, 1), at(11, 0), at(12, 2)}, counts{Reordered: 1}},
		"unknown outcome, not written":           {ackedAt(10, -2, 11), nil, []found{at(10, 0), at(11, 2)}, counts{}},
		"unknown outcome, written":               {ackedAt(10, -2, 12), nil, []found{at(10, 0), at(11, 1), at(12, 2)}, counts{}},
		"unknown outcome, read, then gone":       {ackedAt(10, -2), []found{at(11, 1)}, []found{at(10, 0)}, counts{Vanished: 1}},
		"acknowledged without offset":            {ackedAt(10, -1), nil, []found{at(10, 0), at(11, 1)}, counts{}},
		"acknowledged without offset, then gone": {ackedAt(10, -1), nil, []found{at(10, 0)}, counts{Lost: 1}},
		"somebody else's record":                 {ackedAt(10), nil, []found{at(10, 0), alien}, counts{Unexpected: 1}},
		"somebody else's record, read":           {ackedAt(10), []found{alien}, []found{at(10, 0)}, counts{}},
		"a sequence never sent":                  {ackedAt(10), nil, []found{at(10, 0), at(11, 1)}, counts{Unexpected: 1}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := verify(3, tt.ledger, tt.consumed, tt.log)
			got := counts{len(f.lost), len(f.duplicated), len(f.reordered), len(f.unexpected), len(f.vanished)}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("violations (-want +got):\n%s\n%+v", diff, f)
			}
		})
	}
}

func TestVerifySaysWhichRecord(t *testing.T) {
	f := verify(3, ackedAt(10, 11), nil, []found{at(10, 0)})
	if diff := cmp.Diff([]string{"partition 3: record 1 was acknowledged at offset 11 and is gone"}, f.lost); diff != "" {
		t.Error(diff)
	}
}
