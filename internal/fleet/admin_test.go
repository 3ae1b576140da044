package fleet

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/pki"
)

// keeper is a driver of one cluster that keeps secrets.
type keeper struct {
	fakeDriver
	secrets map[string][]byte
}

func (k *keeper) Secret(_ context.Context, _, name string) ([]byte, error) {
	if secret, ok := k.secrets[name]; ok {
		return secret, nil
	}
	return nil, fmt.Errorf("secret %q: %w", name, compute.ErrNotFound)
}

// TestAdminTLS shows the admin's name and nobody else's, believes the cluster's authority alone and not what clients trust beside it, and is nothing for a
// plaintext cluster.
func TestAdminTLS(t *testing.T) {
	signer, err := pki.NewAuthority("c", time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key, err := signer.PEM()
	if err != nil {
		t.Fatal(err)
	}
	above, err := pki.NewAuthority("company", time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	root, _, err := above.PEM()
	if err != nil {
		t.Fatal(err)
	}
	secret, err := json.Marshal(authority{CertificatePEM: string(certificate), KeyPEM: string(key), TrustedPEM: string(certificate) + string(root)})
	if err != nil {
		t.Fatal(err)
	}
	driver := &keeper{fakeDriver: fakeDriver{record: compute.Cluster{Name: "c"}}, secrets: map[string][]byte{compute.AuthoritySecret: secret}}
	config, err := New(driver, Options{}).AdminTLS(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	shown, err := config.GetClientCertificate(&tls.CertificateRequestInfo{})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(shown.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	believed := x509.VerifyOptions{Roots: config.RootCAs, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if _, err := leaf.Verify(believed); err != nil || leaf.Subject.CommonName != compute.AdminPrincipal {
		t.Errorf("it shows %q: %v", leaf.Subject.CommonName, err)
	}
	other, err := above.Issue(pki.Request{CommonName: compute.AdminPrincipal, Lifetime: time.Minute}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := other.TLS()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pair.Leaf.Verify(believed); err == nil {
		t.Error("a certificate of an authority that only clients trust is believed")
	}

	delete(driver.secrets, compute.AuthoritySecret)
	if config, err := New(driver, Options{}).AdminTLS(t.Context(), "c"); !errors.Is(err, compute.ErrNotFound) {
		t.Errorf("without an authority: %v, error %v", config, err)
	}
	driver.record.Security.Plaintext = true
	if config, err := New(driver, Options{}).AdminTLS(t.Context(), "c"); config != nil || err != nil {
		t.Errorf("of a plaintext cluster: %v, error %v", config, err)
	}
}
