// Command simulate runs seeds of the fleet simulation (package sim) on all cores and prints one line of JSON. It ends with 1 when a promise
// was broken, after telling the story of the first seed that did. With -guards it shows that the simulation can fail: it takes away one
// guard of the planner after the other, and ends with 1 when that is not noticed.
package main

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/plan"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/sim"
)

// summary is the last line of the output.
type summary struct {
	Seeds      int            `json:"seeds"`
	SeedStart  uint64         `json:"seed_start"`
	Violations int            `json:"violations"`
	Failing    []failing      `json:"failing,omitempty"`
	WallS      float64        `json:"wall_s"`
	BrokersMax int            `json:"brokers_max"`
	Effects    int            `json:"effects"`
	Faults     int            `json:"faults"`
	Kills      int            `json:"kills"`
	Applies    int            `json:"applies"`
	SimulatedH float64        `json:"simulated_h"`
	SlowestS   float64        `json:"slowest_s"`
	Scenarios  map[string]int `json:"scenarios"`
}

// failing is a broken promise with its seed.
type failing struct {
	Seed uint64 `json:"seed"`
	sim.Violation
}

// caught is the seed that noticed that a guard was missing.
type caught struct {
	Guard     plan.Guard    `json:"guard"`
	Caught    bool          `json:"caught"`
	Seeds     int           `json:"seeds"`
	Seed      uint64        `json:"seed"`
	Invariant sim.Invariant `json:"invariant,omitempty"`
	Text      string        `json:"text,omitempty"`
}

func main() {
	seeds := flag.Int("seeds", 2000, "how many seeds to run; with -guards, how many at most for each guard")
	start := flag.Uint64("seed-start", 0, "the first of them")
	off := flag.String("guard-off", "", "guards of the planner to take away, by their names, with commas between")
	guards := flag.Bool("guards", false, "take away one guard after the other, and see that it is noticed")
	narrate := flag.Bool("narrate", false, "tell the story of every seed")
	stories := flag.Int("stories", 1, "of how many failing seeds to tell the story")
	flag.Parse()
	debug.SetGCPercent(400) // A seed needs little memory and makes much garbage.
	if *guards {
		if !noticed(*start, *seeds) {
			os.Exit(1)
		}
		return
	}
	var options sim.Options
	if *off != "" {
		for name := range strings.SplitSeq(*off, ",") {
			options.GuardsOff = append(options.GuardsOff, plan.Guard(name))
		}
	}
	options.Narrate = *narrate
	if !run(*start, *seeds, options, *stories) {
		os.Exit(1)
	}
}

// run says whether no promise was broken.
func run(start uint64, seeds int, options sim.Options, stories int) bool {
	began := time.Now()
	s := summary{Seeds: seeds, SeedStart: start, Scenarios: map[string]int{}}
	each(start, seeds, options, func(r sim.Report, took time.Duration) bool {
		s.Scenarios[r.Scenario]++
		s.BrokersMax = max(s.BrokersMax, r.Brokers)
		s.Effects += r.Effects
		s.Faults += r.Faults
		s.Kills += r.Kills
		s.Applies += r.Applies
		s.SimulatedH += r.Took.Hours()
		s.SlowestS = max(s.SlowestS, round(took.Seconds()))
		for _, v := range r.Violations {
			s.Violations++
			s.Failing = append(s.Failing, failing{r.Seed, v})
		}
		if options.Narrate {
			fmt.Printf("%s\n\n", r.Tale)
		}
		return true
	})
	slices.SortFunc(s.Failing, func(a, b failing) int { return cmp.Compare(a.Seed, b.Seed) })
	for _, f := range s.Failing[:min(stories, len(s.Failing))] {
		options.Narrate = true
		fmt.Printf("%s\n\n", sim.Run(f.Seed, options).Tale)
	}
	s.WallS, s.SimulatedH = round(time.Since(began).Seconds()), round(s.SimulatedH)
	printJSON(s)
	return s.Violations == 0
}

// noticed says whether the absence of each guard was noticed by one of so many seeds.
func noticed(start uint64, seeds int) bool {
	all := true
	for _, guard := range plan.Guards {
		c := caught{Guard: guard}
		each(start, seeds, sim.Options{GuardsOff: []plan.Guard{guard}}, func(r sim.Report, _ time.Duration) bool {
			c.Seeds++
			if len(r.Violations) > 0 && !c.Caught {
				c.Caught, c.Seed, c.Invariant, c.Text = true, r.Seed, r.Violations[0].Invariant, r.Violations[0].Text
			}
			return !c.Caught
		})
		printJSON(c)
		all = all && c.Caught
	}
	return all
}

// each runs seeds on all cores and hands over each report, one at a time. It begins no more when take says so.
func each(start uint64, seeds int, options sim.Options, take func(sim.Report, time.Duration) bool) {
	next := make(chan uint64)
	stop := make(chan struct{})
	end := sync.OnceFunc(func() { close(stop) })
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for seed := range next {
				began := time.Now()
				r := sim.Run(seed, options)
				mu.Lock()
				if !take(r, time.Since(began)) {
					end()
				}
				mu.Unlock()
			}
		})
	}
	for i := range seeds {
		select {
		case <-stop:
		case next <- start + uint64(i): //nolint:gosec // i is not negative.
			continue
		}
		break
	}
	close(next)
	workers.Wait()
}

func round(x float64) float64 { return float64(int64(10*x)) / 10 }

func printJSON(v any) {
	line, err := json.Marshal(v)
	if err != nil {
		panic(err) // Numbers and strings always marshal.
	}
	fmt.Println(string(line))
}
