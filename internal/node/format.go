package node

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// formatStop is how long an interrupted format may take to end.
const formatStop = 5 * time.Second

// format formats the disks with the cluster's id (kafka-storage format).
func format(ctx context.Context, f File) error {
	args := []string{"-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", f.classpath(), "kafka.tools.StorageTool", "format",
		"--cluster-id", f.Spec.ClusterID, "--config", filepath.Join(f.Dir, propertiesFile)}
	if f.Spec.Bootstrap {
		args = append(args, "--standalone")
		// The tool takes a release ("4.2") as well as the name of a level ("4.2-IV1").
		if f.Spec.ReleaseVersion != "" {
			args = append(args, "--release-version", f.Spec.ReleaseVersion)
		}
	} else {
		args = append(args, "--no-initial-controllers")
	}
	console := filepath.Join(f.Dir, formatLog)
	p, err := startJava(f, args, console)
	if err != nil {
		return fmt.Errorf("formatting the disks: %w", err)
	}
	select {
	case <-ctx.Done():
		p.stop(formatStop)
		return ctx.Err()
	case <-p.ended:
	}
	if p.outcome != nil {
		return fmt.Errorf("formatting the disks: %w: %s", p.outcome, explainConsole(console))
	}
	for _, dir := range logDirs(f) {
		if err := syncTree(dir); err != nil {
			return fmt.Errorf("formatting the disks: %w", err)
		}
	}
	return nil
}

// syncTree makes a directory and all below it survive a crash of the machine, before a mark says that it is there.
func syncTree(root string) error {
	entries, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(root, entry.Name())
		if entry.IsDir() {
			err = syncTree(path)
		} else {
			err = syncPath(path)
		}
		if err != nil {
			return err
		}
	}
	return syncPath(root)
}
