package coalesce

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

// manyAsked is how many objects are read by themselves before all of them are read at once.
const manyAsked = 30

// Known are the objects of one kind, as they were last read. An object that is asked for is read together with those that others ask for at the
// same time; when many were asked for, all that there are are read, and further questions are answered from that. What was written through the
// same client is read anew, and so is everything after MaxAge. Its fields are set before it is first used.
type Known[K comparable, V any] struct {
	// Some reads objects by their keys. One that it neither returns nor has an error for does not exist, as far as it could see.
	Some func(ctx context.Context, keys []K) (map[K]V, map[K]error)
	// All reads all objects that there are. One that cannot be read is left out. Without it objects are always read by themselves.
	All func(ctx context.Context) (map[K]V, error)
	// Confirm reads one object that was found missing, which is not believed at once.
	Confirm func(ctx context.Context, key K) (V, error)
	// Window is how long a question waits for others, and MaxAge is how long an answer is good.
	Window, MaxAge time.Duration
	// Now is the clock.
	Now func() time.Time

	once   sync.Once
	gather Gather[K, V]
	// reading is held while objects are read: one call at a time, since the next one may find everything known.
	reading chan struct{}

	mu sync.Mutex
	// objects are those that are known. With complete, one that is neither there nor in stale does not exist.
	objects  map[K]V
	stale    map[K]bool
	complete bool
	// writes counts them, and written is at which of them an object was last written: a read that began before it may show what was there before.
	writes  int
	written map[K]int
	// asked is how many objects were read by themselves, and since is from when on something is known.
	asked int
	since time.Time
}

// errMissing is the answer of a read that did not find an object.
var errMissing = errors.New("the object is not there")

func (k *Known[K, V]) init() {
	k.once.Do(func() {
		k.reading = make(chan struct{}, 1)
		k.gather = Gather[K, V]{Window: k.Window, Alone: true, Do: k.read}
		k.objects, k.stale, k.written = map[K]V{}, map[K]bool{}, map[K]int{}
	})
}

// Get returns an object. What it does not know it reads, and that one is missing it has confirmed.
func (k *Known[K, V]) Get(ctx context.Context, key K) (V, error) {
	v, found, err := k.Look(ctx, key)
	if err != nil || found {
		return v, err
	}
	return k.Confirm(ctx, key)
}

// Look is Get for whom it is enough that an object is missing as far as one read could see.
func (k *Known[K, V]) Look(ctx context.Context, key K) (v V, found bool, err error) {
	k.init()
	v, found, sure := k.known(key)
	if found || sure {
		return v, found, nil
	}
	v, err = k.gather.Ask(ctx, key)
	if errors.Is(err, errMissing) {
		return v, false, nil
	}
	return v, err == nil, err
}

// Everything returns all objects, by their keys; those that were read within MaxAge are not read again. The map is the caller's.
func (k *Known[K, V]) Everything(ctx context.Context) (map[K]V, error) {
	k.init()
	if err := k.lock(ctx); err != nil {
		return nil, err
	}
	defer k.unlock()
	k.mu.Lock()
	k.expire()
	if k.complete && len(k.stale) == 0 {
		defer k.mu.Unlock()
		return maps.Clone(k.objects), nil
	}
	at := k.writes
	k.mu.Unlock()
	found, err := k.All(ctx)
	if err != nil {
		return nil, err
	}
	k.keepAll(found, at)
	return maps.Clone(found), nil
}

// Forget has objects read anew: they have been written.
func (k *Known[K, V]) Forget(keys ...K) {
	k.wrote(keys, func(key K) {
		delete(k.objects, key)
		k.stale[key] = true
	})
}

// Remove notes that objects are gone.
func (k *Known[K, V]) Remove(keys ...K) {
	k.wrote(keys, func(key K) {
		delete(k.objects, key)
		delete(k.stale, key)
	})
}

// Set notes how objects are, after a write that has come everywhere.
func (k *Known[K, V]) Set(objects map[K]V) {
	k.wrote(slices.Collect(maps.Keys(objects)), func(key K) {
		k.objects[key] = objects[key]
		delete(k.stale, key)
	})
}

// Len is how many objects are known.
func (k *Known[K, V]) Len() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.objects)
}

func (k *Known[K, V]) wrote(keys []K, note func(K)) {
	k.init()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.writes++; k.since.IsZero() {
		k.since = k.Now()
	}
	for _, key := range keys {
		k.written[key] = k.writes
		note(key)
	}
}

// known finds what is known of an object; sure says that one which is not found does not exist.
func (k *Known[K, V]) known(key K) (v V, found, sure bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.expire()
	v, found = k.objects[key]
	return v, found, k.complete && !k.stale[key]
}

// expire forgets what is too old. The lock is held.
func (k *Known[K, V]) expire() {
	if k.since.IsZero() || k.Now().Sub(k.since) < k.MaxAge {
		return
	}
	clear(k.objects)
	clear(k.stale)
	k.complete, k.asked, k.since = false, 0, time.Time{}
}

func (k *Known[K, V]) lock(ctx context.Context) error {
	select {
	case k.reading <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (k *Known[K, V]) unlock() { <-k.reading }

// read answers what several callers ask.
func (k *Known[K, V]) read(ctx context.Context, keys []K) []Answer[V] {
	answers := make([]Answer[V], len(keys))
	found, failed, err := k.find(ctx, keys)
	for i, key := range keys {
		v, ok := found[key]
		switch {
		case err != nil:
			answers[i].Err = err
		case ok:
			answers[i].Value = v
		case failed[key] != nil:
			answers[i].Err = failed[key]
		default:
			answers[i].Err = errMissing
		}
	}
	return answers
}

// find returns the objects of some keys: known ones, and the others as they are read. One that is in neither result was not there.
func (k *Known[K, V]) find(ctx context.Context, keys []K) (found map[K]V, failed map[K]error, err error) {
	if err := k.lock(ctx); err != nil {
		return nil, nil, err
	}
	defer k.unlock()
	found = map[K]V{}
	var unknown []K
	k.mu.Lock()
	k.expire()
	for i, key := range keys {
		if v, ok := k.objects[key]; ok {
			found[key] = v
		} else if (!k.complete || k.stale[key]) && !slices.Contains(keys[:i], key) {
			unknown = append(unknown, key)
			if !k.stale[key] {
				k.asked++
			}
		}
	}
	if k.since.IsZero() {
		k.since = k.Now()
	}
	// Those that were written are read by themselves, however many: a run that creates thousands would otherwise read everything each time.
	all := k.All != nil && k.asked > manyAsked && slices.ContainsFunc(unknown, func(key K) bool { return !k.stale[key] })
	at := k.writes
	k.mu.Unlock()
	switch {
	case len(unknown) == 0:
		return found, nil, nil
	case all:
		everything, err := k.All(ctx)
		if err != nil {
			return nil, nil, err
		}
		k.keepAll(everything, at)
		for _, key := range unknown {
			if v, ok := everything[key]; ok {
				found[key] = v
			}
		}
		return found, nil, nil
	}
	some, failed := k.Some(ctx, unknown)
	k.mu.Lock()
	defer k.mu.Unlock()
	for key, v := range some {
		found[key] = v
		k.keep(key, v, at)
	}
	return found, failed, nil
}

// keep keeps an object that was read after so many writes, unless it was written since. The lock is held.
func (k *Known[K, V]) keep(key K, v V, at int) {
	if k.written[key] <= at {
		k.objects[key] = v
		delete(k.stale, key)
	}
}

// keepAll keeps the objects that a read of everything found, and that there are no others.
func (k *Known[K, V]) keepAll(found map[K]V, at int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.complete, k.since = true, k.Now()
	gone := func(key K) bool {
		_, there := found[key]
		return !there && k.written[key] <= at
	}
	maps.DeleteFunc(k.objects, func(key K, _ V) bool { return gone(key) })
	maps.DeleteFunc(k.stale, func(key K, _ bool) bool { return gone(key) })
	for key, v := range found {
		k.keep(key, v, at)
	}
}
