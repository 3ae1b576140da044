package loopback

import (
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
)

func closeFile(t *testing.T, file *os.File) {
	t.Helper()
	if err := file.Close(); err != nil {
		t.Error(err)
	}
}

func portOf(t *testing.T, address string) int {
	t.Helper()
	var port int
	if _, err := fmt.Sscanf(address, "127.0.0.1:%d", &port); err != nil {
		t.Fatalf("address %q: %v", address, err)
	}
	return port
}

func TestAPortIsKeptForItsServer(t *testing.T) {
	kept, address, err := Reserve(9000, 1000, nil)
	if err != nil {
		t.Fatal(err)
	}
	port := portOf(t, address)
	if port < 9000 || port >= 10000 {
		t.Fatalf("address %q", address)
	}
	if second, address, err := Reserve(port, 1, nil); !errors.Is(err, ErrNoPort) {
		closeFile(t, second)
		t.Errorf("%s was given away twice", address)
	}
	// Its server listens as often as it is started, and nobody else gets the port at the same time.
	for range 2 {
		server, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatalf("the server cannot listen on its own port: %v", err)
		}
		if second, address, err := Reserve(port, 1, nil); !errors.Is(err, ErrNoPort) {
			closeFile(t, second)
			t.Errorf("%s was given away while its server listens", address)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}
	closeFile(t, kept)
	again, _, err := Reserve(port, 1, nil)
	if err != nil {
		t.Fatalf("a port that was given up is not free: %v", err)
	}
	closeFile(t, again)
}

func TestAPortThatSomebodyListensOnIsPassedOver(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	if file, address, err := Reserve(portOf(t, server.Addr().String()), 1, nil); !errors.Is(err, ErrNoPort) {
		closeFile(t, file)
		t.Errorf("%s was given away while somebody listens on it", address)
	}
}

func TestTakenAddressesArePassedOver(t *testing.T) {
	taken := map[string]bool{}
	for port := 9000; port < 10000; port++ {
		if port%100 != 17 { // Ten are left, in case that something on this machine has one.
			taken[fmt.Sprintf("127.0.0.1:%d", port)] = true
		}
	}
	kept, address, err := Reserve(9000, 1000, taken)
	if err != nil || taken[address] {
		t.Fatalf("got %q, %v", address, err)
	}
	closeFile(t, kept)
}
