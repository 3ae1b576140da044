// Package pki is the certificate authority of one Kafka cluster: it makes one or reads one that was brought along, and issues the
// certificates by which nodes and clients know each other. It is pure but for the randomness, which is that of crypto/rand: it reads no
// clock and no file, and keeps nothing.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"
)

// The types of PEM blocks.
const (
	certificateBlock = "CERTIFICATE"
	pkcs8Block       = "PRIVATE KEY"
	sec1Block        = "EC PRIVATE KEY"
	pkcs1Block       = "RSA PRIVATE KEY"
	// parametersBlock stands before a key that `openssl ecparam -genkey` has made, and says nothing that the key does not say.
	parametersBlock = "EC PARAMETERS"
)

// backdate is how long before its making a certificate begins to be valid: the clocks of machines differ.
const backdate = 5 * time.Minute

// Authority signs the certificates of one cluster. It is a secret: it has the key. Its zero value is no authority, and signs nothing.
type Authority struct {
	// chain is the authority's own certificate, and then each one that has signed the one before, up to the root.
	chain []*x509.Certificate
	// key returns the private key. It is behind a function because fmt follows pointers and ends there: also where the authority is in an
	// unexported field of something that is printed, and is not asked for its own text.
	key func() crypto.Signer
}

func behind(key crypto.Signer) func() crypto.Signer { return func() crypto.Signer { return key } }

var errNoAuthority = errors.New("there is no certificate authority; make one, or read one, first")

// NewAuthority makes the authority of a cluster: a new P-256 key, and a certificate for it that it has signed itself. It signs certificates
// of nodes and clients, and no other authority's. It is valid from a few minutes before now until now+lifetime.
func NewAuthority(cluster string, now time.Time, lifetime time.Duration) (Authority, error) {
	if cluster == "" {
		return Authority{}, errors.New("a certificate authority is that of a cluster, and the cluster's name is empty")
	}
	if lifetime <= 0 {
		return Authority{}, fmt.Errorf("the certificate authority of cluster %q would live for %s; its lifetime has to be more than 0", cluster, lifetime)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Authority{}, fmt.Errorf("cannot make the key of the certificate authority of cluster %q: %w", cluster, err)
	}
	serial, err := newSerial()
	if err != nil {
		return Authority{}, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "kafkafleet " + cluster + " CA"},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(lifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	certificate, err := sign(template, template, key.Public(), key)
	if err != nil {
		return Authority{}, fmt.Errorf("cannot make the certificate of the authority of cluster %q: %w", cluster, err)
	}
	return Authority{chain: []*x509.Certificate{certificate}, key: behind(key)}, nil
}

// newSerial returns a serial number of 128 random bits, so that no two certificates have the same one and nobody has to remember any.
func newSerial() (*big.Int, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 128))
	if err != nil {
		return nil, fmt.Errorf("cannot make a serial number: %w", err)
	}
	return n.Add(n, big.NewInt(1)), nil // 0 is none (RFC 5280, 4.1.2.2).
}

// sign makes a certificate and reads it again, so that it is what others will see.
func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// Certificate returns the authority's own certificate, nil for the zero Authority. It is not to be changed.
func (a Authority) Certificate() *x509.Certificate {
	if len(a.chain) == 0 {
		return nil
	}
	return a.chain[0]
}

// PEM returns the authority as ParseAuthority reads it. The certificate, with those that have signed it up to the root, is what a peer has to
// trust, and no secret. The key is one, and written as PKCS#8.
func (a Authority) PEM() (certificate, key []byte, err error) {
	if a.key == nil {
		return nil, nil, errNoAuthority
	}
	key, err = keyPEM(a.key())
	if err != nil {
		return nil, nil, fmt.Errorf("cannot write the key of %s: %w", a, err)
	}
	return certificatePEM(a.chain...), key, nil
}

func certificatePEM(certificates ...*x509.Certificate) []byte {
	var out []byte
	for _, c := range certificates {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: certificateBlock, Bytes: c.Raw})...)
	}
	return out
}

func keyPEM(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: pkcs8Block, Bytes: der}), nil
}

// String names the authority without its key.
func (a Authority) String() string {
	if c := a.Certificate(); c != nil {
		return fmt.Sprintf("the certificate authority %q", c.Subject)
	}
	return "no certificate authority"
}

// GoString is String.
func (a Authority) GoString() string { return a.String() }

// Format writes String, whatever the verb is.
func (a Authority) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, a.String()) }
