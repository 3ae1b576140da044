package kafka

import (
	"context"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
)

// saramaBearer hands the client's token to sarama.
type saramaBearer struct {
	// ctx ends with the connection: sarama asks without one.
	ctx   context.Context
	login *login
}

// Token is what sarama calls for each login.
func (b saramaBearer) Token() (*sarama.AccessToken, error) {
	token, err := b.login.tokens.get(b.ctx)
	if err != nil {
		return nil, err
	}
	return &sarama.AccessToken{Token: token, Extensions: b.login.extensions()}, nil
}

// kgoBearer hands the client's token to franz-go. Its own mechanism ends a login that is refused without asking for the reason.
type kgoBearer struct{ login *login }

// Name is that of the handshake.
func (b kgoBearer) Name() string { return b.login.wire() }

// Authenticate returns the first message (RFC 7628, section 3.1).
func (b kgoBearer) Authenticate(ctx context.Context, host string) (sasl.Session, []byte, error) {
	token, err := b.login.tokens.get(ctx)
	if err != nil {
		return nil, nil, err
	}
	_, message, err := oauth.Auth{Token: token, Extensions: b.login.extensions()}.AsMechanism().Authenticate(ctx, host)
	return &bearerSession{}, message, err
}

// bearerSession is one login by a token.
type bearerSession struct{ refused bool }

// Challenge answers a refusal with the one byte that makes the broker end the login, with its reason (RFC 7628, section 3.2.3).
func (s *bearerSession) Challenge(message []byte) (done bool, answer []byte, err error) {
	if len(message) == 0 || s.refused {
		return true, nil, nil
	}
	s.refused = true
	return false, []byte{1}, nil
}
