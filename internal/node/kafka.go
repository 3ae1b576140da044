package node

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"
)

const (
	propertiesFile = "server.properties"
	kafkaLog       = "kafka.log"
	consoleLog     = "console.log"
)

// java is the JVM to run: JAVA_HOME's, or the one on PATH.
func java() string {
	if home := os.Getenv("JAVA_HOME"); home != "" {
		return filepath.Join(home, "bin", "java")
	}
	return "java"
}

// prepare writes the configuration for the next start.
func prepare(f File, controllers []string) error {
	files := map[string]string{propertiesFile: render(properties(f, controllers)), "log4j2.properties": log4j2}
	for name, content := range files {
		if err := replaceFile(filepath.Join(f.Dir, name), []byte(content)); err != nil {
			return err
		}
	}
	return nil
}

// replaceFile replaces a file in one step, so that a reader sees the old content or the new one.
func replaceFile(path string, content []byte) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, content, 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

func (f File) classpath() string { return filepath.Join(f.KafkaHome, "libs", "*") }

// format formats the disks with the cluster's id.
func format(ctx context.Context, f File) error {
	args := []string{"-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", f.classpath(), "kafka.tools.StorageTool", "format",
		"--cluster-id", f.Spec.ClusterID, "--config", filepath.Join(f.Dir, propertiesFile)}
	if f.Spec.Bootstrap {
		args = append(args, "--standalone")
		if f.Spec.ReleaseVersion != "" {
			args = append(args, "--release-version", f.Spec.ReleaseVersion)
		}
	} else {
		args = append(args, "--no-initial-controllers")
	}
	out, err := exec.CommandContext(ctx, java(), args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("formatting the disks: %w: %s", err, lastLine(string(out)))
	}
	return nil
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for _, line := range lines {
		if strings.Contains(line, "Exception") || strings.Contains(line, "rror:") {
			return strings.TrimSpace(line)
		}
	}
	return strings.TrimSpace(lines[len(lines)-1])
}

// process is a running Kafka.
type process struct {
	cmd *exec.Cmd
	// ended gives the outcome once.
	ended chan error
}

// start starts Kafka. It belongs to the agent's process group and dies with the agent: a Kafka that nobody watches would keep its port
// and its place in the cluster while the machine counts as gone.
func start(f File) (*process, error) {
	args := []string{fmt.Sprintf("-Xms%d", f.Spec.HeapBytes), fmt.Sprintf("-Xmx%d", f.Spec.HeapBytes), "-Djava.awt.headless=true"}
	args = append(args, f.JVMOptions...)
	args = append(args,
		"-Dkafka.logs.dir="+f.Dir, "-Dlog4j2.configurationFile=file:"+filepath.Join(f.Dir, "log4j2.properties"),
		"-cp", f.classpath(), "kafka.Kafka", filepath.Join(f.Dir, propertiesFile))
	console, err := os.Create(filepath.Join(f.Dir, consoleLog))
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(java(), args...), ended: make(chan error, 1)}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = f.Dir, console, console
	dieWithParent(p.cmd)
	started := make(chan error, 1)
	go func() {
		// The kernel's parent-death signal goes by the thread that started the child, so that thread must live as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer func() { _ = console.Close() }() // It is only ever written by the child.
		if err := p.cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		p.ended <- p.cmd.Wait()
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting Kafka: %w", err)
	}
	return p, nil
}

// stop asks for the controlled shutdown and kills what has not ended in time.
func (p *process) stop(within time.Duration) {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); errors.Is(err, os.ErrProcessDone) {
		return
	}
	select {
	case <-p.ended:
	case <-time.After(within):
		_ = p.cmd.Process.Kill() // Ended this instant, or killed.
		<-p.ended
	}
}

var (
	loud   = regexp.MustCompile(`^\[[^\]]+\] (ERROR|FATAL) `)
	raised = regexp.MustCompile(`^(Caused by: )?[a-zA-Z0-9_.$]+(Exception|Error)(: .*)?$`)
)

// explanation finds, in Kafka's own logs, the line that says why it ended: the last exception with a message, else the last error.
func explanation(f File) string {
	found := ""
	for _, name := range []string{consoleLog, kafkaLog} {
		file, err := os.Open(filepath.Join(f.Dir, name))
		if err != nil {
			continue
		}
		if info, err := file.Stat(); err == nil && info.Size() > 256<<10 {
			_, _ = file.Seek(-256<<10, 2) // The end is what matters; without the seek it is only more to read.
		}
		if why := explain(bufio.NewScanner(file)); why != "" {
			found = why
		}
		_ = file.Close() // Only read.
	}
	return found
}

func explain(lines *bufio.Scanner) string {
	lines.Buffer(nil, 1<<20)
	found := ""
	for lines.Scan() {
		line := lines.Text()
		switch {
		case loud.MatchString(line):
			found = loud.ReplaceAllString(line, "")
		case raised.MatchString(line):
			found = line
		}
	}
	return found
}
