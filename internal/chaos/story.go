package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/check"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/pki"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/sandbox"
)

const (
	clusterName = "chaos"
	// The roll that is under way while the faults strike.
	versionBefore, versionAfter = "4.2.1", "4.3.1"
	// loadTopic is produced to and consumed all the time; dataTopic is filled before and read back at the end.
	loadTopic, dataTopic = "orders", "payments"
	// loadUser is who produces and consumes, with a password that Terraform takes from an environment variable.
	loadUser, passwordVariable = "load", "TF_VAR_load_password" //nolint:gosec // A name, and no password.
	// loadRate, in records a second over all six partitions, is little, so that two cores carry it beside a dozen JVMs, and enough that a
	// partition acknowledges ten times in each second in which it can.
	loadRate, loadBytes = 60, 256
	// The data: 48 MiB in each of three replicas.
	dataRecords, dataBytes, dataRate = 6144, 8192, 1500
	// within is how long everything but the verdict may take, verdictWithin what reading everything back may.
	within, verdictWithin = 8*time.Minute + 30*time.Second, 50 * time.Second
	// patience is for anything that should take seconds, restWithin for a fleet that has converged to come to rest.
	patience, restWithin = 2 * time.Minute, 30 * time.Second
	// kafkaTimeout is for one request to one node, which may hang.
	kafkaTimeout = 3 * time.Second
)

// story is one run: a fleet, a roll, the faults that strike meanwhile, and the verdict.
type story struct {
	*sandbox.Sandbox
	planned []planned
	applies *applies
	kafka   *kafka.Client

	// began is when the roll did.
	began time.Time
	// unnoticed is until when Kafka may not have noticed the last death of a broker.
	unnoticed  time.Time
	background sync.WaitGroup

	mu       sync.Mutex
	faults   []fault
	excluded []check.Interval
	// zoneLost is from when a zone was lost until its nodes were replaced.
	zoneLost []check.Interval
	hung     map[int32]bool
	// password is that of the load's user.
	password string
	// dying are brokers that have lost their data and not noticed yet.
	dying map[int32]bool
}

// newStory makes a story in a sandbox; Terraform's words and the provider's log go to files in logs.
func newStory(box *sandbox.Sandbox, faults []planned, logs string) *story {
	s := &story{Sandbox: box, planned: faults, password: rand.Text(), hung: map[int32]bool{}, dying: map[int32]bool{}, began: time.Now()}
	s.kafka = kafka.New(kafka.Config{Bootstrap: box.Fleet.BrokersInside, Controllers: box.Fleet.Controllers, Secure: box.Fleet.AdminTLS, Timeout: kafkaTimeout})
	s.applies = &applies{terraform: box.Terraform.With(passwordVariable + "=" + s.password), logs: logs, say: s.say}
	return s
}

// say prints a line with the seconds since the roll began.
func (s *story) say(format string, args ...any) {
	fmt.Printf("%6.1f s  %s\n", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
}

// tell runs it. The result is valid when it says that records were acknowledged; the error says what was promised and not kept.
func (s *story) tell(ctx context.Context) (result, error) {
	var r result
	acting, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	s.say("a fleet of %d brokers and %d controllers, Kafka %s", brokers, controllers, versionBefore)
	if err := s.applies.run(acting, "init"); err != nil {
		return r, err
	}
	if err := s.applies.run(acting, s.args(versionBefore, "apply", "-auto-approve")...); err != nil {
		return r, err
	}
	client, err := s.client(acting)
	if err != nil {
		return r, err
	}
	data, err := check.Start(acting, check.Options{Bootstrap: s.Fleet.Brokers, Security: client, Topic: dataTopic, Records: dataRecords, RecordBytes: dataBytes, Rate: dataRate})
	if err != nil {
		return r, err
	}
	defer data.Close()
	if err := waitFor(acting, patience, func() bool { return data.Acked() == dataRecords }); err != nil {
		return r, fmt.Errorf("waiting for the data to be written, %d of %d records: %w", data.Acked(), dataRecords, err)
	}
	clients, err := os.Create(filepath.Join(s.applies.logs, "clients.log"))
	if err != nil {
		return r, fmt.Errorf("the file for what the clients say: %w", err)
	}
	defer func() { _ = clients.Close() }()
	load, err := check.Start(acting, check.Options{Bootstrap: s.Fleet.Brokers, Security: client, Topic: loadTopic, Rate: loadRate, RecordBytes: loadBytes, Log: clients})
	if err != nil {
		return r, err
	}
	defer load.Close()
	if err := waitFor(acting, patience, func() bool { return load.Acked() > 2*loadRate }); err != nil {
		return r, fmt.Errorf("waiting for the load to begin: %w", err)
	}

	s.began = time.Now()
	s.say("rolling to Kafka %s", versionAfter)
	wrong := s.roll(acting)
	r.Seconds = seconds(time.Since(s.began))
	r.Converged = wrong == nil
	if r.Converged {
		reached := load.Acked()
		if err := waitFor(acting, patience, func() bool { return load.Acked() > reached+2*loadRate }); err != nil {
			wrong = fmt.Errorf("waiting for the fleet to acknowledge records at the end: %w", err)
		}
		r.Left, err = s.atRest(acting)
		if wrong = errors.Join(wrong, err); len(r.Left) > 0 {
			wrong = errors.Join(wrong, fmt.Errorf("not as a fleet at rest: %q", r.Left))
		}
	}
	if ctx.Err() != nil {
		return r, errors.Join(wrong, ctx.Err()) // Somebody does not want to know.
	}
	judging, done := context.WithTimeout(ctx, verdictWithin)
	defer done()
	return r, errors.Join(wrong, s.judge(judging, &r, data, load))
}

// client is how the load connects: as the user of the configuration, believing the cluster's authority.
func (s *story) client(ctx context.Context) (check.Security, error) {
	trusted, err := fleet.New(s.Fleet.Driver, fleet.Options{}).Trusted(ctx, s.Fleet.Cluster)
	if err != nil || trusted == "" {
		return check.Security{}, err // It is plaintext.
	}
	pool, err := pki.Pool([]byte(trusted))
	if err != nil {
		return check.Security{}, err
	}
	return check.Security{TLS: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}, User: loadUser, Password: s.password}, nil
}

// roll applies the new version until that has converged, while the faults strike.
func (s *story) roll(ctx context.Context) error {
	striking, stop := context.WithCancel(ctx)
	defer func() {
		stop()
		s.background.Wait()
	}()
	last, struck := make(chan struct{}), make(chan error, 1)
	strike := func() {
		defer close(last)
		struck <- s.strikeAll(striking)
	}
	if len(s.planned) == 0 {
		strike() // It is over before it begins.
	} else {
		go strike()
	}
	err := s.applies.untilConverged(ctx, last, s.args(versionAfter, "apply", "-auto-approve"), s.args(versionAfter, "plan", "-detailed-exitcode"))
	if err != nil {
		stop()
	}
	if fault := <-struck; fault != nil && !errors.Is(fault, context.Canceled) {
		err = errors.Join(err, fault)
	}
	return err
}

// strikeAll waits until the roll is under way, and then lets the faults strike one after the other.
func (s *story) strikeAll(ctx context.Context) error {
	if len(s.planned) == 0 {
		return nil
	}
	err := waitFor(ctx, patience, func() bool {
		instances, err := s.Fleet.Driver.List(ctx, s.Fleet.Cluster)
		for _, i := range instances {
			if err == nil && i.Spec.KafkaVersion == versionAfter && i.State == compute.StateRunning {
				return true
			}
		}
		return false
	})
	if err != nil {
		return fmt.Errorf("waiting for the roll to begin: %w", err)
	}
	// One that cannot strike is told at the end. The others do.
	var errs []error
	for _, p := range s.planned {
		errs = append(errs, s.strike(ctx, p))
	}
	// The end of the last one is a part of it.
	ended := func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.hung)+len(s.dying) == 0
	}
	errs = append(errs, waitFor(ctx, hangFor+patience, ended))
	return errors.Join(errs...)
}

// judge ends the checks and puts their figures into the result.
func (s *story) judge(ctx context.Context, r *result, data, load *check.Run) error {
	s.mu.Lock()
	excluded, zoneLost := s.excluded, s.zoneLost
	r.Faults = append([]fault{}, s.faults...)
	s.mu.Unlock()
	loaded, err := load.Stop(ctx, excluded...)
	if err != nil {
		return err
	}
	kept, err := data.Stop(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("\n%v\n%v\n", loaded, kept)
	s.tellSilences(loaded.Windows, excluded)
	r.RecordsAcked = loaded.RecordsAcked + kept.RecordsAcked
	r.RecordsLost = loaded.RecordsLost + kept.RecordsLost
	r.LongestGapMillis = loaded.LongestGapMillis
	r.AvailabilityRaw, r.Availability = share(loaded.AvailabilityRaw), share(loaded.Availability)
	r.AvailabilityOutsideZoneLoss = share(loaded.Windows.Availability(slices.Concat(excluded, zoneLost)...))
	return errors.Join(loaded.Problem(), kept.Problem(), r.available(len(s.planned) > 0))
}

// tellSilences prints the seconds in which a partition acknowledged nothing, those that follow each other and are of one kind together.
func (s *story) tellSilences(w check.Windows, excluded []check.Interval) {
	counts := map[time.Time]bool{}
	for _, silence := range w.Silences(excluded...) {
		counts[silence.At] = true
	}
	all := w.Silences()
	for i := 0; i < len(all); {
		first := all[i]
		last, partitions := first, []int32{}
		for ; i < len(all) && all[i].At.Sub(last.At) <= time.Second && counts[all[i].At] == counts[first.At]; i++ {
			last, partitions = all[i], append(partitions, all[i].Partitions...)
		}
		slices.Sort(partitions)
		why := "; Kafka had not noticed a death yet"
		if counts[first.At] {
			why = ""
		}
		fmt.Printf("seconds %.0f to %.0f: partitions %v acknowledged nothing for a second or more%s\n",
			first.At.Sub(s.began).Seconds(), last.At.Sub(s.began).Seconds()+1, slices.Compact(partitions), why)
	}
}

// args are a command's arguments with the configuration's variables.
func (s *story) args(version string, command ...string) []string {
	return append(append(command, s.Variables...), "-var", "kafka_version="+version)
}

// waitFor waits until the condition holds.
func waitFor(ctx context.Context, patience time.Duration, condition func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for !condition() {
		if err := sleep(ctx, lookEvery/5); err != nil {
			return err
		}
	}
	return nil
}
