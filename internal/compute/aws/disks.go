package aws

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// instanceStore is how the kernel names the disks of an instance's own. A second name of each ends in its namespace's number, and partitions
// end in -part.
const instanceStore = "/dev/disk/by-id/nvme-Amazon_EC2_NVMe_Instance_Storage_*"

// mountDisks mounts the instance-store disks, and makes a file system on those that have none. One that has some is left as it is: what is in
// it is for the agent to judge.
func mountDisks(ctx context.Context) ([]string, error) {
	names, err := filepath.Glob(instanceStore)
	if err != nil {
		return nil, err
	}
	var devices []string
	for _, name := range names {
		device, err := filepath.EvalSymlinks(name)
		if err != nil {
			return nil, err
		}
		if !strings.Contains(name, "-part") && !slices.Contains(devices, device) {
			devices = append(devices, device)
		}
	}
	if len(devices) == 0 {
		return nil, errors.New("this instance has no instance-store disk")
	}
	slices.Sort(devices)
	mounted, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var disks []string
	for i, device := range devices {
		dir := filepath.Join(disksDir, strconv.Itoa(i))
		disks = append(disks, dir)
		if strings.Contains(string(mounted), " "+dir+" ") {
			continue
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		if err := mount(ctx, device, dir); err != nil {
			return nil, fmt.Errorf("the disk %s: %w", device, err)
		}
	}
	return disks, nil
}

// mount makes a file system where there is nothing, and mounts it.
func mount(ctx context.Context, device, dir string) error {
	// blkid ends with 2 for a device with nothing on it that anybody knows.
	err := execute(ctx, "blkid", "-p", device)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == 2:
		format := []string{"mkfs.xfs", "-q", device}
		if _, err := exec.LookPath(format[0]); err != nil {
			format = []string{"mkfs.ext4", "-q", "-F", device}
		}
		if err := execute(ctx, format[0], format[1:]...); err != nil {
			return err
		}
	case err != nil:
		return err
	}
	return execute(ctx, "mount", "-o", "noatime", device, dir)
}

func execute(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(out)))
	}
	return nil
}
