package kafka

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// kgoOptions are the options of every franz-go connection of this client.
func (c *Client) kgoOptions() ([]kgo.Opt, error) {
	opts := []kgo.Opt{
		kgo.ClientID(c.cfg.ClientID),
		kgo.RequestTimeoutOverhead(c.cfg.Timeout),
		kgo.DialTimeout(min(c.cfg.Timeout, maxDial)),
		kgo.DisableClientMetrics(),
	}
	if c.cfg.TLS != nil {
		opts = append(opts, kgo.DialTLSConfig(c.cfg.TLS.Clone()))
	}
	if s := c.cfg.SASL; s != nil {
		switch s.Mechanism {
		case "PLAIN":
			opts = append(opts, kgo.SASL(plain.Auth{User: s.Username, Pass: s.Password}.AsMechanism()))
		case "SCRAM-SHA-256":
			opts = append(opts, kgo.SASL(scram.Auth{User: s.Username, Pass: s.Password}.AsSha256Mechanism()))
		case "SCRAM-SHA-512":
			opts = append(opts, kgo.SASL(scram.Auth{User: s.Username, Pass: s.Password}.AsSha512Mechanism()))
		default:
			return nil, fmt.Errorf("%w: unknown SASL mechanism %q; use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", ErrInvalid, s.Mechanism)
		}
	}
	return opts, nil
}
