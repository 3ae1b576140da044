package fleet

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/pki"
)

// vault is a driver of one record, which may be missing, and of its secrets.
type vault struct {
	fakeDriver
	missing bool
	secrets map[string][]byte
}

func (v *vault) GetCluster(ctx context.Context, name string) (compute.Cluster, error) {
	if v.missing {
		return compute.Cluster{}, fmt.Errorf("cluster %q: %w", name, compute.ErrNotFound)
	}
	return v.fakeDriver.GetCluster(ctx, name)
}

func (v *vault) Secret(_ context.Context, _, name string) ([]byte, error) {
	if value, ok := v.secrets[name]; ok {
		return value, nil
	}
	return nil, fmt.Errorf("the secret %q: %w", name, compute.ErrNotFound)
}

// certifying is a client of a cluster c whose clients log in as given, at a time that the test moves.
func certifying(t *testing.T, security compute.Security) (*Client, *vault, *time.Time) {
	t.Helper()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	driver := &vault{fakeDriver: fakeDriver{record: compute.Cluster{Name: "c", ID: "x", Security: security}}, secrets: map[string][]byte{}}
	client := New(driver, Options{Now: func() time.Time { return now }})
	signer, err := pki.NewAuthority("c", now, authorityLifetime)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key, err := signer.PEM()
	if err != nil {
		t.Fatal(err)
	}
	if driver.secrets[compute.AuthoritySecret], err = json.Marshal(authority{CertificatePEM: string(certificate), KeyPEM: string(key), TrustedPEM: string(certificate)}); err != nil {
		t.Fatal(err)
	}
	return client, driver, &now
}

var both = compute.Security{ClientAuth: compute.ClientAuthBoth}

func TestAClientsCertificateIsGoodForAClientAndForItsTime(t *testing.T) {
	client, driver, now := certifying(t, both)
	secrets := len(driver.secrets)
	issued, err := client.IssueClientCertificate(t.Context(), "c", "shop", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := issued.Credential.Leaf()
	if err != nil {
		t.Fatal(err)
	}
	pool, err := pki.Pool([]byte(issued.TrustedPEM))
	if err != nil {
		t.Fatal(err)
	}
	verify := func(usage x509.ExtKeyUsage, after time.Duration) error {
		_, err := leaf.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: now.Add(after), KeyUsages: []x509.ExtKeyUsage{usage}})
		return err
	}
	if err := verify(x509.ExtKeyUsageClientAuth, time.Hour); err != nil {
		t.Error(err)
	}
	if verify(x509.ExtKeyUsageClientAuth, time.Hour+time.Second) == nil {
		t.Error("it is good after its time")
	}
	if verify(x509.ExtKeyUsageServerAuth, 0) == nil {
		t.Error("a client can be a node")
	}
	if leaf.Subject.String() != "CN=shop" || issued.Principal != "User:shop" || !issued.NotAfter.Equal(now.Add(time.Hour)) {
		t.Errorf("%s, %s until %s", leaf.Subject, issued.Principal, issued.NotAfter)
	}
	if _, err := issued.Credential.TLS(); err != nil {
		t.Error(err)
	}
	if shown := fmt.Sprintf("%v %+v %#v %s", issued, issued, issued, &issued); strings.Contains(shown, "PRIVATE KEY") || strings.Contains(shown, strings.Split(string(issued.Credential.KeyPEM), "\n")[1][24:54]) {
		t.Errorf("the key is shown: %s", shown)
	}
	if len(driver.secrets) != secrets {
		t.Errorf("something of it is stored: %d secrets", len(driver.secrets))
	}

	end := now.Add(authorityLifetime)
	*now = end.Add(-time.Minute)
	if issued, err = client.IssueClientCertificate(t.Context(), "c", "shop", time.Hour); err != nil || !issued.NotAfter.Equal(end) {
		t.Errorf("it outlives its authority: until %s, %v", issued.NotAfter, err)
	}
	*now = end.Add(time.Minute)
	if _, err = client.IssueClientCertificate(t.Context(), "c", "shop", time.Hour); err == nil || !strings.Contains(err.Error(), `"shop" in cluster "c"`) || !strings.Contains(err.Error(), "has expired") {
		t.Errorf("an authority that is over issues: %v", err)
	}
}

func TestWhoGetsNoCertificateIsToldWhy(t *testing.T) {
	plaintext, scram := compute.Security{Plaintext: true, ClientAuth: compute.ClientAuthBoth}, compute.Security{}
	for name, c := range map[string]struct {
		security compute.Security
		change   func(*vault)
		common   string
		lifetime time.Duration
		is       error
		says     []string
	}{
		"mtls":             {security: compute.Security{ClientAuth: compute.ClientAuthMTLS}},
		"the admin":        {common: "kafkafleet-admin", is: compute.ErrInvalid, says: []string{`cluster "c"`, "User:kafkafleet-admin is a super user"}},
		"the nodes":        {common: "kafkafleet-node", is: compute.ErrInvalid, says: []string{"User:kafkafleet-node is a super user"}},
		"a node":           {common: "kafkafleet-node-3", is: compute.ErrInvalid, says: []string{"is the common name of a node"}},
		"two names":        {common: "shop,OU=x", is: compute.ErrInvalid, says: []string{"letters, digits"}},
		"no time":          {lifetime: time.Millisecond, is: compute.ErrInvalid, says: []string{"from 1s to 720h0m0s"}},
		"for ever":         {lifetime: MaxClientLifetime + 1, is: compute.ErrInvalid, says: []string{"from 1s to 720h0m0s"}},
		"plaintext":        {security: plaintext, is: compute.ErrInvalid, says: []string{`cluster "c"`, "its listeners are plaintext", "need no certificate"}},
		"passwords":        {security: scram, is: compute.ErrInvalid, says: []string{`cluster "c"`, `client_auth = "scram"`, "create a kafkafleet_user", `client_auth = "both"`, "a rollout of its brokers"}},
		"no cluster":       {change: func(v *vault) { v.missing = true }, is: compute.ErrNotFound, says: []string{`no cluster of this name has an authority to issue a certificate: "c"`, "cluster = kafkafleet_cluster.main.name"}},
		"a lost authority": {change: func(v *vault) { clear(v.secrets) }, is: compute.ErrNotFound, says: []string{`"c"`, "the secret store has lost it", "put it back"}},
		"a damaged one":    {change: func(v *vault) { v.secrets[compute.AuthoritySecret] = []byte("x") }, says: []string{`"c"`, "is not the JSON document"}},
	} {
		security := both
		if c.security != (compute.Security{}) || name == "passwords" {
			security = c.security
		}
		client, driver, _ := certifying(t, security)
		if c.change != nil {
			c.change(driver)
		}
		if c.common == "" {
			c.common = "shop"
		}
		if c.lifetime == 0 {
			c.lifetime = MaxClientLifetime
		}
		issued, err := client.IssueClientCertificate(t.Context(), "c", c.common, c.lifetime)
		if (err == nil) != (c.says == nil) || c.is != nil && !errors.Is(err, c.is) || errors.Is(err, ErrPlannedOnly) || err != nil && len(issued.Credential.KeyPEM) > 0 {
			t.Errorf("%s: %v", name, err)
		}
		for _, says := range c.says {
			if err != nil && !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %q, want it to say %q", name, err, says)
			}
		}
	}
}

// TestACertificateWaitsForThePlan: of a cluster that this run creates, or lets take certificates; and one that it takes them from issues none.
func TestACertificateWaitsForThePlan(t *testing.T) {
	scram, mtls := compute.Security{}, compute.Security{ClientAuth: compute.ClientAuthMTLS}
	for name, c := range map[string]struct {
		missing     bool
		is, planned compute.Security
		want        error
	}{
		"a new cluster":                {true, scram, both, ErrPlannedOnly},
		"a new one by password":        {true, scram, scram, compute.ErrInvalid},
		"from passwords":               {false, scram, both, ErrPlannedOnly},
		"to passwords":                 {false, both, scram, compute.ErrInvalid},
		"from certificates to both":    {false, mtls, both, nil},
		"as it is":                     {false, both, both, nil},
		"a new one without protection": {true, scram, compute.Security{Plaintext: true}, compute.ErrInvalid},
	} {
		client, driver, _ := certifying(t, c.is)
		driver.missing = c.missing
		client.Plan("c", func(p *Planned) { p.Security = &c.planned })
		if _, err := client.IssueClientCertificate(t.Context(), "c", "shop", time.Hour); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	client, driver, _ := certifying(t, both)
	driver.missing = true
	client.Plan("c", func(p *Planned) { p.Brokers["main"] = 3 })
	if _, err := client.IssueClientCertificate(t.Context(), "c", "shop", time.Hour); errors.Is(err, ErrPlannedOnly) || !errors.Is(err, compute.ErrNotFound) {
		t.Errorf("a group of a cluster that nobody plans: %v", err)
	}
}
