package kafka_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka/kafkatest"
)

// relay passes connections on to an address, and can hold them up or cut them off.
type relay struct {
	net.Listener
	accepted atomic.Int32
	// ended gets a value for each connection that the client closed while it was held up.
	ended chan struct{}

	mu    sync.Mutex
	hold  int
	conns []net.Conn
}

// newRelay holds up the first connections, as many as hold says: they are accepted and never answered.
func newRelay(t *testing.T, to string, hold int) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{Listener: listener, hold: hold, ended: make(chan struct{}, hold)}
	var group sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		r.cut()
		group.Wait()
	})
	group.Go(func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			r.accepted.Add(1)
			r.mu.Lock()
			r.conns = append(r.conns, in)
			held := r.hold > 0
			if held {
				r.hold--
			}
			r.mu.Unlock()
			group.Go(func() {
				defer in.Close()
				if held {
					_, _ = io.Copy(io.Discard, in)
					r.ended <- struct{}{}
					return
				}
				out, err := net.Dial("tcp", to)
				if err != nil {
					return
				}
				defer out.Close()
				group.Go(func() {
					_, _ = io.Copy(in, out)
					_ = in.Close()
				})
				_, _ = io.Copy(out, in)
			})
		}
	})
	return r
}

// cut ends all connections.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, conn := range r.conns {
		_ = conn.Close()
	}
	r.conns = nil
}

func (r *relay) address() string { return r.Addr().String() }

func TestConnectionIsUsedAgainAndReplacedWhenItFails(t *testing.T) {
	r := newRelay(t, shared.Address(1), 0)
	c := connect(t, shared, bootstrap(r.address()))
	ask := func() {
		t.Helper()
		if _, _, err := c.Brokers(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		ask()
	}
	if n := r.accepted.Load(); n != 1 {
		t.Errorf("%d connections for 5 calls one after the other, want 1", n)
	}
	r.cut()
	ask()
	if n := r.accepted.Load(); n != 2 {
		t.Errorf("%d connections after the first was cut, want 2", n)
	}
}

func TestHeldUpCallHoldsUpNoOther(t *testing.T) {
	r := newRelay(t, shared.Address(1), 1)
	c := connect(t, shared, bootstrap(r.address()), timeout(time.Minute))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	held := make(chan error, 1)
	go func() {
		_, _, err := c.Brokers(ctx)
		held <- err
	}()
	eventually(t, 10*time.Second, func() string {
		if r.accepted.Load() == 0 {
			return "the first call has not connected yet"
		}
		return ""
	})
	start := time.Now()
	if _, _, err := c.Brokers(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("the second call took %s", took)
	}
	cancel()
	if err := <-held; !errors.Is(err, context.Canceled) {
		t.Errorf("the first call: %v, want context.Canceled", err)
	}
}

func TestGivenUpCallEndsItsConnection(t *testing.T) {
	for name, giveUp := range map[string]func(context.CancelFunc, *kafka.Client){
		"by its context": func(cancel context.CancelFunc, _ *kafka.Client) { cancel() },
		"by Close": func(_ context.CancelFunc, c *kafka.Client) {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRelay(t, "", 1)
			c := connect(t, shared, bootstrap(r.address()), timeout(time.Minute))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error, 1)
			go func() {
				_, _, err := c.Brokers(ctx)
				done <- err
			}()
			eventually(t, 10*time.Second, func() string {
				if r.accepted.Load() == 0 {
					return "the call has not connected yet"
				}
				return ""
			})
			giveUp(cancel, c)
			deadline, stop := context.WithTimeout(t.Context(), 10*time.Second)
			defer stop()
			select {
			case err := <-done:
				if err == nil {
					t.Error("the call succeeded without an answer")
				}
			case <-deadline.Done():
				t.Error("the call goes on")
			}
			select {
			case <-r.ended:
			case <-deadline.Done():
				t.Error("the connection stands")
			}
		})
	}
}

// TestBothLibrariesLogIn asks what sarama says (Brokers) and what only kmsg says (Quorum).
func TestBothLibrariesLogIn(t *testing.T) {
	createScramUser(t)
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			with := func(password string) *kafka.Client {
				return connect(t, shared, bootstrap(shared.SASLBootstrap()...), func(cfg *kafka.Config) {
					cfg.SASL = &kafka.SASL{Mechanism: mechanism, Username: kafkatest.SASLUser, Password: password}
				})
			}
			right, wrong := with(kafkatest.SASLPassword), with("wrong-password")
			for name, ask := range map[string]func(c *kafka.Client) error{
				"sarama": func(c *kafka.Client) error { _, _, err := c.Brokers(t.Context()); return err },
				"kmsg":   func(c *kafka.Client) error { _, err := c.Quorum(t.Context()); return err },
			} {
				if err := ask(right); err != nil {
					t.Errorf("%s with the right password: %v", name, err)
				}
				if err := ask(wrong); !errors.Is(err, kafka.ErrInvalid) {
					t.Errorf("%s with a wrong password: %v, want ErrInvalid", name, err)
				}
			}
		})
	}
}

// TestBothLibrariesEncrypt lists topics, for which both are needed.
func TestBothLibrariesEncrypt(t *testing.T) {
	server := httptest.NewTLSServer(nil)
	t.Cleanup(server.Close)
	transport, ok := server.Client().Transport.(*http.Transport)
	if !ok {
		t.Fatalf("transport is a %T", server.Client().Transport)
	}
	fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "encrypted"),
		kfake.TLS(&tls.Config{Certificates: server.TLS.Certificates, MinVersion: tls.VersionTLS12}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	c := connect(t, shared, bootstrap(fake.ListenAddrs()...), func(cfg *kafka.Config) {
		cfg.TLS = &tls.Config{RootCAs: transport.TLSClientConfig.RootCAs, MinVersion: tls.VersionTLS12}
	})
	topics, err := c.Topics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(topics, func(t kafka.Topic) bool { return t.Name == "encrypted" }) {
		t.Errorf("topics %v, want one called encrypted", topics)
	}
}

// TestOlderKafka makes every request once to a Kafka of the release before.
func TestOlderKafka(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Options{Brokers: 1, Version: "4.2.1"})
	everyRequest(t, connect(t, cluster), "4.2")
}

func TestNewestKafka(t *testing.T) { everyRequest(t, connect(t, shared), "4.3") }

// everyRequest makes each request that changes nothing for others, most of them with an effect that is read back.
func everyRequest(t *testing.T, c *kafka.Client, release string) {
	t.Helper()
	ctx := t.Context()
	const name = "every-request"
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, brokers, err := c.Brokers(ctx)
	ok(err)
	ids := []int32{brokers[0].ID}

	segment := "1073741000"
	topic := kafka.NewTopic{Name: name, Partitions: 1, ReplicationFactor: 1, Config: map[string]string{"segment.bytes": segment}}
	ok(c.CreateTopic(ctx, topic, true))
	ok(c.CreateTopic(ctx, topic, false))
	ok(c.AwaitTopic(ctx, name, 1))
	if err := c.CreateTopic(ctx, topic, false); !errors.Is(err, kafka.ErrExists) {
		t.Errorf("creating it again: %v, want ErrExists", err)
	}
	wrong := kafka.NewTopic{Name: name + "-2", Partitions: 1, ReplicationFactor: 1, Config: map[string]string{"segment.bytes": "x"}}
	if err := c.CreateTopic(ctx, wrong, true); kafka.About(err) != kafka.SubjectConfig || kafka.Words(err) == err.Error() {
		t.Errorf("a wrong setting: %v, want Kafka's words about the config", err)
	}
	ok(c.AddPartitions(ctx, name, 2, nil, true))
	ok(c.AddPartitions(ctx, name, 2, nil, false))
	ok(c.AwaitTopic(ctx, name, 2))
	found, err := c.Topic(ctx, name)
	ok(err)
	if len(found.Partitions) != 2 || found.ID == ([16]byte{}) || len(found.Partitions[0].ISR) != 1 {
		t.Errorf("topic %+v, want 2 partitions and an id", found)
	}
	resource := kafka.ConfigResource{Kind: kafka.ResourceTopic, Name: name}
	eventually(t, time.Minute, func() string {
		configs, err := c.DescribeConfigs(ctx, []kafka.ConfigResource{resource})
		ok(err)
		for _, e := range configs[resource] {
			if e.Name == "segment.bytes" && e.Value == segment && e.Source == kafka.SourceTopic {
				return ""
			}
		}
		return "the topic's segment.bytes is not told"
	})
	ok(c.AlterConfigs(ctx, map[kafka.ConfigResource][]kafka.ConfigChange{resource: {{Name: "segment.bytes"}}}, false))
	dirs, err := c.LogDirs(ctx, ids)
	ok(err)
	if len(dirs) != 1 || dirs[0].TotalBytes <= 0 || dirs[0].UsableBytes <= 0 || dirs[0].Err != nil {
		t.Errorf("log directories %+v, want one that is well", dirs)
	}
	ok(c.ElectPreferred(ctx, []kafka.TopicPartition{{Topic: name}, {Topic: name, Partition: 1}}))
	if err := c.ElectPreferred(ctx, []kafka.TopicPartition{{Topic: "no-such-topic"}}); !errors.Is(err, kafka.ErrNotFound) {
		t.Errorf("electing for a topic that is not there: %v, want ErrNotFound", err)
	}
	ok(c.Reassign(ctx, []kafka.Reassignment{{Topic: name, Replicas: found.Partitions[0].Replicas}}, false))
	ok(c.CancelReassign(ctx, []kafka.TopicPartition{{Topic: name}}))
	ok(c.DeleteTopic(ctx, name))
	ok(c.AwaitTopicGone(ctx, name, found.UUID()))
	if err := c.DeleteTopic(ctx, name); !errors.Is(err, kafka.ErrNotFound) {
		t.Errorf("deleting it again: %v, want ErrNotFound", err)
	}

	for _, acl := range []kafka.ACL{
		{"Topic", name, "Prefixed", "User:a", "*", "Read", "Allow"},
		// sarama has no names for these two, and a version of the request that is older than the second.
		{"TransactionalId", name, "Literal", "User:a", "192.0.2.1", "TwoPhaseCommit", "Deny"},
		{"User", "User:b", "Literal", "User:a", "*", "DescribeTokens", "Allow"},
	} {
		ok(c.CreateACL(ctx, acl))
		ok(c.ACL(ctx, acl))
		ok(c.DeleteACL(ctx, acl))
		if err := c.DeleteACL(ctx, acl); !errors.Is(err, kafka.ErrNotFound) {
			t.Errorf("deleting %s again: %v, want ErrNotFound", acl, err)
		}
	}
	many := []kafka.ACL{
		{"Group", name, "Literal", "User:many", "*", "Read", "Allow"},
		{"Topic", name, "Literal", "User:many", "*", "Read", "Allow"},
		{"Topic", name, "Literal", "User:many", "192.0.2.1", "Write", "Deny"},
		{"Topic", name, "Prefixed", "User:many", "*", "Read", "Allow"},
	}
	other := kafka.ACL{"Topic", name, "Literal", "User:other", "*", "Read", "Allow"}
	there := func(like kafka.ACL, want ...kafka.ACL) {
		t.Helper()
		found, err := c.ACLs(ctx, like)
		ok(err)
		if !slices.Equal(found, want) {
			t.Errorf("like %+v there are %v, want %v", like, found, want)
		}
	}
	ok(c.CreateACL(ctx, other))
	ok(c.CreateACLs(ctx, many))
	there(kafka.ACL{Principal: "User:many"}, many...)
	there(kafka.ACL{ResourceType: "Topic", ResourceName: name, PatternType: "Literal"}, many[1], many[2], other)
	ok(c.DeleteACLs(ctx, many[1:]))
	there(kafka.ACL{Principal: "User:many"}, many[0])
	there(kafka.ACL{ResourceType: "Topic", ResourceName: name, PatternType: "Literal"}, other)
	ok(c.DeleteACLs(ctx, []kafka.ACL{many[0], other}))
	// A deletion without a principal would be one of everybody's.
	if err := c.DeleteACLs(ctx, []kafka.ACL{{"Topic", name, "Literal", "", "*", "Read", "Allow"}}); !errors.Is(err, kafka.ErrInvalid) {
		t.Errorf("deleting an ACL of nobody: %v, want ErrInvalid", err)
	}
	refused := kafka.ACL{"Topic", "a", "Literal", "no principal", "*", "Read", "Allow"}
	if err := c.CreateACL(ctx, refused); !errors.Is(err, kafka.ErrInvalid) || !strings.Contains(kafka.Words(err), "no principal") {
		t.Errorf("an ACL without a principal: %v, want ErrInvalid with Kafka's words", err)
	}

	user, fallback, rate := "every-user", "", 1e6
	for _, entity := range []kafka.QuotaEntity{{User: &user}, {User: &user, ClientID: &fallback}, {ClientID: &fallback}} {
		change := []kafka.QuotaChange{{Key: "producer_byte_rate", Value: &rate}}
		ok(c.AlterQuotas(ctx, entity, change, true))
		ok(c.AlterQuotas(ctx, entity, change, false))
		quotas, err := c.Quotas(ctx, entity)
		ok(err)
		if quotas["producer_byte_rate"] != rate {
			t.Errorf("quotas of %s: %v", entity, quotas)
		}
		ok(c.AlterQuotas(ctx, entity, []kafka.QuotaChange{{Key: "producer_byte_rate"}}, false))
	}

	everyUserRequest(t, c)

	level, _ := kafka.MetadataLevel(release)
	features, err := c.Features(ctx)
	ok(err)
	if f := features[ids[0]][kafka.MetadataVersionFeature]; f.Finalized != level || f.MaxSupported != level {
		t.Errorf("metadata.version %+v, want level %d", f, level)
	}
	ok(c.FinalizeFeature(ctx, kafka.MetadataVersionFeature, level))
	if _, err := c.Quorum(ctx); err != nil {
		t.Error(err)
	}
	if controllers, err := c.RegisteredControllers(ctx); err != nil || len(controllers) != 1 {
		t.Errorf("controllers %v, %v, want one", controllers, err)
	}
}

// TestWhoLivesIsAskedAnewAfterAStop: an address is used from memory while all goes well, and not after its node was stopped.
func TestWhoLivesIsAskedAnewAfterAStop(t *testing.T) {
	var asked atomic.Int32
	client := connect(t, shared, func(cfg *kafka.Config) {
		bootstrap := cfg.Bootstrap
		cfg.Bootstrap = func(ctx context.Context) ([]string, error) {
			asked.Add(1)
			return bootstrap(ctx)
		}
	})
	look := func() int32 {
		t.Helper()
		if _, _, err := client.Brokers(t.Context()); err != nil {
			t.Fatal(err)
		}
		return asked.Load()
	}
	first := look()
	if again := look(); again != first {
		t.Errorf("asked %d times for one answer that is young", again)
	}
	client.ForgetAddresses()
	if again := look(); again == first {
		t.Error("the addresses are those of before")
	}
}
