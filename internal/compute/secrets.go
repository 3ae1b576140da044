package compute

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
)

// Secrets is a cluster's secret store: what must be known of it and must not be seen, its certificate authority and its nodes' keys. What is in
// it is in no spec, record, report, log or error.
//
// A secret has a name, of at most 64 lower-case letters, digits and hyphens, the first one no hyphen, and a value of 1 to MaxSecretBytes bytes,
// which is returned as it was stored. Any other name or value is ErrInvalid, and so may be a value of more than half as many bytes that is no
// plain text (ASCII): some stores keep text only. Whoever changes a secret holds the cluster's lease.
//
// Secrets need no record: an authority is made before its cluster's record is, and stays until then. DeleteCluster removes all secrets of the
// cluster, and before its record, so that a run which was cut off in between finds the record and calls it again; it removes them where there is no
// record, too. It leaves them where it is refused. Terminate removes the instance's NodeSecret, for the same reason before the instance is gone.
type Secrets interface {
	// Secret returns a secret of a cluster; ErrNotFound: there is none of this name.
	Secret(ctx context.Context, cluster, name string) ([]byte, error)
	// PutSecret creates or replaces a secret, in one step: a reader sees the old value or the new one. It is stored durably when this returns nil.
	PutSecret(ctx context.Context, cluster, name string, value []byte) error
	// DeleteSecret forgets a secret; one that does not exist is no error.
	DeleteSecret(ctx context.Context, cluster, name string) error
}

// AuthoritySecret is the name of the secret that a cluster's certificate authority is kept in, its key included. No node reads it.
const AuthoritySecret = "ca"

// NodeSecret is the name of the secret that a node finds its identity in, such as "node-7".
func NodeSecret(id int32) string { return "node-" + strconv.Itoa(int(id)) }

// MaxSecretBytes is how long a secret's value may be.
const MaxSecretBytes = 8 << 10

var secretName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

// CheckSecretName is for drivers: the error wraps ErrInvalid where a text can be no secret's name.
func CheckSecretName(name string) error {
	if !secretName.MatchString(name) {
		return fmt.Errorf("%w: %q cannot be a secret's name; it has at most 64 lower-case letters, digits and hyphens, and does not begin with a hyphen", ErrInvalid, name)
	}
	return nil
}

// CheckSecret is for drivers: the error wraps ErrInvalid where a secret cannot be stored. It shows nothing of the value.
func CheckSecret(name string, value []byte) error {
	if err := CheckSecretName(name); err != nil {
		return err
	}
	if len(value) == 0 || len(value) > MaxSecretBytes {
		return fmt.Errorf("%w: the value of the secret %q would have %d bytes; it has 1 at least and %d at most", ErrInvalid, name, len(value), MaxSecretBytes)
	}
	return nil
}
