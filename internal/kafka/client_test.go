package kafka_test

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka/kafkatest"
)

// deadAddress is where nobody listens.
func deadAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String()
}

// hungAddress is where connections are accepted and nothing ever answers.
func hungAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}

func bootstrap(addresses ...string) func(*kafka.Config) {
	return func(cfg *kafka.Config) {
		cfg.Bootstrap = func(context.Context) ([]string, error) { return addresses, nil }
		cfg.Controllers = nil
	}
}

func timeout(d time.Duration) func(*kafka.Config) { return func(cfg *kafka.Config) { cfg.Timeout = d } }

func TestDeadBootstrapAddressFailsNothing(t *testing.T) {
	addresses := append([]string{deadAddress(t), deadAddress(t)}, shared.Address(2))
	c := connect(t, shared, bootstrap(addresses...))
	start := time.Now()
	_, brokers, err := c.Brokers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(brokers) != 3 {
		t.Errorf("brokers %v, want 3", brokers)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("took %s, a refused connection should cost next to nothing", took)
	}
}

func TestHungAddressCostsOneDeadlineOnce(t *testing.T) {
	const deadline = time.Second
	c := connect(t, shared, bootstrap(hungAddress(t), shared.Address(2)), timeout(deadline))
	start := time.Now()
	if _, _, err := c.Brokers(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < deadline || took > 4*deadline {
		t.Errorf("the first call took %s, want a little over %s", took, deadline)
	}
	start = time.Now()
	if _, _, err := c.Brokers(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took >= deadline {
		t.Errorf("the second call took %s: the hung address was asked first again", took)
	}
}

func TestUnreachableClusterIsAnErrorInTime(t *testing.T) {
	for _, test := range []struct {
		name      string
		addresses []string
		least     time.Duration
		most      time.Duration
	}{
		{"no broker lives", nil, 0, 200 * time.Millisecond},
		{"all refuse", []string{deadAddress(t), deadAddress(t)}, 500 * time.Millisecond, 5 * time.Second},
		{"all hang", []string{hungAddress(t), hungAddress(t)}, 500 * time.Millisecond, 5 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := connect(t, shared, bootstrap(test.addresses...), timeout(500*time.Millisecond))
			start := time.Now()
			_, err := c.Topics(t.Context())
			took := time.Since(start)
			if !errors.Is(err, kafka.ErrUnreachable) {
				t.Errorf("error %v, want ErrUnreachable", err)
			}
			if took < test.least || took > test.most {
				t.Errorf("took %s, want between %s and %s", took, test.least, test.most)
			}
			for _, address := range test.addresses {
				if err != nil && strings.Contains(err.Error(), address) {
					return
				}
			}
			if len(test.addresses) > 0 {
				t.Errorf("error %q names none of the addresses", err)
			}
		})
	}
}

func TestFailedConnectIsNotRemembered(t *testing.T) {
	var alive atomic.Bool
	dead := deadAddress(t)
	c := connect(t, shared, timeout(500*time.Millisecond), func(cfg *kafka.Config) {
		cfg.Controllers = nil
		cfg.Bootstrap = func(context.Context) ([]string, error) {
			if alive.Load() {
				return []string{shared.Address(1)}, nil
			}
			return []string{dead}, nil
		}
	})
	if _, _, err := c.Brokers(t.Context()); !errors.Is(err, kafka.ErrUnreachable) {
		t.Fatalf("error %v, want ErrUnreachable", err)
	}
	alive.Store(true)
	if _, _, err := c.Brokers(t.Context()); err != nil {
		t.Errorf("after the cluster came up: %v", err)
	}
}

func TestBootstrapIsAskedAgainWithinOneCall(t *testing.T) {
	var asked atomic.Int32
	dead := deadAddress(t)
	c := connect(t, shared, func(cfg *kafka.Config) {
		cfg.Controllers = nil
		cfg.Bootstrap = func(context.Context) ([]string, error) {
			if asked.Add(1) > 2 {
				return []string{shared.Address(1)}, nil
			}
			return []string{dead}, nil
		}
	})
	if _, _, err := c.Brokers(t.Context()); err != nil {
		t.Errorf("the broker that came up meanwhile was not found: %v", err)
	}
}

func TestCancellationReturnsPromptly(t *testing.T) {
	c := connect(t, shared, bootstrap(hungAddress(t)), timeout(time.Minute))
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	start := time.Now()
	_, _, err := c.Brokers(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestClosedClientSaysSo(t *testing.T) {
	c := connect(t, shared)
	if _, _, err := c.Brokers(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Brokers(t.Context()); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("error %v, want one that says that the client is closed", err)
	}
}

func TestConcurrentCallsShareTheClient(t *testing.T) {
	c := connect(t, shared)
	errs := make(chan error)
	for range 20 {
		go func() {
			_, err := c.Topics(t.Context())
			errs <- err
		}()
	}
	for range 20 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestOnMutationSeesWritesOnly(t *testing.T) {
	var calls []string
	c := connect(t, shared, func(cfg *kafka.Config) {
		cfg.OnMutation = func(api, subject string) { calls = append(calls, api+" "+subject) }
	})
	if _, err := c.Topics(t.Context()); err != nil {
		t.Fatal(err)
	}
	resource := kafka.ConfigResource{Kind: kafka.ResourceBroker}
	change := map[kafka.ConfigResource][]kafka.ConfigChange{resource: {{Name: "log.cleaner.backoff.ms"}}}
	if err := c.AlterConfigs(t.Context(), change, true); err != nil {
		t.Fatal(err)
	}
	if len(calls) > 0 {
		t.Errorf("reading and validating were reported as mutations: %q", calls)
	}
	if err := c.AlterConfigs(t.Context(), change, false); err != nil {
		t.Fatal(err)
	}
	want := []string{"IncrementalAlterConfigs the cluster-wide broker default: log.cleaner.backoff.ms"}
	if !slices.Equal(calls, want) {
		t.Errorf("mutations %q, want %q", calls, want)
	}
}

// createScramUser gives the user of kafkatest both SCRAM credentials and waits until every broker has heard of them.
func createScramUser(t *testing.T) {
	t.Helper()
	const sha256Mechanism, sha512Mechanism, iterations = 1, 2, 4096
	salt := []byte("a salt for tests")
	key256, err := pbkdf2.Key(sha256.New, kafkatest.SASLPassword, salt, iterations, sha256.Size)
	if err != nil {
		t.Fatal(err)
	}
	key512, err := pbkdf2.Key(sha512.New, kafkatest.SASLPassword, salt, iterations, sha512.Size)
	if err != nil {
		t.Fatal(err)
	}
	conn := dial(t, shared)
	// Kafka refuses a request that changes one user twice.
	for mechanism, key := range map[int8][]byte{sha256Mechanism: key256, sha512Mechanism: key512} {
		u := kmsg.NewAlterUserSCRAMCredentialsRequestUpsertion()
		u.Name, u.Mechanism, u.Iterations, u.Salt, u.SaltedPassword = kafkatest.SASLUser, mechanism, iterations, salt, key
		req := kmsg.NewPtrAlterUserSCRAMCredentialsRequest()
		req.Upsertions = append(req.Upsertions, u)
		resp, err := req.RequestWith(t.Context(), conn)
		if err != nil {
			t.Fatal(err)
		}
		if err := kerr.ErrorForCode(resp.Results[0].ErrorCode); err != nil {
			t.Fatal(err)
		}
	}
	describe := kmsg.NewPtrDescribeUserSCRAMCredentialsRequest()
	user := kmsg.NewDescribeUserSCRAMCredentialsRequestUser()
	user.Name = kafkatest.SASLUser
	describe.Users = append(describe.Users, user)
	for _, broker := range conn.SeedBrokers() {
		eventually(t, time.Minute, func() string {
			resp, err := describe.RequestWith(t.Context(), broker)
			if err != nil {
				return err.Error()
			}
			if len(resp.Results) != 1 || len(resp.Results[0].CredentialInfos) != 2 {
				return "a broker has not heard of the user yet"
			}
			return ""
		})
	}
}

func TestTLS(t *testing.T) {
	// A server that is never used brings a certificate for 127.0.0.1 and a client that trusts it.
	server := httptest.NewTLSServer(nil)
	t.Cleanup(server.Close)
	transport, ok := server.Client().Transport.(*http.Transport)
	if !ok {
		t.Fatalf("transport is a %T", server.Client().Transport)
	}
	fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.TLS(&tls.Config{Certificates: server.TLS.Certificates, MinVersion: tls.VersionTLS12}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	with := func(cfg *tls.Config) *kafka.Client {
		return connect(t, shared, bootstrap(fake.ListenAddrs()...), func(c *kafka.Config) {
			c.TLS, c.Timeout = cfg, time.Minute
		})
	}
	trusting := &tls.Config{RootCAs: transport.TLSClientConfig.RootCAs, MinVersion: tls.VersionTLS12}
	if _, _, err := with(trusting).Brokers(t.Context()); err != nil {
		t.Errorf("with the right CA: %v", err)
	}
	start := time.Now()
	_, _, err = with(&tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}).Brokers(t.Context())
	var certificate *tls.CertificateVerificationError
	if !errors.Is(err, kafka.ErrUnreachable) || !errors.As(err, &certificate) {
		t.Errorf("with another CA: %v, want ErrUnreachable because of the certificate", err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("a wrong certificate was tried again for %s", took)
	}
}

func TestSASL(t *testing.T) {
	createScramUser(t)
	const wrong = "wrong-password"
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			with := func(password string) *kafka.Client {
				return connect(t, shared, bootstrap(shared.SASLBootstrap()...), func(cfg *kafka.Config) {
					cfg.Timeout = time.Minute
					cfg.SASL = &kafka.SASL{Mechanism: mechanism, Username: kafkatest.SASLUser, Password: password}
				})
			}
			_, brokers, err := with(kafkatest.SASLPassword).Brokers(t.Context())
			if err != nil || len(brokers) != 3 {
				t.Errorf("with the right password: %v, %v", brokers, err)
			}
			start := time.Now()
			_, _, err = with(wrong).Brokers(t.Context())
			if !errors.Is(err, kafka.ErrInvalid) {
				t.Errorf("with a wrong password: %v, want ErrInvalid", err)
			}
			if err != nil && strings.Contains(err.Error(), wrong) {
				t.Errorf("the error shows the password: %v", err)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("a wrong password was tried again for %s", took)
			}
		})
	}
	c := connect(t, shared, func(cfg *kafka.Config) { cfg.SASL = &kafka.SASL{Mechanism: "GSSAPI"} })
	if _, _, err := c.Brokers(t.Context()); !errors.Is(err, kafka.ErrInvalid) {
		t.Errorf("unknown mechanism: %v, want ErrInvalid", err)
	}
}
