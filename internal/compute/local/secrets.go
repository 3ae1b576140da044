package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// secretsDir returns the directory of the cluster's secrets, a file for each. It and they are for nobody but who runs Terraform.
func (f fleets) secretsDir(cluster string) string {
	return filepath.Join(f.clusterDir(cluster), secretsDir)
}

// secretPath returns the file of a secret. What writeDurably leaves beside it when it is cut off has a dot in its name, and so is no secret.
func (f fleets) secretPath(cluster, name string) string {
	return filepath.Join(f.secretsDir(cluster), name)
}

func checkSecretName(cluster, name string) error {
	if err := compute.CheckClusterName(cluster); err != nil {
		return err
	}
	return compute.CheckSecretName(name)
}

// Secret returns a secret of a cluster to a process that has no Driver, the node agent's. Its errors are those of compute.Secrets.
func Secret(root, cluster, name string) ([]byte, error) { return fleets{root}.secret(cluster, name) }

// Secret implements compute.Driver.
func (f fleets) Secret(_ context.Context, cluster, name string) ([]byte, error) {
	return f.secret(cluster, name)
}

func (f fleets) secret(cluster, name string) ([]byte, error) {
	if err := checkSecretName(cluster, name); err != nil {
		return nil, err
	}
	path := f.secretPath(cluster, name)
	value, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the secret %q of cluster %q: %w: there is no %s", name, cluster, compute.ErrNotFound, path)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the secret %q of cluster %q: %w", name, cluster, err)
	}
	if len(value) == 0 || len(value) > compute.MaxSecretBytes {
		return nil, fmt.Errorf("the secret %q of cluster %q, %s, is damaged: it has %d bytes", name, cluster, path, len(value))
	}
	return value, nil
}

// PutSecret implements compute.Driver.
func (f fleets) PutSecret(ctx context.Context, cluster, name string, value []byte) error {
	if err := compute.CheckClusterName(cluster); err != nil {
		return err
	}
	if err := compute.CheckSecret(name, value); err != nil {
		return err
	}
	release, err := f.lockRoot(ctx)
	if err != nil {
		return err
	}
	defer release()
	if err := f.writeSecret(cluster, name, value); err != nil {
		return fmt.Errorf("cannot store the secret %q of cluster %q: %w", name, cluster, err)
	}
	return nil
}

// writeSecret stores a secret. The root must be locked.
func (f fleets) writeSecret(cluster, name string, value []byte) error {
	dir := f.secretsDir(cluster)
	if !exists(dir) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		// A secret is there after a crash of the machine only if the directories above it are.
		if err := errors.Join(syncDir(f.clusterDir(cluster)), syncDir(f.root)); err != nil {
			return err
		}
	}
	return writeDurably(f.secretPath(cluster, name), value)
}

// DeleteSecret implements compute.Driver.
func (f fleets) DeleteSecret(ctx context.Context, cluster, name string) error {
	if err := checkSecretName(cluster, name); err != nil {
		return err
	}
	if !exists(f.secretsDir(cluster)) {
		return nil
	}
	release, err := f.lockRoot(ctx)
	if err != nil {
		return err
	}
	defer release()
	if err := f.removeSecret(cluster, name); err != nil {
		return err
	}
	return f.tidy(cluster)
}

// removeSecret removes a secret, and what an interrupted PutSecret has left of it.
func (f fleets) removeSecret(cluster, name string) error {
	path := f.secretPath(cluster, name)
	for _, file := range []string{path, path + tempSuffix} {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot remove the secret %q of cluster %q: %w", name, cluster, err)
		}
	}
	return nil
}

// hasSecrets says whether a cluster has a secret. What an interrupted PutSecret has left is none.
func (f fleets) hasSecrets(cluster string) (bool, error) {
	entries, err := os.ReadDir(f.secretsDir(cluster))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("cannot list the secrets of cluster %q: %w", cluster, err)
	}
	for _, entry := range entries {
		if compute.CheckSecretName(entry.Name()) == nil {
			return true, nil
		}
	}
	return false, nil
}
