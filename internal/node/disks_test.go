package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

func TestJudge(t *testing.T) {
	for name, test := range map[string]struct {
		formatting, formatted bool
		dirs                  []logDirState
		want                  verdict
	}{
		"a new node":                             {false, false, []logDirState{dirEmpty, dirEmpty}, formatNow},
		"format cut off before its first file":   {true, false, []logDirState{dirEmpty, dirEmpty}, formatNow},
		"format cut off in the middle":           {true, false, []logDirState{dirFormatted, dirUnfinished}, formatNow},
		"format done, mark not written":          {true, false, []logDirState{dirFormatted, dirFormatted}, formatNow},
		"format cut off, then somebody's data":   {true, false, []logDirState{dirFormatted, dirOther}, disksForeign},
		"formatted without our mark":             {false, false, []logDirState{dirFormatted, dirFormatted}, disksForeign},
		"somebody's leftovers":                   {false, false, []logDirState{dirEmpty, dirUnfinished}, disksForeign},
		"somebody's data":                        {false, false, []logDirState{dirOther, dirEmpty}, disksForeign},
		"formatted":                              {true, true, []logDirState{dirFormatted, dirFormatted}, useDisks},
		"formatted, all empty now":               {true, true, []logDirState{dirEmpty, dirEmpty}, disksLost},
		"formatted, the last empty now":          {true, true, []logDirState{dirFormatted, dirEmpty}, disksLost},
		"formatted, an empty meta.properties":    {true, true, []logDirState{dirUnfinished, dirFormatted}, disksLost},
		"formatted, another node's disk":         {true, true, []logDirState{dirOther, dirFormatted}, disksLost},
		"formatted, the first of two marks gone": {false, true, []logDirState{dirFormatted, dirEmpty}, disksLost},
	} {
		if got := judge(test.formatting, test.formatted, test.dirs); got != test.want {
			t.Errorf("%s: verdict %d, want %d", name, got, test.want)
		}
	}
}

func TestLookAtLogDir(t *testing.T) {
	f := File{Spec: compute.NodeSpec{NodeID: 7, ClusterID: "here"}}
	const ours = "#\n#Mon Nov 23\nnode.id=7\nversion=1\ncluster.id=here\n"
	for name, test := range map[string]struct {
		files map[string]string
		want  logDirState
	}{
		"nothing":                     {nil, dirEmpty},
		"ours":                        {map[string]string{"meta.properties": ours, "topic-0/1.log": "data"}, dirFormatted},
		"another node's":              {map[string]string{"meta.properties": "node.id=8\ncluster.id=here\n"}, dirOther},
		"another cluster's":           {map[string]string{"meta.properties": "node.id=7\ncluster.id=there\n"}, dirOther},
		"an empty meta.properties":    {map[string]string{"meta.properties": ""}, dirUnfinished},
		"zeros after a crash":         {map[string]string{"meta.properties": "\x00\x00\x00"}, dirUnfinished},
		"a text of somebody's":        {map[string]string{"meta.properties": "who knows"}, dirOther},
		"a very long line":            {map[string]string{"meta.properties": strings.Repeat("x", 100_000) + "\nnode.id=8\n"}, dirOther},
		"data and an empty file":      {map[string]string{"a-0/1.log": "data", "meta.properties": ""}, dirOther},
		"an empty file and data":      {map[string]string{"meta.properties": "", "z-0/1.log": "data"}, dirOther},
		"half of a format":            {map[string]string{"bootstrap.checkpoint": "", "meta.properties.tmp": "node.id"}, dirUnfinished},
		"data without its properties": {map[string]string{"bootstrap.checkpoint": "", "topic-0/1.log": "data"}, dirOther},
	} {
		dir := t.TempDir()
		for file, content := range test.files {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := look(f, dir); got != test.want || err != nil {
			t.Errorf("%s: %d, %v, want %d", name, got, err, test.want)
		}
	}
	if got, err := look(f, filepath.Join(t.TempDir(), "missing")); got != dirEmpty || err != nil {
		t.Errorf("no directory: %d, %v", got, err)
	}
}

// What cannot be read is not taken for empty: that would format over data.
func TestInspectDoesNotTakeErrorsForAbsence(t *testing.T) {
	dir := t.TempDir()
	disk := filepath.Join(dir, "disk")
	if err := os.WriteFile(disk, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := File{Dir: dir, Disks: []string{disk}}
	if got, err := inspect(f); err == nil {
		t.Errorf("a new node with an unreadable disk: verdict %d, want an error", got)
	}
	if err := mark(filepath.Join(dir, FormattedMark)); err != nil {
		t.Fatal(err)
	}
	if got, err := inspect(f); got != disksLost || err != nil {
		t.Errorf("a formatted node with an unreadable disk: verdict %d, %v, want lost", got, err)
	}
	f.Dir, f.Disks = disk, []string{t.TempDir()}
	if got, err := inspect(f); err == nil {
		t.Errorf("an unreadable mark: verdict %d, want an error", got)
	}
}

func TestUsedCountsWhatIsOnTheDisk(t *testing.T) {
	f := File{Disks: []string{t.TempDir()}}
	dir := logDirs(f)[0]
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "0.log"), make([]byte, 100<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	index := filepath.Join(dir, "0.index")
	if err := os.WriteFile(index, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(index, 10<<20); err != nil {
		t.Fatal(err)
	}
	if got := used(f); len(got) != 1 || got[0] < 100<<10 || got[0] > 200<<10 {
		t.Errorf("used %v, want 100 KiB and not the index file's length", got)
	}
}
