package acceptance

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/pki"
)

// TestSecurityOfAFleetThatWasForgotten gives a small fleet an authority of a company's, whose others it does not believe, and lets all certificates end, after which nobody can connect to anybody: the next run gives
// every node another one, and the same nodes serve again. Then a run for which these end too soon replaces them while records are written.
func TestSecurityOfAFleetThatWasForgotten(t *testing.T) {
	w := newWorkspace(t)
	const lifetime = 50 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	client := func(lifetime, before time.Duration) *fleet.Client {
		c := fleet.New(w.driver, fleet.Options{Dial: kafka.New, NodeLifetime: lifetime, RenewBefore: before})
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	zones := []string{"local-a"}
	company, own := newCompany(t)
	apply := func(c *fleet.Client) {
		t.Helper()
		if _, _, err := c.ApplyCluster(ctx, fleet.Cluster{
			Authority: own,
			Name:      cluster, KafkaVersion: "4.3.1", Zones: zones, Controllers: 1, InstanceType: "local.small", MetadataVersion: "latest",
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.ApplyGroup(ctx, fleet.BrokerGroup{Cluster: cluster, Name: "main", Brokers: 1, InstanceType: "local.small", Zones: zones, KafkaVersion: "4.3.1", MaxSurge: 1}); err != nil {
			t.Fatal(err)
		}
	}
	good := func() bool {
		all := true
		for _, i := range w.instances() {
			all = all && i.Status != nil && i.Status.CertificateEnds.After(time.Now())
		}
		return all
	}
	apply(client(lifetime, time.Nanosecond))
	w.onlyItsOwn(company)
	before := w.ids()
	w.until("every certificate has ended", 2*lifetime, func() bool {
		for _, i := range w.instances() {
			if i.Status == nil || i.Status.CertificateEnds.After(time.Now()) {
				return false
			}
		}
		return true
	})
	again := client(24*time.Hour, time.Nanosecond)
	if _, r, err := again.Health(ctx, cluster); err != nil || r.KafkaReachable || r.CertificateDays == nil || *r.CertificateDays != 0 {
		t.Errorf("with certificates that have ended: %v, %+v", err, r)
	}
	apply(client(24*time.Hour, time.Nanosecond))
	if after := w.ids(); asJSON(after) != asJSON(before) || !good() {
		t.Errorf("nodes %v are %v now, with good certificates: %t", before, after, good())
	}
	w.until("Kafka serves again", patience, func() bool {
		_, r, err := client(0, time.Nanosecond).Health(ctx, cluster)
		return err == nil && r.KafkaReachable
	})
	// To this one a day is too short. Nobody notices that the nodes are others then.
	k, err := client(0, 0).Kafka(ctx, cluster)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.CreateTopic(ctx, kafka.NewTopic{Name: "load", Partitions: 3, ReplicationFactor: 1, Config: map[string]string{"min.insync.replicas": "1"}}, false); err != nil {
		t.Fatal(err)
	}
	w.underLoad(func() { apply(client(0, 0)) })
	w.fresh(compute.RoleBroker, before)
	w.fresh(compute.RoleController, before)
	if !good() {
		t.Error("a certificate has ended")
	}
	if _, r, err := client(0, 0).Health(ctx, cluster); err != nil || r.CertificateDays == nil || *r.CertificateDays != 364 {
		t.Errorf("a new fleet: %v, %+v", err, r)
	}
}

// ids are the ids of all nodes.
func (w *workspace) ids() []int32 {
	var out []int32
	for _, i := range w.instances() {
		out = append(out, i.Spec.NodeID)
	}
	return out
}

// newCompany makes a root and, below it, an authority for this cluster alone. The first one issues, by the root itself, a certificate in whatever name.
func newCompany(t *testing.T) (issue func(name string) tls.Certificate, own fleet.Authority) {
	t.Helper()
	serial := int64(0)
	sign := func(template *x509.Certificate, parent *x509.Certificate, by *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
		t.Helper()
		serial++
		template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(serial), time.Now().Add(-time.Hour), time.Now().Add(2*365*24*time.Hour)
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if parent == nil {
			parent, by = template, key
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
		if err != nil {
			t.Fatal(err)
		}
		made, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return made, key
	}
	authority := func(name string) *x509.Certificate {
		return &x509.Certificate{Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true}
	}
	root, rootKey := sign(authority("company"), nil, nil)
	below, key := sign(authority("kafka"), root, rootKey)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	own.KeyPEM = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
	for _, c := range []*x509.Certificate{below, root} {
		own.CertificatePEM += string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	return func(name string) tls.Certificate {
		leaf, key := sign(&x509.Certificate{Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, root, rootKey)
		return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key}
	}, own
}

// onlyItsOwn asserts that no node believes a certificate of the company's root, whatever name is in it, and that a client who trusts that root
// believes each broker.
func (w *workspace) onlyItsOwn(company func(name string) tls.Certificate) {
	w.t.Helper()
	w.believed("the whole chain is trusted", w.trusted(), true)
	pool, err := pki.Pool([]byte(w.trusted()))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, name := range []string{compute.AdminPrincipal, compute.NodeCommonName(1)} {
		config := &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{company(name)}, MinVersion: tls.VersionTLS12}
		for _, i := range w.instances() {
			conn, err := (&tls.Dialer{Config: config}).DialContext(w.t.Context(), "tcp", i.Address)
			if err == nil {
				// Only what comes back says what the other side thinks of the certificate: a node that believes it waits for a request.
				err = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
				if err == nil {
					_, err = conn.Read(make([]byte, 1))
				}
				_ = conn.Close()
			}
			if told := (*net.OpError)(nil); !errors.As(err, &told) || told.Op != "remote error" {
				w.t.Errorf("%s %d believes the company's %s: %v", i.Spec.Role, i.Spec.NodeID, name, err)
			}
		}
	}
}
