package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The two Kafka versions that the demo goes between, and the two sizes that it uses when it has only one version.
const (
	versionBefore = "4.2.1"
	versionAfter  = "4.3.1"
	typeBefore    = "local.small"
	typeAfter     = "local.medium"
)

// setting is what the demo chooses for the example's variables.
type setting struct{ kafkaVersion, instanceType string }

// roll is the change that replaces every node.
type roll struct{ before, after setting }

func (r roll) String() string {
	if r.before.kafkaVersion != r.after.kafkaVersion {
		return fmt.Sprintf("Kafka %s → %s", r.before.kafkaVersion, r.after.kafkaVersion)
	}
	return fmt.Sprintf("instance type %s → %s (Kafka %s is the only version here)", r.before.instanceType, r.after.instanceType, r.after.kafkaVersion)
}

// rollFor chooses the change by what there is. Home is a folder with libs/, with {version} in it where there are several
// versions; "" means that the driver downloads what it needs.
func rollFor(home string) (roll, error) {
	byVersion := roll{setting{versionBefore, typeBefore}, setting{versionAfter, typeBefore}}
	if home == "" {
		return byVersion, nil
	}
	if strings.Contains(home, "{version}") {
		var have []string
		for _, version := range []string{versionBefore, versionAfter} {
			if _, err := os.Stat(filepath.Join(strings.ReplaceAll(home, "{version}", version), "libs")); err == nil {
				have = append(have, version)
			} else if !errors.Is(err, os.ErrNotExist) {
				return roll{}, fmt.Errorf("looking for Kafka %s: %w", version, err)
			}
		}
		switch len(have) {
		case 2:
			return byVersion, nil
		case 1:
			return byType(have[0]), nil
		}
		return roll{}, fmt.Errorf("neither Kafka %s nor %s is at %s: run `make kafka`, or set KAFKA_HOME to a Kafka distribution", versionBefore, versionAfter, home)
	}
	version, err := versionIn(home)
	if err != nil {
		return roll{}, err
	}
	return byType(version), nil
}

func byType(version string) roll {
	return roll{setting{version, typeBefore}, setting{version, typeAfter}}
}

// versionIn reads the version of a distribution from the name of its client library.
func versionIn(home string) (string, error) {
	const prefix, suffix = "kafka-clients-", ".jar"
	jars, err := filepath.Glob(filepath.Join(home, "libs", prefix+"*"+suffix))
	if err != nil {
		return "", fmt.Errorf("looking for Kafka in %s: %w", home, err)
	}
	for _, jar := range jars {
		version := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(jar), prefix), suffix)
		if version[0] >= '0' && version[0] <= '9' && !strings.ContainsRune(version, '-') {
			return version, nil
		}
	}
	return "", fmt.Errorf("%s is no Kafka distribution: it has no libs/%sVERSION%s", home, prefix, suffix)
}
