package check

import "fmt"

// entry is what the producer knows of one record; its sequence is its index in the partition's ledger.
type entry struct {
	// offset is where the broker said that it put the record, or -1 when it acknowledged without saying where.
	offset   int64
	checksum uint32
	// acked is false for a record whose outcome is unknown: it may be in the log or not.
	acked bool
}

// findings are one partition's violations, each a sentence.
type findings struct {
	lost, duplicated, reordered, unexpected, vanished []string
}

// verify compares what a partition's producer and consumer saw with the log as it was read at the end. Ledger is by
// sequence; log and consumed are in the order in which they were read.
func verify(partition int32, ledger []entry, consumed, log []found) findings {
	var out findings
	byOffset := make(map[int64]found, len(log))
	seen := make(map[int64]int64, len(log)) // Sequence to the offset where it was first read.
	highest := int64(-1)
	for _, f := range log {
		byOffset[f.offset] = f
		if !f.ours || f.sequence < 0 || f.sequence >= int64(len(ledger)) || ledger[f.sequence].checksum != f.checksum {
			out.unexpected = append(out.unexpected, fmt.Sprintf("partition %d offset %d holds a record that this run has not written", partition, f.offset))
			continue
		}
		if first, twice := seen[f.sequence]; twice {
			out.duplicated = append(out.duplicated, fmt.Sprintf("partition %d offset %d repeats record %d of offset %d", partition, f.offset, f.sequence, first))
			continue
		}
		seen[f.sequence] = f.offset
		if f.sequence < highest {
			out.reordered = append(out.reordered, fmt.Sprintf("partition %d offset %d holds record %d after record %d", partition, f.offset, f.sequence, highest))
		}
		highest = max(highest, f.sequence)
	}
	for sequence, e := range ledger {
		if !e.acked {
			continue
		}
		at, anywhere := seen[int64(sequence)]
		there := e.offset >= 0 && matches(byOffset, e.offset, int64(sequence), e.checksum)
		switch {
		case there, e.offset < 0 && anywhere:
		case anywhere:
			out.lost = append(out.lost, fmt.Sprintf("partition %d: record %d was acknowledged at offset %d and found at offset %d instead", partition, sequence, e.offset, at))
		default:
			out.lost = append(out.lost, fmt.Sprintf("partition %d: record %d was acknowledged at offset %d and is gone", partition, sequence, e.offset))
		}
	}
	for _, c := range consumed {
		if c.ours && !matches(byOffset, c.offset, c.sequence, c.checksum) {
			out.vanished = append(out.vanished, fmt.Sprintf("partition %d: record %d was read at offset %d and is gone", partition, c.sequence, c.offset))
		}
	}
	return out
}

func matches(byOffset map[int64]found, offset, sequence int64, checksum uint32) bool {
	f, ok := byOffset[offset]
	return ok && f.ours && f.sequence == sequence && f.checksum == checksum
}
