package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// probeTimeout bounds a question that is asked only to explain a failure.
	probeTimeout = 2 * time.Second
	// maxProbe is more than the answer to any such question.
	maxProbe = 1 << 16
)

// probe asks an address one thing on a connection of its own. The request is of a version from before flexible headers.
func probe(ctx context.Context, cfg Config, address string, req kmsg.Request) (kmsg.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	conn, err := dial(ctx, cfg, address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	return exchange(conn, cfg.ClientID, req)
}

func exchange(conn net.Conn, clientID string, req kmsg.Request) (kmsg.Response, error) {
	const correlation = 1
	if _, err := conn.Write(kmsg.NewRequestFormatter(kmsg.FormatterClientID(clientID)).AppendRequest(nil, req, correlation)); err != nil {
		return nil, err
	}
	var header [8]byte
	if _, err := io.ReadFull(conn, header[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(header[:])
	if size < 4 || size > maxProbe || binary.BigEndian.Uint32(header[4:]) != correlation {
		return nil, errors.New("no answer of Kafka")
	}
	body := make([]byte, size-4)
	if _, err := io.ReadFull(conn, body); err != nil {
		return nil, err
	}
	resp := req.ResponseKind()
	return resp, resp.ReadFrom(body)
}

// speaksPlain is true when an address answers Kafka's protocol without TLS.
func speaksPlain(ctx context.Context, cfg Config, address string) bool {
	cfg.TLS, cfg.Secure = nil, nil
	req := kmsg.NewPtrApiVersionsRequest()
	req.Version = 0
	_, err := probe(ctx, cfg, address, req)
	return err == nil
}

// mechanisms returns what an address can be logged in by; nothing where it takes no login or does not answer.
func mechanisms(ctx context.Context, cfg Config, address string) []string {
	req := kmsg.NewPtrSASLHandshakeRequest()
	req.Version, req.Mechanism = 1, "which"
	resp, err := probe(ctx, cfg, address, req)
	answer, ok := resp.(*kmsg.SASLHandshakeResponse)
	if err != nil || !ok || answer.ErrorCode != kerr.UnsupportedSaslMechanism.Code {
		return nil
	}
	return answer.SupportedMechanisms
}
