// Package fleet is the shared client of all resources: it observes a cluster (compute and Kafka together), previews what a
// desired state would take, and converges.
//
// It is level-triggered: each round observes, asks package plan for the steps that may run now, runs them and observes
// again. Nothing is remembered between rounds or runs, so a killed run is continued by the next one as if it were its own.
package fleet
