package node

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// principalOf is who Kafka takes the bearer of a certificate for, by its subject (SslPrincipalMapper): the first rule whose pattern is all of
// the subject makes the name.
func principalOf(t interface{ Fatalf(string, ...any) }, subject string) string {
	for rule := range strings.SplitSeq(principalRules, ",") {
		if rule == "DEFAULT" {
			return subject
		}
		parts := strings.Split(strings.TrimPrefix(rule, "RULE:"), "/")
		if len(parts) != 3 {
			t.Fatalf("%q is no rule", rule)
		}
		if pattern := regexp.MustCompile(parts[0]); pattern.MatchString(subject) {
			return pattern.ReplaceAllString(subject, strings.ReplaceAll(parts[1], "$1", "${1}"))
		}
	}
	t.Fatalf("no rule is for %q", subject)
	return ""
}

// TestAClientIsWhoItsCertificateNames: what compute.CommonNameFault lets pass is to Kafka a principal of the same name that may not do
// everything; and what it does not is another one, or one that may.
func TestAClientIsWhoItsCertificateNames(t *testing.T) {
	name := rapid.OneOf(
		rapid.StringMatching(`[A-Za-z0-9._-]{0,70}`),
		rapid.StringMatching(`(kafkafleet)?-?(node|admin)?-?[0-9]*[a-z.]?`),
		rapid.StringMatching(`kafkafleet-(node|node-[0-9]{1,9}|admin)`),
		rapid.String(),
	)
	rapid.Check(t, func(t *rapid.T) {
		name := name.Draw(t, "name")
		fault, principal := compute.CommonNameFault(name), principalOf(t, "CN="+name)
		super := principal == compute.NodePrincipal || principal == compute.AdminPrincipal
		if super != (compute.SuperUserFault(principal) != "") {
			t.Fatalf("%q: %q", principal, compute.SuperUserFault(principal))
		}
		switch own := principal == name && name != ""; {
		case fault == "" && (!own || super):
			t.Fatalf("a client called %q would be User:%s", name, principal)
		case fault != "" && own && !super && len(name) <= 64:
			t.Fatalf("a client called %q would be a principal of the name and no super user, and is refused: %s", name, fault)
		}
	})
	if got := principalOf(t, "CN="+compute.NodeCommonName(7)); got != compute.NodePrincipal {
		t.Errorf("node 7 is %s", got)
	}
}
