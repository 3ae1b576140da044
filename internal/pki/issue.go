package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"time"
)

// Request is what a certificate is to say.
type Request struct {
	// CommonName is all of the subject: Kafka knows the bearer as User:CN=<CommonName>.
	CommonName string
	// DNSNames and IPs are where clients find a server.
	DNSNames []string
	IPs      []net.IP
	// Lifetime counts from now. It is cut where the authority's ends.
	Lifetime time.Duration
	// Server lets the bearer be a server, and not only a client.
	Server bool
}

// Issue makes a new key and a certificate for it. The certificate never outlives the authority, nor any that has signed the authority, and one
// of them that is not valid now is an error. So is a request that the authority's own certificate does not permit.
func (a Authority) Issue(r Request, now time.Time) (Credential, error) {
	c, err := a.issue(r, now)
	if err != nil {
		return Credential{}, fmt.Errorf("cannot issue a certificate for %q by %s: %w", r.CommonName, a, err)
	}
	return c, nil
}

func (a Authority) issue(r Request, now time.Time) (Credential, error) {
	switch {
	case a.key == nil:
		return Credential{}, errNoAuthority
	case r.CommonName == "":
		return Credential{}, errors.New("its common name is empty")
	case r.Lifetime <= 0:
		return Credential{}, fmt.Errorf("it would live for %s; its lifetime has to be more than 0", r.Lifetime)
	}
	from, until := now.Add(-backdate), now.Add(r.Lifetime)
	for _, c := range a.chain {
		if now.After(c.NotAfter) {
			return Credential{}, fmt.Errorf("%q has expired at %s; renew it first", c.Subject, c.NotAfter.UTC().Format(time.RFC3339))
		}
		if now.Before(c.NotBefore) {
			return Credential{}, fmt.Errorf("%q is not valid before %s, and it is %s now; set this machine's clock, or wait", c.Subject,
				c.NotBefore.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
		}
		if from.Before(c.NotBefore) {
			from = c.NotBefore
		}
		if until.After(c.NotAfter) {
			until = c.NotAfter
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Credential{}, err
	}
	serial, err := newSerial()
	if err != nil {
		return Credential{}, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: r.CommonName},
		NotBefore:             from,
		NotAfter:              until,
		DNSNames:              r.DNSNames,
		IPAddresses:           r.IPs,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	if r.Server {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	leaf, err := sign(template, a.chain[0], key.Public(), a.key())
	if err != nil {
		return Credential{}, err
	}
	if err := a.check(leaf, now); err != nil {
		return Credential{}, err
	}
	secret, err := keyPEM(key)
	if err != nil {
		return Credential{}, err
	}
	// A peer that trusts the root alone has to be shown what is between.
	shown := append([]*x509.Certificate{leaf}, a.chain[:len(a.chain)-1]...)
	return Credential{CertificatePEM: certificatePEM(shown...), KeyPEM: secret}, nil
}

// check finds out before a node does that its peers will not believe a certificate: an authority that was brought along may be limited to some
// names, some usages, or no further certificates at all.
func (a Authority) check(leaf *x509.Certificate, now time.Time) error {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	last := len(a.chain) - 1
	roots.AddCert(a.chain[last])
	for _, c := range a.chain[:last] {
		between.AddCert(c)
	}
	for _, usage := range leaf.ExtKeyUsage {
		_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{usage}})
		if err != nil {
			return fmt.Errorf("nobody would trust it, since the authority's own certificate does not permit it: %w", err)
		}
	}
	return nil
}
