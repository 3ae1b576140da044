package check

import (
	"crypto/tls"
	"errors"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// Security is how the clients of a check know Kafka, and how Kafka knows them. Its zero value is plaintext without a login.
type Security struct {
	// TLS encrypts every connection; nil does not. Its RootCAs are the authorities whose brokers are believed (nil: those of the system), its
	// certificates are what the clients show to a broker that asks. A broker has to have the name that it is reached by.
	TLS *tls.Config
	// User logs in by SASL/SCRAM-SHA-512 with Password; "" does not log in.
	User, Password string
}

// String hides the password.
func (s Security) String() string {
	words := "plaintext"
	if s.TLS != nil {
		words = "TLS"
	}
	if s.User != "" {
		words += ", user " + s.User
	}
	return words
}

// GoString hides the password.
func (s Security) GoString() string { return s.String() }

// valid says which part of it cannot be used.
func (s Security) valid() error {
	switch {
	case s.User == "" && s.Password != "":
		return errors.New("there is a password and no user who would log in with it")
	case s.User != "" && s.Password == "":
		return errors.New("the user " + s.User + " has no password to log in with")
	}
	return nil
}

// options make a client connect like this.
func (s Security) options() []kgo.Opt {
	options := []kgo.Opt{kgo.Dialer((&dialer{tls: s.TLS}).DialContext)}
	if s.User != "" {
		options = append(options, kgo.SASL(scram.Auth{User: s.User, Pass: s.Password}.AsSha512Mechanism()))
	}
	return options
}
