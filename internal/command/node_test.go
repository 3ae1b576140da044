package command

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/node"
)

func TestNodeRefusesWhatItCannotRun(t *testing.T) {
	dir := t.TempDir()
	file := node.File{
		Spec: compute.NodeSpec{ClusterID: "MkU3OEVBNTcwNTJENDM2Qg", Role: compute.RoleBroker, NodeID: 7, HeapBytes: 1 << 30, Security: compute.Security{Plaintext: true}},
		Dir:  filepath.Join(dir, "agent"), Disks: []string{filepath.Join(dir, "disk")}, KafkaHome: dir, Listen: "127.0.0.1:9092",
		StopTimeout: time.Second, Driver: "elsewhere",
	}
	content, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	spec := filepath.Join(dir, node.SpecFile)
	if err := os.WriteFile(spec, content, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"[spec aws-spec]":           {"node"},
		"[aws-spec aws-digest]":     {"node", "--aws-spec", "/kafkafleet/prod/nodes/7"},
		"none of the others can be": {"node", "--spec", spec, "--aws-spec", "/kafkafleet/prod/nodes/7", "--aws-digest", "0"},
		"the node's spec file":      {"node", "--spec", filepath.Join(dir, "missing")},
		`the driver "elsewhere"`:    {"node", "--spec", spec},
		`unknown command "nodes"`:   {"nodes"},
		`unknown command "please"`:  {"node", "--spec", spec, "please"},
	} {
		root := Root("test")
		root.SetArgs(args)
		root.SetOut(t.Output())
		root.SetErr(t.Output())
		if err := root.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q in it", args, err, want)
		}
	}
	if _, err := os.Stat(file.Dir); !os.IsNotExist(err) {
		t.Error("the agent began its work")
	}
}
