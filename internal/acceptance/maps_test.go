package acceptance

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// TestMaps moves a family of topics from one group of brokers to another by changing which topics the groups claim, under load, and back.
func TestMaps(t *testing.T) {
	t.Parallel() // With TestSecurity, when the others are through: both wait a lot.
	w := newWorkspace(t)
	config, err := os.ReadFile("testdata/maps.tf")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.dir, "main.tf"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	family := []string{"events.clicks", "events.views", "load"}
	claimed := `topics=["events\\..*","load"]`

	w.chapter("create", func() {
		w.apply()
		for _, topic := range family {
			w.livesOn(topic, "main")
		}
		w.quiet()
	})

	w.chapter("move a family of topics under load", func() {
		w.fill("events.clicks", 48<<20)
		w.fill("events.views", 48<<20)
		var moved, written int64
		w.underLoad(func() {
			before := w.written("events")
			w.apply(claimed)
			moved, written = w.bytesMoved(), w.written("events")-before
		})
		for _, topic := range family {
			w.livesOn(topic, "events")
		}
		// What lies on the new brokers now had to be copied there once, but for the load's newest records.
		bound := w.size(family...)
		ratio := float64(moved) / float64(bound)
		w.t.Logf("bytes moved / lower bound = %d / %d = %.3f; the new brokers wrote %d bytes, %.3f of the bound", moved, bound, ratio, written, float64(written)/float64(bound))
		if bound < 280<<20 || ratio > 1.05 || ratio < 0.8 {
			w.t.Errorf("%d bytes moved, and %d lie where they belong: each has to be moved once", moved, bound)
		}
		if float64(written) > 1.3*float64(bound) {
			w.t.Errorf("the new brokers wrote %d bytes for %d that are on them: some were copied twice", written, bound)
		}
		w.quiet(claimed)
		for _, topic := range family {
			w.tells(topic, "events")
		}
	})

	created := `created=["events.new","orders"]`
	w.chapter("what is created later is where it belongs at once", func() {
		w.env = append(w.env, "TF_VAR_partitions=9") // From here on, since Kafka takes none away.
		calls := w.apply(claimed, created, "factor=2")
		if slices.ContainsFunc(calls, func(c string) bool { return strings.Contains(c, "Reassign") }) {
			w.t.Errorf("something was moved:\n%s", strings.Join(calls, "\n"))
		}
		for topic, group := range map[string]string{"events.new": "events", "orders": "main", "events.clicks": "events"} {
			w.livesOn(topic, group)
			w.tells(topic, group)
		}
		ofMany := map[string]string{"events.new.of-many": "events", "orders.of-many": "main"}
		for topic, group := range ofMany {
			w.livesOn(topic, group)
		}
		w.apply(claimed, created) // A third replica of each.
		ofMany["events.new"], ofMany["orders"] = "events", "main"
		for topic, group := range ofMany {
			w.livesOn(topic, group)
		}
		w.quiet(claimed, created)
	})

	w.chapter("a claim that ends gives the topics to the default group", func() {
		w.underLoad(func() {
			w.apply(created)
			r := w.start(append(withVars("plan", []string{created}), "-detailed-exitcode")...)
			if code := w.wait(r); code != 2 || !strings.Contains(r.out.String(), "kafkafleet_broker_group.main") {
				w.t.Errorf("the plan of the default group does not show what comes to it, exit code %d:\n%s", code, r.out.String())
			}
			w.apply(created)
		})
		for _, topic := range append([]string{"events.new", "events.new.of-many"}, family...) {
			w.livesOn(topic, "main")
		}
		w.quiet(created)
	})

	w.chapter("destroy", w.destroy)
}

// livesOn asserts that all replicas of a topic are on brokers of one group, each partition with one in each zone.
func (w *workspace) livesOn(topic, group string) {
	w.t.Helper()
	specs := map[int32]compute.NodeSpec{}
	for _, i := range w.instances() {
		specs[i.Spec.NodeID] = i.Spec
	}
	found, err := w.client().Topic(context.Background(), topic)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, p := range found.Partitions {
		zones := map[string]bool{}
		for _, id := range p.Replicas {
			zones[specs[id].Zone] = true
			if specs[id].Group != group {
				w.t.Errorf("%s-%d has a replica on broker %d of group %q, want %q", topic, p.Partition, id, specs[id].Group, group)
			}
		}
		if len(zones) != len(p.Replicas) || len(p.Adding)+len(p.Removing) > 0 {
			w.t.Errorf("%s-%d has replicas %v in %d zones, adding %v, removing %v", topic, p.Partition, p.Replicas, len(zones), p.Adding, p.Removing)
		}
	}
}

// tells asserts what the state says of where a topic is.
func (w *workspace) tells(topic, group string) {
	w.t.Helper()
	r := w.start("show", "-json")
	if code := w.wait(r); code != 0 {
		w.t.Fatalf("exit code %d:\n%s", code, r.out.String())
	}
	var state struct {
		Values struct {
			Root struct {
				Resources []struct {
					Values struct {
						Name  string `json:"name"`
						Group string `json:"broker_group"`
					} `json:"values"`
				} `json:"resources"`
			} `json:"root_module"`
		} `json:"values"`
	}
	text := r.out.String()
	if err := json.Unmarshal([]byte(text[max(0, strings.Index(text, "{")):]), &state); err != nil {
		w.t.Fatalf("%v:\n%s", err, text)
	}
	for _, found := range state.Values.Root.Resources {
		if found.Values.Name == topic {
			if found.Values.Group != group {
				w.t.Errorf("topic %s is on %q by its state, want %q", topic, found.Values.Group, group)
			}
			return
		}
	}
	w.t.Errorf("there is no topic %s in the state", topic)
}

// size is how many bytes all replicas of some topics have.
func (w *workspace) size(topics ...string) int64 {
	w.t.Helper()
	dirs, err := w.client().LogDirs(context.Background(), w.nodes(compute.RoleBroker))
	if err != nil {
		w.t.Fatal(err)
	}
	var sum int64
	for _, d := range dirs {
		for _, r := range d.Replicas {
			if slices.Contains(topics, r.Topic) {
				sum += r.Bytes
			}
		}
	}
	return sum
}

// bytesMoved is what the rollouts of the last run have moved.
func (w *workspace) bytesMoved() int64 {
	w.t.Helper()
	log, err := os.ReadFile(filepath.Join(w.dir, fmt.Sprintf("provider-%d.log", w.runs)))
	if err != nil {
		w.t.Fatal(err)
	}
	var sum int64
	for _, r := range rollouts(w.t.Name(), string(log)) {
		sum += r.BytesMoved
	}
	return sum
}

// written is how many bytes the brokers of a group have written since they started, to disks and to others, as the kernel counts.
func (w *workspace) written(group string) int64 {
	w.t.Helper()
	var sum int64
	for _, i := range w.instances() {
		if i.Spec.Group != group || i.Status == nil {
			continue
		}
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", i.Status.KafkaPID))
		if err != nil {
			w.t.Fatal(err)
		}
		var n int64
		if _, err := fmt.Sscanf(string(text[strings.Index(string(text), "wchar:"):]), "wchar: %d", &n); err != nil {
			w.t.Fatal(err)
		}
		sum += n
	}
	return sum
}
