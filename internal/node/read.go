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
	host, port, err := net.SplitHostPort(f.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
		return fmt.Errorf("listen: %q has no port", f.Listen)
	}
	if _, err := netip.ParseAddr(host); err != nil && !hostName.MatchString(host) {
		return fmt.Errorf("listen: %q has no address", f.Listen)
	}
	return nil
}
