package check

import "testing"

// FuzzRecord: what was written is read back as ours with its number, and with one bit changed it is not: nobody's record is taken for one that
// this run has written.
func FuzzRecord(f *testing.F) {
	f.Add(uint64(7), int32(3), int64(5), uint16(100), uint16(13), []byte("somebody's"))
	f.Add(uint64(1<<63), int32(1<<31-1), int64(1<<62), uint16(0), uint16(0), []byte{})
	f.Fuzz(func(t *testing.T, run uint64, partition int32, sequence int64, more, flip uint16, other []byte) {
		value, sum := encode(run, partition, sequence, minRecordBytes+int(more))
		if got := decode(run, partition, 9, value); !got.ours || got.sequence != sequence || got.checksum != sum || got.offset != 9 {
			t.Errorf("record %d of run %d is read as %+v", sequence, run, got)
		}
		if got := decode(run, partition+1, 9, value); got.ours {
			t.Errorf("a record of partition %d is taken for one of %d", partition, partition+1)
		}
		bit := int(flip) % (8 * len(value))
		value[bit/8] ^= 1 << (bit % 8)
		if got := decode(run, partition, 9, value); got.ours {
			t.Errorf("with bit %d changed it is ours: %+v", bit, got)
		}
		if got := decode(run, partition, 9, other); len(other) < minRecordBytes && (got.ours || got.sequence != -1) {
			t.Errorf("%q is read as %+v", other, got)
		}
	})
}
