package pki

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"time"
)

// Credential is a certificate with its private key. It is a secret: what prints it shows no key. That cannot reach a Credential in an unexported
// field of a struct that is printed, nor encoding/json, by which it is stored.
type Credential struct {
	// CertificatePEM is the certificate, and after it those that lead to the root, which is not among them.
	CertificatePEM []byte
	// KeyPEM is the private key as PKCS#8.
	KeyPEM []byte
}

// TLS returns the credential as crypto/tls wants it, for a client and for a server.
func (c Credential) TLS() (tls.Certificate, error) {
	pair, err := tls.X509KeyPair(c.CertificatePEM, c.KeyPEM)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("a certificate and its key cannot be used: %w", err)
	}
	return pair, nil
}

// Leaf returns the certificate itself.
func (c Credential) Leaf() (*x509.Certificate, error) {
	certificates, err := Certificates(c.CertificatePEM)
	if err != nil {
		return nil, fmt.Errorf("a certificate cannot be read: %w", err)
	}
	return certificates[0], nil
}

// String names the certificate without its key.
func (c Credential) String() string {
	leaf, err := c.Leaf()
	if err != nil {
		return "a credential without a readable certificate"
	}
	return fmt.Sprintf("the credential of %q until %s", leaf.Subject, leaf.NotAfter.UTC().Format(time.RFC3339))
}

// GoString is String.
func (c Credential) GoString() string { return c.String() }

// Format writes String, whatever the verb is.
func (c Credential) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }
