package provider

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka/kafkatest"
)

// partitionsOf are the partitions of a topic as the controller has them.
func partitionsOf(t *testing.T, cluster *kafkatest.Cluster, topic string) []kafka.Partition {
	t.Helper()
	found, err := direct(t, cluster).Topic(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	return found.Partitions
}

// ownSettings are the settings of the topic itself.
func ownSettings(t *testing.T, cluster *kafkatest.Cluster, topic string) map[string]string {
	t.Helper()
	this := kafka.ConfigResource{Kind: kafka.ResourceTopic, Name: topic}
	entries, err := direct(t, cluster).DescribeConfigs(t.Context(), []kafka.ConfigResource{this})
	if err != nil {
		t.Fatal(err)
	}
	own := map[string]string{}
	for _, e := range entries[this] {
		if e.Source == kafka.SourceTopic {
			own[e.Name] = e.Value
		}
	}
	return own
}

// A move that hangs, since its limit is a byte a second: the plan shows nothing of it, and a change of something else neither ends it nor takes the
// limit away.
func TestAccAPlanDuringAReassignmentIsClean(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Start(t, kafkatest.Options{Brokers: 3})
	config := func(more string) string { return withKafka(cluster.Bootstrap(), topic("moving", 1, 2, more)) }
	const replicas = "leader.replication.throttled.replicas"
	var target []int32
	move := func() {
		k := direct(t, cluster)
		for i := range 4 {
			if err := k.Put(t.Context(), "moving", strconv.Itoa(i), make([]byte, 800_000)); err != nil {
				t.Fatal(err)
			}
		}
		p := partitionsOf(t, cluster, "moving")[0]
		free := int32(6) - p.Replicas[0] - p.Replicas[1]
		target = []int32{p.Replicas[0], free}
		for resource, change := range map[kafka.ConfigResource]kafka.ConfigChange{
			{Kind: kafka.ResourceTopic, Name: "moving"}:                          {Name: replicas, Value: pointer("*")},
			{Kind: kafka.ResourceBroker, Name: strconv.Itoa(int(p.Replicas[0]))}: {Name: "leader.replication.throttled.rate", Value: pointer("1")},
		} {
			if err := k.AlterConfigs(t.Context(), map[kafka.ConfigResource][]kafka.ConfigChange{resource: {change}}, false); err != nil {
				t.Fatal(err)
			}
		}
		if err := k.Reassign(t.Context(), []kafka.Reassignment{{Topic: "moving", Partition: 0, Replicas: target}}, false); err != nil {
			t.Fatal(err)
		}
	}
	moves := func() error {
		p := partitionsOf(t, cluster, "moving")[0]
		if !slices.Equal(p.Target(), target) || len(p.Adding) != 1 {
			return fmt.Errorf("the move to %v has ended: %+v", target, p)
		}
		if own := ownSettings(t, cluster, "moving"); own[replicas] != "*" {
			return fmt.Errorf("the limit of the move is gone: %v", own)
		}
		return nil
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{
			{Config: config(""), ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionCreate)},
			{
				PreConfig: move, Config: config(""), ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionNoop),
				ConfigStateChecks: []statecheck.StateCheck{
					has(theTopic, "replication_factor", knownvalue.Int64Exact(2)),
					statecheck.ExpectKnownValue(theTopic, atConfigEffective, withoutKeys{replicas}),
				},
				Check: func(*terraform.State) error { return moves() },
			},
			{
				Config: config(`config = { "retention.ms" = "1h" }`), ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionUpdate),
				Check: func(*terraform.State) error { return moves() },
			},
		},
	})
}

// More replicas come within a throttle, single ones and those of a map. An apply whose time is over leaves it to what still moves, and one with another
// throttle goes on and takes it off.
func TestAccTopicGetsReplicasWithinAThrottle(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Start(t, kafkatest.Options{Brokers: 3})
	config := func(factor int, throttle, within string) string {
		more := fmt.Sprintf("replication_throttle = %q\n  timeouts = { update = %q }", throttle, within)
		return withKafka(cluster.Bootstrap(), topic("slow", 1, factor, more)+
			fmt.Sprintf("resource \"kafkafleet_topics\" \"test\" {\n  topics = { \"slow-of-many\" = { partitions = 1, replication_factor = %d }, \"empty-of-many\" = { partitions = 1, replication_factor = %d } }\n  %s\n}\n", factor, factor, more))
	}
	slow := []string{"slow", "slow-of-many"}
	fill := func() {
		k := direct(t, cluster)
		for _, name := range slow {
			for i := range 20 {
				if err := k.Put(t.Context(), name, strconv.Itoa(i), make([]byte, 800_000)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	rates := func() map[string]string {
		found := map[string]string{}
		for id := range 3 {
			this := kafka.ConfigResource{Kind: kafka.ResourceBroker, Name: strconv.Itoa(id + 1)}
			entries, err := direct(t, cluster).DescribeConfigs(t.Context(), []kafka.ConfigResource{this})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries[this] {
				if strings.HasSuffix(e.Name, "replication.throttled.rate") && e.Source == kafka.SourceDynamicBroker {
					found[this.Name+" "+e.Name] = e.Value
				}
			}
		}
		return found
	}
	marks := func(name string) (n int) {
		for key := range ownSettings(t, cluster, name) {
			if strings.HasSuffix(key, "replication.throttled.replicas") {
				n++
			}
		}
		return n
	}
	stillMoves := func() {
		for _, name := range slow {
			var diags diag.Diagnostics
			warnOfThrottle(t.Context(), direct(t, cluster), name, &diags)
			if p := partitionsOf(t, cluster, name)[0]; len(p.Adding) == 0 || marks(name) != 2 || len(diags) > 0 {
				t.Errorf("topic %q is %+v, with the settings %v, of which %v is said", name, p, ownSettings(t, cluster, name), diags)
			}
		}
		if r := rates(); len(r) != 6 || r["1 leader.replication.throttled.rate"] != "065536" {
			t.Errorf("the brokers' rates are %v", r)
		}
	}
	ended := func(*terraform.State) error {
		for _, name := range slow {
			spread(t, cluster, name, 1, 3)
		}
		eventually(t, 30*time.Second, func() string { // Each broker hears of it in its own time.
			if left := rates(); len(left)+marks("slow")+marks("slow-of-many") > 0 {
				return fmt.Sprintf("throttles are left: %v, %v", left, ownSettings(t, cluster, "slow"))
			}
			return ""
		})
		return nil
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{
			{Config: config(1, "auto", "8s"), ExpectError: message(`Only a broker group can have its throttle measured`)},
			{Config: config(1, "64KiB/s", "8s"), ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionCreate)},
			{PreConfig: fill, Config: config(3, "64KiB/s", "8s"), ExpectError: message(`do not have their replicas yet`)},
			{
				PreConfig: stillMoves, Config: config(3, "200MiB/s", "5m"), ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(theTopic, plancheck.ResourceActionUpdate), plancheck.ExpectResourceAction("kafkafleet_topics.test", plancheck.ResourceActionUpdate),
				}},
				Check: ended,
			},
		},
	})
}

func TestReplicasAreThrottledUnlessSaidOtherwise(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{"": "50MiB/s", "none": "none", "8MiB/s": "8MiB/s"} {
		declared := types.StringNull()
		if value != "" {
			declared = types.StringValue(value)
		}
		if got := replicationThrottle(declared).String(); got != want {
			t.Errorf("%s is %s, want %s", declared, got, want)
		}
	}
}

func TestATopicThatStaysThrottledIsTold(t *testing.T) {
	t.Parallel()
	k := direct(t, sharedKafka(t))
	if err := k.CreateTopic(t.Context(), kafka.NewTopic{Name: "stuck", Partitions: 1, ReplicationFactor: 1}, false); err != nil {
		t.Fatal(err)
	}
	if err := k.AwaitTopic(t.Context(), "stuck", 1); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { deleteOutside(t, "stuck") })
	told := func() (diags diag.Diagnostics) {
		warnOfThrottle(t.Context(), direct(t, sharedKafka(t)), "stuck", &diags)
		return diags
	}
	if diags := told(); len(diags) > 0 {
		t.Error(diags)
	}
	if err := k.SetThrottle(t.Context(), nil, map[kafka.TopicPartition][]int32{{Topic: "stuck", Partition: 0}: {1}}, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, 10*time.Second, func() string {
		if diags := told(); diags.WarningsCount() != 1 || diags.HasError() {
			return fmt.Sprintf("of a throttle that is left this is said: %v", diags)
		}
		return ""
	})
}

func TestAccAReplicaCountThatDiffersBetweenPartitionsIsNoError(t *testing.T) {
	t.Parallel()
	config := onShared(t, topic("uneven", 3, 1, ""))
	grow := func() {
		p := partitionsOf(t, sharedKafka(t), "uneven")[0]
		wanted := []kafka.Reassignment{{Topic: "uneven", Partition: 0, Replicas: []int32{p.Replicas[0], p.Replicas[0]%3 + 1}}}
		k := direct(t, sharedKafka(t))
		if err := k.Reassign(t.Context(), wanted, true); err != nil {
			t.Fatal(err)
		}
		if err := k.AwaitReplicas(t.Context(), "uneven", wanted); err != nil {
			t.Fatal(err)
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{
			{Config: config, ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionCreate)},
			{
				PreConfig: grow, Config: config, ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionNoop),
				ConfigStateChecks: []statecheck.StateCheck{has(theTopic, "replication_factor", knownvalue.Int64Exact(1))},
			},
			// A change of the number evens them out.
			{
				Config: onShared(t, topic("uneven", 3, 2, "")), ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionUpdate),
				Check: func(*terraform.State) error { spread(t, sharedKafka(t), "uneven", 3, 2); return nil },
			},
		},
	})
}

func TestAccClusterWideDefaultsAreNoDrift(t *testing.T) {
	t.Parallel()
	// No other test looks at this one.
	const atBrokers, atTopics, value = "log.index.interval.bytes", "index.interval.bytes", "8192"
	everywhere := kafka.ConfigResource{Kind: kafka.ResourceBroker}
	set := func(value *string) {
		k := direct(t, sharedKafka(t))
		if err := k.AlterConfigs(t.Context(), map[kafka.ConfigResource][]kafka.ConfigChange{everywhere: {{Name: atBrokers, Value: value}}}, false); err != nil {
			t.Fatal(err)
		}
		eventually(t, 10*time.Second, func() string {
			configs, err := k.DescribeConfigs(t.Context(), []kafka.ConfigResource{{Kind: kafka.ResourceTopic, Name: "plain"}})
			if err != nil {
				return err.Error()
			}
			for _, entries := range configs {
				for _, e := range entries {
					if e.Name == atTopics && (value == nil) == (e.Source == kafka.SourceDefault) {
						return ""
					}
				}
			}
			return "the brokers do not have the default yet"
		})
	}
	config := onShared(t, topic("plain", 1, 1, `config = { "retention.ms" = "3600000" }`))
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{
			{Config: config, ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionCreate)},
			{
				PreConfig: func() { set(pointer(value)) }, Config: config, ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionNoop),
				ConfigStateChecks: []statecheck.StateCheck{
					has(theTopic, "config", knownvalue.MapExact(map[string]knownvalue.Check{"retention.ms": knownvalue.StringExact("3600000")})),
					has(theTopic, "config_effective", knownvalue.MapPartial(map[string]knownvalue.Check{atTopics: knownvalue.StringExact(value)})),
				},
			},
			{PreConfig: func() { set(nil) }, Config: config, ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionNoop)},
		},
	})
}

func TestAccAClusterThatIsNotKnownYetIsPlanned(t *testing.T) {
	t.Parallel()
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{{
			Config: onShared(t, `
resource "terraform_data" "name" { input = "later" }
resource "kafkafleet_topic" "test" {
  cluster    = terraform_data.name.output
  name       = "waiting"
  partitions = 3
}
resource "kafkafleet_acl" "test" {
  cluster       = terraform_data.name.output
  resource_type = "Topic"
  resource_name = "waiting"
  principal     = "User:alice"
  operation     = "Read"
}
resource "kafkafleet_quota" "test" {
  cluster            = terraform_data.name.output
  user               = "alice"
  producer_byte_rate = 1000
}
`),
			PlanOnly: true, ExpectNonEmptyPlan: true,
		}},
	})
}

// Equal but for the pattern type: neither is taken for the other, also when one of them goes.
func TestAccACLsThatDifferOnlyInPatternTypeStayApart(t *testing.T) {
	t.Parallel()
	acl := func(pattern string) string {
		return fmt.Sprintf("resource \"kafkafleet_acl\" %q {\n  resource_type = \"Topic\"\n  resource_name = \"apart\"\n  pattern_type = %q\n  principal = \"User:apart\"\n  operation = \"Read\"\n}\n", pattern, pattern)
	}
	there := func(patterns ...string) resource.TestCheckFunc {
		return func(*terraform.State) error {
			found, err := direct(t, sharedKafka(t)).ACLs(t.Context(), kafka.ACL{Principal: "User:apart"})
			if err != nil {
				return err
			}
			have := map[string]bool{}
			for _, a := range found {
				have[a.PatternType] = true
			}
			if got := slices.Sorted(maps.Keys(have)); !slices.Equal(got, patterns) {
				return fmt.Errorf("there are bindings of the patterns %v, and %v are right", got, patterns)
			}
			return nil
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		CheckDestroy:             there(),
		Steps: []resource.TestStep{
			{Config: onShared(t, acl("Literal")+acl("Prefixed")), Check: there("Literal", "Prefixed")},
			{Config: onShared(t, acl("Prefixed")), Check: there("Prefixed"), ConfigPlanChecks: expect("kafkafleet_acl.Literal", plancheck.ResourceActionDestroy)},
			{Config: onShared(t, acl("Literal")), Check: there("Literal")},
		},
	})
}
