package aws

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
)

// TestWhatTheMetadataServiceAnnounces, in the words that AWS documents
// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html).
func TestWhatTheMetadataServiceAnnounces(t *testing.T) {
	const (
		spot        = "/latest/meta-data/spot/instance-action"
		maintenance = "/latest/meta-data/events/maintenance/scheduled"
		rebalance   = "/latest/meta-data/events/recommendations/rebalance"

		takenBack = `{"action":"terminate","time":"2026-12-01T10:00:00Z"}`
		likely    = `{"noticeTime": "2026-12-01T09:00:00Z"}`
		retired   = `[{"NotBefore":"21 Jan 2027 09:00:43 GMT","Code":"instance-retirement","Description":"x","EventId":"instance-event-0","NotAfter":"21 Jan 2027 09:17:23 GMT","State":"active"}]`
		completed = `[{"NotBefore":"21 Jan 2026 09:00:43 GMT","Code":"system-reboot","Description":"[Completed] x","EventId":"instance-event-1","NotAfter":"21 Jan 2026 09:17:23 GMT","State":"completed"}]`
	)
	for name, c := range map[string]struct {
		says  map[string]string
		want  string
		fails bool
	}{
		"nothing":                 {},
		"a spot notice":           {says: map[string]string{spot: takenBack, rebalance: likely}, want: "EC2 takes this spot instance back (terminate) at 2026-12-01T10:00:00Z"},
		"a recommendation":        {says: map[string]string{rebalance: likely}, want: "EC2 is likely to take this spot instance back, by its recommendation of 2026-12-01T09:00:00Z"},
		"a retirement":            {says: map[string]string{maintenance: retired}, want: "AWS has scheduled instance-retirement for 21 Jan 2027 09:00:43 GMT"},
		"an event that was":       {says: map[string]string{maintenance: completed}},
		"no events":               {says: map[string]string{maintenance: "[]"}},
		"what nobody understands": {says: map[string]string{spot: "soon"}, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				text, found := c.says[r.URL.Path]
				switch {
				case strings.HasSuffix(r.URL.Path, "/api/token"):
					w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "60")
					_, _ = io.WriteString(w, "token")
				case !found:
					http.NotFound(w, r)
				default:
					_, _ = io.WriteString(w, text)
				}
			}))
			defer server.Close()
			got, err := notice(t.Context(), imds.New(imds.Options{Endpoint: server.URL}))
			if got != c.want || (err != nil) != c.fails {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
}
