package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// kind names a fault.
type kind string

// The faults, each of which strikes once in a run.
const (
	killBroker     kind = "kill-broker"     // kill -9 of a broker's JVM; its agent starts it again
	hangBroker     kind = "hang-broker"     // SIGSTOP of a broker's JVM for hangFor
	deleteData     kind = "delete-data"     // a broker's data directory is deleted under it
	killController kind = "kill-controller" // kill -9 of the active controller's JVM
	killTerraform  kind = "kill-terraform"  // kill -9 of Terraform and of the provider, followed by a new apply
	loseZone       kind = "lose-zone"       // every process of every node of a zone is killed, agents included
)

var kinds = []kind{killBroker, hangBroker, deleteData, killController, killTerraform, loseZone}

// The shortest and the longest pause between two faults: long enough to see what one does, too short for the fleet to be whole again.
const shortestPause, longestPause = 3 * time.Second, 15 * time.Second

// planned is a fault to come.
type planned struct {
	kind kind
	// pause is how long after the fault before it, or the beginning of the roll.
	pause time.Duration
	// draw decides which of the nodes that can be struck then is.
	draw uint64
}

// schedule draws the order of the faults, their moments and their victims from the seed.
func schedule(seed uint64, faults []kind) []planned {
	random := rand.New(rand.NewPCG(seed, 0))
	// All of them are drawn, so that a run with fewer of them has those as a run with all does.
	order := slices.Clone(kinds)
	random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	var out []planned
	for _, k := range order {
		p := planned{k, shortestPause + time.Duration(random.Int64N(int64(longestPause-shortestPause))), random.Uint64()}
		if slices.Contains(faults, k) {
			out = append(out, p)
		}
	}
	return out
}

// parseFaults reads "all", "none", or names separated by commas.
func parseFaults(text string) ([]kind, error) {
	switch text {
	case "all":
		return slices.Clone(kinds), nil
	case "none":
		return nil, nil
	}
	var out []kind
	for name := range strings.SplitSeq(text, ",") {
		if !slices.Contains(kinds, kind(name)) {
			return nil, fmt.Errorf("there is no fault %q: use \"all\", \"none\", or some of %v separated by commas", name, kinds)
		}
		out = append(out, kind(name))
	}
	return out, nil
}
