package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"
)

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
