package check

import (
	"context"
	"errors"
	"net"
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
