package aws

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// lease is one that this process has taken.
//
// A lease is a parameter with a number, that of the highest number the one that counts. It is renewed by writing it again, which gives it a new
// time and a new version. Who finds it expired makes the next number, which of many only one can, and then looks at it once more: has it been
// renewed meanwhile, the new one is given up. And who renews looks, after that, if there is a higher number. So of the two one sees the other,
// in whatever order the calls come.
//
// A number is never used twice, since what an old holder still does must not meet a new one: a lease that is given up stays as such until the
// next one is taken.
type lease struct {
	d       *Driver
	cluster string
	number  int
	claim   claim
	release func()

	mu sync.Mutex
	// renewed is when the call began that last renewed it, by this process' clock.
	renewed time.Time
	over    bool
	why     string
	// blamed says that why names who has taken it over.
	blamed bool
}

// claim is the content of a lease's parameter.
type claim struct {
	Holder string `json:"holder"`
	// Token is of this taking alone.
	Token  string        `json:"token"`
	Expiry time.Duration `json:"expiry"`
	// Free says that it was given up.
	Free bool `json:"free,omitempty"`
}

// standing is a lease as it is found.
type standing struct {
	parameter
	number int
	claim  claim
}

func leaseName(cluster string, number int) string {
	return leasePath(cluster) + "/" + strconv.Itoa(number)
}

// standing returns the lease that counts, with the number 0 where there is none, and the time of the service. The names are of all leases there.
func (d *Driver) standing(ctx context.Context, cluster string) (top standing, names []string, at time.Time, err error) {
	all, at, err := d.belowAt(ctx, leasePath(cluster))
	if err != nil {
		return top, nil, at, err
	}
	for _, p := range all {
		s := standing{parameter: p}
		if s.number, err = strconv.Atoi(p.last()); err != nil {
			return top, nil, at, fmt.Errorf("the parameter %s is no lease", p.name)
		}
		if err := json.Unmarshal([]byte(p.value), &s.claim); err != nil {
			return top, nil, at, fmt.Errorf("the parameter %s is damaged: %w", p.name, err)
		}
		names = append(names, p.name)
		if s.number > top.number {
			top = s
		}
	}
	return top, names, at, nil
}

// Lock implements compute.Driver.
func (d *Driver) Lock(ctx context.Context, cluster, holder string) (compute.Lease, error) {
	if err := compute.CheckClusterName(cluster); err != nil {
		return nil, err
	}
	top, names, at, err := d.standing(ctx, cluster)
	if err != nil {
		return nil, err
	}
	if top.number > 0 && !top.claim.Free && at.Sub(top.written) <= top.claim.Expiry {
		return nil, top.locked(cluster)
	}
	l := &lease{d: d, cluster: cluster, number: top.number + 1, claim: claim{Holder: holder, Token: rand.Text(), Expiry: d.leaseExpiry}, renewed: d.now()}
	// One that exists may be this very one: its reply was lost, and the call repeated.
	if err := l.write(ctx, true); err != nil && !errors.Is(err, errExists) {
		return nil, err
	}
	made, now, _, err := d.standing(ctx, cluster)
	switch {
	case err != nil:
		return nil, errors.Join(err, d.remove(ctx, leaseName(cluster, l.number)))
	case made.number != l.number || made.claim != l.claim:
		// Others have been quicker, maybe by several leases, the first of which had this number. That it has one again counts for nothing.
		return nil, made.locked(cluster)
	}
	if top.number > 0 && slices.Contains(now, top.name) {
		// Its holder may have renewed it since it was found expired, and not have seen the new one.
		if again, err := d.get(ctx, top.name); err == nil && again.version != top.version || err != nil && !errors.Is(err, compute.ErrNotFound) {
			return nil, errors.Join(top.locked(cluster), err, d.remove(ctx, leaseName(cluster, l.number)))
		}
	}
	if err := d.remove(ctx, names...); err != nil {
		return nil, errors.Join(err, d.remove(ctx, leaseName(cluster, l.number)))
	}
	l.start()
	return l, nil
}

func (s standing) locked(cluster string) error {
	return fmt.Errorf("cluster %q: %w: it is held by %s, who renewed it last at %s; it expires %s after that", cluster, compute.ErrLocked, s.claim.Holder, s.written.Format(time.RFC3339), s.claim.Expiry)
}

// write makes or renews the lease's parameter.
func (l *lease) write(ctx context.Context, create bool) error {
	text, err := json.Marshal(l.claim)
	if err != nil {
		return err
	}
	return l.d.put(ctx, leaseName(l.cluster, l.number), string(text), types.ParameterTypeString, create)
}

// start begins to renew the lease, unless its holder is to hang.
func (l *lease) start() {
	ctx, cancel := context.WithCancel(context.Background())
	var renewing sync.WaitGroup
	if !l.d.hung {
		renewing.Go(func() { l.renewRegularly(ctx) })
	}
	l.release = sync.OnceFunc(func() {
		cancel()
		renewing.Wait()
		age, lost := l.age()
		l.end("it was given up")
		if lost == nil {
			l.free(l.claim.Expiry - age)
		}
	})
}

// free leaves the lease to the next one, as far as that can be done in this time; otherwise it expires.
func (l *lease) free(within time.Duration) {
	// The run may be over (Ctrl-C), so its context does not count.
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if _, err := l.d.get(ctx, recordName(l.cluster)); errors.Is(err, compute.ErrNotFound) {
		_ = l.d.remove(ctx, leaseName(l.cluster, l.number)) // The cluster is gone, and nothing shall stay of it.
		return
	}
	l.claim.Free = true
	_ = l.write(ctx, false)
}

// Release implements compute.Lease.
func (l *lease) Release() { l.release() }

// Held implements compute.Lease.
func (l *lease) Held(ctx context.Context) error {
	age, err := l.age()
	switch {
	case err != nil:
		return l.blame(ctx, err)
	case age > l.claim.Expiry/2:
		// It is overdue: this process was suspended for a while, or the calls that renew it fail.
		return l.renew(ctx)
	}
	return nil
}

// blame adds to a loss who has the lease now, as far as that can be found out.
func (l *lease) blame(ctx context.Context, lost error) error {
	l.mu.Lock()
	known := l.blamed
	l.mu.Unlock()
	if known {
		return lost
	}
	top, _, _, err := l.d.standing(ctx, l.cluster)
	if err != nil || top.number <= l.number {
		return lost
	}
	l.mu.Lock()
	l.blamed = true
	l.why += "; it was taken over by " + top.claim.Holder
	l.mu.Unlock()
	_, lost = l.age()
	return lost
}

// age is how long ago the lease was renewed, with an error once it is lost, which it then stays.
func (l *lease) age() (time.Duration, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	age := l.d.now().Sub(l.renewed)
	if !l.over && age > l.claim.Expiry {
		l.over, l.why = true, fmt.Sprintf("it was renewed %s ago, and expires after %s", age.Round(time.Millisecond), l.claim.Expiry)
	}
	if l.over {
		return age, fmt.Errorf("cluster %q: %w: %s. Nothing more is done under it, and it is safe to run again", l.cluster, compute.ErrLeaseLost, l.why)
	}
	return age, nil
}

// end makes the lease lost, for the first reason that there is.
func (l *lease) end(why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		l.over, l.why = true, why
	}
}

func (l *lease) renewRegularly(ctx context.Context) {
	ticker := time.NewTicker(l.claim.Expiry / 4)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			_ = l.renew(ctx) // What fails is tried again by the next tick, and Held tells if that goes on for too long.
			if _, lost := l.age(); lost != nil {
				return
			}
		}
	}
}

// renew makes the lease live for its whole expiry again.
func (l *lease) renew(ctx context.Context) error {
	age, err := l.age()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, l.claim.Expiry-age)
	defer cancel()
	began := l.d.now()
	top := standing{}
	if err = l.write(ctx, false); err == nil {
		top, _, _, err = l.d.standing(ctx, l.cluster)
	}
	if err != nil {
		return fmt.Errorf("cluster %q: %w: it was renewed %s ago, and could not be now: %w", l.cluster, compute.ErrLeaseLost, age.Round(time.Millisecond), err)
	}
	if top.number != l.number {
		l.end("another run has it now")
		_ = l.d.remove(ctx, leaseName(l.cluster, l.number))
	} else {
		l.mu.Lock()
		l.renewed = began
		l.mu.Unlock()
	}
	if _, err = l.age(); err != nil {
		return l.blame(ctx, err)
	}
	return nil
}
