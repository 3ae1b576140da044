package provider

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
)

func TestAccBrokersAreListedWithTheirZones(t *testing.T) {
	cluster := sharedKafka(t)
	broker := func(id int64, zone string) knownvalue.Check {
		return knownvalue.ObjectExact(map[string]knownvalue.Check{
			"id": knownvalue.Int64Exact(id), "address": knownvalue.StringExact(cluster.Address(int(id))), "zone": knownvalue.StringExact(zone), "fenced": knownvalue.Bool(false),
		})
	}
	const address = "data.kafkafleet_brokers.test"
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{{
			Config: onShared(t, `data "kafkafleet_brokers" "test" {}`),
			ConfigStateChecks: []statecheck.StateCheck{
				has(address, "cluster_id", knownvalue.StringExact(cluster.ID)),
				has(address, "brokers", knownvalue.ListExact([]knownvalue.Check{broker(1, "local-a"), broker(2, "local-b"), broker(3, "local-c")})),
			},
		}},
	})
}
