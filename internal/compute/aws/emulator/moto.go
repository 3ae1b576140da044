package emulator

import (
	"bufio"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
)

// Profile is an instance profile that an account has, and Image and Patched are images of it; images.json has more.
const (
	Profile = "kafka"
	Image   = "ami-1111111111111111"
	Patched = "ami-2222222222222222"
)

//go:embed images.json
var images []byte

// StartMoto runs a moto_server, such as tools/moto.sh prints, and returns where it answers.
func StartMoto(server string) (url string, stop func(), err error) {
	if server == "" {
		return "", nil, errors.New("there is no moto_server: run make test-aws, which prepares it and sets KAFKAFLEET_MOTO")
	}
	file, err := os.CreateTemp("", "images-*.json")
	if err != nil {
		return "", nil, err
	}
	_, err = file.Write(images)
	if err = errors.Join(err, file.Close()); err != nil {
		return "", nil, err
	}
	cmd := exec.Command(server, "-H", "127.0.0.1", "-p", "0")
	cmd.SysProcAttr = dieWithParent()
	cmd.Env = append(os.Environ(), "PYTHONUNBUFFERED=1", "MOTO_AMIS_PATH="+file.Name())
	out, err := cmd.StderrPipe()
	if err != nil {
		return "", nil, err
	}
	cmd.Stdout = cmd.Stderr
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = os.Remove(file.Name())
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, at, found := strings.Cut(lines.Text(), "Running on "); found {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return strings.TrimSpace(at), stop, nil
		}
	}
	stop()
	return "", nil, fmt.Errorf("%s has ended without an address", server)
}

// Reset makes moto a new account, with an instance profile and the VPC that all have.
func Reset(moto string) error {
	if err := post(moto+"/moto-api/reset", ""); err != nil {
		return err
	}
	return post(moto, "Action=CreateInstanceProfile&Version=2010-05-08&InstanceProfileName="+Profile)
}

// post is a call that moto takes for one of IAM.
func post(url, form string) error {
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(form))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0")
	out, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = out.Body.Close() }()
	if out.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(out.Body) //nolint:errcheck // Only to explain a failure.
		return fmt.Errorf("moto: %s: %s", out.Status, body)
	}
	return nil
}
