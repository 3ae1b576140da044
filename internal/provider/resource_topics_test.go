package provider

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

const theTopics = "kafkafleet_topics.this"

// manyTopics is a map of topics, each line an element.
func manyTopics(more string, elements ...string) string {
	return fmt.Sprintf("resource \"kafkafleet_topics\" \"this\" {\n%s\ntopics = {\n%s\n}\n}\n", more, strings.Join(elements, "\n"))
}

// madeOutside creates a topic as somebody else would, and returns Kafka's own id of it.
func madeOutside(t *testing.T, name string, partitions int32, config map[string]string) string {
	t.Helper()
	k := direct(t, sharedKafka(t))
	if err := k.CreateTopic(t.Context(), kafka.NewTopic{Name: name, Partitions: partitions, ReplicationFactor: 1, Config: config}, false); err != nil {
		t.Fatal(err)
	}
	if err := k.AwaitTopic(t.Context(), name, int(partitions)); err != nil {
		t.Fatal(err)
	}
	return idOf(t, name)
}

func idOf(t *testing.T, name string) string {
	t.Helper()
	found, err := direct(t, sharedKafka(t)).Topic(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return found.UUID()
}

// quietly says that a step of a test has sent nothing to Kafka that changes anything.
func quietly(made *calls) resource.TestCheckFunc {
	return func(*terraform.State) error {
		if got := made.take(); len(got) > 0 {
			return fmt.Errorf("the mutating calls were %q", got)
		}
		return nil
	}
}

func TestAccManyTopicsAreOneResource(t *testing.T) {
	t.Parallel()
	var made calls
	var all []string
	for i := range 60 {
		all = append(all, fmt.Sprintf(`"many-%02d" = { partitions = 1, config = { "retention.ms" = "7d" } }`, i))
	}
	changed := slices.Clone(all)
	changed[7] = `"many-07" = { partitions = 2, config = { "retention.ms" = "1d" } }`
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(&made),
		Steps: []resource.TestStep{
			{
				Config: onShared(t, manyTopics("", all...)), ConfigPlanChecks: expect(theTopics, plancheck.ResourceActionCreate),
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(theTopics, tfjsonpath.New("topics").AtMapKey("many-59").AtMapKey("replication_factor"), knownvalue.Int64Exact(1)),
				},
				Check: func(*terraform.State) error {
					if got := made.take(); len(got) != 60 {
						return fmt.Errorf("%d mutating calls: %q", len(got), got)
					}
					return nil
				},
			},
			{
				Config: onShared(t, manyTopics("", changed[:59]...)), ConfigPlanChecks: expect(theTopics, plancheck.ResourceActionUpdate),
				Check: resource.ComposeTestCheckFunc(noTopic(t, sharedKafka(t), "many-59"), func(*terraform.State) error {
					got := made.take()
					slices.Sort(got)
					if want := []string{"CreatePartitions many-07", "DeleteTopics many-59", `IncrementalAlterConfigs topic "many-07": retention.ms`}; !slices.Equal(got, want) {
						return fmt.Errorf("the mutating calls were %q, want %q", got, want)
					}
					if p := partitionsOf(t, sharedKafka(t), "many-07"); len(p) != 2 {
						return fmt.Errorf("many-07 has %d partitions", len(p))
					}
					return nil
				}),
			},
			// What is deleted outside is one topic to create, and what others have set is not wiped.
			{
				PreConfig: func() {
					setOutside(t, "many-05", kafka.ConfigChange{Name: "segment.bytes", Value: pointer("104857600")}, kafka.ConfigChange{Name: "retention.ms", Value: pointer("1000")})
					if err := direct(t, sharedKafka(t)).DeleteTopic(t.Context(), "many-03"); err != nil {
						t.Fatal(err)
					}
				},
				Config: onShared(t, manyTopics("", changed[:59]...)), ConfigPlanChecks: expect(theTopics, plancheck.ResourceActionUpdate),
				Check: func(*terraform.State) error {
					got := made.take()
					slices.Sort(got)
					if len(got) != 2 || got[0] != "CreateTopics many-03" || got[1] != `IncrementalAlterConfigs topic "many-05": retention.ms` {
						return fmt.Errorf("the mutating calls were %q", got)
					}
					if own := ownSettings(t, sharedKafka(t), "many-05"); own["segment.bytes"] != "104857600" || own["retention.ms"] != "604800000" {
						return fmt.Errorf("many-05 has %v", own)
					}
					return nil
				},
			},
			{Config: onShared(t, manyTopics("", `"many-07" = { partitions = 1 }`)), PlanOnly: true, ExpectError: regexp.MustCompile(`Kafka\s+cannot\s+take\s+partitions\s+away`)},
			{Config: onShared(t, manyTopics("", `"many-07" = { partitions = 2, replication_factor = 9 }`)), PlanOnly: true, ExpectError: regexp.MustCompile(`More\s+replicas\s+than\s+brokers`)},
			{Config: onShared(t, manyTopics("", `"bad name" = { partitions = 2 }`)), PlanOnly: true, ExpectError: regexp.MustCompile(`Not\s+a\s+topic\s+name`)},
			{Config: onShared(t, manyTopics("", changed[:59]...)), PlanOnly: true},
		},
	})
}

func TestAccTopicsThatExistAsDeclaredAreTakenOver(t *testing.T) {
	t.Parallel()
	var made calls
	before := madeOutside(t, "there", 2, map[string]string{"retention.ms": "86400000", "segment.bytes": "104857600"})
	declared := manyTopics("", `"there" = { partitions = 2, config = { "retention.ms" = "1d" } }`)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(&made),
		Steps: []resource.TestStep{
			{Config: onShared(t, manyTopics("", `"there" = { partitions = 3 }`)), PlanOnly: true, ExpectError: regexp.MustCompile(`(?s)not\s+as\s+declared:\s+it\s+has\s+2\s+partitions,\s+not\s+3`)},
			{
				Config: onShared(t, manyTopics("", `"there" = { partitions = 2, config = { "retention.ms" = "2d" } }`)), PlanOnly: true,
				ExpectError: regexp.MustCompile(`(?s)its\s+retention.ms\s+is\s+"86400000",\s+not\s+"2d"`),
			},
			{
				PreConfig: func() { made.take() },
				Config:    onShared(t, declared), ConfigPlanChecks: expect(theTopics, plancheck.ResourceActionCreate),
				Check: resource.ComposeTestCheckFunc(quietly(&made), func(*terraform.State) error {
					if after := idOf(t, "there"); after != before {
						return fmt.Errorf("it was topic %s and is %s", before, after)
					}
					return nil
				}),
			},
		},
	})
}

// between does something after the plan and before its apply.
type between func() error

func (b between) CheckPlan(_ context.Context, _ plancheck.CheckPlanRequest, resp *plancheck.CheckPlanResponse) {
	resp.Error = b()
}

// Kafka refuses a name that its metrics cannot tell from that of another topic. When that one comes after the plan, the apply fails in part.
func TestAccAnApplyOfManyTopicsThatFailsLosesNothing(t *testing.T) {
	t.Parallel()
	var made calls
	var first string
	elements := []string{`"half-other" = { partitions = 1 }`, `"half.done" = { partitions = 1 }`, `"half-more" = { partitions = 1 }`, `"half.more" = { partitions = 1 }`}
	other := func(name string, partitions int32) resource.ConfigPlanChecks {
		return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{between(func() error {
			madeOutside(t, name, partitions, nil)
			return nil
		})}}
	}
	without := func(name string) {
		k := direct(t, sharedKafka(t))
		if err := errors.Join(k.DeleteTopic(t.Context(), name), k.AwaitTopicGone(t.Context(), name, "")); err != nil {
			t.Fatal(err)
		}
		made.take()
	}
	made1 := func(name string) resource.TestCheckFunc {
		return func(*terraform.State) error {
			if got := made.take(); !slices.Equal(got, []string{"CreateTopics " + name}) {
				return fmt.Errorf("the mutating calls were %q", got)
			}
			if after := idOf(t, "half-other"); after != first {
				return fmt.Errorf("half-other was topic %s and is %s", first, after)
			}
			return nil
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(&made),
		Steps: []resource.TestStep{
			{
				Config: onShared(t, manyTopics("", elements[:2]...)), ConfigPlanChecks: other("half_done", 1),
				ExpectError: regexp.MustCompile(`(?s)Topic\s+"half.done"\s+is\s+not\s+created.*Of\s+2\s+topics\s+1\s+failed.\s+Nothing\s+is\s+deleted`),
			},
			{
				PreConfig: func() { first = idOf(t, "half-other"); without("half_done") },
				Config:    onShared(t, manyTopics("", elements[:2]...)), Check: made1("half.done"),
			},
			{Config: onShared(t, manyTopics("", elements...)), ConfigPlanChecks: other("half_more", 1), ExpectError: regexp.MustCompile(`Topic\s+"half.more"\s+is\s+not\s+created`)},
			{
				PreConfig: func() { without("half_more") },
				Config:    onShared(t, manyTopics("", elements...)), Check: made1("half.more"),
			},
			// What somebody else has made meanwhile, and is not as declared, does not become ours by that.
			{
				Config:           onShared(t, manyTopics("", append(slices.Clone(elements), `"half-foreign" = { partitions = 1 }`)...)),
				ConfigPlanChecks: other("half-foreign", 3), ExpectError: regexp.MustCompile(`(?s)"half-foreign"\s+is\s+not\s+created.*not\s+as\s+declared`),
			},
			{
				PreConfig: func() { made.take() },
				Config:    onShared(t, manyTopics("", elements...)), ConfigPlanChecks: expect(theTopics, plancheck.ResourceActionNoop), Check: quietly(&made),
			},
		},
	})
}

func TestAccTopicsOfAMapAreKept(t *testing.T) {
	t.Parallel()
	both := []string{`"kept-a" = { partitions = 1 }`, `"kept-b" = { partitions = 1 }`}
	kept := regexp.MustCompile(`(?s)"kept-b"\s+has\s+deletion_protection`)
	var id string
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{
			{Config: onShared(t, manyTopics("deletion_protection = true", both...))},
			{Config: onShared(t, manyTopics("deletion_protection = true", both[0])), PlanOnly: true, ExpectError: kept},
			{Config: onShared(t, manyTopics("", both[0])), PlanOnly: true, ExpectError: kept},
			{Config: onShared(t, ""), PlanOnly: true, ExpectError: kept},
			{Config: onShared(t, manyTopics("delete_removed = false", both...))},
			{
				PreConfig: func() { id = idOf(t, "kept-b") },
				Config:    onShared(t, manyTopics("delete_removed = false", both[0])), ConfigPlanChecks: expect(theTopics, plancheck.ResourceActionUpdate),
				Check: func(*terraform.State) error {
					if after := idOf(t, "kept-b"); after != id {
						return fmt.Errorf("kept-b was topic %s and is %s", id, after)
					}
					return nil
				},
			},
			// Taken over again, and gone with the map.
			{Config: onShared(t, manyTopics("", both...))},
			{
				// One that somebody else deletes before the apply does is what was wanted.
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{between(func() error {
					k := direct(t, sharedKafka(t))
					return errors.Join(k.DeleteTopic(t.Context(), "kept-a"), k.AwaitTopicGone(t.Context(), "kept-a", ""))
				})}},
				Config: onShared(t, ""), Check: resource.ComposeTestCheckFunc(noTopic(t, sharedKafka(t), "kept-a"), noTopic(t, sharedKafka(t), "kept-b")),
			},
		},
	})
}

func TestAccTopicsGoFromSingleResourcesIntoAMapAndBackUntouched(t *testing.T) {
	t.Parallel()
	var made calls
	single := func(name string) string {
		return fmt.Sprintf("resource \"kafkafleet_topic\" %q {\nname = %q\npartitions = 2\nreplication_factor = 1\nconfig = { \"retention.ms\" = \"1d\" }\n}\n", name, name)
	}
	const forgotten = "removed {\nfrom = %s\nlifecycle {\ndestroy = false\n}\n}\n"
	elements := []string{
		`"go-a" = { partitions = 2, replication_factor = 1, config = { "retention.ms" = "1d" } }`, `"go-b" = { partitions = 2, replication_factor = 1, config = { "retention.ms" = "1d" } }`,
	}
	imported := func(name string) string {
		return fmt.Sprintf("import {\nto = kafkafleet_topic.%s\nid = %q\n}\n", name, name) + strings.Replace(single(name), `"1d"`, `"86400000"`, 1)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(&made),
		Steps: []resource.TestStep{
			{Config: onShared(t, single("go-a")+single("go-b"))},
			{
				PreConfig: func() { made.take() },
				Config:    onShared(t, "moved {\nfrom = kafkafleet_topic.go-a\nto = kafkafleet_topics.this\n}\n"+fmt.Sprintf(forgotten, "kafkafleet_topic.go-b")+manyTopics("delete_removed = false", elements...)),
				Check:     quietly(&made),
			},
			{Config: onShared(t, manyTopics("delete_removed = false", elements...)), ConfigPlanChecks: expect(theTopics, plancheck.ResourceActionNoop), Check: quietly(&made)},
			{
				Config: onShared(t, imported("go-b")+manyTopics("delete_removed = false", elements[0])),
				Check:  quietly(&made),
			},
			{
				ResourceName: theTopics, ImportState: true, ImportStateId: "go-a", ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "topics.go-a.partitions",
				ImportStateVerifyIgnore: []string{"delete_removed", "topics.go-a.config.retention.ms"},
			},
			{
				Config: onShared(t, "moved {\nfrom = kafkafleet_topics.this\nto = kafkafleet_topic.go-a\n}\n"+imported("go-b")+single("go-a")),
				Check:  quietly(&made),
			},
		},
	})
}
