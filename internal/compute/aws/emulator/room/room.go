//go:build linux

// Package room boots the instances of the emulated EC2 for real, on this machine: each in namespaces of its own for network, mounts and processes,
// with its private address on a bridge, files as its disks, a metadata service on its own loopback interface, and its user data as what it runs.
//
// It is to be used in a network namespace that the caller has made (tools/netns.sh), where it makes the bridge.
package room

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute/aws/emulator"
)

const (
	bridge = "kafkafleet"
	// Gateway is the room's own address in the machines' network, which is that of moto's default VPC.
	Gateway = "172.31.255.254"
	prefix  = "/16"
	// diskBytes is how long the files are that machines have for disks. They are sparse.
	diskBytes = 2 << 30
)

//go:embed boot.sh
var bootScript string

// Config is what a machine has.
type Config struct {
	// Dir is where the machines' files are.
	Dir string
	// Agent is the binary that an image has at its place, and KafkaHome where Kafka is, with "{version}" in it, and Versions which of them.
	Agent, KafkaHome string
	Versions         []string
	// JavaOptions are for every Java on a machine: that of a real one would have it for itself.
	JavaOptions string
	// Region is what the metadata service says.
	Region string
	// Disks is how many an instance type has.
	Disks int
}

// Room is where machines are.
type Room struct {
	cfg      Config
	endpoint string

	mu       sync.Mutex
	machines map[string]*Machine
}

// New makes the bridge.
func New(cfg Config) (*Room, error) {
	for _, args := range [][]string{
		{"link", "set", "lo", "up"},
		{"link", "add", bridge, "type", "bridge"},
		{"address", "add", Gateway + prefix, "dev", bridge},
		{"link", "set", bridge, "up"},
	} {
		if err := ip(args...); err != nil {
			return nil, err
		}
	}
	return &Room{cfg: cfg, machines: map[string]*Machine{}}, nil
}

// Serve says where the emulated AWS answers. It is asked for by machines that boot after that.
func (r *Room) Serve(endpoint string) { r.endpoint = endpoint }

// Close removes the bridge. The machines are to be off.
func (r *Room) Close() error { return ip("link", "delete", bridge) }

// Machine is a machine that runs, or has run.
type Machine struct {
	emulator.Instance
	// Dir has its console, console.log, and what it writes outside its disks.
	Dir   string
	cmd   *exec.Cmd
	loops []string
	off   chan struct{}
}

// Boot starts the machine of an instance. What fails is on its console, as it would be there.
func (r *Room) Boot(i emulator.Instance) emulator.Power {
	m := &Machine{Instance: i, Dir: filepath.Join(r.cfg.Dir, i.ID), off: make(chan struct{})}
	r.mu.Lock()
	r.machines[i.ID] = m
	r.mu.Unlock()
	if err := r.start(m); err != nil {
		_ = os.WriteFile(filepath.Join(m.Dir, "room.log"), []byte(err.Error()), 0o600)
		m.detach()
		close(m.off)
	}
	return m
}

// Machine returns the machine of an instance, nil where there is none.
func (r *Room) Machine(id string) *Machine {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.machines[id]
}

func (r *Room) start(m *Machine) error {
	for _, dir := range []string{"etc", "bin", "lib", "opt", "disks"} {
		if err := os.MkdirAll(filepath.Join(m.Dir, dir), 0o700); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(m.Dir, "user-data"), []byte(m.UserData), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(m.Dir, "boot.sh"), []byte(bootScript), 0o700); err != nil {
		return err
	}
	for d := range r.cfg.Disks {
		file := filepath.Join(m.Dir, "disks", strconv.Itoa(d))
		if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Truncate(file, diskBytes)); err != nil {
			return err
		}
		out, err := exec.Command("losetup", "--find", "--show", file).Output()
		if err != nil {
			return fmt.Errorf("losetup: %w", err)
		}
		m.loops = append(m.loops, strings.TrimSpace(string(out)))
	}
	console, err := os.Create(filepath.Join(m.Dir, "console.log"))
	if err != nil {
		return err
	}
	defer func() { _ = console.Close() }()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var homes []string
	for _, v := range r.cfg.Versions {
		homes = append(homes, v+"="+strings.ReplaceAll(r.cfg.KafkaHome, "{version}", v))
	}
	m.cmd = exec.Command("/bin/sh", filepath.Join(m.Dir, "boot.sh"))
	m.cmd.Dir, m.cmd.Stdout, m.cmd.Stderr = "/", console, console
	m.cmd.Env = []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
		"ROOM_DIR=" + m.Dir, "ROOM_ADDRESS=" + m.Address + prefix, "ROOM_GATEWAY=" + Gateway, "ROOM_AGENT=" + r.cfg.Agent,
		"ROOM_KAFKA=" + strings.Join(homes, " "), "ROOM_LOOPS=" + strings.Join(m.loops, " "), "ROOM_METADATA=" + self,
		metadataEnv + "=" + strings.Join([]string{m.ID, m.Address, m.Zone, r.cfg.Region, m.Type}, ","),
		"JAVA_TOOL_OPTIONS=" + r.cfg.JavaOptions,
		"AWS_ENDPOINT_URL=" + r.endpoint, "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://" + metadataAddress,
	}
	m.cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS, Pdeathsig: syscall.SIGKILL,
	}
	if err := m.cmd.Start(); err != nil {
		return err
	}
	go func() {
		_ = m.cmd.Wait()
		m.detach()
		close(m.off)
	}()
	link := "kf" + m.ID[max(0, len(m.ID)-10):]
	for _, args := range [][]string{
		{"link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", strconv.Itoa(m.cmd.Process.Pid)},
		{"link", "set", link, "master", bridge, "up"},
	} {
		if err := ip(args...); err != nil {
			m.Kill()
			return nil // It is told on the console by what is missing.
		}
	}
	return nil
}

// detach takes the disks away, and what is on them.
func (m *Machine) detach() {
	for _, loop := range m.loops {
		_ = exec.Command("losetup", "--detach", loop).Run()
	}
	_ = os.RemoveAll(filepath.Join(m.Dir, "disks"))
}

// ShutDown implements emulator.Power.
func (m *Machine) ShutDown() { m.signal(syscall.SIGTERM) }

// Kill implements emulator.Power. The kernel ends all processes of the namespace with its first one.
func (m *Machine) Kill() { m.signal(syscall.SIGKILL) }

// Announce implements emulator.Power.
func (m *Machine) Announce(path, text string) error {
	file := filepath.Join(m.Dir, announced, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o600)
}

// Off implements emulator.Power.
func (m *Machine) Off() <-chan struct{} { return m.off }

func (m *Machine) signal(s syscall.Signal) {
	if m.cmd != nil && m.cmd.Process != nil {
		_ = m.cmd.Process.Signal(s)
	}
}

func ip(args ...string) error {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
