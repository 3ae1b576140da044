package kafkatest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// HomeVariable overrides where the Kafka distributions are: a path with {version} in it.
const HomeVariable = "KAFKAFLEET_KAFKA_HOME"

// Home returns the folder with the libs of a Kafka version, and an error that says what to do when there is none.
func Home(version string) (string, error) {
	template := os.Getenv(HomeVariable)
	if template == "" {
		root, err := repository()
		if err != nil {
			return "", err
		}
		template = filepath.Join(root, ".cache", "kafka", "{version}")
	}
	home := strings.ReplaceAll(template, "{version}", version)
	jars, err := filepath.Glob(filepath.Join(home, "libs", "*.jar"))
	if err != nil {
		return "", err
	}
	if len(jars) == 0 {
		return "", fmt.Errorf("kafkatest: there is no Kafka %s in %s: run \"make kafka\", or set %s", version, home, HomeVariable)
	}
	return home, nil
}

// repository returns the folder above the working directory that holds go.mod.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("kafkatest: the working directory is not inside the module")
		}
		dir = parent
	}
}
