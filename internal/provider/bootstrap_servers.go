package provider

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"unicode"
)

// splitServers reads addresses, host:port, separated by commas, as Kafka's own tools take them; "" is none. An error names the one that is no
// address.
func splitServers(list string) ([]string, error) {
	var servers []string
	for server := range strings.SplitSeq(list, ",") {
		if server = strings.TrimSpace(server); server == "" {
			continue
		}
		host, port, err := net.SplitHostPort(server)
		number, notNumber := strconv.ParseUint(port, 10, 16)
		if err != nil || notNumber != nil || number == 0 || host == "" || strings.ContainsFunc(host, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
			return nil, fmt.Errorf("%q is not host:port, such as broker-1.example.com:9092", server)
		}
		servers = append(servers, server)
	}
	return servers, nil
}
