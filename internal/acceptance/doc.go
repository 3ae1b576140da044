// Package acceptance holds the tests that run the real Terraform CLI with the built provider against real Kafka processes, with
// a load on the fleet whose every acknowledged record is read back.
package acceptance
