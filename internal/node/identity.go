package node

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/pki"
)

// identify waits for the node's identity and puts it where Kafka reads it. A plaintext node has none.
func (a *agent) identify(ctx context.Context) error {
	for {
		err := a.renew(ctx)
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		a.tell(func(s *compute.NodeStatus) {
			s.Phase, s.LastError = compute.PhasePreparing, fmt.Sprintf("waiting for the node's certificate: %v", err)
		})
		sleep(ctx, lookEvery)
	}
}

// renew installs the identity that the secret store has now.
func (a *agent) renew(ctx context.Context) error {
	if a.file.Spec.Security.Plaintext {
		return nil
	}
	asking, done := context.WithTimeout(ctx, askTimeout)
	defer done()
	identity, err := a.driver.Identity(asking)
	if err != nil || identity == a.installed {
		return err
	}
	if err := a.install(identity); err != nil {
		return err
	}
	a.installed = identity
	return nil
}

// followIdentity keeps an eye on the secret store while Kafka runs, and returns when Kafka has to be started anew: a certificate that has ended
// opens no connection any more, and Kafka reads its files when it starts. Until then a new one waits for the next start.
func (a *agent) followIdentity(ctx context.Context) {
	if a.file.Spec.Security.Plaintext {
		<-ctx.Done()
		return
	}
	for running := a.ends(); ctx.Err() == nil; sleep(ctx, statusEvery) {
		if err := a.renew(ctx); err != nil || time.Now().Before(running) {
			continue // What cannot be read now can be later, and a node that works is left alone.
		}
		if a.ends().After(time.Now()) {
			return
		}
	}
}

// ends is when the installed certificate ends.
func (a *agent) ends() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.status.CertificateEnds
}

// install writes an identity for Kafka, each file in one step.
func (a *agent) install(i compute.Identity) error {
	chain, err := pki.Certificates([]byte(i.CertificatePEM))
	if err != nil {
		return fmt.Errorf("the certificate in the node's secret: %w", err)
	}
	if err := replaceFile(filepath.Join(a.file.Dir, truststoreFile), []byte(i.TrustedPEM)); err != nil {
		return err
	}
	keystore := strings.TrimRight(i.KeyPEM, "\n") + "\n" + i.CertificatePEM
	if err := replaceFile(filepath.Join(a.file.Dir, keystoreFile), []byte(keystore)); err != nil {
		return err
	}
	a.tell(func(s *compute.NodeStatus) {
		s.CertificateEnds, s.AuthorityGeneration = chain[0].NotAfter, i.Generation
	})
	return nil
}
