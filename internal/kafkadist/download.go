package kafkadist

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-cleanhttp"
	"github.com/hashicorp/go-retryablehttp"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/compute"
)

const (
	// fruitless is how many connections in a row may break without a byte before the download is given up.
	fruitless = 3
	// stall is how long a connection may stay silent before it counts as broken.
	stall = time.Minute
)

// download leaves the verified archive in file. A part of it that an earlier run has left there is continued.
func (s Source) download(ctx context.Context, version, file string) error {
	want, err := s.sum(ctx, version)
	if err != nil {
		return err
	}
	// An earlier run may have been stopped between the last byte and the unpacking.
	if info, err := os.Stat(file); err == nil && info.Size() > 0 {
		if got, err := sumOf(file); err == nil && got == want {
			return nil
		}
	}
	if err := s.fetch(ctx, version, file); err != nil {
		return err
	}
	got, err := sumOf(file)
	if err != nil {
		return fmt.Errorf("cannot verify the download of Kafka %s: %w", version, err)
	}
	if got != want {
		return errors.Join(fmt.Errorf("%s is not what it should be: its SHA-512 is %s, expected was %s; the download was removed, "+
			"run again, and if the sums differ again check the URL and the expected sum", s.shown(version), got, want), os.Remove(file))
	}
	return nil
}

// fetch copies the archive to file and goes on after each broken connection for as long as there is progress.
func (s Source) fetch(ctx context.Context, version, file string) (err error) {
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644) //nolint:gosec // A distribution is public.
	if err != nil {
		return fmt.Errorf("cannot keep the download of Kafka %s: %w", version, err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	for failures := 0; ; {
		n, err := s.fetchOnce(ctx, version, out)
		var broken *brokenConnection
		if err == nil || ctx.Err() != nil || !errors.As(err, &broken) {
			return err
		}
		if failures++; n > 0 {
			failures = 0
		}
		if failures == fruitless {
			return fmt.Errorf("downloading %s: %w; what has arrived is kept, the next run goes on from there", s.shown(version), err)
		}
	}
}

// brokenConnection is a download that ended before its end.
type brokenConnection struct{ cause error }

func (b *brokenConnection) Error() string { return "the connection broke: " + b.cause.Error() }
func (b *brokenConnection) Unwrap() error { return b.cause }

// fetchOnce asks for what is missing in out, appends it and returns how many bytes that were.
func (s Source) fetchOnce(ctx context.Context, version string, out *os.File) (int64, error) {
	info, err := out.Stat()
	if err != nil {
		return 0, fmt.Errorf("cannot resume the download of Kafka %s: %w", version, err)
	}
	have := info.Size()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	header := http.Header{}
	if have > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	res, err := s.get(ctx, s.url(version), header)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()

	switch {
	case res.StatusCode == http.StatusPartialContent && strings.HasPrefix(res.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", have)):
	case res.StatusCode == http.StatusOK && have == 0:
	case have > 0 && (res.StatusCode == http.StatusOK || res.StatusCode == http.StatusPartialContent || res.StatusCode == http.StatusRequestedRangeNotSatisfiable):
		// The server does not know ranges, or the part is of another, shorter file: start over.
		if err := out.Truncate(0); err != nil {
			return 0, fmt.Errorf("cannot start the download of Kafka %s over: %w", version, err)
		}
		if res.StatusCode != http.StatusOK {
			return 0, &brokenConnection{fmt.Errorf("the server has nothing from byte %d on", have)}
		}
	default:
		return 0, s.unexpected(version, res)
	}
	body := &watchedBody{Reader: res.Body, silent: time.AfterFunc(stall, cancel)}
	defer body.silent.Stop()
	n, err := io.Copy(out, body)
	if body.err != nil {
		return n, &brokenConnection{body.err}
	}
	if err != nil {
		return n, fmt.Errorf("cannot keep the download of Kafka %s: %w", version, err)
	}
	return n, nil
}

// watchedBody tells a failure to read from a failure to write, and ends a connection that has fallen silent.
type watchedBody struct {
	io.Reader
	silent *time.Timer
	err    error
}

func (w *watchedBody) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	w.silent.Reset(stall)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

// sum returns the expected SHA-512 of the archive in lower-case digits: the configured one, or the one published beside it.
func (s Source) sum(ctx context.Context, version string) (string, error) {
	if sum, ok := s.SHA512[version]; ok {
		return strings.ToLower(sum), nil
	}
	ctx, cancel := context.WithTimeout(ctx, stall)
	defer cancel()
	res, err := s.get(ctx, s.url(version)+".sha512", nil)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return "", s.unexpected(version, res)
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", res.Request.URL.Redacted(), err)
	}
	sum, ok := parseSum(string(text))
	if !ok {
		return "", fmt.Errorf("%s holds no SHA-512 sum; configure the sum of Kafka %s instead", res.Request.URL.Redacted(), version)
	}
	return sum, nil
}

// parseSum reads the two formats that Apache has published: sha512sum's "<sum>  <file>", and gpg's "<file>: <sum>" where the
// sum is in upper-case groups over several lines.
func parseSum(text string) (string, bool) {
	if i := strings.LastIndexAny(text, ":="); i >= 0 {
		text = text[i+1:]
	}
	var sum strings.Builder
	for _, group := range strings.Fields(text) {
		if sum.WriteString(group); sum.Len() >= 2*sha512.Size {
			break
		}
	}
	return strings.ToLower(sum.String()), sumFormat.MatchString(sum.String())
}

// sumOf returns the SHA-512 of a file in lower-case hexadecimal digits.
func sumOf(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	hash := sha512.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

func (s Source) get(ctx context.Context, url string, header http.Header) (*http.Response, error) {
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: the download address of Kafka: %w", compute.ErrInvalid, err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	client := s.HTTP
	if client == nil {
		client = defaultClient()
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("downloading Kafka: %w", err)
	}
	return res, nil
}

// defaultClient returns the client of every Source that has none of its own. It does not wait for ever for a silent server.
var defaultClient = sync.OnceValue(func() *retryablehttp.Client {
	client := retryablehttp.NewClient()
	client.Logger = nil
	transport := cleanhttp.DefaultPooledTransport()
	transport.ResponseHeaderTimeout = stall
	client.HTTPClient.Transport = transport
	return client
})

// unexpected turns an answer that is no file into an error.
func (s Source) unexpected(version string, res *http.Response) error {
	if res.StatusCode == http.StatusNotFound {
		return fmt.Errorf("%w: Kafka %s is not to be had: %s answers %s; choose a released version, or configure a Kafka home or another download URL "+
			"(and the SHA-512, where no .sha512 file lies beside the archive)", compute.ErrInvalid, version, res.Request.URL.Redacted(), res.Status)
	}
	return fmt.Errorf("downloading Kafka %s: %s answers %s", version, res.Request.URL.Redacted(), res.Status)
}
