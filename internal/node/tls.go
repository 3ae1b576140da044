package node

import (
	"crypto/tls"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/pki"
)

// TLS is how a node connects to others of its cluster.
func TLS(identity compute.Identity) (*tls.Config, error) {
	pair, err := tls.X509KeyPair([]byte(identity.CertificatePEM), []byte(identity.KeyPEM))
	if err != nil {
		return nil, err
	}
	trusted, err := pki.Pool([]byte(identity.TrustedPEM))
	if err != nil {
		return nil, err
	}
	return &tls.Config{RootCAs: trusted, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}
