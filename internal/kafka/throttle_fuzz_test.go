package kafka

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// kafkasList is what Kafka takes as a list of throttled replicas (ThrottledReplicaListValidator).
var kafkasList = regexp.MustCompile(`^\s*(\d+:\d+(\s*,\s*\d+:\d+)*)?\s*$|^\s*\*\s*$`)

// FuzzThrottledReplicas: what others have on a list stays through our throttle and its end, as they wrote it, and nothing of ours does.
func FuzzThrottledReplicas(f *testing.F) {
	for _, list := range []string{
		"", "*", " * ", "0:3,1:0,12:10", "0:03,0:04,1:00", "0:03, 0:4,1:010", "0:3,0:3", "2147483647:2147483647", "99999999999:1,99999999998:1", "0:", ":", ",", "a:b", "0:3,", "0:00", "00:0",
	} {
		f.Add(list, int32(0), int32(3), "052428800")
		f.Add(list, int32(12), int32(0), "-5")
	}
	sorted := func(entries []string) []string { return slices.Sorted(slices.Values(entries)) }
	others := func(list string) []string { return slices.DeleteFunc(splitReplicas(list), markedReplica) }
	f.Fuzz(func(t *testing.T, list string, partition, broker int32, rate string) {
		if partition < 0 || broker < 0 {
			partition, broker = partition&0x7fffffff, broker&0x7fffffff
		}
		ours := markedReplicas(partition, []int32{broker})
		merged, changed := mergeReplicas(list, ours)
		if changed == (merged == list) && kafkasList.MatchString(list) && len(splitReplicas(list)) == 0 {
			t.Errorf("%q with %q is %q, changed: %t", list, ours, merged, changed)
		}
		if strings.TrimSpace(list) == allReplicas {
			if merged != list {
				t.Errorf("all replicas become %q", merged)
			}
			return
		}
		if !slices.Equal(sorted(others(merged)), sorted(others(list))) {
			t.Errorf("%q with %q is %q: others had %q, and have %q", list, ours, merged, others(list), others(merged))
		}
		if !slices.ContainsFunc(splitReplicas(merged), func(entry string) bool { return numbersOf(entry) == throttledReplica{partition, broker} }) {
			t.Errorf("%q with %q is %q, where it is not throttled", list, ours, merged)
		}
		if again, changed := mergeReplicas(merged, ours); changed {
			t.Errorf("%q is on %q already, which becomes %q", ours, merged, again)
		}
		if kafkasList.MatchString(list) && !kafkasList.MatchString(merged) {
			t.Errorf("Kafka refuses %q, which %q becomes with %q", merged, list, ours)
		}
		kept, _ := withoutMarked(merged)
		if kept != "" && !slices.Equal(sorted(splitReplicas(kept)), sorted(others(list))) {
			t.Errorf("of %q there is %q left after our throttle", list, kept)
		}
		if left := replicasMarked(kept); left != nil {
			t.Errorf("of ours there is %v left on %q", left, kept)
		}
		if a, b := rateOf(rate, true), rateOf(rate, false); a < -1 || b < -1 || a >= 0 && b >= 0 {
			t.Errorf("the rate %q is %d of ours and %d of others", rate, a, b)
		}
		if n := int64(partition)<<31 | int64(broker); rateOf(mark+strconv.FormatInt(n, 10), true) != n {
			t.Errorf("our rate of %d reads back as %d", n, rateOf(mark+strconv.FormatInt(n, 10), true))
		}
	})
}
