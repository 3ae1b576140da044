package compute

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Security is how the listeners of a cluster's nodes are protected. The zero value is the protected one: everything is encrypted, every node
// proves who it is, clients log in by name and password, and who has no ACL may do nothing.
type Security struct {
	// Plaintext leaves every listener open: nothing is encrypted, nobody logs in, and everybody may do everything.
	Plaintext bool `json:"insecure_plaintext,omitempty"`
	// ClientAuth is how clients log in; "" is ClientAuthSCRAM. It means nothing with Plaintext.
	ClientAuth ClientAuth `json:"client_auth,omitempty"`
}

// ClientAuth is how clients of a broker log in.
type ClientAuth string

// The ways to log in.
const (
	// ClientAuthSCRAM: by name and password (SASL/SCRAM over TLS).
	ClientAuthSCRAM ClientAuth = "scram"
	// ClientAuthMTLS: by a certificate of the cluster's authority.
	ClientAuthMTLS ClientAuth = "mtls"
	// ClientAuthBoth: either, each on a listener of its own.
	ClientAuthBoth ClientAuth = "both"
)

// Passwords says that clients log in by name and password on the listener for clients.
func (s Security) Passwords() bool { return !s.Plaintext && s.ClientAuth != ClientAuthMTLS }

// Certificates says that clients log in by certificate: on the listener for clients, or on one beside it where Passwords is also true.
func (s Security) Certificates() bool {
	return !s.Plaintext && (s.ClientAuth == ClientAuthMTLS || s.ClientAuth == ClientAuthBoth)
}

// The principals that nodes and this provider have in a cluster that is not plaintext, as Kafka's authorizer names them without "User:". Both
// may do everything; nobody else may have these names.
const (
	NodePrincipal  = "kafkafleet-node"
	AdminPrincipal = "kafkafleet-admin"
)

// NodeCommonName is the common name of a node's certificate. Kafka's principal for it is NodePrincipal.
func NodeCommonName(id int32) string { return fmt.Sprintf("%s-%d", NodePrincipal, id) }

// Identity is what a node proves who it is with, and whom it believes. It is the content of the node's secret, as JSON.
type Identity struct {
	// KeyPEM is the private key, PKCS#8 without a passphrase; CertificatePEM is the certificate with its chain, the node's own first.
	KeyPEM         string `json:"key"`
	CertificatePEM string `json:"certificate"`
	// TrustedPEM are the authorities whose certificates the node believes.
	TrustedPEM string `json:"trusted"`
	// Generation counts how often what the cluster's authority gives out has changed until this was issued, see NodeStatus.AuthorityGeneration.
	Generation int `json:"generation,omitempty"`
}

// Marshal is the identity as its secret holds it.
func (i Identity) Marshal() ([]byte, error) { return json.Marshal(i) }

// ParseIdentity reads a node's secret. Its errors tell nothing of the content.
func ParseIdentity(secret []byte) (Identity, error) {
	var i Identity
	if err := json.Unmarshal(secret, &i); err != nil {
		return Identity{}, errors.New("the node's secret is not the JSON document that the provider writes")
	}
	if i.KeyPEM == "" || i.CertificatePEM == "" || i.TrustedPEM == "" {
		return Identity{}, errors.New("the node's secret lacks a key, a certificate or the authorities to believe")
	}
	return i, nil
}

// String hides the key.
func (Identity) String() string { return "identity (hidden)" }

// GoString hides the key.
func (i Identity) GoString() string { return i.String() }
