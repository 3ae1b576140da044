// Package plan decides what a fleet needs next. It is pure: desired state, an observation and the time go in, steps with their
// reasons come out. It reads no clock, does no I/O, starts no goroutine and remembers nothing.
//
// [Next] returns the steps that may run now, not a whole rollout: after they ran, the caller observes again and asks again. The
// preview runs the same function against a model (package model) to show the whole.
//
// A node can be forsaken, and what only it has given up, by name alone ([Group.Forsake], [Group.GiveUp]); [Losses] says what that would cost.
//
// The order within a broker group, from the most urgent: finish what is under way; repair what is lost, or give it up where that was said; launch what is
// missing, the first of a new spec alone (the canary); hand the leavers' replicas to their successors, one to one; stop,
// unregister and terminate the empty ones; spread over what was added; finalise the feature level.
package plan
