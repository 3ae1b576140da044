package check

import (
	"fmt"
	"strings"
	"time"
)

// Report is the outcome of a run. Its JSON form is stable.
type Report struct {
	Topic string `json:"topic"`
	// DurationSeconds is from the first record to Stop.
	DurationSeconds float64 `json:"duration_s"`

	RecordsAcked int64 `json:"records_acked"`
	// RecordsLost were acknowledged and are not at their offset, with their content, any more.
	RecordsLost int64 `json:"records_lost"`
	// RecordsDuplicated were written more than once, each further copy counted.
	RecordsDuplicated int64 `json:"records_duplicated"`
	// RecordsReordered come after a record that was produced later, within one partition.
	RecordsReordered int64 `json:"records_reordered"`
	// RecordsUnexpected are in the log and were not written by this run, or not with this content.
	RecordsUnexpected int64 `json:"records_unexpected"`
	// RecordsVanished were read by the consumer during the run and are gone at the end: acknowledged or not, a record that
	// a consumer has seen is committed.
	RecordsVanished int64 `json:"records_vanished"`
	// RecordsFailed were never acknowledged within the delivery timeout. Whether they were written is unknown.
	RecordsFailed int64 `json:"records_failed"`
	// RecordsConsumed is how many the consumer read during the run.
	RecordsConsumed int64 `json:"records_consumed"`
	// ProduceRequestsRetried counts produce requests that got no answer (connection cut, deadline passed) and so were
	// repeated. Answers such as "not the leader" are repeated too, but kgo does not show them.
	ProduceRequestsRetried int64 `json:"produce_requests_retried"`

	// LongestGapMillis is the longest time that any one partition went without an acknowledgement, from the start of the
	// run to the first one and from the last one to the end included.
	LongestGapMillis int64 `json:"longest_gap_ms"`
	// AvailabilityRaw is the share of one-second windows in which every partition acknowledged a record, from 0 to 1; Availability leaves out
	// those that touch an interval that Stop was told to exclude.
	AvailabilityRaw float64 `json:"availability_raw"`
	Availability    float64 `json:"availability"`
	// Windows are what both are counted from.
	Windows Windows `json:"-"`
	// Partitions has the longest gap by partition, in order.
	Partitions []PartitionReport `json:"partitions"`

	// Findings says the first few violations of each kind in words.
	Findings []string `json:"findings,omitempty"`
	// LastProduceError is the latest reason of a failed record.
	LastProduceError string `json:"last_produce_error,omitempty"`
}

// PartitionReport is one partition's share of a Report.
type PartitionReport struct {
	Partition        int32 `json:"partition"`
	RecordsAcked     int64 `json:"records_acked"`
	RecordsLost      int64 `json:"records_lost"`
	LongestGapMillis int64 `json:"longest_gap_ms"`
	// LongestGapAt is when that gap began.
	LongestGapAt time.Time `json:"longest_gap_at"`
}

// findingsPerKind limits Report.Findings: a lost log would otherwise fill the screen.
const findingsPerKind = 5

// add takes one partition's findings into the report.
func (r *Report) add(f findings) {
	for _, kind := range []struct {
		count *int64
		texts []string
	}{
		{&r.RecordsLost, f.lost},
		{&r.RecordsDuplicated, f.duplicated},
		{&r.RecordsReordered, f.reordered},
		{&r.RecordsUnexpected, f.unexpected},
		{&r.RecordsVanished, f.vanished},
	} {
		room := max(0, findingsPerKind-int(*kind.count))
		r.Findings = append(r.Findings, kind.texts[:min(room, len(kind.texts))]...)
		*kind.count += int64(len(kind.texts))
	}
}

// Problem is nil when every promise was kept: something was acknowledged, and nothing was lost, duplicated, reordered,
// unexpected, vanished or failed. Otherwise it says what happened, with examples.
func (r Report) Problem() error {
	var faults []string
	for _, c := range []struct {
		count int64
		what  string
	}{
		{r.RecordsLost, "lost"},
		{r.RecordsDuplicated, "duplicated"},
		{r.RecordsReordered, "reordered"},
		{r.RecordsUnexpected, "unexpected"},
		{r.RecordsVanished, "vanished"},
		{r.RecordsFailed, "failed"},
	} {
		if c.count > 0 {
			faults = append(faults, fmt.Sprintf("%d %s", c.count, c.what))
		}
	}
	if len(faults) == 0 {
		if r.RecordsAcked == 0 {
			return fmt.Errorf("topic %s: not one record was acknowledged, so the check proves nothing", r.Topic)
		}
		return nil
	}
	text := fmt.Sprintf("topic %s, of %d acknowledged records: %s", r.Topic, r.RecordsAcked, strings.Join(faults, ", "))
	if r.LastProduceError != "" {
		text += "\nlast produce error: " + r.LastProduceError
	}
	if len(r.Findings) > 0 {
		text += "\n" + strings.Join(r.Findings, "\n")
	}
	return fmt.Errorf("%s", text)
}

// String is the report in a few lines for a person.
func (r Report) String() string {
	return fmt.Sprintf(
		"topic %s, %.0f s: %d records acknowledged, %d lost, %d duplicated, %d reordered, %d unexpected, %d vanished, %d failed\n"+
			"%d consumed during the run; %d produce requests repeated; longest gap between two acknowledgements of a partition %d ms; "+
			"all partitions acknowledged in %.4f of the seconds",
		r.Topic, r.DurationSeconds, r.RecordsAcked, r.RecordsLost, r.RecordsDuplicated, r.RecordsReordered, r.RecordsUnexpected,
		r.RecordsVanished, r.RecordsFailed, r.RecordsConsumed, r.ProduceRequestsRetried, r.LongestGapMillis, r.AvailabilityRaw)
}
