//go:build linux

package local

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

const hidden = "a value that nobody sees"

func put(t *testing.T, d *Driver, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := d.PutSecret(t.Context(), "prod", name, []byte(hidden)); err != nil {
			t.Fatal(err)
		}
	}
}

func wantSecrets(t *testing.T, d *Driver, there bool, names ...string) {
	t.Helper()
	for _, name := range names {
		value, err := Secret(d.root, "prod", name)
		if there && (err != nil || string(value) != hidden) {
			t.Errorf("the secret %q is %q, %v", name, value, err)
		}
		if !there && !errors.Is(err, compute.ErrNotFound) {
			t.Errorf("the secret %q is there: %q, %v", name, value, err)
		}
	}
}

func TestSecretsAreForTheirUserAlone(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, d *Driver){
		"before the record": func(*testing.T, *Driver) {},
		"after it":          cluster,
	} {
		t.Run(name, func(t *testing.T) {
			d := newDriver(t, newRoot(t))
			prepare(t, d)
			put(t, d, "ca", "ca", "node-7")
			for path, want := range map[string]fs.FileMode{
				d.root: 0o700 | fs.ModeDir, d.clusterDir("prod"): 0o700 | fs.ModeDir, d.secretsDir("prod"): 0o700 | fs.ModeDir,
				d.secretPath("prod", "ca"): 0o600, d.secretPath("prod", "node-7"): 0o600,
			} {
				if info, err := os.Stat(path); err != nil || info.Mode() != want {
					t.Errorf("%s has the mode %s, want %s; %v", path, info.Mode(), want, err)
				}
			}
			entries, err := os.ReadDir(d.secretsDir("prod"))
			if err != nil || len(entries) != 2 {
				t.Errorf("%v, %v", entries, err)
			}
			wantSecrets(t, d, true, "ca", "node-7")
		})
	}
}

// A PutSecret was cut off before it was done: what it has left is no secret, keeps no cluster alive, and goes with the secret.
func TestWhatAnInterruptedPutSecretLeavesIsNoSecret(t *testing.T) {
	d := newDriver(t, newRoot(t))
	left := d.secretPath("prod", "ca") + tempSuffix
	for what, clean := range map[string]func() error{
		"DeleteCluster": func() error { return d.DeleteCluster(t.Context(), "prod") },
		"DeleteSecret":  func() error { return d.DeleteSecret(t.Context(), "prod", "ca") },
		"a lease": func() error {
			lease, err := d.Lock(t.Context(), "prod", "Ada's apply")
			if err == nil {
				lease.Release()
			}
			return err
		},
	} {
		writeFile(t, left, hidden, 0o600)
		wantSecrets(t, d, false, "ca")
		if _, err := Secret(d.root, "prod", "ca"+tempSuffix); !errors.Is(err, compute.ErrInvalid) {
			t.Errorf("it can be read: %v", err)
		}
		if err := clean(); err != nil {
			t.Error(err)
		}
		if exists(d.root) {
			t.Errorf("it is there after %s", what)
		}
	}
	// Nor does it stay where the cluster does.
	cluster(t, d)
	for name, clean := range map[string]func() error{
		"ca":     func() error { return d.DeleteSecret(t.Context(), "prod", "ca") },
		"node-7": func() error { return d.Terminate(t.Context(), instanceID("prod", 7)) },
	} {
		other := d.secretPath("prod", name) + tempSuffix
		writeFile(t, other, hidden, 0o600)
		if err := clean(); err != nil || exists(other) {
			t.Errorf("what is left of the secret %s is still there: %t, %v", name, exists(other), err)
		}
	}
	writeFile(t, left, "half a val", 0o600)
	put(t, d, "ca")
	wantSecrets(t, d, true, "ca")
	if exists(left) {
		t.Error("it is there after the next PutSecret")
	}
}

func TestTheLastSecretOfAClusterThatNeverWasTakesItsDirectoryAlong(t *testing.T) {
	d := newDriver(t, newRoot(t))
	put(t, d, "ca", "node-1")
	for _, name := range []string{"ca", "node-1"} {
		if !exists(d.clusterDir("prod")) {
			t.Errorf("there is no directory when %s is still to be deleted", name)
		}
		if err := d.DeleteSecret(t.Context(), "prod", name); err != nil {
			t.Error(err)
		}
	}
	if exists(d.root) {
		t.Error("the root is left")
	}
}

// Reading, and forgetting what is not there, makes nothing.
func TestSecretsThatAreNotThereMakeNothing(t *testing.T) {
	d := newDriver(t, newRoot(t))
	wantSecrets(t, d, false, "ca")
	if err := d.DeleteSecret(t.Context(), "prod", "ca"); err != nil || exists(d.root) {
		t.Errorf("%v, the root is there: %t", err, exists(d.root))
	}
}

// DeleteCluster is cut off when it has removed the secrets: the record is still there, so that it is called again.
func TestSecretsAreDeletedBeforeTheRecord(t *testing.T) {
	d := newDriver(t, newRoot(t))
	record := filepath.Join(d.clusterDir("prod"), recordFile)
	put(t, d, "ca", "node-1")
	writeFile(t, filepath.Join(record, "in the way"), "", 0o600)
	if err := d.DeleteCluster(t.Context(), "prod"); err == nil {
		t.Fatal("a record was removed that cannot be")
	}
	wantSecrets(t, d, false, "ca", "node-1")
	if err := os.RemoveAll(record); err != nil {
		t.Fatal(err)
	}
	if err := d.DeleteCluster(t.Context(), "prod"); err != nil || exists(d.root) {
		t.Errorf("%v, the root is there: %t", err, exists(d.root))
	}
}

// Terminate is cut off when it has removed the secret: the node is still listed, so that it is called again.
func TestTheSecretOfANodeIsDeletedBeforeTheNode(t *testing.T) {
	d := newDriver(t, newRoot(t))
	cluster(t, d)
	put(t, d, "node-1", "node-2")
	launch(t, d, 1)
	gone := filepath.Join(filepath.Dir(d.nodeDir("prod", 1)), ".1.gone")
	writeFile(t, filepath.Join(gone, "in the way"), "", 0o600)
	if err := d.Terminate(t.Context(), instanceID("prod", 1)); err == nil {
		t.Fatal("a node was removed that cannot be")
	}
	if _, listed := find(t, d, 1); !listed {
		t.Error("the node is not listed, and something of it is left")
	}
	wantSecrets(t, d, false, "node-1")
	wantSecrets(t, d, true, "node-2")
	if err := os.RemoveAll(gone); err != nil {
		t.Fatal(err)
	}
	terminate(t, d, 1)
}

func TestNoErrorShowsASecret(t *testing.T) {
	d := newDriver(t, newRoot(t))
	cluster(t, d)
	long := []byte(strings.Repeat(hidden, compute.MaxSecretBytes))
	writeFile(t, d.secretPath("prod", "long"), string(long), 0o600)
	writeFile(t, d.secretPath("prod", "empty"), "", 0o600)
	writeFile(t, filepath.Join(d.secretPath("prod", "folder"), "x"), hidden, 0o600)
	var errs []error
	for _, name := range []string{"long", "empty", "folder"} {
		_, err := Secret(d.root, "prod", name)
		errs = append(errs, err)
	}
	errs = append(errs, d.PutSecret(t.Context(), "prod", "folder", []byte(hidden)), d.PutSecret(t.Context(), "prod", "ca", long), d.PutSecret(t.Context(), "../prod", "ca", []byte(hidden)),
		d.DeleteSecret(t.Context(), "prod", "folder"))
	for i, err := range errs {
		if err == nil || strings.Contains(err.Error(), hidden) {
			t.Errorf("error %d: %v", i, err)
		}
	}
}
