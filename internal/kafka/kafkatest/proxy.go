package kafkatest

import (
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// proxiedListener is the listener that Options.Proxied adds.
const proxiedListener = "PROXIED"

// Proxied returns the addresses of the proxies to the brokers, with Options.Proxied. Brokers tell whoever comes through one of them of the others.
func (c *Cluster) Proxied() []string {
	var addresses []string
	for _, id := range c.ids() {
		if p := c.node(id).proxy; p != nil {
			addresses = append(addresses, p.address())
		}
	}
	return addresses
}

// Measure begins to count anew the requests that come through the proxies, and has each reply delayed.
func (c *Cluster) Measure(delay time.Duration) {
	for _, id := range c.ids() {
		if p := c.node(id).proxy; p != nil {
			p.reset(delay)
		}
	}
}

// Requests are how many requests came through the proxies since Measure, by Kafka's name of the API.
func (c *Cluster) Requests() map[string]int {
	all := map[string]int{}
	for _, id := range c.ids() {
		if p := c.node(id).proxy; p != nil {
			for name, n := range p.counted() {
				all[name] += n
			}
		}
	}
	return all
}

// Received is how many bytes of replies came through the proxies since Measure.
func (c *Cluster) Received() int {
	all := 0
	for _, id := range c.ids() {
		if p := c.node(id).proxy; p != nil {
			p.mu.Lock()
			all += p.received
			p.mu.Unlock()
		}
	}
	return all
}

// proxy is the way of clients to one broker: it counts their requests by API and may hold each reply back for a while.
type proxy struct {
	listener net.Listener
	// target is where the broker listens.
	target string
	work   sync.WaitGroup

	mu       sync.Mutex
	requests map[string]int
	received int
	delay    time.Duration
	open     map[net.Conn]bool
}

func newProxy(target string) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: l, target: target, requests: map[string]int{}, open: map[net.Conn]bool{}}
	p.serve()
	return p, nil
}

func (p *proxy) address() string { return p.listener.Addr().String() }

// serve takes connections to the broker until close.
func (p *proxy) serve() {
	p.work.Go(func() {
		for {
			client, err := p.listener.Accept()
			if err != nil {
				return
			}
			p.work.Go(func() { p.connect(client) })
		}
	})
}

func (p *proxy) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	for c := range p.open {
		_ = c.Close()
	}
	p.mu.Unlock()
	p.work.Wait()
}

// reset begins to count anew, with another delay of replies.
func (p *proxy) reset(delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.requests)
	p.received, p.delay = 0, delay
}

func (p *proxy) counted() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.requests)
}

func (p *proxy) connect(client net.Conn) {
	broker, err := net.Dial("tcp", p.target)
	if err != nil {
		_ = client.Close()
		return
	}
	p.mu.Lock()
	p.open[client], p.open[broker] = true, true
	p.mu.Unlock()
	done := make(chan struct{}, 2)
	p.work.Go(func() {
		p.replies(broker, client)
		done <- struct{}{}
	})
	p.work.Go(func() {
		p.asked(client, broker)
		done <- struct{}{}
	})
	<-done
	_, _ = client.Close(), broker.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, client)
	delete(p.open, broker)
}

// frame reads one request or reply, with its length.
func frame(from io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(from, size[:]); err != nil {
		return nil, err
	}
	whole := make([]byte, 4+binary.BigEndian.Uint32(size[:]))
	copy(whole, size[:])
	_, err := io.ReadFull(from, whole[4:])
	return whole, err
}

// asked hands requests on.
func (p *proxy) asked(client io.Reader, broker io.Writer) {
	for {
		request, err := frame(client)
		if err != nil || len(request) < 6 {
			return
		}
		name := kmsg.NameForKey(int16(binary.BigEndian.Uint16(request[4:]))) //nolint:gosec // Kafka's own sixteen bits.
		if name == "" {
			name = fmt.Sprintf("key %d", binary.BigEndian.Uint16(request[4:]))
		}
		p.mu.Lock()
		p.requests[name]++
		p.mu.Unlock()
		if _, err := broker.Write(request); err != nil {
			return
		}
	}
}

// replies hands replies on, each a delay after it came.
func (p *proxy) replies(broker io.Reader, client io.Writer) {
	type held struct {
		reply []byte
		until time.Time
	}
	queue := make(chan held, 1000)
	p.work.Go(func() {
		for h := range queue {
			time.Sleep(time.Until(h.until))
			if _, err := client.Write(h.reply); err != nil {
				break
			}
		}
		for range queue { // Nobody takes them any more.
		}
	})
	defer close(queue)
	for {
		reply, err := frame(broker)
		if err != nil {
			return
		}
		p.mu.Lock()
		p.received += len(reply)
		delay := p.delay
		p.mu.Unlock()
		queue <- held{reply, time.Now().Add(delay)}
	}
}
