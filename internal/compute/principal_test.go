package compute

import (
	"strings"
	"testing"
)

func TestNamesOfClientsAreNobodyElses(t *testing.T) {
	for name, says := range map[string]string{
		"shop": "", "Shop_1.eu-west": "", "-": "", "kafkafleet": "", "kafkafleet-nodes": "", "kafkafleet-node-": "", "kafkafleet-node-x1": "", "my-kafkafleet-node-1": "", "KAFKAFLEET-ADMIN": "",
		strings.Repeat("a", 64): "",
		strings.Repeat("a", 65): "1 to 64 letters", "": "1 to 64 letters", "a b": "1 to 64 letters", "a,O=b": "1 to 64 letters", "CN=a": "1 to 64 letters", "ö": "1 to 64 letters", "shop\n": "1 to 64 letters", "*": "1 to 64 letters",
		"kafkafleet-admin":  "User:kafkafleet-admin is a super user in each protected cluster of this provider, since this provider works under that name",
		"kafkafleet-node":   "User:kafkafleet-node is a super user in each protected cluster of this provider, since the nodes work under that name",
		"kafkafleet-node-7": `"kafkafleet-node-7" is the common name of a node, and User:kafkafleet-node is a super user`, "kafkafleet-node-007": "the common name of a node",
	} {
		if fault := CommonNameFault(name); (says == "") != (fault == "") || !strings.Contains(fault, says) {
			t.Errorf("%q: %q, want it to say %q", name, fault, says)
		}
	}
	if fault := CommonNameFault(NodeCommonName(1 << 30)); fault == "" {
		t.Error("a client can have a node's name")
	}
}
