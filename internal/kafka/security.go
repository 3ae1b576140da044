package kafka

import (
	"fmt"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	franzscram "github.com/twmb/franz-go/pkg/sasl/scram"
	"github.com/xdg-go/scram"
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
		case sarama.SASLTypePlaintext:
			opts = append(opts, kgo.SASL(plain.Auth{User: s.Username, Pass: s.Password}.AsMechanism()))
		case sarama.SASLTypeSCRAMSHA256:
			opts = append(opts, kgo.SASL(franzscram.Auth{User: s.Username, Pass: s.Password}.AsSha256Mechanism()))
		case sarama.SASLTypeSCRAMSHA512:
			opts = append(opts, kgo.SASL(franzscram.Auth{User: s.Username, Pass: s.Password}.AsSha512Mechanism()))
		default:
			return nil, unknownMechanism(s.Mechanism)
		}
	}
	return opts, nil
}

// saramaConfig is the configuration of the sarama connection.
func (c *Client) saramaConfig() (*sarama.Config, error) {
	conf := sarama.NewConfig()
	// The newest that sarama knows; each request is sent in the highest version that the broker has too.
	conf.Version = sarama.MaxVersion
	conf.ClientID = c.cfg.ClientID
	conf.Net.DialTimeout = min(c.cfg.Timeout, maxDial)
	conf.Net.ReadTimeout = c.cfg.Timeout
	conf.Net.WriteTimeout = c.cfg.Timeout
	conf.Admin.Timeout = c.cfg.Timeout
	// The client repeats by itself, with a new connection, so sarama need not insist on one that is broken.
	conf.Metadata.Retry.Max = 1
	conf.Metadata.RefreshFrequency = 0
	conf.Metadata.AllowAutoTopicCreation = false
	if c.cfg.TLS != nil {
		conf.Net.TLS.Enable = true
		conf.Net.TLS.Config = c.cfg.TLS.Clone()
	}
	if s := c.cfg.SASL; s != nil {
		conf.Net.SASL.Enable = true
		conf.Net.SASL.Mechanism = sarama.SASLMechanism(s.Mechanism)
		conf.Net.SASL.User, conf.Net.SASL.Password = s.Username, s.Password
		switch s.Mechanism {
		case sarama.SASLTypePlaintext:
		case sarama.SASLTypeSCRAMSHA256:
			conf.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &conversation{hash: scram.SHA256} }
		case sarama.SASLTypeSCRAMSHA512:
			conf.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &conversation{hash: scram.SHA512} }
		default:
			return nil, unknownMechanism(s.Mechanism)
		}
	}
	if err := conf.Validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return conf, nil
}

func unknownMechanism(name string) error {
	return fmt.Errorf("%w: unknown SASL mechanism %q; use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", ErrInvalid, name)
}

// conversation lets sarama speak SCRAM, which it leaves to a library.
type conversation struct {
	hash scram.HashGeneratorFcn
	*scram.ClientConversation
}

// Begin starts the exchange.
func (s *conversation) Begin(username, password, authzID string) error {
	client, err := s.hash.NewClient(username, password, authzID)
	if err != nil {
		return err
	}
	s.ClientConversation = client.NewConversation()
	return nil
}
