package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/throttle"
)

// maxFailures is how often in a row steps may fail before the rollout stops and leaves the rest to the next run.
const maxFailures = 8

// maxBlocked is how often in a row a rollout may be found blocked before it stops. A broker whose metadata lags behind the controller
// shows a partition that has just been moved with its old replicas beside the new ones, and nothing in flight: a state that no step can
// mend, and that passes.
const maxBlocked = 20

// maxLostLaunches is how many nodes that a run has launched may be lost while it goes on: it stops, rather than to launch for ever.
const maxLostLaunches = 3

// DefaultGateTimeout is how long a rollout waits without coming any further before it ends, where nothing else is declared.
const DefaultGateTimeout = 15 * time.Minute

// builder makes a goal from an observation, and adds to the observation what follows from the goal.
type builder func(*observed) (goal, error)

// Result is what a rollout did.
type Result struct {
	// Launched and Terminated are node ids.
	Launched, Terminated []int32
	// BytesMoved is the size of every replica that was copied, on its new broker when it was complete.
	BytesMoved int64
	Steps      int
	// GivenUp is of how many partitions the run has given up what only a lost node had.
	GivenUp int
}

// converge brings the group to its goal: observe, plan, run the steps, and again, until nothing is left to do. It stops at the next safe
// point when ctx ends, and its error then says where the rollout stands.
//
// build makes the goal anew in each round, since parts of it depend on what is observed.
func (c *Client) converge(ctx context.Context, cluster string, build builder) (Result, error) {
	var result Result
	started, m := c.opts.Now(), newMoving()
	failures, blocked, settling := 0, 0, 0
	progress := progress{at: started, lost: map[int32]string{}}
	var lastErr error
	logged := ""
	var filling []int32
	declared := build
	build = func(o *observed) (goal, error) {
		g, err := declared(o)
		g.group.Filling, g.group.Off, g.group.RenewBefore = filling, c.opts.Off, c.opts.RenewBefore
		if g.group.Rebalance.Budget > 0 {
			if g.group.Rebalance.Budget -= m.asked; g.group.Rebalance.Budget <= 0 {
				g.group.Rebalance.Threshold = 0 // What may be moved is moved, or on its way.
			}
		}
		return g, err
	}
	stands := func(why string) error {
		if m.asked > 0 {
			c.unlimit(ctx, cluster)
		}
		moves := ""
		if p := m.tracker.Progress().String(); p != "" {
			moves = ", " + p
		}
		lost := "nothing is lost"
		if result.GivenUp > 0 {
			lost = fmt.Sprintf("nothing is lost but what was given up of %d partitions", result.GivenUp)
		}
		text := fmt.Sprintf("%s. So far %d nodes were launched and %d terminated%s; %s, and it is safe to apply again: "+
			"the next apply observes the fleet and goes on from there", why, len(result.Launched), len(result.Terminated), moves, lost)
		if lastErr != nil {
			return fmt.Errorf("%s (%w)", text, lastErr)
		}
		return errors.New(text)
	}
	for {
		g, o, d, err := c.round(ctx, cluster, build, started)
		if err == nil {
			m.observe(o, c.opts.Now())
			result.BytesMoved = m.tracker.Progress().BytesMoved
			progress.observe(result, m.tracker.Progress(), c.opts.Now())
		}
		switch {
		case ctx.Err() != nil:
			return result, stands(interrupted(ctx, logged))
		case errors.Is(err, errGoal):
			return result, err
		case err != nil:
			lastErr = err
			if failures++; failures > maxFailures {
				return result, stands("the fleet could not be observed")
			}
			c.opts.Log(ctx, "observation failed", map[string]any{"error": err.Error()})
			c.opts.Sleep(ctx, time.Duration(failures)*c.opts.Poll)
			continue
		case d.Done():
			// A broker's metadata may be a moment old: what was moved is waited for until it is seen in sync, though not for ever, since somebody
			// else may have cancelled it.
			if settling++; len(m.tracker.Open()) > 0 && settling <= maxBlocked {
				c.opts.Sleep(ctx, c.opts.Poll)
				continue
			}
			return result, nil
		case d.Blocked != "":
			if blocked++; blocked > maxBlocked {
				return result, stands(d.Blocked)
			}
			c.opts.Sleep(ctx, c.opts.Poll)
			continue
		}
		blocked = 0
		if why := progress.stop(result, g, o, d, c.opts.Now()); why != "" {
			return result, stands(why)
		}
		filling = d.Filling
		if o.kafkaErr != nil {
			lastErr = o.kafkaErr
			c.opts.Log(ctx, "Kafka does not answer", map[string]any{"error": o.kafkaErr.Error()})
		}
		if text := strings.Join(d.Waiting, "; "); text != logged && text != "" {
			logged = text
			c.opts.Log(ctx, "waiting", map[string]any{"group": g.group.Name, "for": text})
		}
		m.tell(ctx, c, g, c.opts.Now())
		if err := c.held(ctx, g.cluster); permanent(err) && !slices.Contains(g.group.Off, plan.GuardLease) {
			// Also a run that only waits ends here: whoever has the lease now may want something else.
			lastErr = err
			return result, stands("the run stopped")
		}
		if err := m.adjust(ctx, c, c.engine(g.cluster), g, o, c.opts.Now()); err != nil {
			// The limits that are in force stay, and the next round looks again.
			c.opts.Log(ctx, "the throttle could not be adjusted", map[string]any{"error": err.Error()})
		}
		for _, s := range d.Steps {
			if ctx.Err() != nil {
				break
			}
			if err = c.step(ctx, g, o, s, build, started, &result, m); err != nil {
				break
			}
			if s.Kind == plan.ClearThrottles {
				o.throttles.Topics = nil // What was observed before the sweep is in force no more.
			}
		}
		if errors.Is(err, errGateClosed) {
			// The plan was right when it was made. What has changed since is waited for like any other condition.
			progress.gate = err.Error()
			c.opts.Log(ctx, "waiting", map[string]any{"group": g.group.Name, "for": progress.gate})
			c.opts.Sleep(ctx, c.opts.Poll)
			continue
		}
		if err != nil {
			lastErr = err
			if permanent(err) {
				return result, stands("a step was refused")
			}
			if failures++; failures > maxFailures {
				return result, stands("a step failed again and again")
			}
			c.opts.Sleep(ctx, time.Duration(failures)*c.opts.Poll)
			continue
		}
		failures = 0
		if o.kafkaErr == nil {
			lastErr = nil
		}
		if !slices.ContainsFunc(d.Steps, func(s plan.Step) bool { return s.Kind != plan.Move }) {
			c.awaitChange(ctx, cluster, o.afterMoves(d.Steps), m.patience(c.opts.Poll))
		}
	}
}

// errGoal marks a desired state that cannot be.
var errGoal = errors.New("the desired state is not possible")

// round observes and plans.
func (c *Client) round(ctx context.Context, cluster string, build builder, started time.Time) (goal, observed, plan.Decision, error) {
	o, err := c.observe(ctx, cluster)
	if err != nil {
		return goal{}, o, plan.Decision{}, err
	}
	g, err := build(&o)
	if err != nil {
		return g, o, plan.Decision{}, fmt.Errorf("%w: %w", errGoal, err)
	}
	g.group.Started = started
	return g, o, plan.Next(g.group, o.Observation, c.opts.Now()), nil
}

// step runs one step, after it was planned once more if it cannot be taken back.
func (c *Client) step(ctx context.Context, g goal, o observed, s plan.Step, build builder, started time.Time, result *Result, m *moving) error {
	if s.Kind.Irreversible() && !slices.Contains(g.group.Off, plan.GuardFreshLook) {
		var d plan.Decision
		var err error
		g, o, d, err = c.round(ctx, g.cluster, build, started)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(d.Steps, func(again plan.Step) bool {
			return again.Kind == s.Kind && again.NodeID == s.NodeID && again.Level == s.Level
		}) {
			c.opts.Log(ctx, "step no longer due", map[string]any{"step": s.String()})
			return nil
		}
	}
	if why := plan.Gate(g.group, o.Observation, s, c.opts.Now()); why != "" {
		return fmt.Errorf("%w: %s: %s", errGateClosed, s, why)
	}
	if !slices.Contains(g.group.Off, plan.GuardLease) {
		if err := c.held(ctx, g.cluster); err != nil {
			return err
		}
	}
	c.opts.Log(ctx, "step", map[string]any{"cluster": g.cluster, "group": g.group.Name, "step": s.String(), "bytes": s.Bytes()})
	if err := c.execute(ctx, g, o, s, m); err != nil {
		c.opts.Log(ctx, "step failed", map[string]any{"step": s.String(), "error": err.Error()})
		return fmt.Errorf("%s: %w", s, err)
	}
	result.Steps++
	switch s.Kind {
	case plan.ElectUnclean:
		result.GivenUp += len(s.Partitions)
	case plan.Launch:
		result.Launched = append(result.Launched, s.NodeID)
	case plan.Terminate:
		result.Terminated = append(result.Terminated, s.NodeID)
	}
	return nil
}

// errGateClosed says that a step was due and may not run on what is observed right before it.
var errGateClosed = errors.New("the gate is closed")

// progress is when a rollout last came any further: a step that was done, or bytes that arrived.
type progress struct {
	at    time.Time
	steps int
	bytes int64
	// gate is the last gate that was found closed since then.
	gate string
	// lost are the nodes that this run has launched and then lost, with the reasons.
	lost map[int32]string
}

func (p *progress) observe(r Result, moves throttle.Progress, now time.Time) {
	if arrived := moves.BytesMoved - moves.BytesLeft; r.Steps != p.steps || arrived > p.bytes {
		p.at, p.steps, p.bytes, p.gate = now, r.Steps, arrived, ""
	}
}

// stop says why the rollout should end short of its goal, "" while it should go on.
func (p *progress) stop(r Result, g goal, o observed, d plan.Decision, now time.Time) string {
	why := ""
	for _, n := range o.Nodes {
		if c := g.group.Condition(n, o.Observation, now); slices.Contains(r.Launched, n.ID) && c.State == plan.NodeLost {
			p.lost[n.ID] = c.Reason
			why = fmt.Sprintf("node %d: %s", n.ID, c.Reason)
		}
	}
	if len(p.lost) > maxLostLaunches {
		return fmt.Sprintf("%d nodes that this run has launched are lost already (%s)", len(p.lost), why)
	}
	waiting := d.Waiting
	if p.gate != "" {
		waiting = append(slices.Clone(waiting), p.gate)
	}
	if idle := now.Sub(p.at); idle > g.gateTimeout {
		return fmt.Sprintf("nothing has come any further for %s (rollout_policy.gate_timeout), which is waited for: %s", idle.Round(time.Second), strings.Join(waiting, "; "))
	}
	return ""
}

// permanent errors are not cured by another try.
func permanent(err error) bool {
	return errors.Is(err, compute.ErrInvalid) || errors.Is(err, errGoal) || errors.Is(err, compute.ErrLeaseLost)
}

func interrupted(ctx context.Context, waiting string) string {
	why := "the run was interrupted"
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		why = "the time for this operation is over"
	}
	if waiting != "" {
		why += " while waiting for this: " + waiting
	}
	return why
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
