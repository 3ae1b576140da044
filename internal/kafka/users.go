package kafka

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/IBM/sarama"
)

// The iterations that Kafka takes for a SCRAM credential (ScramMechanism and ScramControlManager of Kafka 4.3).
const (
	MinSCRAMIterations = 4096
	MaxSCRAMIterations = 16384
)

// scramMechanisms are the mechanisms in the protocol's numbers.
var scramMechanisms = map[string]sarama.ScramMechanismType{
	MechanismSCRAM256: sarama.SCRAM_MECHANISM_SHA_256,
	MechanismSCRAM512: sarama.SCRAM_MECHANISM_SHA_512,
}

// UserCredential is a SCRAM credential that a user is to have.
type UserCredential struct {
	// User is the name that clients log in with: User:alice of an ACL is the user alice.
	User string
	// Mechanism is SCRAM-SHA-256 or SCRAM-SHA-512. A user has at most one credential of each.
	Mechanism string
	// Iterations are how often the password is hashed, from MinSCRAMIterations to MaxSCRAMIterations.
	Iterations int32
	// Password stays in this process: what Kafka gets is salted and hashed (RFC 5802).
	Password string
}

// String says which credential it is, and nothing of the password.
func (u UserCredential) String() string { return credentialName(u.User, u.Mechanism) }

func credentialName(user, mechanism string) string {
	return fmt.Sprintf("%s credential of user %q", mechanism, user)
}

// UserCredentials returns the iterations of a user's SCRAM credentials by mechanism. That is all that Kafka tells of them: whether
// the password is the expected one cannot be asked. A user has at least one: without any it is ErrNotFound, which is confirmed by
// more than one broker.
func (c *Client) UserCredentials(ctx context.Context, user string) (map[string]int32, error) {
	found, err := find(ctx, c, func(ctx context.Context, to nodes) (map[string]int32, error) {
		return c.userCredentialsAt(ctx, to, user)
	})
	if err != nil {
		return nil, fmt.Errorf("SCRAM credentials of user %q: %w", user, err)
	}
	return found, nil
}

// userCredentialsAt is UserCredentials as one node sees them.
func (c *Client) userCredentialsAt(ctx context.Context, to nodes, user string) (map[string]int32, error) {
	found, err := c.usersAt(ctx, to, []string{user})
	if err == nil && len(found[user]) == 0 {
		err = ErrNotFound
	}
	return found[user], err
}

// SetUserCredential gives a user a credential, in place of the one that it had of this mechanism, and waits until every live broker
// knows it. The salt is another one each time.
//
// Of a credential brokers show the iterations only. One that changes in nothing but its password therefore goes through another
// number of iterations, which every broker can be seen to have arrived at: when this returns nil, none takes the old password.
func (c *Client) SetUserCredential(ctx context.Context, credential UserCredential) error {
	there, err := c.UserCredentials(ctx, credential.User)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if there[credential.Mechanism] == credential.Iterations {
		visible := credential
		if visible.Iterations--; visible.Iterations < MinSCRAMIterations {
			visible.Iterations += 2
		}
		if err := c.upsertUserCredential(ctx, visible); err != nil {
			return err
		}
	}
	return c.upsertUserCredential(ctx, credential)
}

func (c *Client) upsertUserCredential(ctx context.Context, credential UserCredential) error {
	mechanism, err := scramMechanism(credential.Mechanism)
	if err != nil {
		return err
	}
	salt := []byte(rand.Text())
	err = c.alterUser(ctx, credential.User, credential.Mechanism, func() *sarama.AlterUserScramCredentialsRequest {
		return &sarama.AlterUserScramCredentialsRequest{Upsertions: []sarama.AlterUserScramCredentialsUpsert{{
			Name: credential.User, Mechanism: mechanism, Iterations: credential.Iterations, Salt: salt, Password: []byte(credential.Password),
		}}}
	})
	if err != nil {
		return err
	}
	return c.agreedOnUser(ctx, credential.User, credential.Mechanism, credential.Iterations)
}

// DeleteUserCredential deletes a user's credential of one mechanism and waits until no live broker knows it any more. That there is
// none is no error: so it is after an attempt whose answer was lost.
func (c *Client) DeleteUserCredential(ctx context.Context, user, mechanism string) error {
	number, err := scramMechanism(mechanism)
	if err != nil {
		return err
	}
	err = c.alterUser(ctx, user, mechanism, func() *sarama.AlterUserScramCredentialsRequest {
		return &sarama.AlterUserScramCredentialsRequest{Deletions: []sarama.AlterUserScramCredentialsDelete{{Name: user, Mechanism: number}}}
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	return c.agreedOnUser(ctx, user, mechanism, 0)
}

func scramMechanism(name string) (sarama.ScramMechanismType, error) {
	number, ok := scramMechanisms[name]
	if !ok {
		return 0, fmt.Errorf("%w: %q is no SCRAM mechanism; use %s or %s", ErrInvalid, name, MechanismSCRAM256, MechanismSCRAM512)
	}
	return number, nil
}

// alterUser changes one credential of one user: Kafka refuses a request that changes a user twice.
func (c *Client) alterUser(ctx context.Context, user, mechanism string, fresh func() *sarama.AlterUserScramCredentialsRequest) error {
	defer c.reader.users.Forget(user)
	c.mutation("AlterUserScramCredentials", credentialName(user, mechanism))
	_, err := request(ctx, c, c.anyForwarder(), "AlterUserScramCredentials", func(b *sarama.Broker) (*sarama.AlterUserScramCredentialsResponse, error) {
		return b.AlterUserScramCredentials(fresh())
	}, func(r *sarama.AlterUserScramCredentialsResponse) error {
		for _, result := range r.Results {
			if err := kafkaError(int16(result.ErrorCode), result.ErrorMessage); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w", credentialName(user, mechanism), err)
	}
	return nil
}

// agreedOnUser waits until every live broker shows the credential with these iterations, or none for 0.
func (c *Client) agreedOnUser(ctx context.Context, user, mechanism string, iterations int32) error {
	what := credentialName(user, mechanism)
	if iterations == 0 {
		what = "the end of the " + what
	}
	return agreed(ctx, c, what, func(ctx context.Context, to nodes) (bool, error) {
		found, err := c.userCredentialsAt(ctx, to, user)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return false, err
		}
		return found[mechanism] == iterations, nil
	})
}
