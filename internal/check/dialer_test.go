package check

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// TestABrokerThatHangsIsLeftAloneForAWhile: it takes connections, as a stopped process does, and the requests that wait for it must not
// wait one after the other.
func TestABrokerThatHangsIsLeftAloneForAWhile(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }() // The test is over.
	address := listener.Addr().String()
	d := &dialer{}
	dial := func() (net.Conn, error) { return d.DialContext(context.Background(), "tcp", address) }

	first, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if err := first.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Read(make([]byte, 1)); err == nil {
		t.Fatal("it has answered")
	}
	_, err = dial()
	if op := (*net.OpError)(nil); !errors.As(err, &op) || op.Op != "dial" {
		t.Errorf("an address that was silent is dialled again at once, or not in a way that is repeated: %v", err)
	}

	// It goes on.
	if _, err := server.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	if err := first.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	again, err := dial()
	if err != nil {
		t.Fatalf("an address that answers again is not dialled: %v", err)
	}
	_, _ = again.Close(), first.Close()
	_ = server.Close()
}

// serve accepts connections of a listener one after the other, and hands each to a function of its own.
func serve(t *testing.T, each func(net.Conn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // The test is over.
			}
			t.Cleanup(func() { _ = conn.Close() })
			go each(conn)
		}
	}()
	return listener.Addr().String()
}

// TestABrokerThatHangsUnderTLSIsLeftAloneForAWhile: whether it does before it has said hello, or after.
func TestABrokerThatHangsUnderTLSIsLeftAloneForAWhile(t *testing.T) {
	known := authority(t)
	server := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate(t, known, true)}}
	passing := func(t *testing.T, err error) {
		t.Helper()
		if op := (*net.OpError)(nil); !errors.As(err, &op) || op.Op != "dial" || op.Timeout() {
			t.Errorf("it is dialled, or not refused in a way that is repeated elsewhere: %v", err)
		}
	}
	t.Run("before", func(t *testing.T) {
		address := serve(t, func(net.Conn) {})
		d := &dialer{tls: believing(t, known)}
		_, err := d.DialContext(t.Context(), "tcp", address)
		passing(t, err)
		began := time.Now()
		_, err = d.DialContext(t.Context(), "tcp", address)
		passing(t, err)
		if waited := time.Since(began); waited > requestTimeout/2 {
			t.Errorf("a second dial waited for it again, %s", waited)
		}
	})
	t.Run("after", func(t *testing.T) {
		address := serve(t, func(conn net.Conn) {
			_ = tls.Server(conn, server).HandshakeContext(t.Context()) // The dial tells.
		})
		d := &dialer{tls: believing(t, known)}
		conn, err := d.DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := d.DialContext(t.Context(), "tcp", address); err != nil {
			t.Fatalf("it has only just answered: %v", err)
		}
		// The first bytes after the handshake may be the broker's tickets.
		if err := conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("it has answered: %v", err)
		}
		_, err = d.DialContext(t.Context(), "tcp", address)
		passing(t, err)
	})
}

// TestABrokerThatGoesWhileTLSBeginsIsTriedAgain, as one that refuses a connection is; one that is not believed is not.
func TestABrokerThatGoesWhileTLSBeginsIsTriedAgain(t *testing.T) {
	known, other := authority(t), authority(t)
	going := serve(t, func(conn net.Conn) { _ = conn.Close() })
	_, err := (&dialer{tls: believing(t, known)}).DialContext(t.Context(), "tcp", going)
	if op := (*net.OpError)(nil); !errors.As(err, &op) || op.Op != "dial" || errors.Is(err, io.EOF) {
		t.Errorf("it is not an error that passes: %v", err)
	}
	server := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate(t, other, true)}}
	strange := serve(t, func(conn net.Conn) {
		_ = tls.Server(conn, server).HandshakeContext(t.Context()) // The dial tells.
	})
	_, err = (&dialer{tls: believing(t, known)}).DialContext(t.Context(), "tcp", strange)
	if verification := (*tls.CertificateVerificationError)(nil); !errors.As(err, &verification) {
		t.Errorf("a broker of another authority is believed, or tried again: %v", err)
	}
	if _, err := (&dialer{tls: believing(t, other)}).DialContext(t.Context(), "tcp", strange); err != nil {
		t.Errorf("a broker that is believed: %v", err)
	}
}
