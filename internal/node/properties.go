package node

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// Names of the listeners. Brokers speak to clients and to each other on one, the controllers to everybody on the other.
const (
	ClientListener     = "CLIENTS"
	ControllerListener = "CONTROLLER"
)

// reserved are settings that make a node what it is; nobody else may set them.
var reserved = []string{
	"node.id", "broker.id", "process.roles", "broker.rack", "listeners", "advertised.listeners", "listener.security.protocol.map",
	"inter.broker.listener.name", "security.inter.broker.protocol", "controller.listener.names", "log.dir", "log.dirs", "metadata.log.dir",
	"authorizer.class.name", "super.users", "allow.everyone.if.no.acl.found",
}

// IsReserved says that the agent alone sets this key of server.properties.
func IsReserved(key string) bool {
	return slices.Contains(reserved, key) || strings.HasPrefix(key, "controller.quorum.bootstrap") || key == "controller.quorum.voters"
}

// properties is the node's server.properties.
func properties(f File, controllers []string) map[string]string {
	p := map[string]string{}
	for key, value := range f.Spec.Config {
		if !IsReserved(key) {
			p[key] = value
		}
	}
	own := map[string]string{
		"node.id":                             fmt.Sprint(f.Spec.NodeID),
		"process.roles":                       string(f.Spec.Role),
		"listener.security.protocol.map":      ClientListener + ":PLAINTEXT," + ControllerListener + ":PLAINTEXT",
		"controller.listener.names":           ControllerListener,
		"controller.quorum.bootstrap.servers": strings.Join(controllers, ","),
		"log.dirs":                            strings.Join(logDirs(f), ","),
		"metadata.log.dir":                    logDirs(f)[0],
		// Topics and ACLs can be managed from the first day; what everybody may do is closed by the security settings to come.
		"authorizer.class.name":          "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"allow.everyone.if.no.acl.found": "true",
		"super.users":                    "User:ANONYMOUS",
	}
	listener := ControllerListener
	if f.Spec.Role == compute.RoleBroker {
		listener = ClientListener
		own["broker.rack"] = f.Spec.Zone
		own["inter.broker.listener.name"] = ClientListener
	}
	own["listeners"] = listener + "://" + f.Listen
	own["advertised.listeners"] = own["listeners"]
	maps.Copy(p, own)
	return p
}

// logDirs are the Kafka log directories, one a disk.
func logDirs(f File) []string {
	var dirs []string
	for _, disk := range f.Disks {
		dirs = append(dirs, filepath.Join(disk, "kafka-logs"))
	}
	return dirs
}

// render writes properties in the form that Java reads: sorted, so that a file can be compared with another, and escaped.
func render(p map[string]string) string {
	escape := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`)
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(p)) {
		value := escape.Replace(p[key])
		if strings.HasPrefix(value, " ") {
			value = `\` + value
		}
		fmt.Fprintf(&b, "%s=%s\n", strings.NewReplacer("=", `\=`, ":", `\:`, " ", `\ `).Replace(escape.Replace(key)), value)
	}
	return b.String()
}

// log4j2 is Kafka's logging: one file that rolls, small enough never to fill a disk.
const log4j2 = `status = error
appender.main.type = RollingFile
appender.main.name = main
appender.main.fileName = ${sys:kafka.logs.dir}/kafka.log
appender.main.filePattern = ${sys:kafka.logs.dir}/kafka.log.%i
appender.main.layout.type = PatternLayout
appender.main.layout.pattern = [%d] %p %m (%c)%n
appender.main.policies.type = Policies
appender.main.policies.size.type = SizeBasedTriggeringPolicy
appender.main.policies.size.size = 20MB
appender.main.strategy.type = DefaultRolloverStrategy
appender.main.strategy.max = 3
rootLogger.level = info
rootLogger.appenderRef.main.ref = main
`
