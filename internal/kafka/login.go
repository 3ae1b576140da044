package kafka

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	xdg "github.com/xdg-go/scram"
)

// The mechanisms of SASL that the client can log in by.
const (
	MechanismPlain       = "PLAIN"
	MechanismSCRAM256    = "SCRAM-SHA-256"
	MechanismSCRAM512    = "SCRAM-SHA-512"
	MechanismOAuthBearer = "OAUTHBEARER"
	// MechanismAWSMSKIAM is what Amazon MSK calls a login by IAM. On the wire it is OAUTHBEARER, with a signed URL as the token.
	MechanismAWSMSKIAM = "AWS_MSK_IAM"
)

// Mechanisms are all of them.
func Mechanisms() []string {
	return []string{MechanismPlain, MechanismSCRAM256, MechanismSCRAM512, MechanismOAuthBearer, MechanismAWSMSKIAM}
}

// SASL is how the client logs in.
type SASL struct {
	// Mechanism is one of Mechanisms.
	Mechanism string
	// Username and Password are for PLAIN and SCRAM.
	Username, Password string
	// OAuth is for OAUTHBEARER.
	OAuth *OAuth
	// AWS is for AWS_MSK_IAM.
	AWS *AWS
}

// String says who logs in and how, and nothing of what is secret.
func (s SASL) String() string {
	switch s.Mechanism {
	case MechanismOAuthBearer:
		if s.OAuth != nil {
			return fmt.Sprintf("client %q by %s", s.OAuth.ClientID, s.Mechanism)
		}
	case MechanismAWSMSKIAM:
		if s.AWS != nil {
			return fmt.Sprintf("%s by %s", s.AWS, s.Mechanism)
		}
	default:
		return fmt.Sprintf("user %q by %s", s.Username, s.Mechanism)
	}
	return "a login by " + s.Mechanism
}

// GoString is String, so that %#v shows no secret either.
func (s SASL) GoString() string { return s.String() }

// SCRAM is true for a login by a credential that Kafka itself keeps.
func (s SASL) SCRAM() bool {
	return s.Mechanism == MechanismSCRAM256 || s.Mechanism == MechanismSCRAM512
}

// login is the SASL of one client, with the token that its connections share.
type login struct {
	SASL
	// tokens is nil for a mechanism without a token.
	tokens *tokens
}

// newLogin returns nil for nil: no login.
func newLogin(s *SASL) *login {
	if s == nil {
		return nil
	}
	l := &login{SASL: *s}
	switch {
	case s.Mechanism == MechanismOAuthBearer && s.OAuth != nil:
		l.tokens = newTokens(s.OAuth.source())
	case s.Mechanism == MechanismAWSMSKIAM && s.AWS != nil:
		l.tokens = newTokens(s.AWS.source())
	}
	return l
}

// extensions are what is sent with a token.
func (l *login) extensions() map[string]string {
	if l.Mechanism == MechanismOAuthBearer {
		return l.OAuth.Extensions
	}
	return nil
}

// wire is what the mechanism is called in the handshake.
func (l *login) wire() string {
	if l.Mechanism == MechanismAWSMSKIAM {
		return MechanismOAuthBearer
	}
	return l.Mechanism
}

// sarama adds the login to sarama's configuration for a connection that lives as long as ctx.
func (l *login) sarama(ctx context.Context, config *sarama.Config) error {
	sasl := &config.Net.SASL
	sasl.Enable, sasl.Mechanism, sasl.User, sasl.Password = true, sarama.SASLMechanism(l.wire()), l.Username, l.Password
	switch {
	case l.Mechanism == MechanismPlain:
	case l.Mechanism == MechanismSCRAM256:
		sasl.SCRAMClientGeneratorFunc = newSCRAM(xdg.SHA256)
	case l.Mechanism == MechanismSCRAM512:
		sasl.SCRAMClientGeneratorFunc = newSCRAM(xdg.SHA512)
	case l.tokens != nil:
		sasl.TokenProvider = saramaBearer{ctx: ctx, login: l}
	default:
		return l.incomplete()
	}
	return nil
}

// kgo is the login as an option of franz-go.
func (l *login) kgo() (kgo.Opt, error) {
	switch {
	case l.Mechanism == MechanismPlain:
		return kgo.SASL(plain.Auth{User: l.Username, Pass: l.Password}.AsMechanism()), nil
	case l.Mechanism == MechanismSCRAM256:
		return kgo.SASL(scram.Auth{User: l.Username, Pass: l.Password}.AsSha256Mechanism()), nil
	case l.Mechanism == MechanismSCRAM512:
		return kgo.SASL(scram.Auth{User: l.Username, Pass: l.Password}.AsSha512Mechanism()), nil
	case l.tokens != nil:
		return kgo.SASL(kgoBearer{l}), nil
	}
	return nil, l.incomplete()
}

func (l *login) incomplete() error {
	switch l.Mechanism {
	case MechanismOAuthBearer, MechanismAWSMSKIAM:
		return fmt.Errorf("%w: %s needs to be told where its token comes from", ErrInvalid, l.Mechanism)
	}
	return fmt.Errorf("%w: unknown SASL mechanism %q; use one of %s", ErrInvalid, l.Mechanism, strings.Join(Mechanisms(), ", "))
}

// loginTrouble says why a login failed, when that is what an error is about; other errors stay as they are.
func (c *Client) loginTrouble(ctx context.Context, address string, err error) error {
	var t *tokenError
	if errors.As(err, &t) {
		return fmt.Errorf("%w: %w", t.sentinel(), t)
	}
	k, ok := code(err)
	switch {
	case !ok && c.login == nil && cut(err) && troubled(err) == nil && ctx.Err() == nil && !c.hasServed(address):
		offered := mechanisms(ctx, c.cfg, address)
		if len(offered) == 0 {
			return err
		}
		return &refusal{sentinel: ErrLogin, err: err, text: fmt.Sprintf("%s wants a login by %s, and the client has none: give `sasl`, or the port of a listener without", address, strings.Join(offered, " or "))}
	case !ok || c.login == nil:
		return err
	case k == kerr.SaslAuthenticationFailed:
		return &refusal{sentinel: ErrLogin, err: err, text: fmt.Sprintf("%s refuses %s: %s; %s", address, c.login, Words(err), c.login.advice())}
	case k == kerr.UnsupportedSaslMechanism:
		has := "says not which it has"
		if offered := mechanisms(ctx, c.cfg, address); len(offered) > 0 {
			has = "has " + strings.Join(offered, " and ")
		}
		return &refusal{sentinel: ErrLogin, err: err, text: fmt.Sprintf("%s takes no login by %s and %s: choose a mechanism that it has, or the port of another listener", address, c.login.wire(), has)}
	case k == kerr.IllegalSaslState:
		return &refusal{sentinel: ErrLogin, err: err, text: fmt.Sprintf("%s takes no login at all, and the client was to log in as %s: give the port of a listener with SASL, or leave `sasl` out", address, c.login)}
	}
	return err
}

// advice is what to look at when a broker refuses the login.
func (l *login) advice() string {
	switch {
	case l.Mechanism == MechanismOAuthBearer:
		return fmt.Sprintf("it does not believe the token of %s: check that issuer, audience and scope are those that it expects, and the clocks of both sides", l.OAuth.TokenEndpoint)
	case l.Mechanism == MechanismAWSMSKIAM:
		return "check that the identity may kafka-cluster:Connect, that the region is that of the brokers, and the clock here"
	case l.SCRAM():
		return fmt.Sprintf("check the name and the password, and that the user has a credential of %s", l.Mechanism)
	}
	return "check the name and the password"
}
