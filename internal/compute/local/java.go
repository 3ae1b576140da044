package local

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// minJava is the oldest Java that a Kafka 4 broker runs on (KIP-1013).
const minJava = 17

// javaVersion finds "17" in `openjdk version "17.0.2" …` and "1.8" in `java version "1.8.0_392"`.
var javaVersion = regexp.MustCompile(`version "(?:1\.)?(\d+)`)

// javaFound remembers the Javas that were found good, by path, since asking one takes a tenth of a second.
var javaFound sync.Map

// CheckKafka implements compute.Driver.
func (d *Driver) CheckKafka(ctx context.Context, version string) error {
	if !supported {
		return fmt.Errorf("%w: local fleets need Linux, whose process table they are found in", compute.ErrInvalid)
	}
	return errors.Join(d.kafka.Check(ctx, version), d.checkJava(ctx))
}

func (d *Driver) checkJava(ctx context.Context) error {
	const remedy = "install Java 17 or newer, and put it on PATH or set JAVA_HOME"
	java := "java"
	if d.javaHome != "" {
		java = filepath.Join(d.javaHome, "bin", "java")
	}
	path, err := exec.LookPath(java)
	if err != nil {
		return fmt.Errorf("%w: Kafka needs Java, and there is none: %w; %s", compute.ErrInvalid, err, remedy)
	}
	if _, ok := javaFound.Load(path); ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "-version").CombinedOutput()
	if ctx.Err() != nil {
		return fmt.Errorf("asking %s for its version: %w", path, ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("%w: %s does not run: %w: %s; %s", compute.ErrInvalid, path, err, strings.TrimSpace(string(out)), remedy)
	}
	m := javaVersion.FindSubmatch(out)
	if m == nil {
		return fmt.Errorf("%w: %s is no Java that tells its version: %q; %s", compute.ErrInvalid, path, strings.TrimSpace(string(out)), remedy)
	}
	if major, err := strconv.Atoi(string(m[1])); err != nil || major < minJava {
		return fmt.Errorf("%w: Kafka needs Java %d or newer, and %s is Java %s; %s", compute.ErrInvalid, minJava, path, m[1], remedy)
	}
	javaFound.Store(path, true)
	return nil
}
