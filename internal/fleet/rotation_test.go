package fleet

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

func madeAuthority(t interface{ Fatal(...any) }, now time.Time) Authority {
	certificate, key, err := Authority{}.make("ours", now)
	if err != nil {
		t.Fatal(err)
	}
	return Authority{CertificatePEM: certificate, KeyPEM: key}
}

// bearer is what a node, a run of the provider or a client has of an authority: whom it believes, and who has issued its certificate.
type bearer struct {
	issuer, trusted string
	generation      int
}

func (b bearer) believes(other bearer) bool {
	return strings.Contains(b.trusted, strings.TrimSpace(other.issuer))
}

func (a authority) bearer() bearer {
	believed, err := a.believed()
	if err != nil {
		panic(err) // It was made right before.
	}
	return bearer{a.CertificatePEM, believed, a.Generation}
}

// instancesOf are nodes as compute lists them.
func instancesOf(nodes []bearer, now time.Time) []compute.Instance {
	var out []compute.Instance
	for i, n := range nodes {
		out = append(out, compute.Instance{
			Spec: compute.NodeSpec{NodeID: int32(i + 1)}, State: compute.StateRunning,
			Status: &compute.NodeStatus{CertificateEnds: now.Add(time.Hour), AuthorityGeneration: n.generation},
		})
	}
	return out
}

// TestNoStepOfARotationCutsANodeOff: whatever steps are asked for, in whatever order and however far the rollout of the one before has come, each
// node believes each other one, this provider and every client that has taken ca_certificate_pem since the step before.
func TestNoStepOfARotationCutsANodeOff(t *testing.T) {
	now := time.Now()
	done := 0
	rapid.Check(t, func(t *rapid.T) {
		first := madeAuthority(t, now)
		a := authority{CertificatePEM: first.CertificatePEM, KeyPEM: first.KeyPEM, TrustedPEM: first.CertificatePEM}
		nodes := make([]bearer, rapid.IntRange(1, 5).Draw(t, "nodes"))
		for i := range nodes {
			nodes[i] = a.bearer()
		}
		client := a.TrustedPEM
		for range rapid.IntRange(1, 30).Draw(t, "moments") {
			switch rapid.SampledFrom([]string{"step", "replace", "replace", "all"}).Draw(t, "what") {
			case "step":
				to := rapid.SampledFrom([]Rotation{NoRotation, TrustNew, UseNew}).Draw(t, "to")
				if len(nodes) < 3 { // Few of the random orders come to the end of a rotation. Small fleets go straight on.
					to = map[Rotation]Rotation{NoRotation: TrustNew, TrustNew: UseNew, UseNew: NoRotation}[a.Rotation]
				}
				next, err := a.rotated("c", to, Authority{}, instancesOf(nodes, now), now)
				if err != nil {
					if !errors.Is(err, ErrRotation) || !errors.Is(err, compute.ErrInvalid) || next != a {
						t.Fatalf("from %s to %s: %v", a.Rotation.Text(), to.Text(), err)
					}
					break
				}
				if a.Rotation == UseNew && to == NoRotation {
					done++
					if strings.Contains(next.TrustedPEM, strings.TrimSpace(a.OtherCertificatePEM)) || next.OtherKeyPEM != "" {
						t.Fatal("the old authority is still there")
					}
				}
				// Clients had the time since the step before to take what was given out then.
				client, a = a.TrustedPEM, next
			case "replace":
				nodes[rapid.IntRange(0, len(nodes)-1).Draw(t, "node")] = a.bearer()
			case "all":
				for i := range nodes {
					nodes[i] = a.bearer()
				}
			}
			all := append(slices.Clone(nodes), a.bearer())
			for i, n := range all {
				for j, other := range all {
					if !n.believes(other) {
						t.Fatalf("%s, generation %d: %d (generation %d) does not believe %d (generation %d)", a.Rotation.Text(), a.Generation, i, n.generation, j, other.generation)
					}
				}
				if !(bearer{trusted: client}).believes(n) {
					t.Fatalf("%s: a client does not believe node %d", a.Rotation.Text(), i)
				}
			}
		}
	})
	if done == 0 {
		t.Error("no rotation ever came to its end")
	}
}

// TestARotationIsKeptInTheStore, so that another run goes on with it, and is refused in words that say what to do.
func TestARotationIsKeptInTheStore(t *testing.T) {
	ctx, now := t.Context(), time.Now()
	d := newSecretDriver()
	ours, other := madeAuthority(t, now), madeAuthority(t, now)
	run := func(want Cluster) error {
		t.Helper()
		want.Name = "c"
		planned := New(d, Options{}).CheckAuthority(ctx, want)
		if err := New(d, Options{}).makeAuthority(ctx, want); (err == nil) != (planned == nil) || err != nil && err.Error() != planned.Error() {
			t.Errorf("the plan says %v, and the apply %v", planned, err)
		}
		return planned
	}
	stored := func() (a authority) {
		t.Helper()
		if err := json.Unmarshal(d.secrets["c/ca"], &a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	refused := func(want Cluster, says string) {
		t.Helper()
		before := string(d.secrets["c/ca"])
		if err := run(want); !errors.Is(err, compute.ErrInvalid) || !strings.Contains(err.Error(), says) || string(d.secrets["c/ca"]) != before {
			t.Errorf("%q is wanted: %v", says, err)
		}
	}
	node := func(generation int) {
		d.instances = instancesOf([]bearer{{generation: generation}}, now)
	}
	refused(Cluster{Rotation: TrustNew}, "no authority yet")
	if err := run(Cluster{Authority: ours}); err != nil {
		t.Fatal(err)
	}
	node(0)
	refused(Cluster{Rotation: UseNew}, `authority_rotation = "trust_new" first`)
	refused(Cluster{Authority: other}, `begin the change with authority_rotation = "trust_new"`)
	refused(Cluster{Rotation: TrustNew, Authority: ours}, "declare the new one")
	refused(Cluster{Rotation: TrustNew, Authority: Authority{CertificatePEM: other.CertificatePEM}}, "private_key_pem_wo")

	begin := Cluster{Rotation: TrustNew, Authority: other}
	if err := errors.Join(run(begin), run(begin)); err != nil {
		t.Fatal(err)
	}
	if a := stored(); a.Generation != 1 || a.CertificatePEM != ours.CertificatePEM || a.OtherCertificatePEM != other.CertificatePEM {
		t.Errorf("begun: %+v", a)
	}
	refused(Cluster{Rotation: TrustNew, Authority: ours}, "on its way to another authority")
	refused(Cluster{Rotation: UseNew}, `nodes [1] of cluster "c" do not trust the new authority yet; leave authority_rotation as it is ("trust_new")`)
	d.instances = []compute.Instance{{Spec: compute.NodeSpec{NodeID: 9}, State: compute.StatePending}}
	refused(Cluster{Rotation: UseNew}, "nodes [9]")
	d.instances[0].State = compute.StateStopped // It will never connect to anybody.
	if err := run(Cluster{Rotation: UseNew, Authority: Authority{CertificatePEM: other.CertificatePEM}}); err != nil {
		t.Fatal(err)
	}
	node(1)
	refused(Cluster{}, `nodes [1] of cluster "c" have no certificate of the new authority yet`)
	if err := run(Cluster{Rotation: TrustNew}); err != nil {
		t.Errorf("back: %v", err)
	}
	refused(Cluster{}, "still have a certificate of the new authority")
	node(3)
	if err := run(Cluster{Rotation: UseNew}); err != nil {
		t.Error(err)
	}
	node(4)
	if err := run(Cluster{Authority: other}); err != nil {
		t.Error(err)
	}
	if a := stored(); a.Generation != 5 || a.CertificatePEM != other.CertificatePEM || a.TrustedPEM != other.CertificatePEM || a.OtherKeyPEM != "" {
		t.Errorf("done: %+v", a)
	}
	refused(Cluster{Rotation: TrustNew}, "have not come out of the rotation before")
	if facts := New(d, Options{}).authorityFacts(ctx, compute.Cluster{Name: "c"}); facts.Generation != 5 || facts.Rotation != NoRotation || facts.Ends.IsZero() {
		t.Errorf("the planner is told %+v", facts)
	}
}
