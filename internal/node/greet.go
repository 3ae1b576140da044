package node

import (
	"context"
	"crypto/tls"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

const (
	// greetings is how many connections the agent opens to each protected listener: after so many, Java has compiled most of what a handshake runs.
	greetings = 20
	// greetWithin is how long that may take. A node that is slower serves all the same.
	greetWithin = 10 * time.Second
)

// greet opens connections to each listener of a Kafka that has just begun to answer, as its neighbours and its clients are going to. The first
// handshakes of a Java take it many times as long as the later ones: better the agent waits for them than the clients of a partition that comes here.
func greet(ctx context.Context, f File, identity compute.Identity) {
	if f.Spec.Security.Plaintext {
		return
	}
	ctx, done := context.WithTimeout(ctx, greetWithin)
	defer done()
	config, err := TLS(identity)
	if err != nil {
		return // Kafka says what it thinks of it.
	}
	dialer := tls.Dialer{Config: config}
	for range greetings {
		for _, address := range f.listeners() {
			greetOnce(ctx, &dialer, address)
		}
	}
}

func greetOnce(ctx context.Context, dialer *tls.Dialer, address string) {
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return // Only a listener that is not up yet: what is wrong with it, those find out who need it.
	}
	_ = conn.Close()
}
