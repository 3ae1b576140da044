//go:build linux

package room

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	// metadataAddress is on the machine's own loopback interface.
	metadataAddress = "127.0.0.1:1338"
	// metadataEnv has what there is to say: id, address, zone, region, type.
	metadataEnv = "ROOM_INSTANCE"
	// announced is the directory, in that of the machine, which has what else there is to say, by path.
	announced = "metadata"
	token     = "a session of IMDSv2"
)

// ServeMetadata is for the beginning of TestMain: where the process was started as a machine's metadata service it is that until its end, and does
// not return.
func ServeMetadata() {
	instance, found := os.LookupEnv(metadataEnv)
	if !found {
		return
	}
	if err := http.ListenAndServe(metadataAddress, metadata(strings.Split(instance, ","), filepath.Join(os.Getenv("ROOM_DIR"), announced))); err != nil { //nolint:gosec // On its own loopback interface.
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(1)
}

// metadata answers as IMDSv2 does: not without a session.
func metadata(i []string, dir string) http.Handler {
	credentials, err := json.Marshal(map[string]any{
		"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "node", "SecretAccessKey": "node", "Token": "node",
		"LastUpdated": time.Now().UTC().Format(time.RFC3339), "Expiration": time.Now().Add(6 * time.Hour).UTC().Format(time.RFC3339),
	})
	if err != nil {
		panic(err)
	}
	document, err := json.Marshal(map[string]string{"instanceId": i[0], "privateIp": i[1], "availabilityZone": i[2], "region": i[3], "instanceType": i[4]})
	if err != nil {
		panic(err)
	}
	values := map[string]string{
		"/latest/meta-data/instance-id":                   i[0],
		"/latest/meta-data/local-ipv4":                    i[1],
		"/latest/meta-data/placement/availability-zone":   i[2],
		"/latest/meta-data/placement/region":              i[3],
		"/latest/meta-data/instance-type":                 i[4],
		"/latest/meta-data/iam/security-credentials/":     "node",
		"/latest/meta-data/iam/security-credentials/node": string(credentials),
		"/latest/dynamic/instance-identity/document":      string(document),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && r.URL.Path == "/latest/api/token" {
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
			_, _ = io.WriteString(w, token)
			return
		}
		value, found := values[r.URL.Path]
		if text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(strings.TrimPrefix(r.URL.Path, "/latest/meta-data/")))); err == nil { //nolint:gosec // A test's own file.
			value, found = string(text), true
		}
		switch {
		case r.Header.Get("X-Aws-Ec2-Metadata-Token") != token:
			http.Error(w, "no session", http.StatusUnauthorized)
		case !found:
			http.NotFound(w, r)
		default:
			_, _ = io.WriteString(w, value)
		}
	})
}
