package sandbox

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// nodes is a driver of which a sandbox uses List and Terminate only.
type nodes struct {
	compute.Driver
	instances  []compute.Instance
	terminated []string
}

func (n *nodes) List(context.Context, string) ([]compute.Instance, error) {
	return slices.Clone(n.instances), nil
}

func (n *nodes) Terminate(_ context.Context, id string) error {
	n.terminated = append(n.terminated, id)
	n.instances = slices.DeleteFunc(n.instances, func(i compute.Instance) bool { return i.ID == id })
	return nil
}

// instance is a node; a broker has another address for its clients.
func instance(id string, role compute.Role, state compute.State, address string) compute.Instance {
	i := compute.Instance{ID: id, Spec: compute.NodeSpec{Role: role}, State: state, Address: address}
	if role == compute.RoleBroker && address != "" {
		i.Clients = "clients." + address
	}
	return i
}

func TestBrokersAreThoseThatRun(t *testing.T) {
	f := Fleet{Driver: &nodes{instances: []compute.Instance{
		instance("a", compute.RoleController, compute.StateRunning, "h:1"),
		instance("b", compute.RoleBroker, compute.StateRunning, "h:2"),
		instance("c", compute.RoleBroker, compute.StateStopped, "h:3"),
		instance("d", compute.RoleBroker, compute.StateRunning, ""),
	}}}
	got, err := f.Brokers(t.Context())
	if err != nil || fmt.Sprint(got) != "[clients.h:2]" {
		t.Errorf("brokers %v, error %v", got, err)
	}
	if got, err := f.BrokersInside(t.Context()); err != nil || fmt.Sprint(got) != "[h:2]" {
		t.Errorf("brokers for each other %v, error %v", got, err)
	}
	if got, err := f.Controllers(t.Context()); err != nil || fmt.Sprint(got) != "[h:1]" {
		t.Errorf("controllers %v, error %v", got, err)
	}
}

// sleeper is a process whose command line names the folder.
func sleeper(t *testing.T, folder string) *exec.Cmd {
	t.Helper()
	script := filepath.Join(folder, "node.sh")
	if err := os.WriteFile(script, []byte("read line\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", script)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close() // The process may have been killed by the test.
		_ = cmd.Wait()
	})
	return cmd
}

func TestWhatIsLeftIsFoundAndKilled(t *testing.T) {
	folder := t.TempDir()
	root := filepath.Join(folder, "fleet")
	driver := &nodes{instances: []compute.Instance{
		instance("c", compute.RoleController, compute.StateRunning, ""), instance("b", compute.RoleBroker, compute.StateRunning, ""),
	}}
	f := Fleet{Driver: driver, Root: root}
	if err := f.Gone(t.Context(), folder); err != nil {
		t.Errorf("nothing is there: %v", err)
	}

	cmd := sleeper(t, folder)
	// Without patience: the process is not going to end.
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Gone(ended, folder); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("the first is %d", cmd.Process.Pid)) {
		t.Errorf("process %d is left, and the error is %v", cmd.Process.Pid, err)
	}
	if err := f.Kill(t.Context(), folder); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(driver.terminated) != "[b c]" {
		t.Errorf("terminated %v, want the broker before the controller", driver.terminated)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Success() {
		t.Errorf("the process ended with %v, want it killed", err)
	}
	if err := f.Gone(t.Context(), folder); err != nil {
		t.Error(err)
	}

	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := f.Gone(t.Context(), folder); err == nil || !strings.Contains(err.Error(), "is left after destroy") {
		t.Errorf("the fleet's folder is left, and the error is %v", err)
	}
}
