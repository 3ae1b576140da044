package sim_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/sim"
)

// TestSeeds runs a few of the seeds that make sim runs.
func TestSeeds(t *testing.T) {
	for seed := range uint64(50) {
		if r := sim.Run(seed, sim.Options{}); len(r.Violations) > 0 {
			t.Errorf("seed %d (%s): %+v\n%s", seed, r.Scenario, r.Violations, sim.Run(seed, sim.Options{Narrate: true}).Tale)
		}
	}
}

// TestASeedIsAlwaysTheSame: what happens follows from the seed alone, so that a failing one can be told.
func TestASeedIsAlwaysTheSame(t *testing.T) {
	for seed := range uint64(4) {
		once, again := sim.Run(seed, sim.Options{Narrate: true}), sim.Run(seed, sim.Options{Narrate: true})
		if diff := cmp.Diff(once, again); diff != "" {
			t.Fatalf("seed %d goes in two ways (-once +again):\n%s", seed, diff)
		}
		if silent := sim.Run(seed, sim.Options{}); silent.Effects != once.Effects || silent.Took != once.Took {
			t.Fatalf("seed %d goes in another way when nobody listens", seed)
		}
	}
}

// TestAMissingGuardIsNoticed: make sim GUARDS=1 tries all of them, here are those that are noticed soon.
func TestAMissingGuardIsNoticed(t *testing.T) {
	for guard, invariant := range map[plan.Guard]sim.Invariant{
		plan.GuardEmpty: sim.Holders, plan.GuardVoter: sim.Majority, plan.GuardThrottle: sim.Throttled, plan.GuardSweep: sim.Throttled, plan.GuardCanary: sim.Canary,
	} {
		t.Run(string(guard), func(t *testing.T) {
			for seed := range uint64(50) {
				for _, v := range sim.Run(seed, sim.Options{GuardsOff: []plan.Guard{guard}}).Violations {
					if v.Invariant == invariant {
						return
					}
				}
			}
			t.Errorf("50 seeds have not noticed that it is missing")
		})
	}
}

// TestACrashAtAnyEffectIsResumed: wherever the provider is killed, just before or just after any of its effects, a fresh one reaches the end
// that was wanted, and nothing is left over. A roll copies each replica once all the same.
func TestACrashAtAnyEffectIsResumed(t *testing.T) {
	for _, name := range []string{
		"version roll", "config roll", "controllers roll", "more controllers", "fewer controllers", "scale out", "scale in", "scale in and roll",
		"new zone", "zone removed", "repair", "topics change their group",
	} {
		t.Run(name, func(t *testing.T) {
			var s sim.Scenario
			var whole sim.Report
			seed := uint64(1)
			for whole.Effects < 5 { // Some repairs are told in four.
				var ok bool
				seed++
				if s, ok = sim.Small(name, seed); !ok || seed > 10 {
					t.Fatalf("there is no such scenario, or too little of it: %+v", whole)
				}
				if whole = sim.Crash(s, seed, 0, false, false); len(whole.Violations) > 0 {
					t.Fatalf("without a crash: %+v", whole)
				}
			}
			resumed := 0
			for at := 1; at <= whole.Effects; at++ {
				for _, after := range []bool{false, true} {
					r := sim.Crash(s, seed, at, after, false)
					if len(r.Violations) > 0 || r.Kills != 1 {
						t.Errorf("effect %d, after it: %t: %+v\n%s", at, after, r.Violations, sim.Crash(s, seed, at, after, true).Tale)
						continue
					}
					resumed++
				}
			}
			line, err := json.Marshal(map[string]any{"scenario": name, "brokers": whole.Brokers, "effects": whole.Effects, "resumed": resumed, "of": 2 * whole.Effects})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s", line)
		})
	}
}
