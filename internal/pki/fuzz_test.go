package pki

import (
	"bytes"
	"crypto/x509"
	"slices"
	"testing"
)

// FuzzAuthority: what is taken for an authority is one, whose certificate and key belong together and which is written as what reads the same.
// A bundle is what the authority's certificate is read as, and has all that begins in it.
func FuzzAuthority(f *testing.F) {
	certificate, key := texts(f, newAuthority(f))
	otherCertificate, otherKey := texts(f, newAuthority(f))
	root := signed(f, "root", newKey(f), nil, nil)
	chain, chainKey := texts(f, signed(f, "ours", newKey(f), &root, nil))
	c := issue(f, newAuthority(f), node("node-7"))
	for _, seed := range [][2][]byte{
		{certificate, key}, {certificate, otherKey}, {chain, chainKey}, {c.CertificatePEM, c.KeyPEM}, {nil, nil}, {key, certificate},
		{slices.Concat(certificate, otherCertificate), key}, {certificate[:99], key[:99]},
		{block(certificateBlock, nil), block(sec1Block, nil)}, {block(certificateBlock, []byte{0x30, 0}), block(pkcs1Block, []byte{0x30, 0})},
		{[]byte("-----BEGIN CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"), []byte("-----BEGIN PRIVATE KEY-----")},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, certificate, key []byte) {
		bundle, bundleErr := Certificates(certificate)
		if bundleErr == nil && (len(bundle) == 0 || bytes.Count(certificate, blockBegin) < len(bundle)) {
			t.Errorf("%d certificates in %q", len(bundle), certificate)
		}
		a, err := ParseAuthority(certificate, key)
		if err != nil {
			if a.key != nil || a.Certificate() != nil {
				t.Errorf("%v, and it is %s all the same", err, a)
			}
			return
		}
		if bundleErr != nil || !slices.EqualFunc(bundle, a.chain, (*x509.Certificate).Equal) || !a.Certificate().IsCA {
			t.Errorf("%q is taken for %s, %v", certificate, a, bundleErr)
		}
		c, k := texts(t, a)
		again, err := ParseAuthority(c, k)
		if err != nil {
			t.Fatalf("what is written cannot be read: %v", err)
		}
		if c2, k2 := texts(t, again); !bytes.Equal(c, c2) || !bytes.Equal(k, k2) {
			t.Errorf("%s\n%s\nreads back as another one", c, k)
		}
	})
}
