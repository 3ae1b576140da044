package provider

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"golang.org/x/crypto/argon2"
)

// markKey is where a resource's private state has the mark.
const markKey = "password"

// How a mark is hashed: argon2id with the parameters that OWASP recommends where memory is dear. It takes some 20 ms, and 19 MiB in each
// of the ten plans that Terraform makes at a time. What Kafka itself keeps of a password costs less to guess.
const (
	markKDF       = "argon2id m=19456 t=2 p=1"
	markPasses    = 2
	markKiB       = 19456
	markLanes     = 1
	markHashBytes = 32
)

// passwordMark is what is remembered of the last password that was set: enough to notice another one, too little to find it out.
// It is a hint in private state. Where it is missing, the password is taken for another one.
type passwordMark struct {
	KDF  string `json:"kdf"`
	Salt []byte `json:"salt"`
	Hash []byte `json:"hash"`
	// Iterations are those that the credentials were set with.
	Iterations int64 `json:"iterations"`
}

func markOf(password string, iterations int64) passwordMark {
	salt := []byte(rand.Text())
	return passwordMark{KDF: markKDF, Salt: salt, Hash: markHash(password, salt), Iterations: iterations}
}

// of says whether the mark is that of this password.
func (m passwordMark) of(password string) bool {
	return m.KDF == markKDF && subtle.ConstantTimeCompare(m.Hash, markHash(password, m.Salt)) == 1
}

func markHash(password string, salt []byte) []byte {
	return argon2.IDKey([]byte(password), salt, markPasses, markKiB, markLanes, markHashBytes)
}

// keyedState is the provider's part of a resource's private state.
type keyedState interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

// readMark returns the mark in a private state, and an empty one, which is of no password, where there is none.
func readMark(ctx context.Context, private keyedState, diags *diag.Diagnostics) passwordMark {
	raw, more := private.GetKey(ctx, markKey)
	diags.Append(more...)
	var m passwordMark
	if err := json.Unmarshal(raw, &m); err != nil {
		return passwordMark{}
	}
	return m
}

func (m passwordMark) write(ctx context.Context, private keyedState, diags *diag.Diagnostics) {
	raw, err := json.Marshal(m)
	if err != nil {
		diags.AddError("The password's mark is not kept", "This is a bug of the provider: "+sentence(err))
		return
	}
	diags.Append(private.SetKey(ctx, markKey, raw)...)
}
