package command

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/check"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/pki"
)

func TestCheckPrintsItsReport(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "load"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	run := func(more ...string) (string, error) {
		var out bytes.Buffer
		cmd := newCheck()
		cmd.SetOut(&out)
		cmd.SetErr(io.Discard)
		cmd.SetArgs(append([]string{"--bootstrap", strings.Join(cluster.ListenAddrs(), ","), "--topic", "load", "--records", "200"}, more...))
		err := cmd.ExecuteContext(t.Context())
		return out.String(), err
	}

	text, err := run("--json")
	if err != nil {
		t.Fatal(err)
	}
	var report check.Report
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	if report.RecordsAcked != 200 || report.RecordsLost != 0 {
		t.Errorf("report %+v", report)
	}

	if text, err = run(); err != nil || !strings.Contains(text, "200 records acknowledged, 0 lost") {
		t.Errorf("error %v, output %q", err, text)
	}
	if _, err = run("--topic", "nope"); err == nil || !strings.Contains(err.Error(), "topic nope does not exist") {
		t.Errorf("a topic that is not there gave %v", err)
	}
}

// TestCheckConnectsAsTold: by TLS, with a user whose password is no argument.
func TestCheckConnectsAsTold(t *testing.T) {
	const password = "password-of-the-check"
	authority, err := pki.NewAuthority("check", time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	certificate, _, err := authority.PEM()
	if err != nil {
		t.Fatal(err)
	}
	issue := func(server bool) pki.Credential {
		t.Helper()
		credential, err := authority.Issue(pki.Request{CommonName: "check", IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Lifetime: time.Hour, Server: server}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return credential
	}
	pair, err := issue(true).TLS()
	if err != nil {
		t.Fatal(err)
	}
	pool, err := pki.Pool(certificate)
	if err != nil {
		t.Fatal(err)
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "load"), kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "shop", password),
		kfake.TLS(&tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.VerifyClientCertIfGiven}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)

	dir := t.TempDir()
	file := func(name string, content []byte) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	own := issue(false)
	ca, secret, empty := file("ca.pem", certificate), file("password", []byte(password+"\n")), file("empty", nil)
	shown, key := file("own.pem", own.CertificatePEM), file("own-key.pem", own.KeyPEM)
	tests := map[string]struct {
		environment string
		args        []string
		refused     string // "" for none.
	}{
		"password in the environment": {password, []string{"--ca", ca, "--user", "shop"}, ""},
		"password in a file":          {"another", []string{"--ca", ca, "--user", "shop", "--password-file", secret}, ""},
		"with a certificate":          {password, []string{"--ca", ca, "--user", "shop", "--certificate", shown, "--key", key}, ""},
		"no password":                 {"", []string{"--ca", ca, "--user", "shop"}, "KAFKAFLEET_CHECK_PASSWORD"},
		"an empty password":           {password, []string{"--ca", ca, "--user", "shop", "--password-file", empty}, "KAFKAFLEET_CHECK_PASSWORD"},
		"authorities of this machine": {password, []string{"--tls", "--user", "shop"}, "unknown authority"},
		"a password for nobody":       {"", []string{"--ca", ca, "--password-file", secret}, "without --user"},
		"a certificate without a key": {password, []string{"--ca", ca, "--user", "shop", "--certificate", shown}, "together"},
		"authorities that are none":   {password, []string{"--ca", secret, "--user", "shop"}, "--ca"},
		"a key that is none":          {password, []string{"--ca", ca, "--user", "shop", "--certificate", shown, "--key", secret}, "--certificate and --key"},
		"a file that is not there":    {password, []string{"--ca", filepath.Join(dir, "none"), "--user", "shop"}, "no such file"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Setenv(checkPassword, tt.environment)
			var out bytes.Buffer
			cmd := newCheck()
			cmd.SetOut(&out)
			cmd.SetErr(&out)
			cmd.SetArgs(append([]string{"--bootstrap", strings.Join(cluster.ListenAddrs(), ","), "--topic", "load", "--records", "100"}, tt.args...))
			err := cmd.ExecuteContext(t.Context())
			if tt.refused == "" && (err != nil || !strings.Contains(out.String(), "100 records acknowledged, 0 lost")) {
				t.Errorf("error %v, output %q", err, out.String())
			}
			if tt.refused != "" && (err == nil || !strings.Contains(err.Error(), tt.refused)) {
				t.Errorf("error %v, want one with %q", err, tt.refused)
			}
			if strings.Contains(fmt.Sprint(out.String(), err), password) {
				t.Errorf("the password is shown: %v, %q", err, out.String())
			}
		})
	}
	if usage := newCheck().UsageString(); strings.Contains(usage, "--password ") {
		t.Errorf("a password can be an argument:\n%s", usage)
	}
}
