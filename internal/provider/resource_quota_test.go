package provider

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

const theQuota = "kafkafleet_quota.test"

// quota writes the configuration of one quota.
func quota(body string) string {
	return fmt.Sprintf("resource \"kafkafleet_quota\" \"test\" {\n%s\n}\n", body)
}

// quotasAre checks all quotas of an entity in Kafka; none for nil.
func quotasAre(t *testing.T, entity kafka.QuotaEntity, want map[string]float64) resource.TestCheckFunc {
	return func(*terraform.State) error {
		got, err := direct(t, sharedKafka(t)).Quotas(t.Context(), entity)
		if err != nil && !gone(err) {
			return err
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("the quotas of %s are %v, want %v", entity, got, want)
		}
		return nil
	}
}

func TestAccQuotaIsSetChangedInPlaceImportedAndRemoved(t *testing.T) {
	t.Parallel()
	var made calls
	entity := kafka.QuotaEntity{User: pointer("alice & co"), ClientID: pointer("reports")}
	config := func(more string) string {
		return onShared(t, quota("user = \"alice & co\"\nclient_id = \"reports\"\n"+more))
	}
	changed := config("producer_byte_rate = 2000\nrequest_percentage = 12.5\ncontroller_mutation_rate = 3")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(&made),
		CheckDestroy:             quotasAre(t, entity, nil),
		Steps: []resource.TestStep{
			{
				Config: config("producer_byte_rate = 1000\nconsumer_byte_rate = 500"), ConfigPlanChecks: expect(theQuota, plancheck.ResourceActionCreate),
				ConfigStateChecks: []statecheck.StateCheck{
					has(theQuota, "id", knownvalue.StringExact("user=alice%20%26%20co&client_id=reports")),
					statecheck.ExpectIdentity(theQuota, map[string]knownvalue.Check{
						"cluster": knownvalue.Null(), "user": knownvalue.StringExact("alice & co"), "client_id": knownvalue.StringExact("reports"), "ip": knownvalue.Null(),
					}),
				},
				Check: quotasAre(t, entity, map[string]float64{"producer_byte_rate": 1000, "consumer_byte_rate": 500}),
			},
			{
				Config: changed, ConfigPlanChecks: expect(theQuota, plancheck.ResourceActionUpdate),
				Check: quotasAre(t, entity, map[string]float64{"producer_byte_rate": 2000, "request_percentage": 12.5, "controller_mutation_rate": 3}),
			},
			{
				PreConfig: func() { made.take() },
				Config:    changed, ConfigPlanChecks: expect(theQuota, plancheck.ResourceActionNoop),
				Check: func(*terraform.State) error {
					if got := made.take(); len(got) > 0 {
						return fmt.Errorf("a second apply made the mutating calls %q", got)
					}
					return nil
				},
			},
			{Config: changed, ResourceName: theQuota, ImportState: true, ImportStateVerify: true},
			{Config: changed, ResourceName: theQuota, ImportState: true, ImportStateKind: resource.ImportBlockWithID},
			{Config: changed, ResourceName: theQuota, ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity},
			{
				// What others have set on the entity is drift.
				PreConfig: func() { alterQuota(t, entity, "consumer_byte_rate", 7) },
				Config:    changed, ConfigPlanChecks: expect(theQuota, plancheck.ResourceActionUpdate),
				Check: quotasAre(t, entity, map[string]float64{"producer_byte_rate": 2000, "request_percentage": 12.5, "controller_mutation_rate": 3}),
			},
			{
				PreConfig: func() {
					alterQuota(t, entity, "producer_byte_rate", 0)
					alterQuota(t, entity, "request_percentage", 0)
					alterQuota(t, entity, "controller_mutation_rate", 0)
				},
				Config: changed, ConfigPlanChecks: expect(theQuota, plancheck.ResourceActionCreate),
			},
			{
				Config: onShared(t, quota("user = \"alice & co\"\nproducer_byte_rate = 1")), ConfigPlanChecks: expect(theQuota, plancheck.ResourceActionDestroyBeforeCreate),
				Check: quotasAre(t, entity, nil),
			},
		},
	})
}

// alterQuota sets a quota past Terraform; 0 removes it.
func alterQuota(t *testing.T, entity kafka.QuotaEntity, key string, value float64) {
	t.Helper()
	change := kafka.QuotaChange{Key: key, Value: &value}
	if value == 0 {
		change.Value = nil
	}
	if err := direct(t, sharedKafka(t)).AlterQuotas(t.Context(), entity, []kafka.QuotaChange{change}, false); err != nil {
		t.Fatal(err)
	}
}

func TestAccQuotaOfEveryKindOfEntity(t *testing.T) {
	t.Parallel()
	const rate = "producer_byte_rate = 4096"
	byRate := map[string]float64{"producer_byte_rate": 4096}
	connections := map[string]float64{"connection_creation_rate": 20}
	tests := map[string]struct {
		config, id string
		entity     kafka.QuotaEntity
		want       map[string]float64
	}{
		"user, default client id": {"user = \"bob\"\nclient_id = \"<default>\"\n" + rate, "user=bob&client_id=<default>", kafka.QuotaEntity{User: pointer("bob"), ClientID: pointer("")}, byRate},
		"default user, client id": {"user = \"<default>\"\nclient_id = \"c\"\n" + rate, "user=<default>&client_id=c", kafka.QuotaEntity{User: pointer(""), ClientID: pointer("c")}, byRate},
		"both default":            {"user = \"<default>\"\nclient_id = \"<default>\"\n" + rate, "user=<default>&client_id=<default>", kafka.QuotaEntity{User: pointer(""), ClientID: pointer("")}, byRate},
		"default user":            {"user = \"<default>\"\n" + rate, "user=<default>", kafka.QuotaEntity{User: pointer("")}, byRate},
		"client id":               {"client_id = \"a/b\"\n" + rate, "client_id=a/b", kafka.QuotaEntity{ClientID: pointer("a/b")}, byRate},
		"default client id":       {"client_id = \"<default>\"\n" + rate, "client_id=<default>", kafka.QuotaEntity{ClientID: pointer("")}, byRate},
		"ip":                      {"ip = \"192.0.2.1\"\nconnection_creation_rate = 20", "ip=192.0.2.1", kafka.QuotaEntity{IP: pointer("192.0.2.1")}, connections},
		"default ip":              {"ip = \"<default>\"\nconnection_creation_rate = 20", "ip=<default>", kafka.QuotaEntity{IP: pointer("")}, connections},
	}
	// All at once, as one configuration: they must not be taken for each other.
	var config string
	var states []statecheck.StateCheck
	var checks []resource.TestCheckFunc
	var gone []resource.TestCheckFunc
	steps := []resource.TestStep{{}}
	number := 0
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		test := tests[name]
		address := fmt.Sprintf("kafkafleet_quota.q%d", number)
		config += fmt.Sprintf("resource \"kafkafleet_quota\" \"q%d\" {\n%s\n}\n", number, test.config)
		states = append(states, has(address, "id", knownvalue.StringExact(test.id)))
		checks = append(checks, quotasAre(t, test.entity, test.want))
		gone = append(gone, quotasAre(t, test.entity, nil))
		steps = append(steps, resource.TestStep{ResourceName: address, ImportState: true, ImportStateVerify: true, ImportStateId: test.id})
		number++
	}
	config = onShared(t, config)
	for i := range steps {
		steps[i].Config = config
	}
	steps[0].ConfigPlanChecks = expect("kafkafleet_quota.q0", plancheck.ResourceActionCreate)
	steps[0].ConfigStateChecks, steps[0].Check = states, resource.ComposeAggregateTestCheckFunc(checks...)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		CheckDestroy:             resource.ComposeAggregateTestCheckFunc(gone...),
		Steps:                    steps,
	})
}

func TestAccQuotaFaultsAreToldAtPlan(t *testing.T) {
	t.Parallel()
	plan := func(body, told string) resource.TestStep {
		return resource.TestStep{Config: onShared(t, quota(body)), PlanOnly: true, ExpectError: message(told)}
	}
	entity := kafka.QuotaEntity{User: pointer("owned")}
	alterQuota(t, entity, "producer_byte_rate", 5)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps: []resource.TestStep{
			plan("producer_byte_rate = 1", `At least one of these attributes...user,client_id,ip`),
			plan("user = \"a\"", `At least one of these attributes...producer_byte_rate`),
			plan("user = \"a\"\nip = \"192.0.2.1\"\nproducer_byte_rate = 1", `cannot be configured together`),
			plan("ip = \"192.0.2.1\"\nproducer_byte_rate = 1", `cannot be configured together`),
			plan("user = \"a\"\nconnection_creation_rate = 1", `cannot be configured together`),
			plan("ip = \"somewhere\"\nconnection_creation_rate = 1", `Not an IP address`),
			plan("user = \"a\"\nrequest_percentage = 0", `numbers above 0`),
			plan("user = \"\"\nproducer_byte_rate = 1", `at least 1`),
			{
				Config:      onShared(t, quota("user = \"owned\"\nconsumer_byte_rate = 1")),
				ExpectError: message(`has quotas already...terraform import <address> 'user=owned'`),
			},
		},
	})
}

func TestQuotaIDs(t *testing.T) {
	for _, id := range []string{"prod/user=alice&client_id=x", "user=a%2Bb%20c%3Bd", "client_id=a/b", "prod/ip=2001:db8::1", "user=<default>"} {
		identity, err := parseQuotaID(id)
		if err != nil {
			t.Errorf("%q: %v", id, err)
			continue
		}
		m := quotaModel{Cluster: identity.Cluster, User: identity.User, ClientID: identity.ClientID, IP: identity.IP}
		if got := m.id().ValueString(); got != id {
			t.Errorf("%q came back as %q", id, got)
		}
	}
	for _, id := range []string{"user", "users=alice", "user=a&user=b", "user=%zz"} {
		if identity, err := parseQuotaID(id); err == nil && identity.fault() == "" {
			t.Errorf("%q was taken for %v", id, identity)
		}
	}
}
