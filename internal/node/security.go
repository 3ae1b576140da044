package node

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// Names of the listeners. Kafka's own settings for one listener begin with "listener.name." and its name in lower case.
const (
	// ControllerListener is the controllers'.
	ControllerListener = "CONTROLLER"
	// ClientListener is the brokers' for clients, and in a plaintext cluster for everything.
	ClientListener = "CLIENTS"
	// MutualListener is for clients with a certificate, where others log in by password.
	MutualListener = "CLIENTS_MTLS"
	// InternalListener is for the brokers themselves and for this provider.
	InternalListener = "INTERNAL"
)

// Files in the agent's directory that Kafka reads its identity from.
const (
	keystoreFile   = "keystore.pem"
	truststoreFile = "truststore.pem"
)

// principalRules make Kafka's name of who shows a certificate: all nodes are one principal, anybody else is called by the certificate's
// common name if that is all its subject says, and by the whole subject otherwise.
const principalRules = "RULE:^CN=" + compute.NodePrincipal + "-[0-9]+$/" + compute.NodePrincipal + "/,RULE:^CN=([A-Za-z0-9._-]+)$/$1/,DEFAULT"

// scramMechanisms are what clients may log in with by password.
const scramMechanisms = "SCRAM-SHA-512,SCRAM-SHA-256"

// secured are the settings of a node whose listeners are protected.
func secured(f File) map[string]string {
	own := map[string]string{
		"listener.security.protocol.map": ControllerListener + ":SSL",
		"ssl.keystore.type":              "PEM",
		"ssl.keystore.location":          filepath.Join(f.Dir, keystoreFile),
		"ssl.truststore.type":            "PEM",
		"ssl.truststore.location":        filepath.Join(f.Dir, truststoreFile),
		"ssl.enabled.protocols":          "TLSv1.3,TLSv1.2",
		"ssl.client.auth":                "required",
		// Whoever opens a connection compares the name in the other's certificate with the address that it wanted.
		"ssl.endpoint.identification.algorithm": "https",
		"ssl.principal.mapping.rules":           principalRules,
		"allow.everyone.if.no.acl.found":        "false",
		"super.users":                           "User:" + compute.NodePrincipal + ";User:" + compute.AdminPrincipal,
	}
	if f.Spec.Role != compute.RoleBroker {
		own["listeners"] = ControllerListener + "://" + f.Listen
		return own
	}
	protocols := []string{InternalListener + ":SSL"}
	listeners := []string{InternalListener + "://" + f.Listen, ClientListener + "://" + f.Clients}
	own["inter.broker.listener.name"] = InternalListener
	if f.Spec.Security.Passwords() {
		protocols = append(protocols, ClientListener+":SASL_SSL")
		prefix := "listener.name." + strings.ToLower(ClientListener) + "."
		// A certificate says nothing where the password does.
		own[prefix+"ssl.client.auth"] = "none"
		own[prefix+"sasl.enabled.mechanisms"] = scramMechanisms
		for mechanism := range strings.SplitSeq(scramMechanisms, ",") {
			own[fmt.Sprintf("%s%s.sasl.jaas.config", prefix, strings.ToLower(mechanism))] = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
		}
	} else {
		protocols = append(protocols, ClientListener+":SSL")
	}
	if f.ClientsMTLS != "" {
		protocols = append(protocols, MutualListener+":SSL")
		listeners = append(listeners, MutualListener+"://"+f.ClientsMTLS)
	}
	own["listener.security.protocol.map"] = strings.Join(append(protocols, own["listener.security.protocol.map"]), ",")
	own["listeners"] = strings.Join(listeners, ",")
	return own
}

// plaintext are the settings of a node whose listeners are open.
func plaintext(f File) map[string]string {
	own := map[string]string{
		"listener.security.protocol.map": ClientListener + ":PLAINTEXT," + ControllerListener + ":PLAINTEXT",
		"listeners":                      ControllerListener + "://" + f.Listen,
		// ACLs can be managed with it. Who has none of them named may do everything, as without an authorizer.
		"allow.everyone.if.no.acl.found": "true",
		// Everybody is ANONYMOUS on PLAINTEXT, the nodes included: without this the first ACL would lock the cluster out of itself.
		"super.users": "User:ANONYMOUS",
	}
	if f.Spec.Role == compute.RoleBroker {
		own["listeners"] = ClientListener + "://" + f.Listen
		own["inter.broker.listener.name"] = ClientListener
	}
	return own
}
