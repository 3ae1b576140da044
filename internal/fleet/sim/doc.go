// Package sim runs the fleet engine, the real one, in a world of its own: machines, brokers, a quorum, partitions with replicas and bytes,
// a clock that goes as fast as it is read, and everything that breaks. What happens follows from a seed alone. After every effect and every
// change of the world the promises that the provider makes are checked, and in the end the fleet must be as desired.
//
// [Run] is one seed. [World] is the world, with as much of Kafka in it as the engine depends on; [Provider] is one process of the provider
// in it, which the engine sees as its compute.Driver and its fleet.Kafka; chaos is what breaks.
package sim
