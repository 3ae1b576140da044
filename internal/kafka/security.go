package kafka

import (
	"fmt"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	xdg "github.com/xdg-go/scram"
)

// The mechanisms of SASL.
const (
	mechanismPlain    = "PLAIN"
	mechanismSCRAM256 = "SCRAM-SHA-256"
	mechanismSCRAM512 = "SCRAM-SHA-512"
)

// saramaSASL adds the login to sarama's configuration.
func saramaSASL(config *sarama.Config, s SASL) error {
	sasl := &config.Net.SASL
	sasl.Enable, sasl.Mechanism, sasl.User, sasl.Password = true, sarama.SASLMechanism(s.Mechanism), s.Username, s.Password
	switch s.Mechanism {
	case mechanismPlain:
	case mechanismSCRAM256:
		sasl.SCRAMClientGeneratorFunc = newSCRAM(xdg.SHA256)
	case mechanismSCRAM512:
		sasl.SCRAMClientGeneratorFunc = newSCRAM(xdg.SHA512)
	default:
		return unknownMechanism(s)
	}
	return nil
}

// kgoSASL is the login as an option of franz-go.
func kgoSASL(s SASL) (kgo.Opt, error) {
	switch s.Mechanism {
	case mechanismPlain:
		return kgo.SASL(plain.Auth{User: s.Username, Pass: s.Password}.AsMechanism()), nil
	case mechanismSCRAM256:
		return kgo.SASL(scram.Auth{User: s.Username, Pass: s.Password}.AsSha256Mechanism()), nil
	case mechanismSCRAM512:
		return kgo.SASL(scram.Auth{User: s.Username, Pass: s.Password}.AsSha512Mechanism()), nil
	}
	return nil, unknownMechanism(s)
}

func unknownMechanism(s SASL) error {
	return fmt.Errorf("%w: unknown SASL mechanism %q; use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", ErrInvalid, s.Mechanism)
}
