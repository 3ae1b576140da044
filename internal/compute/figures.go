package compute

import "time"

// FiguresTopic is the compacted topic that the agents of EC2 instances write their node's figures to, one record for each node with its id as the
// key and NodeFigures in JSON as the value. What a run decides by is not in it but in the agents' reports: a topic is there only while Kafka is.
const FiguresTopic = "__kafkafleet_node_status"

// NodeFigures are how busy a node is.
type NodeFigures struct {
	NodeID int32     `json:"node_id"`
	At     time.Time `json:"at"`
	// Phase and Restarts are those of the agent's report.
	Phase    Phase `json:"phase"`
	Restarts int   `json:"restarts"`
	// CPU is what part of its processors' time the machine was at work, 0 to 1, since its figures before these.
	CPU float64 `json:"cpu"`
	// NetworkIn and NetworkOut are bytes a second, over the same time and all of its interfaces but its own loopback.
	NetworkIn  float64 `json:"network_in"`
	NetworkOut float64 `json:"network_out"`
	// DiskUsedBytes is by log directory, in the order of the disks.
	DiskUsedBytes []int64 `json:"disk_used_bytes,omitempty"`
}
