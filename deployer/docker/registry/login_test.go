package registry

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"edgeman/deployer/hint"
)

func TestCredentials(t *testing.T) {
	enc := base64.StdEncoding.EncodeToString
	helper := func(answers map[string]string) func(context.Context, string, []byte) ([]byte, error) {
		return func(_ context.Context, program string, in []byte) ([]byte, error) {
			out, ok := answers[program+" "+strings.TrimSpace(string(in))]
			if !ok {
				return []byte("credentials not found in native keychain\n"), errors.New("exit status 1")
			}
			return []byte(out), nil
		}
	}
	tests := []struct {
		name, config, host string
		helpers            map[string]string
		want               string // JSON
		err                string
	}{
		{name: "no configuration", host: "r.test"},
		{name: "nothing for this registry", config: `{"auths":{"other.test":{"auth":"` + enc([]byte("u:p")) + `"}}}`, host: "r.test"},
		{
			name: "file", config: `{"auths":{"r.test:5000":{"auth":"` + enc([]byte("u:p:q")) + `"}}}`, host: "r.test:5000",
			want: `{"username":"u","password":"p:q","serveraddress":"r.test:5000"}`,
		},
		{
			name: "old key", config: `{"auths":{"https://r.test/v1/":{"auth":"` + enc([]byte("u:p")) + `"}}}`, host: "r.test",
			want: `{"username":"u","password":"p","serveraddress":"r.test"}`,
		},
		{
			name: "hub", config: `{"auths":{"https://index.docker.io/v1/":{"auth":"` + enc([]byte("u:p")) + `"}}}`, host: "docker.io",
			want: `{"username":"u","password":"p","serveraddress":"https://index.docker.io/v1/"}`,
		},
		{
			name: "token", config: `{"auths":{"r.test":{"auth":"x","identitytoken":"t"}}}`, host: "r.test",
			want: `{"identitytoken":"t","serveraddress":"r.test"}`,
		},
		{
			name: "helper", config: `{"credHelpers":{"r.test":"one"},"credsStore":"two"}`, host: "r.test",
			helpers: map[string]string{"docker-credential-one r.test": `{"ServerURL":"r.test","Username":"u","Secret":"s"}`},
			want:    `{"username":"u","password":"s","serveraddress":"r.test"}`,
		},
		{
			name: "store with a token", config: `{"credsStore":"two"}`, host: "r.test",
			helpers: map[string]string{"docker-credential-two r.test": `{"Username":"<token>","Secret":"s"}`},
			want:    `{"identitytoken":"s","serveraddress":"r.test"}`,
		},
		{
			name: "store without an entry, the file has one", config: `{"credsStore":"two","auths":{"r.test":{"auth":"` + enc([]byte("u:p")) + `"}}}`, host: "r.test",
			want: `{"username":"u","password":"p","serveraddress":"r.test"}`,
		},
		{name: "helper's name is a path", config: `{"credsStore":"../../bin/x"}`, host: "r.test", err: "names the credential helper"},
		{name: "helper talks nonsense", config: `{"credsStore":"two"}`, host: "r.test", helpers: map[string]string{"docker-credential-two r.test": "hunter2"}, err: "something else than JSON"},
		{name: "not JSON", config: `{"auths": hunter2`, host: "r.test", err: "not valid JSON"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := Login{Config: func() ([]byte, error) { return []byte(tt.config), nil }, helper: helper(tt.helpers)}
			got, err := l.Credentials(context.Background(), tt.host)
			plain, derr := base64.URLEncoding.DecodeString(got)
			if derr != nil || string(plain) != tt.want {
				t.Errorf("got %s %v, want %s", plain, derr, tt.want)
			}
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

// The file names programs that run as root: nobody else may have had a hand in
// it, by whatever way it is reached.
func TestDockerConfigOwner(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	for name, row := range map[string]struct {
		do   func(path string) error
		want string // in the error; empty: none
	}{
		"own":              {func(string) error { return nil }, ""},
		"anybody's":        {func(path string) error { return os.Chmod(path, 0o666) }, "chmod go-w"},
		"somebody's":       {func(path string) error { return os.Chown(path, 65534, 0) }, "belongs to uid 65534"},
		"anybody's folder": {func(path string) error { return os.Chmod(filepath.Dir(path), 0o777) }, "chmod go-w"},
		"kept elsewhere": {func(path string) error {
			return errors.Join(os.Mkdir(path+".d", 0o700), os.Rename(path, path+".d/config"), os.Symlink("config.json.d/config", path))
		}, ""},
		"somebody's link": {func(path string) error {
			return errors.Join(os.Rename(path, path+".real"), os.Symlink(path+".real", path), os.Lchown(path, 65534, 0))
		}, "belongs to uid 65534"},
		"a link by way of anybody's folder": {func(path string) error {
			return errors.Join(os.Mkdir(path+".d", 0o700), os.Chmod(path+".d", 0o777), os.Rename(path, path+".real"),
				os.Symlink(path+".real", path+".d/config"), os.Symlink(path+".d/config", path))
		}, "chmod go-w"},
		"a link in a circle": {func(path string) error { return errors.Join(os.Remove(path), os.Symlink(path, path)) }, "too many levels"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.json")
			if b, err := readOwned(path); err != nil || b != nil {
				t.Errorf("absent: %q %v", b, err)
			}
			if err := errors.Join(os.WriteFile(path, []byte("{}"), 0o600), row.do(path)); err != nil {
				t.Fatal(err)
			}
			b, err := readOwned(path)
			if row.want == "" && (err != nil || string(b) != "{}") || row.want != "" && (err == nil || !strings.Contains(hint.Text(err), row.want)) {
				t.Errorf("%q, %v; want %q", b, err, row.want)
			}
		})
	}
}
