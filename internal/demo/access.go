package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/check"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/pki"
)

const (
	// passwordVariable is the environment variable that Terraform takes the password of the example's user from.
	passwordVariable = "TF_VAR_shop_password" //nolint:gosec // A name, and no password.
	// passwordFile is where the password of a fleet that is kept is, in its folder.
	passwordFile = "shop-password"
)

// newPassword is another one at each run. It is in this process and in the environment of Terraform, and nowhere else as long as the fleet
// is not kept.
func newPassword() string { return rand.Text() }

// client is how a client of the fleet connects: as the example's user, believing the cluster's authority.
func (d demo) client(o outputs) (check.Security, error) {
	pool, err := pki.Pool([]byte(o.CACertificatePEM))
	if err != nil {
		return check.Security{}, fmt.Errorf("the output ca_certificate_pem: %w", err)
	}
	if o.User == "" {
		return check.Security{}, errors.New("the output user says nobody")
	}
	return check.Security{TLS: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}, User: o.User, Password: d.password}, nil
}

// admin is how the demo itself looks at all partitions and their sizes, which the example's user may not: as the provider does, by a
// certificate of the authority that the driver keeps.
func (d demo) admin(ctx context.Context) (check.Security, error) {
	security, err := d.Fleet.AdminTLS(ctx)
	if err != nil {
		return check.Security{}, fmt.Errorf("the demo's own access to Kafka: %w", err)
	}
	return check.Security{TLS: security}, nil
}

// leavePassword puts the password beside a fleet that is kept, where only this user can read it, and returns the file's name.
func (d demo) leavePassword() (string, error) {
	path := filepath.Join(d.Work, passwordFile)
	if err := os.WriteFile(path, []byte(d.password), 0o600); err != nil {
		return "", fmt.Errorf("leaving the password of the fleet: %w", err)
	}
	return path, nil
}
