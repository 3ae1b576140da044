package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// mirrorVersion is the version under which the mirror offers the provider that was just built.
const mirrorVersion = "0.1.0"

// interruptPatience is how long Terraform may take to stop at a safe point after Ctrl-C.
const interruptPatience = 2 * time.Minute

// Terraform runs Terraform or OpenTofu in one folder.
type Terraform struct {
	// Binary is the command, Dir the folder with the configuration, CLIConfig the CLI configuration that makes it use the built provider.
	Binary, Dir, CLIConfig string
	// Stdout and Stderr take what commands print.
	Stdout, Stderr io.Writer
	environment    []string
}

// newTerraform makes a mirror with the provider for both registries' names, and a CLI configuration that knows nothing else,
// so that the user's own configuration and plugin cache play no part. Everything is put below work.
func newTerraform(binary, provider, dir, work string) (Terraform, error) {
	mirror := filepath.Join(work, "mirror")
	for _, host := range []string{"registry.terraform.io", "registry.opentofu.org"} {
		platform := filepath.Join(mirror, host, "kafkafleet", "kafkafleet", mirrorVersion, runtime.GOOS+"_"+runtime.GOARCH)
		if err := os.MkdirAll(platform, 0o755); err != nil {
			return Terraform{}, fmt.Errorf("making the provider mirror: %w", err)
		}
		if err := copyFile(provider, filepath.Join(platform, "terraform-provider-kafkafleet_v"+mirrorVersion), 0o755); err != nil {
			return Terraform{}, fmt.Errorf("making the provider mirror: %w", err)
		}
	}
	config := filepath.Join(work, "cli.tfrc")
	text := fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return Terraform{}, fmt.Errorf("writing the CLI configuration: %w", err)
	}
	return Terraform{
		Binary: binary, Dir: dir, CLIConfig: config,
		Stdout: os.Stdout, Stderr: os.Stderr,
		environment: append(os.Environ(), "TF_CLI_CONFIG_FILE="+config, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_INPUT=0"),
	}, nil
}

// With returns the same Terraform with more in its environment, each as NAME=value.
func (t Terraform) With(environment ...string) Terraform {
	t.environment = slices.Concat(t.environment, environment)
	return t
}

// Run runs one command to its end. When the context ends, Terraform is interrupted once, as by Ctrl-C.
func (t Terraform) Run(ctx context.Context, args ...string) error {
	command, err := t.Start(ctx, args...)
	if err != nil {
		return err
	}
	return command.Wait()
}

// Converged is whether a plan has nothing to do.
func (t Terraform) Converged(ctx context.Context, args ...string) (bool, error) {
	err := t.Run(ctx, append([]string{"plan", "-detailed-exitcode"}, args...)...)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 2 {
		return false, nil
	}
	return err == nil, err
}

// Outputs reads the outputs of the state into a struct whose fields are tagged with their names.
func (t Terraform) Outputs(ctx context.Context, into any) error {
	var raw bytes.Buffer
	t.Stdout = &raw
	if err := t.Run(ctx, "output", "-json"); err != nil {
		return err
	}
	var named map[string]struct {
		Value json.RawMessage `json:"value"`
	}
	if err := json.Unmarshal(raw.Bytes(), &named); err != nil {
		return fmt.Errorf("the outputs: %w", err)
	}
	values := make(map[string]json.RawMessage, len(named))
	for name, output := range named {
		values[name] = output.Value
	}
	plain, err := json.Marshal(values)
	if err != nil {
		return fmt.Errorf("the outputs: %w", err)
	}
	if err := json.Unmarshal(plain, into); err != nil {
		return fmt.Errorf("the outputs: %w", err)
	}
	return nil
}

// Command is a Terraform that runs. Wait must be called.
type Command struct {
	cmd  *exec.Cmd
	name string
}

// Start starts one command. When the context ends, Terraform is interrupted once, as by Ctrl-C.
func (t Terraform) Start(ctx context.Context, args ...string) (*Command, error) {
	if !isTerminal(t.Stdout) { // Nobody looks at colours.
		args = slices.Insert(slices.Clone(args), 1, "-no-color")
	}
	c := &Command{cmd: exec.CommandContext(ctx, t.Binary, args...), name: filepath.Base(t.Binary) + " " + args[0]}
	c.cmd.Dir, c.cmd.Env, c.cmd.Stdout, c.cmd.Stderr = t.Dir, t.environment, t.Stdout, t.Stderr
	// A group of its own, since a Ctrl-C at the terminal reaches the whole group: together with the signal sent here,
	// Terraform would count two, and on the second it leaves at once without stopping at a safe point.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.cmd.Cancel = func() error { return c.cmd.Process.Signal(os.Interrupt) }
	c.cmd.WaitDelay = interruptPatience
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	return c, nil
}

// Wait returns when the command has ended. The error wraps an exec.ExitError when it has failed.
func (c *Command) Wait() error {
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	return nil
}

// Kill ends Terraform and the providers that it has started at once, as kill -9 does. One that has ended already is no error. It must not
// be called after Wait has returned, when others may have got the number of the process.
func (c *Command) Kill() error {
	if err := syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("killing %s: %w", c.name, err)
	}
	return nil
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func copyFile(from, to string, mode os.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // Nothing was written to it.
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return errors.Join(err, out.Close())
	}
	return out.Close()
}
