package kafkatest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/loopback"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/pki"
)

const (
	// stopDeadline is how long a controlled shutdown may take.
	stopDeadline = 60 * time.Second
	// pauseWithin is how long a process may take until it has stopped.
	pauseWithin = 30 * time.Second
	// firstPort and portCount lie below the ports that the kernel gives to outgoing connections.
	firstPort, portCount = 20000, 12000
)

// node is one JVM with its directory.
type node struct {
	cluster *Cluster
	id      int
	address string
	// saslAddress is "" for a node without a SASL listener.
	saslAddress string
	// proxy is the one of Options.Proxied, nil for none.
	proxy *proxy
	// listeners are the addresses of Options.Listeners, by name.
	listeners map[string]string
	// ports keep the node's addresses for it while it does not run.
	ports []*os.File
	dir   string

	mu sync.Mutex
	// process is nil while the node does not run; ended is closed when it has ended.
	process *os.Process
	ended   chan struct{}
	// wanted is false from the moment when the node is told to end.
	wanted bool
}

// reserve returns an address that is the node's until it is released.
func (n *node) reserve() (string, error) {
	port, address, err := loopback.Reserve(firstPort, portCount, nil)
	if err != nil {
		return "", fmt.Errorf("kafkatest: node %d: %w", n.id, err)
	}
	n.ports = append(n.ports, port)
	return address, nil
}

// release gives up the node's addresses.
func (n *node) release() {
	for _, port := range n.ports {
		_ = port.Close()
	}
	n.ports = nil
}

func (n *node) controller() bool { return n.id >= firstController }

// encrypted says that the node's SASL listener is.
func (n *node) encrypted() bool { return n.saslAddress != "" && n.cluster.opts.TLS }

func (n *node) keystore() string { return filepath.Join(n.dir, "keystore.pem") }

// writeKeystore makes the node a certificate for its address.
func (n *node) writeKeystore() error {
	credential, err := n.cluster.authority.Issue(pki.Request{
		CommonName: fmt.Sprintf("node-%d", n.id), IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Lifetime: time.Hour, Server: true,
	}, time.Now())
	if err != nil {
		return err
	}
	return os.WriteFile(n.keystore(), slices.Concat(credential.KeyPEM, credential.CertificatePEM), 0o600)
}

func (n *node) logFile() string { return filepath.Join(n.dir, "kafka.log") }

// start formats the node's disk if it is new and starts Kafka on it.
func (n *node) start(ctx context.Context) error {
	if err := os.MkdirAll(n.dir, 0o750); err != nil {
		return err
	}
	properties := filepath.Join(n.dir, "server.properties")
	if err := os.WriteFile(properties, []byte(n.properties()), 0o600); err != nil {
		return err
	}
	if n.encrypted() {
		if err := n.writeKeystore(); err != nil {
			return err
		}
	}
	logging := filepath.Join(n.dir, "log4j2.properties")
	if err := os.WriteFile(logging, []byte(log4j), 0o600); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(n.dir, "data", "meta.properties")); errors.Is(err, os.ErrNotExist) {
		if err := n.format(ctx, properties); err != nil {
			return err
		}
	}
	log, err := os.OpenFile(n.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	cmd := exec.Command("java", append(n.jvm(append([]string{"-Xmx320m", "-Dlog4j2.configurationFile=" + logging}, n.cluster.opts.JVM...)...), "kafka.Kafka", properties)...)
	cmd.Stdout, cmd.Stderr = log, log
	return n.launch(cmd, log)
}

// launch starts cmd so that it dies with this process.
func (n *node) launch(cmd *exec.Cmd, log *os.File) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error, 1)
	ended := make(chan struct{})
	go func() {
		// The death signal is sent when the thread that started the child ends, not the process: the thread is kept.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(ended)
		defer func() { _ = log.Close() }()
		err := cmd.Start()
		if err == nil {
			n.mu.Lock()
			n.process, n.ended, n.wanted = cmd.Process, ended, true
			n.mu.Unlock()
		}
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	return <-started
}

// format prepares the disk: the first controller starts the quorum by itself, every other node joins it.
func (n *node) format(ctx context.Context, properties string) error {
	args := append(n.jvm("-Xmx128m"), "kafka.tools.StorageTool", "format", "-t", n.cluster.ID, "-c", properties)
	if n.id == firstController {
		args = append(args, "--standalone")
		if v := n.cluster.opts.ReleaseVersion; v != "" {
			args = append(args, "--release-version", v)
		}
	} else {
		args = append(args, "--no-initial-controllers")
	}
	cmd := exec.CommandContext(ctx, "java", args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("kafkatest: format node %d: %w:\n%s", n.id, err, lastLines(string(out), 20))
	}
	return nil
}

func (n *node) jvm(options ...string) []string {
	fixed := []string{"-cp", filepath.Join(n.cluster.home, "libs", "*"), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Dkeystore.pkcs12.keyPbeIterationCount=1"}
	// Made by tools/kafka.sh: Java starts in half the time with it, and does without where it does not fit.
	if archive := filepath.Join(n.cluster.home, "classes.jsa"); exists(archive) {
		fixed = append(fixed, "-XX:SharedArchiveFile="+archive, "-Xlog:cds=off", "-Xlog:cds+dynamic=off", "-Xlog:class+path=off")
	}
	return append(fixed, options...)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// properties are the node's settings, small enough for a test machine.
func (n *node) properties() string {
	var controllers []string
	for _, id := range n.cluster.ids() {
		if other := n.cluster.node(id); other.controller() {
			controllers = append(controllers, other.address)
		}
	}
	settings := map[string]string{
		"node.id":                             fmt.Sprint(n.id),
		"log.dirs":                            filepath.Join(n.dir, "data"),
		"controller.listener.names":           "CONTROLLER",
		"controller.quorum.bootstrap.servers": strings.Join(controllers, ","),
		"listener.security.protocol.map":      "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
		"authorizer.class.name":               "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"allow.everyone.if.no.acl.found":      "true",
		"super.users":                         "User:ANONYMOUS",
		"auto.create.topics.enable":           "false",
		"num.network.threads":                 "2",
		"num.io.threads":                      "2",
		// The defaults reserve hundreds of megabytes for these.
		"log.cleaner.dedupe.buffer.size": "2097152",
		"log.cleaner.io.buffer.size":     "65536",
	}
	if n.controller() {
		settings["process.roles"] = "controller"
		settings["listeners"] = "CONTROLLER://" + n.address
		// Leadership moves fast when a test kills the leader.
		settings["controller.quorum.election.timeout.ms"] = "1000"
	} else {
		settings["process.roles"] = "broker"
		settings["listeners"] = "PLAINTEXT://" + n.address
		if n.saslAddress != "" {
			settings["listeners"] += ",SASL://" + n.saslAddress
			settings["listener.security.protocol.map"] += ",SASL:SASL_PLAINTEXT"
			if n.encrypted() {
				settings["listener.security.protocol.map"] = strings.ReplaceAll(settings["listener.security.protocol.map"], "SASL_PLAINTEXT", "SASL_SSL")
				settings["listener.name.sasl.ssl.keystore.type"] = "PEM"
				settings["listener.name.sasl.ssl.keystore.location"] = n.keystore()
			}
			settings["sasl.enabled.mechanisms"] = "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"
			settings["listener.name.sasl.plain.sasl.jaas.config"] = fmt.Sprintf(
				"org.apache.kafka.common.security.plain.PlainLoginModule required user_%s=%q;", SASLUser, SASLPassword)
			const scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
			settings["listener.name.sasl.scram-sha-256.sasl.jaas.config"] = scram
			settings["listener.name.sasl.scram-sha-512.sasl.jaas.config"] = scram
		}
		for _, l := range n.cluster.opts.Listeners {
			settings["listeners"] += "," + l.Name + "://" + n.listeners[l.Name]
			settings["listener.security.protocol.map"] += "," + l.Name + ":" + l.Protocol
			if l.Config == nil {
				continue
			}
			for key, value := range l.Config(n.id) {
				settings["listener.name."+strings.ToLower(l.Name)+"."+key] = value
			}
		}
		if n.proxy != nil {
			settings["advertised.listeners"] = settings["listeners"] + "," + proxiedListener + "://" + n.proxy.address()
			settings["listeners"] += "," + proxiedListener + "://" + n.listeners[proxiedListener]
			settings["listener.security.protocol.map"] += "," + proxiedListener + ":PLAINTEXT"
		}
		settings["broker.rack"] = Zones[(n.id-1)%len(Zones)]
		settings["broker.heartbeat.interval.ms"] = "500"
		settings["group.initial.rebalance.delay.ms"] = "0"
		settings["offsets.topic.num.partitions"] = "4"
		settings["transaction.state.log.num.partitions"] = "4"
		settings["share.coordinator.state.topic.num.partitions"] = "4"
		if n.cluster.opts.Brokers < 3 {
			settings["offsets.topic.replication.factor"] = "1"
			settings["transaction.state.log.replication.factor"] = "1"
			settings["transaction.state.log.min.isr"] = "1"
			settings["share.coordinator.state.topic.replication.factor"] = "1"
			settings["share.coordinator.state.topic.min.isr"] = "1"
		}
	}
	maps.Copy(settings, n.cluster.opts.Config)
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "%s=%s\n", key, strings.ReplaceAll(settings[key], "\n", `\n`))
	}
	return b.String()
}

const log4j = `status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %m (%c{1})%n
rootLogger.level = info
rootLogger.appenderRef.out.ref = out
`

// running is true from start until the process has ended.
func (n *node) running() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.process != nil && !closed(n.ended)
}

// failed is true when the process has ended without being told.
func (n *node) failed() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.process != nil && n.wanted && closed(n.ended)
}

// stop asks for a controlled shutdown and waits for it.
func (n *node) stop() error {
	ended, err := n.signal(syscall.SIGTERM, true)
	if err != nil || ended == nil {
		return err
	}
	select {
	case <-ended:
		return nil
	case <-time.After(stopDeadline):
		return fmt.Errorf("kafkatest: node %d did not stop within %s", n.id, stopDeadline)
	}
}

// kill ends the process, also a paused one, and waits until it is gone.
func (n *node) kill() error {
	ended, err := n.signal(syscall.SIGKILL, true)
	if err != nil || ended == nil {
		return err
	}
	<-ended
	return nil
}

// pause returns when the process has stopped: the signal is delivered to one thread, and until that one runs the others go on, which on a busy machine was
// some tens of milliseconds: enough for an answer.
func (n *node) pause() error {
	ended, err := n.signal(syscall.SIGSTOP, false)
	if err != nil || ended == nil {
		return err
	}
	n.mu.Lock()
	pid := n.process.Pid
	n.mu.Unlock()
	for deadline := time.Now().Add(pauseWithin); !stopped(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("node %d does not stop within %s", n.id, pauseWithin)
		}
	}
	return nil
}

// stopped says that no thread of a process runs any more. Where the system does not tell, it is believed.
func stopped(pid int) bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil {
		return true
	}
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		// The state follows the name, which is in brackets and may have any character in it.
		state := bytes.TrimSpace(text[bytes.LastIndexByte(text, ')')+1:])
		if err == nil && len(state) > 0 && !bytes.ContainsAny(state[:1], "TZX") {
			return false
		}
	}
	return true
}

func (n *node) resume() error {
	_, err := n.signal(syscall.SIGCONT, false)
	return err
}

// signal sends a signal to the process and returns the channel that its end closes, nil when it does not run.
func (n *node) signal(s syscall.Signal, last bool) (chan struct{}, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process == nil || closed(n.ended) {
		return nil, nil
	}
	if last {
		n.wanted = false
	}
	if err := n.process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return nil, err
	}
	return n.ended, nil
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// newClusterID is what StorageTool random-uuid prints: 16 random bytes in URL-safe base64 that do not start with a dash.
func newClusterID() string {
	raw := make([]byte, 16)
	for {
		_, _ = rand.Read(raw)
		if id := base64.RawURLEncoding.EncodeToString(raw); id[0] != '-' {
			return id
		}
	}
}
