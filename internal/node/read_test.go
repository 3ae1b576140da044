package node

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

func TestReadFile(t *testing.T) {
	good := File{
		Spec: compute.NodeSpec{Cluster: "c", ClusterID: clusterID, Role: compute.RoleBroker, NodeID: 7, HeapBytes: 1 << 30, Security: compute.Security{Plaintext: true}},
		Dir:  "/d", Disks: []string{"/disk/0"}, KafkaHome: "/k", Listen: "127.0.0.1:9092", StopTimeout: 30 * time.Second, Driver: "local",
	}
	document := func(change func(*File)) string {
		f := good
		change(&f)
		content, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	path := filepath.Join(t.TempDir(), SpecFile)
	whole := document(func(*File) {})
	for content, want := range map[string]string{
		"":           "EOF",
		"{":          "EOF",
		`{"dir": 1}`: "cannot unmarshal",
		whole + "{}": "something follows",
		strings.Replace(whole, `"dir"`, `"directory"`, 1):                                       `unknown field "directory"`,
		document(func(f *File) { f.Spec.ClusterID = "" }):                                       "spec.cluster_id",
		document(func(f *File) { f.Spec.NodeID = 0 }):                                           "node ids begin at 1",
		document(func(f *File) { f.Spec.Role = "both" }):                                        `"both", neither broker nor controller`,
		document(func(f *File) { f.Spec.Bootstrap = true }):                                     "only a controller",
		document(func(f *File) { f.Spec.HeapBytes = 0 }):                                        "spec.heap_bytes",
		document(func(f *File) { f.Dir = "" }):                                                  "dir is missing",
		document(func(f *File) { f.Disks = nil }):                                               "disks is empty",
		document(func(f *File) { f.Disks = []string{"/disk/0", "/disk,1"} }):                    "comma",
		document(func(f *File) { f.Disks = []string{" /disk/0"} }):                              "not absolute",
		document(func(f *File) { f.KafkaHome = "" }):                                            "kafka_home",
		document(func(f *File) { f.KafkaHome = "/a:/b" }):                                       "kafka_home",
		document(func(f *File) { f.Spec.Security.Plaintext = false }):                           "has an address of its own for clients",
		document(func(f *File) { f.Clients = "127.0.0.1:1" }):                                   "no other node has",
		document(func(f *File) { f.ClientsMTLS = "127.0.0.1:1" }):                               "no other node has",
		document(func(f *File) { f.Spec.Security.Plaintext, f.Clients = false, "127.0.0.1:0" }): "no port",
		document(func(f *File) {
			f.Spec.Security, f.Clients = compute.Security{ClientAuth: "kerberos"}, "127.0.0.1:1"
		}): "client_auth",
		document(func(f *File) { f.Listen = "127.0.0.1" }):            "listen: ",
		document(func(f *File) { f.Listen = "127.0.0.1:0" }):          "no port",
		document(func(f *File) { f.Listen = ":9092" }):                "no address",
		document(func(f *File) { f.Listen = "[a,EVIL://0.0.0.0]:1" }): "no address",
		document(func(f *File) { f.StopTimeout = 0 }):                 "stop_timeout",
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFile(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s\ngives %v, want the path and %q in it", content, err, want)
		}
	}
	if err := os.WriteFile(path, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	if f, err := ReadFile(path); err != nil || !reflect.DeepEqual(f, good) {
		t.Errorf("read %+v, %v", f, err)
	}
	if _, err := ReadFile(path + ".missing"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}
