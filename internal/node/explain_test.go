package node

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestExplain(t *testing.T) {
	const (
		info    = "[2026-11-23 20:37:55,845] INFO Starting the log cleaner (org.apache.kafka.storage.internals.log.LogCleaner)\n"
		refused = "[2026-11-23 21:06:32,346] ERROR [ControllerApis nodeId=11] Unexpected error handling request RequestHeader(apiKey=BROKER_HEARTBEAT) (kafka.server.ControllerApis)\n" +
			"org.apache.kafka.common.errors.NotControllerException: The active controller appears to be node 11.\n"
		bind = "[2026-11-23 20:37:55,900] ERROR [BrokerServer id=4] Fatal error during broker startup. Prepare to shutdown (kafka.server.BrokerServer)\n" +
			"org.apache.kafka.common.KafkaException: Socket server failed to bind to 127.0.0.1:29504: Address already in use.\n" +
			"\tat kafka.network.Acceptor.openServerSocket(SocketServer.scala:734)\n" +
			"Caused by: java.net.BindException: Address already in use\n" +
			"\tat java.base/sun.nio.ch.Net.bind0(Native Method)\n\t... 9 more\n"
	)
	for name, test := range map[string]struct{ log, want string }{
		"nothing":    {"", ""},
		"no error":   {info + info, ""},
		"one error":  {info + "[2026-11-23 20:37:56,182] ERROR Disk is full (kafka.log)\n" + info, "Disk is full (kafka.log)"},
		"with cause": {info + bind + info, "org.apache.kafka.common.KafkaException: Socket server failed to bind to 127.0.0.1:29504: Address already in use., caused by java.net.BindException: Address already in use"},
		"a refused request after the fatal one is not it": {bind + info + refused,
			"org.apache.kafka.common.KafkaException: Socket server failed to bind to 127.0.0.1:29504: Address already in use., caused by java.net.BindException: Address already in use"},
		"a refused request before the fatal one is not it": {
			refused + "[2026-11-23 20:37:56,182] ERROR Encountered fatal fault: Error starting LogManager (org.apache.kafka.server.fault.ProcessTerminatingFaultHandler)\njava.lang.OutOfMemoryError: Java heap space\n\tat java.base/java.nio.ByteBuffer.allocate(ByteBuffer.java:363)\n",
			"java.lang.OutOfMemoryError: Java heap space",
		},
		"a tool's console": {
			"Exception in thread \"main\" org.apache.kafka.common.config.ConfigException: Invalid value abc for configuration num.io.threads: Not a number of type INT\n\tat org.apache.kafka.common.config.ConfigDef.parseType(ConfigDef.java:787)",
			"org.apache.kafka.common.config.ConfigException: Invalid value abc for configuration num.io.threads: Not a number of type INT",
		},
		"a line without an end": {"[2026-11-23 20:37:56,182] FATAL No more (kafka)", "No more (kafka)"},
	} {
		if got := explain(strings.NewReader(test.log)); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestExplainEndLooksAtThisStartOnly(t *testing.T) {
	f := File{Dir: t.TempDir()}
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(f.Dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const before, after = "[t] ERROR the one before (kafka)\n", "[t] ERROR the one now (kafka)\n"
	write(kafkaLog, before+after)
	write(consoleLog, "")
	for since, want := range map[int]string{
		0:                              "the one now (kafka)",
		len(before):                    "the one now (kafka)",
		len(before + after):            "without a word",
		len(before+after) + len("[t]"): "the one now (kafka)", // Rolled since.
	} {
		if got := explainEnd(f, errors.New("exit status 1"), int64(since)); got != "Kafka ended by itself (exit status 1): "+want {
			t.Errorf("after %d bytes: %q, want %q", since, got, want)
		}
	}
	write(consoleLog, "Unrecognized VM option 'Nonsense'\nError: Could not create the Java Virtual Machine.\n")
	if got := explainEnd(f, nil, int64(len(before+after))); !strings.HasSuffix(got, "Unrecognized VM option 'Nonsense' Error: Could not create the Java Virtual Machine.") {
		t.Errorf("the JVM's own words are lost: %q", got)
	}
	killed := exec.Command("sh", "-c", "kill -9 $$").Run()
	if got := explainEnd(f, killed, 0); got != "Kafka was ended from outside (signal: killed)" {
		t.Errorf("a killed process: %q", got)
	}
}
