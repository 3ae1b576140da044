package kafkadist

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// lockPoll is how often a process looks whether another one has finished its download.
const lockPoll = 50 * time.Millisecond

// cached returns the version's folder in the cache. Whoever finds it missing fills it, the others wait for that.
func (s Source) cached(ctx context.Context, version string) (home string, err error) {
	cache, err := s.cacheDir()
	if err != nil {
		return "", err
	}
	home = filepath.Join(cache, version)
	if checkHome(home, version) == nil {
		return home, nil
	}
	defer func() {
		if errors.Is(err, syscall.ENOSPC) {
			err = fmt.Errorf("the disk of the Kafka cache %s is full; make room there or choose another cache folder, "+
				"what is downloaded already is kept and the next run goes on from there: %w", cache, err)
		}
	}()
	if err := os.MkdirAll(cache, 0o755); err != nil { //nolint:gosec // Distributions are public, and users may share the folder.
		return "", fmt.Errorf("cannot make the Kafka cache folder: %w", err)
	}
	// The lock file is never removed: a waiter could hold the removed one while a newcomer locks its successor.
	lock := flock.New(home + ".lock")
	if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
		return "", fmt.Errorf("waiting for the Kafka cache (%s): %w", lock.Path(), err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if checkHome(home, version) == nil {
		return home, nil
	}

	archive := filepath.Join(cache, "kafka-"+version+".tgz.part")
	if err := s.download(ctx, version, archive); err != nil {
		return "", err
	}
	unpacked := home + ".tmp"
	if err := errors.Join(os.RemoveAll(unpacked), os.RemoveAll(home)); err != nil {
		return "", fmt.Errorf("cannot make place for Kafka %s in the cache: %w", version, err)
	}
	if err := unpack(ctx, archive, unpacked); err != nil {
		return "", errors.Join(fmt.Errorf("unpacking Kafka %s from %s: %w", version, s.shown(version), err), os.RemoveAll(unpacked))
	}
	if err := checkHome(unpacked, version); err != nil {
		return "", errors.Join(fmt.Errorf("what %s contains cannot be used: %w", s.shown(version), err), os.RemoveAll(unpacked), os.Remove(archive))
	}
	if err := os.Rename(unpacked, home); err != nil {
		return "", fmt.Errorf("cannot put Kafka %s into the cache: %w", version, err)
	}
	return home, os.Remove(archive)
}

func (s Source) cacheDir() (string, error) {
	if s.CacheDir != "" {
		return filepath.Abs(s.CacheDir)
	}
	user, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("%w: no folder for the Kafka cache is configured, and the user has none: %w", compute.ErrInvalid, err)
	}
	return filepath.Join(user, "kafkafleet", "kafka"), nil
}
