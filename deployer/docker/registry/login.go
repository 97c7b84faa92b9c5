package registry

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"edgeman/deployer/state"
)

// hub is how docker's configuration calls the default registry.
const hub = "https://index.docker.io/v1/"

// dockerLogin is the part of docker's client configuration about registries.
type dockerLogin struct {
	Auths map[string]struct {
		Auth          string `json:"auth"`
		IdentityToken string `json:"identitytoken"`
	} `json:"auths"`
	CredsStore  string            `json:"credsStore"`
	CredHelpers map[string]string `json:"credHelpers"`
}

// credential is what the daemon is sent, in the Engine API's spelling.
type credential struct {
	Username      string `json:"username,omitempty"`
	Password      string `json:"password,omitempty"`
	IdentityToken string `json:"identitytoken,omitempty"`
	ServerAddress string `json:"serveraddress,omitempty"`
}

// Login is where `docker login` keeps credentials.
type Login struct {
	// Config is docker's client configuration; nil when there is none.
	Config func() ([]byte, error)
	// helper runs a docker credential helper with input on its stdin.
	helper func(ctx context.Context, program string, input []byte) ([]byte, error)
}

// RootLogin is what root's docker login left on this host. $HOME is not trusted:
// under sudo it may be the caller's.
func RootLogin() Login {
	return Login{func() ([]byte, error) { return readOwned("/root/.docker/config.json") }, runHelper}
}

// Credentials are those for a registry, encoded for the Engine; empty when there
// are none. They appear in no error.
func (l Login) Credentials(ctx context.Context, host string) (string, error) {
	b, err := l.Config()
	if err != nil || len(b) == 0 {
		return "", err
	}
	var known dockerLogin
	if json.Unmarshal(b, &known) != nil { // its error could quote a secret
		return "", fmt.Errorf("root's docker configuration is not valid JSON")
	}
	server := host
	if host == "docker.io" {
		server = hub
	}
	cred, err := known.find(ctx, server, l)
	if err != nil || cred == nil {
		return "", err
	}
	cred.ServerAddress = server
	b, err = json.Marshal(cred)
	return base64.URLEncoding.EncodeToString(b), err
}

// find follows docker's own order: a helper for this registry, the helper for
// all, the file itself.
func (l dockerLogin) find(ctx context.Context, server string, from Login) (*credential, error) {
	helper := l.CredsStore
	if h, ok := l.CredHelpers[hostOf(server)]; ok {
		helper = h
	}
	if helper != "" {
		cred, err := askHelper(ctx, helper, server, from)
		if err != nil || cred != nil {
			return cred, err
		}
	}
	for name, a := range l.Auths {
		if hostOf(name) != hostOf(server) {
			continue
		}
		if a.IdentityToken != "" {
			return &credential{IdentityToken: a.IdentityToken}, nil
		}
		plain, err := base64.StdEncoding.DecodeString(a.Auth)
		user, password, ok := strings.Cut(string(plain), ":")
		if err == nil && ok {
			return &credential{Username: user, Password: strings.TrimRight(password, "\x00")}, nil
		}
	}
	return nil, nil
}

// hostOf is the registry's host of a key, which older clients wrote as a URL.
func hostOf(key string) string {
	key = strings.TrimPrefix(strings.TrimPrefix(key, "https://"), "http://")
	host, _, _ := strings.Cut(key, "/")
	return host
}

// readOwned reads a file that only root can have written; nil when there is none.
// People keep theirs elsewhere and put a link in its place.
func readOwned(path string) ([]byte, error) {
	var b []byte
	path, err := state.FollowTrusted(path)
	if err == nil {
		b, err = state.ReadTrusted(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

var helperName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

// askHelper runs a credential helper: the server goes in on stdin, a JSON object
// comes out, or a line that says there is none.
func askHelper(ctx context.Context, name, server string, from Login) (*credential, error) {
	if !helperName.MatchString(name) {
		return nil, fmt.Errorf("root's docker configuration names the credential helper %q", name)
	}
	out, err := from.helper(ctx, "docker-credential-"+name, []byte(server+"\n"))
	if bytes.Contains(out, []byte("credentials not found")) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ask docker-credential-%s: %w", name, err)
	}
	var answer struct{ Username, Secret string }
	if json.Unmarshal(out, &answer) != nil {
		return nil, fmt.Errorf("docker-credential-%s answered something else than JSON", name)
	}
	if answer.Username == "<token>" { // the helpers' way to say that it is no password
		return &credential{IdentityToken: answer.Secret}, nil
	}
	return &credential{Username: answer.Username, Password: answer.Secret}, nil
}

// helperTimeout bounds a credential helper, which may ask a service far away.
const helperTimeout = 30 * time.Second

// runHelper runs the helper without a shell, from root's fixed search path.
func runHelper(ctx context.Context, program string, input []byte) ([]byte, error) {
	const dirs = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	for _, dir := range filepath.SplitList(dirs) {
		path := filepath.Join(dir, program)
		if fi, err := os.Stat(path); err != nil || fi.IsDir() {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, helperTimeout)
		defer cancel()
		cmd := exec.CommandContext(ctx, path, "get")
		cmd.WaitDelay = time.Second // its children may hold the output open
		cmd.Env = []string{"PATH=" + dirs, "HOME=/root"}
		cmd.Stdin = bytes.NewReader(input)
		out, err := cmd.Output()
		if ctx.Err() != nil {
			err = fmt.Errorf("%s did not end in time: %w", program, ctx.Err())
		}
		return out, err
	}
	return nil, fmt.Errorf("%s is not installed", program)
}

// LoggedIn tells whether the user with this home has a login at the registry; no
// more of the file is looked at.
func LoggedIn(home, registry string) bool {
	f, err := os.OpenFile(filepath.Join(home, ".docker", "config.json"), os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() {
		return false
	}
	var login struct {
		Auths, CredHelpers map[string]json.RawMessage
	}
	if json.NewDecoder(io.LimitReader(f, 1<<20)).Decode(&login) != nil {
		return false
	}
	if registry == "docker.io" {
		registry = hub
	}
	for _, names := range []map[string]json.RawMessage{login.Auths, login.CredHelpers} {
		for name := range names {
			if hostOf(name) == hostOf(registry) {
				return true
			}
		}
	}
	return false
}
