//go:build linux

package local

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute/computetest"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafkadist"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/node"
)

const kafkaVersion = "4.2.1"

// lifetime ends the helper processes by themselves should the tests die before they clean up.
const lifetime = 3 * time.Minute

// TestMain lets the test binary be the other processes that the tests need.
func TestMain(m *testing.M) {
	if len(os.Args) < 2 || strings.HasPrefix(os.Args[1], "-test.") {
		os.Exit(m.Run())
	}
	time.AfterFunc(lifetime, func() { os.Exit(3) })
	if err := helper(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func helper(verb string, args []string) error {
	switch verb {
	case "node": // The node agent: "node --spec FILE".
		return fakeAgent(args[1])
	case "sleep":
		select {}
	case "lock": // "lock ROOT EXPIRY": holds the lease of "prod", and tells for each line that it reads if it still does.
		return holdLease(args[0], args[1], os.Stdin)
	case "churn": // "churn ROOT KAFKAHOME JAVAHOME": launches and terminates for ever.
		return churn(args[0], args[1], args[2])
	}
	return fmt.Errorf("no helper %q", verb)
}

// holdLease takes the lease of "prod" and prints "held" or why it is not, once at first and then for each line of asked.
func holdLease(root, expiry string, asked io.Reader) error {
	brief, err := time.ParseDuration(expiry)
	if err != nil {
		return err
	}
	d, err := New(Config{Root: root, LeaseExpiry: brief})
	if err != nil {
		return err
	}
	lease, err := d.Lock(context.Background(), "prod", "a run in trouble")
	if err != nil {
		return err
	}
	for lines := bufio.NewScanner(asked); ; {
		answer := "held"
		if err := lease.Held(context.Background()); err != nil {
			answer = strings.ReplaceAll(err.Error(), "\n", " ")
		}
		fmt.Println(answer)
		if !lines.Scan() {
			return lines.Err()
		}
	}
}

// reportEvery is how often a fake agent reports.
const reportEvery = 200 * time.Millisecond

// fakeAgent reports regularly and waits for SIGTERM. The node's Config asks for more: "child" is a process that outlives the agent,
// "bare child" is one that does not inherit the environment.
func fakeAgent(spec string) error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	file, err := readSpec(filepath.Dir(spec))
	if err != nil {
		return err
	}
	status := compute.NodeStatus{Phase: compute.PhaseRunning}
	for kind := range file.Spec.Config {
		child := exec.Command(os.Args[0], "sleep")
		switch kind {
		case "child":
		case "bare child":
			child.Env = []string{"PATH=/bin"}
		default:
			continue
		}
		if err := child.Start(); err != nil {
			return err
		}
		status.KafkaPID = child.Process.Pid
	}
	for ticker := time.NewTicker(reportEvery); ; {
		status.UpdatedAt = time.Now()
		text, err := json.Marshal(status)
		if err != nil {
			return err
		}
		if err := writeDurably(filepath.Join(file.Dir, node.StatusFile), text); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-stop:
			return nil
		}
	}
}

// newDriver returns a driver whose agent is this test binary, whose Kafka is an empty shell and whose Java always agrees.
// Nothing of its nodes is left after the test.
func newDriver(t *testing.T, root string) *Driver {
	t.Helper()
	d, err := New(Config{Root: root, Kafka: kafkadist.Source{Home: kafkaHome(t)}, JavaHome: javaHome(t, `openjdk version "17.0.2" 2022-01-18`)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := kill(context.WithoutCancel(t.Context()), 0, d.root); err != nil {
			t.Error(err)
		}
	})
	return d
}

func kafkaHome(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	writeFile(t, filepath.Join(home, "libs", "kafka_2.13-"+kafkaVersion+".jar"), "", 0o600)
	return home
}

// javaHome makes a Java that prints the text when it is asked for its version.
func javaHome(t *testing.T, version string) string {
	t.Helper()
	home := t.TempDir()
	writeFile(t, filepath.Join(home, "bin", "java"), "#!/bin/sh\ncat >&2 <<'END'\n"+version+"\nEND\n", 0o700)
	return home
}

func writeFile(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func newRoot(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "fleets")
}

func TestConformance(t *testing.T) {
	computetest.Run(t, func(t *testing.T) computetest.Fixture {
		root := newRoot(t)
		d := newDriver(t, root)
		again := func(expiry time.Duration) *Driver {
			again, err := New(Config{Root: root, Kafka: d.kafka, JavaHome: d.javaHome, LeaseExpiry: expiry})
			if err != nil {
				t.Error(err)
			}
			return again
		}
		const brief = 2 * time.Second
		return computetest.Fixture{
			Driver:       d,
			Again:        func() compute.Driver { return again(0) },
			KafkaVersion: kafkaVersion,
			Brief: func(hung bool) compute.Driver {
				d := again(brief)
				d.hung = hung
				return d
			},
			LeaseExpiry: brief,
			Schedule: func(t *testing.T, i compute.Instance, reason string) {
				writeFile(t, filepath.Join(d.nodeDir(i.Spec.Cluster, i.Spec.NodeID), maintenanceFile), reason+"\n", 0o600)
			},
		}
	})
}

// cluster makes the record of "prod".
func cluster(t *testing.T, d *Driver) {
	t.Helper()
	if err := d.PutCluster(t.Context(), compute.Cluster{Name: "prod", ID: "MkU3OEVBNTcwNTJENDM2Qg"}); err != nil {
		t.Fatal(err)
	}
}

func spec(id int32) compute.NodeSpec {
	return compute.NodeSpec{
		Security: compute.Security{Plaintext: true},
		Cluster:  "prod", ClusterID: "MkU3OEVBNTcwNTJENDM2Qg", Group: "main", Role: compute.RoleBroker, NodeID: id,
		Zone: "local-a", InstanceType: "local.large", KafkaVersion: kafkaVersion, HeapBytes: 1 << 28,
	}
}

// launch launches a node and waits for its agent's first report. The keys configure the fake agent.
func launch(t *testing.T, d *Driver, id int32, keys ...string) compute.Instance {
	t.Helper()
	s := spec(id)
	s.Config = map[string]string{}
	for _, key := range keys {
		s.Config[key] = "true"
	}
	if _, err := d.Launch(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return await(t, d, id, compute.StateRunning)
}

func find(t *testing.T, d *Driver, id int32) (compute.Instance, bool) {
	t.Helper()
	instances, err := d.List(t.Context(), "prod")
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range instances {
		if i.Spec.NodeID == id {
			return i, true
		}
	}
	return compute.Instance{}, false
}

func await(t *testing.T, d *Driver, id int32, want compute.State) compute.Instance {
	t.Helper()
	var i compute.Instance
	eventually(t, fmt.Sprintf("node %d is %s", id, want), func() bool {
		i, _ = find(t, d, id)
		return i.State == want
	})
	return i
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never became true: %s", what)
		}
	}
}

func terminate(t *testing.T, d *Driver, id int32) {
	t.Helper()
	if err := d.Terminate(t.Context(), instanceID("prod", id)); err != nil {
		t.Fatal(err)
	}
	if i, ok := find(t, d, id); ok {
		t.Fatalf("node %d is listed as %s after Terminate", id, i.State)
	}
}

// agentPID returns the process id of the node's agent.
func agentPID(t *testing.T, d *Driver, id int32) int {
	t.Helper()
	a, ok := readAgent(d.nodeDir("prod", id))
	if !ok {
		t.Fatalf("node %d has no agent recorded", id)
	}
	return a.PID
}

func running(pid int) bool {
	_, ok := readProcess(pid)
	return ok
}

// stranger starts a process that is nobody's node.
func stranger(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "sleep")
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	return cmd
}
