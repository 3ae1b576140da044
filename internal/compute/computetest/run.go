// Package computetest is the conformance suite of compute drivers: every rule that the comments of compute.Driver make, as a test.
package computetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// Fixture is a driver with no cluster in it.
type Fixture struct {
	Driver compute.Driver
	// Again returns one more driver of the same fleets, as the next run of Terraform has it.
	Again func() compute.Driver
	// Complete adds to a spec what only this driver's nodes need; nil adds nothing.
	Complete func(*compute.NodeSpec)
	// KafkaVersion is one that the driver's nodes can run.
	KafkaVersion string
	// Brief returns one more driver of the same fleets, whose leases expire after LeaseExpiry. The leases of one that is hung are not
	// renewed, as if its process were stopped while it holds them.
	Brief func(hung bool) compute.Driver
	// LeaseExpiry is a few seconds: the suite waits for it, and a machine that is busy with other tests must not miss it.
	LeaseExpiry time.Duration
	// LeaseGrain is how much later than that a lease may be found to have expired.
	LeaseGrain time.Duration
	// Schedule has the machine of an instance scheduled for maintenance by whoever runs it, for that reason.
	Schedule func(t *testing.T, instance compute.Instance, reason string)
}

// patience is how long the suite waits for what a driver may do in its own time.
const patience = time.Minute

// clusterID and otherID are well-formed Kafka cluster ids.
const (
	clusterID = "MkU3OEVBNTcwNTJENDM2Qg"
	otherID   = "q1Sh-9_ISia_zwGINzRvyQ"
)

// Run tests a driver against the contract. newFixture is called for each test; the suite terminates what it has launched.
func Run(t *testing.T, newFixture func(t *testing.T) Fixture) {
	for name, test := range map[string]func(*testing.T, suite){
		"the catalog offers zones and machines":                testCatalog,
		"a Kafka version is checked":                           testCheckKafka,
		"a record is kept":                                     testRecord,
		"a record belongs to one cluster id":                   testRecordID,
		"a record is deleted":                                  testDeleteCluster,
		"a record is not deleted under an instance":            testDeleteClusterInUse,
		"a launched node is listed at once":                    testLaunch,
		"what cannot be launched is refused":                   testLaunchInvalid,
		"a launch that is over before it begins does nothing":  testLaunchCancelled,
		"a node id is used once":                               testNodeIDs,
		"of many launches of one id one wins":                  testLaunchRace,
		"launches of many clusters do not meet":                testLaunchMany,
		"instances are listed in node-id order":                testListOrder,
		"clusters whose names are alike are apart":             testNames,
		"a stopped node stays listed":                          testStop,
		"only what exists can be stopped":                      testStopUnknown,
		"a terminated node is gone":                            testTerminate,
		"a stopped node can be terminated":                     testTerminateStopped,
		"terminating what does not exist is no error":          testTerminateUnknown,
		"many may terminate one node":                          testTerminateRace,
		"a lease has one holder":                               testLock,
		"of many who want a lease one gets it":                 testLockRace,
		"a lease needs no record":                              testLockWithoutRecord,
		"a lease holds while its cluster is deleted":           testLockOverDelete,
		"a lease is of one cluster":                            testLockOther,
		"the lease of a holder that hangs is broken":           testLeaseBroken,
		"of many who break a lease one gets it":                testLeaseBrokenOnce,
		"a lease that is overdue is lost":                      testLeaseOverdue,
		"a lease that is renewed is not broken":                testLeaseRenewed,
		"a lease can be asked for often":                       testLeaseHeldIsCheap,
		"a node's address and its agent's report become known": testReport,
		"an agent reports again and again":                     testReportsRegularly,
		"it is known since when a node is in its state":        testStateSince,
		"scheduled maintenance is shown":                       testMaintenance,
		"a secret is kept as it is":                            testSecret,
		"a secret has a plain name and a short value":          testSecretInvalid,
		"a secret needs no record":                             testSecretBeforeRecord,
		"a secret is of one cluster":                           testSecretsOfClusters,
		"a deleted cluster has no secrets":                     testSecretsOverDelete,
		"secrets without a record are deleted":                 testSecretsLeftBehind,
		"a terminated node has no secret":                      testSecretOfTerminated,
		"a secret is replaced in one step":                     testSecretReplaced,
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			test(t, suite{Fixture: f, clusters: &sync.Map{}}.cleanedUp(t))
		})
	}
}

// suite is a fixture with the names of the clusters that a test has made.
type suite struct {
	Fixture
	clusters *sync.Map
}

func (s suite) cleanedUp(t *testing.T) suite {
	t.Cleanup(func() {
		s.clusters.Range(func(name, _ any) bool {
			cluster := fmt.Sprint(name)
			ctx := context.WithoutCancel(t.Context())
			instances, err := s.Driver.List(ctx, cluster)
			if err != nil {
				t.Errorf("listing %s for the clean-up: %v", cluster, err)
			}
			for _, i := range instances {
				if err := s.Driver.Terminate(ctx, i.ID); err != nil {
					t.Errorf("cleaning up: %v", err)
				}
			}
			return true
		})
	})
	return s
}

// cluster makes a record.
func (s suite) cluster(t *testing.T, name string) compute.Cluster {
	t.Helper()
	s.clusters.Store(name, true)
	c := compute.Cluster{Name: name, ID: clusterID, MetadataVersion: "latest", Zones: s.zones(t)}
	must(t, s.Driver.PutCluster(t.Context(), c))
	return c
}

func (s suite) zones(t *testing.T) []string {
	t.Helper()
	catalog, err := s.Driver.Catalog(t.Context())
	must(t, err)
	return catalog.Zones
}

// spec describes a node of the smallest machine, with something in every field.
func (s suite) spec(t *testing.T, cluster string, id int32) compute.NodeSpec {
	t.Helper()
	catalog, err := s.Driver.Catalog(t.Context())
	must(t, err)
	var machine compute.InstanceType
	for _, m := range catalog.InstanceTypes {
		if machine.Name == "" || m.MemoryBytes < machine.MemoryBytes || m.MemoryBytes == machine.MemoryBytes && m.Name < machine.Name {
			machine = m
		}
	}
	spec := compute.NodeSpec{
		Security:     compute.Security{Plaintext: true},
		Cluster:      cluster,
		ClusterID:    clusterID,
		Group:        "main",
		Role:         compute.RoleBroker,
		NodeID:       id,
		Zone:         catalog.Zones[int(id)%len(catalog.Zones)],
		InstanceType: machine.Name,
		KafkaVersion: s.KafkaVersion,
		HeapBytes:    machine.MemoryBytes / 2,
		Config:       map[string]string{"num.io.threads": "4", "a.text": "with \"quotes\", spaces and ü"},
		SpecHash:     "0123abcd",
	}
	if s.Complete != nil {
		s.Complete(&spec)
	}
	return spec
}

func (s suite) launch(t *testing.T, cluster string, id int32) compute.Instance {
	t.Helper()
	s.clusters.Store(cluster, true)
	instance, err := s.Driver.Launch(t.Context(), s.spec(t, cluster, id))
	must(t, err)
	return instance
}

// list asks a second driver, so that nothing is found which only the first one's memory holds.
func (s suite) list(t *testing.T, cluster string) []compute.Instance {
	t.Helper()
	instances, err := s.Again().List(t.Context(), cluster)
	must(t, err)
	return instances
}

func (s suite) find(t *testing.T, cluster string, id int32) (compute.Instance, bool) {
	t.Helper()
	instances := s.list(t, cluster)
	i := slices.IndexFunc(instances, func(i compute.Instance) bool { return i.Spec.NodeID == id })
	if i < 0 {
		return compute.Instance{}, false
	}
	return instances[i], true
}

// await polls until the node is listed in the state.
func (s suite) await(t *testing.T, cluster string, id int32, want compute.State) compute.Instance {
	t.Helper()
	var last compute.Instance
	eventually(t, fmt.Sprintf("node %d is %s", id, want), func() bool {
		last, _ = s.find(t, cluster, id)
		return last.State == want
	})
	return last
}

// awaitGone polls until the node is not listed; on the way it may only be terminating.
func (s suite) awaitGone(t *testing.T, cluster string, id int32) {
	t.Helper()
	eventually(t, fmt.Sprintf("node %d is gone", id), func() bool {
		i, listed := s.find(t, cluster, id)
		if listed && i.State != compute.StateTerminating {
			t.Fatalf("node %d is %s after Terminate has returned, want terminating or gone", id, i.State)
		}
		return !listed
	})
}

func (s suite) record(t *testing.T, cluster string) compute.Cluster {
	t.Helper()
	c, err := s.Again().GetCluster(t.Context(), cluster)
	must(t, err)
	return c
}

func (s suite) wantNextNodeID(t *testing.T, want int32) {
	t.Helper()
	if got := s.record(t, "prod").NextNodeID; got != want {
		t.Errorf("the record's NextNodeID is %d, want %d", got, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want one that wraps %q", what, err, want)
	}
}

func wantSame(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", what, diff)
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("after %s still not true: %s", patience, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// race runs f n times at once and returns the errors.
func race(n int, f func(i int) error) []error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = f(i) })
	}
	all.Wait()
	return errs
}

// wantOneWinner expects one success, and the error in all other cases.
func wantOneWinner(t *testing.T, errs []error, lost error) {
	t.Helper()
	winners := 0
	for _, err := range errs {
		if err == nil {
			winners++
		} else {
			wantError(t, "a loser of the race", err, lost)
		}
	}
	if winners != 1 {
		t.Errorf("%d of %d won, want exactly one", winners, len(errs))
	}
}

func wantText(t *testing.T, err error, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("error %v does not say %q", err, text)
		}
	}
}
