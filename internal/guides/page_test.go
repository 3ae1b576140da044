package guides

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const docs = "../../docs"

// page is one page of docs/, as it is read.
type page struct {
	// path is below docs/.
	path, text string
}

// pages are all pages but the records of decisions, which are written by hand and change no more.
func pages(t *testing.T) []page {
	t.Helper()
	var all []page
	err := filepath.WalkDir(docs, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".md" || strings.Contains(path, "/adr/") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		below, err := filepath.Rel(docs, path)
		all = append(all, page{path: below, text: string(text)})
		return err
	})
	if err != nil || len(all) < 20 {
		t.Fatalf("%d pages, %v", len(all), err)
	}
	return all
}

// guide is one guide by its name.
func guide(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(docs, "guides", name+".md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// rows are the cells of all tables of a page, headings and rules left out.
func rows(text string) [][]string {
	var all [][]string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") || strings.Trim(line, "|- ") == "" {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), " | ")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		all = append(all, cells)
	}
	return all
}

var quoted = regexp.MustCompile("`([^`]+)`")

// quotes are the texts between backticks.
func quotes(text string) []string {
	var all []string
	for _, match := range quoted.FindAllStringSubmatch(text, -1) {
		all = append(all, match[1])
	}
	return all
}
