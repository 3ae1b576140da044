package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// phase is one command.
type phase struct {
	name string
	args []string
	// quiet says that the command must find nothing to do, and changes that it must find something.
	quiet, changes bool
}

var phases = []phase{
	{name: "apply", args: []string{"apply", "-auto-approve"}},
	{name: "plan", args: []string{"plan", "-detailed-exitcode"}, quiet: true},
	{name: "plan_one_change", args: []string{"plan", "-detailed-exitcode", "-var", "changed=1"}, changes: true},
	{name: "destroy", args: []string{"destroy", "-auto-approve"}},
}

// configuration is what is measured.
type configuration struct {
	kind    string
	objects int
	// source is the provider's address, provider its binary; both "" for none.
	source, provider string
	// hcl is a folder with another provider's configuration; "" for ours.
	hcl string
	// counts are the numbers of resources that do nothing.
	counts []int
}

// resources are how many resources of each type there are.
func (c configuration) resources() []int {
	if c.kind == "bulk" {
		return []int{1}
	}
	return []int{c.objects, c.objects, c.objects / 10}
}

func peerConfiguration(folder string, objects int) (configuration, error) {
	source, err := os.ReadFile(filepath.Join(folder, "source"))
	if err != nil {
		return configuration{}, err
	}
	binaries, err := filepath.Glob(filepath.Join(folder, "terraform-provider-*"))
	if err != nil || len(binaries) != 1 {
		return configuration{}, fmt.Errorf("%s has %d files named terraform-provider-*, and one is meant", folder, len(binaries))
	}
	binary, err := filepath.Abs(binaries[0])
	name := strings.TrimSpace(string(source))
	return configuration{kind: name, objects: objects, source: name, provider: binary, hcl: folder}, err
}

// text is the configuration as HCL. Maps, since a for_each over a set takes the CLI the square of its size.
func (c configuration) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "variable \"changed\" {\n  default = 0\n}\n")
	if c.kind == "floor" {
		for i, n := range c.counts {
			// A map of its own, as ours is: within for_each it would be made anew for each instance.
			fmt.Fprintf(&b, "locals {\n  r%d = %s\n}\nresource \"terraform_data\" \"r%d\" {\n  for_each = local.r%d\n", i, numbered("object", strconv.Itoa(n)), i, i)
			fmt.Fprintf(&b, "  input = { name = each.key, partitions = 1, config = { \"retention.ms\" = tostring(86400000 + (each.value == 0 ? var.changed : 0)), \"cleanup.policy\" = \"delete\" } }\n}\n")
		}
		return b.String()
	}
	b.WriteString("variable \"bootstrap_servers\" {}\nvariable \"topics\" {\n  type = number\n}\n")
	b.WriteString("terraform {\n  required_providers {\n    kafkafleet = {\n      source = \"kafkafleet/kafkafleet\"\n    }\n  }\n}\n")
	b.WriteString("provider \"kafkafleet\" {\n  kafka = { bootstrap_servers = split(\",\", var.bootstrap_servers) }\n}\n")
	fmt.Fprintf(&b, "locals {\n  names  = %s\n  quotas = %s\n}\n", numbered("topic", "var.topics"), numbered("user", "floor(var.topics / 10)"))
	if c.kind == "bulk" {
		b.WriteString(`resource "kafkafleet_topics" "t" {
  topics = { for name, i in local.names : name => {
    partitions         = 1
    replication_factor = 3
    config             = { "retention.ms" = tostring(86400000 + (i == 0 ? var.changed : 0)), "cleanup.policy" = "delete" }
  } }
}
`)
		return b.String()
	}
	b.WriteString("resource \"kafkafleet_quota\" \"q\" {\n  for_each           = local.quotas\n  user               = each.key\n  producer_byte_rate = 1000000\n}\n")
	b.WriteString(`resource "kafkafleet_topic" "t" {
  for_each           = local.names
  name               = each.key
  partitions         = 1
  replication_factor = 3
  config             = { "retention.ms" = tostring(86400000 + (each.value == 0 ? var.changed : 0)), "cleanup.policy" = "delete" }
}
resource "kafkafleet_acl" "a" {
  for_each      = local.names
  resource_type = "Topic"
  resource_name = each.key
  principal     = "User:${each.key}"
  operation     = "Read"
}
`)
	return b.String()
}

// numbered is a map of so many names, by an expression: range alone gives 1,024 numbers at most.
func numbered(name, n string) string {
	return fmt.Sprintf(`merge([for k in range(ceil(%[2]s / 1000)) : { for i in range(min(1000, %[2]s - 1000 * k)) : format("%[1]s-%%05d", 1000 * k + i) => 1000 * k + i }]...)`, name, n)
}

// workspace is a folder with a configuration, and a CLI that runs in it.
type workspace struct {
	cli, folder string
	environment []string
	arguments   []string
	provider    string
}

func (b *bench) workspace(c configuration) (*workspace, error) {
	folder, err := os.MkdirTemp(b.work, c.kind[:1]+"-")
	if err != nil {
		return nil, err
	}
	w := &workspace{cli: b.cli, folder: folder, provider: c.provider}
	text := []byte(c.text())
	if c.hcl != "" {
		if text, err = os.ReadFile(filepath.Join(c.hcl, "main.tf")); err != nil {
			return nil, err
		}
	}
	config := "provider_installation {\n  direct {}\n}\n"
	if c.source != "" {
		// An override takes the binary as it is, and needs no init.
		config = fmt.Sprintf("provider_installation {\n  dev_overrides {\n    %q = %q\n  }\n}\n", c.source, filepath.Dir(c.provider))
		w.arguments = []string{"-var", "bootstrap_servers=" + strings.Join(b.fleet.Proxied(), ","), "-var", "topics=" + strconv.Itoa(c.objects)}
	}
	err = errors.Join(os.WriteFile(filepath.Join(folder, "main.tf"), text, 0o600), os.WriteFile(filepath.Join(folder, "cli.tfrc"), []byte(config), 0o600))
	w.environment = append(os.Environ(), "TF_CLI_CONFIG_FILE="+filepath.Join(folder, "cli.tfrc"), "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_INPUT=0")
	return w, err
}

// run runs one phase, and returns how long it took and the most memory that the provider took meanwhile, in megabytes.
func (w *workspace) run(ctx context.Context, p phase) (seconds, rss float64, err error) {
	cmd := exec.CommandContext(ctx, w.cli, append(append([]string{}, p.args...), append([]string{"-no-color"}, w.arguments...)...)...)
	cmd.Dir, cmd.Env = w.folder, w.environment
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	started := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	ended := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() { rss = w.watch(ended) })
	err = cmd.Wait()
	seconds = time.Since(started).Seconds()
	close(ended)
	watch.Wait()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == 2 && p.changes:
		err = nil
	case err == nil && p.changes:
		err = errors.New("it found nothing to change")
	case errors.As(err, &exit) && exit.ExitCode() == 2 && p.quiet:
		err = errors.New("it found something to change")
	}
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, tail(out.String(), 4000))
	}
	return seconds, rss, err
}

func tail(text string, n int) string { return text[max(0, len(text)-n):] }

// watch returns the most memory that a process of the provider has taken, in megabytes. The kernel keeps each one's peak.
func (w *workspace) watch(ended <-chan struct{}) (peak float64) {
	looks := map[string]int{}
	for {
		for _, process := range w.providers(looks) {
			status, err := os.ReadFile(filepath.Join(process, "status"))
			if err != nil {
				continue
			}
			if _, after, ok := strings.Cut(string(status), "VmHWM:"); ok {
				if kb, err := strconv.ParseFloat(strings.Fields(after)[0], 64); err == nil {
					peak = max(peak, kb/1024)
				}
			}
		}
		select {
		case <-ended:
			return peak
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// providers are the folders of the provider's processes. Others are looked at a few times only, since a process is its parent for a moment: to look at all
// of them each time took an eighth of a processor from what is measured.
func (w *workspace) providers(looks map[string]int) (folders []string) {
	const found, enough = -1, 3
	if w.provider == "" {
		return nil
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		name := entry.Name()
		folder := filepath.Join("/proc", name)
		if n := looks[name]; n != found && n < enough && '0' <= name[0] && name[0] <= '9' {
			looks[name]++
			if target, err := os.Readlink(filepath.Join(folder, "exe")); err == nil && target == w.provider {
				looks[name] = found
			}
		}
		if looks[name] == found {
			folders = append(folders, folder)
		}
	}
	return folders
}
