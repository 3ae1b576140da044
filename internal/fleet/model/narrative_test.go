package model_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/model"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
)

var update = flag.Bool("update", false, "rewrite the golden narratives")

var start = time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)

func zones(n int) []string {
	return []string{"a", "b", "c", "d", "e", "f"}[:n]
}

func brokerGroup(count, zoneCount int, spec string) plan.Group {
	return plan.Group{
		Name: "main", Role: compute.RoleBroker, Count: count, Zones: zones(zoneCount),
		SpecHash: spec, SpecText: "Kafka " + spec, MaxSurge: 1, MaxLevel: level(spec), Started: start,
	}
}

func controllerGroup(count int, spec string) plan.Group {
	return plan.Group{
		Name: compute.ControllersGroup, Role: compute.RoleController, Count: count, Zones: zones(3),
		SpecHash: spec, SpecText: "Kafka " + spec, MaxSurge: 1, MaxLevel: level(spec), Started: start,
	}
}

func level(spec string) int16 {
	if strings.HasPrefix(spec, "4.3") {
		return 30
	}
	return 29
}

// built is a fleet of brokers as desired, with partitions of RF rf spread over the zones.
func built(t testing.TB, g plan.Group, partitions, rf int) *model.Fleet {
	t.Helper()
	f := model.New(plan.Observation{NextNodeID: 4}, start)
	if _, short := f.Run(g, 1000); short != "" {
		t.Fatalf("building the fleet: %s", short)
	}
	fill(f, g, partitions, rf)
	f.MetadataLevel = g.MaxLevel
	return f
}

// fill adds partitions, each replica in another zone as long as there are zones.
func fill(f *model.Fleet, g plan.Group, partitions, rf int) {
	byZone := map[string][]int32{}
	for _, n := range f.Nodes {
		byZone[n.Zone] = append(byZone[n.Zone], n.ID)
	}
	for i := range partitions {
		var replicas []int32
		for r := range rf {
			members := byZone[g.Zones[(i+r)%len(g.Zones)]]
			next := members[(i/len(g.Zones)+r/len(g.Zones))%len(members)]
			for _, n := range f.Nodes { // A zone of fewer nodes than replicas there leaves the rest to any other node.
				if slices.Contains(replicas, next) {
					next = n.ID
				}
			}
			replicas = append(replicas, next)
		}
		f.Partitions = append(f.Partitions, plan.Partition{
			TopicPartition: plan.TopicPartition{Topic: "events", Partition: int32(i)},
			Leader:         replicas[0], Replicas: replicas, ISR: replicas, Bytes: int64(1+i%3) << 20,
		})
	}
	f.Settle()
}

func narrate(f *model.Fleet, g plan.Group) string {
	steps, short := f.Run(g, 10_000)
	var b strings.Builder
	for _, s := range steps {
		fmt.Fprintln(&b, s)
	}
	if short != "" {
		fmt.Fprintln(&b, "stopped short:", short)
	}
	fmt.Fprintln(&b, "\nnodes:")
	for _, n := range f.Nodes {
		fmt.Fprintf(&b, "  %s %d in zone %s: %s, %d replicas\n", n.Role, n.ID, n.Zone, n.SpecText, max(n.LogDirReplicas, 0))
	}
	return b.String()
}

// TestNarratives tells whole rollouts, so that a reviewer can read what the planner does.
func TestNarratives(t *testing.T) {
	lose := func(f *model.Fleet, id int32) {
		for i := range f.Nodes {
			if f.Nodes[i].ID == id {
				f.Nodes[i].InstanceID, f.Nodes[i].State, f.Nodes[i].Answering, f.Nodes[i].Fenced = "", "", false, true
				f.Nodes[i].SpecHash, f.Nodes[i].SpecText, f.Nodes[i].Group, f.Nodes[i].LogDirReplicas = "", "", "", -1
			}
		}
		f.Settle()
	}
	cases := map[string]func(t *testing.T) string{
		"create three brokers": func(*testing.T) string {
			return narrate(model.New(plan.Observation{NextNodeID: 4}, start), brokerGroup(3, 3, "4.3.1"))
		},
		"create three controllers": func(*testing.T) string {
			return narrate(model.New(plan.Observation{NextNodeID: 1}, start), controllerGroup(3, "4.3.1"))
		},
		"new version for three brokers": func(t *testing.T) string {
			return narrate(built(t, brokerGroup(3, 3, "4.2.1"), 6, 3), brokerGroup(3, 3, "4.3.1"))
		},
		"new version for three controllers": func(t *testing.T) string {
			f := model.New(plan.Observation{NextNodeID: 1}, start)
			f.Run(controllerGroup(3, "4.2.1"), 100)
			return narrate(f, controllerGroup(3, "4.3.1"))
		},
		"new static config on Kafka 4.3 with cordons": func(t *testing.T) string {
			return narrate(built(t, brokerGroup(3, 3, "4.3.1"), 6, 3), brokerGroup(3, 3, "4.3.1b"))
		},
		"dynamic config without a new node": func(t *testing.T) string {
			f := built(t, brokerGroup(3, 3, "4.3.1"), 6, 3)
			g := brokerGroup(3, 3, "4.3.1")
			g.Config = map[string]string{"log.retention.ms": "86400000"}
			return narrate(f, g)
		},
		"scale out from three to six": func(t *testing.T) string {
			return narrate(built(t, brokerGroup(3, 3, "4.3.1"), 12, 3), brokerGroup(6, 3, "4.3.1"))
		},
		"scale in from six to three": func(t *testing.T) string {
			return narrate(built(t, brokerGroup(6, 3, "4.3.1"), 12, 3), brokerGroup(3, 3, "4.3.1"))
		},
		"a third zone": func(t *testing.T) string {
			return narrate(built(t, brokerGroup(6, 2, "4.3.1"), 6, 2), brokerGroup(6, 3, "4.3.1"))
		},
		"new version two at a time": func(t *testing.T) string {
			g := brokerGroup(6, 3, "4.3.1")
			g.MaxSurge = 2
			return narrate(built(t, brokerGroup(6, 3, "4.2.1"), 12, 3), g)
		},
		"a zone is given up": func(t *testing.T) string {
			return narrate(built(t, brokerGroup(6, 3, "4.3.1"), 12, 2), brokerGroup(6, 2, "4.3.1"))
		},
		"a failed disk": func(t *testing.T) string {
			f := built(t, brokerGroup(3, 3, "4.3.1"), 6, 3)
			f.Nodes[1].OfflineDirs = 1
			return narrate(f, brokerGroup(3, 3, "4.3.1"))
		},
		"a mass failure that nobody vouches for": func(t *testing.T) string {
			f := built(t, brokerGroup(6, 3, "4.3.1"), 12, 3)
			for _, id := range []int32{4, 5, 6} {
				lose(f, id)
			}
			return narrate(f, brokerGroup(6, 3, "4.3.1"))
		},
		"a lost broker": func(t *testing.T) string {
			f := built(t, brokerGroup(3, 3, "4.3.1"), 6, 3)
			lose(f, 5)
			return narrate(f, brokerGroup(3, 3, "4.3.1"))
		},
		"a broker given up by force": func(t *testing.T) string {
			f := built(t, brokerGroup(3, 3, "4.3.1"), 6, 3)
			lose(f, 5)
			alone, behind := &f.Partitions[0], &f.Partitions[1]
			alone.Replicas, alone.ISR, alone.Leader = []int32{5}, []int32{5}, -1
			behind.ISR, behind.Leader = []int32{5}, -1
			g := brokerGroup(3, 3, "4.3.1")
			g.Only, g.Replace, g.Forsake, g.GiveUp = true, []int32{5}, []int32{5}, []int32{5}
			return narrate(f, g)
		},
		"a broker that alone has a partition": func(t *testing.T) string {
			f := built(t, brokerGroup(3, 3, "4.3.1"), 6, 3)
			lose(f, 5)
			f.Partitions[0].Replicas, f.Partitions[0].ISR, f.Partitions[0].Leader = []int32{5}, []int32{5}, -1
			return narrate(f, brokerGroup(3, 3, "4.3.1"))
		},
		"a lost broker in the middle of a new version": func(t *testing.T) string {
			f := built(t, brokerGroup(6, 3, "4.2.1"), 12, 3)
			lose(f, 7)
			return narrate(f, brokerGroup(6, 3, "4.3.1"))
		},
		"a topic moves to another group": func(t *testing.T) string {
			f := built(t, brokerGroup(3, 3, "4.3.1"), 6, 3)
			events := brokerGroup(3, 3, "4.3.1")
			events.Name = "events"
			f.Run(events, 1000)
			for i := range f.Partitions {
				f.Partitions[i].Group = "events"
			}
			return narrate(f, events)
		},
		"a rebalance": func(t *testing.T) string {
			f := built(t, brokerGroup(6, 3, "4.3.1"), 12, 3)
			for i := 0; i < len(f.Partitions); i += 4 { // The largest partitions are all on the first three brokers.
				p := &f.Partitions[i]
				p.Bytes, p.Replicas, p.ISR, p.Leader = 9<<20, []int32{4, 5, 6}, []int32{4, 5, 6}, 4
			}
			g := brokerGroup(6, 3, "4.3.1")
			g.Rebalance.Threshold = 1.2
			return narrate(f, g)
		},
		"a lost controller": func(*testing.T) string {
			f := model.New(plan.Observation{NextNodeID: 1}, start)
			f.Run(controllerGroup(3, "4.3.1"), 100)
			f.Nodes[1].State = compute.StateStopped
			f.Settle()
			return narrate(f, controllerGroup(3, "4.3.1"))
		},
	}
	for name, tell := range cases {
		t.Run(name, func(t *testing.T) {
			got := tell(t)
			file := filepath.Join("testdata", strings.ReplaceAll(name, " ", "_")+".txt")
			if *update {
				if err := os.MkdirAll("testdata", 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("the rollout is told in another way than %s (-want +got); run with -update if it is better now:\n%s", file, diff)
			}
		})
	}
}
