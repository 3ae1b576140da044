package node

import (
	"slices"
	"strings"
	"testing"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

func TestProperties(t *testing.T) {
	f := File{
		Spec: compute.NodeSpec{
			Security: compute.Security{Plaintext: true},
			Role: compute.RoleBroker, NodeID: 7, Zone: "zone-b", Config: map[string]string{"num.io.threads": "3"},
		},
		Disks:  []string{"/disk/0", "/disk/1"},
		Listen: "10.0.0.7:9092",
	}
	common := []string{
		"num.io.threads=3", "node.id=7", "log.dirs=/disk/0/kafka-logs,/disk/1/kafka-logs", "metadata.log.dir=/disk/0/kafka-logs",
		"controller.listener.names=CONTROLLER", "controller.quorum.bootstrap.servers=10.0.0.1:9093,10.0.0.2:9093",
		"listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer", "allow.everyone.if.no.acl.found=true", "super.users=User:ANONYMOUS",
	}
	for role, special := range map[compute.Role][]string{
		compute.RoleBroker: {
			"process.roles=broker", "broker.rack=zone-b", "inter.broker.listener.name=CLIENTS",
			"listeners=CLIENTS://10.0.0.7:9092", "advertised.listeners=CLIENTS://10.0.0.7:9092",
		},
		compute.RoleController: {
			"process.roles=controller", "listeners=CONTROLLER://10.0.0.7:9092", "advertised.listeners=CONTROLLER://10.0.0.7:9092",
		},
	} {
		f.Spec.Role = role
		p, err := properties(f, []string{"10.0.0.1:9093", "10.0.0.2:9093"})
		if err != nil {
			t.Fatal(err)
		}
		got, want := strings.Split(strings.TrimSpace(render(p)), "\n"), slices.Sorted(slices.Values(slices.Concat(common, special)))
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n%s\nwant\n%s", role, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestEverySettingOfTheAgentIsReserved(t *testing.T) {
	f := File{Spec: compute.NodeSpec{Role: compute.RoleBroker}, Disks: []string{"/disk"}}
	own, err := properties(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	for key := range own {
		if !IsReserved(key) {
			t.Errorf("%s is set by the agent and not reserved", key)
		}
	}
	for _, key := range []string{"broker.id", "log.dir", "controller.quorum.voters", "controller.quorum.auto.join.enable"} {
		f.Spec.Config = map[string]string{key: "1"}
		if _, err := properties(f, nil); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("config with %s: %v", key, err)
		}
	}
	if IsReserved("num.io.threads") || IsReserved("controller.quorum.fetch.timeout.ms") {
		t.Error("a setting that is the user's is reserved")
	}
}

// The expected texts are what java.util.Properties.store writes, or shorter forms that its load reads back the same.
func TestRender(t *testing.T) {
	for _, test := range []struct{ key, value, want string }{
		{"a", "b", "a=b"},
		{"a", "", "a="},
		{"a", "b=c:d # e!", "a=b=c:d # e!"},
		{"a", "  b ", `a=\  b `},
		{"a", `C:\b`, `a=C:\\b`},
		{"a", "b\nc\td", `a=b\u000ac\u0009d`},
		{"a", "zürich €😀", `a=z\u00fcrich \u20ac\ud83d\ude00`},
		{"a b=c:#!", "d", `a\ b\=c\:\#\!=d`},
	} {
		if got := render(map[string]string{test.key: test.value}); got != test.want+"\n" {
			t.Errorf("%q = %q is written as %q, want %q", test.key, test.value, got, test.want)
		}
	}
}
