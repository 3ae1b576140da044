package command

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/check"
)

func TestCheckPrintsItsReport(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "load"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	run := func(more ...string) (string, error) {
		var out bytes.Buffer
		cmd := newCheck()
		cmd.SetOut(&out)
		cmd.SetErr(io.Discard)
		cmd.SetArgs(append([]string{"--bootstrap", strings.Join(cluster.ListenAddrs(), ","), "--topic", "load", "--records", "200"}, more...))
		err := cmd.ExecuteContext(t.Context())
		return out.String(), err
	}

	text, err := run("--json")
	if err != nil {
		t.Fatal(err)
	}
	var report check.Report
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	if report.RecordsAcked != 200 || report.RecordsLost != 0 {
		t.Errorf("report %+v", report)
	}

	if text, err = run(); err != nil || !strings.Contains(text, "200 records acknowledged, 0 lost") {
		t.Errorf("error %v, output %q", err, text)
	}
	if _, err = run("--topic", "nope"); err == nil || !strings.Contains(err.Error(), "topic nope does not exist") {
		t.Errorf("a topic that is not there gave %v", err)
	}
}
