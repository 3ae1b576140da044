package node

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// reserved are settings that make a node what it is; nobody else may set them.
var reserved = []string{
	"node.id", "broker.id", "process.roles", "broker.rack",
	"listeners", "advertised.listeners", "listener.security.protocol.map", "controller.listener.names",
	"inter.broker.listener.name", "security.inter.broker.protocol",
	"controller.quorum.voters", "controller.quorum.bootstrap.servers",
	// A voter that was removed would make itself a voter again while it still runs: the quorum's members are the provider's to choose.
	"controller.quorum.auto.join.enable",
	"log.dir", "log.dirs", "metadata.log.dir",
	"authorizer.class.name", "super.users", "allow.everyone.if.no.acl.found",
	"ssl.client.auth", "ssl.enabled.protocols", "ssl.endpoint.identification.algorithm", "ssl.principal.mapping.rules", "principal.builder.class",
}

// reservedPrefixes are the beginnings of others.
var reservedPrefixes = []string{
	"ssl.keystore.", "ssl.truststore.",
	"listener.name." + strings.ToLower(InternalListener) + ".", "listener.name." + strings.ToLower(ControllerListener) + ".",
	"listener.name." + strings.ToLower(ClientListener) + ".", "listener.name." + strings.ToLower(MutualListener) + ".",
}

// IsReserved says that the agent alone sets this key of server.properties.
func IsReserved(key string) bool {
	return slices.Contains(reserved, key) || slices.ContainsFunc(reservedPrefixes, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
}

// properties is the node's server.properties. Config that sets a reserved key is refused.
func properties(f File, controllers []string) (map[string]string, error) {
	p := maps.Clone(f.Spec.Config)
	if p == nil {
		p = map[string]string{}
	}
	for _, key := range slices.Sorted(maps.Keys(p)) {
		if IsReserved(key) {
			return nil, fmt.Errorf("the node's config sets %s, which the node agent alone sets; remove it from config", key)
		}
	}
	dirs := logDirs(f)
	own := plaintext(f)
	if !f.Spec.Security.Plaintext {
		own = secured(f)
	}
	maps.Copy(own, map[string]string{
		"node.id":                             strconv.Itoa(int(f.Spec.NodeID)),
		"process.roles":                       string(f.Spec.Role),
		"controller.listener.names":           ControllerListener,
		"controller.quorum.bootstrap.servers": strings.Join(controllers, ","),
		"log.dirs":                            strings.Join(dirs, ","),
		"metadata.log.dir":                    dirs[0],
		"authorizer.class.name":               "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"advertised.listeners":                own["listeners"],
	})
	if f.Spec.Role == compute.RoleBroker {
		own["broker.rack"] = f.Spec.Zone
	}
	maps.Copy(p, own)
	return p, nil
}

// logDirs are the Kafka log directories, one a disk.
func logDirs(f File) []string {
	var dirs []string
	for _, disk := range f.Disks {
		dirs = append(dirs, filepath.Join(disk, "kafka-logs"))
	}
	return dirs
}

// render writes properties in the form that java.util.Properties reads, sorted, so that two files can be compared.
func render(p map[string]string) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(p)) {
		fmt.Fprintf(&b, "%s=%s\n", escape(key, true), escape(p[key], false))
	}
	return b.String()
}

// escape follows java.util.Properties.store: the file is Latin-1, so all but printable ASCII is written as UTF-16 units. Spaces end a
// key, and are dropped in front of a value.
func escape(s string, key bool) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '\\', key && strings.ContainsRune("=:#!", r), r == ' ' && (key || i == 0):
			b.WriteString(`\` + string(r))
		case r < ' ' || r > '~':
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, `\u%04x`, unit)
			}
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
