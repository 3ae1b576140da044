package acceptance

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// watchEvery is the pause between two looks of a watch.
const watchEvery = 100 * time.Millisecond

// watch keeps what files and processes have in them for as long as it runs, so that it can be searched when all secrets are known and much
// of it is gone: the folders of replaced nodes, command lines, states that were written over.
type watch struct {
	// dirs are watched, with all processes that work in them; keep is for the copies.
	dirs []string
	keep string
	// skip says which folders are not.
	skip func(path string) bool
	// guarded says which files nobody else may read, nor list the folder of.
	guarded func(path string) bool

	stop chan struct{}
	done sync.WaitGroup

	// What follows is complete when the watch has ended.

	// files are links to all files that ever were, by a number, with each path that one had: what is written beside its place and then moved there has two.
	files []keptFile
	links map[uint64]string
	named map[fileName]bool
	// texts are the contents of short-lived things, by where they were: command lines, environments, states.
	texts map[string]map[string]bool
	// tasks are the kinds of processes that were seen.
	tasks map[string]bool
	// wrong is what is not as it should be.
	wrong map[string]bool
	looks int
}

type keptFile struct{ path, link string }

// fileName is a path that a file had.
type fileName struct {
	inode uint64
	path  string
}

func newWatch(t *testing.T, skip, guarded func(string) bool, dirs ...string) *watch {
	t.Helper()
	return &watch{
		dirs: dirs, keep: t.TempDir(), skip: skip, guarded: guarded, stop: make(chan struct{}),
		links: map[uint64]string{}, named: map[fileName]bool{}, texts: map[string]map[string]bool{}, tasks: map[string]bool{}, wrong: map[string]bool{},
	}
}

// begin looks until end, or until the test ends.
func (w *watch) begin(t *testing.T) {
	t.Helper()
	w.done.Go(func() {
		ticker := time.NewTicker(watchEvery)
		defer ticker.Stop()
		for {
			w.look()
			select {
			case <-w.stop:
				w.look()
				return
			case <-ticker.C:
			}
		}
	})
	t.Cleanup(w.end)
}

// end returns when the last look is over.
func (w *watch) end() {
	select {
	case <-w.stop:
	default:
		close(w.stop)
	}
	w.done.Wait()
}

func (w *watch) look() {
	w.looks++
	for _, dir := range w.dirs {
		if err := filepath.WalkDir(dir, w.visit); err != nil && !errors.Is(err, fs.ErrNotExist) {
			w.wrong[err.Error()] = true
		}
	}
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		w.wrong[err.Error()] = true
	}
	for _, folder := range folders {
		// It ends when it likes: what cannot be read any more is not there.
		if where, err := os.Readlink(filepath.Join(folder, "cwd")); err == nil && w.below(where) {
			w.process(folder)
		}
	}
}

func (w *watch) below(path string) bool {
	for _, dir := range w.dirs {
		if path == dir || strings.HasPrefix(path, dir+"/") {
			return true
		}
	}
	return false
}

// visit keeps a file that is new, as a second name of it, by which it is there to its end.
func (w *watch) visit(path string, d fs.DirEntry, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if d.IsDir() && w.skip(path) {
		return filepath.SkipDir
	}
	info, err := d.Info()
	if err != nil || !d.Type().IsRegular() {
		return nil //nolint:nilerr // It went while it was looked at.
	}
	if w.guarded(path) {
		w.modes(path, info)
	}
	if strings.HasPrefix(d.Name(), "terraform.tfstate") {
		// Terraform writes over the state in place.
		if content, err := os.ReadFile(path); err == nil {
			w.text(path, content)
		}
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || w.named[fileName{stat.Ino, path}] {
		return nil
	}
	if w.links[stat.Ino] == "" {
		link := filepath.Join(w.keep, strconv.Itoa(len(w.links)))
		switch err := os.Link(path, link); {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		}
		if linked, err := os.Stat(link); err != nil || !os.SameFile(info, linked) {
			return errors.Join(err, os.Remove(link)) // Another one took its place meanwhile. The next look sees that.
		}
		w.links[stat.Ino] = link
	}
	w.named[fileName{stat.Ino, path}] = true
	w.files = append(w.files, keptFile{path, w.links[stat.Ino]})
	return nil
}

// TestSecretsOfAFileThatMoves: a file that a look sees beside its place is known by its place, too.
func TestSecretsOfAFileThatMoves(t *testing.T) {
	dir := t.TempDir()
	w := newWatch(t, func(string) bool { return false }, func(string) bool { return false }, dir)
	before, after := filepath.Join(dir, "node-7.tmp"), filepath.Join(dir, "node-7")
	if err := os.WriteFile(before, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.look()
	if err := os.WriteFile(before, []byte("whole"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(before, after); err != nil {
		t.Fatal(err)
	}
	w.look()
	w.look()
	var paths []string
	for _, file := range w.files {
		if content, err := os.ReadFile(file.link); err != nil || string(content) != "whole" {
			t.Errorf("%s: %q, %v", file.path, content, err)
		}
		paths = append(paths, file.path)
	}
	if want := []string{before, after}; !slices.Equal(paths, want) {
		t.Errorf("the watch knows %v, want %v", paths, want)
	}
}

func (w *watch) modes(path string, info fs.FileInfo) {
	if info.Mode().Perm() != 0o600 {
		w.wrong[fmt.Sprintf("%s has the mode %o, want 600", path, info.Mode().Perm())] = true
	}
	if folder, err := os.Stat(filepath.Dir(path)); err == nil && folder.Mode().Perm() != 0o700 {
		w.wrong[fmt.Sprintf("%s has the mode %o, want 700", filepath.Dir(path), folder.Mode().Perm())] = true
	}
}

func (w *watch) text(where string, content []byte) {
	if w.texts[where] == nil {
		w.texts[where] = map[string]bool{}
	}
	w.texts[where][string(content)] = true
}

func (w *watch) process(folder string) {
	line, err := os.ReadFile(filepath.Join(folder, "cmdline"))
	if err != nil || len(line) == 0 {
		return
	}
	task := taskOf(string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
	// What is the same in every process of a kind is searched once.
	w.text("the command line of "+task, line)
	if environment, err := os.ReadFile(filepath.Join(folder, "environ")); err == nil {
		w.text("the environment of "+task, environment)
		w.tasks[task] = true
	}
}

// taskOf says what a process is, by its command line.
func taskOf(line string) string {
	for _, one := range []struct{ task, mark string }{
		{"a Kafka", " kafka.Kafka "},
		{"a format of disks", " kafka.tools.StorageTool "},
		{"an agent", " node --spec "},
		{"the provider", "terraform-provider-kafkafleet"},
		{"Terraform's apply", " apply "},
		{"Terraform's plan", " plan "},
		{"Terraform's show", " show "},
	} {
		if strings.Contains(line+" ", one.mark) {
			return one.task
		}
	}
	return "another process"
}

// search looks into all that was kept.
func (w *watch) search(s *search) error {
	for _, file := range w.files {
		content, err := os.ReadFile(file.link)
		if err == nil {
			err = s.look(file.path, content)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", file.path, err)
		}
	}
	for where, contents := range w.texts {
		for content := range contents {
			if err := s.look(where, []byte(content)); err != nil {
				return fmt.Errorf("%s: %w", where, err)
			}
		}
	}
	return nil
}
