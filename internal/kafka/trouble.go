package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"
)

// trouble is why Kafka cannot be spoken with one address, where waiting does not help: a certificate, or TLS on one side only. Other
// addresses of the cluster may well do.
type trouble struct {
	address string
	// text says what it is and what to do.
	text string
	// err is where it comes from; nil for nowhere.
	err error
}

func (t *trouble) Error() string { return t.address + ": " + t.text }
func (t *trouble) Unwrap() error { return t.err }

// troubled returns the trouble in an error, nil for none.
func troubled(err error) *trouble {
	var t *trouble
	if errors.As(err, &t) {
		return t
	}
	return nil
}

// others says which addresses are in trouble besides the one that an error is about.
func others(troubles map[string]*trouble, err error) string {
	var b strings.Builder
	for _, address := range slices.Sorted(maps.Keys(troubles)) {
		if t := troubles[address]; troubled(err) != t {
			b.WriteString("; " + t.Error())
		}
	}
	return b.String()
}

// cut is true when the other side closed the connection.
func cut(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// handshakeTrouble says what a failed TLS handshake was about.
func handshakeTrouble(ctx context.Context, cfg Config, address string, asked *certificateRequest, err error) error {
	const plain = "it speaks without TLS, and the client was to speak TLS: give the port of a listener with TLS, or turn `tls` off"
	var certificate *tls.CertificateVerificationError
	var noTLS tls.RecordHeaderError
	switch {
	case errors.As(err, &certificate):
		return &trouble{address: address, text: certificateText("its", certificate, "`ca_certificate_pem` of `tls`"), err: err}
	case errors.As(err, &noTLS):
		return &trouble{address: address, text: plain, err: err}
	case refusedByTLS(err):
		return asked.trouble(address, err)
	case cut(err) && speaksPlain(ctx, cfg, address):
		return &trouble{address: address, text: plain, err: err}
	}
	return fmt.Errorf("in the TLS handshake: %w", err)
}

// certificateText says why a certificate is not believed. whose begins the sentence; remedy is where an authority can be made known.
func certificateText(whose string, err *tls.CertificateVerificationError, remedy string) string {
	if whose == "its" {
		whose = "its certificate"
	} else {
		whose = "the certificate of " + whose
	}
	if len(err.UnverifiedCertificates) > 0 {
		whose += fmt.Sprintf(" (%s)", err.UnverifiedCertificates[0].Subject)
	}
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	var authority x509.UnknownAuthorityError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && time.Now().Before(invalid.Cert.NotBefore):
		return fmt.Sprintf("%s is not valid before %s: check the clocks of both sides", whose, invalid.Cert.NotBefore.UTC().Format(time.RFC3339))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert == err.UnverifiedCertificates[0]:
		return fmt.Sprintf("%s ended at %s: it needs a new one", whose, invalid.Cert.NotAfter.UTC().Format(time.RFC3339))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf("%s is signed by %s, whose own certificate ended at %s: it needs a new one", whose, invalid.Cert.Subject, invalid.Cert.NotAfter.UTC().Format(time.RFC3339))
	case errors.As(err, &host):
		return fmt.Sprintf("%s is for %s and not for %q: connect by a name that it is for (clients get the names of brokers from advertised.listeners), or have it made for this one, too",
			whose, names(host.Certificate), host.Host)
	case errors.As(err, &authority):
		return fmt.Sprintf("%s is signed by %s, which is no authority that is trusted here: give the authority's certificate as %s",
			whose, err.UnverifiedCertificates[len(err.UnverifiedCertificates)-1].Issuer, remedy)
	}
	return fmt.Sprintf("%s is not believed: %s", whose, err.Err)
}

// names are those that a certificate is for.
func names(c *x509.Certificate) string {
	all := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return "no name at all (clients look at the subject alternative names)"
	}
	return strings.Join(all, ", ")
}

// trouble says why a broker refused the handshake. Most of the time it is the client's certificate, and the alert itself is vague.
func (r *certificateRequest) trouble(address string, err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var alert string
	var op *net.OpError
	if errors.As(err, &op) {
		alert = op.Err.Error()
	}
	t := &trouble{address: address, err: err}
	switch {
	case !r.asked:
		t.text = fmt.Sprintf("it refuses the TLS connection (%s)", alert)
	case len(r.own) == 0:
		t.text = fmt.Sprintf("it wants a certificate of the client and got none (%s): give `certificate_pem` and `private_key_pem` of `tls`", alert)
	case !r.given:
		t.text = fmt.Sprintf("it takes client certificates of %s only, and the client's is of %s (%s): give one of such an authority, or have the brokers trust that one",
			authorities(r.from), issuer(r.own[0]), alert)
	default:
		t.text = fmt.Sprintf("it refuses the client's certificate, which is %s (%s): give one that is valid and of an authority that the brokers trust", describe(r.own[0]), alert)
	}
	return t
}

func authorities(raw [][]byte) string {
	var all []string
	for _, der := range raw {
		var rdn pkix.RDNSequence
		var name pkix.Name
		if _, err := asn1.Unmarshal(der, &rdn); err == nil {
			name.FillFromRDNSequence(&rdn)
			all = append(all, name.String())
		}
	}
	return strings.Join(all, ", ")
}

func issuer(c tls.Certificate) string {
	if leaf := leafOf(c); leaf != nil {
		return leaf.Issuer.String()
	}
	return "another one"
}

func describe(c tls.Certificate) string {
	leaf := leafOf(c)
	if leaf == nil {
		return "not readable"
	}
	end := "ends"
	if time.Now().After(leaf.NotAfter) {
		end = "ended"
	}
	return fmt.Sprintf("%s of %s and %s at %s", leaf.Subject, leaf.Issuer, end, leaf.NotAfter.UTC().Format(time.RFC3339))
}

func leafOf(c tls.Certificate) *x509.Certificate {
	if c.Leaf != nil || len(c.Certificate) == 0 {
		return c.Leaf
	}
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		return nil
	}
	return leaf
}
