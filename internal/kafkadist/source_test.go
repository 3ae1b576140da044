package kafkadist

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

const version = "4.2.1"

// home makes a distribution with these jars.
func home(t *testing.T, jars ...string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "libs"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, jar := range jars {
		if err := os.WriteFile(filepath.Join(dir, "libs", jar), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestHome(t *testing.T) {
	apache := home(t, "jackson-core-2.16.2.jar", "kafka-clients-4.2.1.jar", "kafka_2.13-4.2.1.jar")
	split := home(t, "kafka-server-common-4.9.9.jar", "kafka-server-4.2.1.jar")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	several := t.TempDir()
	for _, v := range []string{"4.2.1", "4.3.1"} {
		if err := os.Symlink(home(t, "kafka_2.13-"+v+".jar"), filepath.Join(several, "kafka-"+v)); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		home, version string
		says          []string
	}{
		"Apache's archive":              {apache, "4.2.1", nil},
		"by the server's own jar":       {split, "4.2.1", nil},
		"another version":               {apache, "4.3.1", []string{"4.3.1", "4.2.1", apache, "{version}"}},
		"one of several":                {several + "/kafka-{version}", "4.3.1", nil},
		"none of several":               {several + "/kafka-{version}", "4.1.2", []string{several + "/kafka-4.1.2", "libs/*.jar"}},
		"a folder that is not there":    {"/no/such/kafka", "4.2.1", []string{"/no/such/kafka", "libs/*.jar"}},
		"a folder without the jar":      {home(t, "other.jar"), "4.2.1", []string{"libs/kafka_2.13-<version>.jar"}},
		"a file":                        {file, "4.2.1", []string{file}},
		"a version that is no number":   {apache, "latest", []string{`"latest"`, "4.3.1"}},
		"a version of two numbers":      {apache, "4.2", []string{`"4.2"`}},
		"a version that is a path":      {apache, "../4.2.1", []string{`"../4.2.1"`}},
		"a version before KRaft":        {home(t, "kafka_2.13-3.9.1.jar"), "3.9.1", []string{"3.9.1", "too old", "4.0.0"}},
		"a pre-release of that version": {home(t, "kafka_2.13-4.2.1-rc1.jar"), "4.2.1", []string{"not a Kafka home"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := Source{Home: test.home}
			err := s.Check(t.Context(), test.version)
			got, ensureErr := s.Ensure(t.Context(), test.version)
			if test.says == nil {
				if err != nil || ensureErr != nil || got != strings.ReplaceAll(test.home, "{version}", test.version) {
					t.Errorf("Check: %v, Ensure: %q, %v", err, got, ensureErr)
				}
				return
			}
			for _, err := range []error{err, ensureErr} {
				wantInvalid(t, err, test.says...)
			}
		})
	}
}

func TestCheckOfADownloadAsksNobody(t *testing.T) {
	if err := (Source{URL: "http://127.0.0.1:1/{version}.tgz"}).Check(t.Context(), version); err != nil {
		t.Error(err)
	}
	if err := (Source{}).Check(t.Context(), version); err != nil {
		t.Error(err)
	}
	wantInvalid(t, Source{URL: "ftp://kafka/{version}.tgz"}.Check(t.Context(), version), "ftp://kafka/4.2.1.tgz", "http")
	wantInvalid(t, Source{URL: "kafka.tgz"}.Check(t.Context(), version), "kafka.tgz")
	wantInvalid(t, Source{SHA512: map[string]string{version: "abc"}}.Check(t.Context(), version), "abc", "128")
}

func wantInvalid(t *testing.T, err error, says ...string) {
	t.Helper()
	if !errors.Is(err, compute.ErrInvalid) {
		t.Errorf("error %v, want one that wraps ErrInvalid", err)
	}
	wantText(t, err, says...)
}

func wantText(t *testing.T, err error, says ...string) {
	t.Helper()
	for _, text := range says {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("error %v does not say %q", err, text)
		}
	}
}

// entry is one entry of a test archive.
type entry struct {
	name string
	kind byte
	text string
}

// archive makes a tar.gz.
func archive(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var buffer bytes.Buffer
	zipped := gzip.NewWriter(&buffer)
	files := tar.NewWriter(zipped)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.kind, Mode: 0o755, Size: int64(len(e.text))}
		if e.kind == tar.TypeSymlink || e.kind == tar.TypeLink {
			h.Linkname, h.Size, e.text = e.text, 0, ""
		}
		if err := files.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := files.Write([]byte(e.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(files.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

func kafka(t *testing.T) []byte {
	t.Helper()
	return archive(t,
		entry{"kafka_2.13-4.2.1/", tar.TypeDir, ""},
		entry{"kafka_2.13-4.2.1/libs/kafka_2.13-4.2.1.jar", tar.TypeReg, strings.Repeat("jar", 5000)},
		entry{"./kafka_2.13-4.2.1/bin/kafka-run-class.sh", tar.TypeReg, "#!/bin/sh"},
	)
}

func sumOfBytes(content []byte) string {
	sum := sha512.Sum512(content)
	return hex.EncodeToString(sum[:])
}

// mirror is a download server whose behaviour a test can bend.
type mirror struct {
	content []byte
	// sum is the text beside the archive; "" is the right sum.
	sum string
	// bend may answer a request for the archive in another way; it returns false to leave it to the mirror.
	bend func(w http.ResponseWriter, r *http.Request, n int) bool

	archives, sums atomic.Int32
	ranges         sync.Map
}

func (m *mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/4.2.1/kafka-4.2.1.tgz":
		n := int(m.archives.Add(1))
		m.ranges.Store(n, r.Header.Get("Range"))
		if m.bend == nil || !m.bend(w, r, n) {
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(m.content))
		}
	case "/4.2.1/kafka-4.2.1.tgz.sha512":
		m.sums.Add(1)
		text := m.sum
		if text == "" {
			text = sumOfBytes(m.content) + "  kafka-4.2.1.tgz\n"
		}
		_, _ = w.Write([]byte(text))
	default:
		http.NotFound(w, r)
	}
}

func (m *mirror) rangeOf(request int) string {
	value, _ := m.ranges.Load(request)
	return fmt.Sprint(value)
}

// source returns a Source that downloads from the mirror into a new cache.
func (m *mirror) source(t *testing.T) Source {
	t.Helper()
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	client := retryablehttp.NewClient()
	client.Logger, client.RetryMax = nil, 2
	client.RetryWaitMin, client.RetryWaitMax = time.Millisecond, time.Millisecond
	return Source{URL: server.URL + "/{version}/kafka-{version}.tgz", CacheDir: filepath.Join(t.TempDir(), "cache"), HTTP: client}
}

// part is where a download is kept until it is whole.
func part(s Source) string { return filepath.Join(s.CacheDir, "kafka-4.2.1.tgz.part") }

func ensure(t *testing.T, s Source) {
	t.Helper()
	got, err := s.Ensure(t.Context(), version)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(s.CacheDir, version); got != want {
		t.Errorf("home %s, want %s", got, want)
	}
	jar, err := os.ReadFile(filepath.Join(got, "libs", "kafka_2.13-4.2.1.jar"))
	if err != nil || string(jar) != strings.Repeat("jar", 5000) {
		t.Errorf("the jar has %d bytes, %v", len(jar), err)
	}
	if info, err := os.Stat(filepath.Join(got, "bin", "kafka-run-class.sh")); err != nil || info.Mode().Perm()&0o100 == 0 {
		t.Errorf("the script: %v, %v", info, err)
	}
	for _, left := range []string{part(s), filepath.Join(s.CacheDir, "4.2.1.tmp")} {
		if _, err := os.Stat(left); err == nil {
			t.Errorf("%s is left", left)
		}
	}
}

func TestDownloadOnce(t *testing.T) {
	m := &mirror{content: kafka(t)}
	s := m.source(t)
	ensure(t, s)
	ensure(t, s)
	if m.archives.Load() != 1 || m.sums.Load() != 1 {
		t.Errorf("asked for the archive %d times and for the sum %d times, want once", m.archives.Load(), m.sums.Load())
	}
}

func TestManyWantOneDownload(t *testing.T) {
	m := &mirror{content: kafka(t)}
	s := m.source(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := s.Ensure(t.Context(), version); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	ensure(t, s)
	if n := m.archives.Load(); n != 1 {
		t.Errorf("asked for the archive %d times, want once", n)
	}
}

func TestTheWaitForAnotherDownloadCanBeCancelled(t *testing.T) {
	started, finish := make(chan struct{}), make(chan struct{})
	m := &mirror{content: kafka(t), bend: func(http.ResponseWriter, *http.Request, int) bool {
		close(started)
		<-finish
		return false
	}}
	s := m.source(t)
	first := make(chan error)
	go func() {
		_, err := s.Ensure(t.Context(), version)
		first <- err
	}()
	<-started
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := s.Ensure(ctx, version); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting: %v", err)
	}
	close(finish)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

func TestTheConfiguredSumIsEnough(t *testing.T) {
	m := &mirror{content: kafka(t)}
	s := m.source(t)
	s.SHA512 = map[string]string{version: strings.ToUpper(sumOfBytes(m.content))}
	ensure(t, s)
	if m.sums.Load() != 0 {
		t.Error("asked for the sum in spite of the configured one")
	}
}

func TestResume(t *testing.T) {
	content := kafka(t)
	half := len(content) / 2
	rest := fmt.Sprintf("bytes=%d-", half)
	for name, test := range map[string]struct {
		have     []byte
		bend     func(http.ResponseWriter, *http.Request, int) bool
		requests int32
		ranges   []string
	}{
		"a part is continued": {have: content[:half], requests: 1, ranges: []string{rest}},
		"a server that ignores ranges starts over": {have: content[:half], requests: 1, ranges: []string{rest},
			bend: func(w http.ResponseWriter, _ *http.Request, _ int) bool { _, _ = w.Write(content); return true }},
		"what is whole is not asked for":           {have: content, requests: 0},
		"a part longer than the file is abandoned": {have: append(bytes.Clone(content), 'x'), requests: 2, ranges: []string{fmt.Sprintf("bytes=%d-", len(content)+1), ""}},
		"a range that was not asked for is not appended": {have: content[:half], requests: 2, ranges: []string{rest, ""},
			bend: func(w http.ResponseWriter, _ *http.Request, n int) bool {
				if n == 1 {
					w.Header().Set("Content-Range", fmt.Sprintf("bytes 1-%d/%d", len(content)-1, len(content)))
					w.WriteHeader(http.StatusPartialContent)
					_, _ = w.Write(content[1:])
				}
				return n == 1
			}},
		"a connection that breaks is continued": {requests: 2, ranges: []string{"", rest},
			bend: func(w http.ResponseWriter, _ *http.Request, n int) bool {
				if n == 1 {
					w.Header().Set("Content-Length", strconv.Itoa(len(content)))
					_, _ = w.Write(content[:half])
				}
				return n == 1
			}},
		"a server that is busy is asked again": {requests: 2, ranges: []string{"", ""},
			bend: func(w http.ResponseWriter, _ *http.Request, n int) bool {
				if n == 1 {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
				return n == 1
			}},
	} {
		t.Run(name, func(t *testing.T) {
			m := &mirror{content: content, bend: test.bend}
			s := m.source(t)
			if test.have != nil {
				if err := errors.Join(os.MkdirAll(s.CacheDir, 0o700), os.WriteFile(part(s), test.have, 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			ensure(t, s)
			if m.archives.Load() != test.requests {
				t.Errorf("asked %d times, want %d", m.archives.Load(), test.requests)
			}
			for i, want := range test.ranges {
				if got := m.rangeOf(i + 1); got != want {
					t.Errorf("request %d is for %q, want %q", i+1, got, want)
				}
			}
		})
	}
}

func TestABrokenDownloadIsKeptForTheNextRun(t *testing.T) {
	content := kafka(t)
	broken := true
	m := &mirror{content: content, bend: func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if broken {
			w.Header().Set("Content-Length", strconv.Itoa(len(content)))
			if r.Header.Get("Range") == "" {
				_, _ = w.Write(content[:100])
			} else {
				w.Header().Set("Content-Range", fmt.Sprintf("bytes 100-%d/%d", len(content)-1, len(content)))
				w.Header().Set("Content-Length", strconv.Itoa(len(content)-100))
				w.WriteHeader(http.StatusPartialContent)
			}
		}
		return broken
	}}
	s := m.source(t)
	_, err := s.Ensure(t.Context(), version)
	wantText(t, err, s.url(version), "broke", "next run")
	if info, err := os.Stat(part(s)); err != nil || info.Size() != 100 {
		t.Errorf("kept: %v, %v", info, err)
	}
	broken = false
	ensure(t, s)
}

func TestAWrongSumRemovesTheDownload(t *testing.T) {
	m := &mirror{content: kafka(t)}
	s := m.source(t)
	wrong := strings.Repeat("ab", 64)
	s.SHA512 = map[string]string{version: wrong}
	_, err := s.Ensure(t.Context(), version)
	wantText(t, err, wrong, sumOfBytes(m.content), s.url(version))
	if _, err := os.Stat(part(s)); err == nil {
		t.Error("the wrong file is kept")
	}
	s.SHA512 = nil
	ensure(t, s)
}

func TestAnUnknownVersion(t *testing.T) {
	s := (&mirror{content: kafka(t)}).source(t)
	_, err := s.Ensure(t.Context(), "4.99.0")
	wantInvalid(t, err, "4.99.0", "404", "/4.99.0/kafka-4.99.0.tgz")
	s.SHA512 = map[string]string{"4.99.0": strings.Repeat("ab", 64)}
	_, err = s.Ensure(t.Context(), "4.99.0")
	wantInvalid(t, err, "4.99.0", "404")
}

func TestAForbiddenDownload(t *testing.T) {
	m := &mirror{content: kafka(t), bend: func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		w.WriteHeader(http.StatusForbidden)
		return true
	}}
	_, err := m.source(t).Ensure(t.Context(), version)
	wantText(t, err, "403")
	if errors.Is(err, compute.ErrInvalid) {
		t.Errorf("%v says that the version is invalid", err)
	}
}

func TestAFullDisk(t *testing.T) {
	s := (&mirror{content: kafka(t)}).source(t)
	if err := errors.Join(os.MkdirAll(s.CacheDir, 0o700), os.Symlink("/dev/full", part(s))); err != nil {
		t.Fatal(err)
	}
	_, err := s.Ensure(t.Context(), version)
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("the error %v does not wrap ENOSPC", err)
	}
	wantText(t, err, s.CacheDir, "full", "kept")
	if _, err := os.Lstat(part(s)); err != nil {
		t.Errorf("the part is not kept: %v", err)
	}
}

func TestHostileArchives(t *testing.T) {
	jar := entry{"kafka/libs/kafka_2.13-4.2.1.jar", tar.TypeReg, "x"}
	for name, entries := range map[string][]entry{
		"a path upwards":         {jar, {"kafka/../../evil", tar.TypeReg, "x"}},
		"an absolute path":       {jar, {"/kafka/evil", tar.TypeReg, "x"}},
		"a symbolic link":        {jar, {"kafka/link", tar.TypeSymlink, "/tmp"}},
		"a hard link":            {jar, {"kafka/evil", tar.TypeLink, "/etc/passwd"}},
		"a device":               {jar, {"kafka/evil", tar.TypeChar, ""}},
		"another version inside": {{"kafka/libs/kafka_2.13-4.3.1.jar", tar.TypeReg, "x"}},
		"no Kafka inside":        {{"kafka/readme", tar.TypeReg, "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := (&mirror{content: archive(t, entries...)}).source(t)
			_, err := s.Ensure(t.Context(), version)
			wantInvalid(t, err)
			for _, path := range []string{filepath.Join(s.CacheDir, version), filepath.Join(s.CacheDir, "4.2.1.tmp"), filepath.Join(s.CacheDir, "..", "evil"), filepath.Join(s.CacheDir, "evil")} {
				if _, err := os.Lstat(path); err == nil {
					t.Errorf("%s was made", path)
				}
			}
		})
	}
}

func TestNoArchive(t *testing.T) {
	_, err := (&mirror{content: []byte("<html>maintenance</html>")}).source(t).Ensure(t.Context(), version)
	wantInvalid(t, err, "gzip")
}

func TestAnInterruptedUnpackingIsDoneAgain(t *testing.T) {
	s := (&mirror{content: kafka(t)}).source(t)
	for _, left := range []string{"4.2.1.tmp/libs", "4.2.1/libs"} {
		if err := os.MkdirAll(filepath.Join(s.CacheDir, left), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	ensure(t, s)
}

func TestParseSum(t *testing.T) {
	sum := sumOfBytes([]byte("kafka"))
	grouped := ""
	for i := 0; i < len(sum); i += 8 {
		if grouped += " " + strings.ToUpper(sum[i:i+8]); i%32 == 24 {
			grouped += "\n   "
		}
	}
	for name, text := range map[string]string{
		"sha512sum":         sum + "  kafka_2.13-4.2.1.tgz\n",
		"sha512sum, binary": sum + " *kafka_2.13-4.2.1.tgz\n",
		"the sum alone":     sum,
		"gpg":               "kafka_2.13-4.2.1.tgz:" + grouped + "\n",
		"gpg, broken line":  "kafka_2.13-4.2.1.tgz:\n" + grouped,
		"BSD":               "SHA512 (kafka_2.13-4.2.1.tgz) = " + sum + "\n",
	} {
		if got, ok := parseSum(text); !ok || got != sum {
			t.Errorf("%s: %q, %t", name, got, ok)
		}
	}
	for _, text := range []string{"", "<html>not found</html>", sum[:127], sum + "a", "x: " + strings.Repeat("zz ", 64)} {
		if got, ok := parseSum(text); ok {
			t.Errorf("%q was read as %q", text, got)
		}
	}
}

func TestASumFileThatIsNone(t *testing.T) {
	m := &mirror{content: kafka(t), sum: "<html>welcome to the proxy</html>"}
	_, err := m.source(t).Ensure(t.Context(), version)
	wantText(t, err, ".sha512", "holds no SHA-512")
	if m.archives.Load() != 0 {
		t.Error("downloaded what cannot be verified")
	}
}

// TestThePasswordOfTheAddressIsNeverShown, whatever goes wrong.
func TestThePasswordOfTheAddressIsNeverShown(t *testing.T) {
	withPassword := func(s Source) Source {
		s.URL = strings.Replace(s.URL, "http://", "http://reader:hunter2@", 1)
		return s
	}
	good := (&mirror{content: kafka(t)}).source(t)
	missing, elsewhere, wrong, gone := withPassword(good), withPassword(good), withPassword(good), withPassword(good)
	missing.URL = strings.Replace(missing.URL, "{version}/", "none/", 1)
	elsewhere.URL = strings.Replace(elsewhere.URL, "http://", "ftp://", 1)
	wrong.SHA512 = map[string]string{version: strings.Repeat("0", 128)}
	gone.URL = "http://reader:hunter2@127.0.0.1:1/{version}.tgz"
	for name, s := range map[string]Source{
		"not there": missing, "not http": elsewhere, "another file": wrong, "nobody answers": gone, "no address": {URL: "http://reader:hunter2@[::1/{version}"},
		"no archive": withPassword((&mirror{content: []byte("none")}).source(t)), "no sum": withPassword((&mirror{content: kafka(t), sum: "none"}).source(t)),
	} {
		if _, err := s.Ensure(t.Context(), version); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	ensure(t, withPassword(good))
}
