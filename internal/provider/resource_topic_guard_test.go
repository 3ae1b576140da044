package provider

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

func TestAccProtectedTopicIsNotDeleted(t *testing.T) {
	t.Parallel()
	kept := regexp.MustCompile(`has\s+deletion_protection`)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{
			{Config: onShared(t, topic("protected", 2, 1, "deletion_protection = true\nallow_recreate = true")), ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionCreate)},
			{Config: onShared(t, ""), PlanOnly: true, ExpectError: kept},
			{Config: onShared(t, topic("renamed", 2, 1, "deletion_protection = true")), PlanOnly: true, ExpectError: kept},
			{Config: onShared(t, topic("protected", 1, 1, "deletion_protection = true\nallow_recreate = true")), PlanOnly: true, ExpectError: kept},
			// What was applied counts, and not what is declared when the topic shall go.
			{Config: onShared(t, topic("renamed", 2, 1, "")), PlanOnly: true, ExpectError: kept},
			{Config: onShared(t, topic("protected", 2, 1, "deletion_protection = false\nallow_recreate = true")), ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionUpdate)},
			{Config: onShared(t, ""), Check: noTopic(t, sharedKafka(t), "protected")},
		},
	})
}

func TestAccTopicWithFreshRecordsIsNotDeleted(t *testing.T) {
	t.Parallel()
	put := func() {
		if err := direct(t, sharedKafka(t)).Put(context.WithoutCancel(t.Context()), "written", "key", []byte("value")); err != nil {
			t.Fatal(err)
		}
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{
			// One without records may go.
			{Config: onShared(t, topic("unwritten", 3, 1, `keep_if_written_within = "30d"`))},
			{Config: onShared(t, topic("written", 3, 1, `keep_if_written_within = "30d"`)), ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionDestroyBeforeCreate)},
			{PreConfig: put, Config: onShared(t, ""), PlanOnly: true, ExpectError: regexp.MustCompile(`(?s)The\s+newest\s+record\s+of\s+topic\s+"written".*none\s+within\s+30d`)},
			{Config: onShared(t, topic("written", 3, 1, `keep_if_written_within = "1ms"`)), ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionUpdate)},
			{Config: onShared(t, ""), Check: noTopic(t, sharedKafka(t), "written")},
			{Config: onShared(t, topic("written", 3, 1, `keep_if_written_within = "a month"`)), PlanOnly: true, ExpectError: regexp.MustCompile(`"a\s+month"\s+is\s+not\s+a\s+duration`)},
		},
	})
}

func TestAccValuesWithUnitsAreEqualToWhatKafkaReturns(t *testing.T) {
	t.Parallel()
	var made calls
	declared := `config = { "retention.ms" = "7d", "segment.bytes" = "100MiB" }`
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(&made),
		Steps: []resource.TestStep{
			{
				Config: onShared(t, topic("units", 1, 1, declared)), ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionCreate),
				ConfigStateChecks: []statecheck.StateCheck{
					has(theTopic, "config", knownvalue.MapExact(map[string]knownvalue.Check{"retention.ms": knownvalue.StringExact("7d"), "segment.bytes": knownvalue.StringExact("100MiB")})),
					has(theTopic, "config_effective", knownvalue.MapPartial(map[string]knownvalue.Check{"segment.bytes": knownvalue.StringExact("104857600")})),
				},
			},
			{
				PreConfig: func() { made.take() },
				Config:    onShared(t, topic("units", 1, 1, `config = { "retention.ms" = "168h", "segment.bytes" = "104857600" }`)), ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionUpdate),
				Check: func(*terraform.State) error {
					if got := made.take(); len(got) > 0 {
						return fmt.Errorf("another spelling of the same was sent to Kafka: %q", got)
					}
					return nil
				},
			},
			{
				PreConfig: func() { setOutside(t, "units", kafka.ConfigChange{Name: "segment.bytes", Value: pointer("209715200")}) },
				Config:    onShared(t, topic("units", 1, 1, declared)), ConfigPlanChecks: expect(theTopic, plancheck.ResourceActionUpdate),
				Check: func(*terraform.State) error {
					if got := made.take(); !slices.Equal(got, []string{`IncrementalAlterConfigs topic "units": segment.bytes`}) {
						return fmt.Errorf("the mutating calls were %q", got)
					}
					return nil
				},
			},
			{Config: onShared(t, topic("units", 1, 1, `config = { "retention.ms" = "7 apples" }`)), PlanOnly: true, ExpectError: regexp.MustCompile(`7\s+apples`)},
		},
	})
}

// TestAccAPlanWithinAnApplyAsksKafkaNothing: what is only known within the apply, Kafka refuses as the change itself.
func TestAccAPlanWithinAnApplyAsksKafkaNothing(t *testing.T) {
	t.Parallel()
	config := onShared(t, topic("known-first", 1, 1, "")) + `
resource "kafkafleet_topic" "refused" {
  name               = "refused"
  partitions         = 1
  replication_factor = 1
  config             = { "retention.ms" = "never-${kafkafleet_topic.test.topic_id}" }
}
`
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{
			{Config: config, ExpectError: message(`Topic "refused" is not created...Not a number of type LONG`)},
			{Config: onShared(t, topic("known-first", 1, 1, ""))},
		},
	})
}
