package main

import (
	"bytes"
	"strings"
	"testing"
)

func fleetOf(version string, ids ...string) map[string]node {
	out := map[string]node{}
	for i, id := range ids {
		out[id] = node{Zone: "local-" + string(rune('a'+i)), KafkaVersion: version}
	}
	return out
}

func TestReplaced(t *testing.T) {
	tests := map[string]struct {
		before, after map[string]node
		want          int
		fault         string
	}{
		"all":           {fleetOf("4.2.1", "1", "2", "3"), fleetOf("4.3.1", "4", "5", "6"), 3, ""},
		"one stayed":    {fleetOf("4.2.1", "1"), fleetOf("4.3.1", "1"), 0, "node 1 was not replaced"},
		"one missing":   {fleetOf("4.2.1", "1", "2"), fleetOf("4.3.1", "3"), 2, "2 nodes before and there are 1 now"},
		"wrong version": {fleetOf("4.2.1", "1"), fleetOf("4.2.1", "2"), 1, "node 2 runs Kafka 4.2.1"},
		"nothing":       {nil, nil, 0, "0 nodes before"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := replaced(tt.before, tt.after, "4.3.1")
			if got != tt.want || (err == nil) != (tt.fault == "") || err != nil && !strings.Contains(err.Error(), tt.fault) {
				t.Errorf("%d replaced, error %v; want %d, %q", got, err, tt.want, tt.fault)
			}
		})
	}
}

func TestPrintNodes(t *testing.T) {
	var got bytes.Buffer
	err := printNodes(&got,
		outputs{Controllers: fleetOf("4.2.1", "1"), Brokers: fleetOf("4.2.1", "2", "3")},
		outputs{Controllers: fleetOf("4.3.1", "4"), Brokers: fleetOf("4.3.1", "9", "10", "11")})
	if err != nil {
		t.Fatal(err)
	}
	want := `ROLE         ZONE      NODE BEFORE   VERSION   NODE AFTER   VERSION
controller   local-a   1             4.2.1     4            4.3.1
broker       local-a   2             4.2.1     9            4.3.1
broker       local-b   3             4.2.1     10           4.3.1
broker       local-c   -                       11           4.3.1
`
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got.String(), want)
	}
}
