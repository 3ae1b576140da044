//go:build linux

package local

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

func TestTheAgentOutlivesItsLauncherAndKnowsNoSecrets(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
	d := newDriver(t, newRoot(t))
	cluster(t, d)
	launch(t, d, 1)
	pid := agentPID(t, d, 1)
	p, _ := readProcess(pid)
	if p.session != pid {
		t.Errorf("the agent %d is in session %d, want one of its own", pid, p.session)
	}
	env := environment(pid)
	if !slices.Contains(env, "JAVA_HOME="+d.javaHome) {
		t.Errorf("the agent is not told of the configured Java: %q", env)
	}
	if text := strings.Join(env, "\n"); strings.Contains(text, "wJalrXUtnFEMI") {
		t.Errorf("the agent has got a secret: %s", text)
	}
	cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	if err != nil || cwd != d.nodeDir("prod", 1) {
		t.Errorf("the agent works in %q (%v), want its node's directory", cwd, err)
	}
}

func TestTheAgentIsToldWhereThingsAre(t *testing.T) {
	d := newDriver(t, newRoot(t))
	cluster(t, d)
	i := launch(t, d, 1)
	dir := d.nodeDir("prod", 1)
	file, err := readSpec(dir)
	if err != nil {
		t.Fatal(err)
	}
	for what, pair := range map[string][2]any{
		"dir": {file.Dir, dir}, "kafka home": {file.KafkaHome, d.kafka.Home}, "listen": {file.Listen, i.Address},
		"stop timeout": {file.StopTimeout, stopTimeout}, "driver": {file.Driver, "local"}, "root": {file.Root, d.root},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %v, want %v", what, pair[0], pair[1])
		}
	}
	if len(file.Disks) != 2 {
		t.Errorf("a local.large has disks %v, want two", file.Disks)
	}
	for _, disk := range file.Disks {
		if info, err := os.Stat(disk); err != nil || !info.IsDir() {
			t.Errorf("disk %s: %v", disk, err)
		}
	}
	if !slices.Contains(file.JVMOptions, "-XX:ActiveProcessorCount=2") {
		t.Errorf("a local.large has the JVM options %q", file.JVMOptions)
	}
}

func TestANodeWhoseAgentWasKilledIsStopped(t *testing.T) {
	d := newDriver(t, newRoot(t))
	cluster(t, d)
	launch(t, d, 1)
	killNow(t, agentPID(t, d, 1))
	i := await(t, d, 1, compute.StateStopped)
	if !strings.Contains(i.StateReason, "process is gone") {
		t.Errorf("the reason is %q", i.StateReason)
	}
	// Stop does not turn an accident into a request.
	if err := d.Stop(t.Context(), i.ID); err != nil {
		t.Fatal(err)
	}
	if again, _ := find(t, d, 1); again.StateReason != i.StateReason {
		t.Errorf("the reason has become %q", again.StateReason)
	}
	terminate(t, d, 1)
}

func TestANodeWhoseAgentWasKilledIsStoppedSinceItsLastReport(t *testing.T) {
	d := newDriver(t, newRoot(t))
	cluster(t, d)
	running := launch(t, d, 1)
	if since := running.StateSince; since.Before(running.LaunchedAt) || since.Sub(running.LaunchedAt) > time.Minute {
		t.Errorf("launched at %s, and running since %s", running.LaunchedAt, since)
	}
	// Who launches an agent writes down its process when it runs, and its first report may be older than that.
	var reported compute.Instance
	eventually(t, "the agent has reported since it was written down", func() bool {
		reported, _ = find(t, d, 1)
		return reported.Status != nil && reported.Status.UpdatedAt.After(running.StateSince)
	})
	killNow(t, agentPID(t, d, 1))
	ended := time.Now()
	i := await(t, d, 1, compute.StateStopped)
	if !i.StateSince.Equal(i.Status.UpdatedAt) || i.StateSince.After(ended) || i.StateSince.Before(reported.Status.UpdatedAt) {
		t.Errorf("stopped since %s; its last report is of %s, and it was killed before %s", i.StateSince, i.Status.UpdatedAt, ended)
	}
}

// Of a node that hangs, the machine runs and the agent is silent. It cannot even stop, and can be terminated.
func TestAHungNodeRunsAndIsSilent(t *testing.T) {
	d := newDriver(t, newRoot(t))
	cluster(t, d)
	launch(t, d, 1, "child")
	if err := syscall.Kill(agentPID(t, d, 1), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	i, _ := find(t, d, 1)
	eventually(t, "the agent is silent", func() bool {
		i, _ = find(t, d, 1)
		return time.Since(i.Status.UpdatedAt) > 5*reportEvery
	})
	if i.State != compute.StateRunning {
		t.Errorf("a node that hangs is %s: %s", i.State, i.StateReason)
	}
	asked := time.Now().Add(-time.Second) // The file system's clock may be a tick behind.
	var since time.Time
	for range 2 {
		if err := d.Stop(t.Context(), i.ID); err != nil {
			t.Fatal(err)
		}
		i, _ = find(t, d, 1)
		if i.State != compute.StateStopping || i.StateSince.Before(asked) || !since.IsZero() && !i.StateSince.Equal(since) {
			t.Errorf("asked to stop at %s, a node that hangs is %s since %s, before that since %s", asked, i.State, i.StateSince, since)
		}
		since = i.StateSince
		time.Sleep(20 * time.Millisecond) // A second mark would be younger than the first.
	}
	terminate(t, d, 1)
}

func TestMaintenanceIsWhatTheFileSays(t *testing.T) {
	d := newDriver(t, newRoot(t))
	cluster(t, d)
	launch(t, d, 1)
	path := filepath.Join(d.nodeDir("prod", 1), maintenanceFile)
	for text, want := range map[string]string{
		"retired on\n Friday\n": "retired on Friday",
		"":                      "there is a file maintenance in its directory",
	} {
		writeFile(t, path, text, 0o600)
		if i, _ := find(t, d, 1); i.Maintenance != want {
			t.Errorf("%q is %q, want %q", text, i.Maintenance, want)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if i, _ := find(t, d, 1); i.Maintenance != "" {
		t.Errorf("without the file: %q", i.Maintenance)
	}
}

func TestAStoppedNodeSaysThatItWasAsked(t *testing.T) {
	d := newDriver(t, newRoot(t))
	cluster(t, d)
	i := launch(t, d, 1)
	if err := d.Stop(t.Context(), i.ID); err != nil {
		t.Fatal(err)
	}
	if i = await(t, d, 1, compute.StateStopped); !strings.Contains(i.StateReason, "asked to stop") {
		t.Errorf("the reason is %q", i.StateReason)
	}
}

func TestKafkaWithoutItsAgentIsNotTakenForDead(t *testing.T) {
	d := newDriver(t, newRoot(t))
	cluster(t, d)
	kafka := launch(t, d, 1, "child").Status.KafkaPID
	killNow(t, agentPID(t, d, 1))
	i := await(t, d, 1, compute.StateRunning)
	if !strings.Contains(i.StateReason, "agent is gone") {
		t.Errorf("the reason is %q", i.StateReason)
	}
	if err := d.Stop(t.Context(), i.ID); err != nil {
		t.Fatal(err)
	}
	await(t, d, 1, compute.StateStopped)
	eventually(t, "the Kafka whose agent is gone has ended", func() bool { return !running(kafka) })
}

func TestTerminateLeavesNoProcess(t *testing.T) {
	for name, test := range map[string]struct {
		child     string
		killAgent bool
	}{
		"with the agent":                        {"child", false},
		"when the agent died first":             {"child", true},
		"a child that has lost the environment": {"bare child", false},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDriver(t, newRoot(t))
			cluster(t, d)
			kafka := launch(t, d, 1, test.child).Status.KafkaPID
			agent := agentPID(t, d, 1)
			if test.killAgent {
				killNow(t, agent)
			}
			terminate(t, d, 1)
			if running(agent) || running(kafka) {
				t.Errorf("agent runs: %t, Kafka runs: %t", running(agent), running(kafka))
			}
			if entries, err := os.ReadDir(filepath.Join(d.clusterDir("prod"), nodesDir)); err != nil || len(entries) > 0 {
				t.Errorf("left behind: %v, %v", entries, err)
			}
		})
	}
}

func TestNoStrangerIsKilled(t *testing.T) {
	d := newDriver(t, newRoot(t))
	cluster(t, d)
	i := launch(t, d, 1)
	dir := d.nodeDir("prod", 1)
	// One that works in the node's directory, like the shell of somebody who looks at the logs.
	visitor := stranger(t, dir)
	// One that has got the number of the node's agent, which is long gone.
	heir := stranger(t, t.TempDir())
	killNow(t, agentPID(t, d, 1))
	now, _, err := readStat(heir.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := (processRecord{PID: heir.Process.Pid, Started: now.started - 1, Boot: bootID()}).write(dir); err != nil {
		t.Fatal(err)
	}
	await(t, d, 1, compute.StateStopped)
	if err := d.Stop(t.Context(), i.ID); err != nil {
		t.Fatal(err)
	}
	terminate(t, d, 1)
	for _, s := range []int{visitor.Process.Pid, heir.Process.Pid} {
		if !running(s) {
			t.Errorf("the stranger %d was killed", s)
		}
	}
}

func TestARecordOfAnotherBootIsNoProcess(t *testing.T) {
	heir := stranger(t, t.TempDir())
	now, _, err := readStat(heir.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	record := processRecord{PID: heir.Process.Pid, Started: now.started, Boot: bootID()}
	if !record.lives() {
		t.Error("a running process does not live")
	}
	if record.Boot = "another"; record.lives() {
		t.Error("a process of an earlier boot lives")
	}
}

func TestOneRootSpelledInTwoWays(t *testing.T) {
	root := newRoot(t)
	d := newDriver(t, root)
	cluster(t, d)
	kafka := launch(t, d, 1, "child").Status.KafkaPID
	killNow(t, agentPID(t, d, 1))
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(root, link); err != nil {
		t.Fatal(err)
	}
	other := newDriver(t, link)
	await(t, other, 1, compute.StateRunning)
	terminate(t, other, 1)
	if running(kafka) {
		t.Error("Kafka still runs")
	}
}

func TestDeleteClusterEndsNodesWhoseDirectoryIsGone(t *testing.T) {
	d := newDriver(t, newRoot(t))
	cluster(t, d)
	launch(t, d, 1)
	pid := agentPID(t, d, 1)
	if err := os.RemoveAll(d.nodeDir("prod", 1)); err != nil {
		t.Fatal(err)
	}
	if err := d.DeleteCluster(t.Context(), "prod"); err != nil {
		t.Fatal(err)
	}
	if running(pid) {
		t.Error("the agent still runs")
	}
}

func TestAnAgentThatCannotStartLeavesNothing(t *testing.T) {
	d := newDriver(t, newRoot(t))
	cluster(t, d)
	d.agent = filepath.Join(t.TempDir(), "no-such-binary")
	if _, err := d.Launch(t.Context(), spec(1)); err == nil || !strings.Contains(err.Error(), d.agent) {
		t.Errorf("the error %v does not name the binary", err)
	}
	if i, ok := find(t, d, 1); ok {
		t.Errorf("listed: %+v", i)
	}
	if c, err := d.GetCluster(t.Context(), "prod"); err != nil || c.NextNodeID != 2 {
		t.Errorf("the next id is %d (%v), want 2: the first is used", c.NextNodeID, err)
	}
}

func TestControllersAreTheLiveOnes(t *testing.T) {
	d := newDriver(t, newRoot(t))
	cluster(t, d)
	var want []string
	for id := range int32(4) {
		s := spec(id + 1)
		if s.NodeID < 4 {
			s.Role = compute.RoleController
		}
		i, err := d.Launch(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if s.NodeID == 1 || s.NodeID == 2 {
			want = append(want, i.Address)
		}
	}
	killNow(t, agentPID(t, d, 3))
	await(t, d, 3, compute.StateStopped)
	got, err := Controllers(d.root, "prod")(t.Context())
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("controllers %v (%v), want %v", got, err, want)
	}
	if got, err := d.Controllers("prod")(t.Context()); err != nil || !slices.Equal(got, want) {
		t.Errorf("controllers %v (%v), want %v", got, err, want)
	}
}

func killNow(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the process has ended", func() bool { return !running(pid) })
}
