package kafka_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka/kafkatest"
)

// trusting is a client's TLS that believes certificates of an authority.
func trusting(a *authority, own ...tls.Certificate) *tls.Config {
	return &tls.Config{RootCAs: a.pool(), Certificates: own, MinVersion: tls.VersionTLS12}
}

// secure is how a test connects to one of the shared cluster's listeners.
func secure(listener string, encryption *tls.Config, login *kafka.SASL) func(*kafka.Config) {
	return func(cfg *kafka.Config) {
		addresses := shared.ListenerBootstrap(listener)
		cfg.Bootstrap = func(context.Context) ([]string, error) { return addresses, nil }
		cfg.Controllers = nil
		cfg.TLS, cfg.SASL, cfg.Timeout = encryption, login, time.Minute
	}
}

func password(mechanism, user, password string) *kafka.SASL {
	return &kafka.SASL{Mechanism: mechanism, Username: user, Password: password}
}

// bothLibraries are a request of sarama and one of kmsg.
var bothLibraries = map[string]func(context.Context, *kafka.Client) error{
	"sarama": func(ctx context.Context, c *kafka.Client) error { _, _, err := c.Brokers(ctx); return err },
	"kmsg":   func(ctx context.Context, c *kafka.Client) error { _, err := c.Quorum(ctx); return err },
}

// TestSecurityEveryMechanismLogsIn lists topics, and asks by both libraries what only an administrator may.
func TestSecurityEveryMechanismLogsIn(t *testing.T) {
	createScramUser(t)
	createTopic(t, shared, "seen-by-all-logins", []int32{1, 2, 3})
	basic, form := newTokenServer(t, nil), newTokenServer(t, func(s *tokenServer) { s.inForm = true })
	for name, how := range map[string]func(*kafka.Config){
		"PLAIN":                        secure(listenerEncrypted, trusting(ours), password(kafka.MechanismPlain, kafkatest.SASLUser, kafkatest.SASLPassword)),
		"SCRAM-SHA-256":                secure(listenerEncrypted, trusting(ours), password(kafka.MechanismSCRAM256, kafkatest.SASLUser, kafkatest.SASLPassword)),
		"SCRAM-SHA-512":                secure(listenerEncrypted, trusting(ours), password(kafka.MechanismSCRAM512, kafkatest.SASLUser, kafkatest.SASLPassword)),
		"OAUTHBEARER":                  secure(listenerEncrypted, trusting(ours), basic.login()),
		"OAUTHBEARER, secret in forms": secure(listenerEncrypted, trusting(ours), form.login()),
		"a certificate":                secure(listenerMutual, trusting(ours, ours.client("terraform-admin", tomorrow)...), nil),
	} {
		t.Run(name, func(t *testing.T) {
			c := connect(t, shared, how)
			topics, err := c.Topics(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(topics, func(t kafka.Topic) bool { return t.Name == "seen-by-all-logins" }) {
				t.Errorf("%d topics, and the one that is there is not among them", len(topics))
			}
			for library, ask := range bothLibraries {
				if err := ask(t.Context(), c); err != nil {
					t.Errorf("%s: %v", library, err)
				}
			}
		})
	}
	if n := basic.given.Load(); n != 1 {
		t.Errorf("%d tokens for all the connections of one client, want one", n)
	}
}

// TestSecurityWrongInputSaysWhatToDo: each wrong certificate, login and protocol has its error by both libraries, which names the broker
// and no secret, and comes at once.
func TestSecurityWrongInputSaysWhatToDo(t *testing.T) {
	createScramUser(t)
	encrypted, mutual := shared.ListenerBootstrap(listenerEncrypted), shared.ListenerBootstrap(listenerMutual)
	idp := newTokenServer(t, nil)
	wrongAudience := newTokenServer(t, func(s *tokenServer) { s.claims = func(c map[string]any) { c["aud"] = "another" } })
	ended := newTokenServer(t, func(s *tokenServer) {
		s.claims = func(c map[string]any) { c["iat"], c["exp"] = yesterday.Unix(), yesterday.Add(time.Minute).Unix() }
	})
	answers := func(status int, body string) *kafka.SASL {
		return newTokenServer(t, func(s *tokenServer) {
			s.answer = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Location", "https://elsewhere.example.com/")
				w.WriteHeader(status)
				_, _ = w.Write([]byte(body))
			}
		}).login()
	}
	wrongSecret, wrongCA, nobody := idp.login(), idp.login(), idp.login()
	wrongSecret.OAuth.ClientSecret = "wrong-secret"
	wrongCA.OAuth.Roots = strange.pool()
	nobody.OAuth.TokenEndpoint = "https://127.0.0.1:1/token"
	const wrong = "wrong-password"
	type attempt struct {
		how  func(*kafka.Config)
		at   string // a broker that has to be named
		kind error
		says []string
	}
	with := func(login *kafka.SASL) func(*kafka.Config) { return secure(listenerEncrypted, trusting(ours), login) }
	to := func(how func(*kafka.Config), addresses ...string) func(*kafka.Config) {
		return func(cfg *kafka.Config) { how(cfg); bootstrap(addresses...)(cfg) }
	}
	port := strings.TrimPrefix(encrypted[0], "127.0.0.1:")
	for name, try := range map[string]attempt{
		"a strange authority": {secure(listenerEncrypted, trusting(strange), password(kafka.MechanismPlain, kafkatest.SASLUser, kafkatest.SASLPassword)), encrypted[1], kafka.ErrUnreachable,
			[]string{"its certificate (CN=broker) is signed by CN=Kafka Test CA, which is no authority that is trusted here", "`ca_certificate_pem`"}},
		"an ended certificate": {to(secure(listenerExpired, trusting(ours), nil), shared.ListenerBootstrap(listenerExpired)[2]), shared.ListenerBootstrap(listenerExpired)[2], kafka.ErrUnreachable,
			[]string{"its certificate (CN=broker) ended at " + yesterday.UTC().Format(time.RFC3339), "it needs a new one"}},
		"another host name": {to(with(nil), "localhost:"+port), "localhost:" + port, kafka.ErrUnreachable,
			[]string{`its certificate (CN=broker) is for 127.0.0.1 and not for "localhost"`, "advertised.listeners"}},
		"TLS to a listener without": {to(secure(listenerEncrypted, trusting(ours), nil), shared.Address(1)), shared.Address(1), kafka.ErrUnreachable,
			[]string{"it speaks without TLS", "turn `tls` off"}},
		"no TLS to a listener with": {secure(listenerEncrypted, nil, password(kafka.MechanismPlain, kafkatest.SASLUser, kafkatest.SASLPassword)), encrypted[0], kafka.ErrUnreachable,
			[]string{"it speaks TLS", "turn `tls` on"}},
		"no certificate of the client": {secure(listenerMutual, trusting(ours), nil), mutual[0], kafka.ErrUnreachable,
			[]string{"it wants a certificate of the client and got none", "`certificate_pem` and `private_key_pem`"}},
		"a client's certificate of a strange authority": {secure(listenerMutual, trusting(ours, strange.client("someone", tomorrow)...), nil), mutual[0], kafka.ErrUnreachable,
			[]string{"it takes client certificates of CN=Kafka Test CA only, and the client's is of CN=Strange CA"}},
		"a client's certificate that ended": {secure(listenerMutual, trusting(ours, ours.client("someone", yesterday)...), nil), mutual[0], kafka.ErrUnreachable,
			[]string{"it refuses the client's certificate, which is CN=someone of CN=Kafka Test CA and ended at " + yesterday.UTC().Format(time.RFC3339)}},
		"a wrong password by PLAIN": {with(password(kafka.MechanismPlain, kafkatest.SASLUser, wrong)), encrypted[0], kafka.ErrLogin,
			[]string{`refuses user "tester" by PLAIN: `, "Invalid username or password", "check the name and the password"}},
		"a wrong password by SCRAM-SHA-256": {with(password(kafka.MechanismSCRAM256, kafkatest.SASLUser, wrong)), encrypted[0], kafka.ErrLogin,
			[]string{`refuses user "tester" by SCRAM-SHA-256: `, "invalid credentials", "that the user has a credential of SCRAM-SHA-256"}},
		"a wrong password by SCRAM-SHA-512": {with(password(kafka.MechanismSCRAM512, kafkatest.SASLUser, wrong)), encrypted[0], kafka.ErrLogin,
			[]string{`refuses user "tester" by SCRAM-SHA-512: `, "invalid credentials", "that the user has a credential of SCRAM-SHA-512"}},
		"a user that is not there": {with(password(kafka.MechanismSCRAM512, "nobody", wrong)), encrypted[0], kafka.ErrLogin,
			[]string{`refuses user "nobody" by SCRAM-SHA-512: `}},
		"a token for another audience": {with(wrongAudience.login()), encrypted[0], kafka.ErrLogin,
			[]string{`refuses client "terraform-client" by OAUTHBEARER: `, "it does not believe the token of " + wrongAudience.URL, "audience"}},
		"a token that ended": {with(ended.login()), encrypted[0], kafka.ErrLogin,
			[]string{`refuses client "terraform-client" by OAUTHBEARER: `, "the clocks of both sides"}},
		"a wrong secret of the client": {with(wrongSecret), "", kafka.ErrLogin,
			[]string{"the token endpoint " + idp.URL + "/token answers 401 Unauthorized (invalid_client: no client with the secret (the secret) [31m)", `it gives client "terraform-client" no token`, "check the client's id and secret"}},
		"a scope that is not there": {with(answers(http.StatusBadRequest, `{"error":"invalid_scope"}`)), "", kafka.ErrLogin, []string{`(invalid_scope)`, `["kafka" "admin"]`}},
		"an endpoint of a strange authority": {with(wrongCA), "", kafka.ErrLogin,
			[]string{"the certificate of the token endpoint " + idp.URL, "no authority that is trusted here", "the CA certificate of the token endpoint"}},
		"an endpoint that nobody serves": {with(nobody), "", kafka.ErrUnreachable, []string{"the token endpoint https://127.0.0.1:1/token gives no token", "connection refused"}},
		"an endpoint that fails":         {with(answers(http.StatusServiceUnavailable, "{}")), "", kafka.ErrUnreachable, []string{"answers 503 Service Unavailable", "Try again when the identity provider works"}},
		"an endpoint that redirects":     {with(answers(http.StatusTemporaryRedirect, "{}")), "", kafka.ErrLogin, []string{"answers 307 Temporary Redirect", "a redirection is not followed"}},
		"no endpoint at all":             {with(answers(http.StatusNotFound, "<html>")), "", kafka.ErrLogin, []string{"answers 404 Not Found", "it is no token endpoint"}},
		"a mechanism that is not there": {to(func(cfg *kafka.Config) { cfg.SASL, cfg.Controllers, cfg.Timeout = idp.login(), nil, time.Minute }, shared.SASLBootstrap()...), shared.SASLBootstrap()[0], kafka.ErrLogin,
			[]string{"takes no login by OAUTHBEARER and has ", "PLAIN", "SCRAM-SHA-512", "choose a mechanism that it has"}},
		"a login where none is taken": {to(func(cfg *kafka.Config) {
			cfg.SASL, cfg.Controllers, cfg.Timeout = password(kafka.MechanismPlain, kafkatest.SASLUser, kafkatest.SASLPassword), nil, time.Minute
		}, shared.Address(1)), shared.Address(1), kafka.ErrLogin, []string{`takes no login at all, and the client was to log in as user "tester" by PLAIN`, "leave `sasl` out"}},
		"no login where one is wanted": {with(nil), encrypted[0], kafka.ErrLogin, []string{"wants a login by ", "OAUTHBEARER", "SCRAM-SHA-512", "and the client has none"}},
	} {
		t.Run(name, func(t *testing.T) {
			for library, ask := range bothLibraries {
				c := connect(t, shared, try.how)
				start := time.Now()
				err := ask(t.Context(), c)
				if err == nil {
					t.Errorf("%s: it works", library)
					continue
				}
				if took := time.Since(start); took > 20*time.Second {
					t.Errorf("%s: it took %s to say it, and a repetition helps nothing", library, took)
				}
				if !errors.Is(err, try.kind) {
					t.Errorf("%s: %v, want %q", library, err, try.kind)
				}
				for _, text := range append(try.says, try.at) {
					if !strings.Contains(err.Error(), text) {
						t.Errorf("%s: %v\nwant %q in it", library, err, text)
					}
				}
				notIn(t, err.Error(), kafkatest.SASLPassword, wrong, oauthSecret, "wrong-secret", "BEGIN")
				for _, s := range []*tokenServer{wrongAudience, ended} {
					if token, _ := s.latest.Load().(string); token != "" {
						notIn(t, err.Error(), token)
					}
				}
				if strings.ContainsRune(err.Error(), 0x1b) {
					t.Errorf("%s: a control character of the endpoint is in %q", library, err)
				}
			}
		})
	}
}

func notIn(t *testing.T, text string, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in %s", secret, text)
		}
	}
}

// TestSecurityDeniedNamesTheRight: bob has no rights, and each error says which one he lacks, where and as whom.
func TestSecurityDeniedNamesTheRight(t *testing.T) {
	createTopic(t, shared, "not-bobs", []int32{1, 2, 3})
	c := connect(t, shared, secure(listenerEncrypted, trusting(ours), password(kafka.MechanismPlain, bob, bobPassword)))
	stranger := connect(t, shared, secure(listenerMutual, trusting(ours, ours.client("stranger", tomorrow)...), nil))
	ctx := t.Context()
	value := "1"
	topic := kafka.ConfigResource{Kind: kafka.ResourceTopic, Name: "not-bobs"}
	acl := kafka.ACL{ResourceType: "Topic", ResourceName: "not-bobs", PatternType: "Literal", Principal: "User:bob", Host: "*", Operation: "Read", Permission: "Allow"}
	rate := 1e6
	user := "bob"
	for name, try := range map[string]struct {
		err   error
		lacks string
	}{
		"see a topic":           {second(c.Topic(ctx, "not-bobs")), `Describe on topic "not-bobs"`},
		"create a topic":        {c.CreateTopic(ctx, kafka.NewTopic{Name: "bobs", Partitions: 1, ReplicationFactor: 1}, true), `Create on topic "bobs", or Create on the cluster`},
		"delete a topic":        {c.DeleteTopic(ctx, "not-bobs"), `Delete on topic "not-bobs"`},
		"add partitions":        {c.AddPartitions(ctx, "not-bobs", 2, nil, true), `Alter on topic "not-bobs"`},
		"read settings":         {second(c.DescribeConfigs(ctx, []kafka.ConfigResource{topic})), `DescribeConfigs on topic "not-bobs"`},
		"change settings":       {c.AlterConfigs(ctx, map[kafka.ConfigResource][]kafka.ConfigChange{topic: {{Name: "retention.ms", Value: &value}}}, true), `AlterConfigs on topic "not-bobs"`},
		"read a broker's":       {second(c.DescribeConfigs(ctx, []kafka.ConfigResource{{Kind: kafka.ResourceBroker, Name: "1"}})), `DescribeConfigs on the cluster`},
		"see ACLs":              {c.ACL(ctx, acl), `Describe on the cluster`},
		"create an ACL":         {c.CreateACL(ctx, acl), `Alter on the cluster`},
		"delete an ACL":         {c.DeleteACL(ctx, acl), `Alter on the cluster`},
		"see quotas":            {second(c.Quotas(ctx, kafka.QuotaEntity{User: &user})), `DescribeConfigs on the cluster`},
		"set a quota":           {c.AlterQuotas(ctx, kafka.QuotaEntity{User: &user}, []kafka.QuotaChange{{Key: "producer_byte_rate", Value: &rate}}, true), `AlterConfigs on the cluster`},
		"see users":             {second(c.UserCredentials(ctx, "bob")), `Describe on the cluster`},
		"delete a user":         {c.DeleteUserCredential(ctx, "bob", kafka.MechanismSCRAM512), `Alter on the cluster`},
		"see a group":           {second(c.Group(ctx, "not-bobs-group")), `Describe on group "not-bobs-group"`},
		"see a group's offsets": {second(c.CommittedOffsets(ctx, "not-bobs-group")), `Describe on group "not-bobs-group"`},
		"see a log's end":       {second(c.TopicEnds(ctx, []string{"not-bobs"})), `Describe on topic "not-bobs"`},
		"see the quorum (kmsg)": {second(c.Quorum(ctx)), `Describe on the cluster`},
		"move partitions (kmsg)": {c.Reassign(ctx, []kafka.Reassignment{{Topic: "not-bobs", Replicas: []int32{1, 2, 3}}}, false),
			`Alter on the cluster`},
	} {
		t.Run(name, func(t *testing.T) {
			if !errors.Is(try.err, kafka.ErrDenied) || !errors.Is(try.err, kafka.ErrInvalid) {
				t.Fatalf("%v, want ErrDenied", try.err)
			}
			said := try.err.Error()
			for _, text := range []string{`user "bob" by PLAIN lacks the right ` + try.lacks + ":", "at 127.0.0.1:", "AUTHORIZATION_FAILED", "allow it by an ACL"} {
				if !strings.Contains(said, text) {
					t.Errorf("%s\nwant %q in it", said, text)
				}
			}
			if !slices.ContainsFunc(shared.ListenerBootstrap(listenerEncrypted), func(address string) bool { return strings.Contains(said, address) }) {
				t.Errorf("%s\nnames no broker", said)
			}
			if words := kafka.Words(try.err); !strings.Contains(words, try.lacks) {
				t.Errorf("its words are %q, want %q in them", words, try.lacks)
			}
			notIn(t, said, bobPassword)
		})
	}
	if err := second(stranger.Quorum(ctx)); err == nil || !strings.Contains(err.Error(), `the client's certificate "CN=stranger" lacks the right Describe on the cluster`) {
		t.Errorf("a stranger by certificate: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// TestSecurityOneBrokerInTroubleIsNamedAndLeftOut: the certificate of broker 3 has ended. All else works, and it is told once.
func TestSecurityOneBrokerInTroubleIsNamedAndLeftOut(t *testing.T) {
	addresses := shared.ListenerBootstrap(listenerExpired)
	var mu sync.Mutex
	var told []string
	how := func(order ...int) func(*kafka.Config) {
		return func(cfg *kafka.Config) {
			secure(listenerExpired, trusting(ours), nil)(cfg)
			var servers []string
			for _, i := range order {
				servers = append(servers, addresses[i])
			}
			bootstrap(servers...)(cfg)
			cfg.OnTrouble = func(address string, err error) {
				mu.Lock()
				defer mu.Unlock()
				told = append(told, fmt.Sprintf("%s: %v", address, err))
			}
		}
	}
	c := connect(t, shared, how(2, 0, 1))
	const name = "made-with-two-of-three"
	start := time.Now()
	for library, ask := range bothLibraries {
		if err := ask(t.Context(), c); err != nil {
			t.Errorf("%s: %v", library, err)
		}
	}
	if err := c.CreateTopic(t.Context(), kafka.NewTopic{Name: name, Partitions: 1, ReplicationFactor: 3}, false); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		c.AwaitTopic(t.Context(), name, 1),
		second(c.Topic(t.Context(), name)),
		c.DeleteTopic(t.Context(), name),
		c.AwaitTopicGone(t.Context(), name, ""),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
	mu.Lock()
	if len(told) != 1 || !strings.Contains(told[0], addresses[2]) || !strings.Contains(told[0], "ended at "+yesterday.UTC().Format(time.RFC3339)) {
		t.Errorf("told was %q, want the trouble of %s once", told, addresses[2])
	}
	mu.Unlock()
	// What only that broker can tell is an error, which names it.
	_, err := c.DescribeConfigs(t.Context(), []kafka.ConfigResource{{Kind: kafka.ResourceBroker, Name: "3"}})
	if err == nil || !strings.Contains(err.Error(), addresses[2]) || !strings.Contains(err.Error(), "ended at") {
		t.Errorf("the settings of broker 3: %v, want its certificate's end", err)
	}
	// Where the others do not answer either, all are named.
	dead := connect(t, shared, how(2), func(cfg *kafka.Config) {
		cfg.Timeout = time.Second
		bootstrap(addresses[2], "127.0.0.1:1")(cfg)
	})
	err = bothLibraries["sarama"](t.Context(), dead)
	if !errors.Is(err, kafka.ErrUnreachable) || !strings.Contains(err.Error(), "127.0.0.1:1: ") || !strings.Contains(err.Error(), addresses[2]) {
		t.Errorf("one in trouble and one dead: %v, want both named", err)
	}
}

// TestSecurityTellsNothingSecretOfALogin: however a login is printed.
func TestSecurityTellsNothingSecretOfALogin(t *testing.T) {
	for _, s := range []kafka.SASL{
		*password(kafka.MechanismPlain, "alice", "the-secret"),
		{Mechanism: kafka.MechanismOAuthBearer, OAuth: &kafka.OAuth{ClientID: "c", ClientSecret: "the-secret"}},
	} {
		for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
			notIn(t, fmt.Sprintf(format, s), "the-secret")
			notIn(t, fmt.Sprintf(format, &s), "the-secret")
		}
	}
}
