package acceptance

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// root is a root module that examples/converge/converge.sh is tried on.
type root struct {
	t         *testing.T
	dir       string
	terraform string
}

// newRoot makes one in a folder of its own, which is gone at the end of the test.
func newRoot(t *testing.T, terraform, config string) root {
	t.Helper()
	r := root{t: t, dir: t.TempDir(), terraform: terraform}
	r.write("main.tf", config)
	return r
}

func (r root) write(name, content string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(content), 0o755); err != nil {
		r.t.Fatal(err)
	}
}

// read is a file's content, "" when there is none.
func (r root) read(name string) string {
	b, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		r.t.Fatal(err)
	}
	return string(b)
}

// start starts the script in a process group of its own, with settings beside those of this process.
func (r root) start(settings ...string) (cmd *exec.Cmd, said *bytes.Buffer) {
	r.t.Helper()
	script, err := filepath.Abs("../../examples/converge/converge.sh")
	if err != nil {
		r.t.Fatal(err)
	}
	said = &bytes.Buffer{}
	cmd = exec.Command(script, r.dir)
	cmd.Stdout, cmd.Stderr = said, said
	cmd.Env = append(os.Environ(), append([]string{
		"TERRAFORM=" + r.terraform, "CONVERGE_METRICS=" + filepath.Join(r.dir, "converge.prom"), "TMPDIR=" + r.t.TempDir(), "TF_CLI_CONFIG_FILE=/dev/null", "CHECKPOINT_DISABLE=1",
	}, settings...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second // What outlives the script must not keep the test.
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	return cmd, said
}

// converge runs the script to its end, and asserts its exit code and what it says.
func (r root) converge(code int, says string, settings ...string) {
	r.t.Helper()
	cmd, said := r.start(settings...)
	r.ended(cmd, said, code, says)
}

func (r root) ended(cmd *exec.Cmd, said *bytes.Buffer, code int, says string) {
	r.t.Helper()
	timer := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != code || !strings.Contains(said.String(), says) {
		r.t.Fatalf("%v; exit code %d and %q are wanted:\n%s", err, code, says, said)
	}
	if code == 130 {
		return
	}
	if metric := fmt.Sprintf("kafkafleet_converge_exit_code %d\n", code); !strings.Contains(r.read("converge.prom"), metric) {
		r.t.Errorf("the metrics lack %q:\n%s", metric, r.read("converge.prom"))
	}
}

// lastSuccess is the metric of that name.
func (r root) lastSuccess() string {
	r.t.Helper()
	for line := range strings.Lines(r.read("converge.prom")) {
		if value, ok := strings.CutPrefix(line, "kafkafleet_converge_last_success_timestamp_seconds "); ok {
			return strings.TrimSpace(value)
		}
	}
	r.t.Fatal("the metrics lack the last success")
	return ""
}

// flocked takes the lock of a run of the script.
func (r root) flocked() (release func()) {
	r.t.Helper()
	dir, err := os.Open(r.dir)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		r.t.Fatalf("a run that has ended still holds its lock: %v", err)
	}
	return func() { _ = dir.Close() }
}

// TestConverge takes a root module of Terraform's own resources through all ends that a run can have, by the real CLI.
func TestConverge(t *testing.T) {
	r := newRoot(t, needed(t, "TF_ACC_TERRAFORM_PATH"), `
variable "wanted" { default = 1 }
variable "sick" { default = false }
variable "broken" { default = false }
variable "gone" { default = false }

resource "terraform_data" "changes" {
  input = var.wanted
  lifecycle {
    precondition {
      condition     = !var.broken
      error_message = "It is broken."
    }
  }
}

resource "terraform_data" "stays" {
  count = var.gone ? 0 : 1
}

output "wanted" {
  value = terraform_data.changes.output
}

data "terraform_remote_state" "outside" {
  backend    = "local"
  config     = { path = "${path.module}/outside.json" }
  depends_on = [terraform_data.changes]
}

check "health" {
  assert {
    condition     = data.terraform_remote_state.outside.outputs.status == "healthy" && !var.sick
    error_message = "The fleet is sick."
  }
}

check "with_a_data_source_inside" {
  data "terraform_remote_state" "inside" {
    backend = "local"
    config  = { path = "${path.module}/outside.json" }
  }
  assert {
    condition     = data.terraform_remote_state.inside.outputs.status == "healthy"
    error_message = "The fleet is sick."
  }
}
`)
	r.write("outside.json", `{"version":4,"serial":1,"lineage":"x","outputs":{"status":{"value":"healthy","type":"string"}},"resources":[]}`)
	r.converge(2, "drifted, and not to be applied", "CONVERGE_APPLY=no")
	if r.read("terraform.tfstate") != "" {
		t.Error("a look applied something")
	}
	if last := r.lastSuccess(); last != "0" {
		t.Errorf("before the first success, the last one was at %s", last)
	}
	r.converge(0, "Apply complete! Resources: 2 added")
	r.flocked()()
	r.converge(0, "as declared")
	last := r.lastSuccess()
	r.converge(2, "drifted", "CONVERGE_APPLY=no", "TF_VAR_wanted=2")
	if r.lastSuccess() != last || last == "0" {
		t.Errorf("the last success was at %s, and after a run without one at %s", last, r.lastSuccess())
	}
	r.converge(0, "1 changed, 0 destroyed", "TF_VAR_wanted=2")
	wanted := []string{"TF_VAR_wanted=2"}
	r.converge(3, "The fleet is sick.", append(wanted, "TF_VAR_sick=true")...)
	r.converge(1, "It is broken.", append(wanted, "TF_VAR_broken=true")...)
	r.converge(4, "which somebody has to decide", append(wanted, "TF_VAR_gone=true")...)
	if !strings.Contains(r.read("terraform.tfstate"), `"name": "stays"`) {
		t.Error("it was deleted without being asked")
	}
	r.converge(0, "0 changed, 1 destroyed", append(wanted, "TF_VAR_gone=true", "CONVERGE_DELETE=yes")...)
	if r.lastSuccess() < last {
		t.Errorf("the last success was at %s, and later at %s", last, r.lastSuccess())
	}

	release := r.flocked()
	r.converge(5, "another run is at work", wanted...)
	release()
	state, err := os.OpenFile(filepath.Join(r.dir, "terraform.tfstate"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	// The lock that Terraform takes on a local state.
	if err := syscall.FcntlFlock(state.Fd(), syscall.F_SETLK, &syscall.Flock_t{Type: syscall.F_WRLCK}); err != nil {
		t.Fatal(err)
	}
	r.converge(5, "somebody else holds the lock of the state", append(wanted, "CONVERGE_LOCK=0s")...)
}

// TestConvergeOfPlansThatCannotBeRead: what cannot be understood counts as what must not be done alone.
func TestConvergeOfPlansThatCannotBeRead(t *testing.T) {
	cases := map[string]struct {
		plan string
		code int
		says string
	}{
		"changes":                     {"Plan: 0 to add, 1 to change, 0 to destroy.", 2, "not all is done"},
		"imports":                     {"Plan: 1 to import, 0 to add, 0 to change, 0 to destroy.", 2, "not all is done"},
		"actions":                     {"Plan: 0 to add, 0 to change, 0 to destroy. Actions: 1 to invoke.", 2, "not all is done"},
		"outputs":                     {"Changes to Outputs:", 2, "not all is done"},
		"outputs beside reads":        {"Plan: 0 to add, 0 to change, 0 to destroy.\nChanges to Outputs:", 2, "not all is done"},
		"another name":                {"  # a.b has moved to a.c\nPlan: 0 to add, 0 to change, 0 to destroy.", 2, "not all is done"},
		"reads only":                  {"Plan: 0 to add, 0 to change, 0 to destroy.", 0, "as declared"},
		"deletes":                     {"Plan: 0 to add, 0 to change, 1 to destroy.", 4, "somebody has to decide"},
		"replaces ten":                {"Plan: 10 to add, 0 to change, 10 to destroy.", 4, "somebody has to decide"},
		"deletes and changes outputs": {"Plan: 0 to add, 0 to change, 1 to destroy.\nChanges to Outputs:", 4, "somebody has to decide"},
		"nothing that it knows":       {"Plan: everything goes.", 4, "somebody has to decide"},
		"nothing at all":              {"", 4, "somebody has to decide"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRoot(t, "", "")
			r.terraform = filepath.Join(r.dir, "terraform")
			r.write("said", c.plan+"\n")
			r.write("terraform", "#!/bin/sh\nif [ \"$1\" = plan ]; then cat said; exit 2; fi\n")
			r.converge(c.code, c.says)
		})
	}
}

// TestConvergeOfALockedCluster: Terraform breaks the lines of the provider's error.
func TestConvergeOfALockedCluster(t *testing.T) {
	r := newRoot(t, "", "")
	r.terraform = filepath.Join(r.dir, "terraform")
	r.write("said", "╷\n│ Error: The broker group could not be applied\n│ \n│ Cluster \"shop\": cluster is\n│ locked by another run: process 7\n╵\n")
	r.write("terraform", "#!/bin/sh\ncase $1 in plan) echo 'Plan: 0 to add, 1 to change, 0 to destroy.'; exit 2 ;; apply) cat said; exit 1 ;; esac\n")
	r.converge(5, "somebody else works on the cluster")
}

// TestConvergeIsInterrupted: Terraform gets one signal, however many come, and the time to come to an end.
func TestConvergeIsInterrupted(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			r := newRoot(t, "", "")
			r.terraform = filepath.Join(r.dir, "terraform")
			r.write("terraform", `#!/bin/bash
if [ "$1" = plan ]; then
  trap 'echo interrupted >>signals' INT
  touch ready
  until [ -e go ] || [ ! -e ready ]; do sleep 0.05; done
  echo ended >>signals
fi
`)
			cmd, said := r.start()
			eventually(t, func() bool { _, err := os.Stat(filepath.Join(r.dir, "ready")); return err == nil })
			for range 3 {
				// The whole group, as a terminal does it.
				if err := syscall.Kill(-cmd.Process.Pid, sig); err != nil {
					t.Fatal(err)
				}
				eventually(t, func() bool { return r.read("signals") != "" })
			}
			r.write("go", "")
			r.ended(cmd, said, 130, "the next run goes on")
			if got := r.read("signals"); got != "interrupted\nended\n" {
				t.Errorf("%q", got)
			}
			r.flocked()()
		})
	}
}

// TestConvergeIsKilled: Terraform is not cut off by that, and as long as it runs no other run begins.
func TestConvergeIsKilled(t *testing.T) {
	r := newRoot(t, "", "")
	r.terraform = filepath.Join(r.dir, "terraform")
	r.write("terraform", `#!/bin/bash
if [ "$1" = plan ]; then
  touch ready
  until [ -e go ] || [ ! -e ready ]; do sleep 0.05; done
  echo ended >>signals
fi
`)
	cmd, _ := r.start()
	eventually(t, func() bool { _, err := os.Stat(filepath.Join(r.dir, "ready")); return err == nil })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // It was killed.
	r.converge(5, "another run is at work")
	r.write("go", "")
	eventually(t, func() bool { return r.read("signals") == "ended\n" })
	eventually(t, func() bool {
		again, said := r.start()
		_ = again.Wait() // The code says it.
		return again.ProcessState.ExitCode() == 0 && strings.Contains(said.String(), "as declared")
	})
}

// eventually waits for a condition, with a deadline.
func eventually(t *testing.T, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !met(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain")
		}
	}
}
