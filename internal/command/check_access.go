package command

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/check"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/pki"
)

// checkPassword is the environment variable with the password of the check's user. A password is never an argument: those can be seen by
// every user of the machine.
const checkPassword = "KAFKAFLEET_CHECK_PASSWORD"

// checkAccess is how the check reaches Kafka, as its flags say it.
type checkAccess struct {
	tls              bool
	ca               string
	certificate, key string
	user             string
	passwordFile     string
}

// bind defines the flags.
func (a *checkAccess) bind(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&a.tls, "tls", false, "connect by TLS, and believe the authorities of this machine")
	flags.StringVar(&a.ca, "ca", "", "a PEM file with the authorities to believe instead; connects by TLS")
	flags.StringVar(&a.certificate, "certificate", "", "a PEM file with a certificate to show, its chain after it; connects by TLS")
	flags.StringVar(&a.key, "key", "", "a PEM file with the certificate's private key")
	flags.StringVar(&a.user, "user", "", "log in as this user, by SASL/SCRAM-SHA-512, with the password in "+checkPassword)
	flags.StringVar(&a.passwordFile, "password-file", "", "a file with the password, instead of "+checkPassword)
}

// security reads what the flags name. Its errors tell nothing of a password or a key.
func (a checkAccess) security() (check.Security, error) {
	var s check.Security
	if a.tls || a.ca != "" || a.certificate != "" {
		s.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if a.ca != "" {
		bundle, err := os.ReadFile(a.ca)
		if err != nil {
			return s, fmt.Errorf("--ca: %w", err)
		}
		if s.TLS.RootCAs, err = pki.Pool(bundle); err != nil {
			return s, fmt.Errorf("--ca: %s: %w", a.ca, err)
		}
	}
	if (a.certificate == "") != (a.key == "") {
		return s, errors.New("--certificate and --key are given together or not at all")
	}
	if a.certificate != "" {
		pair, err := tls.LoadX509KeyPair(a.certificate, a.key)
		if err != nil {
			return s, fmt.Errorf("--certificate and --key: %w", err)
		}
		s.TLS.Certificates = []tls.Certificate{pair}
	}
	if a.user == "" {
		if a.passwordFile != "" {
			return s, errors.New("--password-file is given without --user, whose password it would be")
		}
		return s, nil // A password in the environment may be meant for another check.
	}
	s.User, s.Password = a.user, os.Getenv(checkPassword)
	if a.passwordFile != "" {
		text, err := os.ReadFile(a.passwordFile)
		if err != nil {
			return s, fmt.Errorf("--password-file: %w", err)
		}
		s.Password = string(bytes.TrimRight(text, "\r\n"))
	}
	if s.Password == "" {
		return s, fmt.Errorf("--user %s has no password: put it into the environment variable %s, or into a file that --password-file names", a.user, checkPassword)
	}
	return s, nil
}
