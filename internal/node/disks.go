package node

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// formattingMark exists from the moment before the first format: what is on the disks without FormattedMark is then an unfinished
// format of our own, and nothing of value, since Kafka is only started after FormattedMark.
const formattingMark = "formatting"

// verdict is what to do with the disks.
type verdict int

const (
	// formatNow: the node has never been formatted to the end.
	formatNow verdict = iota
	// useDisks: every log directory is as the format left it.
	useDisks
	// disksLost: the node was formatted, and a log directory is empty now. Kafka must not start: an empty broker under an id that the
	// cluster knows would be taken for one that has its data, could become leader, and cost acknowledged records.
	disksLost
	// disksForeign: somebody else's data. Nothing is done to it.
	disksForeign
)

// judge decides by the marks and by which log directories carry Kafka's meta.properties.
func judge(formatting, formatted bool, hasMeta []bool) verdict {
	all, some := true, false
	for _, has := range hasMeta {
		all, some = all && has, some || has
	}
	switch {
	case formatted && all:
		return useDisks
	case formatted:
		return disksLost
	case some && !formatting:
		return disksForeign
	default:
		return formatNow
	}
}

// inspect looks at the disks.
func inspect(f File) verdict {
	var has []bool
	for _, dir := range logDirs(f) {
		has = append(has, exists(filepath.Join(dir, "meta.properties")))
	}
	return judge(exists(filepath.Join(f.Dir, formattingMark)), exists(filepath.Join(f.Dir, FormattedMark)), has)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// mark writes an empty file that survives a crash of the machine.
func mark(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	return file.Close()
}

// emptyDisks makes empty log directories, removing what an unfinished format left.
func emptyDisks(f File) error {
	for _, dir := range logDirs(f) {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("clearing the unfinished format: %w", err)
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	return nil
}

// used is how many bytes each log directory holds.
func used(f File) []int64 {
	var out []int64
	for _, dir := range logDirs(f) {
		var total int64
		// Kafka deletes files under our feet; what cannot be looked at counts nothing.
		_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
			if err != nil {
				return nil //nolint:nilerr // See above.
			}
			if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
				total += info.Size()
			}
			return nil
		})
		out = append(out, total)
	}
	return out
}
