package kafka_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka"
	"github.com/kafkafleet/terraform-provider-kafkafleet/internal/kafka/kafkatest"
)

// Who can log in to the shared cluster, besides the SASL user of kafkatest, which is a super user.
const (
	// bob has no rights at all.
	bob, bobPassword = "bob", "password-of-bob"
	// oauthClient is a super user by its token, whose subject is its name.
	oauthClient, oauthSecret = "terraform-client", "secret/of+the client"
	audience, tokenIssuer    = "kafka", "https://login.example.com"
	// mutualSubject is a super user by its certificate.
	mutualSubject = "CN=terraform-admin"
)

// The listeners of the shared cluster for tests of logins and certificates.
const (
	// listenerEncrypted is SASL_SSL with PLAIN, SCRAM and OAUTHBEARER.
	listenerEncrypted = "ENCRYPTED"
	// listenerMutual is SSL and wants a certificate of the client.
	listenerMutual = "MUTUAL"
	// listenerExpired is SSL, and the certificate of broker 3 has ended.
	listenerExpired = "EXPIRED"
)

// authority is a CA for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newAuthority(name string) *authority {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	return &authority{cert: must(x509.ParseCertificate(der)), key: key, pem: pemOf("CERTIFICATE", der)}
}

// issue returns a certificate for 127.0.0.1 that ends at a time, and its key, in PEM.
func (a *authority) issue(name string, ends time.Time) (cert, key string) {
	private := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: ends.Add(-48 * time.Hour), NotAfter: ends,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der := must(x509.CreateCertificate(rand.Reader, template, a.cert, private.Public(), a.key))
	return pemOf("CERTIFICATE", der), pemOf("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(private)))
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// client is a certificate for a client.
func (a *authority) client(name string, ends time.Time) []tls.Certificate {
	cert, key := a.issue(name, ends)
	return []tls.Certificate{must(tls.X509KeyPair([]byte(cert), []byte(key)))}
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var (
	tomorrow  = time.Now().Add(24 * time.Hour)
	yesterday = time.Now().Add(-24 * time.Hour).Truncate(time.Second)
	// ours signed the brokers' certificates; strange is another authority.
	ours, strange = newAuthority("Kafka Test CA"), newAuthority("Strange CA")
	tokenKey      = must(rsa.GenerateKey(rand.Reader, 2048))
)

// secureOptions are those of the shared cluster. Dir is where the key of tokens is put for the brokers.
func secureOptions(dir string) (kafkatest.Options, error) {
	jwks := filepath.Join(dir, "jwks.json")
	key, err := json.Marshal(map[string]any{"keys": []map[string]string{{
		"kty": "RSA", "kid": "test", "use": "sig", "alg": "RS256",
		"n": base64.RawURLEncoding.EncodeToString(tokenKey.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(tokenKey.E)).Bytes()),
	}}})
	if err != nil {
		return kafkatest.Options{}, err
	}
	if err := os.WriteFile(jwks, key, 0o600); err != nil {
		return kafkatest.Options{}, err
	}
	store := func(ends time.Time, more map[string]string) map[string]string {
		cert, key := ours.issue("broker", ends)
		settings := map[string]string{
			"ssl.keystore.type": "PEM", "ssl.keystore.certificate.chain": cert, "ssl.keystore.key": key,
			"ssl.truststore.type": "PEM", "ssl.truststore.certificates": ours.pem,
		}
		for k, v := range more {
			settings[k] = v
		}
		return settings
	}
	const scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
	const security = "org.apache.kafka.common.security."
	return kafkatest.Options{
		SASL: true,
		JVM:  []string{"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=file://" + jwks},
		Config: map[string]string{
			"allow.everyone.if.no.acl.found": "false",
			"super.users":                    "User:ANONYMOUS;User:" + kafkatest.SASLUser + ";User:" + oauthClient + ";User:" + mutualSubject,
		},
		Listeners: []kafkatest.Listener{
			{Name: listenerEncrypted, Protocol: "SASL_SSL", Config: func(int) map[string]string {
				return store(tomorrow, map[string]string{
					"sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
					"plain.sasl.jaas.config": fmt.Sprintf("%splain.PlainLoginModule required user_%s=%q user_%s=%q;",
						security, kafkatest.SASLUser, kafkatest.SASLPassword, bob, bobPassword),
					"scram-sha-256.sasl.jaas.config": scram, "scram-sha-512.sasl.jaas.config": scram,
					"oauthbearer.sasl.jaas.config":                   security + "oauthbearer.OAuthBearerLoginModule required;",
					"oauthbearer.sasl.server.callback.handler.class": security + "oauthbearer.OAuthBearerValidatorCallbackHandler",
					"oauthbearer.sasl.oauthbearer.jwks.endpoint.url": "file://" + jwks,
					"oauthbearer.sasl.oauthbearer.expected.audience": audience,
					"oauthbearer.sasl.oauthbearer.expected.issuer":   tokenIssuer,
				})
			}},
			{Name: listenerMutual, Protocol: "SSL", Config: func(int) map[string]string {
				return store(tomorrow, map[string]string{"ssl.client.auth": "required"})
			}},
			{Name: listenerExpired, Protocol: "SSL", Config: func(broker int) map[string]string {
				if broker == 3 {
					return store(yesterday, nil)
				}
				return store(tomorrow, nil)
			}},
		},
	}, nil
}

// tokenServer is an identity provider.
type tokenServer struct {
	*httptest.Server
	// given counts its tokens; latest is the last one.
	given  atomic.Int32
	latest atomic.Value
	// answer, unless nil, is given instead of a token.
	answer func(http.ResponseWriter, *http.Request)
	// claims, unless nil, changes what is in a token.
	claims func(map[string]any)
	// inForm: the client's secret has to come in the form.
	inForm bool
}

// newTokenServer starts one. A nil change is allowed.
func newTokenServer(t *testing.T, change func(*tokenServer)) *tokenServer {
	t.Helper()
	s := &tokenServer{}
	if change != nil {
		change(s)
	}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(s.serve))
	s.Config.ErrorLog = nil
	t.Cleanup(s.Close)
	return s
}

func (s *tokenServer) serve(w http.ResponseWriter, r *http.Request) {
	if s.answer != nil {
		s.answer(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	// The name and the secret are encoded as those of a form (RFC 6749, section 2.3.1).
	id, secret, ok := r.BasicAuth()
	id, secret = strings.ReplaceAll(id, "+", " "), strings.NewReplacer("%2F", "/", "%2B", "+", "+", " ").Replace(secret)
	if s.inForm || !ok {
		id, secret, ok = r.FormValue("client_id"), r.FormValue("client_secret"), s.inForm
	}
	if !ok || id != oauthClient || secret != oauthSecret || r.FormValue("grant_type") != "client_credentials" {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprintf(w, `{"error":"invalid_client","error_description":"no client with the secret %s\u001b[31m"}`, secret)
		return
	}
	now := time.Now()
	claims := map[string]any{"sub": id, "aud": audience, "iss": tokenIssuer, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "scope": r.FormValue("scope"), "jti": fmt.Sprint(s.given.Add(1))}
	if s.claims != nil {
		s.claims(claims)
	}
	token := sign(claims)
	s.latest.Store(token)
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3600})
}

// sign makes a signed token (RFC 7519).
func sign(claims map[string]any) string {
	encode := func(v any) string { return base64.RawURLEncoding.EncodeToString(must(json.Marshal(v))) }
	text := encode(map[string]string{"alg": "RS256", "kid": "test", "typ": "JWT"}) + "." + encode(claims)
	sum := sha256.Sum256([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(must(rsa.SignPKCS1v15(rand.Reader, tokenKey, crypto.SHA256, sum[:])))
}

// login is the client's login by a token of the server.
func (s *tokenServer) login() *kafka.SASL {
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return &kafka.SASL{Mechanism: kafka.MechanismOAuthBearer, OAuth: &kafka.OAuth{
		TokenEndpoint: s.URL + "/token", ClientID: oauthClient, ClientSecret: oauthSecret, Scopes: []string{"kafka", "admin"}, Roots: roots,
		Extensions: map[string]string{"logicalCluster": "lkc-1"},
	}}
}
