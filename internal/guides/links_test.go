package guides

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ (.+)$`)
	anchorID = regexp.MustCompile(`<a id="([^"]+)"`)
	noLetter = regexp.MustCompile(`[^a-z0-9 _-]`)
)

// anchors are what a link can name on a page: its headings, as they are made into anchors, and the ids in it.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for _, match := range heading.FindAllStringSubmatch(text, -1) {
		all[strings.ReplaceAll(noLetter.ReplaceAllString(strings.ToLower(match[1]), ""), " ", "-")] = true
	}
	for _, match := range anchorID.FindAllStringSubmatch(text, -1) {
		all[match[1]] = true
	}
	return all
}

// TestLinksLeadSomewhere: a link from one page of docs/ to another one is to a page that there is, and to a heading that it has.
func TestLinksLeadSomewhere(t *testing.T) {
	followed := 0
	for _, p := range pages(t) {
		for _, match := range link.FindAllStringSubmatch(p.text, -1) {
			if strings.Contains(match[1], "://") {
				continue
			}
			followed++
			file, anchor, _ := strings.Cut(match[1], "#")
			target := filepath.Join(docs, p.path)
			if file != "" {
				target = filepath.Join(filepath.Dir(target), file)
			}
			text, err := os.ReadFile(target)
			switch {
			case err != nil:
				t.Errorf("%s: %s leads nowhere", p.path, match[1])
			case anchor != "" && !anchors(string(text))[anchor]:
				t.Errorf("%s: there is no %s", p.path, match[1])
			}
		}
	}
	if followed < 50 {
		t.Errorf("%d links were followed", followed)
	}
}

// TestEveryGuideIsOnTheFirstPage, where a reader looks for it.
func TestEveryGuideIsOnTheFirstPage(t *testing.T) {
	first, err := os.ReadFile(filepath.Join(docs, "index.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pages(t) {
		if filepath.Dir(p.path) == "guides" && !strings.Contains(string(first), "("+p.path+")") {
			t.Errorf("%s is not on it", p.path)
		}
	}
}
