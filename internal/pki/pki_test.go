package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

func newAuthority(t testing.TB) Authority {
	t.Helper()
	a, err := NewAuthority("prod", now, 3650*day)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func issue(t testing.TB, a Authority, r Request) Credential {
	t.Helper()
	c, err := a.Issue(r, now)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func leaf(t testing.TB, c Credential) *x509.Certificate {
	t.Helper()
	l, err := c.Leaf()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func texts(t testing.TB, a Authority) (certificate, key []byte) {
	t.Helper()
	certificate, key, err := a.PEM()
	if err != nil {
		t.Fatal(err)
	}
	return certificate, key
}

func trust(t testing.TB, a Authority) *x509.CertPool {
	t.Helper()
	certificate, _ := texts(t, a)
	pool, err := Pool(certificate)
	if err != nil {
		t.Fatal(err)
	}
	return pool
}

func node(name string) Request {
	return Request{CommonName: name, DNSNames: []string{name + ".prod.internal"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1), net.ParseIP("fd00::7")}, Lifetime: 90 * day, Server: true}
}

func wantText(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v does not say %q", err, text)
	}
}

func TestAnAuthorityIsOneOfNodesAndOfNoAuthority(t *testing.T) {
	a := newAuthority(t)
	c := a.Certificate()
	if c.Subject.String() != "CN=kafkafleet prod CA" || !c.IsCA || !c.MaxPathLenZero || c.MaxPathLen != 0 || c.KeyUsage != x509.KeyUsageCertSign|x509.KeyUsageCRLSign {
		t.Errorf("%s, CA %t, path length %d, usage %b", c.Subject, c.IsCA, c.MaxPathLen, c.KeyUsage)
	}
	if key, ok := c.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		t.Errorf("its key is a %T", c.PublicKey)
	}
	if !c.NotBefore.Equal(now.Add(-backdate)) || !c.NotAfter.Equal(now.Add(3650*day)) {
		t.Errorf("valid from %s until %s", c.NotBefore, c.NotAfter)
	}
	if err := c.CheckSignatureFrom(c); err != nil {
		t.Error(err)
	}
	other := newAuthority(t).Certificate()
	if c.SerialNumber.Cmp(other.SerialNumber) == 0 || c.SerialNumber.BitLen() < 64 || c.SerialNumber.Sign() <= 0 {
		t.Errorf("serial numbers %d and %d", c.SerialNumber, other.SerialNumber)
	}
	for _, lifetime := range []time.Duration{0, -day} {
		if _, err := NewAuthority("prod", now, lifetime); err == nil {
			t.Errorf("an authority lives for %s", lifetime)
		}
	}
	if _, err := NewAuthority("", now, day); err == nil {
		t.Error("an authority is that of no cluster")
	}
}

func TestACertificateVerifies(t *testing.T) {
	a := newAuthority(t)
	server, client := leaf(t, issue(t, a, node("node-7"))), leaf(t, issue(t, a, Request{CommonName: "ada", Lifetime: day}))
	verify := func(c *x509.Certificate, usage x509.ExtKeyUsage, host string) error {
		_, err := c.Verify(x509.VerifyOptions{Roots: trust(t, a), CurrentTime: now, DNSName: host, KeyUsages: []x509.ExtKeyUsage{usage}})
		return err
	}
	for _, host := range []string{"", "node-7.prod.internal", "127.0.0.1", "[fd00::7]"} {
		if err := verify(server, x509.ExtKeyUsageServerAuth, host); err != nil {
			t.Errorf("as %q: %v", host, err)
		}
	}
	for _, host := range []string{"node-7", "node-8.prod.internal", "127.0.0.2"} {
		if verify(server, x509.ExtKeyUsageServerAuth, host) == nil {
			t.Errorf("it is taken for %q", host)
		}
	}
	if err := errors.Join(verify(server, x509.ExtKeyUsageClientAuth, ""), verify(client, x509.ExtKeyUsageClientAuth, "")); err != nil {
		t.Error(err)
	}
	if verify(client, x509.ExtKeyUsageServerAuth, "") == nil {
		t.Error("a client can be a server")
	}
	if server.Subject.String() != "CN=node-7" || server.IsCA || server.KeyUsage != x509.KeyUsageDigitalSignature {
		t.Errorf("%s, CA %t, usage %b", server.Subject, server.IsCA, server.KeyUsage)
	}
	if server.SerialNumber.Cmp(client.SerialNumber) == 0 {
		t.Error("two certificates have one serial number")
	}
}

func TestACertificateNeverOutlivesItsAuthority(t *testing.T) {
	a, err := NewAuthority("prod", now, 10*day)
	if err != nil {
		t.Fatal(err)
	}
	c := leaf(t, issue(t, a, Request{CommonName: "ada", Lifetime: 11 * day}))
	if !c.NotAfter.Equal(a.Certificate().NotAfter) || c.NotBefore.Before(a.Certificate().NotBefore) {
		t.Errorf("valid from %s until %s", c.NotBefore, c.NotAfter)
	}
	c = leaf(t, issue(t, a, Request{CommonName: "ada", Lifetime: day}))
	if !c.NotAfter.Equal(now.Add(day)) || !c.NotBefore.Equal(now.Add(-backdate)) {
		t.Errorf("valid from %s until %s", c.NotBefore, c.NotAfter)
	}
	early, err := a.Issue(Request{CommonName: "ada", Lifetime: day}, now.Add(-backdate/2)) // By a machine whose clock is behind.
	if err != nil || !leaf(t, early).NotBefore.Equal(a.Certificate().NotBefore) {
		t.Errorf("valid from before its authority: %v, %v", early, err)
	}
	_, err = a.Issue(Request{CommonName: "ada", Lifetime: day}, now.Add(10*day+time.Second))
	wantText(t, err, "has expired at 2026-03-11T12:00:00Z")
	_, err = a.Issue(Request{CommonName: "ada", Lifetime: day}, now.Add(-day))
	wantText(t, err, "not valid before")
}

func TestWhatCannotBeIssuedIsRefused(t *testing.T) {
	a := newAuthority(t)
	for text, r := range map[string]Request{
		"common name":        {Lifetime: day},
		"lifetime":           {CommonName: "ada"},
		"IA5String":          {CommonName: "ada", Lifetime: day, DNSNames: []string{"ö.internal"}},
		"cannot parse IP":    {CommonName: "ada", Lifetime: day, IPs: []net.IP{{1, 2, 3}}},
		`certificate for ""`: {},
	} {
		_, err := a.Issue(r, now)
		wantText(t, err, text)
	}
	_, err := Authority{}.Issue(node("node-7"), now)
	wantText(t, err, "no certificate authority")
	if _, _, err := (Authority{}).PEM(); err == nil || (Authority{}).Certificate() != nil {
		t.Errorf("no authority has a certificate, %v", err)
	}
}

// shake does a TLS 1.3 handshake over a pipe, with a word from the server, and returns what each side says of it.
func shake(t *testing.T, server, client Credential, serverTrusts, clientTrusts *x509.CertPool, host string) (serverErr, clientErr error) {
	t.Helper()
	config := func(c Credential) *tls.Config {
		pair, err := c.TLS()
		if err != nil {
			t.Fatal(err)
		}
		return &tls.Config{
			Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13, Time: func() time.Time { return now },
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: serverTrusts, RootCAs: clientTrusts, ServerName: host,
		}
	}
	near, far := net.Pipe()
	for _, c := range []net.Conn{near, far} {
		if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	served := make(chan error, 1)
	go func() {
		defer far.Close()
		conn := tls.Server(far, config(server))
		_, err := io.WriteString(conn, "hello")
		served <- errors.Join(err, conn.Close())
	}()
	word, clientErr := io.ReadAll(tls.Client(near, config(client)))
	_ = near.Close()
	if serverErr = <-served; serverErr == nil && clientErr == nil && string(word) != "hello" {
		t.Errorf("the server has said %q", word)
	}
	return serverErr, clientErr
}

func TestTwoOfOneAuthorityKnowEachOther(t *testing.T) {
	a, stranger := newAuthority(t), newAuthority(t)
	server, client, alien := issue(t, a, node("node-7")), issue(t, a, Request{CommonName: "ada", Lifetime: day}), issue(t, stranger, node("node-7"))
	for _, host := range []string{"node-7.prod.internal", "127.0.0.1"} {
		if serverErr, clientErr := shake(t, server, client, trust(t, a), trust(t, a), host); serverErr != nil || clientErr != nil {
			t.Errorf("as %s: %v, %v", host, serverErr, clientErr)
		}
	}
	serverErr, _ := shake(t, server, alien, trust(t, a), trust(t, a), "127.0.0.1")
	wantText(t, serverErr, "certificate signed by unknown authority")
	_, clientErr := shake(t, alien, client, trust(t, a), trust(t, a), "127.0.0.1")
	wantText(t, clientErr, "certificate signed by unknown authority")
	_, clientErr = shake(t, client, client, trust(t, a), trust(t, a), "")
	if clientErr == nil {
		t.Error("a client was taken for a server")
	}
}

func TestAnAuthorityIsReadAsItWasWritten(t *testing.T) {
	a := newAuthority(t)
	certificate, key := texts(t, a)
	again, err := ParseAuthority(append([]byte("# The authority of prod\n"), certificate...), key)
	if err != nil {
		t.Fatal(err)
	}
	c, k := texts(t, again)
	if !bytes.Equal(c, certificate) || !bytes.Equal(k, key) || !bytes.HasPrefix(k, []byte("-----BEGIN PRIVATE KEY-----\n")) {
		t.Errorf("%s is written as %s", certificate, c)
	}
	if _, err := leaf(t, issue(t, again, node("node-7"))).Verify(x509.VerifyOptions{Roots: trust(t, a), CurrentTime: now}); err != nil {
		t.Error(err)
	}
}

// signed makes an authority by another one, or by itself.
func signed(t testing.TB, name string, key crypto.Signer, by *Authority, change func(*x509.Certificate)) Authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-day), NotAfter: now.Add(365 * day),
		KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true,
	}
	if change != nil {
		change(template)
	}
	parent, signs, chain := template, key, []*x509.Certificate(nil)
	if by != nil {
		parent, signs, chain = by.chain[0], by.key(), by.chain
	}
	c, err := sign(template, parent, key.Public(), signs)
	if err != nil {
		t.Fatal(err)
	}
	return Authority{chain: append([]*x509.Certificate{c}, chain...), key: behind(key)}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func TestKeysOfEveryKindAreRead(t *testing.T) {
	ec := newKey(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]struct {
		signer crypto.Signer
		text   []byte
	}{
		"SEC1":                 {ec, block(sec1Block, sec1)},
		"SEC1 with parameters": {ec, append(block(parametersBlock, []byte{6, 5, 43, 129, 4, 0, 34}), block(sec1Block, sec1)...)},
		"PKCS#1":               {rsaKey, block(pkcs1Block, x509.MarshalPKCS1PrivateKey(rsaKey))},
		"PKCS#8 of RSA":        {rsaKey, nil},
		"PKCS#8 of ECDSA":      {ec, nil},
		"PKCS#8 of Ed25519":    {ed, nil},
	} {
		brought := signed(t, "ours", key.signer, nil, nil)
		certificate, text := texts(t, brought)
		if key.text != nil {
			text = key.text
		}
		a, err := ParseAuthority(certificate, text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		server := issue(t, a, node("node-7"))
		if serverErr, clientErr := shake(t, server, server, trust(t, a), trust(t, a), "127.0.0.1"); serverErr != nil || clientErr != nil {
			t.Errorf("%s: %v, %v", name, serverErr, clientErr)
		}
		wantNoSecret(t, text, a, struct{ hidden Authority }{a})
	}
}

func TestAnAuthorityBelowARootIsShownWithItsChain(t *testing.T) {
	root := signed(t, "root", newKey(t), nil, func(c *x509.Certificate) { c.NotAfter = now.Add(20 * day) })
	between := signed(t, "between", newKey(t), &root, nil)
	ours := signed(t, "ours", newKey(t), &between, nil)
	a, err := ParseAuthority(texts(t, ours))
	if err != nil {
		t.Fatal(err)
	}
	c := issue(t, a, node("node-7"))
	shown, err := Certificates(c.CertificatePEM)
	if err != nil || len(shown) != 3 || shown[1].Subject.CommonName != "ours" || shown[2].Subject.CommonName != "between" {
		t.Errorf("it is shown with %d certificates, %v", len(shown), err)
	}
	if !shown[0].NotAfter.Equal(now.Add(20 * day)) {
		t.Errorf("it lives until %s, longer than the root", shown[0].NotAfter)
	}
	for _, trusted := range []*x509.CertPool{trust(t, root), trust(t, a)} {
		if serverErr, clientErr := shake(t, c, c, trusted, trusted, "127.0.0.1"); serverErr != nil || clientErr != nil {
			t.Errorf("%v, %v", serverErr, clientErr)
		}
	}
	_, err = a.Issue(node("node-8"), now.Add(21*day))
	wantText(t, err, `"CN=root" has expired`)
}

func TestAnAuthorityThatMayNotIsFoundOutAtOnce(t *testing.T) {
	root := signed(t, "root", newKey(t), nil, func(c *x509.Certificate) { c.MaxPathLenZero = true })
	for name, a := range map[string]Authority{
		"too long a chain":    signed(t, "ours", newKey(t), &root, nil),
		"other names":         signed(t, "ours", newKey(t), nil, func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"example.com"} }),
		"clients and no more": signed(t, "ours", newKey(t), nil, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }),
	} {
		a, err := ParseAuthority(texts(t, a))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Issue(node("node-7"), now); err == nil || !strings.Contains(err.Error(), "does not permit it") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatIsNoAuthorityIsRefused(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	certificate, key := texts(t, a)
	otherCertificate, otherKey := texts(t, other)
	c := issue(t, a, node("node-7"))
	root := signed(t, "root", newKey(t), nil, nil)
	oursCertificate, oursKey := texts(t, signed(t, "ours", newKey(t), &root, nil))
	alone := oursCertificate[:bytes.LastIndex(oursCertificate, blockBegin)]
	namesake, namesakeKey := texts(t, Authority{chain: signed(t, "root", newKey(t), &root, nil).chain[:1], key: root.key})
	mute, muteKey := texts(t, signed(t, "mute", newKey(t), nil, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature }))
	legacy := pem.EncodeToMemory(&pem.Block{Type: sec1Block, Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}, Bytes: []byte("x")})
	for _, test := range []struct {
		says             string
		certificate, key []byte
	}{
		{"no certificate in it", nil, key},
		{"no certificate in it", []byte("certificate"), key},
		{`of type "PRIVATE KEY" and no certificate`, append(slices.Clone(certificate), key...), key},
		{"1 of 1 is damaged", block(certificateBlock, []byte("x")), key},
		{"2 blocks begin in it, and 1 can be read", append(slices.Clone(certificate), otherCertificate[:200]...), key},
		{"not that of an authority", c.CertificatePEM, c.KeyPEM},
		{"lacks keyCertSign", mute, muteKey},
		{"of another certificate", certificate, otherKey},
		{"is not signed by", append(slices.Clone(certificate), otherCertificate...), key},
		{`is signed by "CN=root", which is not there`, alone, oursKey},
		{"it is not signed by itself", namesake, namesakeKey},
		{"no private key in it", certificate, nil},
		{"no private key in it", certificate, block(parametersBlock, nil)},
		{`of type "CERTIFICATE" in it`, certificate, certificate},
		{"more than one private key", certificate, append(slices.Clone(key), otherKey...)},
		{"damaged", certificate, block(pkcs8Block, []byte("x"))},
		{"damaged, or cut off", certificate, key[:len(key)-20]},
		{"encrypted", certificate, block("ENCRYPTED PRIVATE KEY", []byte("x"))},
		{"encrypted", certificate, legacy},
	} {
		_, err := ParseAuthority(test.certificate, test.key)
		wantText(t, err, test.says)
		wantNoSecret(t, key, err)
	}
}

func TestABundleIsReadWholeOrNotAtAll(t *testing.T) {
	one, _ := texts(t, newAuthority(t))
	two, key := texts(t, newAuthority(t))
	bundle := slices.Concat(one, []byte("\nsubject=the second\r\n"), two)
	if found, err := Certificates(bundle); err != nil || len(found) != 2 {
		t.Errorf("%d certificates, %v", len(found), err)
	}
	for _, text := range [][]byte{nil, []byte(" \n"), key, slices.Concat(one, key), slices.Concat(one, two[:300]), slices.Concat(one[:300], []byte("\n"), two)} {
		if pool, err := Pool(text); err == nil || pool != nil {
			t.Errorf("%q is trusted", text)
		}
	}
}

func TestACredentialOfTwoHalvesIsNone(t *testing.T) {
	a := newAuthority(t)
	one, two := issue(t, a, node("node-7")), issue(t, a, node("node-8"))
	if _, err := (Credential{CertificatePEM: one.CertificatePEM, KeyPEM: two.KeyPEM}).TLS(); err == nil {
		t.Error("a certificate is used with the key of another one")
	}
	if _, err := (Credential{}).TLS(); err == nil {
		t.Error("nothing is used")
	}
	if _, err := (Credential{}).Leaf(); err == nil {
		t.Error("nothing has a leaf")
	}
}

// wantNoSecret looks for a key in all that fmt makes of some values: its text, and its secret number, as bytes in hexadecimal and in decimal.
func wantNoSecret(t *testing.T, text []byte, values ...any) {
	t.Helper()
	key, err := parseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	var number []byte
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		if number, err = key.Bytes(); err != nil {
			t.Fatal(err)
		}
	case *rsa.PrivateKey:
		number = key.Primes[0].Bytes()
	case ed25519.PrivateKey:
		number = key.Seed()
	}
	number = number[8:24]
	line := bytes.SplitN(text[bytes.LastIndex(text, blockBegin):], []byte("\n"), 3)[1][24:54] // The beginning says only of which kind the key is.
	secrets := []string{string(line), "PRIVATE KEY-----", new(big.Int).SetBytes(number).String()}
	for _, bytes := range [][]byte{line, number} {
		secrets = append(secrets, fmt.Sprintf("%x", bytes), fmt.Sprintf("%X", bytes), strings.Trim(fmt.Sprintf("%d", bytes), "[]"),
			strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", bytes), "[]byte{"), "}"))
	}
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			shown := fmt.Sprintf(verb, v)
			for _, secret := range secrets {
				if strings.Contains(shown, secret) {
					t.Errorf("%s shows %s of a key: %s", verb, secret, shown)
				}
			}
		}
	}
}

func TestNoKeyIsPrinted(t *testing.T) {
	a := newAuthority(t)
	_, key := texts(t, a)
	wantNoSecret(t, key, a, &a, []Authority{a}, struct{ A Authority }{a}, struct{ hidden Authority }{a}, map[string]any{"a": a})
	c := issue(t, a, node("node-7"))
	wantNoSecret(t, c.KeyPEM, c, &c, []Credential{c}, struct{ C Credential }{c}, fmt.Errorf("with %v", c), Credential{KeyPEM: c.KeyPEM})
	if got := fmt.Sprintf("%v, %+v", a, c); got != `the certificate authority "CN=kafkafleet prod CA", the credential of "CN=node-7" until 2026-05-30T12:00:00Z` {
		t.Error(got)
	}
}
