package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
)

// fleetConfig is a cluster of one controller and a group of brokers, with lines added to each.
func fleetConfig(root, cluster, group string) string {
	return fmt.Sprintf(`
provider "kafkafleet" {
  local = { root = %q, kafka_home = %q, agent = %q }
}

resource "kafkafleet_cluster" "c" {
  name          = "small"
  kafka_version = "4.3.1"
  zones         = ["local-a"]
  controllers   = { nodes = 1, instance_type = "local.small" }
  %s
}

resource "kafkafleet_broker_group" "g" {
  cluster       = kafkafleet_cluster.c.name
  name          = "main"
  brokers       = 1
  instance_type = "local.small"
  kafka_version = kafkafleet_cluster.c.kafka_version
  %s
}
`, root, os.Getenv("KAFKAFLEET_KAFKA_HOME"), os.Getenv("KAFKAFLEET_AGENT"), cluster, group)
}

// override replaces the lines of a configuration that set the same attributes.
func override(config string, lines ...string) string {
	for _, line := range lines {
		name := strings.TrimSpace(strings.SplitN(line, "=", 2)[0])
		out := strings.Split(config, "\n")
		for i := len(out) - 1; i >= 0; i-- {
			if strings.HasPrefix(strings.TrimSpace(out[i]), name+" ") {
				out[i] = line
				break
			}
		}
		config = strings.Join(out, "\n")
	}
	return config
}

// TestAccFleetFaultsAreToldAtPlan: what cannot be applied is refused before anything is launched, with what there is instead.
func TestAccFleetFaultsAreToldAtPlan(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "fleets")
	base := fleetConfig(root, "", "")
	cluster := func(old, replaced string) string { return strings.Replace(base, old, replaced, 1) }
	cases := map[string]struct{ config, says string }{
		"more zones than brokers":      {fleetConfig(root, "", `zones = ["local-a", "local-b"]`), "1 brokers cannot be spread over 2 zones"},
		"unknown instance type":        {override(base, `  instance_type = "local.huge"`), `There is no instance type "local.huge". There are local.large`},
		"unknown zone":                 {cluster(`zones         = ["local-a"]`, `zones = ["mars-a"]`), `There is no zone "mars-a". There are local-a`},
		"unknown Kafka version":        {cluster(`"4.3.1"`, `"9.9.9"`), "9.9.9"},
		"no Kafka version":             {cluster(`"4.3.1"`, `"latest"`), "latest"},
		"a kafka_home that is none":    {strings.Replace(base, os.Getenv("KAFKAFLEET_KAFKA_HOME"), t.TempDir(), 1), "libs"},
		"no Java":                      {strings.Replace(base, "kafka_home", `java_home = "/nonexistent", kafka_home`, 1), "/nonexistent"},
		"an illegal name":              {cluster(`"small"`, `"Small_One"`), "lower-case letters"},
		"the controllers' name":        {cluster(`"main"`, `"controllers"`), "controllers"},
		"an even number of voters":     {cluster("nodes = 1", "nodes = 2"), "value must be one of"},
		"no broker":                    {override(base, "  brokers = 0"), "at least 1"},
		"a static cluster-wide config": {fleetConfig(root, `config = { "queued.max.requests" = "10" }`, ""), "queued.max.requests"},
		"a reserved setting":           {fleetConfig(root, "", `config = { "node.id" = "7" }`), "the node agent sets it"},
		"a secret":                     {fleetConfig(root, "", `config = { "ssl.key.password" = "x" }`), "it is a secret"},
		"a throttle for everybody":     {fleetConfig(root, `config = { "leader.replication.throttled.rate" = "1" }`, ""), "during a rollout"},
		"min ISR of a broker":          {fleetConfig(root, "", `config = { "min.insync.replicas" = "1" }`), "kafkafleet_cluster.config"},
		"a heap for a larger machine":  {fleetConfig(root, "", `jvm = { heap = "4GiB" }`), "too large for the machine"},
		"a heap that is none":          {fleetConfig(root, "", `jvm = { heap = "much" }`), "512MiB"},
		"a throttle that is none":      {fleetConfig(root, "", `rollout_policy = { throttle = "fast" }`), "50MiB/s"},
		"a throttle for snails":        {fleetConfig(root, "", `rollout_policy = { throttle = "1KiB/s" }`), "64KiB/s"},
		"metadata newer than Kafka":    {strings.ReplaceAll(fleetConfig(root, `metadata_version = "4.3"`, ""), `"4.3.1"`, `"4.2.1"`), "needs Kafka 4.3"},
		"unknown metadata version":     {fleetConfig(root, `metadata_version = "1.0"`, ""), `"1.0"`},
		"a way to log in that is none": {fleetConfig(root, `security = { client_auth = "kerberos" }`, ""), "value must be one of"},
		"an authority without its key": {fleetConfig(root, `security = { authority = { certificate_pem = "x" } }`, ""), "private_key_pem_wo"},
		"an authority that is none":    {fleetConfig(root, `security = { authority = { certificate_pem = "x", private_key_pem_wo = "y" } }`, ""), "The certificate authority cannot be taken"},
		"instances of no cloud":        {fleetConfig(root, "", `aws = { ami = "ami-1", subnet_ids = { local-a = "s" }, iam_instance_profile = "p" }`), "nodes are none here"},
		"an image of no cloud":         {fleetConfig(root, "", `aws = { ami_ssm_parameter = "/x", subnet_ids = { local-a = "s" }, iam_instance_profile = "p" }`), "nodes are none here"},
		"two images":                   {fleetConfig(root, "", `aws = { ami = "ami-1", ami_ssm_parameter = "/x", subnet_ids = { local-a = "s" }, iam_instance_profile = "p" }`), "2 attributes specified when one"},
		"two groups of one name": {base + `
resource "kafkafleet_broker_group" "twin" {
  cluster       = kafkafleet_cluster.c.name
  name          = "main"
  brokers       = 1
  instance_type = "local.small"
  kafka_version = "4.3.1"
}`, "Two groups of one name"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			resource.UnitTest(t, resource.TestCase{
				ProtoV6ProviderFactories: factories(nil),
				Steps:                    []resource.TestStep{{Config: c.config, PlanOnly: true, ExpectError: message(c.says)}},
			})
		})
	}
	if _, err := os.Stat(root); err == nil {
		t.Error("a plan that was refused left something behind")
	}
}

// TestAccFleetIsImportedAndProtected takes the smallest fleet, of one controller and one broker, through what needs no rollout.
func TestAccFleetIsImportedAndProtected(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "fleets")
	var made calls
	open := fleetConfig(root, "", "deletion_protection = false")
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(&made),
		Steps: []resource.TestStep{
			{
				Config: fleetConfig(root, "", ""),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectResourceAction("kafkafleet_cluster.c", plancheck.ResourceActionCreate),
						plancheck.ExpectResourceAction("kafkafleet_broker_group.g", plancheck.ResourceActionCreate),
						plancheck.ExpectKnownValue("kafkafleet_broker_group.g", tfjsonpath.New("rollout").AtMapKey("nodes_launched"), knownvalue.Int64Exact(1)),
						plancheck.ExpectKnownValue("kafkafleet_broker_group.g", tfjsonpath.New("zones"), knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact("local-a")})),
					},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue("kafkafleet_broker_group.g", tfjsonpath.New("nodes"), knownvalue.MapSizeExact(1)),
					statecheck.ExpectKnownValue("kafkafleet_broker_group.g", tfjsonpath.New("bootstrap_servers"), knownvalue.ListSizeExact(1)),
					statecheck.ExpectIdentityValueMatchesState("kafkafleet_cluster.c", tfjsonpath.New("name")),
					statecheck.ExpectIdentityValueMatchesState("kafkafleet_broker_group.g", tfjsonpath.New("cluster")),
				},
			},
			{ResourceName: "kafkafleet_cluster.c", ImportState: true, ImportStateVerify: true, ImportStateVerifyIgnore: []string{"rollout", "bootstrap_servers"}},
			{ResourceName: "kafkafleet_cluster.c", ImportState: true, ImportStateKind: resource.ImportBlockWithID},
			{ResourceName: "kafkafleet_cluster.c", ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity},
			{ResourceName: "kafkafleet_broker_group.g", ImportState: true, ImportStateVerify: true, ImportStateVerifyIgnore: []string{"rollout"}},
			{ResourceName: "kafkafleet_broker_group.g", ImportState: true, ImportStateKind: resource.ImportBlockWithID},
			{ResourceName: "kafkafleet_broker_group.g", ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity},
			{ResourceName: "kafkafleet_cluster.c", ImportState: true, ImportStateId: "none", ExpectError: message(`No cluster "none" can be imported`)},
			{ResourceName: "kafkafleet_broker_group.g", ImportState: true, ImportStateId: "small/none", ExpectError: message("there is nothing to import")},
			{Config: fleetConfig(root, "", ""), Destroy: true, ExpectError: message("set deletion_protection = false")},
			{Config: fleetConfig(root, "", `config = { "num.io.threads" = "many" }`), PlanOnly: true, ExpectError: message("Invalid value many for configuration num.io.threads")},
			{Config: fleetConfig(root, `config = { "log.retention.ms" = "soon" }`, ""), PlanOnly: true, ExpectError: message("Invalid value soon for configuration log.retention.ms")},
			{Config: fleetConfig(root, `metadata_version = "4.2"`, ""), PlanOnly: true, ExpectError: message("cannot be lowered")},
			{Config: strings.ReplaceAll(fleetConfig(root, "", ""), `"4.3.1"`, `"4.2.1"`), PlanOnly: true, ExpectError: message("too old for this cluster")},
			{
				PreConfig: func() { made.take() },
				Config:    open,
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction("kafkafleet_broker_group.g", plancheck.ResourceActionUpdate)},
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
			},
			{
				PreConfig: func() {
					if touched := made.take(); len(touched) > 0 {
						t.Errorf("taking the protection away touched the fleet: %v", touched)
					}
				},
				Config: open + `
data "kafkafleet_cluster" "c" {
  name = kafkafleet_broker_group.g.cluster
}

data "kafkafleet_health" "c" {
  cluster = kafkafleet_broker_group.g.cluster
}`,
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue("data.kafkafleet_cluster.c", tfjsonpath.New("brokers"), knownvalue.MapSizeExact(1)),
					statecheck.ExpectKnownValue("data.kafkafleet_cluster.c", tfjsonpath.New("controllers"), knownvalue.MapSizeExact(1)),
					has("data.kafkafleet_health.c", "problems", knownvalue.ListExact(nil)), has("data.kafkafleet_health.c", "status", knownvalue.StringExact("healthy")),
					statecheck.ExpectKnownValue("data.kafkafleet_health.c", tfjsonpath.New("node_states").AtMapKey("ready"), knownvalue.Int64Exact(2)),
				},
			},
		},
	})
	if entries, err := os.ReadDir(root); err == nil && len(entries) > 0 {
		t.Errorf("the destroyed fleet left %v", entries)
	}
}
