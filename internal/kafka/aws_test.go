package kafka

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const awsSecret = "aws-secret-access-key"

// onlyAWS lets the AWS SDK see nothing but what the test gives it: no file, no metadata of a machine.
func onlyAWS(t *testing.T, environment map[string]string) {
	t.Helper()
	none := filepath.Join(t.TempDir(), "none")
	settings := map[string]string{
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_PROFILE": "",
		"AWS_ROLE_ARN": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none,
	}
	for name, value := range environment {
		settings[name] = value
	}
	for name, value := range settings {
		t.Setenv(name, value)
	}
}

// signed reads a token of MSK: a signed URL in base64.
func signed(t *testing.T, token string) *url.URL {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(string(raw))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestAWSTokenIsSignedByTheIdentityOfTheChain(t *testing.T) {
	role := "arn:aws:iam::123456789012:role/kafka"
	asked := make(chan url.Values, 1)
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		asked <- r.PostForm
		_, _ = fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>OF-THE-ROLE</AccessKeyId>
<SecretAccessKey>%s</SecretAccessKey><SessionToken>session</SessionToken><Expiration>%s</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
			awsSecret, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	}))
	t.Cleanup(sts.Close)
	shared := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(shared, []byte("[profile kafka]\nregion = eu-west-3\naws_access_key_id = OF-THE-PROFILE\naws_secret_access_key = "+awsSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	environment := map[string]string{"AWS_ACCESS_KEY_ID": "OF-THE-ENVIRONMENT", "AWS_SECRET_ACCESS_KEY": awsSecret, "AWS_REGION": "eu-west-2", "AWS_ENDPOINT_URL_STS": sts.URL, "AWS_CONFIG_FILE": shared}
	for name, test := range map[string]struct {
		as          AWS
		key, region string
	}{
		"the environment":             {AWS{}, "OF-THE-ENVIRONMENT", "eu-west-2"},
		"the environment, elsewhere":  {AWS{Region: "eu-west-1"}, "OF-THE-ENVIRONMENT", "eu-west-1"},
		"a profile":                   {AWS{Profile: "kafka", Region: "eu-west-1"}, "OF-THE-PROFILE", "eu-west-1"},
		"a role, with an external id": {AWS{RoleARN: role, ExternalID: "x-1"}, "OF-THE-ROLE", "eu-west-2"},
	} {
		t.Run(name, func(t *testing.T) {
			onlyAWS(t, environment)
			if test.as.Profile != "" {
				t.Setenv("AWS_ACCESS_KEY_ID", "")
				t.Setenv("AWS_SECRET_ACCESS_KEY", "")
			}
			got, err := test.as.source()(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			u := signed(t, got.value)
			query := u.Query()
			if u.Host != "kafka."+test.region+".amazonaws.com" || query.Get("Action") != "kafka-cluster:Connect" || query.Get("X-Amz-Signature") == "" {
				t.Errorf("the token is for %s", u.Host)
			}
			if key := query.Get("X-Amz-Credential"); !strings.HasPrefix(key, test.key+"/") || !strings.Contains(key, "/"+test.region+"/kafka-cluster/") {
				t.Errorf("it is signed by %s, want %s in %s", key, test.key, test.region)
			}
			if left := time.Until(got.ends); left < 10*time.Minute || left > 20*time.Minute {
				t.Errorf("it ends in %s, want a quarter of an hour", left)
			}
			if test.as.RoleARN != "" {
				if form := <-asked; form.Get("RoleArn") != role || form.Get("ExternalId") != "x-1" {
					t.Errorf("the role was asked for by %v", form)
				}
			}
		})
	}
}

func TestAWSSaysWhatIsMissing(t *testing.T) {
	for name, test := range map[string]struct {
		as          AWS
		environment map[string]string
		says        string
	}{
		"no region":      {AWS{}, map[string]string{"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": awsSecret}, "no AWS region is known"},
		"no credentials": {AWS{Region: "eu-west-1"}, nil, "there are no AWS credentials for the AWS identity of the environment"},
		"no profile":     {AWS{Region: "eu-west-1", Profile: "nobody"}, nil, `the AWS configuration for the AWS profile "nobody" cannot be read`},
	} {
		t.Run(name, func(t *testing.T) {
			onlyAWS(t, test.environment)
			_, err := test.as.source()(t.Context())
			var why *tokenError
			if !errors.As(err, &why) || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), awsSecret) {
				t.Errorf("%v, want %q", err, test.says)
			}
		})
	}
}

// TestAWSTokenGoesOutByBothLibraries looks at what a broker gets: there is no MSK here.
func TestAWSTokenGoesOutByBothLibraries(t *testing.T) {
	onlyAWS(t, map[string]string{"AWS_ACCESS_KEY_ID": "OF-THE-ENVIRONMENT", "AWS_SECRET_ACCESS_KEY": awsSecret})
	fake, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	var mu sync.Mutex
	var handshakes, messages []string
	fake.ControlKey(17, func(r kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		req, ok := r.(*kmsg.SASLHandshakeRequest)
		mu.Lock()
		defer mu.Unlock()
		if ok {
			handshakes = append(handshakes, req.Mechanism)
		}
		return r.ResponseKind(), nil, true
	})
	fake.ControlKey(36, func(r kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		req, ok := r.(*kmsg.SASLAuthenticateRequest)
		mu.Lock()
		defer mu.Unlock()
		if ok {
			messages = append(messages, string(req.SASLAuthBytes))
		}
		return r.ResponseKind(), nil, true
	})
	c := New(Config{
		Bootstrap: func(context.Context) ([]string, error) { return fake.ListenAddrs(), nil },
		SASL:      &SASL{Mechanism: MechanismAWSMSKIAM, AWS: &AWS{Region: "eu-west-1"}}, Timeout: 10 * time.Second,
	})
	t.Cleanup(func() { _ = c.Close() })
	if _, _, err := c.Brokers(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := requestKRaft(t.Context(), c, c.anyBroker(), kmsg.NewPtrApiVersionsRequest(), func(*kmsg.ApiVersionsResponse) error { return nil }); err != nil {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(messages) != 2 || len(handshakes) != 2 || handshakes[0] != MechanismOAuthBearer || handshakes[1] != MechanismOAuthBearer || messages[0] != messages[1] {
		t.Fatalf("handshakes %q and messages %q, want one of each library, the same", handshakes, messages)
	}
	text := strings.TrimSuffix(strings.TrimPrefix(messages[0], "n,,\x01auth=Bearer "), "\x01\x01")
	if u := signed(t, text); u.Host != "kafka.eu-west-1.amazonaws.com" {
		t.Errorf("the token is for %s", u.Host)
	}
}
