package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// standIn is a Terraform whose behaviour is a shell script, in a folder of its own.
func standIn(t *testing.T, script string) Terraform {
	t.Helper()
	work := t.TempDir()
	binary, provider := filepath.Join(work, "terraform"), filepath.Join(work, "provider")
	if err := os.WriteFile(binary, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(provider, []byte("built"), 0o755); err != nil {
		t.Fatal(err)
	}
	tf, err := newTerraform(binary, provider, work, work)
	if err != nil {
		t.Fatal(err)
	}
	tf.Stdout = io.Discard
	return tf
}

func TestTheMirrorServesBothRegistries(t *testing.T) {
	tf := standIn(t, `grep -q "path = \"$PWD/mirror\"" "$TF_CLI_CONFIG_FILE" && echo "$@" >args`)
	if err := tf.Run(t.Context(), "init", "-upgrade"); err != nil {
		t.Fatal(err)
	}
	if args, err := os.ReadFile(filepath.Join(tf.Dir, "args")); err != nil || string(args) != "init -no-color -upgrade\n" {
		t.Errorf("arguments %q, error %v", args, err)
	}
	binaries, err := filepath.Glob(filepath.Join(tf.Dir, "mirror", "registry.*", "kafkafleet", "kafkafleet", "0.1.0", "*_*", "terraform-provider-kafkafleet_v0.1.0"))
	if err != nil || len(binaries) != 2 {
		t.Errorf("the mirror holds %v, error %v", binaries, err)
	}
}

func TestOutputs(t *testing.T) {
	tf := standIn(t, `echo '{"bootstrap_servers":{"sensitive":false,"type":["list","string"],"value":["h:1"]},"brokers":{"value":{"4":{"zone":"local-a","kafka_version":"4.3.1"}}}}'`)
	var got struct {
		BootstrapServers []string `json:"bootstrap_servers"`
		Brokers          map[string]struct {
			KafkaVersion string `json:"kafka_version"`
		} `json:"brokers"`
	}
	if err := tf.Outputs(t.Context(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.BootstrapServers) != 1 || got.Brokers["4"].KafkaVersion != "4.3.1" {
		t.Errorf("outputs %+v", got)
	}
}

func TestConverged(t *testing.T) {
	for code, want := range map[string]struct{ converged, fails bool }{
		"0": {true, false}, "2": {false, false}, "1": {false, true},
	} {
		converged, err := standIn(t, "exit "+code).Converged(t.Context())
		if converged != want.converged || (err != nil) != want.fails {
			t.Errorf("exit code %s: converged %v, error %v", code, converged, err)
		}
	}
}

// TestInterrupt holds that Terraform gets one interrupt and the time to come to an end.
func TestInterrupt(t *testing.T) {
	tf := standIn(t, `trap 'echo interrupted >>signals; stop=1' INT; touch ready; until test "$stop"; do sleep 0.05; done; sleep 0.2; echo ended >>signals`)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			if _, err := os.Stat(filepath.Join(tf.Dir, "ready")); err == nil {
				cancel()
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	err := tf.Run(ctx, "apply")
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "terraform apply") {
		t.Errorf("error %v", err)
	}
	if signals, err := os.ReadFile(filepath.Join(tf.Dir, "signals")); err != nil || string(signals) != "interrupted\nended\n" {
		t.Errorf("signals %q, error %v", signals, err)
	}
}

// TestKillReachesWhatTerraformHasStarted: a provider is a child of Terraform, and dies with it.
func TestKillReachesWhatTerraformHasStarted(t *testing.T) {
	tf := standIn(t, `sleep 600 & echo $! >child.new; mv child.new child; wait`)
	command, err := tf.Start(t.Context(), "apply")
	if err != nil {
		t.Fatal(err)
	}
	child := 0
	waitUntil(t, "it has started a child", func() bool {
		text, err := os.ReadFile(filepath.Join(tf.Dir, "child"))
		if err != nil {
			return false
		}
		child, err = strconv.Atoi(strings.TrimSpace(string(text)))
		return err == nil
	})
	if err := command.Kill(); err != nil {
		t.Error(err)
	}
	var exit *exec.ExitError
	if err := command.Wait(); !errors.As(err, &exit) {
		t.Errorf("it was killed, and ended with %v", err)
	}
	waitUntil(t, "the child is gone", func() bool { return !runs(child) })
}

// runs says whether a process exists that has not ended.
func runs(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func waitUntil(t *testing.T, what string, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !met(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
