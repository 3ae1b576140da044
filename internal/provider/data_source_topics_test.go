package provider

import (
	"context"
	"fmt"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/querycheck"
	"github.com/hashicorp/terraform-plugin-testing/querycheck/queryfilter"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

func TestAccTopicsAreFoundByName(t *testing.T) {
	t.Parallel()
	config := onShared(t, `
resource "kafkafleet_topic" "a" {
  name               = "found.a"
  partitions         = 2
  replication_factor = 3
  config             = { "retention.ms" = "1h" }
}
resource "kafkafleet_topic" "b" {
  name               = "found.b"
  partitions         = 1
  replication_factor = 1
}
resource "kafkafleet_topic" "c" {
  name               = "not.found.a"
  partitions         = 1
  replication_factor = 1
}
data "kafkafleet_topics" "test" {
  name_regex = "found\\..*"
  with_sizes = true
  depends_on = [kafkafleet_topic.a, kafkafleet_topic.b, kafkafleet_topic.c]
}
`)
	put := func() {
		if err := direct(t, sharedKafka(t)).Put(context.WithoutCancel(t.Context()), "found.a", "key", make([]byte, 5000)); err != nil {
			t.Fatal(err)
		}
	}
	whole := func(partitions, factor int64, config knownvalue.Check) knownvalue.Check {
		return knownvalue.ObjectPartial(map[string]knownvalue.Check{
			"partitions": knownvalue.Int64Exact(partitions), "replication_factor": knownvalue.Int64Exact(factor), "config": config,
			"topic_id": knownvalue.StringRegexp(regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`)),
		})
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{
			{Config: onShared(t, "data \"kafkafleet_topics\" \"test\" {\n  name_regex = \"(\"\n}\n"), ExpectError: regexp.MustCompile(`Not a regular expression`)},
			{Config: config},
			{
				PreConfig: put, Config: config,
				ConfigStateChecks: []statecheck.StateCheck{
					has("data.kafkafleet_topics.test", "topics", knownvalue.MapExact(map[string]knownvalue.Check{
						"found.a": whole(2, 3, knownvalue.MapExact(map[string]knownvalue.Check{"retention.ms": knownvalue.StringExact("3600000")})),
						"found.b": whole(1, 1, knownvalue.Null()),
					})),
					statecheck.ExpectKnownValue("data.kafkafleet_topics.test", tfjsonpath.New("topics").AtMapKey("found.a").AtMapKey("bytes"), knownvalue.Int64Func(func(bytes int64) error {
						if bytes < 3*5000 {
							return fmt.Errorf("three replicas of a record of 5,000 bytes take %d", bytes)
						}
						return nil
					})),
				},
			},
		},
	})
}

func TestAccObjectsAreListed(t *testing.T) {
	t.Parallel()
	k := direct(t, sharedKafka(t))
	acl := kafka.ACL{ResourceType: "Group", ResourceName: "listed-group", PatternType: "Prefixed", Principal: "User:listed", Host: "*", Operation: "Read", Permission: "Allow"}
	rate, user := 1e6, "listed"
	seed := func() {
		t.Cleanup(func() {
			ctx := context.WithoutCancel(t.Context())
			for _, err := range []error{
				k.DeleteTopic(ctx, "listed-a"), k.DeleteTopic(ctx, "listed-b"), k.DeleteACL(ctx, acl), k.DeleteUserCredential(ctx, user, kafka.MechanismSCRAM256),
				k.AlterQuotas(ctx, kafka.QuotaEntity{User: &user, ClientID: new(string)}, []kafka.QuotaChange{{Key: "producer_byte_rate"}}, false),
			} {
				if err != nil {
					t.Error(err)
				}
			}
		})
		for _, err := range []error{
			k.CreateTopic(t.Context(), kafka.NewTopic{Name: "listed-a", Partitions: 2, ReplicationFactor: 1, Config: map[string]string{"retention.ms": "7200000"}}, false),
			k.CreateTopic(t.Context(), kafka.NewTopic{Name: "listed-b", Partitions: 1, ReplicationFactor: 1}, false),
			k.AwaitTopic(t.Context(), "listed-b", 1), k.CreateACL(t.Context(), acl),
			k.AlterQuotas(t.Context(), kafka.QuotaEntity{User: &user, ClientID: new(string)}, []kafka.QuotaChange{{Key: "producer_byte_rate", Value: &rate}}, false),
			k.SetUserCredential(t.Context(), kafka.UserCredential{User: user, Mechanism: kafka.MechanismSCRAM256, Iterations: 4096, Password: "pass-word"}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	list := func(kind string) string {
		return "list \"kafkafleet_" + kind + "\" \"all\" {\n  provider         = kafkafleet\n  include_resource = true\n  config {\n    name_regex = \"listed.*\"\n  }\n}\n"
	}
	text := knownvalue.StringExact
	resource.Test(t, resource.TestCase{
		TerraformVersionChecks:   []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_14_0)},
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{
			{PreConfig: seed, Config: onShared(t, "")},
			{
				Query: true, Config: list("topic") + list("acl") + list("quota") + list("user"),
				QueryResultChecks: []querycheck.QueryResultCheck{
					querycheck.ExpectLength("kafkafleet_topic.all", 2),
					querycheck.ExpectLength("kafkafleet_acl.all", 1),
					querycheck.ExpectLength("kafkafleet_quota.all", 1),
					querycheck.ExpectLength("kafkafleet_user.all", 1),
					querycheck.ExpectIdentity("kafkafleet_topic.all", map[string]knownvalue.Check{"cluster": knownvalue.Null(), "name": text("listed-a")}),
					querycheck.ExpectIdentity("kafkafleet_quota.all", map[string]knownvalue.Check{
						"cluster": knownvalue.Null(), "user": text("listed"), "client_id": text("<default>"), "ip": knownvalue.Null(),
					}),
					querycheck.ExpectIdentity("kafkafleet_user.all", map[string]knownvalue.Check{"cluster": knownvalue.Null(), "name": text("listed")}),
					querycheck.ExpectResourceKnownValues("kafkafleet_topic.all", queryfilter.ByDisplayName(text("listed-a")), []querycheck.KnownValueCheck{
						{Path: tfjsonpath.New("partitions"), KnownValue: knownvalue.Int64Exact(2)},
						{Path: tfjsonpath.New("config"), KnownValue: knownvalue.MapExact(map[string]knownvalue.Check{"retention.ms": text("7200000")})},
					}),
					querycheck.ExpectResourceKnownValues("kafkafleet_acl.all", queryfilter.ByDisplayName(text(acl.String())), []querycheck.KnownValueCheck{
						{Path: tfjsonpath.New("pattern_type"), KnownValue: text("Prefixed")},
						{Path: tfjsonpath.New("principal"), KnownValue: text("User:listed")},
					}),
				},
			},
		},
	})
}
