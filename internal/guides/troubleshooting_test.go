package guides

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// texts are the texts in the provider's source, its tests left out.
func texts(t *testing.T) []string {
	t.Helper()
	var all []string
	files := token.NewFileSet()
	for _, room := range []string{"provider", "fleet", "kafka", "compute", "kafkadist", "placement"} {
		err := filepath.WalkDir(filepath.Join("..", room), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(files, path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					if text, err := strconv.Unquote(literal.Value); err == nil {
						all = append(all, text)
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// said matches a quotation in the texts of the code: a row of dots stands for whatever is there, at an end for nothing.
func said(quotation string) *regexp.Regexp {
	pattern := regexp.QuoteMeta(strings.Trim(quotation, "… "))
	return regexp.MustCompile(strings.ReplaceAll(pattern, "…", ".+"))
}

// TestTroubleshootingQuotesWhatTheCodeSays: who looks for the words of an error finds them, and none that no error has any more.
func TestTroubleshootingQuotesWhatTheCodeSays(t *testing.T) {
	all, found := texts(t), 0
	for _, row := range rows(guide(t, "troubleshooting")) {
		for _, quotation := range quotes(row[0]) {
			found++
			if !slices.ContainsFunc(all, said(quotation).MatchString) {
				t.Errorf("nothing says %q", quotation)
			}
		}
	}
	if found < 80 {
		t.Errorf("the page quotes %d texts: are its tables read as they are?", found)
	}
}
