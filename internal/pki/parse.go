package pki

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// ParseAuthority reads an authority. The first certificate is its own, and has to be one that may sign others; each further one has signed the
// one before, and the last one itself: clients by OpenSSL trust nothing without its root. The key is one of PKCS#8, SEC1 or PKCS#1, not
// encrypted. If the authority has expired is Issue's to say, which knows the time. No error shows anything of the key.
func ParseAuthority(certificatePEM, keyPEM []byte) (Authority, error) {
	chain, err := Certificates(certificatePEM)
	if err != nil {
		return Authority{}, fmt.Errorf("the certificate of the authority cannot be used: %w", err)
	}
	if err := checkChain(chain); err != nil {
		return Authority{}, err
	}
	key, err := parseKey(keyPEM)
	if err != nil {
		return Authority{}, fmt.Errorf("the key of the authority %q cannot be used: %w", chain[0].Subject, err)
	}
	if public, ok := chain[0].PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(key.Public()) {
		return Authority{}, fmt.Errorf("the key is not that of the authority %q, but of another certificate; give the two that belong together, "+
			"and the authority's own certificate first if there are more", chain[0].Subject)
	}
	return Authority{chain: chain, key: behind(key)}, nil
}

// checkChain refuses what cannot sign certificates that others will trust.
func checkChain(chain []*x509.Certificate) error {
	for i, c := range chain {
		if !c.BasicConstraintsValid || !c.IsCA {
			return fmt.Errorf("the certificate %q is not that of an authority (CA:TRUE is not among its basic constraints): nobody would trust what it signs", c.Subject)
		}
		if c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0 {
			return fmt.Errorf("the certificate %q may not sign others (its key usage lacks keyCertSign): nobody would trust what it signs", c.Subject)
		}
		if i+1 < len(chain) {
			if err := c.CheckSignatureFrom(chain[i+1]); err != nil {
				return fmt.Errorf("the certificate %q is not signed by %q, which comes after it: %w; give the authority's own certificate first, and after each the "+
					"one that has signed it", c.Subject, chain[i+1].Subject, err)
			}
		}
	}
	root := chain[len(chain)-1]
	if !bytes.Equal(root.RawSubject, root.RawIssuer) {
		return fmt.Errorf("the certificate %q is signed by %q, which is not there; add it, and those that have signed it, up to the root", root.Subject, root.Issuer)
	}
	if err := root.CheckSignatureFrom(root); err != nil {
		return fmt.Errorf("the certificate %q is no root, it is not signed by itself: %w; add those that have signed it, up to the root", root.Subject, err)
	}
	return nil
}

// parseKey reads the one private key that there is in a text.
func parseKey(text []byte) (crypto.Signer, error) {
	blocks, err := decode(text)
	if err != nil {
		return nil, err
	}
	var found crypto.Signer
	for _, block := range blocks {
		if block.Type == parametersBlock {
			continue
		}
		key, err := parseKeyBlock(block)
		if err != nil {
			return nil, err
		}
		if found != nil {
			return nil, errors.New("there is more than one private key in it; give the authority's own alone")
		}
		found = key
	}
	if found == nil {
		return nil, errors.New("there is no private key in it; a text in PEM is expected, with a PRIVATE KEY, EC PRIVATE KEY or RSA PRIVATE KEY")
	}
	return found, nil
}

func parseKeyBlock(block *pem.Block) (crypto.Signer, error) {
	var key any
	var err error
	switch {
	case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
		return nil, errors.New("it is encrypted; give it decrypted, as `openssl pkey` writes it")
	case block.Type == pkcs8Block:
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case block.Type == sec1Block:
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case block.Type == pkcs1Block:
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("there is a block of type %q in it, which is no private key", block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("its block of type %q is damaged: %w", block.Type, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a key of this kind (%T) cannot sign; one of ECDSA, RSA or Ed25519 can", key)
	}
	return signer, nil
}
