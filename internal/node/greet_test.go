package node

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/pki"
)

// TestEachListenerIsGreeted by whole handshakes, with the node's certificate, and one that is not there holds nothing up.
func TestEachListenerIsGreeted(t *testing.T) {
	authority, err := pki.NewAuthority("c", time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	issued, err := authority.Issue(pki.Request{CommonName: "node-1", IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Lifetime: time.Hour, Server: true}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	trusted, _, err := authority.PEM()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := issued.TLS()
	if err != nil {
		t.Fatal(err)
	}
	pool, err := pki.Pool(trusted)
	if err != nil {
		t.Fatal(err)
	}
	listen := func() (address string, greeted *atomic.Int32) {
		t.Helper()
		config := &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = listener.Close() })
		greeted = new(atomic.Int32)
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				secured := tls.Server(conn, config)
				if secured.HandshakeContext(t.Context()) == nil {
					greeted.Add(1)
				}
				_ = secured.Close()
			}
		}()
		return listener.Addr().String(), greeted
	}
	internal, others := listen()
	clients, theirs := listen()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	f := File{Listen: internal, Clients: clients, ClientsMTLS: gone.Addr().String()}
	identity := compute.Identity{KeyPEM: string(issued.KeyPEM), CertificatePEM: string(issued.CertificatePEM), TrustedPEM: string(trusted)}
	began := time.Now()
	greet(t.Context(), f, identity)
	for deadline := time.Now().Add(10 * time.Second); others.Load() < greetings || theirs.Load() < greetings; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d and %d handshakes in %s, want %d of each", others.Load(), theirs.Load(), time.Since(began), greetings)
		}
	}
	f.Spec.Security.Plaintext = true
	greet(t.Context(), f, compute.Identity{}) // There is nothing to greet with.
	if n := others.Load(); n != greetings {
		t.Errorf("%d handshakes of a plaintext node", n-greetings)
	}
}
