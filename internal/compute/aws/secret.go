package aws

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// A parameter's value is text of up to 8 KiB, while a secret is any bytes. What is plain text, as all that the provider stores, is stored as it
// is; anything else in base64 behind a mark that no plain text begins with.
const encoded = "base64:"

func encodeSecret(value []byte) (string, error) {
	text := string(value)
	if plain(text) {
		return text, nil
	}
	text = encoded + base64.StdEncoding.EncodeToString(value)
	if len(text) > compute.MaxSecretBytes {
		return "", fmt.Errorf("%w: a secret of %d bytes that are no plain text does not fit into a parameter", compute.ErrInvalid, len(value))
	}
	return text, nil
}

func decodeSecret(text string) ([]byte, error) {
	rest, found := strings.CutPrefix(text, encoded)
	if !found {
		return []byte(text), nil
	}
	value, err := base64.StdEncoding.DecodeString(rest)
	if err != nil {
		return nil, fmt.Errorf("a secret is not as it was stored: %w", err)
	}
	return value, nil
}

// plain is text that no one on the way may take for something else: printable ASCII in lines, and nothing but that at either end.
func plain(text string) bool {
	return !strings.HasPrefix(text, encoded) && strings.TrimSpace(text) == text &&
		strings.IndexFunc(text, func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') }) < 0
}
