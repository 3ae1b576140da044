package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/hashicorp/go-cleanhttp"
	"github.com/hashicorp/go-retryablehttp"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// maxWords is how many characters of a text of somebody else's an error shows.
const maxWords = 300

// OAuth is where the token of OAUTHBEARER comes from: the client credentials grant (RFC 6749, section 4.4).
type OAuth struct {
	// TokenEndpoint is an https address; http is for tests on this machine.
	TokenEndpoint string
	// ClientID and ClientSecret go into the Authorization header or, where the endpoint does not take that, into the form.
	ClientID, ClientSecret string
	// Scopes are asked for; nil for those that the endpoint gives by default.
	Scopes []string
	// Extensions go to the broker beside the token (KIP-342), such as logicalCluster of Confluent Cloud.
	Extensions map[string]string
	// Roots are the authorities that the endpoint's certificate must come from; nil for those of the system.
	Roots *x509.CertPool
}

// source returns what fetches a token.
func (o *OAuth) source() func(context.Context) (token, error) {
	config := &clientcredentials.Config{TokenURL: o.TokenEndpoint, ClientID: o.ClientID, ClientSecret: o.ClientSecret, Scopes: o.Scopes}
	client := o.client()
	return func(ctx context.Context) (token, error) {
		t, err := config.Token(context.WithValue(ctx, oauth2.HTTPClient, client))
		if err != nil {
			return token{}, o.trouble(err)
		}
		return token{value: t.AccessToken, ends: t.Expiry}, nil
	}
}

// client repeats what may pass, verifies the endpoint's certificate and follows no redirection: that would take the secret elsewhere.
func (o *OAuth) client() *http.Client {
	transport := cleanhttp.DefaultPooledTransport()
	transport.TLSClientConfig = &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	repeating := retryablehttp.NewClient()
	repeating.Logger = nil
	repeating.RetryMax, repeating.RetryWaitMin, repeating.RetryWaitMax = 2, 200*time.Millisecond, time.Second
	repeating.ErrorHandler = retryablehttp.PassthroughErrorHandler
	repeating.HTTPClient = &http.Client{Transport: transport, CheckRedirect: stay}
	client := repeating.StandardClient()
	client.CheckRedirect = stay
	return client
}

// trouble says why the endpoint gave no token. Of its answer only the fields that are meant for people are shown, without the secret.
func (o *OAuth) trouble(err error) error {
	where := "the token endpoint " + o.TokenEndpoint
	var answer *oauth2.RetrieveError
	if errors.As(err, &answer) {
		status := answer.Response.StatusCode
		words := o.words(strings.TrimSuffix(answer.ErrorCode+": "+answer.ErrorDescription, ": "))
		said := fmt.Sprintf("%s answers %s", where, answer.Response.Status)
		if words != "" {
			said += " (" + words + ")"
		}
		switch {
		case status >= 300 && status < 400:
			return &tokenError{refused: true, text: said + ", and a redirection is not followed, since it would take the client's secret along; give the address that it leads to"}
		case status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
			return &tokenError{refused: true, text: said + "; it is no token endpoint: give the one that the identity provider's documents name"}
		case status >= 500 || status == http.StatusTooManyRequests:
			return &tokenError{text: said + "; nothing was asked of Kafka. Try again when the identity provider works"}
		case answer.ErrorCode == "invalid_scope":
			return &tokenError{refused: true, text: fmt.Sprintf("%s; it gives client %q no token for the scopes %q: correct them, or allow them to the client", said, o.ClientID, o.Scopes)}
		}
		return &tokenError{refused: true, text: fmt.Sprintf("%s; it gives client %q no token: check the client's id and secret, and that it may use the client credentials grant", said, o.ClientID)}
	}
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) {
		text := certificateText(where, certificate, "the CA certificate of the token endpoint")
		return &tokenError{refused: true, text: text, err: certificate}
	}
	var plain tls.RecordHeaderError
	if errors.As(err, &plain) {
		return &tokenError{refused: true, text: where + " does not speak TLS; give the address of one that does"}
	}
	return &tokenError{text: fmt.Sprintf("%s gives no token: %s", where, o.words(err.Error())), err: err}
}

// words makes a text of somebody else's fit for an error: without the secret, without control characters, and not long.
func (o *OAuth) words(text string) string {
	if o.ClientSecret != "" {
		text = strings.ReplaceAll(text, o.ClientSecret, "(the secret)")
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
	if runes := []rune(text); len(runes) > maxWords {
		text = string(runes[:maxWords]) + "…"
	}
	return strings.TrimSpace(text)
}
