package check

import (
	"strings"
	"testing"
)

func TestProblem(t *testing.T) {
	tests := map[string]struct {
		report Report
		want   string
	}{
		"well":       {Report{RecordsAcked: 5}, ""},
		"nothing":    {Report{}, "proves nothing"},
		"lost":       {Report{RecordsAcked: 5, RecordsLost: 2, Findings: []string{"record 3 is gone"}}, "2 lost\nrecord 3 is gone"},
		"duplicated": {Report{RecordsAcked: 5, RecordsDuplicated: 1}, "1 duplicated"},
		"reordered":  {Report{RecordsAcked: 5, RecordsReordered: 1}, "1 reordered"},
		"unexpected": {Report{RecordsAcked: 5, RecordsUnexpected: 1}, "1 unexpected"},
		"vanished":   {Report{RecordsAcked: 5, RecordsVanished: 1}, "1 vanished"},
		"failed":     {Report{RecordsAcked: 5, RecordsFailed: 1, LastProduceError: "timed out"}, "1 failed\nlast produce error: timed out"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := tt.report.Problem()
			if tt.want == "" {
				if err != nil {
					t.Errorf("Problem = %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Problem = %v, want a text with %q", err, tt.want)
			}
		})
	}
}

func TestFindingsAreFew(t *testing.T) {
	var r Report
	for range 4 {
		r.add(findings{lost: []string{"a", "b", "c"}, vanished: []string{"v"}})
	}
	if r.RecordsLost != 12 || r.RecordsVanished != 4 || len(r.Findings) != findingsPerKind+4 {
		t.Errorf("12 lost and 4 vanished became %d, %d and %d sentences", r.RecordsLost, r.RecordsVanished, len(r.Findings))
	}
}
