package acceptance

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// guideConnects takes the client.properties of the guide "Connecting clients" for the user of testdata/secrets.tf and produces a record with
// Kafka's own tool.
func (w *workspace) guideConnects(password string) {
	w.t.Helper()
	guide, err := os.ReadFile("../../templates/guides/connecting-clients.md.tmpl")
	if err != nil {
		w.t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```properties\n(.*?)```").FindSubmatch(guide)
	if block == nil {
		w.t.Fatal("the guide has no properties")
	}
	outputs := w.outputs()
	// It is a client's own folder: the environment there has the password.
	dir := w.t.TempDir()
	for name, content := range map[string]string{
		"client.properties": strings.Replace(string(block[1]), `username="shop"`, `username="`+grace+`"`, 1),
		"ca.pem":            outputs.CA.Value,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	libs := filepath.Join(strings.ReplaceAll(needed(w.t, "KAFKAFLEET_KAFKA_HOME"), "{version}", "4.3.1"), "libs", "*")
	java := "java"
	if home := os.Getenv("JAVA_HOME"); home != "" {
		java = filepath.Join(home, "bin", "java")
	}
	produce := func(password string) (string, error) {
		tool := exec.CommandContext(w.t.Context(), java, "-Xmx96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", libs, "org.apache.kafka.tools.ConsoleProducer",
			"--bootstrap-server", strings.Join(outputs.Servers.Value, ","), "--command-config", "client.properties", "--topic", "orders", "--sync")
		tool.Dir, tool.Stdin, tool.Env = dir, strings.NewReader("a record\n"), append(os.Environ(), "KAFKA_PASSWORD="+password)
		said, err := tool.CombinedOutput()
		return string(said), err
	}
	// The tool ends well whatever comes of its records, and says it when nothing did.
	if said, err := produce(password); err != nil || strings.Contains(said, "ERROR") || strings.Contains(said, "Exception") {
		w.t.Errorf("with the guide's properties: %v:\n%s", err, said)
	}
	if said, _ := produce("wrong"); !strings.Contains(said, "Authentication failed") {
		w.t.Errorf("with a wrong password the tool does not say that it is:\n%s", said)
	}
}
