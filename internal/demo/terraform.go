package main

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

// terraform runs Terraform or OpenTofu in one folder.
type terraform struct {
	binary, dir string
	environment []string
	// plain is true when nobody looks at colours.
	plain bool
}

// newTerraform makes a mirror with the provider for both registries' names, and a CLI configuration that knows nothing else,
// so that the user's own configuration and plugin cache play no part. Everything is put below work.
func newTerraform(binary, provider, dir, work string) (terraform, error) {
	mirror := filepath.Join(work, "mirror")
	for _, host := range []string{"registry.terraform.io", "registry.opentofu.org"} {
		platform := filepath.Join(mirror, host, "kafkafleet", "kafkafleet", mirrorVersion, runtime.GOOS+"_"+runtime.GOARCH)
		if err := os.MkdirAll(platform, 0o755); err != nil {
			return terraform{}, fmt.Errorf("making the provider mirror: %w", err)
		}
		if err := copyFile(provider, filepath.Join(platform, "terraform-provider-kafkafleet_v"+mirrorVersion), 0o755); err != nil {
			return terraform{}, fmt.Errorf("making the provider mirror: %w", err)
		}
	}
	config := filepath.Join(work, "cli.tfrc")
	text := fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return terraform{}, fmt.Errorf("writing the CLI configuration: %w", err)
	}
	return terraform{
		plain:       !isTerminal(os.Stdout),
		binary:      binary,
		dir:         dir,
		environment: append(os.Environ(), "TF_CLI_CONFIG_FILE="+config, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_INPUT=0"),
	}, nil
}

// run runs one command and shows what it prints. When the context ends, Terraform is interrupted once, as by Ctrl-C.
func (t terraform) run(ctx context.Context, args ...string) error {
	return t.command(ctx, os.Stdout, args...)
}

// converged is whether a plan has nothing to do.
func (t terraform) converged(ctx context.Context, args ...string) (bool, error) {
	err := t.run(ctx, append([]string{"plan", "-detailed-exitcode"}, args...)...)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 2 {
		return false, nil
	}
	return err == nil, err
}

// outputs reads the outputs of the state into a struct whose fields are tagged with their names.
func (t terraform) outputs(ctx context.Context, into any) error {
	var raw bytes.Buffer
	if err := t.command(ctx, &raw, "output", "-json"); err != nil {
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

func (t terraform) command(ctx context.Context, stdout io.Writer, args ...string) error {
	if t.plain {
		args = slices.Insert(slices.Clone(args), 1, "-no-color")
	}
	cmd := exec.CommandContext(ctx, t.binary, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = t.dir, t.environment, stdout, os.Stderr
	// A group of its own, since a Ctrl-C at the terminal reaches the whole group: together with the signal sent here,
	// Terraform would count two, and on the second it leaves at once without stopping at a safe point.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = interruptPatience
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", filepath.Base(t.binary), args[0], err)
	}
	return nil
}

func isTerminal(f *os.File) bool {
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
