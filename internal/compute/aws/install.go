package aws

import (
	"context"
	"fmt"
	"os"
)

// unitName is the service that the agent is on an instance.
const unitName = "kafkafleet-node.service"

// unit makes the agent start with the machine and again when it ends, and end in time: Kafka gets its controlled shutdown.
const unit = `[Unit]
Description=Node of a Kafka fleet
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=%s node --aws-spec %s --aws-digest %s
Restart=always
RestartSec=2
TimeoutStopSec=%d
LimitNOFILE=1000000

[Install]
WantedBy=multi-user.target
`

// HasSystemd says that systemd is what runs this machine.
func HasSystemd() bool {
	_, err := os.Stat("/run/systemd/system")
	return err == nil
}

// Install makes the agent a service of systemd, and starts it.
func Install(ctx context.Context, parameter, digest string) error {
	text := fmt.Sprintf(unit, agentPath, parameter, digest, int(stopTimeout.Seconds())+30)
	if err := os.WriteFile("/etc/systemd/system/"+unitName, []byte(text), 0o644); err != nil { //nolint:gosec // As all units are.
		return err
	}
	if err := execute(ctx, "systemctl", "daemon-reload"); err != nil {
		return err
	}
	return execute(ctx, "systemctl", "enable", "--now", unitName)
}
