package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// formattingMark exists from the moment before the first format, FormattedMark from the moment when it is on the disks for good.
// Between the two, what is on the disks is an unfinished format of our own and is made anew: Kafka has never been started.
//
// After that a node never formats again. An empty broker that comes back under an id that the cluster knows is taken for the
// broker that had the data: it joins in, can be elected leader when the others are away, and has them cut their logs down to
// its own emptiness: acknowledged records are gone. An empty controller forgets the votes that it has cast. So a node whose disk is
// lost stays down, and another one with another id takes its place.
const formattingMark = "formatting"

// verdict is what to do with the disks.
type verdict int

const (
	// formatNow: the node has never been formatted to the end.
	formatNow verdict = iota
	// useDisks: every log directory is this node's, formatted.
	useDisks
	// disksLost: the node was formatted, and a log directory is not as the format left it.
	disksLost
	// disksForeign: there is data that this node did not write. Nothing is done to it.
	disksForeign
)

// logDirState is what is found in a log directory.
type logDirState int

const (
	// dirEmpty: nothing, or no such directory.
	dirEmpty logDirState = iota
	// dirFormatted: meta.properties of this node and cluster.
	dirFormatted
	// dirUnfinished: nothing but files that a format writes, meta.properties not among them.
	dirUnfinished
	// dirOther: anything else: data without meta.properties, or another node's.
	dirOther
)

// judge decides by the marks and by what is in the log directories.
func judge(formatting, formatted bool, dirs []logDirState) verdict {
	is := func(state logDirState) func(logDirState) bool {
		return func(s logDirState) bool { return s == state }
	}
	all := func(state logDirState) bool {
		return !slices.ContainsFunc(dirs, func(s logDirState) bool { return s != state })
	}
	switch {
	case formatted && all(dirFormatted):
		return useDisks
	case formatted:
		return disksLost
	case slices.ContainsFunc(dirs, is(dirOther)), !formatting && !all(dirEmpty):
		return disksForeign
	default:
		return formatNow
	}
}

// inspect looks at the disks. An error says that it could not look, which is no reason to format anything.
func inspect(f File) (verdict, error) {
	formatting, err := exists(filepath.Join(f.Dir, formattingMark))
	if err != nil {
		return 0, err
	}
	formatted, err := exists(filepath.Join(f.Dir, FormattedMark))
	if err != nil {
		return 0, err
	}
	var states []logDirState
	for _, dir := range logDirs(f) {
		state, err := look(f, dir)
		if err != nil {
			// A disk that answers with errors is as good as lost, once there was something on it.
			if !formatted {
				return 0, err
			}
			state = dirOther
		}
		states = append(states, state)
	}
	return judge(formatting, formatted, states), nil
}

func look(f File, dir string) (logDirState, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return dirEmpty, nil
	}
	if err != nil {
		return 0, err
	}
	state := dirEmpty
	for _, entry := range entries {
		switch name := entry.Name(); {
		case name == "meta.properties":
			content, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				return 0, err
			}
			meta := readMeta(f, string(content))
			if meta != dirUnfinished {
				return meta, nil
			}
			state = max(state, meta) // What lies beside it says whether it is an unfinished format of ours.
		case name == "meta.properties.tmp", strings.HasPrefix(name, "bootstrap.checkpoint"), name == "__cluster_metadata-0":
			state = max(state, dirUnfinished)
		default:
			state = dirOther
		}
	}
	return state, nil
}

// readMeta compares the content of meta.properties with the node's spec. A file of comments, or of what a crash leaves where nothing
// was written yet (no bytes, or zeros), is like none. Any other text is somebody's.
func readMeta(f File, content string) logDirState {
	values := map[string]string{}
	empty := true
	for line := range strings.Lines(content) {
		line = strings.Trim(line, "\x00 \t\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		empty = false
		if key, value, ok := strings.Cut(line, "="); ok {
			values[key] = value
		}
	}
	switch {
	case empty:
		return dirUnfinished
	case values["node.id"] == strconv.Itoa(int(f.Spec.NodeID)) && values["cluster.id"] == f.Spec.ClusterID:
		return dirFormatted
	default:
		return dirOther
	}
}

func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// mark writes an empty file that survives a crash of the machine.
func mark(path string) error {
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	if err := syncPath(path); err != nil {
		return err
	}
	// The file's name is in the directory, which is written by itself.
	return syncPath(filepath.Dir(path))
}

func syncPath(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// emptyDisks makes empty log directories, removing what an unfinished format left. Only after judge said formatNow.
func emptyDisks(f File) error {
	for _, dir := range logDirs(f) {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("clearing the unfinished format: %w", err)
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := syncPath(filepath.Dir(dir)); err != nil {
			return err
		}
	}
	return nil
}

// used is how many bytes of its disk each log directory takes.
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
				total += allocated(info)
			}
			return nil
		})
		out = append(out, total)
	}
	return out
}
