package kafka_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
)

// login tries a user's password at one address: nil when Kafka takes it, ErrInvalid when it does not.
func login(t *testing.T, address string, u kafka.UserCredential) error {
	t.Helper()
	c := connect(t, shared, bootstrap(address), func(cfg *kafka.Config) {
		cfg.SASL = &kafka.SASL{Mechanism: u.Mechanism, Username: u.User, Password: u.Password}
	})
	_, _, err := c.Brokers(t.Context())
	return err
}

// awaitLogin waits until every broker takes the password, or refuses it. A broker shows a credential a moment before it takes it.
func awaitLogin(t *testing.T, u kafka.UserCredential, takes bool) {
	t.Helper()
	for _, address := range shared.SASLBootstrap() {
		eventually(t, time.Minute, func() string {
			if err := login(t, address, u); (err == nil) != takes || err != nil && !errors.Is(err, kafka.ErrInvalid) {
				return fmt.Sprintf("%s at %s: %v, want it taken: %v", u, address, err, takes)
			}
			return ""
		})
	}
}

func TestUserLogsInByTheNewPasswordOnlyOnceItIsSet(t *testing.T) {
	const name = "user, with=marks/in%it"
	c := connect(t, shared)
	set := func(u kafka.UserCredential) {
		t.Helper()
		if err := c.SetUserCredential(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512"} {
		old := kafka.UserCredential{User: name, Mechanism: mechanism, Iterations: kafka.MinSCRAMIterations, Password: "old, =ä€ \"pass\""}
		set(old)
		awaitLogin(t, old, true)
		changed := old
		changed.Password = "new"
		set(changed)
		for _, address := range shared.SASLBootstrap() {
			if err := login(t, address, old); !errors.Is(err, kafka.ErrInvalid) {
				t.Errorf("the old password at %s: %v, want ErrInvalid", address, err)
			}
			if err := login(t, address, changed); err != nil {
				t.Errorf("the new password at %s: %v", address, err)
			}
		}
		changed.Iterations = kafka.MaxSCRAMIterations
		set(changed)
		awaitLogin(t, changed, true)
	}
	found, err := c.UserCredentials(t.Context(), name)
	if err != nil || len(found) != 2 || found["SCRAM-SHA-256"] != kafka.MaxSCRAMIterations || found["SCRAM-SHA-512"] != kafka.MaxSCRAMIterations {
		t.Errorf("credentials %v, %v, want one of each mechanism", found, err)
	}
	// The second time there is none any more: so it looks to a repetition of a request that was carried out.
	for range 2 {
		if err := c.DeleteUserCredential(t.Context(), name, "SCRAM-SHA-256"); err != nil {
			t.Fatal(err)
		}
	}
	awaitLogin(t, kafka.UserCredential{User: name, Mechanism: "SCRAM-SHA-256", Password: "new"}, false)
	awaitLogin(t, kafka.UserCredential{User: name, Mechanism: "SCRAM-SHA-512", Password: "new"}, true)
	if err := c.DeleteUserCredential(t.Context(), name, "SCRAM-SHA-512"); err != nil {
		t.Fatal(err)
	}
	if found, err := c.UserCredentials(t.Context(), name); !errors.Is(err, kafka.ErrNotFound) {
		t.Errorf("credentials of a deleted user: %v, %v, want ErrNotFound", found, err)
	}
}

// everyUserRequest makes each request about users once.
func everyUserRequest(t *testing.T, c *kafka.Client) {
	t.Helper()
	u := kafka.UserCredential{User: "every-scram-user", Mechanism: "SCRAM-SHA-512", Iterations: kafka.MinSCRAMIterations, Password: "p"}
	if err := c.SetUserCredential(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	if found, err := c.UserCredentials(t.Context(), u.User); err != nil || found[u.Mechanism] != u.Iterations {
		t.Errorf("credentials %v, %v", found, err)
	}
	if err := c.DeleteUserCredential(t.Context(), u.User, u.Mechanism); err != nil {
		t.Fatal(err)
	}
	for _, iterations := range []int32{kafka.MinSCRAMIterations - 1, kafka.MaxSCRAMIterations + 1} {
		refused := u
		refused.Iterations, refused.Password = iterations, "secret-of-a-refused-user"
		if err := c.SetUserCredential(t.Context(), refused); !errors.Is(err, kafka.ErrInvalid) || strings.Contains(err.Error(), refused.Password) {
			t.Errorf("%d iterations: %v, want ErrInvalid without the password", iterations, err)
		}
	}
}

// TestPasswordAloneIsChangedWhereEveryBrokerCanBeSeenToKnow: brokers show the iterations of a credential and no more, so one that only
// gets another password goes through another number, and back.
func TestPasswordAloneIsChangedWhereEveryBrokerCanBeSeenToKnow(t *testing.T) {
	fake, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	var mu sync.Mutex
	var set []int32
	lost := true
	fake.ControlKey(int16(kmsg.AlterUserSCRAMCredentials), func(req kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		mu.Lock()
		defer mu.Unlock()
		if lost {
			lost = false
			return nil, errors.New("the connection breaks"), true
		}
		if r, ok := req.(*kmsg.AlterUserSCRAMCredentialsRequest); ok {
			for _, u := range r.Upsertions {
				set = append(set, u.Iterations)
			}
		}
		return nil, nil, false
	})
	c := connect(t, shared, bootstrap(fake.ListenAddrs()...))
	for _, test := range []struct {
		iterations int32
		want       []int32
	}{
		{4096, []int32{4096}}, {4096, []int32{4097, 4096}}, {8192, []int32{8192}}, {8192, []int32{8191, 8192}},
	} {
		mu.Lock()
		set = nil
		mu.Unlock()
		u := kafka.UserCredential{User: "a", Mechanism: "SCRAM-SHA-256", Iterations: test.iterations, Password: "p"}
		if err := c.SetUserCredential(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(set, test.want) {
			t.Errorf("%d iterations were set by way of %v, want %v", test.iterations, set, test.want)
		}
	}
}

func TestUserCredentialIsPrintedWithoutItsPassword(t *testing.T) {
	u := kafka.UserCredential{User: "a", Mechanism: "SCRAM-SHA-256", Password: "secret"}
	for _, verb := range []string{"%v", "%+v", "%s"} {
		if text := fmt.Sprintf(verb, u); strings.Contains(text, u.Password) {
			t.Errorf("%s prints %q", verb, text)
		}
	}
}

// TestNobodyLogsInByANameThatIsNotASCII is why the provider refuses such names: Kafka stores the credential.
func TestNobodyLogsInByANameThatIsNotASCII(t *testing.T) {
	c := connect(t, shared)
	for name, takes := range map[string]bool{"jurgen\x01\x7f": true, "jürgen": false} {
		u := kafka.UserCredential{User: name, Mechanism: "SCRAM-SHA-512", Iterations: kafka.MinSCRAMIterations, Password: "p"}
		if err := c.SetUserCredential(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		awaitLogin(t, u, takes)
		if err := c.DeleteUserCredential(t.Context(), u.User, u.Mechanism); err != nil {
			t.Fatal(err)
		}
	}
}
