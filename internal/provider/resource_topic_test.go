package provider

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka/kafkatest"
)

const theTopic = "kafkafleet_topic.test"

// expect is what the plan of a step does to a resource, and that the plan after it does nothing.
func expect(address string, action plancheck.ResourceActionType) resource.ConfigPlanChecks {
	checks := resource.ConfigPlanChecks{
		PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, action)},
		PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
	}
	if action == plancheck.ResourceActionNoop {
		checks.PreApply = append(checks.PreApply, plancheck.ExpectEmptyPlan())
	}
	return checks
}

// has checks an attribute in the state.
func has(address, attribute string, value knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, tfjsonpath.New(attribute), value)
}

// topic writes the configuration of one topic.
func topic(name string, partitions, factor int, more string) string {
	return fmt.Sprintf("resource \"kafkafleet_topic\" \"test\" {\n  name = %q\n  partitions = %d\n  replication_factor = %d\n  %s\n}\n", name, partitions, factor, more)
}

// noTopic asks each broker by itself, and with a client of its own, whether it knows a topic.
func noTopic(t *testing.T, cluster *kafkatest.Cluster, name string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		for _, address := range cluster.Bootstrap() {
			client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.DisableClientMetrics())
			if err != nil {
				return err
			}
			defer client.Close()
			req := kmsg.NewPtrMetadataRequest()
			asked := kmsg.NewMetadataRequestTopic()
			asked.Topic = &name
			req.Topics = append(req.Topics, asked)
			resp, err := req.RequestWith(t.Context(), client.SeedBrokers()[0])
			if err != nil {
				return err
			}
			if code := resp.Topics[0].ErrorCode; code != kerr.UnknownTopicOrPartition.Code {
				return fmt.Errorf("the broker at %s still knows topic %q (code %d)", address, name, code)
			}
		}
		return nil
	}
}

// find returns a topic as it is in Kafka.
func find(t *testing.T, cluster *kafkatest.Cluster, name string) kafka.Topic {
	t.Helper()
	found, err := direct(t, cluster).Topic(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// spread checks the number of replicas of each partition, that all are in sync, and that no two are in one zone.
func spread(t *testing.T, cluster *kafkatest.Cluster, name string, partitions, factor int) {
	t.Helper()
	_, brokers, err := direct(t, cluster).Brokers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	zone := map[int32]string{}
	for _, b := range brokers {
		zone[b.ID] = b.Rack
	}
	found := find(t, cluster, name)
	if len(found.Partitions) != partitions {
		t.Errorf("topic %q has %d partitions, want %d", name, len(found.Partitions), partitions)
	}
	for _, p := range found.Partitions {
		if len(p.Replicas) != factor || len(p.ISR) != factor || len(p.Adding)+len(p.Removing) > 0 {
			t.Errorf("%s-%d has replicas %v, in sync %v, adding %v, removing %v; want %d", name, p.Partition, p.Replicas, p.ISR, p.Adding, p.Removing, factor)
		}
		zones := map[string]bool{}
		for _, r := range p.Replicas {
			zones[zone[r]] = true
		}
		if len(zones) != factor {
			t.Errorf("%s-%d has replicas %v in %d zones, want %d", name, p.Partition, p.Replicas, len(zones), factor)
		}
	}
}

// setOutside changes settings of a topic past Terraform; a nil value resets one.
func setOutside(t *testing.T, name string, changes ...kafka.ConfigChange) {
	t.Helper()
	k := direct(t, sharedKafka(t))
	this := kafka.ConfigResource{Kind: kafka.ResourceTopic, Name: name}
	if err := k.AlterConfigs(t.Context(), map[kafka.ConfigResource][]kafka.ConfigChange{this: changes}, false); err != nil {
		t.Fatal(err)
	}
	// Each broker learns it in its own time, and the next plan asks any of them.
	eventually(t, 10*time.Second, func() string {
		entries, err := k.DescribeConfigs(t.Context(), []kafka.ConfigResource{this})
		if err != nil {
			return err.Error()
		}
		for _, change := range changes {
			i := slices.IndexFunc(entries[this], func(e kafka.ConfigEntry) bool { return e.Name == change.Name })
			if (change.Value == nil) != (entries[this][i].Source != kafka.SourceTopic) || change.Value != nil && entries[this][i].Value != *change.Value {
				return fmt.Sprintf("%s is %v", change.Name, entries[this][i])
			}
		}
		return ""
	})
}

func pointer(s string) *string { return &s }

func TestAccTopicIsCreatedImportedAndDeletedEverywhere(t *testing.T) {
	t.Parallel()
	var made calls
	config := onShared(t, topic("life", 3, 3, `config = { "retention.ms" = "3600000", "cleanup.policy" = "compact" }`))
	imported := func(kind resource.ImportStateKind) resource.TestStep {
		step := resource.TestStep{Config: config, ResourceName: theTopic, ImportState: true, ImportStateKind: kind}
		if kind == resource.ImportCommandWithID {
			step.ImportStateVerify, step.ImportStateId = true, "life"
		}
		return step
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(&made),
		CheckDestroy:             noTopic(t, sharedKafka(t), "life"),
		Steps: []resource.TestStep{
			{
				Config: config, ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionCreate),
				ConfigStateChecks: []statecheck.StateCheck{
					has(theTopic, "id", knownvalue.StringExact("life")),
					has(theTopic, "topic_id", knownvalue.StringRegexp(regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`))),
					has(theTopic, "allow_recreate", knownvalue.Bool(false)),
					has(theTopic, "broker_group", knownvalue.Null()),
					has(theTopic, "config_effective", knownvalue.MapPartial(map[string]knownvalue.Check{
						"cleanup.policy": knownvalue.StringExact("compact"), "retention.ms": knownvalue.StringExact("3600000"),
					})),
					statecheck.ExpectKnownValue(theTopic, atConfigEffective, withoutKeys{"compression.type"}),
					statecheck.ExpectIdentity(theTopic, map[string]knownvalue.Check{"cluster": knownvalue.Null(), "name": knownvalue.StringExact("life")}),
				},
				Check: func(*terraform.State) error {
					spread(t, sharedKafka(t), "life", 3, 3)
					if got := made.take(); !slices.Equal(got, []string{"CreateTopics life"}) {
						return fmt.Errorf("the mutating calls were %q", got)
					}
					return nil
				},
			},
			{
				Config: config, ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionNoop),
				Check: func(*terraform.State) error {
					if got := made.take(); len(got) > 0 {
						return fmt.Errorf("a second apply made the mutating calls %q", got)
					}
					return nil
				},
			},
			imported(resource.ImportCommandWithID),
			imported(resource.ImportBlockWithID),
			imported(resource.ImportBlockWithResourceIdentity),
		},
	})
}

func TestAccTopicGetsPartitionsInPlaceOverAllZones(t *testing.T) {
	t.Parallel()
	same := statecheck.CompareValue(compare.ValuesSame())
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{
			{
				Config: onShared(t, topic("growing", 2, 2, "")), ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionCreate),
				ConfigStateChecks: []statecheck.StateCheck{same.AddStateValue(theTopic, tfjsonpath.New("topic_id"))},
			},
			{
				Config: onShared(t, topic("growing", 9, 2, "")), ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{same.AddStateValue(theTopic, tfjsonpath.New("topic_id"))},
				Check:             func(*terraform.State) error { spread(t, sharedKafka(t), "growing", 9, 2); return nil },
			},
		},
	})
}

func TestAccTopicLosesPartitionsOnlyWithConsent(t *testing.T) {
	t.Parallel()
	differ := statecheck.CompareValue(compare.ValuesDiffer())
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{
			{
				Config: onShared(t, topic("shrinking", 4, 1, "")), ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionCreate),
				ConfigStateChecks: []statecheck.StateCheck{differ.AddStateValue(theTopic, tfjsonpath.New("topic_id"))},
			},
			{
				Config: onShared(t, topic("shrinking", 3, 1, "")), PlanOnly: true,
				ExpectError: message(`Kafka cannot take partitions away...has 4 partitions and is to have 3...allow_recreate = true`),
			},
			{
				Config: onShared(t, topic("shrinking", 3, 1, "allow_recreate = true")), ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionDestroyBeforeCreate),
				ConfigStateChecks: []statecheck.StateCheck{differ.AddStateValue(theTopic, tfjsonpath.New("topic_id"))},
				Check:             func(*terraform.State) error { spread(t, sharedKafka(t), "shrinking", 3, 1); return nil },
			},
		},
	})
}

func TestAccTopicChangesItsReplicationFactorInPlace(t *testing.T) {
	t.Parallel()
	same := statecheck.CompareValue(compare.ValuesSame())
	step := func(factor int, action plancheck.ResourceActionType, more string) resource.TestStep {
		return resource.TestStep{
			Config: onShared(t, topic("factor", 6, factor, more)), ConfigPlanChecks: expect(theTopic, action),
			ConfigStateChecks: []statecheck.StateCheck{same.AddStateValue(theTopic, tfjsonpath.New("topic_id"))},
			Check:             func(*terraform.State) error { spread(t, sharedKafka(t), "factor", 6, factor); return nil },
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{
			step(1, plancheck.ResourceActionCreate, ""),
			step(3, plancheck.ResourceActionUpdate, `config = { "min.insync.replicas" = "2" }`),
			step(2, plancheck.ResourceActionUpdate, `config = { "min.insync.replicas" = "1" }`),
		},
	})
}

func TestAccTopicWithoutReplicationFactorTakesTheClustersDefault(t *testing.T) {
	t.Parallel()
	config := onShared(t, "resource \"kafkafleet_topic\" \"test\" {\n  name = \"modest\"\n  partitions = 1\n}\n")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{{
			Config: config, ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionCreate),
			ConfigStateChecks: []statecheck.StateCheck{has(theTopic, "replication_factor", knownvalue.Int64Exact(1))},
		}},
	})
}

func TestAccTopicConfigHoldsTheDeclaredKeysOnly(t *testing.T) {
	t.Parallel()
	const throttle = "follower.replication.throttled.replicas"
	effective := func(key, value string) statecheck.StateCheck {
		return has(theTopic, "config_effective", knownvalue.MapPartial(map[string]knownvalue.Check{key: knownvalue.StringExact(value)}))
	}
	var made calls
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(&made),
		Steps: []resource.TestStep{
			{
				// 604800000 is Kafka's default, and Kafka writes the list without the space.
				Config:           onShared(t, topic("config", 1, 1, `config = { "retention.ms" = "604800000", "cleanup.policy" = "delete, compact", "segment.bytes" = null }`)),
				ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionCreate),
				ConfigStateChecks: []statecheck.StateCheck{
					has(theTopic, "config", knownvalue.MapExact(map[string]knownvalue.Check{
						"retention.ms": knownvalue.StringExact("604800000"), "cleanup.policy": knownvalue.StringExact("delete, compact"), "segment.bytes": knownvalue.Null(),
					})),
					effective("cleanup.policy", "delete,compact"),
				},
			},
			{
				PreConfig: func() {
					setOutside(t, "config", kafka.ConfigChange{Name: throttle, Value: pointer("*")}, kafka.ConfigChange{Name: "max.message.bytes", Value: pointer("2000000")})
				},
				Config:            onShared(t, topic("config", 1, 1, `config = { "cleanup.policy" = "compact", "segment.bytes" = "104857600" }`)),
				ConfigPlanChecks:  expect(theTopic, plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{effective("cleanup.policy", "compact"), effective("segment.bytes", "104857600"), effective("max.message.bytes", "2000000")},
				Check: func(*terraform.State) error {
					k, this := direct(t, sharedKafka(t)), kafka.ConfigResource{Kind: kafka.ResourceTopic, Name: "config"}
					configs, err := k.DescribeConfigs(t.Context(), []kafka.ConfigResource{this})
					if err != nil {
						return err
					}
					set := map[string]string{}
					for _, e := range configs[this] {
						if e.Source == kafka.SourceTopic {
							set[e.Name] = e.Value
						}
					}
					want := map[string]string{"cleanup.policy": "compact", "segment.bytes": "104857600", throttle: "*", "max.message.bytes": "2000000"}
					if fmt.Sprint(set) != fmt.Sprint(want) {
						return fmt.Errorf("the topic's own settings are %v, want %v", set, want)
					}
					return nil
				},
			},
			{
				PreConfig: func() {
					made.take()
					setOutside(t, "config", kafka.ConfigChange{Name: "segment.bytes", Value: pointer("209715200")})
				},
				Config:           onShared(t, topic("config", 1, 1, `config = { "cleanup.policy" = "compact", "segment.bytes" = "104857600" }`)),
				ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionUpdate),
				Check: func(*terraform.State) error {
					if got := made.take(); !slices.Equal(got, []string{`IncrementalAlterConfigs topic "config": segment.bytes`}) {
						return fmt.Errorf("the mutating calls were %q", got)
					}
					return nil
				},
			},
			{
				PreConfig: func() { setOutside(t, "config", kafka.ConfigChange{Name: "segment.bytes"}) },
				Config:    onShared(t, topic("config", 1, 1, "")), ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionUpdate),
				ConfigStateChecks: []statecheck.StateCheck{
					has(theTopic, "config", knownvalue.Null()),
					// Kafka's own defaults are in force again.
					statecheck.ExpectKnownValue(theTopic, atConfigEffective, withoutKeys{"cleanup.policy", "segment.bytes"}), effective("max.message.bytes", "2000000"),
				},
			},
		},
	})
}

func TestAccTopicThatVanishedIsPlannedToBeCreated(t *testing.T) {
	t.Parallel()
	config := onShared(t, topic("vanishing", 1, 1, ""))
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{
			{Config: config, ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionCreate)},
			{
				PreConfig: func() { deleteOutside(t, "vanishing") },
				Config:    config, ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionCreate),
			},
		},
	})
}

// deleteOutside deletes a topic past Terraform.
func deleteOutside(t *testing.T, name string) {
	t.Helper()
	k := direct(t, sharedKafka(t))
	// The test's own context has ended when this is its clean-up.
	ctx := context.Background()
	if err := k.DeleteTopic(ctx, name); err != nil {
		t.Fatal(err)
	}
	if err := k.AwaitTopicGone(ctx, name, ""); err != nil {
		t.Fatal(err)
	}
}

func TestAccTopicThatWasCreatedAgainIsSeen(t *testing.T) {
	t.Parallel()
	differ := statecheck.CompareValue(compare.ValuesDiffer())
	config := onShared(t, topic("reborn", 2, 1, `config = { "retention.ms" = "3600000" }`))
	id := func() []statecheck.StateCheck {
		return []statecheck.StateCheck{differ.AddStateValue(theTopic, tfjsonpath.New("topic_id"))}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{
			{Config: config, ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionCreate), ConfigStateChecks: id()},
			{
				PreConfig: func() {
					deleteOutside(t, "reborn")
					k := direct(t, sharedKafka(t))
					if err := k.CreateTopic(t.Context(), kafka.NewTopic{Name: "reborn", Partitions: 1, ReplicationFactor: 1}, false); err != nil {
						t.Fatal(err)
					}
					if err := k.AwaitTopic(t.Context(), "reborn", 1); err != nil {
						t.Fatal(err)
					}
				},
				Config: config, ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionUpdate), ConfigStateChecks: id(),
			},
		},
	})
}

func TestAccTopicThatExistsIsNotTakenOver(t *testing.T) {
	t.Parallel()
	k := direct(t, sharedKafka(t))
	if err := k.CreateTopic(t.Context(), kafka.NewTopic{Name: "taken", Partitions: 1, ReplicationFactor: 1}, false); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { deleteOutside(t, "taken") })
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{{
			Config:      onShared(t, topic("taken", 1, 1, "")),
			ExpectError: message(`"taken" is not created...already exists...terraform import <address> taken`),
		}},
	})
}

func TestAccTopicFaultsAreToldAtPlan(t *testing.T) {
	t.Parallel()
	plan := func(config, told string) resource.TestStep {
		return resource.TestStep{Config: config, PlanOnly: true, ExpectError: message(told)}
	}
	existing := topic("checked", 2, 1, `config = { "retention.ms" = "3600000" }`)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{
			plan(onShared(t, topic("..", 1, 1, "")), `Not a topic name...cannot be a topic's name`),
			plan(onShared(t, topic("a b", 1, 1, "")), `Not a topic name...characters that Kafka refuses`),
			plan(onShared(t, topic("none", 0, 1, "")), `partitions...must be between 1`),
			plan(onShared(t, topic("none", 1, 0, "")), `replication_factor...between 1`),
			plan(onShared(t, topic("none", 1, 4, "")), `replication_factor = 4...3 live brokers...at most 3`),
			plan(onShared(t, topic("none", 1, 1, `config = { "retention.msec" = "1" }`)), `config = ...retention.msec...Unknown topic config name`),
			plan(onShared(t, topic("none", 1, 1, `config = { "retention.ms" = "a week" }`)), `retention.ms...Not a number of type LONG`),
			plan(`provider "kafkafleet" {
  local = { root = "/nonexistent" }
}
`+topic("none", 1, 1, ""), `No cluster...cluster = kafkafleet_broker_group`),
			{Config: onShared(t, existing), ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionCreate)},
			plan(onShared(t, topic("checked", 2, 1, `config = { "retention.ms" = "a week" }`)), `retention.ms...Not a number of type LONG`),
			plan(onShared(t, topic("checked", 2, 4, `config = { "retention.ms" = "3600000" }`)), `replication_factor = 4...3 live brokers...at most 3`),
			{
				Config: onShared(t, existing), ResourceName: theTopic, ImportState: true, ImportStateId: "there-is-none",
				ExpectError: message(`Cannot import non-existent remote object`),
			},
			{
				Config: onShared(t, existing), ResourceName: theTopic, ImportState: true, ImportStateId: "main/a/b",
				ExpectError: message(`Not a topic to import`),
			},
		},
	})
}

func TestAccTopicSurvivesThatItsClusterCannotBeReached(t *testing.T) {
	t.Parallel()
	config := topic("remote", 1, 1, "")
	same := statecheck.CompareValue(compare.ValuesSame())
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{
			{
				Config: onShared(t, config), ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionCreate),
				ConfigStateChecks: []statecheck.StateCheck{same.AddStateValue(theTopic, tfjsonpath.New("topic_id"))},
			},
			{
				// Nothing listens on port 1.
				Config:      withKafka([]string{"127.0.0.1:1"}, config),
				ExpectError: message(`"remote" could not be read...127.0.0.1:1...stays in the state`),
			},
			{
				Config: onShared(t, config), ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionNoop),
				ConfigStateChecks: []statecheck.StateCheck{same.AddStateValue(theTopic, tfjsonpath.New("topic_id"))},
			},
		},
	})
}

// A cluster of its own, since brokers of it are hung, killed and kept from taking part.
func TestAccTopicWithOneBrokerOfThreeAway(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Start(t, kafkatest.Options{})
	all := cluster.Bootstrap()
	k := direct(t, cluster)
	config := func(partitions int) string { return withKafka(all, topic("steady", partitions, 2, "")) }
	noop := expect(theTopic, plancheck.ResourceActionNoop)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		CheckDestroy:             noTopic(t, cluster, "steady"),
		Steps: []resource.TestStep{
			{Config: config(3), ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionCreate)},
			{
				// A reassignment to a broker that hangs stays in flight: the partition has three replicas meanwhile.
				PreConfig: func() {
					p := find(t, cluster, "steady").Partitions[0]
					third := int32(6) - p.Replicas[0] - p.Replicas[1]
					if err := cluster.Pause(int(third)); err != nil {
						t.Fatal(err)
					}
					move := kafka.Reassignment{Topic: "steady", Partition: 0, Replicas: []int32{p.Replicas[0], third}}
					if err := k.Reassign(t.Context(), []kafka.Reassignment{move}, false); err != nil {
						t.Fatal(err)
					}
					if moving := find(t, cluster, "steady").Partitions[0]; len(moving.Replicas) != 3 || len(moving.Target()) != 2 {
						t.Fatalf("the reassignment is not in flight: %v", moving)
					}
				},
				Config: config(3), ConfigPlanChecks: noop,
			},
			{
				PreConfig: func() {
					for id := 1; id <= 3; id++ {
						if err := cluster.Resume(id); err != nil {
							t.Fatal(err)
						}
					}
					eventually(t, 30*time.Second, func() string {
						if p := find(t, cluster, "steady").Partitions[0]; len(p.Replicas) != 2 || len(p.ISR) != 2 {
							return fmt.Sprintf("partition 0 is %v", p)
						}
						return ""
					})
					if err := cluster.Kill(1); err != nil {
						t.Fatal(err)
					}
				},
				Config: config(3), ConfigPlanChecks: noop,
			},
			{Config: config(4), ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionUpdate)},
		},
	})
}

func TestTopicNames(t *testing.T) {
	long := make([]byte, 250)
	for i := range long {
		long[i] = 'a'
	}
	for name, legal := range map[string]bool{
		"orders": true, "orders.v1_eu-west": true, "...": true, "A1": true, string(long[:249]): true,
		"": false, ".": false, "..": false, "a b": false, "a/b": false, "ä": false, string(long): false,
	} {
		if fault := topicNameFault(name); (fault == "") != legal {
			t.Errorf("topic name %q: fault %q, want legal %v", name, fault, legal)
		}
	}
}

func TestSameConfigValue(t *testing.T) {
	for _, test := range []struct {
		a, b string
		same bool
	}{
		{"compact,delete", "compact, delete", true}, {"compact,delete", "delete,compact", false}, {"True", "true", true}, {" 10 ", "10", true},
		{"0.50", "0.5", true}, {"1", "true", false}, {"10", "100", false}, {"producer", "Producer", false}, {"", "0", false},
		{"true", "1", false}, {"9223372036854775807", "9223372036854775806", false}, {"+07", "7", true}, {"-0", "0", true}, {"-7", "7", false}, {"1", "1.0", true},
		{"0x10p0", "16", false}, {"infinity", "inf", false},
	} {
		if got := sameConfigValue(test.a, test.b); got != test.same {
			t.Errorf("%q and %q: same is %v, want %v", test.a, test.b, got, test.same)
		}
	}
}

var atConfigEffective = tfjsonpath.New("config_effective")

// withoutKeys is a map that has none of these keys.
type withoutKeys []string

func (w withoutKeys) CheckValue(other any) error {
	is, ok := other.(map[string]any)
	if !ok {
		return fmt.Errorf("%T is no map", other)
	}
	for _, key := range w {
		if value, there := is[key]; there {
			return fmt.Errorf("%s is there: %v", key, value)
		}
	}
	return nil
}

func (w withoutKeys) String() string { return fmt.Sprintf("a map without %v", []string(w)) }
