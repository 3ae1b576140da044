package guides

import (
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/kafkafleet/terraform-provider-kafkafleet"

// room is a package's name on the page.
func room(path string) string {
	if path == module {
		return "main"
	}
	return strings.TrimPrefix(path, module+"/internal/")
}

// imports are what each package of the module imports of it.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", module, module+"/internal/...")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := decoder.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		ours := []string{}
		for _, path := range p.Imports {
			if strings.HasPrefix(path, module) {
				ours = append(ours, room(path))
			}
		}
		slices.Sort(ours)
		all[room(p.ImportPath)] = ours
	}
}

// TestTheRoomsAreDrawnAsTheyAre: who imports whom on the page is who does in the code.
func TestTheRoomsAreDrawnAsTheyAre(t *testing.T) {
	are, drawn := imports(t), map[string][]string{}
	for _, row := range rows(guide(t, "architecture")) {
		names := quotes(row[0])
		if len(row) != 2 || len(names) != 1 || are[names[0]] == nil {
			continue
		}
		drawn[names[0]] = append([]string{}, quotes(row[1])...)
	}
	if len(drawn) < 15 {
		t.Fatalf("the page draws %d packages: is its table read as it is?", len(drawn))
	}
	for name, want := range drawn {
		if diff := cmp.Diff(are[name], want); diff != "" {
			t.Errorf("%s imports otherwise (- the code, + the page):\n%s", name, diff)
		}
	}
}
