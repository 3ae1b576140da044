//go:build linux

package local

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafkadist"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/loopback"
)

func TestTheDefaultRootIsInTheUsersData(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", "/data/home")
	d, err := New(Config{})
	if err != nil || d.root != "/data/home/kafkafleet" {
		t.Errorf("root %q, %v", d.root, err)
	}
	t.Setenv("XDG_DATA_HOME", "")
	t.Setenv("HOME", "/home/ada")
	d, err = New(Config{})
	if err != nil || d.root != "/home/ada/.local/share/kafkafleet" {
		t.Errorf("root %q, %v", d.root, err)
	}
}

func TestNewTouchesNothing(t *testing.T) {
	d := newDriver(t, newRoot(t))
	if _, err := d.List(t.Context(), "prod"); err != nil {
		t.Error(err)
	}
	if err := d.Terminate(t.Context(), "local-prod-1"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(d.root); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the root was made: %v", err)
	}
}

func TestNamesThatLeadOutOfTheRootAreRefused(t *testing.T) {
	d := newDriver(t, newRoot(t))
	for _, name := range []string{"", ".", "..", "../prod", "a/b", "/etc", ".lock", "-x", "a\x00b", strings.Repeat("x", 129)} {
		_, getErr := d.GetCluster(t.Context(), name)
		_, listErr := d.List(t.Context(), name)
		_, lockErr := d.Lock(t.Context(), name, "me")
		s := spec(1)
		s.Cluster = name
		_, launchErr := d.Launch(t.Context(), s)
		for verb, err := range map[string]error{
			"get": getErr, "list": listErr, "lock": lockErr, "launch": launchErr, "delete": d.DeleteCluster(t.Context(), name),
			"put": d.PutCluster(t.Context(), compute.Cluster{Name: name, ID: "MkU3OEVBNTcwNTJENDM2Qg"}),
		} {
			if !errors.Is(err, compute.ErrInvalid) {
				t.Errorf("%s of %q: %v", verb, name, err)
			}
		}
	}
}

func TestInstanceIDs(t *testing.T) {
	for text, want := range map[string]string{
		"local-prod-7": "prod 7", "local-c-1-12": "c-1 12",
		"": "", "local-7": "", "local--7": "", "local-prod-": "", "local-prod-0": "", "local-prod--1": "prod- 1", "local-prod-07": "",
		"local-prod-+7": "", "local-..-7": "", "local-../prod-7": "", "local-prod/nodes-7": "", "i-0abc": "", "local-prod-99999999999": "",
	} {
		got := ""
		if cluster, id, ok := parseInstanceID(text); ok {
			got = fmt.Sprintf("%s %d", cluster, id)
		}
		if got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestNothingIsLeftOfTheLastCluster(t *testing.T) {
	d := newDriver(t, newRoot(t))
	lease, err := d.Lock(t.Context(), "prod", "apply")
	if err != nil {
		t.Fatal(err)
	}
	cluster(t, d)
	launch(t, d, 1)
	terminate(t, d, 1)
	if err := d.DeleteCluster(t.Context(), "prod"); err != nil {
		t.Fatal(err)
	}
	lease.Release()
	if _, err := os.Stat(d.root); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the root is still there: %v", err)
	}
	// A lease that nothing was created under leaves nothing either.
	if lease, err = d.Lock(t.Context(), "prod", "refresh"); err != nil {
		t.Fatal(err)
	}
	lease.Release()
	if _, err := os.Stat(d.root); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the root is still there: %v", err)
	}
}

func TestOtherClustersAndFilesStay(t *testing.T) {
	d := newDriver(t, newRoot(t))
	cluster(t, d)
	writeFile(t, filepath.Join(d.root, "mine.txt"), "x", 0o600)
	if err := d.PutCluster(t.Context(), compute.Cluster{Name: "test", ID: "q1Sh-9_ISia_zwGINzRvyQ"}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"prod", "test"} {
		if _, err := d.GetCluster(t.Context(), "test"); err != nil {
			t.Error(err)
		}
		if err := d.DeleteCluster(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Join(d.root, "mine.txt")); err != nil {
		t.Error(err)
	}
}

func TestPortsAreTheNodesOwn(t *testing.T) {
	d := newDriver(t, newRoot(t))
	cluster(t, d)
	node := launch(t, d, 1)
	_, text, err := net.SplitHostPort(node.Address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < firstPort || port >= firstPort+portCount {
		t.Errorf("port %s, %v", text, err)
	}
	// The agent keeps it although nothing listens: other fleets, which do not know this root, pass it over.
	if taken, err := loopback.Bind(port); err == nil {
		_ = taken.Close()
		t.Error("the port of a running node was given away")
	}
	// Kafka can listen on it, as often as it is started.
	for range 2 {
		kafka, err := net.Listen("tcp", node.Address)
		if err != nil {
			t.Fatalf("Kafka cannot listen on its own port: %v", err)
		}
		if err := kafka.Close(); err != nil {
			t.Error(err)
		}
	}
	// A stopped node keeps its address too, within its root.
	killNow(t, agentPID(t, d, 1))
	if taken, err := d.addresses(); err != nil || !taken[node.Address] {
		t.Errorf("addresses %v, %v", taken, err)
	}
	terminate(t, d, 1)
	again, err := loopback.Bind(port)
	if err != nil {
		t.Fatalf("the port of a terminated node is still taken: %v", err)
	}
	_ = again.Close()
}

func TestTheAddressOfANodeIsNotGivenAgain(t *testing.T) {
	taken, free := map[string]bool{}, map[string]bool{}
	for port := firstPort; port < firstPort+portCount; port++ {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if port%1000 == 17 { // Ten are left, in case that something on this machine listens on one.
			free[address] = true
		} else {
			taken[address] = true
		}
	}
	reserved, address, err := choosePort(taken)
	if err != nil || !free[address] {
		t.Fatalf("got %q, %v; want one of %v", address, err, free)
	}
	_ = reserved.Close()
	for address := range free {
		taken[address] = true
	}
	if _, address, err := choosePort(taken); !errors.Is(err, compute.ErrNoCapacity) {
		t.Errorf("got %q, %v, when all ports are taken", address, err)
	}
}

func TestJava(t *testing.T) {
	for text, ok := range map[string]bool{
		`openjdk version "17.0.2" 2022-01-18`: true,
		`openjdk version "21" 2023-09-19`:     true,
		`openjdk version "11.0.22" 2024-01`:   false,
		`java version "1.8.0_392"`:            false,
		`bash: no Java here`:                  false,
	} {
		d, err := New(Config{Root: newRoot(t), Kafka: kafkadist.Source{Home: kafkaHome(t)}, JavaHome: javaHome(t, text)})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			err = d.CheckKafka(t.Context(), kafkaVersion)
			if ok && err != nil || !ok && (!errors.Is(err, compute.ErrInvalid) || !strings.Contains(err.Error(), "install Java 17")) {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
}

func TestNoJava(t *testing.T) {
	empty := t.TempDir()
	d, err := New(Config{Root: newRoot(t), Kafka: kafkadist.Source{Home: kafkaHome(t)}, JavaHome: empty})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.CheckKafka(t.Context(), kafkaVersion); !errors.Is(err, compute.ErrInvalid) || !strings.Contains(err.Error(), empty) {
		t.Errorf("a JAVA_HOME that is none: %v", err)
	}
	t.Setenv("JAVA_HOME", "")
	t.Setenv("PATH", empty)
	if d, err = New(Config{Root: newRoot(t), Kafka: kafkadist.Source{Home: kafkaHome(t)}}); err != nil {
		t.Fatal(err)
	}
	if err := d.CheckKafka(t.Context(), kafkaVersion); !errors.Is(err, compute.ErrInvalid) || !strings.Contains(err.Error(), "install Java 17") {
		t.Errorf("no Java on PATH: %v", err)
	}
}

func TestAHeapThatDoesNotFitIsRefused(t *testing.T) {
	d := newDriver(t, newRoot(t))
	cluster(t, d)
	s := spec(1)
	s.HeapBytes = 5 << 30
	if _, err := d.Launch(t.Context(), s); !errors.Is(err, compute.ErrInvalid) {
		t.Errorf("a heap of 5 GiB on 4 GiB: %v", err)
	}
}
