package check

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/pki"
)

const testPassword = "password-of-the-load"

// authority is a certificate authority that lives as long as the test.
func authority(t *testing.T) pki.Authority {
	t.Helper()
	a, err := pki.NewAuthority("check", time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// certificate is one of the authority for 127.0.0.1.
func certificate(t *testing.T, a pki.Authority, server bool) tls.Certificate {
	t.Helper()
	credential, err := a.Issue(pki.Request{CommonName: "check", IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Lifetime: time.Hour, Server: server}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := credential.TLS()
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// believing is a client's TLS that believes the authority.
func believing(t *testing.T, a pki.Authority) *tls.Config {
	t.Helper()
	pem, _, err := a.PEM()
	if err != nil {
		t.Fatal(err)
	}
	pool, err := pki.Pool(pem)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}
}

// TestSecurityOfARun: who is known, believes the brokers and has the rights is let in, and nobody else.
func TestSecurityOfARun(t *testing.T) {
	known, other := authority(t), authority(t)
	right := func(operation kmsg.ACLOperation) kfake.ACL {
		return kfake.ACL{Resource: kmsg.ACLResourceTypeTopic, Name: testTopic, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: operation, Allow: true}
	}
	const mechanism = "SCRAM-SHA-512"
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(2, testTopic), kfake.EnableACLs(), kfake.EnableSASL(),
		kfake.TLS(&tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate(t, known, true)}}),
		kfake.Superuser(mechanism, "admin", testPassword),
		kfake.User(mechanism, "load", testPassword, right(kmsg.ACLOperationWrite), right(kmsg.ACLOperationRead)),
		kfake.User(mechanism, "stranger", testPassword))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	believed := believing(t, known)
	tests := map[string]struct {
		security Security
		refused  string // "" for none.
	}{
		"user with the rights": {Security{TLS: believed, User: "load", Password: testPassword}, ""},
		"user without rights":  {Security{TLS: believed, User: "stranger", Password: testPassword}, "is not for this user"},
		"nobody":               {Security{TLS: believed}, ""},
		"unknown authority":    {Security{TLS: believing(t, other), User: "load", Password: testPassword}, "certificate signed by unknown authority"},
		"no password":          {Security{TLS: believed, User: "load"}, "has no password"},
		"no user":              {Security{TLS: believed, Password: testPassword}, "no user"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			run, err := Start(ctx, Options{Bootstrap: Static(cluster.ListenAddrs()...), Security: tt.security, Topic: testTopic, Records: 200, Rate: 2000})
			if name == "nobody" {
				if err == nil {
					run.Close()
					t.Fatal("a client that does not log in was let in")
				}
				return // How a connection of nobody's ends is Kafka's business.
			}
			if tt.refused != "" {
				if err == nil {
					run.Close()
					t.Fatal("it was let in")
				}
				if !strings.Contains(err.Error(), tt.refused) || strings.Contains(err.Error(), testPassword) || ctx.Err() != nil {
					t.Errorf("error %q, want at once one with %q", err, tt.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(run.Close)
			<-run.Produced()
			report := stop(t, run)
			if err := report.Problem(); err != nil || report.RecordsAcked != 200 {
				t.Errorf("%d records acknowledged: %v", report.RecordsAcked, err)
			}
		})
	}
}

// TestACertificateIsShown to a broker that asks for one, and by the watch of replicas as well.
func TestACertificateIsShown(t *testing.T) {
	known := authority(t)
	believed := believing(t, known)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(2), kfake.SeedTopics(2, testTopic), kfake.TLS(&tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate(t, known, true)}, ClientCAs: believed.RootCAs, ClientAuth: tls.RequireAndVerifyClientCert,
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	bootstrap := Static(cluster.ListenAddrs()...)
	short := func() context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		t.Cleanup(cancel)
		return ctx
	}
	if watch, err := WatchReplicas(short(), bootstrap, Security{TLS: believed}, time.Second); err == nil {
		watch.Close()
		t.Error("a client without a certificate was let in")
	}
	shown := believed.Clone()
	shown.Certificates = []tls.Certificate{certificate(t, known, false)}
	replicas, err := WatchReplicas(short(), bootstrap, Security{TLS: shown}, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	replicas.Close()
	run := start(t, Options{Bootstrap: bootstrap, Security: Security{TLS: shown}, Topic: testTopic, Records: 100, Rate: 2000})
	<-run.Produced()
	if err := stop(t, run).Problem(); err != nil {
		t.Error(err)
	}
}

func TestSecurityIsPrintedWithoutItsPassword(t *testing.T) {
	s := Security{TLS: &tls.Config{MinVersion: tls.VersionTLS12}, User: "load", Password: testPassword}
	options := Options{Security: s, Topic: testTopic}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, value := range []any{s, &s, options} {
			if text := fmt.Sprintf(format, value); strings.Contains(text, testPassword) {
				t.Errorf("%s of %T shows the password: %s", format, value, text)
			}
		}
	}
	if got := s.String(); got != "TLS, user load" {
		t.Errorf("it says %q", got)
	}
	if got := (Security{}).String(); got != "plaintext" {
		t.Errorf("the zero value says %q", got)
	}
}
