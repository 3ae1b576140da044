package acceptance

import (
	"encoding/json"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// rollout is what the provider says of a rollout when it is done, beside what its plan said of it before.
type rollout struct {
	Rollout        string  `json:"rollout"`
	BytesPredicted int64   `json:"bytes_predicted"`
	BytesMoved     int64   `json:"bytes_moved"`
	SPredicted     float64 `json:"s_predicted"`
	SActual        float64 `json:"s_actual"`
}

var field = regexp.MustCompile(`(\w+)=("[^"]*"|\S+)`)

// rollouts reads them from a provider's log. One that had no forecast (it was planned while something was unknown) is left out.
func rollouts(name, log string) []rollout {
	var out []rollout
	for line := range strings.Lines(log) {
		_, fields, done := strings.Cut(line, "rollout done:")
		if !done {
			continue
		}
		values := map[string]float64{}
		group := ""
		for _, f := range field.FindAllStringSubmatch(fields, -1) {
			text := strings.Trim(f[2], `"`)
			if f[1] == "group" {
				group = text
			}
			if v, err := strconv.ParseFloat(text, 64); err == nil {
				values[f[1]] = v
			}
		}
		if _, forecast := values["s_predicted"]; forecast {
			out = append(out, rollout{
				name + "/" + group, int64(values["bytes_predicted"]), int64(values["bytes_moved"]), values["s_predicted"], values["s_actual"],
			})
		}
	}
	return out
}

// record prints a rollout as a line of JSON, and adds it to the file that KAFKAFLEET_ROLLOUTS names.
func (w *workspace) record(r rollout) {
	w.t.Helper()
	line, err := json.Marshal(r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Logf("%s", line)
	path := os.Getenv("KAFKAFLEET_ROLLOUTS")
	if path == "" {
		return
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = f.Write(append(line, '\n'))
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		w.t.Errorf("KAFKAFLEET_ROLLOUTS: %v", err)
	}
}

func TestRolloutsAreReadFromTheLog(t *testing.T) {
	log := `2026-11-25T13:31:15.123Z [INFO]  provider.x: step: bytes=0 cluster=acc group=main
2026-11-25T13:31:16.123Z [INFO]  provider.x: rollout done: bytes_moved=1500 bytes_predicted=1600 cluster=acc group=main nodes_launched=3 s_actual=61.5 s_predicted=60 steps=30 tf_resource_type=kafkafleet_broker_group
2026-11-25T13:31:17.123Z [INFO]  provider.x: rollout done: bytes_moved=0 cluster=acc group=other s_actual=1
`
	got := rollouts("TestX", log)
	want := rollout{"TestX/main", 1600, 1500, 60, 61.5}
	if len(got) != 1 || got[0] != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
