package provider

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/fleet/health"
)

var (
	_ datasource.DataSource              = (*healthDataSource)(nil)
	_ datasource.DataSourceWithConfigure = (*healthDataSource)(nil)
)

func newHealthDataSource() datasource.DataSource { return &healthDataSource{} }

type healthDataSource struct{ data *providerData }

type healthModel struct {
	Cluster          types.String               `tfsdk:"cluster"`
	ClusterID        types.String               `tfsdk:"cluster_id"`
	Status           types.String               `tfsdk:"status"`
	Problems         []string                   `tfsdk:"problems"`
	KafkaReachable   types.Bool                 `tfsdk:"kafka_reachable"`
	Partitions       *healthPartitionsModel     `tfsdk:"partitions"`
	Leaders          *healthLeadersModel        `tfsdk:"leaders"`
	NodeStates       map[string]int64           `tfsdk:"node_states"`
	Nodes            map[string]healthNodeModel `tfsdk:"nodes"`
	CertificateDays  types.Int64                `tfsdk:"certificate_days_left"`
	Quorum           *healthQuorumModel         `tfsdk:"quorum"`
	Zones            *healthZonesModel          `tfsdk:"zones"`
	Disks            *healthDisksModel          `tfsdk:"disks"`
	ExpiredThrottles *foundModel                `tfsdk:"expired_throttles"`
	LeftoverCordons  []int64                    `tfsdk:"leftover_cordons"`
}

// foundModel is how many things were found, and the names of the first of them.
type foundModel struct {
	Count types.Int64 `tfsdk:"count"`
	Names []string    `tfsdk:"names"`
}

type healthPartitionsModel struct {
	Total           types.Int64 `tfsdk:"total"`
	UnderReplicated foundModel  `tfsdk:"under_replicated"`
	UnderMinISR     foundModel  `tfsdk:"under_min_isr"`
	AtMinISR        foundModel  `tfsdk:"at_min_isr"`
	Offline         foundModel  `tfsdk:"offline"`
	Leaderless      foundModel  `tfsdk:"leaderless"`
	Lost            foundModel  `tfsdk:"lost"`
	Reassigning     foundModel  `tfsdk:"reassigning"`
}

type healthLeadersModel struct {
	Unbalanced  foundModel    `tfsdk:"unbalanced"`
	Share       types.Float64 `tfsdk:"share"`
	MaxOverMean types.Float64 `tfsdk:"max_over_mean"`
}

type healthNodeModel struct {
	Role   types.String `tfsdk:"role"`
	Group  types.String `tfsdk:"group"`
	Zone   types.String `tfsdk:"zone"`
	State  types.String `tfsdk:"state"`
	Cause  types.String `tfsdk:"cause"`
	Reason types.String `tfsdk:"reason"`
	Ends   types.String `tfsdk:"certificate_ends"`

	Figures *healthFiguresModel `tfsdk:"figures"`
}

type healthFiguresModel struct {
	ReportedAt    types.String  `tfsdk:"reported_at"`
	Restarts      types.Int64   `tfsdk:"restarts"`
	CPU           types.Float64 `tfsdk:"cpu"`
	NetworkIn     types.Float64 `tfsdk:"network_in"`
	NetworkOut    types.Float64 `tfsdk:"network_out"`
	DiskUsedBytes []int64       `tfsdk:"disk_used_bytes"`
}

type healthQuorumModel struct {
	Leader    types.Int64                 `tfsdk:"leader"`
	Voters    map[string]healthVoterModel `tfsdk:"voters"`
	Majority  types.Bool                  `tfsdk:"majority"`
	Tolerates types.Int64                 `tfsdk:"tolerates"`
}

type healthVoterModel struct {
	LagRecords types.Int64 `tfsdk:"lag_records"`
	LagMillis  types.Int64 `tfsdk:"lag_ms"`
	CaughtUp   types.Bool  `tfsdk:"caught_up"`
}

type healthZonesModel struct {
	UnbalancedGroups  foundModel `tfsdk:"unbalanced_groups"`
	CrowdedPartitions foundModel `tfsdk:"crowded_partitions"`
}

type healthDisksModel struct {
	AboveHeadroom foundModel `tfsdk:"above_headroom"`
	Offline       foundModel `tfsdk:"offline"`
}

func (d *healthDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_health"
}

func (d *healthDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	const unknown = " Null while no broker answers: nothing is known then."
	resp.Schema = schema.Schema{
		MarkdownDescription: "How a cluster is: what needs repair, how urgent it is, what it means and what to do. It reads only, and it works while Kafka is down. " +
			"Read by a `check` block it warns at every plan and apply; the guide \"Running unsupervised\" says more.",
		Attributes: map[string]schema.Attribute{
			"cluster": schema.StringAttribute{
				MarkdownDescription: "The cluster's name. Without it, the Kafka of the provider block's `kafka`, of which only Kafka's own word is known.",
				Optional:            true,
				Validators:          []validator.String{clusterNameValidator{}},
			},
			"cluster_id": schema.StringAttribute{MarkdownDescription: "Kafka's own id of the cluster, null while it is not known.", Computed: true},
			"status": schema.StringAttribute{
				MarkdownDescription: "`healthy`: nothing needs to be done. `degraded`: clients are served, and something needs repair or is being repaired. " +
					"`critical`: some clients are not served or data is in danger, by partitions without a leader or under `min.insync.replicas`, no majority of controllers, more nodes lost than an apply replaces by itself, or a Kafka that does not answer.",
				Computed: true,
			},
			"problems": schema.ListAttribute{
				MarkdownDescription: "What is wrong, what it means and what to do, one text for each, the most urgent first. Empty when healthy.",
				ElementType:         types.StringType, Computed: true,
			},
			"kafka_reachable": schema.BoolAttribute{MarkdownDescription: "Whether a broker answered.", Computed: true},
			"partitions": schema.SingleNestedAttribute{
				MarkdownDescription: "The partitions of all topics, counted as Kafka's own metrics of these names do: one without a leader is `offline` and not under-replicated, under or at min ISR too." + unknown, Computed: true,
				Attributes: map[string]schema.Attribute{
					"total":            schema.Int64Attribute{MarkdownDescription: "How many partitions there are.", Computed: true},
					"under_replicated": foundAttribute("Fewer replicas in sync than the replication factor; those that a move adds do not count."),
					"under_min_isr":    foundAttribute("Fewer replicas in sync than the topic's `min.insync.replicas`, or than all replicas where that is less: writes with `acks=all` are refused."),
					"at_min_isr":       foundAttribute("Exactly `min.insync.replicas` in sync while it could be more: writes are refused once one more broker is away."),
					"offline":          foundAttribute("No leader: neither written nor read."),
					"leaderless":       foundAttribute("Those of `offline` that have a replica in sync on a live broker: the election of a leader is due."),
					"lost":             foundAttribute("Those of `offline` whose every replica is on a lost node: what they held is gone with its disks. They are never created anew by themselves."),
					"reassigning":      foundAttribute("A move is in flight. That is no problem by itself."),
				},
			},
			"leaders": schema.SingleNestedAttribute{
				MarkdownDescription: "How evenly brokers lead." + unknown, Computed: true,
				Attributes: map[string]schema.Attribute{
					"unbalanced":    foundAttribute("Partitions that another broker leads than the preferred one, the first of their replicas. A problem from a tenth of all on, while their preferred leaders are in sync."),
					"share":         schema.Float64Attribute{MarkdownDescription: "What part of all partitions these are, 0 to 1.", Computed: true},
					"max_over_mean": schema.Float64Attribute{MarkdownDescription: "The most partitions that a broker leads, as a multiple of the mean of its group; 1 is even.", Computed: true},
				},
			},
			"node_states": schema.MapAttribute{
				MarkdownDescription: "The number of nodes by state, 0 included: `ready`, `starting`, `stopping`, `suspect`, `lost`, `stranger`.",
				ElementType:         types.Int64Type, Computed: true,
			},
			"nodes": schema.MapNestedAttribute{
				MarkdownDescription: "The nodes by node id, as the machines and Kafka see them together.", Computed: true,
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"role":  schema.StringAttribute{MarkdownDescription: "`broker` or `controller`.", Computed: true},
					"group": schema.StringAttribute{MarkdownDescription: "The broker group, `controllers` for a controller, null where nobody knows.", Computed: true},
					"zone":  schema.StringAttribute{MarkdownDescription: "The zone, null when it has none.", Computed: true},
					"state": schema.StringAttribute{
						MarkdownDescription: "`ready`, `starting` or `stopping`; `suspect`: it does not serve as it should and may come back; `lost`: it never serves again, and is replaced by an apply; " +
							"`stranger`: it takes part in the cluster and no machine of this fleet runs it, so it is never touched.",
						Computed: true,
					},
					"cause":            schema.StringAttribute{MarkdownDescription: "The kind of cause, such as `machine gone`, `process dead`, `hung` or `disk failed`; null when there is none.", Computed: true},
					"reason":           schema.StringAttribute{MarkdownDescription: "The reason in words, null for a node that is ready.", Computed: true},
					"certificate_ends": schema.StringAttribute{MarkdownDescription: "When its certificate ends (RFC 3339), null where it has none or has not said. An apply replaces the node a month before.", Computed: true},
					"figures": schema.SingleNestedAttribute{
						MarkdownDescription: "How busy the node is, as its agent writes it to the topic `" + compute.FiguresTopic + "` every half a minute. Null where it has written nothing, or the topic cannot be read; agents of EC2 instances do, those of local nodes do not.", Computed: true,
						Attributes: map[string]schema.Attribute{
							"reported_at":     schema.StringAttribute{MarkdownDescription: "When it was written (RFC 3339).", Computed: true},
							"restarts":        schema.Int64Attribute{MarkdownDescription: "How often Kafka was started after its first start.", Computed: true},
							"cpu":             schema.Float64Attribute{MarkdownDescription: "What part of its processors' time the machine was at work, 0 to 1.", Computed: true},
							"network_in":      schema.Float64Attribute{MarkdownDescription: "Bytes a second that came in.", Computed: true},
							"network_out":     schema.Float64Attribute{MarkdownDescription: "Bytes a second that went out.", Computed: true},
							"disk_used_bytes": schema.ListAttribute{MarkdownDescription: "Bytes in each log directory, in the order of the disks.", ElementType: types.Int64Type, Computed: true},
						},
					},
				}},
			},
			"certificate_days_left": schema.Int64Attribute{
				MarkdownDescription: "For how many days the certificate of a node is good that ends first, 0 once it has ended; null for a plaintext cluster, and for a Kafka that no fleet runs.", Computed: true,
			},
			"quorum": schema.SingleNestedAttribute{
				MarkdownDescription: "The controllers' view of themselves. Null when none of them gives it.", Computed: true,
				Attributes: map[string]schema.Attribute{
					"leader": schema.Int64Attribute{MarkdownDescription: "The active controller's node id, -1 while there is none.", Computed: true},
					"voters": schema.MapNestedAttribute{
						MarkdownDescription: "The voters by node id.", Computed: true,
						NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
							"lag_records": schema.Int64Attribute{MarkdownDescription: "How many records of the metadata log it is behind the leader, null when unknown.", Computed: true},
							"lag_ms":      schema.Int64Attribute{MarkdownDescription: "How many milliseconds ago it was level with the leader, null when unknown.", Computed: true},
							"caught_up":   schema.BoolAttribute{MarkdownDescription: "Whether it is level with the leader, or was within the last two seconds.", Computed: true},
						}},
					},
					"majority":  schema.BoolAttribute{MarkdownDescription: "Whether there is a leader, and a majority of voters that have caught up with it.", Computed: true},
					"tolerates": schema.Int64Attribute{MarkdownDescription: "How many of the voters that have caught up may fail without an end of that majority.", Computed: true},
				},
			},
			"zones": schema.SingleNestedAttribute{
				MarkdownDescription: "How evenly things are spread over the zones." + unknown, Computed: true,
				Attributes: map[string]schema.Attribute{
					"unbalanced_groups":  foundAttribute("Broker groups with two nodes more in one zone than in another, lost nodes left out."),
					"crowded_partitions": foundAttribute("Partitions with two replicas more in one zone than in another that has a broker for them."),
				},
			},
			"disks": schema.SingleNestedAttribute{
				MarkdownDescription: "What is wrong with the brokers' disks." + unknown, Computed: true,
				Attributes: map[string]schema.Attribute{
					"above_headroom": foundAttribute("Brokers that hold more than 80 % of their disks: nothing is moved there any more."),
					"offline":        foundAttribute("Log directories that Kafka has given up."),
				},
			},
			"expired_throttles": foundAttribute("Brokers and topics with a replication throttle that a rollout of this provider has left behind, with no move in flight. The next apply removes them. Rates of brokers count while replicas of some topic are marked as throttled: alone they slow down nothing." + unknown),
			"leftover_cordons": schema.ListAttribute{
				MarkdownDescription: "Brokers of this fleet that are cordoned and that no rollout needs to be, as far as can be seen. The next apply lifts it." + unknown,
				ElementType:         types.Int64Type, Computed: true,
			},
		},
	}
}

func foundAttribute(what string) schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		MarkdownDescription: what, Computed: true,
		Attributes: map[string]schema.Attribute{
			"count": schema.Int64Attribute{MarkdownDescription: "How many there are.", Computed: true},
			"names": schema.ListAttribute{
				MarkdownDescription: fmt.Sprintf("The first %d of them, in order.", health.MaxNames), ElementType: types.StringType, Computed: true,
			},
		},
	}
}

func (d *healthDataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	d.data = configured(req.ProviderData, &resp.Diagnostics)
}

func (d *healthDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m healthModel
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("cluster"), &m.Cluster)...)
	d.data.Kafka.checkCluster(m.Cluster, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	id, report, err := d.report(ctx, m.Cluster)
	if err != nil {
		resp.Diagnostics.AddError(fmt.Sprintf("The health of %s cannot be judged", clusterName(m.Cluster)), sentence(err))
		return
	}
	m.ClusterID = orNull(id)
	m.fill(report)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

// report judges the fleet's cluster of this name, or the provider block's own Kafka.
func (d *healthDataSource) report(ctx context.Context, cluster types.String) (id string, r health.Report, err error) {
	if !cluster.IsNull() {
		return d.data.Fleet.Health(ctx, cluster.ValueString())
	}
	k, err := d.data.Kafka.Kafka(ctx, cluster)
	if err != nil {
		return "", r, err
	}
	return d.data.Fleet.ForeignHealth(ctx, k)
}

// fill takes over what the report says.
func (m *healthModel) fill(r health.Report) {
	m.Status, m.Problems, m.KafkaReachable = types.StringValue(string(r.Status)), append([]string{}, r.Problems...), types.BoolValue(r.KafkaReachable)
	if p := r.Partitions; p != nil {
		m.Partitions = &healthPartitionsModel{
			Total: types.Int64Value(int64(p.Total)), UnderReplicated: found(p.UnderReplicated), UnderMinISR: found(p.UnderMinISR), AtMinISR: found(p.AtMinISR),
			Offline: found(p.Offline), Leaderless: found(p.Leaderless), Lost: found(p.Lost), Reassigning: found(p.Reassigning),
		}
	}
	if l := r.Leaders; l != nil {
		m.Leaders = &healthLeadersModel{Unbalanced: found(l.Unbalanced), Share: types.Float64Value(l.Share), MaxOverMean: types.Float64Value(l.MaxOverMean)}
	}
	if z := r.Zones; z != nil {
		m.Zones = &healthZonesModel{UnbalancedGroups: found(z.UnbalancedGroups), CrowdedPartitions: found(z.CrowdedPartitions)}
	}
	if d := r.Disks; d != nil {
		m.Disks = &healthDisksModel{AboveHeadroom: found(d.AboveHeadroom), Offline: found(d.Offline)}
	}
	if q := r.Quorum; q != nil {
		m.Quorum = &healthQuorumModel{
			Leader: types.Int64Value(int64(q.Leader)), Voters: map[string]healthVoterModel{},
			Majority: types.BoolValue(q.Majority), Tolerates: types.Int64Value(int64(q.Tolerates)),
		}
		for _, v := range q.Voters {
			m.Quorum.Voters[strconv.Itoa(int(v.ID))] = healthVoterModel{LagRecords: lag(v.LagRecords), LagMillis: lag(v.LagMillis), CaughtUp: types.BoolValue(v.CaughtUp)}
		}
	}
	m.NodeStates, m.Nodes = map[string]int64{}, map[string]healthNodeModel{}
	for _, state := range health.States {
		m.NodeStates[state] = 0
	}
	for _, n := range r.Nodes {
		m.NodeStates[n.State]++
		m.Nodes[strconv.Itoa(int(n.ID))] = healthNodeModel{
			Role: types.StringValue(string(n.Role)), Group: orNull(n.Group), Zone: orNull(n.Zone),
			State: types.StringValue(n.State), Cause: orNull(n.Cause), Reason: orNull(n.Reason),
		}
		model := m.Nodes[strconv.Itoa(int(n.ID))]
		if !n.CertificateEnds.IsZero() {
			model.Ends = types.StringValue(n.CertificateEnds.UTC().Format(time.RFC3339))
		}
		if f := n.Figures; f != nil {
			model.Figures = &healthFiguresModel{
				ReportedAt: types.StringValue(f.At.UTC().Format(time.RFC3339)), Restarts: types.Int64Value(int64(f.Restarts)), CPU: types.Float64Value(f.CPU),
				NetworkIn: types.Float64Value(f.NetworkIn), NetworkOut: types.Float64Value(f.NetworkOut), DiskUsedBytes: append([]int64{}, f.DiskUsedBytes...),
			}
		}
		m.Nodes[strconv.Itoa(int(n.ID))] = model
	}
	if r.CertificateDays != nil {
		m.CertificateDays = types.Int64Value(int64(*r.CertificateDays))
	}
	if r.KafkaReachable {
		throttles := found(r.ExpiredThrottles)
		m.ExpiredThrottles, m.LeftoverCordons = &throttles, wide(r.LeftoverCordons)
	}
}

func found(n health.Names) foundModel {
	return foundModel{Count: types.Int64Value(int64(n.Count)), Names: append([]string{}, n.First...)}
}

// lag is a lag, null when it is not known.
func lag(n int64) types.Int64 {
	if n < 0 {
		return types.Int64Null()
	}
	return types.Int64Value(n)
}

// orNull is a text, null when there is none.
func orNull(text string) types.String {
	if text == "" {
		return types.StringNull()
	}
	return types.StringValue(text)
}
