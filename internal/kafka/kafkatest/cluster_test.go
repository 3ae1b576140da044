package kafkatest

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/loopback"
)

// helperVariable makes TestMain a process that runs a cluster in the given directory and waits to be killed.
const helperVariable = "KAFKATEST_HELPER_DIR"

func TestMain(m *testing.M) {
	dir := os.Getenv(helperVariable)
	if dir == "" {
		os.Exit(m.Run())
	}
	cluster, err := Run(Options{NoBrokers: true, Dir: dir})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Printf("pid %d\n", cluster.PID(firstController))
	select {}
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

func TestNothingOutlivesAKilledTest(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), helperVariable+"="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(errors.Join(err, cmd.Process.Kill(), cmd.Wait()))
	}
	var pid int
	if _, err := fmt.Sscanf(line, "pid %d", &pid); err != nil || !alive(pid) {
		t.Fatal(line, err, cmd.Process.Kill(), cmd.Wait())
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// Wait reports the signal as an error, which is what was asked for.
	_ = cmd.Wait()
	for deadline := time.Now().Add(20 * time.Second); alive(pid); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatalf("the JVM %d outlived the process that started it", pid)
		}
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	cluster, err := Run(Options{NoBrokers: true})
	if err != nil {
		t.Fatal(err)
	}
	pid, dir := cluster.PID(firstController), cluster.dir
	if !alive(pid) {
		t.Fatalf("the controller does not run, pid %d", pid)
	}
	if err := cluster.Pause(firstController); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := cluster.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if alive(pid) {
		t.Errorf("process %d still lives", pid)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there (%v)", dir, err)
	}
}

// TestTheAddressOfAStoppedNodeIsItsOwn: what another test's cluster took in between, the node could not listen on again.
func TestTheAddressOfAStoppedNodeIsItsOwn(t *testing.T) {
	cluster := Start(t, Options{NoBrokers: true})
	address := cluster.Address(firstController)
	if err := cluster.Stop(firstController); err != nil {
		t.Fatal(err)
	}
	var port int
	if _, err := fmt.Sscanf(address, "127.0.0.1:%d", &port); err != nil {
		t.Fatal(err)
	}
	if taken, _, err := loopback.Reserve(port, 1, nil); !errors.Is(err, loopback.ErrNoPort) {
		t.Errorf("%s was given away: %v", address, errors.Join(err, taken.Close()))
	}
	if err := cluster.Restart(firstController); err != nil {
		t.Fatal(err)
	}
}

func TestAClusterThatCannotStartSaysWhyAndLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cluster")
	_, err := Run(Options{NoBrokers: true, Dir: dir, Config: map[string]string{"num.io.threads": "-1"}})
	if err == nil || !strings.Contains(err.Error(), "num.io.threads") {
		t.Errorf("error %v, want Kafka's own words about num.io.threads", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there (%v)", dir, err)
	}
}

func TestHomeSaysWhatToDo(t *testing.T) {
	t.Setenv(HomeVariable, filepath.Join(t.TempDir(), "{version}"))
	if _, err := Home("9.9.9"); err == nil || !strings.Contains(err.Error(), "make kafka") || !strings.Contains(err.Error(), "9.9.9") {
		t.Errorf("error %v, want one that names the version and the remedy", err)
	}
}
