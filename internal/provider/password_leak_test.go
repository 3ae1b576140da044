package provider

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
)

// leaks looks for secrets in all that a run of Terraform writes.
type leaks struct {
	dir     string
	secrets []string
	// seen are the files that were looked into, the entries of archives included.
	seen map[string]bool
}

func (l *leaks) CheckPlan(_ context.Context, req plancheck.CheckPlanRequest, resp *plancheck.CheckPlanResponse) {
	text, err := json.Marshal(req.Plan)
	if err == nil {
		err = l.find("the plan as JSON", text)
	}
	if err == nil {
		err = l.look()
	}
	resp.Error = err
}

func (l *leaks) find(where string, text []byte) error {
	l.seen[where] = true
	for _, secret := range l.secrets {
		if i := bytes.Index(text, []byte(secret)); i >= 0 {
			return fmt.Errorf("%q is in %s: …%s…", secret, where, text[max(0, i-200):min(len(text), i+200)])
		}
	}
	return nil
}

// look looks into every file of the working directory, and into the entries of a plan file.
func (l *leaks) look() error {
	return filepath.WalkDir(l.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		archive, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
		if err != nil {
			return l.find(d.Name(), text)
		}
		for _, entry := range archive.File {
			content, err := fs.ReadFile(archive, entry.Name)
			if err != nil {
				return err
			}
			if err := l.find(d.Name()+"/"+entry.Name, content); err != nil {
				return err
			}
		}
		return nil
	})
}

// private returns the private state of the one resource in the state file, decoded.
func (l *leaks) private() (map[string][]byte, error) {
	files, err := filepath.Glob(filepath.Join(l.dir, "*", "work*", "terraform.tfstate"))
	if err != nil {
		return nil, err
	}
	if len(files) != 1 {
		return nil, fmt.Errorf("there are the state files %q, want one", files)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		return nil, err
	}
	var state struct {
		Resources []struct {
			Instances []struct {
				Private []byte `json:"private"`
			} `json:"instances"`
		} `json:"resources"`
	}
	if err := json.Unmarshal(text, &state); err != nil {
		return nil, err
	}
	var private map[string][]byte
	return private, json.Unmarshal(state.Resources[0].Instances[0].Private, &private)
}

// TestAccPasswordIsNowhereButInKafka runs the life of a user with all logs on, and looks for its passwords in what was written: state and
// plan files and their JSON, the private state, the logs and errors of Terraform and of the provider, the logs of Kafka.
func TestAccPasswordIsNowhereButInKafka(t *testing.T) {
	const name, mechanism = "grace", "SCRAM-SHA-512"
	first, second := "first-secret-of-grace", "second-secret-of-grace"
	l := &leaks{dir: t.TempDir(), secrets: []string{first, second}, seen: map[string]bool{}}
	trace := filepath.Join(t.TempDir(), "trace.log")
	t.Setenv("TF_ACC_TEMP_DIR", l.dir)
	t.Setenv("TF_ACC_LOG_PATH", trace)
	// The configuration itself, which is logged, holds no password.
	config := onShared(t, "variable \"password\" {\n  type = string\n  ephemeral = true\n}\n"+user(name, "", "password_wo = var.password"))
	again := strings.Replace(config, `"kafkafleet_user" "test"`, `"kafkafleet_user" "again"`, 1)
	with := func(password string) func() { return func() { t.Setenv("TF_VAR_password", password) } }
	checks := func(action plancheck.ResourceActionType) resource.ConfigPlanChecks {
		c := expect(theUser, action)
		c.PreApply = append(c.PreApply, l)
		return c
	}
	check := func(password string) resource.TestCheckFunc {
		return resource.ComposeAggregateTestCheckFunc(logsIn(t, name, mechanism, password), func(*terraform.State) error {
			private, err := l.private()
			if err != nil {
				return err
			}
			if !bytes.Contains(private[markKey], []byte(markKDF)) {
				return fmt.Errorf("the private state has no mark: %q", private)
			}
			if err := l.find("the private state", private[markKey]); err != nil {
				return err
			}
			return l.look()
		})
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{
			{PreConfig: with(first), Config: config, ConfigPlanChecks: checks(plancheck.ResourceActionCreate), Check: check(first)},
			{PreConfig: with(second), Config: config, ConfigPlanChecks: checks(plancheck.ResourceActionUpdate), Check: check(second)},
			{Config: config + again[strings.Index(again, "resource"):], ExpectError: message(`exists already`)},
		},
	})
	logged, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.find("the logs of Terraform", logged); err != nil {
		t.Error(err)
	}
	for _, id := range []int{1, 2, 3, 101} {
		if err := l.find(fmt.Sprintf("the log of node %d", id), []byte(sharedKafka(t).Log(id))); err != nil {
			t.Error(err)
		}
	}
	// What was looked at is what it should be.
	for _, line := range []string{"mutating call", "PlanResourceChange", "exists already"} {
		if !bytes.Contains(logged, []byte(line)) {
			t.Errorf("the logs of Terraform say nothing of %q", line)
		}
	}
	for _, file := range []string{"the plan as JSON", "the private state", "terraform.tfstate", "tfplan/tfplan", "tfplan/tfstate"} {
		if !l.seen[file] {
			t.Errorf("%s was not looked at, only %v", file, l.seen)
		}
	}
}
