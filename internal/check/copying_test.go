package check

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestCopying adds up looks half a second apart at broker 4, which takes partition a over from broker 1, while broker 2 holds it too.
func TestCopying(t *testing.T) {
	a := topicPartition{"a", 0}
	start := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	before, copied := copyPartition{1, []int32{1, 2}}, copyPartition{1, []int32{1, 2, 4}}
	type step struct {
		is         copyPartition
		one, four  int64 // bytes on brokers 1 and 4; -1 when it does not answer, -2 when it is not there
		halfSecond int
	}
	cases := map[string]struct {
		steps []step
		want  Copying
	}{
		"a copy, and then what any follower gets": {
			[]step{{before, 1000, 0, 0}, {before, 1000, 300, 1}, {before, 1000, 700, 2}, {copied, 1000, 1000, 3}, {copied, 2000, 2000, 4}},
			Copying{1000, map[int32]BrokerCopying{1: {0, 1000, 0, 700}, 4: {1000, 0, 700, 0}}},
		},
		"copied twice": {
			[]step{{before, 100, 0, 0}, {before, 100, 90, 2}, {before, 100, 0, 4}, {before, 100, 100, 6}},
			Copying{190, map[int32]BrokerCopying{1: {0, 190, 0, 100}, 4: {190, 0, 100, 0}}},
		},
		"between two looks": {
			[]step{{before, 100, 0, 0}, {copied, 100, 100, 2}},
			Copying{100, map[int32]BrokerCopying{1: {0, 100, 0, 100}, 4: {100, 0, 100, 0}}},
		},
		"a burst and then nothing": {
			[]step{{before, 100, 0, 0}, {before, 100, 100, 1}, {before, 100, 100, 2}, {before, 100, 100, 20}},
			Copying{100, map[int32]BrokerCopying{1: {0, 100, 0, 100}, 4: {100, 0, 100, 0}}},
		},
		"no answer for a while": {
			[]step{{before, 100, 0, 0}, {before, 100, -1, 2}, {before, 100, 100, 4}},
			Copying{100, map[int32]BrokerCopying{1: {0, 100, 0, 100}, 4: {100, 0, 50, 0}}},
		},
		"no answer until it is in sync": {
			[]step{{before, 100, 0, 0}, {before, 100, 60, 2}, {copied, 100, -1, 4}, {copied, 100, 100, 6}},
			Copying{100, map[int32]BrokerCopying{1: {0, 100, 0, 60}, 4: {100, 0, 60, 0}}},
		},
		"not there at first, and then no answer": {
			[]step{{before, 100, -2, 0}, {before, 100, -1, 2}, {copied, 100, -1, 4}, {copied, 100, 100, 6}},
			Copying{100, map[int32]BrokerCopying{1: {0, 100, 0, 100}, 4: {100, 0, 0, 0}}},
		},
		"in sync from the start": {
			[]step{{copied, 100, 50, 0}, {copied, 200, 200, 2}},
			Copying{0, map[int32]BrokerCopying{1: {}, 4: {}}},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var sum copying
			for _, s := range c.steps {
				at := start.Add(time.Duration(s.halfSecond) * time.Second / 2)
				l := copyLook{partitions: map[topicPartition]copyPartition{a: s.is}, brokers: map[int32]heldBytes{}}
				for broker, bytes := range map[int32]int64{1: s.one, 4: s.four} {
					switch {
					case bytes == -1:
						l.silent = append(l.silent, broker)
					case bytes >= 0:
						l.brokers[broker] = heldBytes{at, at, map[topicPartition]int64{a: bytes}}
					}
				}
				sum.see(l)
			}
			if diff := cmp.Diff(c.want, sum.sum()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestASlowAnswerProvesLess: what came by an answer that took a second may have come in that second as well.
func TestASlowAnswerProvesLess(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	total, fastest := totalAndFastest([]arrival{{at(0), at(0), 0}, {at(1000), at(2000), 100}})
	if total != 100 || fastest != 50 {
		t.Errorf("%d in all, %v in the fastest second", total, fastest)
	}
}

// TestANewTopicIsNotCopied: its first replicas are written by producers.
func TestANewTopicIsNotCopied(t *testing.T) {
	var sum copying
	sum.see(copyLook{partitions: map[topicPartition]copyPartition{}, brokers: map[int32]heldBytes{1: {time.Unix(1, 0), time.Unix(1, 0), nil}}})
	late := topicPartition{"late", 0}
	sum.see(copyLook{
		partitions: map[topicPartition]copyPartition{late: {1, []int32{1}}},
		brokers:    map[int32]heldBytes{1: {time.Unix(2, 0), time.Unix(2, 0), map[topicPartition]int64{late: 100}}},
	})
	if got := sum.sum(); got.Bytes != 0 {
		t.Errorf("%+v", got)
	}
}
