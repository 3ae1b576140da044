package node

import (
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

func TestProperties(t *testing.T) {
	f := File{
		Spec: compute.NodeSpec{
			Security: compute.Security{Plaintext: true},
			Role:     compute.RoleBroker, NodeID: 7, Zone: "zone-b", Config: map[string]string{"num.io.threads": "3"},
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

// TestProtectedProperties: what each listener of a node that is not plaintext demands of whoever connects.
func TestProtectedProperties(t *testing.T) {
	common := map[string]string{
		"ssl.client.auth": "required", "ssl.enabled.protocols": "TLSv1.3,TLSv1.2", "ssl.endpoint.identification.algorithm": "https",
		"ssl.keystore.type": "PEM", "ssl.keystore.location": "/n/keystore.pem", "ssl.truststore.type": "PEM", "ssl.truststore.location": "/n/truststore.pem",
		"allow.everyone.if.no.acl.found": "false", "super.users": "User:kafkafleet-node;User:kafkafleet-admin",
	}
	const scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
	passwords := map[string]string{
		"inter.broker.listener.name": "INTERNAL", "listener.name.clients.ssl.client.auth": "none", "listener.name.clients.sasl.enabled.mechanisms": "SCRAM-SHA-512,SCRAM-SHA-256",
		"listener.name.clients.scram-sha-512.sasl.jaas.config": scram, "listener.name.clients.scram-sha-256.sasl.jaas.config": scram,
	}
	for name, c := range map[string]struct {
		role    compute.Role
		auth    compute.ClientAuth
		clients []string // Addresses for clients.
		special map[string]string
	}{
		"controller": {role: compute.RoleController, special: map[string]string{
			"listener.security.protocol.map": "CONTROLLER:SSL", "listeners": "CONTROLLER://10.0.0.7:1", "advertised.listeners": "CONTROLLER://10.0.0.7:1",
		}},
		"passwords": {role: compute.RoleBroker, clients: []string{"10.0.0.7:2"}, special: maps.Collect(both(maps.All(passwords), maps.All(map[string]string{
			"listener.security.protocol.map": "INTERNAL:SSL,CLIENTS:SASL_SSL,CONTROLLER:SSL", "listeners": "INTERNAL://10.0.0.7:1,CLIENTS://10.0.0.7:2",
			"advertised.listeners": "INTERNAL://10.0.0.7:1,CLIENTS://10.0.0.7:2",
		})))},
		"certificates": {role: compute.RoleBroker, auth: compute.ClientAuthMTLS, clients: []string{"10.0.0.7:2"}, special: map[string]string{
			"inter.broker.listener.name": "INTERNAL", "listener.security.protocol.map": "INTERNAL:SSL,CLIENTS:SSL,CONTROLLER:SSL",
			"listeners": "INTERNAL://10.0.0.7:1,CLIENTS://10.0.0.7:2",
		}},
		"either": {role: compute.RoleBroker, auth: compute.ClientAuthBoth, clients: []string{"10.0.0.7:2", "10.0.0.7:3"}, special: maps.Collect(both(maps.All(passwords), maps.All(map[string]string{
			"listener.security.protocol.map": "INTERNAL:SSL,CLIENTS:SASL_SSL,CLIENTS_MTLS:SSL,CONTROLLER:SSL",
			"listeners":                      "INTERNAL://10.0.0.7:1,CLIENTS://10.0.0.7:2,CLIENTS_MTLS://10.0.0.7:3",
		})))},
	} {
		t.Run(name, func(t *testing.T) {
			f := File{
				Spec: compute.NodeSpec{Role: c.role, NodeID: 7, ClusterID: "x", HeapBytes: 1, Security: compute.Security{ClientAuth: c.auth}},
				Dir:  "/n", Disks: []string{"/disk"}, KafkaHome: "/k", Listen: "10.0.0.7:1", StopTimeout: time.Second,
			}
			if len(c.clients) > 0 {
				f.Clients = c.clients[0]
			}
			if len(c.clients) > 1 {
				f.ClientsMTLS = c.clients[1]
			}
			if err := f.check(); err != nil {
				t.Fatal(err)
			}
			got, err := properties(f, nil)
			if err != nil {
				t.Fatal(err)
			}
			for key, want := range both(maps.All(common), maps.All(c.special)) {
				if got[key] != want {
					t.Errorf("%s is %q, want %q", key, got[key], want)
				}
			}
			for key := range got {
				if !IsReserved(key) {
					t.Errorf("%s is set by the agent and not reserved", key)
				}
				if strings.Contains(strings.ToUpper(got[key]), "PLAINTEXT") || strings.Contains(got[key], "ANONYMOUS") {
					t.Errorf("%s=%s", key, got[key])
				}
			}
		})
	}
}

func both[K, V any](a, b iter.Seq2[K, V]) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for _, seq := range []iter.Seq2[K, V]{a, b} {
			for k, v := range seq {
				if !yield(k, v) {
					return
				}
			}
		}
	}
}

func TestEverySettingOfTheAgentIsReserved(t *testing.T) {
	f := File{Spec: compute.NodeSpec{Role: compute.RoleBroker, Security: compute.Security{Plaintext: true}}, Disks: []string{"/disk"}}
	own, err := properties(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	for key := range own {
		if !IsReserved(key) {
			t.Errorf("%s is set by the agent and not reserved", key)
		}
	}
	for _, key := range []string{"broker.id", "log.dir", "ssl.keystore.location", "listener.name.clients.sasl.enabled.mechanisms", "controller.quorum.voters", "controller.quorum.auto.join.enable"} {
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
