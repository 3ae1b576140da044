package node

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
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
	serveName(t, listener, name)
	return listener
}

// serveName says a name to who sends a byte.
func serveName(t *testing.T, listener net.Listener, name string) {
	t.Helper()
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
}

func dialEntrance(t *testing.T, e *entrance) net.Conn {
	t.Helper()
	return dialDoor(t, e, 0)
}

func dialDoor(t *testing.T, e *entrance, door int) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", e.addresses()[door])
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
	var away atomic.Bool
	e, err := openEntrance(ctx, self.Addr().String(), func(ctx context.Context) ([]string, error) {
		if away.Load() {
			return nil, errors.New("the driver is away")
		}
		return known.controllers(ctx)
	})
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
	for door := range doors {
		answered[ask(dialDoor(t, e, door))] = true
	}
	if !answered["a"] || !answered["b"] {
		t.Errorf("only %v were asked: one that hangs, or knows no leader, would be asked for ever", answered)
	}
	away.Store(true)
	if got := ask(dialEntrance(t, e)); got == "" {
		t.Error("nobody answered while the driver is away, and those that lived before live")
	}
	away.Store(false)
	known.set()
	if got := ask(dialEntrance(t, e)); got != "" {
		t.Errorf("%q answered where there is no controller", got)
	}

	if got := ask(kept); got != "a" {
		t.Errorf("a connection that lasts was answered by %q", got)
	}
	cancel()
	e.close()
	if got := ask(kept); got != "" {
		t.Error("a connection outlived the entrance")
	}
	if conn, err := net.Dial("tcp", e.addresses()[0]); err == nil {
		_ = conn.Close()
		t.Error("a closed entrance takes connections")
	}
}

// TestADoorOpensToItsOwnControllerInTheEnd has two controllers, of which one does not listen yet: behind every door is the other one, and not for longer
// than it takes.
func TestADoorOpensToItsOwnControllerInTheEnd(t *testing.T) {
	late, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := late.Addr().String()
	if err := late.Close(); err != nil {
		t.Fatal(err)
	}
	early := newController(t, "e")
	ctx, cancel := context.WithCancel(context.Background())
	e, err := openEntrance(ctx, "127.0.0.1:1", func(context.Context) ([]string, error) { return []string{address, early.Addr().String()}, nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		e.close()
	})
	kept := make([]net.Conn, doors)
	for door := range doors {
		if kept[door] = dialDoor(t, e, door); ask(kept[door]) != "e" {
			t.Fatalf("behind door %d is not the only controller that listens", door)
		}
	}
	if late, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	serveName(t, late, "l")
	// Each keeps its connection, as Kafka does, until it is closed, and comes again then.
	answered := map[string]bool{}
	for door, conn := range kept {
		for ask(conn) != "" {
			time.Sleep(50 * time.Millisecond)
		}
		if _, err := conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("the connection through door %d lasts", door)
		}
		answered[ask(dialDoor(t, e, door))] = true
	}
	if !answered["l"] {
		t.Errorf("only %v were asked", answered)
	}
}
