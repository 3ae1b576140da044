package node

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// A broker waits for a controller, runs, is started again after a crash, finds the controllers after they have moved, stops in the
// controlled way, and does not start again on an empty disk.
func TestBrokerFromFirstStartToLostDisk(t *testing.T) {
	t.Parallel()
	var known driver
	controller, broker := newFile(t, newer, compute.RoleController, 1), newFile(t, newer, compute.RoleBroker, 2)

	b := run(t, broker, known.controllers)
	await(t, broker, "waiting for a controller", func(s compute.NodeStatus) bool {
		return s.Phase == compute.PhasePreparing && strings.Contains(s.LastError, "waiting for a live controller")
	})
	if _, err := os.Stat(logDirs(broker)[0]); !os.IsNotExist(err) {
		t.Error("the disks were touched before there was a cluster to belong to")
	}

	c := run(t, controller, known.controllers)
	awaitPhase(t, controller, compute.PhaseRunning)
	known.set(controller.Listen)
	first := awaitPhase(t, broker, compute.PhaseRunning)
	if first.Restarts != 0 || len(first.DiskUsedBytes) != 2 || first.BootSeconds <= 0 {
		t.Errorf("first status: %+v", first)
	}

	kill(t, first.KafkaPID)
	second := await(t, broker, "running again", func(s compute.NodeStatus) bool { return s.Phase == compute.PhaseRunning && s.Restarts == 1 })
	if second.KafkaPID == first.KafkaPID || !strings.Contains(second.LastError, "signal: killed") || second.BootSeconds != first.BootSeconds {
		t.Errorf("status after a kill: %+v", second)
	}

	// All controllers change their addresses while the broker runs. It must find them: without them it cannot end its controlled
	// shutdown, and would be killed.
	if s, took := c.stopped(); s.Phase != compute.PhaseStopped || took > controller.StopTimeout {
		t.Errorf("the controller took %s to stop: %+v", took, s)
	}
	controller.Listen = freeAddress(t)
	known.set(controller.Listen)
	run(t, controller, known.controllers)
	awaitPhase(t, controller, compute.PhaseRunning)
	last, took := b.stopped()
	if last.Phase != compute.PhaseStopped || last.KafkaPID != 0 || took >= broker.StopTimeout || strings.Contains(last.LastError, "controlled shutdown") {
		t.Errorf("the broker took %s to stop: %+v", took, last)
	}
	if left := javas(t, broker); len(left) != 0 {
		t.Errorf("processes %v are left of a stopped broker", left)
	}

	if err := os.RemoveAll(logDirs(broker)[1]); err != nil {
		t.Fatal(err)
	}
	b = run(t, broker, known.controllers)
	lost := awaitPhase(t, broker, compute.PhaseDiskLost)
	if !strings.Contains(lost.LastError, "has to be replaced") || lost.KafkaPID != 0 {
		t.Errorf("status with a lost disk: %+v", lost)
	}
	if started := javas(t, broker); len(started) != 0 {
		t.Errorf("processes %v run on a lost disk", started)
	}
	await(t, broker, "still reporting", func(s compute.NodeStatus) bool { return s.UpdatedAt.After(lost.UpdatedAt) })
	if s, _ := b.stopped(); s.Phase != compute.PhaseStopped {
		t.Errorf("status after the stop: %+v", s)
	}
}

// An older Kafka, whose first format was interrupted, under an agent that is killed.
func TestControllerSurvivesItsAgent(t *testing.T) {
	t.Parallel()
	f := newFile(t, older, compute.RoleController, 7)
	f.Spec.ReleaseVersion = "4.2"
	alone := func() *running { return run(t, f, (&driver{}).controllers) }
	plantUnfinishedFormat(t, f)

	agent := startAgentProcess(t, f)
	s := awaitPhase(t, f, compute.PhaseRunning)
	formatted, err := os.ReadFile(filepath.Join(f.Dir, formatLog))
	if err != nil || !strings.Contains(string(formatted), "metadata.version 4.2-IV1") {
		t.Errorf("formatting said %q, %v", formatted, err)
	}
	meta := metaOf(t, f)
	if strings.Contains(meta, "unfinished") {
		t.Error("Kafka was started on an unfinished format")
	}
	group, err := syscall.Getpgid(s.KafkaPID)
	if err != nil || group != agent.Pid {
		t.Errorf("Kafka is in process group %d, its agent's is %d: %v", group, agent.Pid, err)
	}
	kill(t, agent.Pid)
	// A process that ends loses its command line before its port.
	until(t, "Kafka is gone with its agent", func() bool { return len(javas(t, f)) == 0 && !answers(t.Context(), f.Listen) })

	// A setting that Kafka refuses, then a port that is not free, then all is well: never a second format.
	good := f
	f = withConfig(f, "num.io.threads", "many")
	r := alone()
	s = awaitPhase(t, f, compute.PhaseBackoff)
	if want := "Invalid value many for configuration num.io.threads"; !strings.Contains(s.LastError, want) {
		t.Errorf("last error %q, want %q in it", s.LastError, want)
	}
	r.stopped()
	f = good
	f.JVMOptions = []string{"-XX:+Nonsense"}
	r = alone()
	s = awaitPhase(t, f, compute.PhaseBackoff)
	if want := "Unrecognized VM option 'Nonsense'"; !strings.Contains(s.LastError, want) {
		t.Errorf("last error %q, want %q in it", s.LastError, want)
	}
	r.stopped()
	f = good
	stranger, err := net.Listen("tcp", f.Listen)
	if err != nil {
		t.Fatal(err)
	}
	r = alone()
	s = awaitPhase(t, f, compute.PhaseBackoff)
	if !strings.Contains(s.LastError, "another process listens on "+f.Listen) || s.Restarts != 0 {
		t.Errorf("status with a port in use: %+v", s)
	}
	if err := stranger.Close(); err != nil {
		t.Fatal(err)
	}
	s = awaitPhase(t, f, compute.PhaseRunning)
	if now := metaOf(t, f); now != meta {
		t.Errorf("the disk was formatted again: %s, before %s", now, meta)
	}

	// A disk can go under a running Kafka. The crash that follows must not be answered with a start.
	if err := os.RemoveAll(logDirs(f)[1]); err != nil {
		t.Fatal(err)
	}
	kill(t, s.KafkaPID)
	if s = awaitPhase(t, f, compute.PhaseDiskLost); s.Restarts != 0 || s.KafkaPID != 0 {
		t.Errorf("status after a disk was lost: %+v", s)
	}
	r.stopped()
}

func TestNodeThatCanNeverStartSaysWhy(t *testing.T) {
	whole := newFile(t, newer, compute.RoleController, 3)
	noKafka := whole
	noKafka.KafkaHome = filepath.Join(whole.Dir, "nothing")
	for name, test := range map[string]struct {
		file File
		want string
	}{
		"a value that Kafka refuses":   {withConfig(whole, "num.io.threads", "many"), "Invalid value many for configuration num.io.threads"},
		"a setting that is the node's": {withConfig(whole, "node.id", "4"), "config sets node.id"},
		"no Kafka":                     {noKafka, "kafka.tools.StorageTool"},
	} {
		t.Run(name, func(t *testing.T) {
			test.file.Dir = t.TempDir()
			test.file.Disks = []string{filepath.Join(test.file.Dir, "disk")}
			r := run(t, test.file, (&driver{}).controllers)
			if s := awaitPhase(t, test.file, compute.PhaseFailed); !strings.Contains(s.LastError, test.want) {
				t.Errorf("last error %q, want %q in it", s.LastError, test.want)
			}
			if s, took := r.stopped(); s.Phase != compute.PhaseStopped || took > time.Second {
				t.Errorf("the stop took %s: %+v", took, s)
			}
		})
	}
}

func TestNoJava(t *testing.T) {
	f := newFile(t, newer, compute.RoleController, 3)
	t.Setenv("JAVA_HOME", t.TempDir())
	run(t, f, (&driver{}).controllers)
	if s := awaitPhase(t, f, compute.PhaseFailed); !strings.Contains(s.LastError, "Kafka needs Java 17") {
		t.Errorf("last error %q", s.LastError)
	}
}

func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// startAgentProcess runs an agent in a process group of its own.
func startAgentProcess(t *testing.T, f File) *os.Process {
	t.Helper()
	content, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	spec := filepath.Join(f.Dir, SpecFile)
	if err := os.WriteFile(spec, content, 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), agentSpec+"="+spec)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // Gone already when all went well.
		_ = cmd.Wait()
	})
	return cmd.Process
}

// plantUnfinishedFormat leaves what a format leaves that was cut off on its second disk.
func plantUnfinishedFormat(t *testing.T, f File) {
	t.Helper()
	dir := logDirs(f)[0]
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	meta := "version=1\nnode.id=7\ncluster.id=" + clusterID + "\ndirectory.id=unfinished\n"
	if err := os.WriteFile(filepath.Join(dir, "meta.properties"), []byte(meta), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := mark(filepath.Join(f.Dir, formattingMark)); err != nil {
		t.Fatal(err)
	}
}

func metaOf(t *testing.T, f File) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(logDirs(f)[0], "meta.properties"))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
