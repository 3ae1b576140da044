package provider

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
)

// TestHostsAreWrittenAsKafkaWritesThem: any other text would be taken by Kafka, and match nobody.
func TestHostsAreWrittenAsKafkaWritesThem(t *testing.T) {
	for host, says := range map[string]string{
		"*": "", "192.0.2.1": "", "2001:db8:0:0:0:0:0:1": "", "fe80:0:0:0:0:0:0:1%eth0": "", "0:0:0:0:0:0:0:0": "",
		"2001:db8::1":           "write 2001:db8:0:0:0:0:0:1,",
		"2001:0db8:0:0:0:0:0:1": "write 2001:db8:0:0:0:0:0:1,",
		"2001:DB8:0:0:0:0:0:1":  "write 2001:db8:0:0:0:0:0:1,",
		"::ffff:192.0.2.1":      "write 192.0.2.1,",
		"fe80::1%eth0":          "write fe80:0:0:0:0:0:0:1%eth0,",
		"example.com":           "not an IP address", "192.0.2.0/24": "not an IP address", "": "not an IP address", "192.0.2.01": "not an IP address",
	} {
		if fault := hostFault(host); (says == "") != (fault == "") || !strings.Contains(fault, says) {
			t.Errorf("%q: %q, want it to say %q", host, fault, says)
		}
	}
}

func TestPrincipalsHaveAType(t *testing.T) {
	for principal, says := range map[string]string{
		"User:alice": "", "User:*": "", "User:CN=a,O=b:c": "", "Service:x": "",
		"alice": "such as User:alice", "": "such as User:alice", "User:": "such as User:alice", ":alice": "such as User:alice",
		"user:alice": "write User:alice", "USER:al:ice": "write User:al:ice",
	} {
		if fault := principalFault(principal); (says == "") != (fault == "") || !strings.Contains(fault, says) {
			t.Errorf("%q: %q, want it to say %q", principal, fault, says)
		}
	}
}

func TestACLIDs(t *testing.T) {
	for _, id := range []string{"prod/Topic|a|Literal|User:x|*|Read|Allow", "Topic|a%7Cb%257C|Prefixed|User:CN=a/b|192.0.2.1|Write|Deny"} {
		m, err := parseACLID(id)
		if got := m.id().ValueString(); err != nil || got != id {
			t.Errorf("%q came back as %q, %v", id, got, err)
		}
	}
	for _, id := range []string{"prod/User:alice", "User:CN=a/b,O=c%7Cd", "prod/Topic|orders|Literal", "TransactionalId|a/b%7C|Prefixed", "prod/User|User:a|Literal"} {
		var diags diag.Diagnostics
		s := parseACLsID(id)
		if s.check(&diags); s.id().ValueString() != id || diags.HasError() {
			t.Errorf("%q came back as %q, %v", id, s.id().ValueString(), diags)
		}
	}
	for id, says := range map[string]string{
		"prod/alice": "such as User:alice", "Topic|orders": "it names neither", "Topic|orders|literal": "neither Literal nor Prefixed", "Topics|orders|Literal": `no resource type "Topics"`,
		"Topic|a b|Literal": "No topic can match", "Cluster|main|Literal": `"kafka-cluster"`, "user:a": "write User:a",
	} {
		var diags diag.Diagnostics
		if parseACLsID(id).check(&diags); !diags.HasError() || !strings.Contains(diags[0].Detail(), says) {
			t.Errorf("%q: %v, want it to say %q", id, diags, says)
		}
	}
}
