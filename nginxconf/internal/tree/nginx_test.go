package tree

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// fragments make snippets that live on the edges of the token rules.
var fragments = []string{
	"a", "b", " ", "\n", "\t", "\r", ";", "{", "}", "\"", "'", "\\", "#", "$", "${", "(", ")", "`", "\\\"", "\\'", "\\\\", "\\ ", "\\;", "\\{",
	"a b;", "\"x y\"", "'z'", "a}", "#c\n", "\"a\"b", "${v}", ";;", "a{2}", "\xe9", strings.Repeat("l", 2040), strings.Repeat(" ", 1000),
}

var luaFragments = []string{
	"a", " ", "\n", "{", "}", "\"", "'", "\\", "--", "[[", "]]", "[=[", "]=]", "--[[", "--[=[", "[", "]", "=", "\"}\"", "'{'", "\\\"", "#t", "[[ } ]]", "-- }\n",
}

func snippet(r *rand.Rand, from []string) string {
	var b strings.Builder
	for range 1 + r.IntN(12) {
		b.WriteString(from[r.IntN(len(from))])
	}
	return b.String()
}

// lexical matches the errors of nginx's own token reader; other errors are
// about the meaning of tokens.
var lexical = regexp.MustCompile(`\] \d+#\d+: (unexpected "|unexpected end of file|too long parameter|too long lua code block|Lua code block missing|[^:]*missing the closing)`)

// TestTokensAgreeWithNginx compares verdicts on random snippets with those of
// nginx. EDGEMAN_NGINX names another binary, EDGEMAN_SNIPPETS their number, and
// EDGEMAN_SEED makes others: by themselves they are the same in every run, so that
// what fails once fails again.
func TestTokensAgreeWithNginx(t *testing.T) {
	bin := os.Getenv("EDGEMAN_NGINX")
	if bin == "" {
		bin = "nginx"
	}
	if _, err := exec.LookPath(bin); err != nil {
		t.Skipf("no nginx to compare with: %v", err)
	}
	n := 150
	if s := os.Getenv("EDGEMAN_SNIPPETS"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	if testing.Short() {
		n = 10
	}
	dir := t.TempDir()
	head := fmt.Sprintf("error_log %s/e.log;pid %s/pid;events{}\nhttp{access_log off;map_hash_max_size 10000;map_hash_bucket_size 8192;map $host $x {", dir, dir)
	compare(t, bin, dir, n, head, "\n}}\n", fragments)
	lua := "/usr/lib/nginx/modules/ngx_http_lua_module.so"
	if _, err := os.Stat(lua); err != nil {
		t.Logf("Lua blocks are not compared: %v", err)
		return
	}
	head = fmt.Sprintf("load_module /usr/lib/nginx/modules/ndk_http_module.so;load_module %s;error_log %s/e.log;pid %s/pid;events{}\nhttp{lua_load_resty_core off;access_log off;server{location /{content_by_lua_block {", lua, dir, dir)
	compare(t, bin, dir, n, head, "}}}}\n", luaFragments)
}

func compare(t *testing.T, bin, dir string, n int, head, tail string, from []string) {
	t.Helper()
	seed, _ := strconv.ParseUint(os.Getenv("EDGEMAN_SEED"), 10, 64)
	r := rand.New(rand.NewPCG(seed, 1))
	path := filepath.Join(dir, "n.conf")
	rejected := 0
	for range n {
		src := head + snippet(r, from) + tail
		if err := os.WriteFile(path, []byte(src), 0o644); err != nil {
			t.Fatal(err)
		}
		out, _ := exec.Command(bin, "-t", "-p", dir, "-c", path).CombinedOutput()
		theirs := lexical.Match(out)
		_, err := Parse(path, []byte(src))
		if err != nil {
			rejected++
		}
		// A row of a map cannot be a block: nginx's map does not see its brace and
		// trips over a later one. It never gets to what follows a bad row.
		if strings.Contains(string(out), `unexpected "{"`) {
			continue
		}
		if theirs && err == nil || err != nil && strings.Contains(string(out), "syntax is ok") {
			t.Errorf("%q:\nnginx: %s\nedgeman: %v", src[len(head):len(src)-len(tail)], out, err)
		}
	}
	t.Logf("%d snippets, %d rejected", n, rejected)
}
