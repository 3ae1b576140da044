package provider

import (
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"
)

// required is what a configuration needs that calls functions. The provider under test has the name space of Terraform's own.
const required = `
terraform {
  required_providers {
    kafkafleet = { source = "hashicorp/kafkafleet" }
  }
}
`

func TestAccFunctions(t *testing.T) {
	output := func(name string, value knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownOutputValue(name, value)
	}
	resource.Test(t, resource.TestCase{
		TerraformVersionChecks:   []tfversion.TerraformVersionCheck{tfversion.RequireAbove(tfversion.Version1_8_0)},
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{
			{
				Config: required + `
output "bytes" { value = provider::kafkafleet::bytes("1.5GiB") }
output "duration" { value = provider::kafkafleet::duration("1d12h") }
output "id" { value = provider::kafkafleet::acl_id("main", "Topic", "a|b%c", "Prefixed", "User:shop", "*", "Read", "Allow") }
output "id_of_the_provider" { value = provider::kafkafleet::acl_id(null, "Topic", "orders", "Literal", "User:shop", "*", "Read", "Allow") }
output "name" { value = provider::kafkafleet::parse_acl_id("main/Topic|a%7Cb%25c|Prefixed|User:shop|*|Read|Allow").resource_name }
output "cluster" { value = provider::kafkafleet::parse_acl_id("main/Topic|orders|Literal|User:shop|*|Read|Allow").cluster }
output "matches" { value = provider::kafkafleet::match_topics(["orders", "orders-dlq", "payments"], ["orders.*", "pay"]) }
output "brokers" {
  value = provider::kafkafleet::brokers_needed({
    throughput         = provider::kafkafleet::bytes("50MiB"), consumers = 3, retention = provider::kafkafleet::duration("7d"), replication_factor = 3,
    disk               = provider::kafkafleet::bytes("15TiB"), network = provider::kafkafleet::bytes("600MiB"),
  })
}
`,
				ConfigStateChecks: []statecheck.StateCheck{
					output("bytes", knownvalue.Int64Exact(3<<29)),
					output("duration", knownvalue.Int64Exact(36*3600*1000)),
					output("id", knownvalue.StringExact("main/Topic|a%7Cb%25c|Prefixed|User:shop|*|Read|Allow")),
					output("id_of_the_provider", knownvalue.StringExact("Topic|orders|Literal|User:shop|*|Read|Allow")),
					output("name", knownvalue.StringExact("a|b%c")),
					output("cluster", knownvalue.StringExact("main")),
					output("matches", knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact("orders"), knownvalue.StringExact("orders-dlq")})),
					// 50 MiB/s for seven days three times are 86.5 TiB, which fill eight brokers to 80 %.
					output("brokers", knownvalue.Int64Exact(9)),
				},
			},
			{Config: required + `output "x" { value = provider::kafkafleet::bytes("1 apple") }`, ExpectError: regexp.MustCompile(`"1 apple"\s+is\s+not\s+a\s+size`)},
			{Config: required + `output "x" { value = provider::kafkafleet::duration("week") }`, ExpectError: regexp.MustCompile(`"week"\s+is\s+not\s+a\s+duration`)},
			{Config: required + `output "x" { value = provider::kafkafleet::parse_acl_id("Topic|orders") }`, ExpectError: regexp.MustCompile(`of\s+7\s+parts`)},
			{Config: required + `output "x" { value = provider::kafkafleet::match_topics(["a"], ["("]) }`, ExpectError: regexp.MustCompile(`missing\s+closing`)},
		},
	})
}

func TestBrokersNeeded(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		load
		want int64
	}{
		{load{Throughput: 0, ReplicationFactor: 3, Disk: 1, Network: 1}, 3},
		{load{Throughput: 0, ReplicationFactor: 1, Disk: 1, Network: 1}, 2},
		// Disks: 1 MiB/s for 1,000 s, three times, on disks of 500 MiB: 3,000 / 400.
		{load{Throughput: mib, Retention: 1e6, ReplicationFactor: 3, Disk: 500 * mib, Network: 1000 * mib}, 9},
		// Network, in: 90 MiB/s at 60 MiB/s each.
		{load{Throughput: 30 * mib, ReplicationFactor: 3, Disk: 1e15, Network: 100 * mib}, 3},
		// Network, out: 30 × (2 + 8) = 300 MiB/s.
		{load{Throughput: 30 * mib, Consumers: 8, ReplicationFactor: 3, Disk: 1e15, Network: 100 * mib}, 6},
	} {
		if got := c.brokers(); got != c.want || c.fault() != "" {
			t.Errorf("%+v needs %d brokers (%s), and %d are right", c.load, got, c.fault(), c.want)
		}
	}
	for _, l := range []load{{Throughput: -1, ReplicationFactor: 1, Disk: 1, Network: 1}, {ReplicationFactor: 0, Disk: 1, Network: 1}, {ReplicationFactor: 1, Network: 1}, {Throughput: 1e300, Retention: 1e300, ReplicationFactor: 1, Disk: 1, Network: 1}} {
		if l.fault() == "" {
			t.Errorf("%+v is taken", l)
		}
	}
}

func TestKafkaValuesHaveNoUnits(t *testing.T) {
	for _, c := range [][3]string{
		{"retention.ms", "7d", "604800000"}, {"retention.ms", "1h30m", "5400000"}, {"retention.ms", "-1", "-1"}, {"retention.ms", "604800000", "604800000"}, {"retention.ms", "7x", "7x"},
		{"segment.bytes", "1GiB", "1073741824"}, {"segment.bytes", "1gib", "1073741824"}, {"retention.bytes", "-1", "-1"}, {"segment.bytes", "1 apple", "1 apple"},
		{"cleanup.policy", "7d", "7d"}, {"compression.type", "lz4", "lz4"}, {"min.cleanable.dirty.ratio", "0.5d", "0.5d"},
	} {
		if got := kafkaValue(c[0], c[1]); got != c[2] {
			t.Errorf("%s = %q is %q for Kafka, and %q is right", c[0], c[1], got, c[2])
		}
	}
}
