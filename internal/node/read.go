package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// ReadFile reads and checks the spec file that a driver left. A key that is not File's is an error: a driver that means something
// by it must not be ignored.
func ReadFile(path string) (File, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return File{}, fmt.Errorf("the node's spec file: %w", err)
	}
	f, err := parseFile(content)
	if err != nil {
		return File{}, fmt.Errorf("the node's spec file %s is not one that a driver of this version writes: %w", path, err)
	}
	return f, nil
}

// parseFile is ReadFile for what is in the file.
func parseFile(content []byte) (File, error) {
	var f File
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil {
		return File{}, err
	}
	if _, rest := decoder.Token(); !errors.Is(rest, io.EOF) {
		return File{}, errors.New("something follows the document")
	}
	if err := f.check(); err != nil {
		return File{}, err
	}
	return f, nil
}

// hostName is a DNS name, without what would end the name in a list of listeners.
var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)

// check says what the agent cannot do without.
func (f File) check() error {
	switch {
	case f.Spec.ClusterID == "":
		return errors.New("spec.cluster_id is missing")
	case f.Spec.NodeID <= 0:
		return fmt.Errorf("spec.node_id is %d, and node ids begin at 1", f.Spec.NodeID)
	case f.Spec.Role != compute.RoleBroker && f.Spec.Role != compute.RoleController:
		return fmt.Errorf("spec.role is %q, neither broker nor controller", f.Spec.Role)
	case f.Spec.Bootstrap && f.Spec.Role != compute.RoleController:
		return errors.New("spec.bootstrap is set, and only a controller can start the quorum")
	case f.Spec.HeapBytes <= 0:
		return fmt.Errorf("spec.heap_bytes is %d", f.Spec.HeapBytes)
	case f.Dir == "":
		return errors.New("dir is missing")
	case len(f.Disks) == 0:
		return errors.New("disks is empty, and Kafka needs one at least")
	// Kafka splits log.dirs at commas and drops the spaces around, Java splits a class path at colons, and neither knows an escape.
	case slices.ContainsFunc(f.Disks, func(disk string) bool { return !filepath.IsAbs(disk) || strings.Contains(disk, ",") }):
		return fmt.Errorf("disks %q: a path is not absolute or has a comma in it", f.Disks)
	case f.KafkaHome == "" || strings.Contains(f.KafkaHome, string(os.PathListSeparator)):
		return fmt.Errorf("kafka_home is %q", f.KafkaHome)
	case f.StopTimeout <= 0:
		return fmt.Errorf("stop_timeout is %s", f.StopTimeout)
	}
	if secure := f.Spec.Role == compute.RoleBroker && !f.Spec.Security.Plaintext; secure != (f.Clients != "") {
		return fmt.Errorf("clients is %q: a broker that is not plaintext has an address of its own for clients, and no other node has", f.Clients)
	}
	if both := f.Clients != "" && f.Spec.Security.Passwords() && f.Spec.Security.Certificates(); both != (f.ClientsMTLS != "") {
		return fmt.Errorf("clients_mtls is %q: a broker whose clients log in by password and by certificate has it, and no other node has", f.ClientsMTLS)
	}
	if auth := f.Spec.Security.ClientAuth; !slices.Contains([]compute.ClientAuth{"", compute.ClientAuthSCRAM, compute.ClientAuthMTLS, compute.ClientAuthBoth}, auth) {
		return fmt.Errorf("spec.security.client_auth is %q", auth)
	}
	if err := checkAddress(f.Listen); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	for _, address := range f.listeners()[1:] {
		if err := checkAddress(address); err != nil {
			return fmt.Errorf("clients: %w", err)
		}
	}
	return nil
}

// checkAddress refuses what is no host:port, or would end the address in a list of listeners.
func checkAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
		return fmt.Errorf("%q has no port", address)
	}
	if _, err := netip.ParseAddr(host); err != nil && !hostName.MatchString(host) {
		return fmt.Errorf("%q has no address", address)
	}
	return nil
}
