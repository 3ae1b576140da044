package acceptance

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"golang.org/x/sync/errgroup"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/pki"
)

// What alice's password is in this test, and what it is not.
const password, wrongPassword = "correct-horse-battery-staple", "tr0ub4dor&3"

// TestSecurity tries every listener of every node of a fleet that declares nothing but that clients may also show a certificate: with the right
// credential, a wrong one, none, and in plaintext. Then it changes the fleet's authority, which replaces all nodes, and tries again.
func TestSecurity(t *testing.T) {
	t.Parallel() // With TestMaps, when the others are through: both wait a lot.
	w := newWorkspace(t)
	config, err := os.ReadFile("testdata/secured.tf")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.dir, "main.tf"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	w.env = append(w.env, "TF_VAR_password="+password)

	w.chapter("create", func() {
		w.apply()
		w.quiet()
	})
	w.chapter("every listener of every node", w.tryAllDoors)
	w.chapter("Kafka's own tools", w.tryTools)
	w.chapter("another authority", w.rotateAuthority)
	w.chapter("every listener of every node that came after", w.tryAllDoors)
	w.chapter("destroy", func() {
		w.destroy()
		if _, err := w.driver.Secret(context.Background(), cluster, compute.AuthoritySecret); !errors.Is(err, compute.ErrNotFound) {
			w.t.Errorf("the authority of a cluster that is gone: %v", err)
		}
	})
}

// door is one way to come in at one listener.
type door struct {
	name, address string
	tls           *tls.Config // nil for plaintext
	user, pass    string      // "" for no login
	produces      bool        // whether a record is what it tries; otherwise it asks for the versions of the API, as an admin would
	opens         bool        // whether it shall work
}

// credentials are what clients may show, as this test makes them from the cluster's secret store, as only an administrator could.
type credentials struct {
	admin, alice, bob, node, foreign tls.Certificate
	trust                            *tls.Config // Trusts the cluster and shows nothing.
}

func (w *workspace) credentials() credentials {
	w.t.Helper()
	secret, err := w.driver.Secret(context.Background(), cluster, compute.AuthoritySecret)
	if err != nil {
		w.t.Fatal(err)
	}
	var stored struct{ Certificate, Key, Trusted string }
	if err := json.Unmarshal(secret, &stored); err != nil {
		w.t.Fatal(err)
	}
	own, err := pki.ParseAuthority([]byte(stored.Certificate), []byte(stored.Key))
	if err != nil {
		w.t.Fatal(err)
	}
	other, err := pki.NewAuthority(cluster, time.Now(), time.Hour)
	if err != nil {
		w.t.Fatal(err)
	}
	pool, err := pki.Pool([]byte(stored.Trusted))
	if err != nil {
		w.t.Fatal(err)
	}
	issue := func(a pki.Authority, name string) tls.Certificate {
		issued, err := a.Issue(pki.Request{CommonName: name, Lifetime: time.Hour}, time.Now())
		if err != nil {
			w.t.Fatal(err)
		}
		pair, err := issued.TLS()
		if err != nil {
			w.t.Fatal(err)
		}
		return pair
	}
	return credentials{
		admin: issue(own, compute.AdminPrincipal), alice: issue(own, "alice"), bob: issue(own, "bob"), node: issue(own, compute.NodeCommonName(1)),
		foreign: issue(other, compute.AdminPrincipal), trust: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
	}
}

// showing is a configuration that trusts the cluster and shows a certificate.
func (c credentials) showing(certificate tls.Certificate) *tls.Config {
	config := c.trust.Clone()
	config.Certificates = []tls.Certificate{certificate}
	return config
}

// doors are all ways to try, with whether each shall open.
func (w *workspace) doors() []door {
	c := w.credentials()
	var out []door
	for _, i := range w.instances() {
		at := func(listener, address string, doors ...door) {
			doors = append(doors, door{name: "plaintext"}, door{name: "an old TLS", tls: &tls.Config{RootCAs: c.trust.RootCAs, Certificates: []tls.Certificate{c.admin}, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}})
			for _, d := range doors {
				d.name = fmt.Sprintf("%s of node %d with %s", listener, i.Spec.NodeID, d.name)
				d.address, d.produces = address, i.Spec.Role == compute.RoleBroker
				out = append(out, d)
			}
		}
		mutual := []door{
			{name: "no certificate", tls: c.trust},
			{name: "another authority's certificate", tls: c.showing(c.foreign)},
			{name: "a password in place of a certificate", tls: c.trust, user: "alice", pass: password},
		}
		if i.Spec.Role == compute.RoleController {
			at("CONTROLLER", i.Address, append(mutual, door{name: "the administrator's certificate", tls: c.showing(c.admin), opens: true})...)
			continue
		}
		at("INTERNAL", i.Address, append(mutual, door{name: "the administrator's certificate", tls: c.showing(c.admin), opens: true},
			door{name: "a node's certificate", tls: c.showing(c.node), opens: true},
			door{name: "the certificate of one without an ACL", tls: c.showing(c.bob)})...)
		at("CLIENTS_MTLS", i.ClientsMTLS, append(mutual, door{name: "alice's certificate", tls: c.showing(c.alice), opens: true},
			door{name: "the certificate of one without an ACL", tls: c.showing(c.bob)})...)
		at("CLIENTS", i.Clients, door{name: "the right password", tls: c.trust, user: "alice", pass: password, opens: true},
			door{name: "a wrong password", tls: c.trust, user: "alice", pass: wrongPassword},
			door{name: "another user's name", tls: c.trust, user: compute.AdminPrincipal, pass: password},
			door{name: "no login", tls: c.trust},
			door{name: "a certificate in place of a login", tls: c.showing(c.admin)},
			door{name: "a password in plaintext", user: "alice", pass: password})
	}
	return out
}

// tryAllDoors sees that those open that shall, and no other.
func (w *workspace) tryAllDoors() {
	w.t.Helper()
	doors := w.doors()
	var group errgroup.Group
	group.SetLimit(32) // Most wait until nobody has answered.
	var mu sync.Mutex
	opened := 0
	for _, d := range doors {
		group.Go(func() error {
			err := d.enter()
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				opened++
			}
			if (err == nil) != d.opens {
				w.t.Errorf("%s: %v, and it shall open: %t", d.name, err, d.opens)
			}
			return nil
		})
	}
	_ = group.Wait() // It returns no error.
	w.t.Logf("%d ways tried, %d opened", len(doors), opened)
}

// enter is nil when the door opens.
func (d door) enter() error {
	within := patience
	if !d.opens {
		within = 3 * time.Second // It is refused at once, or not heard.
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	opts := []kgo.Opt{
		kgo.SeedBrokers(d.address), kgo.DialTimeout(within), kgo.RetryTimeout(within), kgo.RecordDeliveryTimeout(within), kgo.DisableIdempotentWrite(),
		kgo.DisableClientMetrics(), kgo.DefaultProduceTopic("load"),
	}
	if d.tls != nil {
		opts = append(opts, kgo.DialTLSConfig(d.tls))
	}
	if d.user != "" {
		opts = append(opts, kgo.SASL(scram.Auth{User: d.user, Pass: d.pass}.AsSha512Mechanism()))
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return err
	}
	defer client.Close()
	if d.produces {
		return client.ProduceSync(ctx, kgo.StringRecord("x")).FirstErr()
	}
	// A controller says what it can, once it knows who asks.
	_, err = client.SeedBrokers()[0].Request(ctx, kmsg.NewPtrApiVersionsRequest())
	return err
}

// tryTools lets Kafka's console producer try the listeners for clients of one broker.
func (w *workspace) tryTools() {
	w.t.Helper()
	brokers := slices.DeleteFunc(w.instances(), func(i compute.Instance) bool { return i.Spec.Role != compute.RoleBroker })
	trust := filepath.Join(w.dir, "ca.pem")
	if err := os.WriteFile(trust, []byte(w.output("ca_certificate_pem")), 0o600); err != nil {
		w.t.Fatal(err)
	}
	ssl := "ssl.truststore.type=PEM\nssl.truststore.location=" + trust + "\n"
	login := func(pass string) string {
		return ssl + "security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\n" +
			"sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username=\"alice\" password=\"" + pass + "\";\n"
	}
	tries := []struct {
		name, address, properties string
		opens                     bool
	}{
		{"the right password", brokers[0].Clients, login(password) + "max.block.ms=40000\ndelivery.timeout.ms=40000\nrequest.timeout.ms=20000\n", true},
		{"a wrong password", brokers[0].Clients, login(wrongPassword), false},
		{"no login", brokers[0].Clients, ssl + "security.protocol=SSL\n", false},
		{"plaintext", brokers[0].Clients, "security.protocol=PLAINTEXT\n", false},
		{"no certificate", brokers[0].ClientsMTLS, ssl + "security.protocol=SSL\n", false},
		{"no certificate between brokers", brokers[0].Address, ssl + "security.protocol=SSL\n", false},
	}
	var group errgroup.Group
	group.SetLimit(3)
	for _, c := range tries {
		group.Go(func() error {
			out, err := w.consoleProducer(c.address, c.properties, c.name)
			w.t.Logf("%s: %s", c.name, lastLine(out))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		w.t.Fatal(err)
	}
	got := w.records("load")
	for _, c := range tries {
		if slices.Contains(got, c.name) != c.opens {
			w.t.Errorf("what was sent by %s is in the topic: %t", c.name, slices.Contains(got, c.name))
		}
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// consoleProducer sends one record by Kafka's own tool, and returns what that printed. It ends as well when it could send nothing.
func (w *workspace) consoleProducer(address, properties, record string) (string, error) {
	file := filepath.Join(w.t.TempDir(), "client.properties")
	if err := os.WriteFile(file, []byte("max.block.ms=4000\ndelivery.timeout.ms=4000\nrequest.timeout.ms=3000\nlinger.ms=0\n"+properties), 0o600); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	libs := filepath.Join(strings.ReplaceAll(needed(w.t, "KAFKAFLEET_KAFKA_HOME"), "{version}", "4.3.1"), "libs", "*")
	cmd := exec.CommandContext(ctx, "java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", libs, "org.apache.kafka.tools.ConsoleProducer",
		"--bootstrap-server", address, "--topic", "load", "--command-config", file, "--sync")
	cmd.Stdin = strings.NewReader(record + "\n")
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return "", fmt.Errorf("the console producer does not end: %w\n%s", err, out)
	}
	return string(out), nil
}

// records are the values in a topic, as the administrator reads them.
func (w *workspace) records(topic string) []string {
	w.t.Helper()
	c := w.credentials()
	addresses, err := w.bootstrap(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(addresses...), kgo.DialTLSConfig(c.showing(c.admin)), kgo.ConsumeTopics(topic), kgo.DisableClientMetrics(), kgo.FetchMaxWait(500*time.Millisecond))
	if err != nil {
		w.t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var out []string
	// All that is there comes before a while in which nothing does.
	for quiet := 0; quiet < 4; {
		polling, done := context.WithTimeout(ctx, 2*time.Second)
		fetches := client.PollFetches(polling)
		done()
		if ctx.Err() != nil {
			w.t.Fatalf("reading topic %s: %v", topic, fetches.Err())
		}
		quiet++
		fetches.EachRecord(func(r *kgo.Record) { out, quiet = append(out, string(r.Value)), 0 })
	}
	return out
}

// output is an output of the configuration that is a text.
func (w *workspace) output(name string) string {
	w.t.Helper()
	r := w.start("output", "-no-color", "-raw", name)
	if code := w.wait(r); code != 0 {
		w.t.Fatalf("terraform output %s: exit code %d\n%s", name, code, r.out.String())
	}
	return r.out.String()
}
