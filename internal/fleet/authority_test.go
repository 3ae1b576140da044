package fleet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/pki"
)

// secretDriver is a fakeDriver with a secret store.
type secretDriver struct {
	fakeDriver
	secrets map[string][]byte
}

func (d *secretDriver) Secret(_ context.Context, cluster, name string) ([]byte, error) {
	if value, ok := d.secrets[cluster+"/"+name]; ok {
		return value, nil
	}
	return nil, fmt.Errorf("%s: %w", name, compute.ErrNotFound)
}

func (d *secretDriver) PutSecret(_ context.Context, cluster, name string, value []byte) error {
	d.secrets[cluster+"/"+name] = value
	return nil
}

func newSecretDriver() *secretDriver {
	return &secretDriver{fakeDriver: fakeDriver{record: compute.Cluster{Name: "c", ID: "x"}}, secrets: map[string][]byte{}}
}

// TestNodesAndThisRunKnowEachOther: by the certificates that both have from the cluster's authority, a connection opens in each direction, and
// one to somebody else's node does not.
func TestNodesAndThisRunKnowEachOther(t *testing.T) {
	ctx := t.Context()
	now := time.Now()
	serve := func(d *secretDriver, id int32) (address string, peers func() []string) {
		t.Helper()
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = listener.Close() })
		spec := compute.NodeSpec{Cluster: "c", NodeID: id}
		if err := New(d, Options{}).certify(ctx, compute.Instance{Spec: spec, Address: listener.Addr().String()}); err != nil {
			t.Fatal(err)
		}
		identity, err := compute.ParseIdentity(d.secrets["c/"+compute.NodeSecret(id)])
		if err != nil {
			t.Fatal(err)
		}
		pair, err := tls.X509KeyPair([]byte(identity.CertificatePEM), []byte(identity.KeyPEM))
		if err != nil {
			t.Fatal(err)
		}
		pool, err := pki.Pool([]byte(identity.TrustedPEM))
		if err != nil {
			t.Fatal(err)
		}
		names := make(chan string, 10)
		config := &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13}
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				secured := tls.Server(conn, config)
				if secured.HandshakeContext(ctx) == nil {
					names <- secured.ConnectionState().PeerCertificates[0].Subject.CommonName
				}
				_ = secured.Close()
			}
		}()
		return listener.Addr().String(), func() []string {
			select {
			case name := <-names:
				return []string{name}
			case <-time.After(10 * time.Second):
				return nil
			}
		}
	}
	own, other := newSecretDriver(), newSecretDriver()
	for _, d := range []*secretDriver{own, other} {
		if err := New(d, Options{Now: func() time.Time { return now }}).makeAuthority(ctx, Cluster{Name: "c"}); err != nil {
			t.Fatal(err)
		}
	}
	config, err := (&admin{fleet: New(own, Options{}), cluster: "c"}).tls(ctx)
	if err != nil {
		t.Fatal(err)
	}
	dial := func(address string) error {
		conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		_, err = conn.Read(make([]byte, 1)) // Only then it is known that the other side has accepted.
		_ = conn.Close()
		if errors.Is(err, net.ErrClosed) || err != nil && strings.Contains(err.Error(), "EOF") {
			return nil
		}
		return err
	}
	address, peers := serve(own, 7)
	if err := dial(address); err != nil {
		t.Errorf("to a node of the cluster: %v", err)
	}
	if got := peers(); !slices.Equal(got, []string{compute.AdminPrincipal}) {
		t.Errorf("the node takes this run for %v", got)
	}
	foreign, _ := serve(other, 7)
	if err := dial(foreign); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("to a node of another authority: %v", err)
	}
}

// TestAnAuthorityIsMadeOnceAndNeverInPlaceOfALostOne, which no node would believe.
func TestAnAuthorityIsMadeOnceAndNeverInPlaceOfALostOne(t *testing.T) {
	ctx := t.Context()
	d := newSecretDriver()
	client := New(d, Options{})
	if err := client.makeAuthority(ctx, Cluster{Name: "c"}); err != nil {
		t.Fatal(err)
	}
	first := string(d.secrets["c/ca"])
	if err := client.makeAuthority(ctx, Cluster{Name: "c"}); err != nil || string(d.secrets["c/ca"]) != first {
		t.Errorf("again: %v, or another one was made", err)
	}
	d.secrets["c/ca"] = []byte("{}")
	if err := client.makeAuthority(ctx, Cluster{Name: "c"}); err == nil || string(d.secrets["c/ca"]) != "{}" {
		t.Errorf("one that cannot be read: %v", err)
	}
	delete(d.secrets, "c/ca")
	d.instances = []compute.Instance{{ID: "1"}}
	if err := client.makeAuthority(ctx, Cluster{Name: "c"}); !errors.Is(err, compute.ErrInvalid) || !strings.Contains(err.Error(), "put it back") || len(d.secrets) > 0 {
		t.Errorf("lost, with a node: %v", err)
	}
}

// TestAnAuthorityOfTheUsersOwn signs for the cluster, and no other one does after that.
func TestAnAuthorityOfTheUsersOwn(t *testing.T) {
	ctx, now := t.Context(), time.Now()
	made := func(lifetime time.Duration) Authority {
		t.Helper()
		signer, err := pki.NewAuthority("ours", now, lifetime)
		if err != nil {
			t.Fatal(err)
		}
		certificate, key, err := signer.PEM()
		if err != nil {
			t.Fatal(err)
		}
		return Authority{CertificatePEM: string(certificate), KeyPEM: string(key)}
	}
	ours, other := made(365*24*time.Hour), made(365*24*time.Hour)
	for name, c := range map[string]struct {
		own  Authority
		says string
	}{
		"no key":             {Authority{CertificatePEM: ours.CertificatePEM}, "private_key_pem_wo"},
		"another's key":      {Authority{CertificatePEM: ours.CertificatePEM, KeyPEM: other.KeyPEM}, "key"},
		"no certificate":     {Authority{CertificatePEM: "x", KeyPEM: ours.KeyPEM}, "certificate"},
		"one that ends soon": {made(24 * time.Hour), "a month is the least"},
	} {
		d := newSecretDriver()
		for what, err := range map[string]error{"plan": New(d, Options{}).CheckAuthority(ctx, Cluster{Name: "c", Authority: c.own}), "apply": New(d, Options{}).makeAuthority(ctx, Cluster{Name: "c", Authority: c.own})} {
			if !errors.Is(err, compute.ErrInvalid) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "PRIVATE KEY") || len(d.secrets) > 0 {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
	}
	d := newSecretDriver()
	client := New(d, Options{})
	if err := errors.Join(client.CheckAuthority(ctx, Cluster{Name: "c", Authority: ours}), client.makeAuthority(ctx, Cluster{Name: "c", Authority: ours})); err != nil {
		t.Fatal(err)
	}
	if trusted, err := client.Trusted(ctx, "c"); err != nil || strings.TrimSpace(trusted) != strings.TrimSpace(ours.CertificatePEM) {
		t.Errorf("clients are to trust %q, %v", trusted, err)
	}
	for name, c := range map[string]struct {
		own     Authority
		refused bool
	}{"the same": {ours, false}, "the same without its key": {Authority{CertificatePEM: "\n" + ours.CertificatePEM}, false}, "none any more": {Authority{}, false}, "another": {other, true}} {
		for what, err := range map[string]error{"plan": client.CheckAuthority(ctx, Cluster{Name: "c", Authority: c.own}), "apply": client.makeAuthority(ctx, Cluster{Name: "c", Authority: c.own})} {
			if errors.Is(err, compute.ErrInvalid) != c.refused || err != nil && !strings.Contains(err.Error(), "authority_rotation") {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
	}
}

// TestListenersOfARunningClusterStayAsTheyAre: nodes that speak TLS and nodes that do not cannot be one cluster.
func TestListenersOfARunningClusterStayAsTheyAre(t *testing.T) {
	open, closed := compute.Security{Plaintext: true}, compute.Security{}
	for _, c := range []struct {
		is, want compute.Security
		nodes    int
		refused  bool
	}{
		{open, closed, 1, true},
		{closed, open, 1, true},
		{closed, open, 0, false},
		{open, open, 1, false},
		{closed, compute.Security{ClientAuth: compute.ClientAuthMTLS}, 1, false},
	} {
		d := newSecretDriver()
		d.record.Security, d.instances = c.is, make([]compute.Instance, c.nodes)
		if err := New(d, Options{}).CheckSecurity(t.Context(), Cluster{Name: "c", Security: c.want}); errors.Is(err, compute.ErrInvalid) != c.refused {
			t.Errorf("%+v with %d nodes to %+v: %v", c.is, c.nodes, c.want, err)
		}
	}
}

// TestOnlyWhoHasNoneAndFindsNoneIsUncertified: what waits in the secret store for the agent to take is not issued again.
func TestOnlyWhoHasNoneAndFindsNoneIsUncertified(t *testing.T) {
	ctx, now := t.Context(), time.Now()
	d := newSecretDriver()
	client := New(d, Options{Now: func() time.Time { return now }, NodeLifetime: time.Hour})
	if err := client.makeAuthority(ctx, Cluster{Name: "c"}); err != nil {
		t.Fatal(err)
	}
	node := compute.Instance{Spec: compute.NodeSpec{Cluster: "c", NodeID: 7}, Address: "10.0.0.7:9092", Status: &compute.NodeStatus{}}
	is := func(want bool, when string) {
		t.Helper()
		if got := client.uncertified(ctx, node); got != want {
			t.Errorf("%s: %t", when, got)
		}
	}
	is(true, "neither has one")
	if err := client.certify(ctx, node); err != nil {
		t.Fatal(err)
	}
	is(false, "one waits for it")
	now = now.Add(2 * time.Hour)
	is(true, "what waits has ended")
	node.Status.CertificateEnds = now.Add(-time.Hour)
	is(true, "its own has ended, too")
	node.Status.CertificateEnds = now.Add(time.Hour)
	is(false, "its own is good")
	node.Status.CertificateEnds, node.Spec.Security.Plaintext = time.Time{}, true
	is(false, "plaintext")
}
