package check

import (
	"encoding/binary"
	"hash/crc32"
)

// A record's value is: run id (8 bytes), partition (4), sequence (8), filler, CRC-32C of all before it (4).
const (
	headerBytes    = 20
	checksumBytes  = 4
	minRecordBytes = 32
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// found is a record as it was read from the log.
type found struct {
	offset   int64
	sequence int64
	// checksum is the one that the record carries.
	checksum uint32
	// ours is false for a record that another run or program wrote, or whose content does not match its checksum.
	ours bool
}

// encode makes the value of one record and returns it with its checksum.
func encode(run uint64, partition int32, sequence int64, size int) ([]byte, uint32) {
	value := make([]byte, size)
	binary.BigEndian.PutUint64(value, run)
	binary.BigEndian.PutUint32(value[8:], uint32(partition))
	binary.BigEndian.PutUint64(value[12:], uint64(sequence))
	// The filler differs from record to record (xorshift), so that a record cannot pass for its neighbour.
	x := run ^ uint64(sequence)<<20 ^ uint64(partition) | 1
	for i := headerBytes; i < size-checksumBytes; i++ {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		value[i] = byte(x)
	}
	sum := crc32.Checksum(value[:size-checksumBytes], castagnoli)
	binary.BigEndian.PutUint32(value[size-checksumBytes:], sum)
	return value, sum
}

// decode reads a value back. It accepts any bytes: what this run has not written is not ours.
func decode(run uint64, partition int32, offset int64, value []byte) found {
	f := found{offset: offset, sequence: -1}
	if len(value) < minRecordBytes {
		return f
	}
	body, tail := value[:len(value)-checksumBytes], value[len(value)-checksumBytes:]
	f.sequence = int64(binary.BigEndian.Uint64(value[12:]))
	f.checksum = binary.BigEndian.Uint32(tail)
	f.ours = binary.BigEndian.Uint64(value) == run &&
		binary.BigEndian.Uint32(value[8:]) == uint32(partition) &&
		crc32.Checksum(body, castagnoli) == f.checksum
	return f
}
