// Package kafka holds every word that the project speaks to Kafka.
//
// [Client] is the one way in. It speaks over sarama, says what sarama lacks with franz-go's kmsg, and chooses by itself which node gets
// which request (docs/adr/0003-sarama-below-our-own-choice-of-nodes.md). Every call has a deadline; one dead or hung address fails
// nothing; a failed connection is not remembered. The package decides nothing: what to move and when is the business of fleet.
package kafka
