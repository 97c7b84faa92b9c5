//go:build integration

package integration

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"edgeman/integration/host"
)

const demoSite = `upstream my_app {
    server 127.0.0.1:8080;
}
server {
    listen 80 default_server;
    location / {
        proxy_pass http://my_app;
        proxy_set_header Host $host;
    }
}
`

// caseWords are what the scripts of swap cases may use: exits N COMMAND demands
// an exit status, answers TEXT URL polls for an answer with the text in it, up
// waits until nginx finds the app, running CONTAINER until it runs.
const caseWords = `
exits() { want=$1; shift; got=0; "$@" || got=$?; [ $got = $want ] || { echo "HOLDS NOT: $*: exit $got, want $want"; exit 1; }; }
answers() { for i in $(seq 100); do curl -s --max-time 30 "$2" | grep -qF "$1" && return; sleep 0.2; done; echo "HOLDS NOT: $2 does not answer $1 but:"; curl -s -i --max-time 30 "$2"; exit 1; }
up() { for i in $(seq 100); do code=$(curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1/); [ "$code" = 502 ] || return 0; sleep 0.2; done; }
running() { for i in $(seq 100); do [ "$(docker inspect -f '{{.State.Running}}' "$1")" = true ] && return; sleep 0.1; done; }
`

// swapCase runs one script with the demo's site in place. Its own cases end with
// a status that judges; others are judged by a script of the same name in holds,
// which finds the transcript in /tmp/transcript. NAME.before.sh there prepares.
func swapCase(ctx context.Context, t *testing.T, h *host.Host, file, script string) {
	site(ctx, t, h, "myapp", demoSite)
	name := strings.TrimSuffix(filepath.Base(file), ".sh")
	holds := filepath.Join("testdata", "cases", "holds")
	own := filepath.Dir(file) == filepath.Join("testdata", "cases", "swap")
	verdict, err := os.ReadFile(filepath.Join(holds, name+".sh"))
	if err != nil && !own {
		t.Skipf("NOT JUDGED: %s says in words what has to hold, and nothing in %s does so in commands", name, holds)
	}
	if before, err := os.ReadFile(filepath.Join(holds, name+".before.sh")); err == nil && !own {
		must(ctx, t, h, "sh", "-e", "-c", caseWords+string(before))
	}
	ctx, cancel := context.WithTimeout(ctx, 8*time.Minute)
	defer cancel()
	// The app answers a moment after docker run, as for whoever types the commands.
	script = strings.ReplaceAll(script, "\nedgeman adopt", "\nup\nedgeman adopt")
	flags := "-x"
	if own {
		flags = "-ex"
	}
	code, out := run(ctx, t, h, "sh", flags, "-c", "exec 2>&1\n"+caseWords+script)
	t.Logf("exit %d\n%s", code, out)
	if own {
		if code != 0 {
			t.Errorf("the script ends with %d", code)
		}
		return
	}
	if err := h.WriteFile(ctx, "/tmp/transcript", []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out := run(ctx, t, h, "sh", "-ex", "-c", "exec 2>&1\n"+caseWords+string(verdict)); code != 0 {
		t.Errorf("does not hold:\n%s", out)
	}
}
