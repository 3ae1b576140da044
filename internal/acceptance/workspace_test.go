package acceptance

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/check"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute/local"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafkadist"
)

const cluster = "acc"

// workspace is one Terraform working directory with a fleet of its own.
type workspace struct {
	t      *testing.T
	dir    string
	root   string
	driver compute.Driver
	env    []string
	runs   int
}

// needed is an environment variable that `make test` sets.
func needed(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set; run these tests by `make test`, which prepares Kafka, Terraform and the provider's binary", name)
	}
	return value
}

// newWorkspace makes a working directory from testdata/fleet.tf. Whatever the test leaves is destroyed at its end.
func newWorkspace(t *testing.T) *workspace {
	t.Helper()
	binary, home := needed(t, "KAFKAFLEET_AGENT"), needed(t, "KAFKAFLEET_KAFKA_HOME")
	root := filepath.Join(t.TempDir(), "fleets")
	driver, err := local.New(local.Config{Root: root, Agent: binary, Kafka: kafkadist.Source{Home: home}})
	if err != nil {
		t.Fatal(err)
	}
	w := workspaceOf(t, "testdata/fleet.tf", driver)
	w.root = root
	w.env = append(w.env, "KAFKAFLEET_LOCAL_ROOT="+root)
	return w
}

// workspaceOf makes a working directory from a file, for a fleet of that driver.
func workspaceOf(t *testing.T, file string, driver compute.Driver) *workspace {
	t.Helper()
	binary, home := needed(t, "KAFKAFLEET_AGENT"), needed(t, "KAFKAFLEET_KAFKA_HOME")
	w := &workspace{t: t, dir: t.TempDir(), driver: driver}
	config, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	plugins := filepath.Dir(binary)
	rc := fmt.Sprintf("provider_installation {\n  dev_overrides {\n    \"kafkafleet/kafkafleet\" = %q\n  }\n  direct {}\n}\n", plugins)
	for name, content := range map[string]string{"main.tf": string(config), "cli.tfrc": rc} {
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.env = append(os.Environ(),
		"TF_CLI_CONFIG_FILE="+filepath.Join(w.dir, "cli.tfrc"), "TF_IN_AUTOMATION=1", "TF_INPUT=0", "CHECKPOINT_DISABLE=1",
		"KAFKAFLEET_KAFKA_HOME="+home, "KAFKAFLEET_AGENT="+binary)
	t.Cleanup(w.cleanUp)
	return w
}

// plaintext makes the fleet one that protects nothing: what is measured is then the moving of bytes, and not what encrypting them costs.
func (w *workspace) plaintext() { w.env = append(w.env, "TF_VAR_plaintext=true") }

// oneController lets one controller do what three do elsewhere, for a test that is about brokers.
func (w *workspace) oneController() { w.env = append(w.env, "TF_VAR_controllers=1") }

// chapter runs one part of a fleet's life as a subtest. The next one starts from where this one ends, so a failure ends them all.
func (w *workspace) chapter(name string, f func()) {
	w.t.Helper()
	outer := w.t
	ok := outer.Run(name, func(t *testing.T) {
		w.t = t
		f()
	})
	if w.t = outer; !ok {
		w.t.FailNow()
	}
}

// cleanUp ends every process of the fleet, whatever state the test left it in.
func (w *workspace) cleanUp() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, i := range w.instances() {
		if w.t.Failed() {
			w.t.Logf("node %d (%s) at the end: %s, %+v", i.Spec.NodeID, i.Spec.Role, i.State, i.Status)
		}
		if err := w.driver.Terminate(ctx, i.ID); err != nil {
			w.t.Errorf("node %d is left behind: %v", i.Spec.NodeID, err)
		}
	}
}

func (w *workspace) instances() []compute.Instance {
	list, err := w.driver.List(context.Background(), cluster)
	if err != nil {
		w.t.Errorf("listing the fleet: %v", err)
	}
	return list
}

// nodes are the ids of a role's nodes.
func (w *workspace) nodes(role compute.Role) []int32 {
	var ids []int32
	for _, i := range w.instances() {
		if i.Spec.Role == role {
			ids = append(ids, i.Spec.NodeID)
		}
	}
	return ids
}

func (w *workspace) bootstrap(context.Context) ([]string, error) {
	var out []string
	for _, i := range w.instances() {
		if i.Spec.Role == compute.RoleBroker && i.State == compute.StateRunning {
			out = append(out, i.Address)
		}
	}
	return out, nil
}

// security is how the test connects to the brokers where they listen for each other: as the provider does.
func (w *workspace) security() check.Security {
	w.t.Helper()
	security, err := fleet.New(w.driver, fleet.Options{}).AdminTLS(context.Background(), cluster)
	if err != nil {
		w.t.Fatal(err)
	}
	return check.Security{TLS: security}
}

// run is one Terraform command.
type run struct {
	cmd   *exec.Cmd
	out   bytes.Buffer
	log   string
	ended chan error
}

// start starts Terraform in a process group of its own, as a shell would.
func (w *workspace) start(args ...string) *run {
	w.t.Helper()
	w.runs++
	r := &run{log: filepath.Join(w.dir, fmt.Sprintf("provider-%d.log", w.runs)), ended: make(chan error, 1)}
	r.cmd = exec.Command(needed(w.t, "TF_ACC_TERRAFORM_PATH"), args...)
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = w.dir, &r.out, &r.out
	r.cmd.Env = append([]string{"TF_LOG_PROVIDER=INFO", "TF_LOG_PATH=" + r.log}, w.env...) // Of two, the last counts.
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	go func() { r.ended <- r.cmd.Wait() }()
	w.t.Cleanup(func() { _ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL) }) // Gone already, unless the test failed.
	return r
}

func (r *run) signal(sig syscall.Signal) { _ = syscall.Kill(-r.cmd.Process.Pid, sig) } // A run that has ended needs none.

// wait returns the exit code.
func (w *workspace) wait(r *run) int {
	w.t.Helper()
	select {
	case err := <-r.ended:
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
			w.t.Fatalf("terraform %v: %v", r.cmd.Args[1:], err)
		}
		return r.cmd.ProcessState.ExitCode()
	case <-time.After(8 * time.Minute):
		w.t.Fatalf("terraform %v does not end:\n%s\n%s", r.cmd.Args[1:], r.out.String(), r.tail())
		return -1
	}
}

// tail is the end of the provider's log, for a failing test.
func (r *run) tail() string {
	log, _ := os.ReadFile(r.log) //nolint:errcheck // Only to explain a failure.
	lines := strings.Split(string(log), "\n")
	return strings.Join(lines[max(0, len(lines)-60):], "\n")
}

// errors are what Terraform told of errors, from the first one on.
func (r *run) errors() string {
	if i := strings.Index(r.out.String(), "Error:"); i >= 0 {
		return r.out.String()[i:]
	}
	return ""
}

func (w *workspace) terraform(args ...string) {
	w.t.Helper()
	r := w.start(args...)
	if code := w.wait(r); code != 0 {
		// The errors come last: what is long is often cut in the middle.
		w.t.Fatalf("terraform %v: exit code %d\n%s\nprovider's log ends:\n%s\n%s", args, code, r.out.String(), r.tail(), r.errors())
	}
}

var mutating = regexp.MustCompile(`mutating call.*`)

// apply applies with these variables and returns the mutating calls that it made.
func (w *workspace) apply(vars ...string) []string {
	w.t.Helper()
	w.terraform(withVars("apply", vars)...)
	log, err := os.ReadFile(filepath.Join(w.dir, fmt.Sprintf("provider-%d.log", w.runs)))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range rollouts(w.t.Name(), string(log)) {
		w.record(r)
	}
	return mutating.FindAllString(string(log), -1)
}

func withVars(command string, vars []string) []string {
	args := []string{command, "-no-color"}
	if command == "apply" || command == "destroy" {
		args = append(args, "-auto-approve")
	}
	for _, v := range vars {
		args = append(args, "-var", v)
	}
	return args
}

// quiet asserts that another apply finds nothing to do and calls nothing that changes anything.
func (w *workspace) quiet(vars ...string) {
	w.t.Helper()
	if calls := w.apply(vars...); len(calls) > 0 {
		w.t.Errorf("a second apply changed something:\n%s", strings.Join(calls, "\n"))
	}
	w.planIsEmpty(vars...)
}

func (w *workspace) planIsEmpty(vars ...string) {
	w.t.Helper()
	r := w.start(append(withVars("plan", vars), "-detailed-exitcode")...)
	if code := w.wait(r); code != 0 {
		w.t.Errorf("the plan is not empty, exit code %d:\n%s", code, r.out.String())
	}
}

// loadBytes is the size of a record of the load: small, so that what it adds while a rollout runs is little beside what the plan has seen.
const loadBytes = 128

// underLoad runs a change while the load checker produces and consumes, and asserts that not one acknowledged record is lost.
func (w *workspace) underLoad(change func()) {
	w.t.Helper()
	w.underLoadOf(100, change)
}

// underLoadOf is underLoad with so many records a second.
func (w *workspace) underLoadOf(rate int, change func()) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	load, err := check.Start(ctx, check.Options{Bootstrap: w.bootstrap, Security: w.security(), Topic: "load", Rate: rate, RecordBytes: loadBytes})
	if err != nil {
		w.t.Fatal(err)
	}
	defer load.Close()
	w.until("records are acknowledged", patience, func() bool { return load.Acked() > int64(rate) })
	change()
	before := load.Acked()
	w.until("records are acknowledged after the change", patience, func() bool { return load.Acked() > before+int64(rate) })
	report, err := load.Stop(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Logf("%d records acknowledged, %d lost, longest gap %d ms", report.RecordsAcked, report.RecordsLost, report.LongestGapMillis)
	if err := report.Problem(); err != nil {
		w.t.Error(err)
	}
}

// fill puts some bytes into a topic, over its partitions in turn. It reads nothing back, which would cost more than the writing.
func (w *workspace) fill(topic string, bytes int) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	const size = 64 << 10
	seeds, err := w.bootstrap(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	opts := []kgo.Opt{
		kgo.SeedBrokers(seeds...), kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerBatchMaxBytes(size + 1024), kgo.MaxBufferedRecords(200), kgo.DisableClientMetrics(),
	}
	if trust := w.security().TLS; trust != nil {
		opts = append(opts, kgo.DialTLSConfig(trust))
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		w.t.Fatal(err)
	}
	defer client.Close()
	var failed atomic.Pointer[error]
	for range bytes / size {
		value := make([]byte, size)
		_, _ = rand.Read(value) // It never fails.
		client.Produce(ctx, &kgo.Record{Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				failed.Store(&err)
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		w.t.Fatal(err)
	}
	if err := failed.Load(); err != nil {
		w.t.Fatalf("filling topic %s: %v", topic, *err)
	}
}

// patience is how long a condition is waited for that a healthy fleet always meets, on the slowest machine: one that boots a node in a minute, and has
// controllers to replace before the first broker.
const patience = 5 * time.Minute

// until waits for a condition, with a deadline.
func (w *workspace) until(what string, within time.Duration, met func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(within); !met(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("waited %s in vain until %s", within, what)
		}
	}
}

// specs asserts what all nodes of a role are.
func (w *workspace) specs(role compute.Role, count int, right func(compute.NodeSpec) bool) {
	w.t.Helper()
	n := 0
	for _, i := range w.instances() {
		if i.Spec.Role != role {
			continue
		}
		n++
		if !right(i.Spec) || i.State != compute.StateRunning {
			w.t.Errorf("%s %d is not as declared: %s, %+v", role, i.Spec.NodeID, i.State, i.Spec)
		}
	}
	if n != count {
		w.t.Errorf("%d nodes of role %s, want %d", n, role, count)
	}
}

// fresh asserts that no node of before is there any more.
func (w *workspace) fresh(role compute.Role, before []int32) {
	w.t.Helper()
	for _, id := range w.nodes(role) {
		if slices.Contains(before, id) {
			w.t.Errorf("%s %d was not replaced", role, id)
		}
	}
}

func asJSON(v any) string {
	b, _ := json.Marshal(v) //nolint:errcheck // Maps of strings always marshal.
	return string(b)
}
