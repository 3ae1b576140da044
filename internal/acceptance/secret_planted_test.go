package acceptance

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/pki"
)

// scene is a folder with what a fleet of one node and a run of Terraform leave, in small.
type scene struct {
	t                  *testing.T
	dir                string
	password           string
	key, certificate   []byte
	salted, storedHash []byte
}

const (
	theNode     = "fleets/acc/nodes/1/"
	theKeystore = theNode + "keystore.pem"
	theMetadata = theNode + "disks/0/kafka-logs/__cluster_metadata-0/00000000000000000000.log"
)

func newScene(t *testing.T) scene {
	t.Helper()
	authority, err := pki.NewAuthority("acc", time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key, err := authority.PEM()
	if err != nil {
		t.Fatal(err)
	}
	salted, stored := make([]byte, sha512.Size), make([]byte, sha512.Size)
	_, _ = rand.Read(salted) // It never fails.
	_, _ = rand.Read(stored)
	s := scene{t: t, dir: t.TempDir(), password: rand.Text(), key: key, certificate: certificate, salted: salted, storedHash: stored}
	for _, path := range []string{"fleets/acc/secrets/ca", "fleets/acc/secrets/node-1"} {
		s.write(path, s.json(map[string]string{"key": string(key), "certificate": string(certificate)}))
	}
	s.write(theKeystore, slices.Concat(key, certificate))
	s.write(theMetadata, slices.Concat([]byte("\x00grace\x02"), stored))
	s.write("secrets.auto.tfvars", []byte(s.password))
	// What belongs everywhere is no secret: the certificate holds the same public key as the key.
	for _, path := range []string{"terraform.tfstate", theNode + "spec.json", theNode + "truststore.pem"} {
		s.write(path, s.json(map[string]string{"ca_certificate_pem": string(certificate)}))
	}
	return s
}

func (s scene) write(path string, content []byte) {
	s.t.Helper()
	path = filepath.Join(s.dir, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s scene) json(v any) []byte {
	s.t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

// search looks for the scene's secrets in what the watch has seen.
func (s scene) search(w *watch) *search {
	s.t.Helper()
	key, err := keySecret("the key", s.key)
	if err != nil {
		s.t.Fatal(err)
	}
	key.kept = guarded
	password, stored := bytesSecret("the password", []byte(s.password)), bytesSecret("the stored key", s.storedHash)
	password.kept = func(path string) bool { return path == filepath.Join(s.dir, "secrets.auto.tfvars") }
	stored.kept = metadata
	found := newSearch(key, password, stored, bytesSecret("the salted hash", s.salted), anyKey(guarded))
	if err := w.search(found); err != nil {
		s.t.Fatal(err)
	}
	return found
}

func (s scene) watch() *watch {
	return newWatch(s.t, func(string) bool { return false }, guarded, s.dir)
}

// zipped is a plan file with one entry of this content.
func (s scene) zipped(entry string, content []byte) []byte {
	s.t.Helper()
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	w, err := archive.Create(entry)
	if err == nil {
		_, err = w.Write(content)
	}
	if err == nil {
		err = archive.Close()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return out.Bytes()
}

// private is a state with this in the compressed observation in the private data of a resource, as Terraform and the provider write it.
func (s scene) private(text string) []byte {
	s.t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := io.WriteString(w, text); err != nil {
		s.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		s.t.Fatal(err)
	}
	return s.json(map[string]any{"private": s.json(map[string]any{"observation": s.json(packed.Bytes())})})
}

// TestSecretsThatLeakAreFound puts a secret where it does not belong, in each kind of place and in each form, and sees the search find it, and
// nothing where nothing was put.
func TestSecretsThatLeakAreFound(t *testing.T) {
	block := func(s scene) []byte {
		decoded, _ := pem.Decode(s.key)
		return decoded.Bytes
	}
	body := func(s scene) string { return base64.StdEncoding.EncodeToString(block(s)) }
	pemText := func(s scene) string { return string(s.key) }
	password := func(s scene) string { return "password=" + s.password }

	t.Run("nothing is planted", func(t *testing.T) {
		s := newScene(t)
		w := s.watch()
		w.look()
		if found := s.search(w); len(found.hits) > 0 || len(w.wrong) > 0 {
			t.Errorf("found %v, and wrong are %v", found.hits, w.wrong)
		}
	})

	forms := map[string]struct {
		of   string
		text func(scene) string
	}{
		"the password":                        {"the password", password},
		"the password in base64":              {"the password", func(s scene) string { return base64.URLEncoding.EncodeToString([]byte("\x00grace\x00" + s.password)) }},
		"the password, which Go has printed":  {"the password", func(s scene) string { return fmt.Sprintf("%d", []byte(s.password)) }},
		"a key in PEM":                        {"the key", pemText},
		"a key in PEM, in JSON":               {"the key", func(s scene) string { return string(s.json(map[string]string{"key": pemText(s)})) }},
		"a key in PEM, in JSON in JSON":       {"the key", func(s scene) string { return string(s.json(string(s.json(pemText(s))))) }},
		"a key in PEM, in base64":             {"the key", func(s scene) string { return base64.StdEncoding.EncodeToString(s.key) }},
		"a key in PEM, without line breaks":   {"the key", func(s scene) string { return strings.ReplaceAll(pemText(s), "\n", "") }},
		"a key in PKCS#8":                     {"the key", func(s scene) string { return string(block(s)) }},
		"a key in PKCS#8, in base64":          {"the key", body},
		"a key in PKCS#8, in hexadecimal":     {"the key", func(s scene) string { return fmt.Sprintf("%X", block(s)) }},
		"the 24 first characters of its part": {"the key", func(s scene) string { return "…" + body(s)[48:72] + "…" }},
		"the 24 last characters of its part":  {"the key", func(s scene) string { return "…" + body(s)[66:90] + "…" }},
		"a key's number": {"the key", func(s scene) string {
			key, err := keySecret("", s.key)
			if err != nil {
				s.t.Fatal(err)
			}
			return hex.EncodeToString(key.traces[0])
		}},
		"the salted hash":          {"the salted hash", func(s scene) string { return base64.RawURLEncoding.EncodeToString(s.salted) }},
		"the stored key of SCRAM":  {"the stored key", func(s scene) string { return hex.EncodeToString(s.storedHash) }},
		"a key that nobody knows":  {"a private key", func(s scene) string { return string(newScene(s.t).key) }},
		"its PKCS#8, as a [N N N]": {"a private key", func(s scene) string { return fmt.Sprintf("%d", block(newScene(s.t))) }},
	}
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.write(theNode+"kafka.log", []byte("[2026-01-01] INFO x="+form.text(s)+"\n"))
			w := s.watch()
			w.look()
			s.found(w, form.of+" is in "+filepath.Join(s.dir, theNode+"kafka.log"))
		})
	}

	places := map[string]func(s scene, leak string) []byte{
		"terraform.tfstate":         func(s scene, leak string) []byte { return s.json(map[string]string{"note": leak}) },
		"terraform.tfstate.backup":  func(s scene, leak string) []byte { return s.private(leak) },
		"a.tfplan":                  func(s scene, leak string) []byte { return s.zipped("tfplan", []byte("\x0a\x07"+leak+"\x12")) },
		"b.tfplan":                  func(s scene, leak string) []byte { return s.zipped("tfstate", s.private(leak)) },
		"console-1-show.txt":        func(s scene, leak string) []byte { return s.json(map[string]any{"planned_values": []string{leak}}) },
		"console-2-apply.txt":       nil,
		"provider-1.log":            nil,
		"tmp/terraform-crash.log":   nil,
		theNode + "spec.json":       func(s scene, leak string) []byte { return s.json(map[string]string{"spec": leak}) },
		theNode + "status.json":     func(s scene, leak string) []byte { return s.json(map[string]string{"last_error": leak}) },
		theNode + "agent.log":       nil,
		theNode + "console.log":     nil,
		theNode + "format.log":      nil,
		theNode + "truststore.pem":  nil,
		theNode + "keystore.pem.1":  nil,
		theNode + "disks/0/meta":    nil,
		"fleets/acc/secrets.json":   nil,
		"fleets/acc/secrets/ca.bak": nil,
		"fleets/acc/cluster.json":   nil,
		theNode + "server.properties": func(_ scene, leak string) []byte {
			return []byte("ssl.keystore.key=" + strings.ReplaceAll(leak, "\n", "\\n") + "\n")
		},
	}
	for path, content := range places {
		for what, leak := range map[string]func(scene) string{"key": pemText, "password": password} {
			t.Run(path+" "+what, func(t *testing.T) {
				s := newScene(t)
				text := []byte("line\n" + leak(s) + "\nline\n")
				if content != nil {
					text = content(s, leak(s))
				}
				s.write(path, text)
				w := s.watch()
				w.look()
				// What is gone, or written over, is found all the same.
				if strings.HasPrefix(path, "terraform.tfstate") {
					s.write(path, []byte("{}"))
				} else if err := os.Remove(filepath.Join(s.dir, path)); err != nil {
					t.Fatal(err)
				}
				w.look()
				s.found(w, "the "+what+" is in "+filepath.Join(s.dir, path))
			})
		}
	}

	t.Run("where only another secret belongs", func(t *testing.T) {
		s := newScene(t)
		s.write(theMetadata, slices.Concat(s.storedHash, s.salted, []byte(s.password)))
		s.write(theKeystore, slices.Concat(s.key, s.storedHash))
		s.write("secrets.auto.tfvars", s.key)
		w := s.watch()
		w.look()
		s.found(w, "the salted hash is in "+filepath.Join(s.dir, theMetadata))
		s.found(w, "the password is in "+filepath.Join(s.dir, theMetadata))
		s.found(w, "the stored key is in "+filepath.Join(s.dir, theKeystore))
		s.found(w, "the key is in "+filepath.Join(s.dir, "secrets.auto.tfvars"))
	})

	for what, start := range map[string]func(*exec.Cmd, string){
		"command line": func(cmd *exec.Cmd, leak string) { cmd.Args = append(cmd.Args, "sh", leak) },
		"environment":  func(cmd *exec.Cmd, leak string) { cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TOKEN=" + leak} },
	} {
		t.Run(what, func(t *testing.T) {
			s := newScene(t)
			// It says that it runs, and then waits for its input to end.
			cmd := exec.Command("/bin/sh", "-c", "echo; read line; : node --spec ")
			cmd.Dir = s.dir
			start(cmd, password(s))
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := out.Read(make([]byte, 1)); err != nil {
				t.Error(err)
			}
			w := s.watch()
			w.look()
			_ = in.Close() // It may have ended.
			_ = cmd.Wait()
			s.found(w, "the password is in the "+what+" of an agent")
		})
	}

	for path, mode := range map[string]os.FileMode{theKeystore: 0o640, "fleets/acc/secrets/ca": 0o604, "fleets/acc/secrets": 0o755, "fleets/acc/nodes/1": 0o711} {
		t.Run("the mode of "+path, func(t *testing.T) {
			s := newScene(t)
			if err := os.Chmod(filepath.Join(s.dir, path), mode); err != nil {
				t.Fatal(err)
			}
			w := s.watch()
			w.look()
			if want := fmt.Sprintf("%s has the mode %o", filepath.Join(s.dir, path), mode); !strings.Contains(fmt.Sprint(w.wrong), want) {
				t.Errorf("what is wrong is %v, want %s", w.wrong, want)
			}
		})
	}
}

// found asserts that a secret is found in a place, alone or packed.
func (s scene) found(w *watch, want string) {
	s.t.Helper()
	hits := s.search(w).hits
	for hit := range hits {
		if hit == want || strings.HasPrefix(hit, want+" > ") {
			return
		}
	}
	s.t.Errorf("it was not found that %s, only %v", want, hits)
}
