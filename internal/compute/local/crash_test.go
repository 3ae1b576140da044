//go:build linux

package local

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafkadist"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/node"
)

// churn is a run of Terraform that never ends by itself: it tells each node id that it has launched.
func churn(root, kafka, java string) error {
	d, err := New(Config{Root: root, Kafka: kafkadist.Source{Home: kafka}, JavaHome: java})
	if err != nil {
		return err
	}
	ctx := context.Background()
	fmt.Println("begin")
	for {
		lease, err := d.Lock(ctx, "prod", "churn")
		if err != nil {
			return err
		}
		c, err := d.GetCluster(ctx, "prod")
		if err != nil {
			return err
		}
		i, err := d.Launch(ctx, spec(c.NextNodeID))
		if err != nil {
			return err
		}
		if _, err := os.Stdout.WriteString(strconv.Itoa(int(i.Spec.NodeID)) + "\n"); err != nil {
			return err
		}
		if c.NextNodeID%2 == 0 {
			if err := errors.Join(d.Stop(ctx, i.ID), d.Terminate(ctx, i.ID)); err != nil {
				return err
			}
		}
		lease.Release()
	}
}

// A run is killed at random moments. Whatever it was doing, the next run finds every process and every directory of it.
func TestKilledAtAnyMoment(t *testing.T) {
	root := newRoot(t)
	d := newDriver(t, root)
	cluster(t, d)
	used := map[int32]bool{}
	for round := 0; round < 25 || len(used) < 15; round++ {
		if round == 300 {
			t.Fatalf("only %d nodes were launched in %d rounds", len(used), round)
		}
		cmd := exec.Command(os.Args[0], "churn", root, d.kafka.Home, d.javaHome)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		out := bufio.NewScanner(stdout)
		if !out.Scan() {
			t.Fatalf("round %d: the run does not begin: %s", round, stderr.String())
		}
		moment := time.Duration(rand.IntN(100_000)) * time.Microsecond
		time.Sleep(moment) // The moment of the crash is what is tested.
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		var launched []string
		for out.Scan() {
			launched = append(launched, out.Text())
		}
		if err := cmd.Wait(); err == nil || stderr.Len() > 0 {
			t.Fatalf("round %d: the run failed by itself: %v %s", round, err, stderr.String())
		}

		lease, err := d.Lock(t.Context(), "prod", "the next run")
		if err != nil {
			t.Fatalf("round %d, killed after %s: the lease has outlived its process: %v", round, moment, err)
		}
		record, err := d.GetCluster(t.Context(), "prod")
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range launched {
			id, ok := parseNodeID(text)
			if !ok || used[id] || id >= record.NextNodeID {
				t.Fatalf("round %d, killed after %s: id %q was launched, used already: %t, next is %d", round, moment, text, used[id], record.NextNodeID)
			}
			used[id] = true
		}
		listed := map[string]bool{}
		instances, err := d.List(t.Context(), "prod")
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range instances {
			listed[newMark(d.nodeDir("prod", i.Spec.NodeID)).variable] = true
			if i.Spec.NodeID >= record.NextNodeID || i.Spec.Zone != "local-a" {
				t.Fatalf("round %d, killed after %s: %+v, and the next id is %d", round, moment, i, record.NextNodeID)
			}
		}
		for _, variable := range marks(t, root) {
			if !listed[variable] {
				t.Fatalf("round %d, killed after %s: a process of %s runs and is not listed", round, moment, variable)
			}
		}
		for _, i := range instances {
			terminate(t, d, i.Spec.NodeID)
		}
		if left := marks(t, root); len(left) > 0 {
			t.Fatalf("round %d, killed after %s: processes are left of %v", round, moment, left)
		}
		lease.Release()
	}
	if err := d.DeleteCluster(t.Context(), "prod"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(root); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the root is left: %v", err)
	}
}

// marks returns the marks of all processes that belong to nodes below the root.
func marks(t *testing.T, root string) []string {
	t.Helper()
	all, err := allProcesses()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	below := newMark(root)
	for _, p := range all {
		if !below.on(p) {
			continue
		}
		for _, v := range environment(p.pid) {
			if strings.HasPrefix(v, markName) {
				found = append(found, v)
			}
		}
	}
	return found
}

func TestALaunchCutOffBeforeItsProcess(t *testing.T) {
	d := newDriver(t, newRoot(t))
	cluster(t, d)
	launch(t, d, 1)
	killNow(t, agentPID(t, d, 1))
	dir := d.nodeDir("prod", 1)
	for _, name := range []string{agentFile, node.StatusFile, logFile} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if i := await(t, d, 1, compute.StateStopped); !strings.Contains(i.StateReason, "cut off") || i.Spec.Zone != "local-a" {
		t.Errorf("listed as %+v", i)
	}
	terminate(t, d, 1)
}

func TestALaunchCutOffAfterItsProcess(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *Driver){
		"and stopped": func(t *testing.T, d *Driver) {
			if err := d.Stop(t.Context(), instanceID("prod", 1)); err != nil {
				t.Fatal(err)
			}
			await(t, d, 1, compute.StateStopped)
		},
		"and terminated": func(t *testing.T, d *Driver) { terminate(t, d, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDriver(t, newRoot(t))
			cluster(t, d)
			launch(t, d, 1)
			pid := agentPID(t, d, 1)
			if err := os.Remove(filepath.Join(d.nodeDir("prod", 1), agentFile)); err != nil {
				t.Fatal(err)
			}
			await(t, d, 1, compute.StateRunning)
			end(t, d)
			eventually(t, "the agent has ended", func() bool { return !running(pid) })
		})
	}
}

func TestWhatWasCutOffIsSwept(t *testing.T) {
	d := newDriver(t, newRoot(t))
	cluster(t, d)
	nodes := filepath.Join(d.clusterDir("prod"), nodesDir)
	for _, left := range []string{".1.new", ".7.gone"} {
		writeFile(t, filepath.Join(nodes, left, disksDir, "0", "data"), "x", 0o600)
	}
	if instances, err := d.List(t.Context(), "prod"); err != nil || len(instances) > 0 {
		t.Errorf("listed: %v %v", instances, err)
	}
	launch(t, d, 1)
	if entries, err := os.ReadDir(nodes); err != nil || len(entries) != 1 {
		t.Errorf("in %s are %v (%v), want one node", nodes, entries, err)
	}
}

func TestADamagedSpecIsListedAndTerminated(t *testing.T) {
	d := newDriver(t, newRoot(t))
	cluster(t, d)
	launch(t, d, 1)
	pid := agentPID(t, d, 1)
	writeFile(t, filepath.Join(d.nodeDir("prod", 1), node.SpecFile), "{", 0o600)
	i, ok := find(t, d, 1)
	if !ok || i.Spec.Cluster != "prod" || i.State != compute.StateRunning || !strings.Contains(i.StateReason, node.SpecFile) {
		t.Errorf("listed %t as %+v", ok, i)
	}
	terminate(t, d, 1)
	if running(pid) {
		t.Error("the agent still runs")
	}
}

func TestNodesOfALostRecordKeepTheirIDs(t *testing.T) {
	d := newDriver(t, newRoot(t))
	cluster(t, d)
	launch(t, d, 3)
	if err := os.Remove(filepath.Join(d.clusterDir("prod"), recordFile)); err != nil {
		t.Fatal(err)
	}
	cluster(t, d)
	if _, err := d.Launch(t.Context(), spec(3)); !errors.Is(err, compute.ErrNodeIDUsed) {
		t.Errorf("an id was used twice: %v", err)
	}
}

// While nodes come and go, List neither fails nor shows a living node as stopped.
func TestListDuringLaunchAndTerminate(t *testing.T) {
	d := newDriver(t, newRoot(t))
	cluster(t, d)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var watchers sync.WaitGroup
	for range 2 {
		watchers.Go(func() {
			for ctx.Err() == nil {
				instances, err := d.List(t.Context(), "prod")
				if err != nil {
					t.Error(err)
					return
				}
				for _, i := range instances {
					if i.Spec.Zone == "" {
						t.Errorf("a node was listed without its spec: %+v", i)
						return
					}
					if i.Spec.NodeID%2 == 1 && i.State == compute.StateStopped {
						t.Errorf("a living node was listed as %s: %s", i.State, i.StateReason)
						return
					}
				}
			}
		})
	}
	for id := range int32(20) {
		if _, err := d.Launch(t.Context(), spec(id+1)); err != nil {
			t.Fatal(err)
		}
		if id%2 == 1 {
			terminate(t, d, id+1)
		}
	}
	cancel()
	watchers.Wait()
}

func TestANodeThatVanishesWhileItIsReadIsNoNode(t *testing.T) {
	d := newDriver(t, newRoot(t))
	if i, err := d.observe("prod", 1, allProcesses); !errors.Is(err, compute.ErrNotFound) {
		t.Errorf("observed %+v, %v", i, err)
	}
}

// The root's lock is removed with the root, over and over, and still has one holder at a time.
func TestTheRootsLockIsRemovedWithTheRoot(t *testing.T) {
	f := fleets{newRoot(t)}
	var holders, together atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				release, err := f.lockRoot(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				if holders.Add(1) > 1 {
					together.Add(1)
				}
				runtime.Gosched()
				holders.Add(-1)
				if err := f.tidy("prod"); err != nil {
					t.Error(err)
				}
				release()
			}
		})
	}
	all.Wait()
	if n := together.Load(); n > 0 {
		t.Errorf("the lock had two holders %d times", n)
	}
}
