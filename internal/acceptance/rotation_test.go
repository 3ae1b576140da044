package acceptance

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/pki"
)

// rotateAuthority changes the fleet's certificate authority for another one while records are written and read: three applies, each of which
// replaces every node and is clean after it, and one of which is killed in its middle. A step that would cut nodes off is an error of the plan.
func (w *workspace) rotateAuthority() {
	const trustNew, useNew = "authority_rotation=trust_new", "authority_rotation=use_new"
	step := func(apply func(), vars ...string) {
		w.t.Helper()
		controllers, brokers := w.nodes(compute.RoleController), w.nodes(compute.RoleBroker)
		w.underLoad(apply)
		w.fresh(compute.RoleController, controllers)
		w.fresh(compute.RoleBroker, brokers)
		w.quiet(vars...)
	}
	first := w.trusted()
	w.refused(`apply authority_rotation = "trust_new" first`, useNew)
	step(func() { w.apply(trustNew) }, trustNew)
	both := w.trusted()
	if !strings.Contains(both, strings.TrimSpace(first)) || both == first {
		w.t.Errorf("clients are to trust both, and get\n%s", both)
	}
	w.believed("the old authority is trusted", first, true)

	step(func() {
		brokers := w.nodes(compute.RoleBroker)
		r := w.start(withVars("apply", []string{useNew})...)
		w.midRoll(brokers)
		r.signal(syscall.SIGKILL)
		w.wait(r)
		w.refused("have no certificate of the new authority yet")
		w.apply(useNew)
	}, useNew)
	w.believed("both are trusted", both, true)

	step(func() { w.apply() })
	last := w.trusted()
	if strings.Contains(last, strings.TrimSpace(first)) || !strings.Contains(both, strings.TrimSpace(last)) {
		w.t.Errorf("the last authority is\n%s\nand both were\n%s", last, both)
	}
	w.believed("both are still trusted", both, true)
	w.believed("the new one is trusted", last, true)
	w.believed("only the old one is trusted", first, false)
}

// trusted is what clients are told to trust.
func (w *workspace) trusted() string {
	w.t.Helper()
	trusted, err := fleet.New(w.driver, fleet.Options{}).Trusted(context.Background(), cluster)
	if err != nil {
		w.t.Fatal(err)
	}
	return trusted
}

// believed asserts that a client who trusts these authorities believes every broker, or that it believes none and connects to each.
func (w *workspace) believed(when, trusted string, want bool) {
	w.t.Helper()
	pool, err := pki.Pool([]byte(trusted))
	if err != nil {
		w.t.Fatal(err)
	}
	dialer := &tls.Dialer{NetDialer: &net.Dialer{Timeout: 10 * time.Second}, Config: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	tried := 0
	for _, i := range w.instances() {
		if i.Spec.Role != compute.RoleBroker {
			continue
		}
		tried++
		conn, err := dialer.DialContext(w.t.Context(), "tcp", i.Clients)
		if err == nil {
			_ = conn.Close()
		}
		if unknown := (x509.UnknownAuthorityError{}); want && err != nil || !want && !errors.As(err, &unknown) {
			w.t.Errorf("%s: broker %d: %v", when, i.Spec.NodeID, err)
		}
	}
	if tried == 0 {
		w.t.Error("there is no broker to try")
	}
}
