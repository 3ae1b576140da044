package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// standIn is a Terraform whose behaviour is a shell script, in a folder of its own.
func standIn(t *testing.T, script string) terraform {
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
	tf.plain = true
	return tf
}

func TestTheMirrorServesBothRegistries(t *testing.T) {
	tf := standIn(t, `grep -q "path = \"$PWD/mirror\"" "$TF_CLI_CONFIG_FILE" && echo "$@" >args`)
	if err := tf.run(t.Context(), "init", "-upgrade"); err != nil {
		t.Fatal(err)
	}
	if args, err := os.ReadFile(filepath.Join(tf.dir, "args")); err != nil || string(args) != "init -no-color -upgrade\n" {
		t.Errorf("arguments %q, error %v", args, err)
	}
	binaries, err := filepath.Glob(filepath.Join(tf.dir, "mirror", "registry.*", "kafkafleet", "kafkafleet", "0.1.0", "*_*", "terraform-provider-kafkafleet_v0.1.0"))
	if err != nil || len(binaries) != 2 {
		t.Errorf("the mirror holds %v, error %v", binaries, err)
	}
}

func TestOutputs(t *testing.T) {
	tf := standIn(t, `echo '{"bootstrap_servers":{"sensitive":false,"type":["list","string"],"value":["h:1"]},"brokers":{"value":{"4":{"zone":"local-a","kafka_version":"4.3.1"}}}}'`)
	var got outputs
	if err := tf.outputs(t.Context(), &got); err != nil {
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
		converged, err := standIn(t, "exit "+code).converged(t.Context())
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
			if _, err := os.Stat(filepath.Join(tf.dir, "ready")); err == nil {
				cancel()
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	err := tf.run(ctx, "apply")
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "terraform apply") {
		t.Errorf("error %v", err)
	}
	if signals, err := os.ReadFile(filepath.Join(tf.dir, "signals")); err != nil || string(signals) != "interrupted\nended\n" {
		t.Errorf("signals %q, error %v", signals, err)
	}
}
