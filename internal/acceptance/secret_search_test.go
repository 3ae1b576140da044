package acceptance

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"strings"
)

// secret is something that nobody may read outside of where it belongs.
type secret struct {
	name string
	// traces are texts of which any one gives the secret away.
	traces [][]byte
	// kept says where, by path, the secret belongs; nil for nowhere.
	kept func(path string) bool
}

// fragment is how many characters of a key in base64 give it away.
const fragment = 24

// traces are the forms in which bytes are written: as they are, in hexadecimal, as Go and JSON print a slice. In base64, at whatever offset,
// they are found by unwrap.
func traces(value []byte) [][]byte {
	numbers := strings.Trim(fmt.Sprintf("%d", value), "[]")
	forms := [][]byte{value, []byte(numbers), []byte(strings.ReplaceAll(numbers, " ", ",")), []byte(strings.ReplaceAll(numbers, " ", ", "))}
	lower := hex.EncodeToString(value)
	return append(forms, []byte(lower), []byte(strings.ToUpper(lower)))
}

// bytesSecret is a secret that is no text, or a password.
func bytesSecret(name string, value []byte) secret { return secret{name: name, traces: traces(value)} }

// keySecret is a private key, PKCS#8 in PEM. Of its base64 body those characters count that hold the private number: the others are the name
// of the algorithm, which all keys share, and the public key, which is in the certificate, too.
func keySecret(name string, text []byte) (secret, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return secret{}, fmt.Errorf("%s is no PEM", name)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return secret{}, fmt.Errorf("%s: %w", name, err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return secret{}, fmt.Errorf("%s is a %T; the search has to be taught where its private part is", name, parsed)
	}
	private, err := key.Bytes()
	if err != nil {
		return secret{}, fmt.Errorf("%s: %w", name, err)
	}
	at := bytes.Index(block.Bytes, private)
	if at < 0 {
		return secret{}, fmt.Errorf("%s does not hold its private number as such", name)
	}
	s := bytesSecret(name, private)
	s.traces = append(s.traces, []byte(new(big.Int).SetBytes(private).String()))
	body := base64.StdEncoding.EncodeToString(block.Bytes)
	first, end := (at*8+5)/6, (at+len(private))*8/6
	for ; first+fragment <= end; first++ {
		s.traces = append(s.traces, []byte(body[first:first+fragment]))
	}
	return s, nil
}

// anyKey is every private key, also one that no test can know, such as that of a run's own certificate, which is in memory only. Elliptic keys of
// one curve begin alike; P-256 is the provider's.
func anyKey(kept func(string) bool) secret {
	start := []byte{0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01}
	return secret{name: "a private key", kept: kept, traces: append(traces(start), []byte(base64.StdEncoding.EncodeToString(start[:15])), []byte("PRIVATE KEY-----"))}
}

// search looks for secrets.
type search struct {
	// starts are the traces by their first two bytes; common says quickly that there is one.
	starts map[[2]byte][]trace
	common [1 << 16]bool
	// hits are what was found, and where. They do not repeat the secret.
	hits map[string]bool
	// seen are the names of all that was looked into, with those of what was in it.
	seen map[string]bool
}

type trace struct {
	of   secret
	text []byte
}

func newSearch(secrets ...secret) *search {
	s := &search{starts: map[[2]byte][]trace{}, hits: map[string]bool{}, seen: map[string]bool{}}
	for _, one := range secrets {
		for _, text := range one.traces {
			start := [2]byte(text)
			s.starts[start] = append(s.starts[start], trace{one, text})
			s.common[int(start[0])<<8|int(start[1])] = true
		}
	}
	return s
}

// look looks into a text and into what is packed in it. The path is where it is, or was.
func (s *search) look(path string, text []byte) error { return s.within(path, path, text, 0) }

// deepest is how often what is packed is packed once more: a plan file has a state, which has private data in base64, which has values in
// base64, which are compressed JSON.
const deepest = 6

func (s *search) within(path, name string, text []byte, depth int) error {
	s.seen[name] = true
	// Kafka makes some files larger than what is in them.
	for i := range max(0, len(bytes.TrimRight(text, "\x00"))-1) {
		if !s.common[int(text[i])<<8|int(text[i+1])] {
			continue
		}
		for _, t := range s.starts[[2]byte(text[i:])] {
			if bytes.HasPrefix(text[i:], t.text) && (t.of.kept == nil || !t.of.kept(path)) {
				s.hits[fmt.Sprintf("%s is in %s", t.of.name, name)] = true
			}
		}
	}
	if depth == deepest {
		return nil
	}
	return unwrap(text, func(what string, inner []byte) error {
		return s.within(path, name+" > "+what, inner, depth+1)
	})
}

// unwrap calls found with each thing that is packed in a text: the entries of an archive, what is compressed, what is base64.
func unwrap(text []byte, found func(what string, inner []byte) error) error {
	switch {
	case bytes.HasPrefix(text, []byte("PK\x03\x04")):
		return unzip(text, found)
	case bytes.HasPrefix(text, []byte("\x1f\x8b")):
		packed, err := gzip.NewReader(bytes.NewReader(text))
		if err != nil {
			return nil //nolint:nilerr // It only begins like it.
		}
		// Of what is damaged, whatever can be read counts.
		content, _ := io.ReadAll(packed) //nolint:errcheck // See above.
		return found("gzip", content)
	}
	for i := 0; i < len(text); i++ {
		from := i
		for i < len(text) && isBase64(text[i]) {
			i++
		}
		if i-from < fragment {
			continue
		}
		run := bytes.ReplaceAll(bytes.ReplaceAll(text[from:i], []byte("-"), []byte("+")), []byte("_"), []byte("/"))
		// Where it begins is not known: what stands before it may look like it, such as the / of a path.
		for offset := range 4 {
			encoded := run[offset:]
			if len(encoded)%4 == 1 {
				encoded = encoded[:len(encoded)-1] // It is no whole byte.
			}
			decoded := make([]byte, base64.RawStdEncoding.DecodedLen(len(encoded)))
			if _, err := base64.RawStdEncoding.Decode(decoded, encoded); err != nil {
				return err
			}
			if err := found("base64", decoded); err != nil {
				return err
			}
		}
	}
	return nil
}

func unzip(text []byte, found func(what string, inner []byte) error) error {
	archive, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		return fmt.Errorf("an archive cannot be read: %w", err)
	}
	for _, entry := range archive.File {
		content, err := fs.ReadFile(archive, entry.Name)
		if err != nil {
			return fmt.Errorf("the entry %s: %w", entry.Name, err)
		}
		if err := found(entry.Name, content); err != nil {
			return err
		}
	}
	return nil
}

// isBase64 says that a character is one of either alphabet; = is only for padding.
func isBase64(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '-' || c == '_'
}
