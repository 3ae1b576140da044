package local

import (
	"encoding/json"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/node"
)

// FuzzInstanceID: every node has an id that names it and no other, and no text leads to a directory that is not a node's below the root.
func FuzzInstanceID(f *testing.F) {
	for _, text := range []string{
		"local-prod-7", "local-c-1-12", "local-prod-07", "local-prod-+7", "local-prod-0", "local-prod-2147483648", "local-..-7", "local-../x-7", "local-a/b-7", "local--7", "i-0abc", "",
		"local-a\x00-7", "local-prod--7", "local-.x-1",
	} {
		f.Add(text, "prod", int32(7))
	}
	f.Add("", "a-1", int32(12))
	f.Add("", "a_b.c-", int32(1<<31-1))
	tree := fleets{root: filepath.FromSlash("/var/lib/fleets")}
	f.Fuzz(func(t *testing.T, text, cluster string, id int32) {
		if name, id, ok := parseInstanceID(text); ok {
			if instanceID(name, id) != text {
				t.Errorf("%q is node %d of cluster %q, which is %q", text, id, name, instanceID(name, id))
			}
			rel, err := filepath.Rel(tree.root, tree.nodeDir(name, id))
			if want := name + "/" + nodesDir + "/" + strconv.Itoa(int(id)); err != nil || filepath.ToSlash(rel) != want || strings.Count(want, "/") != 2 || id <= 0 {
				t.Errorf("%q leads to %q, %v", text, rel, err)
			}
		}
		if compute.CheckClusterName(cluster) != nil || id <= 0 {
			return
		}
		if name, again, ok := parseInstanceID(instanceID(cluster, id)); !ok || name != cluster || again != id {
			t.Errorf("node %d of cluster %q is %q, which is node %d of %q", id, cluster, instanceID(cluster, id), again, name)
		}
	})
}

// FuzzFiles offers one text to the reader of each file that the driver and the agent leave. Who reads it believes all of it or nothing: it is
// the very file that was looked for, its numbers are in bounds, and it is written as what reads the same.
func FuzzFiles(f *testing.F) {
	for _, v := range []any{
		node.File{Spec: compute.NodeSpec{Cluster: "prod", NodeID: 7, Role: compute.RoleBroker, HeapBytes: 1 << 30, Config: map[string]string{"a": "b"}, Security: compute.Security{Plaintext: true}}, Listen: "127.0.0.1:29092", StopTimeout: time.Minute},
		node.File{Spec: compute.NodeSpec{Cluster: "other", NodeID: 8}},
		compute.NodeStatus{Phase: compute.PhaseRunning, KafkaPID: 12, DiskUsedBytes: []int64{1, 2}, UpdatedAt: time.Unix(1_700_000_000, 0).UTC()},
		compute.NodeStatus{Phase: compute.PhaseRunning, DiskUsedBytes: []int64{-1}},
		compute.Cluster{Name: "prod", ID: "MkU3OEVBNTcwNTJENDM2Qg", Zones: []string{"local-a"}, NextNodeID: 8, Groups: map[string]compute.TopicClaim{"main": {Patterns: []string{"a.*"}, Since: 1}}},
		compute.Cluster{Name: "prod", ID: "MkU3OEVBNTcwNTJENDM2Qg", NextNodeID: -1},
		holder{Name: "apply", Since: time.Unix(1_700_000_000, 0).UTC(), Process: processRecord{PID: 7, Started: 8, Boot: bootID()}, Renewed: 1, Expiry: time.Minute},
	} {
		text, err := json.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
		f.Add(append(text, "}"...))
	}
	for _, text := range []string{"", "null", "{}", "[]", `{"expiry":1,"renewed":"x","process":{"boot":"` + bootID() + `"}}`, `{"spec":{"cluster":"prod","node_id":7},"stop_timeout":"x"}`, `{"phase":1}`} {
		f.Add([]byte(text))
	}
	same := func(t *testing.T, text []byte, v any, again func([]byte) (any, bool)) {
		t.Helper()
		written, err := json.Marshal(v)
		if err != nil {
			t.Errorf("%q is %+v, which cannot be written: %v", text, v, err)
			return
		}
		if read, ok := again(written); !ok || !cmp.Equal(read, v, cmpopts.EquateEmpty()) {
			t.Errorf("%q is %+v, which is written as %s and reads back as %+v", text, v, written, read)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		spec := func(text []byte) (any, bool) { s, err := parseSpec(text, "prod", "7"); return s, err == nil }
		switch s, err := parseSpec(text, "prod", "7"); {
		case err == nil:
			if s.Spec.Cluster != "prod" || s.Spec.NodeID != 7 || s.Spec.Role != compute.RoleBroker && s.Spec.Role != compute.RoleController {
				t.Errorf("%q is taken as the spec of node 7: %+v", text, s)
			}
			same(t, text, s, spec)
		case !cmp.Equal(s, node.File{}):
			t.Errorf("%q is refused, %v, and is %+v all the same", text, err, s)
		}
		if s := parseStatus(text); s != nil {
			if s.Phase == "" || s.Restarts < 0 || s.KafkaPID < 0 || s.BootSeconds < 0 {
				t.Errorf("%q is taken as a report: %+v", text, s)
			}
			for _, used := range s.DiskUsedBytes {
				if used < 0 {
					t.Errorf("%q says that %d bytes are used", text, used)
				}
			}
			same(t, text, s, func(text []byte) (any, bool) { s := parseStatus(text); return s, s != nil })
		}
		switch c, err := parseRecord(text, "prod"); {
		case err == nil:
			if c.Name != "prod" || c.NextNodeID < 1 || len(c.ID) != 22 {
				t.Errorf("%q is taken as the record of a cluster: %+v", text, c)
			}
			same(t, text, c, func(text []byte) (any, bool) { c, err := parseRecord(text, "prod"); return c, err == nil })
		case !cmp.Equal(c, compute.Cluster{}):
			t.Errorf("%q is refused, %v, and is %+v all the same", text, err, c)
		}
		// Only a whole record of this boot can say that a lease is to be broken.
		if h := parseHolder(text); h.expired() && (h.Expiry <= 0 || h.Renewed < 0 || h.Renewed+h.Expiry > uptime() || h.Process.Boot != bootID()) {
			t.Errorf("%q has expired: %+v", text, h)
		} else if json.Unmarshal(text, &holder{}) != nil && h != unknownHolder {
			t.Errorf("%q is damaged, and is believed: %+v", text, h)
		}
	})
}
