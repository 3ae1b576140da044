package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/pki"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/sandbox"
)

const quickstart = "../../examples/quickstart"

// TestThePasswordIsWhatTheExampleAsksFor: the variable has its name, and the rules that it has are met.
func TestThePasswordIsWhatTheExampleAsksFor(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(quickstart, "variables.tf"))
	if err != nil {
		t.Fatal(err)
	}
	if name := strings.TrimPrefix(passwordVariable, "TF_VAR_"); !strings.Contains(string(text), "variable \""+name+"\"") {
		t.Errorf("the example has no variable %s", name)
	}
	first, second := newPassword(), newPassword()
	if first == second || len(first) < 16 || strings.ContainsAny(first, " \t\"\\") {
		t.Errorf("the passwords %q and %q", first, second)
	}
}

func TestClientOfTheOutputs(t *testing.T) {
	authority, err := pki.NewAuthority("demo", time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	pem, _, err := authority.PEM()
	if err != nil {
		t.Fatal(err)
	}
	d := demo{password: newPassword()}
	security, err := d.client(outputs{CACertificatePEM: string(pem), User: "shop"})
	if err != nil || security.TLS == nil || security.TLS.RootCAs == nil || security.User != "shop" || security.Password != d.password {
		t.Errorf("%v, error %v", security, err)
	}
	for name, o := range map[string]outputs{"no authority": {User: "shop"}, "no user": {CACertificatePEM: string(pem)}} {
		if _, err := d.client(o); err == nil || strings.Contains(err.Error(), d.password) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// TestAFleetThatIsKeptLeavesItsPasswordInAFile, which nobody else can read, and not on the console.
func TestAFleetThatIsKeptLeavesItsPasswordInAFile(t *testing.T) {
	d := demo{Sandbox: &sandbox.Sandbox{Work: t.TempDir()}, password: newPassword()}
	said := printed(t, func() {
		if err := d.explain(); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(d.Work, passwordFile)
	if !strings.Contains(said, path) || !strings.Contains(said, passwordVariable) || strings.Contains(said, d.password) {
		t.Errorf("it says\n%s", said)
	}
	if kept, err := os.ReadFile(path); err != nil || string(kept) != d.password {
		t.Errorf("the file holds %q, error %v", kept, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, error %v", info, err)
	}
}

// printed is what goes to the console meanwhile.
func printed(t *testing.T, do func()) string {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	console := os.Stdout
	os.Stdout = write
	do()
	os.Stdout = console
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(read)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
