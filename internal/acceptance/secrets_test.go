package acceptance

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/pki"
)

// grace is the user of testdata/secrets.tf.
const grace = "grace"

// guarded says by its path below a fleet's root that a file is one of those in which private keys belong: in the secret store, and where Kafka
// reads a node's own. Each is written beside its place and then moved there; a node's folder has a name of its own while it is removed.
var guarded = regexp.MustCompile(`/fleets/` + cluster + `/(secrets/(ca|node-[0-9]+)(\.tmp)?|nodes/([0-9]+|\.[0-9]+\.gone)/keystore\.pem(\.new)?)$`).MatchString

// metadata says by its path that a file is a part of Kafka's metadata log, in which it keeps the keys that it checks logins by (RFC 5802): whoever has
// those can play the broker, but not the user.
var metadata = regexp.MustCompile(`/fleets/` + cluster + `/nodes/([0-9]+|\.[0-9]+\.gone)/disks/0/kafka-logs/__cluster_metadata-0/[^/]+$`).MatchString

// TestSecretsStayWhereTheyBelong takes a fleet that is protected through its life with all logs on, watches everything that is written and every
// process that runs, and looks in it for every secret that there was.
func TestSecretsStayWhereTheyBelong(t *testing.T) {
	w := newWorkspace(t)
	config, err := os.ReadFile("testdata/secrets.tf")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.dir, "main.tf"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	w.mirror()
	// What Terraform puts aside is looked into, too.
	temporary := filepath.Join(w.dir, "tmp")
	if err := os.Mkdir(temporary, 0o700); err != nil {
		t.Fatal(err)
	}
	w.env = append(w.env, "TF_LOG=TRACE", "TF_LOG_PROVIDER=TRACE", "TMPDIR="+temporary)
	variables := filepath.Join(w.dir, "secrets.auto.tfvars")
	own, err := pki.NewAuthority("acc", time.Now(), 365*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key, err := own.PEM()
	if err != nil {
		t.Fatal(err)
	}
	authority := map[string]string{"authority_certificate": string(certificate), "authority_key": string(key)}
	belongs := func(path string) bool { return guarded(path) || path == variables }
	first, second := "first-"+rand.Text(), "second-"+rand.Text()
	seen := newWatch(t, func(path string) bool {
		return path == filepath.Join(w.dir, "mirror") || path == filepath.Join(w.dir, ".terraform", "providers")
	}, guarded, w.dir, w.root)
	seen.begin(t)
	planAndApply := func(name string, args ...string) {
		w.said("plan", append([]string{"-out=" + name + ".tfplan"}, args...)...)
		w.said("show", "-json", name+".tfplan")
		w.said("apply", name+".tfplan")
	}
	var scram []secret

	w.chapter("create", func() {
		w.give(variables, first, 1, authority)
		w.said("init")
		planAndApply("create")
		w.logsIn(first, second)
		w.guideConnects(first)
		scram = append(scram, w.scramKeys("the first password", first)...)
	})

	w.chapter("replace a broker and the password", func() {
		before := w.nodes(compute.RoleBroker)
		w.give(variables, second, 2, authority)
		planAndApply("change", "-var", "heap=448MiB")
		w.fresh(compute.RoleBroker, before)
		w.logsIn(second, first)
		scram = append(scram, w.scramKeys("the second password", second)...)
	})

	w.chapter("refresh", func() {
		w.said("refresh", "-var", "heap=448MiB")
		w.said("show", "-json")
		w.said("output", "-json")
	})

	w.chapter("destroy", func() {
		planAndApply("destroy", "-destroy", "-var", "heap=448MiB")
		if left := w.instances(); len(left) > 0 {
			w.t.Errorf("%d nodes are left", len(left))
		}
	})

	w.chapter("search", func() {
		seen.end()
		secrets := append(scram, anyKey(belongs))
		for name, password := range map[string]string{"the first password": first, "the second password": second} {
			given := bytesSecret(name, []byte(password))
			given.kept = func(path string) bool { return path == variables }
			secrets = append(secrets, given)
		}
		keys, nodes := seen.keys(w.t)
		given, err := keySecret("the private key of ca", key)
		if err != nil {
			w.t.Fatal(err)
		}
		for i := range keys {
			keys[i].kept = guarded
			if keys[i].name == given.name {
				keys[i].kept = belongs
				if !slices.EqualFunc(keys[i].traces, given.traces, bytes.Equal) {
					w.t.Error("the authority in the secret store is not the one that was given")
				}
			}
		}
		s := newSearch(append(secrets, keys...)...)
		if err := seen.search(s); err != nil {
			w.t.Fatal(err)
		}
		for _, hit := range slices.Sorted(maps.Keys(s.hits)) {
			w.t.Error(hit)
		}
		for _, wrong := range slices.Sorted(maps.Keys(seen.wrong)) {
			w.t.Error(wrong)
		}
		if len(nodes) != 3 {
			w.t.Errorf("there were the keys of the nodes %v, want a controller's and two brokers'", nodes)
		}
		w.lookedInto(s, seen, nodes)
		w.t.Logf("%d secrets, %d files, %d looks at the processes, %d texts, %d hits", len(secrets)+len(keys), len(seen.files), seen.looks, len(s.seen), len(s.hits))
	})
}

// mirror lets `terraform init` install the built provider, as from a registry.
func (w *workspace) mirror() {
	w.t.Helper()
	const version = "0.1.0"
	binary, err := os.ReadFile(needed(w.t, "KAFKAFLEET_AGENT"))
	if err != nil {
		w.t.Fatal(err)
	}
	mirror := filepath.Join(w.dir, "mirror")
	for _, host := range []string{"registry.terraform.io", "registry.opentofu.org"} {
		folder := filepath.Join(mirror, host, "kafkafleet", "kafkafleet", version, runtime.GOOS+"_"+runtime.GOARCH)
		if err := os.MkdirAll(folder, 0o700); err != nil {
			w.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "terraform-provider-kafkafleet_v"+version), binary, 0o700); err != nil { //nolint:gosec // It is to be run.
			w.t.Fatal(err)
		}
	}
	rc := fmt.Sprintf("provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror)
	if err := os.WriteFile(filepath.Join(w.dir, "cli.tfrc"), []byte(rc), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// give writes the password and other secrets into the file that Terraform takes them from.
func (w *workspace) give(variables, password string, version int, others map[string]string) {
	w.t.Helper()
	text := fmt.Sprintf("password = %q\npassword_version = %d\n", password, version)
	for name, value := range others {
		text += fmt.Sprintf("%s = %q\n", name, value)
	}
	if err := os.WriteFile(variables, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// said runs Terraform and keeps what it said in a file. It returns that.
func (w *workspace) said(command string, args ...string) []byte {
	w.t.Helper()
	r := w.start(append([]string{command, "-no-color"}, args...)...)
	code := w.wait(r)
	if err := os.WriteFile(filepath.Join(w.dir, fmt.Sprintf("console-%d-%s.txt", w.runs, command)), r.out.Bytes(), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if code != 0 {
		w.t.Fatalf("terraform %s %v: exit code %d\n%s", command, args, code, r.out.String())
	}
	return r.out.Bytes()
}

// published are the outputs of testdata/secrets.tf.
type published struct {
	Servers struct{ Value []string } `json:"bootstrap_servers"`
	CA      struct{ Value string }   `json:"ca_certificate_pem"`
}

func (w *workspace) outputs() (o published) {
	w.t.Helper()
	if err := json.Unmarshal(w.said("output", "-json"), &o); err != nil {
		w.t.Fatal(err)
	}
	return o
}

// logsIn asserts that the brokers take one password of the user and not the other.
func (w *workspace) logsIn(password, other string) {
	w.t.Helper()
	outputs := w.outputs()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(outputs.CA.Value)) {
		w.t.Fatalf("the cluster's ca_certificate_pem is %q", outputs.CA.Value)
	}
	login := func(password string) error {
		k := kafka.New(kafka.Config{
			Bootstrap: func(context.Context) ([]string, error) { return outputs.Servers.Value, nil },
			TLS:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			SASL:      &kafka.SASL{Mechanism: "SCRAM-SHA-512", Username: grace, Password: password},
		})
		defer func() { _ = k.Close() }()
		_, _, err := k.Brokers(w.t.Context())
		return err
	}
	var err error
	w.until("the user logs in", patience, func() bool {
		err = login(password)
		return err == nil
	})
	if err := login(other); !errors.Is(err, kafka.ErrInvalid) {
		w.t.Errorf("the brokers answer %v to the other password, want it refused", err)
	}
}

// scramKeys are what SCRAM makes of a password (RFC 5802), by the salt that Kafka keeps. That it is found proves that this is Kafka's.
func (w *workspace) scramKeys(name, password string) []secret {
	w.t.Helper()
	var found []secret
	// The credential comes to each node's log in a moment.
	w.until("Kafka has written the credential", patience, func() bool {
		files, err := filepath.Glob(filepath.Join(w.root, cluster, "nodes", "*", "disks", "0", "kafka-logs", "__cluster_metadata-0", "*.log"))
		if err != nil {
			w.t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				w.t.Fatal(err)
			}
			if found = scramKeys(name, password, text); found != nil {
				return true
			}
		}
		return false
	})
	return found
}

// scramKeys looks for a credential of the user that is of the password, in the form of a UserScramCredentialRecord: name, mechanism (2 is
// SCRAM-SHA-512), salt, stored key, server key, iterations; each text with its length plus one before it.
func scramKeys(name, password string, log []byte) []secret {
	start := append([]byte{byte(len(grace) + 1)}, grace+"\x02"...)
	for rest := log; ; {
		i := bytes.Index(rest, start)
		if i < 0 {
			return nil
		}
		rest = rest[i+len(start):]
		record, parts := rest, [3][]byte{}
		ok := true
		for i := range parts {
			if n := 1; len(record) > 0 && len(record) >= n+int(record[0])-1 && record[0] > 0 {
				parts[i], record = record[n:n+int(record[0])-1], record[n+int(record[0])-1:]
			} else {
				ok = false
			}
		}
		if !ok || len(record) < 4 {
			continue
		}
		salt, storedKey, serverKey := parts[0], parts[1], parts[2]
		iterations := int(binary.BigEndian.Uint32(record))
		if iterations < kafka.MinSCRAMIterations || iterations > kafka.MaxSCRAMIterations {
			continue
		}
		salted, err := pbkdf2.Key(sha512.New, password, salt, iterations, sha512.Size)
		if err != nil {
			return nil
		}
		mac := hmac.New(sha512.New, salted)
		mac.Write([]byte("Client Key"))
		client := mac.Sum(nil)
		if stored := sha512.Sum512(client); !bytes.Equal(stored[:], storedKey) {
			continue
		}
		stored, server := bytesSecret("SCRAM's stored key of "+name, storedKey), bytesSecret("SCRAM's server key of "+name, serverKey)
		stored.kept, server.kept = metadata, metadata
		return []secret{bytesSecret("the salted hash of "+name, salted), bytesSecret("SCRAM's client key of "+name, client), stored, server}
	}
}

// keys are all private keys that the secret store ever held, and which nodes had one.
func (w *watch) keys(t *testing.T) (keys []secret, nodes []string) {
	t.Helper()
	for _, file := range w.files {
		folder, name := filepath.Split(file.path)
		if filepath.Base(folder) != "secrets" || strings.HasSuffix(name, ".tmp") {
			continue
		}
		content, err := os.ReadFile(file.link)
		if err != nil {
			t.Fatal(err)
		}
		// The authority and the identity of a node call it alike.
		var stored struct{ Key string }
		if err := json.Unmarshal(content, &stored); err != nil {
			t.Fatalf("the secret %s: %v", name, err)
		}
		key, err := keySecret("the private key of "+name, []byte(stored.Key))
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
		if name != compute.AuthoritySecret {
			nodes = append(nodes, name)
		}
	}
	if len(keys) != len(nodes)+1 {
		t.Errorf("the watch has seen %d keys, of the nodes %v and so not the authority's alone", len(keys), nodes)
	}
	return keys, nodes
}

// lookedInto asserts that everything was there to be looked into: a search of nothing finds nothing.
func (w *workspace) lookedInto(s *search, seen *watch, nodes []string) {
	w.t.Helper()
	for _, task := range []string{"a Kafka", "a format of disks", "an agent", "the provider", "Terraform's plan", "Terraform's apply"} {
		if !seen.tasks[task] {
			w.t.Errorf("no process was seen of: %s", task)
		}
	}
	state := filepath.Join(w.dir, "terraform.tfstate")
	want := []string{state, state + " > base64 > base64 > base64 > gzip"}
	for _, plan := range []string{"create", "change", "destroy"} {
		want = append(want, filepath.Join(w.dir, plan+".tfplan > tfplan"), filepath.Join(w.dir, plan+".tfplan > tfstate"))
	}
	for _, node := range nodes {
		for _, file := range []string{"spec.json", "status.json", "agent.log", "kafka.log", "console.log", "format.log", "server.properties", "truststore.pem", "keystore.pem"} {
			want = append(want, filepath.Join(w.root, cluster, "nodes", strings.TrimPrefix(node, "node-"), file))
		}
	}
	for _, path := range want {
		if !s.seen[path] {
			w.t.Errorf("%s was not looked into", path)
		}
	}
	// Each file says what such a file says.
	logs, shows := 0, 0
	for _, file := range seen.files {
		content, err := os.ReadFile(file.link)
		if err != nil {
			w.t.Fatal(err)
		}
		switch name := filepath.Base(file.path); {
		case strings.HasPrefix(name, "provider-") && bytes.Contains(content, []byte("[TRACE]")) && bytes.Contains(content, []byte("ApplyResourceChange")) && bytes.Contains(content, []byte("mutating call")):
			logs++
		case strings.HasSuffix(name, "-show.txt") && bytes.Contains(content, []byte(`"kafkafleet_user"`)):
			shows++
		case name == "kafka.log" && !bytes.Contains(content, []byte("Kafka Server started")):
			w.t.Errorf("%s does not tell that Kafka started", file.path)
		}
	}
	if logs < 3 || shows < 4 {
		w.t.Errorf("%d logs of an apply and %d shown plans and states were looked into, want 3 and 4 at least", logs, shows)
	}
}
