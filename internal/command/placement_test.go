package command

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/placement"
)

const (
	someBrokers = `broker,zone,capacity_bytes,group,state
1,a,1000,main,live
2,b,1000,main,live
3,c,1000,main,live
4,a,1000,main,
5,b,1000,other,cordoned
`
	somePartitions = `topic,partition,replicas,bytes,leader
orders,0,1|2|3,100,1
orders,1,2|3|1,50,-1
`
)

// placementRun runs `placement` on the two files, and returns what it wrote to its outputs.
func placementRun(t *testing.T, brokers, partitions string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{"--brokers": brokers, "--partitions": partitions}
	args = append([]string{"placement"}, args...)
	for _, flag := range []string{"--brokers", "--partitions"} {
		path := filepath.Join(dir, strings.TrimLeft(flag, "-")+".csv")
		if err := os.WriteFile(path, []byte(files[flag]), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, flag, path)
	}
	var out, errs bytes.Buffer
	root := Root("test")
	root.SetOut(&out)
	root.SetErr(&errs)
	root.SetArgs(args)
	err = root.ExecuteContext(t.Context())
	return out.String(), errs.String(), err
}

func TestPlacementOperations(t *testing.T) {
	tests := map[string]struct {
		args []string
		want string
	}{
		"replace":                {[]string{"replace", "--pair", "1=4"}, "orders,0,1|2|3,4|2|3,100\norders,1,2|3|1,2|3|4,50\n"},
		"drain":                  {[]string{"drain", "--broker", "1"}, "orders,0,1|2|3,4|2|3,100\norders,1,2|3|1,2|3|4,50\n"},
		"repair":                 {[]string{"repair", "--broker", "1"}, "orders,0,1|2|3,4|2|3,100\norders,1,2|3|1,2|3|4,50\n"},
		"add":                    {[]string{"add", "--broker", "4"}, "orders,1,2|3|1,2|3|4,50\n"},
		"rebalance":              {[]string{"rebalance", "--threshold", "0.4"}, "orders,1,2|3|1,2|3|4,50\n"},
		"a budget for rebalance": {[]string{"rebalance", "--threshold", "0.4", "--budget", "49B"}, ""},
		"leaders":                {[]string{"leaders"}, ""},
		"zones":                  {[]string{"zones"}, ""},
		"group":                  {[]string{"group"}, ""},
		"create":                 {[]string{"create", "--topic", "new", "--partition-count", "1"}, "new,0,,4|3|2,0\n"},
		"create with a factor":   {[]string{"create", "--topic", "new", "--partition-count", "1", "--replication-factor", "1"}, "new,0,,4,0\n"},
		"grow":                   {[]string{"grow", "--topic", "orders", "--total", "3"}, "orders,2,,4|3|2,0\n"},
		"set-replication-factor": {[]string{"set-replication-factor", "--topic", "orders", "--replication-factor", "2"}, "orders,0,1|2|3,1|3,0\norders,1,2|3|1,2|3,0\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			out, _, err := placementRun(t, someBrokers, somePartitions, test.args...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff("topic,partition,from,to,bytes\n"+test.want, out); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPlacementWritesReassignmentAndFigures(t *testing.T) {
	out, errs, err := placementRun(t, someBrokers, somePartitions, "drain", "--broker", "1", "--moves", "", "--reassignment", "-")
	if err != nil {
		t.Fatal(err)
	}
	want := `{"version":1,"partitions":[{"topic":"orders","partition":0,"replicas":[4,2,3]},{"topic":"orders","partition":1,"replicas":[2,3,4]}]}` + "\n"
	if diff := cmp.Diff(want, out); diff != "" {
		t.Error(diff)
	}
	var figures struct {
		Moves      int   `json:"moves"`
		BytesMoved int64 `json:"bytes_moved"`
		LowerBound int64 `json:"lower_bound"`
		Left       []string
		After      placement.Figures
	}
	if err := json.Unmarshal([]byte(errs), &figures); err != nil {
		t.Fatalf("%v in %q", err, errs)
	}
	if figures.Moves != 2 || figures.BytesMoved != 150 || figures.LowerBound != 150 || figures.Left == nil || figures.After.Brokers[3].Bytes != 150 {
		t.Errorf("figures %+v", figures)
	}
}

func TestPlacementSaysWhatHasNoPlace(t *testing.T) {
	out, errs, err := placementRun(t, someBrokers, somePartitions, "drain", "--broker", "2,3")
	if err == nil || !strings.Contains(err.Error(), "orders-0 on broker 3 has no place") || !strings.Contains(err.Error(), "1 others") {
		t.Errorf("error %v, output %q", err, out)
	}
	if !strings.Contains(errs, "orders-1 on broker 3 has no place") {
		t.Errorf("the figures are %s", errs)
	}
}

func TestPlacementRefusesBadInput(t *testing.T) {
	tests := map[string]struct{ brokers, partitions, want string }{
		"no brokers":             {"", somePartitions, "brokers.csv, line 1: it is empty"},
		"a missing column":       {"broker,zone\n", somePartitions, `line 1: the column "capacity_bytes" is missing`},
		"an unknown column":      {"broker,rack,capacity_bytes\n", somePartitions, `line 1: nobody knows a column "rack"`},
		"a line that is short":   {"broker,zone,capacity_bytes\n1,a,5\n2,b\n", somePartitions, "line 3"},
		"a broker without an id": {"broker,zone,capacity_bytes\n1,a,5\nx,b,5\n", somePartitions, `line 3: broker is "x"`},
		"a broker twice":         {"broker,zone,capacity_bytes\n1,a,5\n1,b,5\n", somePartitions, "line 3: broker 1 has a line already"},
		"a size with a unit":     {"broker,zone,capacity_bytes\n1,a,5GB\n", somePartitions, `line 2: capacity_bytes is "5GB"`},
		"an unknown state":       {"broker,zone,capacity_bytes,state\n1,a,5,asleep\n", somePartitions, `line 2: the state is "asleep"`},
		"replicas with commas":   {someBrokers, "topic,partition,replicas,bytes\nt,0,\"1,2\",5\n", `line 2: replicas is "1,2"`},
		"no replicas":            {someBrokers, "topic,partition,replicas,bytes\nt,0,,5\n", `line 2: replicas is ""`},
		"a replica twice":        {someBrokers, "topic,partition,replicas,bytes\nt,0,1|1,5\n", "broker 1 is there twice"},
		"a replica nowhere":      {someBrokers, "topic,partition,replicas,bytes\nt,0,1|9,5\n", "line 2: the file of brokers has no broker 9"},
		"a partition twice":      {someBrokers, "topic,partition,replicas,bytes\nt,0,1,5\nt,0,2,5\n", "line 3: partition t-0 has a line already"},
		"a topic without a name": {someBrokers, "topic,partition,replicas,bytes\n,0,1,5\n", "line 2: the topic has no name"},
		"a negative size":        {someBrokers, "topic,partition,replicas,bytes\nt,0,1,-5\n", `line 2: bytes is "-5"`},
		"a leader elsewhere":     {someBrokers, "topic,partition,replicas,bytes,leader\nt,0,1|2,5,3\n", "line 2: the leader is 3"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if out, _, err := placementRun(t, test.brokers, test.partitions, "leaders"); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q in it; output %q", err, test.want, out)
			}
		})
	}
	for want, args := range map[string][]string{
		"name an operation":                   nil,
		"the file of brokers has no broker 9": {"add", "--broker", "9"},
		"no broker 8":                         {"replace", "--pair", "1=8"},
		`"x" is no broker id`:                 {"replace", "--pair", "x=1"},
		"no broker is leaving":                {"drain"},
		"--budget":                            {"rebalance", "--budget", "much"},
		"--threshold":                         {"rebalance", "--threshold", "-1"},
		"--headroom":                          {"leaders", "--headroom", "80"},
		`no topic "nope"`:                     {"grow", "--topic", "nope", "--total", "3"},
		"must be three numbers":               {"--generate", "12"},
		`unknown flag: --reassignment`:        {"create", "--topic", "new", "--partition-count", "1", "--reassignment", "-"},
	} {
		if _, _, err := placementRun(t, someBrokers, somePartitions, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q in it", args, err, want)
		}
	}
}

// TestPlacementGeneratesWhatItReads: the generated files give the generated fleet.
func TestPlacementGeneratesWhatItReads(t *testing.T) {
	dir := t.TempDir()
	files := placementFiles{brokers: filepath.Join(dir, "b.csv"), partitions: filepath.Join(dir, "p.csv"), headroom: placement.DefaultHeadroom}
	if err := files.generate("12,300,7"); err != nil {
		t.Fatal(err)
	}
	got, err := files.read()
	if err != nil {
		t.Fatal(err)
	}
	want := placement.Skewed(12, 300, 7)
	want.Policy.Headroom = placement.DefaultHeadroom
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
