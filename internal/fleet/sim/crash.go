package sim

// Crash runs a scenario in which nothing breaks but the provider: it is killed just before its effect number at, or just after it, and a
// fresh process goes on from there. With an at of 0 it is never killed; the report's Effects then say how many there are to choose from.
func Crash(s Scenario, seed uint64, at int, after, narrate bool) Report {
	r := newRun(seed, s, Options{Narrate: narrate})
	r.build()
	r.w.judge.limited = true
	c := &chaos{w: r.w, rng: r.providers[0].rng, providers: r.providers, until: r.w.now}
	r.lose(c, s.lost)
	r.providers[0].cut, r.providers[0].after = at, after
	return r.change(c)
}
