package check

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const testTopic = "load"

// fake is an in-process Kafka of three brokers with one topic of four partitions.
func fake(t *testing.T) *kfake.Cluster {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(4, testTopic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster
}

// start begins a run that is given up when the test ends.
func start(t *testing.T, options Options) *Run {
	t.Helper()
	run, err := Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(run.Close)
	return run
}

func waitAcked(t *testing.T, run *Run, n int64) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); run.Acked() < n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d records acknowledged after a minute, want %d", run.Acked(), n)
		}
	}
}

func stop(t *testing.T, run *Run) Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	report, err := run.Stop(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestRunOnAQuietCluster(t *testing.T) {
	cluster := fake(t)
	options := Options{Bootstrap: Static(cluster.ListenAddrs()...), Topic: testTopic, Rate: 2000, RecordBytes: 100}
	for range 2 { // The second run starts behind the records of the first, which are none of its business.
		run := start(t, options)
		waitAcked(t, run, 1000)
		report := stop(t, run)
		if err := report.Problem(); err != nil {
			t.Error(err)
		}
		if report.RecordsAcked != run.Acked() || len(report.Partitions) != 4 || report.LongestGapMillis == 0 {
			t.Errorf("acknowledged %d, report %+v", run.Acked(), report)
		}
	}
}

func TestRunEndsAfterItsRecords(t *testing.T) {
	cluster := fake(t)
	run := start(t, Options{Bootstrap: Static(cluster.ListenAddrs()...), Topic: testTopic, Partitions: 3, Rate: 5000, Records: 777})
	select {
	case <-run.Produced():
	case <-time.After(time.Minute):
		t.Fatalf("still producing after a minute, %d acknowledged", run.Acked())
	}
	report := stop(t, run)
	if err := report.Problem(); err != nil {
		t.Error(err)
	}
	if report.RecordsAcked != 777 || len(report.Partitions) != 3 {
		t.Errorf("%d records on %d partitions, want 777 on 3", report.RecordsAcked, len(report.Partitions))
	}
}

// TestRunRepeatsAfterErrors holds that errors which a client has to expect cost no record.
func TestRunRepeatsAfterErrors(t *testing.T) {
	cluster := fake(t)
	refused := 0
	cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		if refused++; refused > 20 {
			return nil, nil, false
		}
		cluster.KeepControl()
		produce, ok := request.(*kmsg.ProduceRequest)
		if !ok {
			return nil, nil, false
		}
		response, ok := produce.ResponseKind().(*kmsg.ProduceResponse)
		if !ok {
			return nil, nil, false
		}
		for _, rt := range produce.Topics {
			t := kmsg.NewProduceResponseTopic()
			t.Topic, t.TopicID = rt.Topic, rt.TopicID
			for _, rp := range rt.Partitions {
				p := kmsg.NewProduceResponseTopicPartition()
				p.Partition, p.ErrorCode = rp.Partition, kerr.NotLeaderForPartition.Code
				t.Partitions = append(t.Partitions, p)
			}
			response.Topics = append(response.Topics, t)
		}
		return response, nil, true
	})
	run := start(t, Options{Bootstrap: Static(cluster.ListenAddrs()...), Topic: testTopic, Rate: 1000, RecordBytes: 100})
	waitAcked(t, run, 1000)
	if err := stop(t, run).Problem(); err != nil {
		t.Error(err)
	}
	if refused <= 20 {
		t.Errorf("only %d requests were refused", refused)
	}
}

func TestRunFindsDeletedRecords(t *testing.T) {
	cluster := fake(t)
	run := start(t, Options{Bootstrap: Static(cluster.ListenAddrs()...), Topic: testTopic, Rate: 2000, RecordBytes: 100})
	waitAcked(t, run, 1000)
	deleteRecords(t, cluster.ListenAddrs())
	report := stop(t, run)
	if report.RecordsLost != 10 || report.Partitions[2].RecordsLost != 10 {
		t.Errorf("10 records were deleted and %d are reported as lost, %d of them in the partition", report.RecordsLost, report.Partitions[2].RecordsLost)
	}
}

func TestRunFindsARecreatedTopic(t *testing.T) {
	cluster := fake(t)
	run := start(t, Options{Bootstrap: Static(cluster.ListenAddrs()...), Topic: testTopic, Rate: 2000, RecordBytes: 100, DeliveryTimeout: 2 * time.Second})
	waitAcked(t, run, 1000)
	recreateTopic(t, cluster.ListenAddrs())
	report := stop(t, run)
	if report.RecordsLost < 1000 || report.Problem() == nil {
		t.Errorf("the topic was recreated after 1000 records, and %d are reported as lost", report.RecordsLost)
	}
}

func TestRunFindsAnotherProducer(t *testing.T) {
	cluster := fake(t)
	run := start(t, Options{Bootstrap: Static(cluster.ListenAddrs()...), Topic: testTopic, RecordBytes: 100})
	waitAcked(t, run, 100)
	client := plain(t, cluster.ListenAddrs(), kgo.DefaultProduceTopic(testTopic))
	if err := client.ProduceSync(t.Context(), kgo.StringRecord("hello")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if report := stop(t, run); report.RecordsUnexpected != 1 || report.RecordsLost != 0 {
		t.Errorf("one record of another producer: %v", report)
	}
}

// TestStopWithoutABroker holds that a log which cannot be read is never reported as a log without losses.
func TestStopWithoutABroker(t *testing.T) {
	cluster := fake(t)
	run := start(t, Options{Bootstrap: Static(cluster.ListenAddrs()...), Topic: testTopic, RecordBytes: 100})
	waitAcked(t, run, 100)
	cluster.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if report, err := run.Stop(ctx); err == nil {
		t.Errorf("no broker is alive, and the report is %v", report)
	}
}

// TestStopWithoutAnAnswerToFetch is the same for a cluster that acknowledges and tells its offsets but gives no record out.
func TestStopWithoutAnAnswerToFetch(t *testing.T) {
	cluster := fake(t)
	cluster.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		return nil, errors.New("cut off"), true
	})
	run := start(t, Options{Bootstrap: Static(cluster.ListenAddrs()...), Topic: testTopic, RecordBytes: 100})
	waitAcked(t, run, 100)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if report, err := run.Stop(ctx); err == nil || !strings.Contains(err.Error(), "4 partitions are not read to their end") {
		t.Errorf("nothing could be read; error %v, report %v", err, report)
	}
}

// TestSeedsAreFollowed holds that a client finds the cluster again when every address that it knew is gone.
func TestSeedsAreFollowed(t *testing.T) {
	gone, live := fake(t), fake(t)
	addresses := gone.ListenAddrs()
	bootstrap := Current(func() []string { return addresses })
	client, err := newClient(t.Context(), bootstrap, Security{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	if _, err := partitionsOf(t.Context(), client, testTopic); err != nil {
		t.Fatal(err)
	}
	gone.Close()
	addresses = live.ListenAddrs()
	following, stop := context.WithCancel(t.Context())
	var background sync.WaitGroup
	background.Go(func() { followSeeds(following, bootstrap, client) })
	t.Cleanup(func() {
		stop()
		background.Wait()
	})
	asking, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := partitionsOf(asking, client, testTopic); err != nil {
		t.Error(err)
	}
}

func TestStartRefuses(t *testing.T) {
	bootstrap := Static(fake(t).ListenAddrs()...)
	tests := map[string]struct {
		options Options
		want    string
	}{
		"no bootstrap":        {Options{Topic: testTopic}, "bootstrap addresses"},
		"no address":          {Options{Bootstrap: Static(), Topic: testTopic}, "no broker address"},
		"no topic":            {Options{Bootstrap: bootstrap}, "needs a topic"},
		"unknown topic":       {Options{Bootstrap: bootstrap, Topic: "nope"}, "topic nope does not exist"},
		"too many partitions": {Options{Bootstrap: bootstrap, Topic: testTopic, Partitions: 5}, "has 4 partitions"},
		"tiny records":        {Options{Bootstrap: bootstrap, Topic: testTopic, RecordBytes: 31}, "at least 32"},
		"negative rate":       {Options{Bootstrap: bootstrap, Topic: testTopic, Rate: -1}, "negative"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			run, err := Start(t.Context(), tt.options)
			if err == nil {
				run.Close()
				t.Fatal("started")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q does not say %q", err, tt.want)
			}
		})
	}
}

// plain is a client without any of the checker's settings.
func plain(t *testing.T, addresses []string, more ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(addresses...)}, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// deleteRecords deletes the first 10 records of partition 2.
func deleteRecords(t *testing.T, addresses []string) {
	t.Helper()
	request := kmsg.NewPtrDeleteRecordsRequest()
	topic := kmsg.NewDeleteRecordsRequestTopic()
	topic.Topic = testTopic
	p := kmsg.NewDeleteRecordsRequestTopicPartition()
	p.Partition, p.Offset = 2, 10
	topic.Partitions = append(topic.Partitions, p)
	request.Topics = append(request.Topics, topic)
	response, err := request.RequestWith(t.Context(), plain(t, addresses))
	if err != nil {
		t.Fatal(err)
	}
	if err := kerr.ErrorForCode(response.Topics[0].Partitions[0].ErrorCode); err != nil {
		t.Fatal(err)
	}
}

// recreateTopic deletes the topic and creates it again under its name.
func recreateTopic(t *testing.T, addresses []string) {
	t.Helper()
	client := plain(t, addresses)
	remove := kmsg.NewPtrDeleteTopicsRequest()
	remove.TopicNames = []string{testTopic}
	name := kmsg.NewDeleteTopicsRequestTopic()
	name.Topic = kmsg.StringPtr(testTopic)
	remove.Topics = append(remove.Topics, name)
	removed, err := remove.RequestWith(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	if err := kerr.ErrorForCode(removed.Topics[0].ErrorCode); err != nil {
		t.Fatal(err)
	}
	create := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = testTopic, 4, -1
	create.Topics = append(create.Topics, topic)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		created, err := create.RequestWith(t.Context(), client)
		if err == nil {
			err = kerr.ErrorForCode(created.Topics[0].ErrorCode)
		}
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func TestBeat(t *testing.T) {
	for _, tt := range []struct {
		partitions, rate int
		want             time.Duration
	}{
		{12, 500, 24 * time.Millisecond},
		{12, 100, longestBeat},
		{1, 1, longestBeat},
		{12, 1_000_000, shortestBeat},
		{100_000, 1, longestBeat},
	} {
		if got := beat(tt.partitions, tt.rate); got != tt.want {
			t.Errorf("%d partitions, %d records a second: %s, want %s", tt.partitions, tt.rate, got, tt.want)
		}
	}
}

// TestWhatGoesToOneBrokerGoesTogether: a request for each record would make the check cost more than what it watches.
func TestWhatGoesToOneBrokerGoesTogether(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(12, testTopic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	var requests atomic.Int64
	cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		requests.Add(1)
		return nil, nil, false
	})
	run := start(t, Options{Bootstrap: Static(cluster.ListenAddrs()...), Topic: testTopic, Rate: 120, RecordBytes: 100, Records: 120})
	<-run.Produced()
	report := stop(t, run)
	if err := report.Problem(); err != nil {
		t.Error(err)
	}
	if n := requests.Load(); report.RecordsAcked != 120 || n == 0 || n > 120/4 {
		t.Errorf("%d records in %d requests, want one for each beat of twelve", report.RecordsAcked, n)
	}
}
