package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/loopback"
)

// agentSpec is the environment variable that makes the test binary an agent, for the tests that kill one.
const agentSpec = "KAFKAFLEET_TEST_AGENT_SPEC"

func TestMain(m *testing.M) {
	spec := os.Getenv(agentSpec)
	if spec == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	f, err := ReadFile(spec)
	if err == nil {
		err = Run(ctx, f, Driver{Controllers: func(context.Context) ([]string, error) { return []string{f.Listen}, nil }})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const (
	older, newer = "4.2.1", "4.3.1"
	clusterID    = "MkU3OEVBNTcwNTJENDM2Qg"
	// patience is for a machine whose few cores are shared with other tests.
	patience = 90 * time.Second
)

// kafkaHome finds a Kafka distribution: KAFKAFLEET_KAFKA_HOME with {version} in it, or the project's cache.
func kafkaHome(t *testing.T, version string) string {
	t.Helper()
	home := os.Getenv("KAFKAFLEET_KAFKA_HOME")
	if home == "" {
		home = filepath.Join("..", "..", ".cache", "kafka", "{version}")
	}
	home, err := filepath.Abs(strings.ReplaceAll(home, "{version}", version))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(home, "libs")); err != nil {
		t.Fatalf("there is no Kafka %s: %v; run `make kafka`", version, err)
	}
	return home
}

// freeAddress is the test's own until it ends. It is below the ports that outgoing connections get and those that the local driver gives.
func freeAddress(t *testing.T) string {
	t.Helper()
	port, address, err := loopback.Reserve(10000, 10000, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = port.Close() })
	return address
}

// newFile describes a node with two disks in a directory of its own, whose path has a space and an umlaut in it.
func newFile(t *testing.T, version string, role compute.Role, id int32) File {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "node ö")
	return File{
		Spec: compute.NodeSpec{
			Security: compute.Security{Plaintext: true},
			Cluster:  "test", ClusterID: clusterID, Group: "group", Role: role, NodeID: id, Zone: "zone-a", KafkaVersion: version,
			HeapBytes: 320 << 20, Bootstrap: role == compute.RoleController,
		},
		Dir:         dir,
		Disks:       []string{filepath.Join(dir, "disk 0"), filepath.Join(dir, "disk 1")},
		KafkaHome:   kafkaHome(t, version),
		Listen:      freeAddress(t),
		JVMOptions:  []string{"-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"},
		StopTimeout: 45 * time.Second,
		Driver:      "local",
	}
}

// withConfig is the node with one more setting.
func withConfig(f File, key, value string) File {
	f.Spec.Config = maps.Clone(f.Spec.Config)
	if f.Spec.Config == nil {
		f.Spec.Config = map[string]string{}
	}
	f.Spec.Config[key] = value
	return f
}

// driver is what the agents of a test ask for controllers.
type driver struct {
	mu        sync.Mutex
	addresses []string
}

func (d *driver) set(addresses ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.addresses = addresses
}

func (d *driver) controllers(context.Context) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.addresses...), nil
}

// running is an agent in this process.
type running struct {
	t    *testing.T
	file File
	stop context.CancelFunc
	done chan error
}

// run starts an agent, and stops it at the end of the test if the test has not.
func run(t *testing.T, f File, controllers Controllers) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{t: t, file: f, stop: cancel, done: make(chan error, 1)}
	// What an earlier agent in this directory has said is not to be taken for this one's word.
	if err := os.Remove(filepath.Join(f.Dir, StatusFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		r.done <- Run(ctx, f, Driver{Controllers: controllers})
		close(ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(f.Dir, kafkaLog)) // Without a log there is nothing to show.
			t.Logf("node %d: %+v; the end of its log:\n%s", f.Spec.NodeID, status(f), log[max(0, len(log)-3000):])
		}
	})
	return r
}

// stopped ends the agent and returns its last status and how long the stop took.
func (r *running) stopped() (compute.NodeStatus, time.Duration) {
	r.t.Helper()
	began := time.Now()
	r.stop()
	if err := <-r.done; err != nil {
		r.t.Fatalf("the agent of node %d ended with an error: %v", r.file.Spec.NodeID, err)
	}
	return status(r.file), time.Since(began)
}

// status is the agent's latest report, the zero value if there is none.
func status(f File) (s compute.NodeStatus) {
	content, err := os.ReadFile(filepath.Join(f.Dir, StatusFile))
	if err == nil {
		err = json.NewDecoder(bytes.NewReader(content)).Decode(&s)
	}
	if err != nil {
		return compute.NodeStatus{}
	}
	return s
}

// await returns the first status that fits.
func await(t *testing.T, f File, what string, fits func(compute.NodeStatus) bool) compute.NodeStatus {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if s := status(f); fits(s) {
			return s
		}
	}
	t.Fatalf("node %d is not %s after %s: %+v", f.Spec.NodeID, what, patience, status(f))
	return compute.NodeStatus{}
}

func awaitPhase(t *testing.T, f File, phase compute.Phase) compute.NodeStatus {
	t.Helper()
	return await(t, f, string(phase), func(s compute.NodeStatus) bool { return s.Phase == phase })
}

// javas are the processes that work with the node's properties.
func javas(t *testing.T, f File) []string {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, path := range lines {
		line, err := os.ReadFile(path)
		if err == nil && bytes.Contains(line, []byte(filepath.Join(f.Dir, propertiesFile))) {
			found = append(found, filepath.Base(filepath.Dir(path)))
		}
	}
	return found
}
