package computetest

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// putSecret stores a secret, whose value tells which one it is.
func (s suite) putSecret(t *testing.T, cluster, name string) {
	t.Helper()
	must(t, s.Driver.PutSecret(t.Context(), cluster, name, []byte(name+" of "+cluster)))
}

// wantSecret expects what putSecret has stored.
func (s suite) wantSecret(t *testing.T, cluster, name string) {
	t.Helper()
	for _, d := range []compute.Driver{s.Driver, s.Again()} {
		value, err := d.Secret(t.Context(), cluster, name)
		if err != nil || string(value) != name+" of "+cluster {
			t.Errorf("the secret %q of %s is %q, %v", name, cluster, value, err)
		}
	}
}

// wantNoSecret expects that there is none of this name.
func (s suite) wantNoSecret(t *testing.T, cluster, name string) {
	t.Helper()
	for _, d := range []compute.Driver{s.Driver, s.Again()} {
		value, err := d.Secret(t.Context(), cluster, name)
		wantError(t, "the secret "+name+" of "+cluster, err, compute.ErrNotFound)
		if value != nil {
			t.Errorf("%v, and there is a value of %d bytes", err, len(value))
		}
	}
}

func testSecret(t *testing.T, s suite) {
	s.wantNoSecret(t, "prod", compute.AuthoritySecret)
	must(t, s.Driver.DeleteSecret(t.Context(), "prod", compute.AuthoritySecret))
	s.cluster(t, "prod")
	s.wantNoSecret(t, "prod", compute.AuthoritySecret)
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	longest := bytes.Repeat([]byte("text of a"), compute.MaxSecretBytes)[:compute.MaxSecretBytes]
	for _, value := range [][]byte{[]byte("a value"), longest, {0}, []byte("-----BEGIN\r\nü \xff\n\n"), all, []byte("\"}'; ${x} $(y) %s\\")} {
		must(t, s.Driver.PutSecret(t.Context(), "prod", compute.AuthoritySecret, value))
		for _, d := range []compute.Driver{s.Driver, s.Again()} {
			got, err := d.Secret(t.Context(), "prod", compute.AuthoritySecret)
			must(t, err)
			if !bytes.Equal(got, value) {
				t.Errorf("stored %q, got %q", value, got)
			}
			clear(got) // It is the caller's own.
		}
	}
	s.putSecret(t, "prod", "node-7")
	must(t, s.Driver.DeleteSecret(t.Context(), "prod", compute.AuthoritySecret))
	must(t, s.Again().DeleteSecret(t.Context(), "prod", compute.AuthoritySecret))
	s.wantNoSecret(t, "prod", compute.AuthoritySecret)
	s.wantSecret(t, "prod", "node-7")
}

func testSecretInvalid(t *testing.T, s suite) {
	s.cluster(t, "prod")
	for _, name := range []string{"", "-a", "A", "node_7", "a.b", "a/b", "..", "../cluster", "/etc/passwd", "a b", "a\n", "a\x00", "ü", ".hidden", "ca.tmp", strings.Repeat("a", 65)} {
		_, err := s.Driver.Secret(t.Context(), "prod", name)
		wantError(t, "reading a secret with the name "+name, err, compute.ErrInvalid)
		wantError(t, "storing a secret with the name "+name, s.Driver.PutSecret(t.Context(), "prod", name, []byte("value")), compute.ErrInvalid)
		wantError(t, "deleting a secret with the name "+name, s.Driver.DeleteSecret(t.Context(), "prod", name), compute.ErrInvalid)
	}
	s.putSecret(t, "prod", "ca")
	const hidden = "hush"
	for _, value := range [][]byte{nil, {}, bytes.Repeat([]byte(hidden), compute.MaxSecretBytes/len(hidden)+1)} {
		err := s.Driver.PutSecret(t.Context(), "prod", "ca", value)
		wantError(t, "a value that is too short or too long", err, compute.ErrInvalid)
		if err != nil && strings.Contains(err.Error(), hidden) {
			t.Errorf("the error shows the value: %v", err)
		}
	}
	s.wantSecret(t, "prod", "ca")
	for _, name := range []string{"a", "7", "node-2147483647", "a-", "0--0", strings.Repeat("a", 64)} {
		s.putSecret(t, "prod", name)
		s.wantSecret(t, "prod", name)
	}
}

func testSecretBeforeRecord(t *testing.T, s suite) {
	s.putSecret(t, "prod", compute.AuthoritySecret)
	_, err := s.Driver.GetCluster(t.Context(), "prod")
	wantError(t, "a cluster that has a secret only", err, compute.ErrNotFound)
	if got := s.list(t, "prod"); len(got) != 0 {
		t.Errorf("a cluster that has a secret only has instances: %v", got)
	}
	lock(t, s.Driver, "prod", "Ada's apply").Release()
	s.wantSecret(t, "prod", compute.AuthoritySecret)
	c := s.cluster(t, "prod")
	c.NextNodeID = 1
	wantSame(t, "the record", s.record(t, "prod"), c)
	s.wantSecret(t, "prod", compute.AuthoritySecret)
}

func testSecretsOfClusters(t *testing.T, s suite) {
	// Names that could be taken for one another where a cluster's and a secret's are joined.
	pairs := [][2]string{{"prod", "a"}, {"prod", "a-b"}, {"prod-a", "b"}, {"prod-a", "a"}, {"prod.a", "a"}, {"prodA", "a"}, {"pro", "a"}}
	for _, p := range pairs {
		s.cluster(t, p[0])
		s.putSecret(t, p[0], p[1])
	}
	for _, p := range pairs {
		s.wantSecret(t, p[0], p[1])
	}
	s.wantNoSecret(t, "prod", "b")
	s.wantNoSecret(t, "prod-a", "a-b")
	must(t, s.Driver.DeleteCluster(t.Context(), "prod"))
	s.wantNoSecret(t, "prod", "a")
	s.wantNoSecret(t, "prod", "a-b")
	for _, p := range pairs[2:] {
		s.wantSecret(t, p[0], p[1])
	}
}

func testSecretsOverDelete(t *testing.T, s suite) {
	s.cluster(t, "prod")
	names := []string{compute.AuthoritySecret, compute.NodeSecret(5), compute.NodeSecret(6), "anything"}
	for _, name := range names {
		s.putSecret(t, "prod", name)
	}
	node := s.launch(t, "prod", 5)
	wantError(t, "deleting over a node", s.Driver.DeleteCluster(t.Context(), "prod"), compute.ErrInvalid)
	for _, name := range names {
		s.wantSecret(t, "prod", name)
	}
	must(t, s.Driver.Terminate(t.Context(), node.ID))
	s.awaitGone(t, "prod", 5)
	must(t, s.Driver.DeleteCluster(t.Context(), "prod"))
	// What is created under the same name later finds none of them.
	s.cluster(t, "prod")
	for _, name := range names {
		s.wantNoSecret(t, "prod", name)
	}
}

func testSecretsLeftBehind(t *testing.T, s suite) {
	// A run was cut off before it made the record, or another one while it deleted.
	for range 2 {
		s.putSecret(t, "prod", compute.AuthoritySecret)
		s.putSecret(t, "prod", compute.NodeSecret(1))
		must(t, s.Again().DeleteCluster(t.Context(), "prod"))
		s.wantNoSecret(t, "prod", compute.AuthoritySecret)
		s.wantNoSecret(t, "prod", compute.NodeSecret(1))
		must(t, s.Driver.DeleteCluster(t.Context(), "prod"))
	}
}

func testSecretOfTerminated(t *testing.T, s suite) {
	s.cluster(t, "prod")
	kept := []string{compute.AuthoritySecret, compute.NodeSecret(2), compute.NodeSecret(11), "node", "node-"}
	for _, name := range append([]string{compute.NodeSecret(1)}, kept...) {
		s.putSecret(t, "prod", name)
	}
	one, two := s.launch(t, "prod", 1), s.launch(t, "prod", 2)
	must(t, s.Driver.Stop(t.Context(), one.ID))
	s.await(t, "prod", 1, compute.StateStopped)
	s.wantSecret(t, "prod", compute.NodeSecret(1))
	must(t, s.Driver.Terminate(t.Context(), one.ID))
	s.wantNoSecret(t, "prod", compute.NodeSecret(1))
	for _, name := range kept {
		s.wantSecret(t, "prod", name)
	}
	must(t, s.Driver.Terminate(t.Context(), one.ID))
	must(t, s.Driver.Terminate(t.Context(), two.ID)) // It runs.
	s.wantNoSecret(t, "prod", compute.NodeSecret(2))
	s.wantSecret(t, "prod", compute.NodeSecret(11))
}

// testSecretReplaced: a reader sees one value or the other, whole.
func testSecretReplaced(t *testing.T, s suite) {
	values := [][]byte{bytes.Repeat([]byte{'a'}, compute.MaxSecretBytes), bytes.Repeat([]byte{'b'}, compute.MaxSecretBytes/2)}
	must(t, s.Driver.PutSecret(t.Context(), "prod", "ca", values[0]))
	done := make(chan struct{})
	var reading sync.WaitGroup
	again := s.Again()
	reading.Go(func() {
		for {
			got, err := again.Secret(t.Context(), "prod", "ca")
			if err != nil || !bytes.Equal(got, values[0]) && !bytes.Equal(got, values[1]) {
				t.Errorf("while it is replaced, the secret has %d bytes, %v", len(got), err)
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	errs := race(2, func(i int) error {
		for range 10 {
			if err := s.Driver.PutSecret(t.Context(), "prod", "ca", values[i]); err != nil {
				return err
			}
		}
		return nil
	})
	close(done)
	reading.Wait()
	for _, err := range errs {
		must(t, err)
	}
}
