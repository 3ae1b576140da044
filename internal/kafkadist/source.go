// Package kafkadist finds or gets a Kafka distribution: a folder with libs/*.jar.
package kafkadist

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

// DefaultURL is where a distribution is downloaded from when a Source has no URL of its own. Apache's archive keeps every release.
const DefaultURL = "https://archive.apache.org/dist/kafka/{version}/kafka_2.13-{version}.tgz"

// versionMark is replaced by the Kafka version in Source.Home and Source.URL.
const versionMark = "{version}"

// Source says where Kafka distributions come from. The zero value downloads from Apache's archive into the user's cache folder.
// A Source is safe for concurrent use, also by several processes that share a CacheDir.
type Source struct {
	// Home is a folder with libs/*.jar, or a template of such a path with {version} in it. When it is set, nothing is downloaded.
	Home string
	// URL is the template of the archive's address, a tar.gz; "" means DefaultURL.
	URL string
	// SHA512 holds the expected sum of the archive by Kafka version, in hexadecimal digits. A version without an entry is
	// checked against the file that lies beside the archive, at the URL with ".sha512" added.
	SHA512 map[string]string
	// CacheDir is where distributions are unpacked, one folder a version; "" means kafkafleet/kafka in the user's cache folder.
	CacheDir string
	// HTTP makes the requests; nil means a client that retries for about half a minute.
	HTTP *retryablehttp.Client
}

var (
	versionFormat = regexp.MustCompile(`^(\d{1,4})\.\d{1,4}\.\d{1,4}$`)
	sumFormat     = regexp.MustCompile(`^[0-9a-fA-F]{128}$`)
	brokerJar     = regexp.MustCompile(`^kafka(?:_\d+\.\d+|-server)-(\d+\.\d+\.\d+)\.jar$`)
)

// Check says whether Ensure can be expected to succeed, without downloading anything: whether version can be run by this
// product at all, and whether the configured Home holds it. Its errors wrap compute.ErrInvalid.
func (s Source) Check(_ context.Context, version string) error {
	if err := checkVersion(version); err != nil {
		return err
	}
	if s.Home != "" {
		return checkHome(s.home(version), version)
	}
	if u, err := url.Parse(s.url(version)); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("%w: the download address of Kafka, %q, is not an http or https URL", compute.ErrInvalid, s.shown(version))
	}
	if sum, ok := s.SHA512[version]; ok && !sumFormat.MatchString(sum) {
		return fmt.Errorf("%w: the SHA-512 given for Kafka %s is %q; it must be 128 hexadecimal digits", compute.ErrInvalid, version, sum)
	}
	return nil
}

// Ensure returns the folder of the distribution of this version, after downloading it where that is necessary. Errors
// that wrap compute.ErrInvalid will come again until the configuration is changed.
func (s Source) Ensure(ctx context.Context, version string) (home string, err error) {
	if err := s.Check(ctx, version); err != nil {
		return "", err
	}
	if s.Home != "" {
		return s.home(version), nil
	}
	return s.cached(ctx, version)
}

// checkVersion refuses what is not a release's full number, and releases before 4.0: fleets need KRaft with a dynamic quorum.
func checkVersion(version string) error {
	m := versionFormat.FindStringSubmatch(version)
	if m == nil {
		return fmt.Errorf(`%w: %q is not a Kafka version; write all three numbers of a release, such as "4.3.1"`, compute.ErrInvalid, version)
	}
	if major, err := strconv.Atoi(m[1]); err != nil || major < 4 {
		return fmt.Errorf("%w: Kafka %s is too old: the controllers form a dynamic KRaft quorum, which needs 4.0.0 or newer", compute.ErrInvalid, version)
	}
	return nil
}

// checkHome refuses a folder that is not a Kafka distribution of this version.
func checkHome(home, version string) error {
	found, err := versionOf(home)
	if err != nil {
		return err
	}
	if found != version {
		return fmt.Errorf("%w: the Kafka home %s holds Kafka %s, and %s was asked for; give the home of that version, "+
			"or a path with {version} in it to keep several side by side", compute.ErrInvalid, home, found, version)
	}
	return nil
}

// versionOf returns the version of the distribution in home, as the name of the broker's own jar tells it.
func versionOf(home string) (string, error) {
	const shape = "a Kafka home is a folder with libs/*.jar, among them libs/kafka_2.13-<version>.jar, as Apache Kafka's archive unpacks to"
	jars, err := os.ReadDir(filepath.Join(home, "libs"))
	if err != nil {
		return "", fmt.Errorf("%w: %s is not a Kafka home: %w; %s", compute.ErrInvalid, home, err, shape)
	}
	for _, jar := range jars {
		if m := brokerJar.FindStringSubmatch(jar.Name()); m != nil {
			return m[1], nil
		}
	}
	return "", fmt.Errorf("%w: %s is not a Kafka home: none of the %d files in its libs folder is the broker's jar; %s", compute.ErrInvalid, home, len(jars), shape)
}

func (s Source) home(version string) string {
	return strings.ReplaceAll(s.Home, versionMark, version)
}

func (s Source) url(version string) string {
	template := s.URL
	if template == "" {
		template = DefaultURL
	}
	return strings.ReplaceAll(template, versionMark, version)
}

// shown is the address for a message: without the password that it may have.
func (s Source) shown(version string) string {
	u, err := url.Parse(s.url(version))
	if err != nil {
		return "(an address that cannot be read)"
	}
	return u.Redacted()
}
