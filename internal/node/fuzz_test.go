package node

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// FuzzSpecFile: a spec file that is taken is written as what is read as the same one, and what the agent makes of it says the same to
// Kafka, whatever is in it: no value becomes a setting of its own, no disk becomes two, no listener joins the one that there is.
func FuzzSpecFile(f *testing.F) {
	good := File{
		Spec: compute.NodeSpec{
			Security: compute.Security{Plaintext: true},
			Cluster:  "c", ClusterID: clusterID, Role: compute.RoleBroker, NodeID: 7, HeapBytes: 1 << 30, Zone: "a", Config: map[string]string{"num.io.threads": "3"},
		},
		Dir: "/d", Disks: []string{"/disk/0", "/disk/1"}, KafkaHome: "/k", Listen: "127.0.0.1:9092", StopTimeout: 30 * time.Second, Driver: "local",
	}
	content, err := json.Marshal(good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content, "a", "b")
	f.Add([]byte(strings.Replace(string(content), "127.0.0.1:9092", "[a,EVIL://0.0.0.0]:1", 1)), "a\nsuper.users", "b\nsuper.users=User:eve")
	f.Add([]byte(strings.Replace(string(content), "/disk/1", "/disk/1 \\\\\\n,x", 1)), " a=b:c#!", " \\ \u00e9\U0001f600")
	f.Add([]byte(strings.Replace(string(content), `"zone":"a"`, `"zone":"a\nauthorizer.class.name=none"`, 1)), "#a", "\\\r\n\t\f")
	f.Add([]byte(`{"spec":null}`), "", "\x00\x7f")
	f.Add([]byte(`{}{}`), "super.users", "User:eve")
	f.Fuzz(func(t *testing.T, content []byte, key, value string) {
		file, err := parseFile(content)
		if err != nil {
			if diff := cmp.Diff(File{}, file); diff != "" {
				t.Errorf("%q is refused, %v, and yet is %s", content, err, diff)
			}
			file = good
		} else {
			content, err = json.Marshal(file)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := parseFile(content); err != nil || !cmp.Equal(again, file, cmpopts.EquateEmpty()) {
				t.Errorf("%s reads back as %+v, %v", content, again, err)
			}
		}
		file.Spec.Config = map[string]string{key: value}
		settings, err := properties(file, []string{"10.0.0.1:9093"})
		if err != nil {
			if !IsReserved(key) {
				t.Errorf("%q = %q: %v", key, value, err)
			}
			return
		}
		want := map[string]string{}
		for k, v := range settings {
			want[string([]rune(k))] = string([]rune(v)) // What is no Unicode cannot be written, and is replaced.
		}
		if diff := cmp.Diff(want, load(t, render(settings))); diff != "" {
			t.Errorf("Kafka would read other settings (-meant +read):\n%s", diff)
		}
		if got := strings.Split(settings["log.dirs"], ","); !slices.Equal(got, logDirs(file)) {
			t.Errorf("Kafka would have the log directories %q, and not %q", got, logDirs(file))
		}
		if strings.ContainsAny(settings["listeners"], ", \n") || strings.Count(settings["listeners"], "://") != 1 {
			t.Errorf("more than one listener: %q", settings["listeners"])
		}
		if settings["super.users"] != "User:ANONYMOUS" || settings["node.id"] != strconv.Itoa(int(file.Spec.NodeID)) {
			t.Errorf("%q = %q changes what is the agent's: %v", key, value, settings)
		}
	})
}

// load reads properties as java.util.Properties.load does, as far as render writes them, and fails at every key that comes twice.
func load(t *testing.T, text string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		key, value, escaped, split := []uint16{}, []uint16{}, false, false
		if strings.ContainsAny(line, "\r\f") || line == "" || strings.ContainsRune("#! \t", rune(line[0])) {
			t.Fatalf("a line that Java reads as another: %q", line)
		}
		into := &key
		for i := 0; i < len(line); i++ {
			c := line[i]
			switch {
			case c > '~' || c < ' ':
				t.Fatalf("%q has the byte %#x", line, c)
			case escaped && c == 'u':
				unit, err := strconv.ParseUint(line[i+1:i+5], 16, 16)
				if err != nil {
					t.Fatal(err)
				}
				*into = append(*into, uint16(unit))
				i, escaped = i+4, false
			case escaped:
				if strings.ContainsRune("tnrf", rune(c)) {
					t.Fatalf("%q has an escape that render does not write", line)
				}
				*into, escaped = append(*into, uint16(c)), false
			case c == '\\':
				escaped = true
			case !split && c == '=':
				into, split = &value, true
				if strings.HasPrefix(line[i+1:], " ") {
					t.Fatalf("Java drops the space before the value: %q", line)
				}
			case !split && (c == ':' || c == ' '):
				t.Fatalf("Java ends the key at %q in %q", string(c), line)
			default:
				*into = append(*into, uint16(c))
			}
		}
		if escaped || !split {
			t.Fatalf("Java goes on in the next line after %q", line)
		}
		name := string(utf16.Decode(key))
		if _, twice := out[name]; twice {
			t.Fatalf("%q is there twice", name)
		}
		out[name] = string(utf16.Decode(value))
	}
	return out
}

// FuzzMeta: a log directory is this node's only when its meta.properties says so in whole lines, and it may be formatted over only when
// nothing is in the file.
func FuzzMeta(f *testing.F) {
	file := File{Spec: compute.NodeSpec{NodeID: 7, ClusterID: "here"}}
	ours := "#\n#Mon Nov 23\nnode.id=7\nversion=1\ncluster.id=here\n"
	for _, content := range []string{
		ours, strings.ReplaceAll(ours, "\n", "\r\n"), strings.TrimSuffix(ours, "\n"), ours + "node.id=8\n", "node.id=77\ncluster.id=here", "#node.id=7\n#cluster.id=here", "", "\x00\x00", "#only\n",
		"x", "node.id=7cluster.id=here", "node.id=7\rcluster.id=here", strings.Repeat("x", 70_000) + "\n" + ours,
	} {
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content string) {
		state := readMeta(file, content)
		switch state {
		case dirFormatted:
			for _, want := range []string{"node.id=7", "cluster.id=here"} {
				if !slices.ContainsFunc(slices.Collect(strings.Lines(content)), func(line string) bool { return strings.Trim(line, "\x00 \t\r\n") == want }) {
					t.Errorf("%q is taken for this node's", content)
				}
			}
		case dirUnfinished:
			for line := range strings.Lines(content) {
				if line = strings.Trim(line, "\x00 \t\r\n"); line != "" && line[0] != '#' {
					t.Errorf("%q would be formatted over", content)
				}
			}
		case dirOther:
		default:
			t.Errorf("%q is %d", content, state)
		}
		// The last line on a key counts, and another node's is never this one's.
		if got := readMeta(file, content+"\nnode.id=8\n"); got != dirOther {
			t.Errorf("%q and then another node's id is %d", content, got)
		}
		if got := readMeta(file, content+fmt.Sprintf("\nnode.id=%d\ncluster.id=%s\n", file.Spec.NodeID, file.Spec.ClusterID)); got != dirFormatted {
			t.Errorf("%q and then this node's id is %d", content, got)
		}
	})
}

// FuzzExplain: whatever Kafka logs, what is told of it is one line of plain text that a terminal takes for no command, and not long.
func FuzzExplain(f *testing.F) {
	const at = "[2026-11-23 20:37:55,900] "
	for _, log := range []string{
		"", at + "INFO all is well\n", at + "ERROR Disk is full (kafka.log)\n", at + "FATAL No more",
		at + "ERROR Fatal error during startup\norg.apache.kafka.common.KafkaException: Socket server failed\n\tat kafka.network\nCaused by: java.net.BindException: Address in use\n",
		"Exception in thread \"main\" a.ConfigException: Invalid value\n", at + "ERROR \x1b[2J\x1b]0;owned\x07\r\n", at + "ERROR \xff\xfe\u2028x\n", at + "ERROR " + strings.Repeat("é", 1500) + "\n",
	} {
		f.Add(log)
	}
	f.Fuzz(func(t *testing.T, log string) {
		for _, said := range []string{explain(strings.NewReader(log)), plainly(log, 300)} {
			if len(said) > mostWords || !utf8.ValidString(said) || strings.ContainsFunc(said, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) {
				t.Errorf("%q is told as %q", log, said)
			}
		}
		// An error at the end that ends the program is what is told, whatever came before.
		const fatal = "Fatal error, and the end"
		if got := explain(strings.NewReader(log + "\n" + at + "ERROR " + fatal + "\na.b.LastException: it\n")); got != "a.b.LastException: it" {
			t.Errorf("after %q the end is told as %q", log, got)
		}
	})
}
