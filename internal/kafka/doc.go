// Package kafka holds every word that the project speaks to Kafka.
//
// [Client] is the one way in. It speaks sarama, and in one corner (quorum.go) the KRaft requests that sarama lacks through
// franz-go's kmsg. Every call has a deadline; one dead bootstrap address fails nothing; a failed connection is not
// remembered. The package decides nothing: what to move and when is the business of fleet.
package kafka
