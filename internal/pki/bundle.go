package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// Pool returns what to trust by a bundle: all of its certificates. The error is that of Certificates.
func Pool(bundlePEM []byte) (*x509.CertPool, error) {
	certificates, err := Certificates(bundlePEM)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, c := range certificates {
		pool.AddCert(c)
	}
	return pool, nil
}

// Certificates returns the certificates of a bundle in PEM, in their order, one at least. Text around the blocks is passed over. A block that
// is no certificate, or is damaged, is an error: whoever put it there means that something is trusted, and it would not be.
func Certificates(bundlePEM []byte) ([]*x509.Certificate, error) {
	blocks, err := decode(bundlePEM)
	if err != nil {
		return nil, err
	}
	if len(blocks) == 0 {
		return nil, errors.New("there is no certificate in it; a text in PEM is expected, which begins with -----BEGIN CERTIFICATE-----")
	}
	certificates := make([]*x509.Certificate, 0, len(blocks))
	for i, block := range blocks {
		if block.Type != certificateBlock {
			return nil, fmt.Errorf("its block %d of %d is of type %q and no certificate", i+1, len(blocks), block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("its certificate %d of %d is damaged: %w", i+1, len(blocks), err)
		}
		certificates = append(certificates, c)
	}
	return certificates, nil
}

// Own returns the first certificate of an authority's bundle, its own, without those that have signed it. Who is to believe this authority and no other
// one of the same root trusts this one alone.
func Own(bundlePEM []byte) ([]byte, error) {
	certificates, err := Certificates(bundlePEM)
	if err != nil {
		return nil, err
	}
	return certificatePEM(certificates[0]), nil
}

var blockBegin = []byte("-----BEGIN ")

// decode returns the PEM blocks of a text. One that was cut off is an error, where pem.Decode passes it over.
func decode(text []byte) ([]*pem.Block, error) {
	begun := bytes.Count(text, append([]byte("\n"), blockBegin...))
	if bytes.HasPrefix(text, blockBegin) {
		begun++
	}
	var blocks []*pem.Block
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		blocks, text = append(blocks, block), rest
	}
	if begun != len(blocks) {
		return nil, fmt.Errorf("%d blocks begin in it, and %d can be read; one is damaged, or cut off", begun, len(blocks))
	}
	return blocks, nil
}
