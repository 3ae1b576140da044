package node

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// newController listens and says its name to who sends a byte.
func newController(t *testing.T, name string) net.Listener {
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
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				for {
					if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
						return
					}
					if _, err := io.WriteString(conn, name); err != nil {
						return
					}
				}
			}()
		}
	}()
	return listener
}

func dialEntrance(t *testing.T, e *entrance) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", e.address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// ask is who answers behind the connection, "" for nobody.
func ask(conn net.Conn) string {
	answer := make([]byte, 1)
	if _, err := conn.Write([]byte("?")); err != nil {
		return ""
	}
	if _, err := io.ReadFull(conn, answer); err != nil {
		return ""
	}
	return string(answer)
}

func TestEntranceLeadsToALiveController(t *testing.T) {
	a, b, dead, self := newController(t, "a"), newController(t, "b"), newController(t, "d"), newController(t, "s")
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	var known driver
	ctx, cancel := context.WithCancel(context.Background())
	e, err := openEntrance(ctx, self.Addr().String(), known.controllers)
	if err != nil {
		t.Fatal(err)
	}
	known.set(dead.Addr().String(), self.Addr().String(), a.Addr().String())
	kept := dialEntrance(t, e)
	for range 20 {
		if got := ask(dialEntrance(t, e)); got != "a" {
			t.Fatalf("asked %q, want the one live controller that is not the node itself", got)
		}
	}
	known.set(b.Addr().String())
	if got := ask(dialEntrance(t, e)); got != "b" {
		t.Errorf("asked %q, want the controller that took over", got)
	}
	known.set(a.Addr().String(), b.Addr().String())
	answered := map[string]bool{}
	for range 50 {
		answered[ask(dialEntrance(t, e))] = true
	}
	if !answered["a"] || !answered["b"] {
		t.Errorf("only %v were asked: one that hangs would be asked for ever", answered)
	}
	known.set()
	if got := ask(dialEntrance(t, e)); got != "" {
		t.Errorf("%q answered where there is no controller", got)
	}
	e.controllers = func(context.Context) ([]string, error) { return nil, errors.New("the driver is away") }

	if got := ask(kept); got != "a" {
		t.Errorf("a connection that lasts was answered by %q", got)
	}
	cancel()
	e.close()
	if got := ask(kept); got != "" {
		t.Error("a connection outlived the entrance")
	}
	if conn, err := net.Dial("tcp", e.address()); err == nil {
		_ = conn.Close()
		t.Error("a closed entrance takes connections")
	}
}
