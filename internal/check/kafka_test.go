package check

import (
	"context"
	"crypto/tls"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka/kafkatest"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/pki"
)

// TestOnRealKafka shares one cluster, since its start is what takes the time.
func TestOnRealKafka(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Options{Config: map[string]string{
		"broker.session.timeout.ms": "4000", // A killed broker is missed sooner than after the 9 seconds by default.
	}})
	live := Current(cluster.Bootstrap)
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	// The brokers 1, 2 and 3 with one partition led by each.
	spread := [][]int32{{1, 2, 3}, {2, 3, 1}, {3, 1, 2}}

	t.Run("brokers stopped, killed and hung cost nothing", func(t *testing.T) {
		createTopic(t, cluster.Bootstrap(), "rough", spread)
		run := start(t, Options{Bootstrap: live, Topic: "rough"})
		waitAcked(t, run, 500)
		for _, fault := range []struct{ begin, end func(int) error }{
			{cluster.Stop, cluster.Restart}, {cluster.Kill, cluster.Restart}, {cluster.Pause, cluster.Resume},
		} {
			for _, id := range []int{1, 2} {
				must(t, fault.begin(id))
				waitAcked(t, run, run.Acked()+1000)
				must(t, fault.end(id))
				waitInSync(t, cluster.Bootstrap(), "rough")
			}
		}
		report := stop(t, run)
		if err := report.Problem(); err != nil {
			t.Error(err)
		}
		if report.RecordsConsumed == 0 || report.LongestGapMillis < 1000 {
			t.Errorf("a killed broker must leave its mark: %v", report)
		}
	})

	t.Run("deleted records are lost", func(t *testing.T) {
		createTopic(t, cluster.Bootstrap(), testTopic, spread)
		run := start(t, Options{Bootstrap: live, Topic: testTopic})
		waitAcked(t, run, 300)
		deleteRecords(t, cluster.Bootstrap())
		if report := stop(t, run); report.RecordsLost != 10 {
			t.Errorf("10 records were deleted: %v", report)
		}
	})

	t.Run("a recreated topic is lost", func(t *testing.T) {
		run := start(t, Options{Bootstrap: live, Topic: testTopic, DeliveryTimeout: 5 * time.Second})
		waitAcked(t, run, 300)
		recreateTopic(t, cluster.Bootstrap())
		if report := stop(t, run); report.RecordsLost < 300 {
			t.Errorf("the topic was recreated after 300 records: %v", report)
		}
	})

	t.Run("a move is seen and costs nothing", func(t *testing.T) {
		createTopic(t, cluster.Bootstrap(), "moving", [][]int32{{1, 2}, {2, 1}})
		run := start(t, Options{Bootstrap: live, Topic: "moving", Records: 2000, Rate: 2000})
		<-run.Produced()
		waitAcked(t, run, 2000)
		watch, err := WatchReplicas(t.Context(), live, Security{}, 50*time.Millisecond)
		must(t, err)
		t.Cleanup(watch.Close)
		reassign(t, cluster.Bootstrap(), "moving", 0, []int32{3, 2})
		movement, err := watch.Stop(t.Context())
		must(t, err)
		// Half of the records are in the partition; 1 KiB each and some for the batches around them.
		if movement.ReplicasMoved != 1 || movement.BytesMoved < 1000<<10 || movement.BytesMoved > 1100<<10 || movement.BytesHeld < 4*(1000<<10) {
			t.Errorf("one replica of 1,000 KiB was moved: %+v", movement)
		}
		if err := stop(t, run).Problem(); err != nil {
			t.Error(err)
		}
	})
}

// TestOnSecuredKafka: what the checker holds it holds over TLS with a login, a broker that hangs included, and who has no right is let in nowhere.
func TestOnSecuredKafka(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Options{SASL: true, TLS: true, Config: map[string]string{
		"broker.session.timeout.ms":      "4000", // As above.
		"allow.everyone.if.no.acl.found": "false",
	}})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	pem, err := cluster.CACertificatePEM()
	must(err)
	pool, err := pki.Pool(pem)
	must(err)
	admin := kafka.New(kafka.Config{Bootstrap: func(context.Context) ([]string, error) { return cluster.Bootstrap(), nil }})
	t.Cleanup(func() { _ = admin.Close() })
	as := func(user string) Security {
		must(admin.SetUserCredential(t.Context(), kafka.UserCredential{
			User: user, Mechanism: "SCRAM-SHA-512", Iterations: kafka.MinSCRAMIterations, Password: testPassword}))
		return Security{TLS: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}, User: user, Password: testPassword}
	}
	createTopic(t, cluster.Bootstrap(), "secured", [][]int32{{1, 2, 3}, {2, 3, 1}, {3, 1, 2}})
	options := Options{Bootstrap: Current(cluster.SASLBootstrap), Security: as("load"), Topic: "secured"}
	if run, err := Start(t.Context(), options); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		if err == nil {
			run.Close()
		}
		t.Fatalf("a user without rights gets %v", err)
	}
	wrong := options
	wrong.Security.Password = "another"
	if run, err := Start(t.Context(), wrong); !errors.Is(err, kerr.SaslAuthenticationFailed) {
		if err == nil {
			run.Close()
		}
		t.Fatalf("a user with another's password gets %v", err)
	}
	// Idempotent producing, the offsets and the metadata come with them.
	for _, operation := range []string{"Write", "Read"} {
		must(admin.CreateACL(t.Context(), kafka.ACL{
			ResourceType: "Topic", ResourceName: "secured", PatternType: "Literal", Principal: "User:load", Host: "*", Operation: operation, Permission: "Allow"}))
	}

	run := start(t, options)
	waitAcked(t, run, 500)
	for _, fault := range []struct{ begin, end func(int) error }{{cluster.Pause, cluster.Resume}, {cluster.Kill, cluster.Restart}} {
		must(fault.begin(1))
		waitAcked(t, run, run.Acked()+2000)
		must(fault.end(1))
		waitInSync(t, cluster.Bootstrap(), "secured")
	}
	report := stop(t, run)
	if err := report.Problem(); err != nil {
		t.Error(err)
	}
	if report.RecordsConsumed == 0 {
		t.Errorf("the consumer has read nothing: %v", report)
	}
	t.Logf("%v", report)

	// What the watch of replicas asks is not for this user, and that is told.
	if watch, err := WatchReplicas(t.Context(), options.Bootstrap, options.Security, time.Second); err == nil {
		if movement, err := watch.Stop(t.Context()); err == nil {
			t.Errorf("a user who may not see the sizes gets %+v", movement)
		}
	}
}

// createTopic creates a topic with its replicas where the test wants them.
func createTopic(t *testing.T, addresses []string, name string, replicas [][]int32) {
	t.Helper()
	request := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, -1, -1
	for p, brokers := range replicas {
		assignment := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		assignment.Partition, assignment.Replicas = int32(p), brokers
		topic.ReplicaAssignment = append(topic.ReplicaAssignment, assignment)
	}
	setting := kmsg.NewCreateTopicsRequestTopicConfig()
	setting.Name, setting.Value = "min.insync.replicas", kmsg.StringPtr("2")
	topic.Configs = append(topic.Configs, setting)
	request.Topics = append(request.Topics, topic)
	response, err := request.RequestWith(t.Context(), plain(t, addresses))
	if err == nil {
		err = kerr.ErrorForCode(response.Topics[0].ErrorCode)
	}
	if err != nil {
		t.Fatal(err)
	}
	waitInSync(t, addresses, name)
}

// waitInSync waits until the topic is known and each replica of it is in the ISR.
func waitInSync(t *testing.T, addresses []string, name string) {
	t.Helper()
	waitTopic(t, addresses, name, func(topic kmsg.MetadataResponseTopic) bool {
		for _, p := range topic.Partitions {
			if p.ErrorCode != 0 || len(p.ISR) != len(p.Replicas) {
				return false
			}
		}
		return len(topic.Partitions) > 0
	})
}

// reassign moves a partition and waits until its replicas are the ones asked for.
func reassign(t *testing.T, addresses []string, name string, partition int32, replicas []int32) {
	t.Helper()
	request := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	topic := kmsg.NewAlterPartitionAssignmentsRequestTopic()
	topic.Topic = name
	p := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
	p.Partition, p.Replicas = partition, replicas
	topic.Partitions = append(topic.Partitions, p)
	request.Topics = append(request.Topics, topic)
	response, err := request.RequestWith(t.Context(), plain(t, addresses))
	if err == nil {
		err = kerr.ErrorForCode(response.ErrorCode)
	}
	if err == nil {
		err = kerr.ErrorForCode(response.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		t.Fatal(err)
	}
	waitTopic(t, addresses, name, func(topic kmsg.MetadataResponseTopic) bool {
		for _, p := range topic.Partitions {
			if p.Partition == partition {
				return len(p.Replicas) == len(replicas) && p.Replicas[0] == replicas[0]
			}
		}
		return false
	})
}

func waitTopic(t *testing.T, addresses []string, name string, done func(kmsg.MetadataResponseTopic) bool) {
	t.Helper()
	client := plain(t, addresses)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		request := kmsg.NewPtrMetadataRequest()
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = kmsg.StringPtr(name)
		request.Topics = append(request.Topics, topic)
		response, err := request.RequestWith(t.Context(), client)
		if err == nil && done(response.Topics[0]) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("topic %s is not as expected after a minute: %+v, error %v", name, response, err)
		}
	}
}
