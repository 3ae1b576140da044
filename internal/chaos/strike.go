package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/check"
)

const (
	// hangFor is how long a broker hangs.
	hangFor = time.Minute
	// sessionTimeout is how long a broker may be silent before the controller fences it, Kafka's default for broker.session.timeout.ms.
	sessionTimeout = 9 * time.Second
	// afterNotice is what clients and new leaders get to find each other.
	afterNotice = 3 * time.Second
	// noticeWithin is how long Kafka is given to see a death, should it take longer than the session timeout.
	noticeWithin = 30 * time.Second
	// strikeWithin is how long the fleet may take to be well enough for the next fault.
	strikeWithin = 4 * time.Minute
	// midApply is how old an apply must be to be killed: younger ones have only read.
	midApply  = 10 * time.Second
	lookEvery = 500 * time.Millisecond
)

// fault is one that has struck.
type fault struct {
	// AtSeconds is since the beginning of the roll.
	AtSeconds float64 `json:"at_s"`
	Fault     kind    `json:"fault"`
	// Node is the one that was struck. Zone and Nodes are for a whole zone.
	Node  int32   `json:"node,omitempty"`
	Zone  string  `json:"zone,omitempty"`
	Nodes []int32 `json:"nodes,omitempty"`
}

// strike waits for the moment of a fault, and for the fleet to be well enough for it, and lets it happen.
func (s *story) strike(ctx context.Context, p planned) error {
	if err := sleep(ctx, p.pause); err != nil {
		return err
	}
	if p.kind == killTerraform {
		return s.strikeTerraform(ctx)
	}
	victims, err := s.await(ctx, p)
	if err != nil {
		return err
	}
	_, byNode, err := s.machines(ctx)
	if err != nil {
		return err
	}
	f := fault{Fault: p.kind, Node: victims[0].id}
	if p.kind == loseZone {
		f = fault{Fault: p.kind, Zone: victims[0].zone}
		for _, m := range victims {
			f.Nodes = append(f.Nodes, m.id)
		}
	}
	at := s.record(f)
	if p.kind != killController {
		s.unnoticed = at.Add(sessionTimeout + afterNotice)
	}
	one := byNode[victims[0].id]
	switch p.kind {
	case killBroker, killController:
		s.exclude(at, at)
		return kill(one.javas, syscall.SIGKILL)
	case hangBroker:
		s.exclude(at, at)
		s.hang(ctx, victims[0].id, one)
		return kill(one.javas, syscall.SIGSTOP)
	case deleteData:
		if err := deleteDisks(s.Fleet.NodeDir(victims[0].id)); err != nil {
			return err
		}
		// Kafka lives on until it writes to its disk by name, and dies then.
		s.mu.Lock()
		s.dying[victims[0].id] = true
		s.mu.Unlock()
		s.background.Go(func() {
			s.exclude(at, s.awaitDeath(ctx, victims[0].id))
			s.mu.Lock()
			defer s.mu.Unlock()
			delete(s.dying, victims[0].id)
		})
		return nil
	default: // A whole zone: first the agents, which would start Kafka again.
		for _, m := range victims {
			err = errors.Join(err, kill(byNode[m.id].agents, syscall.SIGKILL))
		}
		for _, m := range victims {
			err = errors.Join(err, kill(byNode[m.id].javas, syscall.SIGKILL))
		}
		// The active controller may be among them, and the next one counts every broker's session anew: what counts is when Kafka has seen it.
		s.background.Go(func() {
			s.exclude(at, s.awaitFenced(ctx, victims).Add(-sessionTimeout))
			replaced := s.awaitReplaced(ctx, victims)
			s.mu.Lock()
			defer s.mu.Unlock()
			s.zoneLost = append(s.zoneLost, check.Interval{From: at, To: replaced})
		})
		return err
	}
}

// await waits until the fleet can bear the fault, and chooses its victims.
func (s *story) await(ctx context.Context, p planned) ([]machine, error) {
	why := ""
	for deadline := time.Now().Add(strikeWithin); time.Now().Before(deadline); {
		v, err := s.look(ctx)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			why = err.Error()
		case p.kind != killController && time.Now().Before(s.unnoticed):
			why = "Kafka may not have noticed the fault before"
		default:
			var victims []machine
			// The same draw at each look, so that victims follow from the seed as far as the fleet does.
			if victims, why = v.choose(p.kind, rand.New(rand.NewPCG(p.draw, 0))); why == "" {
				return victims, nil
			}
		}
		if err := sleep(ctx, lookEvery); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%s after the fault before it, the fleet was not well enough for %s: %s", strikeWithin, p.kind, why)
}

func (s *story) strikeTerraform(ctx context.Context) error {
	began := time.Now()
	for time.Since(began) < strikeWithin {
		age := midApply
		if time.Since(began) > 2*midApply {
			age = 0 // The roll is over, and an apply that finds nothing to do is over in a second.
		}
		if killed, err := s.applies.kill(age); killed || err != nil {
			s.record(fault{Fault: killTerraform})
			return err
		}
		if err := sleep(ctx, lookEvery/5); err != nil {
			return err
		}
	}
	return fmt.Errorf("in %s there was no apply to kill", strikeWithin)
}

// record notes that a fault strikes now, and tells it.
func (s *story) record(f fault) time.Time {
	at := time.Now()
	f.AtSeconds = seconds(at.Sub(s.began))
	switch {
	case f.Zone != "":
		s.say("%s: %s, nodes %v", f.Fault, f.Zone, f.Nodes)
	case f.Node != 0:
		s.say("%s: node %d", f.Fault, f.Node)
	default:
		s.say("%s", f.Fault)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, f)
	return at
}

// exclude takes out of the availability what Kafka needs to notice a death without a farewell: from the fault until the session timeout
// and a little more after the death.
func (s *story) exclude(from, death time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.excluded = append(s.excluded, check.Interval{From: from, To: death.Add(sessionTimeout + afterNotice)})
}

// hang notes that a node hangs, and lets it go on in time.
func (s *story) hang(ctx context.Context, id int32, of processes) {
	s.mu.Lock()
	s.hung[id] = true
	s.mu.Unlock()
	s.background.Go(func() {
		_ = sleep(ctx, hangFor) // At the end of the story it goes on, too.
		if err := kill(of.javas, syscall.SIGCONT); err == nil {
			s.say("node %d goes on", id)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.hung, id)
	})
}

func (s *story) hangs(id int32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hung[id]
}

// awaitDeath returns when a node's Kafka is seen to be gone, at most noticeWithin from now.
func (s *story) awaitDeath(ctx context.Context, id int32) time.Time {
	return s.awaitNotice(ctx, func() bool {
		_, byNode, err := s.machines(ctx)
		return err == nil && len(byNode[id].javas) == 0
	})
}

// awaitFenced returns when Kafka says that it does without all the brokers among the victims, at most noticeWithin from now.
func (s *story) awaitFenced(ctx context.Context, victims []machine) time.Time {
	return s.awaitNotice(ctx, func() bool {
		_, registered, err := s.kafka.Brokers(ctx)
		if err != nil {
			return false
		}
		for _, b := range registered {
			for _, m := range victims {
				if b.ID == m.id && !b.Fenced {
					return false
				}
			}
		}
		return true
	})
}

// awaitReplaced returns when nothing is left of the victims and every replica of the fleet is in sync, at the latest when the story ends.
func (s *story) awaitReplaced(ctx context.Context, victims []machine) time.Time {
	for sleep(ctx, lookEvery) == nil {
		v, err := s.look(ctx)
		if err == nil && v.without(victims) {
			break
		}
	}
	return time.Now()
}

func (*story) awaitNotice(ctx context.Context, noticed func() bool) time.Time {
	for deadline := time.Now().Add(noticeWithin); time.Now().Before(deadline) && !noticed(); {
		if sleep(ctx, lookEvery) != nil {
			break
		}
	}
	return time.Now()
}

// sleep returns early, with an error, when the context ends.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
