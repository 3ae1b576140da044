package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
)

// tlsAlert is the first byte of a TLS alert. Where Kafka's answer would begin it is no length that Kafka has (352 MB).
const tlsAlert = 0x15

// dial connects to an address, for either library: TLS is spoken here, so that both meet the same troubles. ctx ends the attempt, and
// not the connection. The error is a *trouble where waiting does not help.
func dial(ctx context.Context, cfg Config, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	tcp := net.Dialer{Timeout: min(cfg.Timeout, maxDial)}
	conn, err := tcp.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	config, err := cfg.tls(ctx)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	if config == nil {
		return &plainConn{Conn: conn, address: address}, nil
	}
	if config.ServerName == "" {
		config.ServerName = hostOf(address)
	}
	asked := &certificateRequest{own: config.Certificates, source: config.GetClientCertificate}
	config.GetClientCertificate = asked.choose
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, handshakeTrouble(ctx, cfg, address, asked, err)
	}
	return &tlsConn{Conn: secure, address: address, asked: asked}, nil
}

func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}

// certificateRequest is what a broker asked for in a handshake.
type certificateRequest struct {
	own []tls.Certificate
	// source makes one when it is asked for; nil where own is all there is.
	source func(*tls.CertificateRequestInfo) (*tls.Certificate, error)

	mu sync.Mutex
	// asked: it wants a certificate. given: it got one.
	asked, given bool
	// from are the authorities that it takes certificates of, in DER; none for any.
	from [][]byte
}

// choose is what crypto/tls calls when a broker asks. It gives the first certificate that the broker would take, as crypto/tls does.
func (r *certificateRequest) choose(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked, r.from = true, info.AcceptableCAs
	if r.source != nil {
		made, err := r.source(info)
		r.given = err == nil && len(made.Certificate) > 0
		return made, err
	}
	for i := range r.own {
		if info.SupportsCertificate(&r.own[i]) == nil {
			r.given = true
			return &r.own[i], nil
		}
	}
	return new(tls.Certificate), nil
}

// plainConn notices a broker that answers by TLS. From then on it says nothing else: sarama asks again when it gets no answer.
type plainConn struct {
	net.Conn
	address string
	begun   bool
	trouble atomic.Pointer[trouble]
}

func (c *plainConn) Read(p []byte) (int, error) {
	if t := c.trouble.Load(); t != nil {
		return 0, t
	}
	n, err := c.Conn.Read(p)
	if n > 0 && !c.begun {
		c.begun = true
		if p[0] == tlsAlert {
			t := &trouble{address: c.address, text: "it speaks TLS, and the client was to speak without: turn `tls` on, or give the port of a listener without TLS"}
			c.trouble.Store(t)
			return 0, t
		}
	}
	return n, err
}

func (c *plainConn) Write(p []byte) (int, error) {
	if t := c.trouble.Load(); t != nil {
		return 0, t
	}
	return c.Conn.Write(p)
}

// tlsConn notices a broker that refuses the client's certificate: in TLS 1.3 it says so after the handshake. crypto/tls itself repeats
// such an error for ever.
type tlsConn struct {
	*tls.Conn
	address string
	asked   *certificateRequest
}

func (c *tlsConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if refusedByTLS(err) {
		err = c.asked.trouble(c.address, err)
	}
	return n, err
}

// refusedByTLS is true for an alert of the other side. crypto/tls has no exported type for it.
func refusedByTLS(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}
