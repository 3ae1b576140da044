package node

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// Files in the agent's directory.
const (
	propertiesFile = "server.properties"
	loggingFile    = "log4j2.properties"
	kafkaLog       = "kafka.log"
	// consoleLog and formatLog hold what Java itself prints: little, unless it cannot start.
	consoleLog = "console.log"
	formatLog  = "format.log"
	// classArchiveFile is what tools/kafka.sh calls the archive that it makes.
	classArchiveFile = "classes.jsa"
)

// prepare writes the configuration for the next start.
func prepare(f File, controllers []string) error {
	p, err := properties(f, controllers)
	if err != nil {
		return err
	}
	if err := replaceFile(filepath.Join(f.Dir, loggingFile), []byte(log4j2)); err != nil {
		return err
	}
	return replaceFile(filepath.Join(f.Dir, propertiesFile), []byte(render(p)))
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

// classArchive are the options by which Java takes Kafka's classes from the archive beside libs/, where there is one ("class data sharing",
// JEP 350): it starts in half the time. Java takes no archive of another Java, or of other libraries, and then does without; whoever made it
// is not told so by every node.
func (f File) classArchive() []string {
	archive := filepath.Join(f.KafkaHome, classArchiveFile)
	if _, err := os.Stat(archive); err != nil {
		return nil
	}
	return []string{"-XX:SharedArchiveFile=" + archive, "-Xlog:cds=off", "-Xlog:cds+dynamic=off", "-Xlog:class+path=off"}
}

// java is the JVM to run: JAVA_HOME's, or the one on PATH.
func java() string {
	if home := os.Getenv("JAVA_HOME"); home != "" {
		return filepath.Join(home, "bin", "java")
	}
	return "java"
}

// process is a running Java.
type process struct {
	cmd *exec.Cmd
	// ended is closed when the process has ended; outcome is valid from then on.
	ended   chan struct{}
	outcome error
}

// startKafka starts Kafka.
func startKafka(f File) (*process, error) {
	args := []string{
		fmt.Sprintf("-Xms%d", f.Spec.HeapBytes), fmt.Sprintf("-Xmx%d", f.Spec.HeapBytes), "-Djava.awt.headless=true",
		// A Kafka that lost one of its threads for want of memory lives on, half dead and leading partitions. It is better ended.
		"-XX:+ExitOnOutOfMemoryError",
		// Kafka keeps a key in PEM in a key store in memory, for which Java derives a password in 10,000 rounds, several times for each listener: when
		// Kafka starts, and whenever one of the broker's settings changes, a throttle among them. That is a third of the processor time of a start,
		// and protects nothing: the password lies beside the key.
		"-Dkeystore.pkcs12.keyPbeIterationCount=1",
	}
	args = append(args, f.JVMOptions...)
	args = append(args, "-Dkafka.logs.dir="+f.Dir, "-Dlog4j2.configurationFile="+filepath.Join(f.Dir, loggingFile),
		"-cp", f.classpath(), "kafka.Kafka", filepath.Join(f.Dir, propertiesFile))
	return startJava(f, args, filepath.Join(f.Dir, consoleLog))
}

// startJava starts a Java in the agent's process group, and so that it dies with the agent: a Kafka that nobody watches would keep its
// port and its place in the cluster while the node counts as gone, and two formats at once would spoil the disks.
func startJava(f File, args []string, console string) (*process, error) {
	output, err := os.Create(console)
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(java(), append(f.classArchive(), args...)...), ended: make(chan struct{})} //nolint:noctx // It is asked to end, and given time, by stop.
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = f.Dir, output, output
	dieWithParent(p.cmd)
	started := make(chan error, 1)
	go func() {
		// What the kernel calls the parent of a child is the thread that started it, not the process. Go ends idle threads, and the
		// child would be killed with its thread; so this goroutine keeps one to itself until the child has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer func() { _ = output.Close() }() // Only the child writes to it.
		if err := p.cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		p.outcome = p.cmd.Wait()
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting Java: %w; Kafka needs Java 17 or newer on PATH or in JAVA_HOME", err)
	}
	return p, nil
}

// stop asks for the orderly end (Kafka's controlled shutdown) and kills what has not ended in time. It returns when the process is gone,
// and says whether it had to be killed.
func (p *process) stop(within time.Duration) (killed bool) {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); errors.Is(err, os.ErrProcessDone) {
		return false
	}
	select {
	case <-p.ended:
		return false
	case <-time.After(within):
		_ = p.cmd.Process.Kill() // It fails only where the process has just ended.
		<-p.ended
		return true
	}
}
