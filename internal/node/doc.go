// Package node is the agent that runs on each machine: it prepares the disks, writes server.properties, formats exactly
// once, starts Kafka, watches it and stops it in the controlled way. It never repairs: a node that cannot go on says so in
// its status and is replaced.
package node
