package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	frameworkresource "github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-testing/config"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
)

// aGroup is where a broker group begins.
var aGroup = regexp.MustCompile(`resource "kafkafleet_broker_group" "\w+" {`)

// examplesOf are the examples of these types as they are in the documents: the least, and one that shows what there is. They are not kept from being
// destroyed, since a test leaves nothing behind. Those with further names, which take other providers or more machines, are left out.
func examplesOf(t *testing.T, names ...string) string {
	t.Helper()
	var all strings.Builder
	for _, name := range names {
		for _, file := range []string{"resource.tf", "resource_minimal.tf"} {
			text, err := os.ReadFile(filepath.Join("../../examples/resources", name, file))
			if err != nil {
				t.Fatal(err)
			}
			all.Write(text)
			all.WriteString("\n")
		}
	}
	open := strings.ReplaceAll(all.String(), "prevent_destroy = true", "prevent_destroy = false")
	return aGroup.ReplaceAllString(open, "$0\n  deletion_protection = false")
}

// TestAccTheExamplesOfTheResourcesAreApplied: what the documents show of each resource can be applied as it stands, and the plan after it is empty.
func TestAccTheExamplesOfTheResourcesAreApplied(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "fleets")
	// The fleets that the objects are in, and beside them a Kafka for what names no cluster.
	fleets := fmt.Sprintf("provider \"kafkafleet\" {\n  local = { root = %q, kafka_home = %q, agent = %q }\n  kafka = { bootstrap_servers = [\"%s\"] }\n}\n",
		root, os.Getenv("KAFKAFLEET_KAFKA_HOME"), os.Getenv("KAFKAFLEET_AGENT"), strings.Join(sharedKafka(t).Bootstrap(), `", "`)) +
		examplesOf(t, "kafkafleet_cluster", "kafkafleet_broker_group")
	passwords := config.Variables{}
	for _, user := range []string{"shop", "billing", "support"} {
		passwords[user+"_password"] = config.StringVariable("password-of-" + user)
	}
	applied := map[string]bool{"kafkafleet_cluster": true, "kafkafleet_broker_group": true}
	step := func(names ...string) resource.TestStep {
		for _, name := range names {
			applied[name] = true
		}
		return resource.TestStep{Config: fleets + examplesOf(t, names...)}
	}
	topics, users := step("kafkafleet_topic", "kafkafleet_topics", "kafkafleet_acl"), step("kafkafleet_acls", "kafkafleet_quota", "kafkafleet_user")
	users.ConfigVariables = passwords
	for _, of := range new(kafkafleetProvider).Resources(t.Context()) {
		var meta frameworkresource.MetadataResponse
		of().Metadata(t.Context(), frameworkresource.MetadataRequest{ProviderTypeName: "kafkafleet"}, &meta)
		if !applied[meta.TypeName] {
			t.Errorf("the examples of %s are applied by no step", meta.TypeName)
		}
	}
	resource.UnitTest(t, resource.TestCase{
		ProtoV6ProviderFactories: factories(nil),
		Steps:                    []resource.TestStep{{Config: fleets}, topics, users, {Config: fleets}},
	})
}
