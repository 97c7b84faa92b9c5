package tree

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"edgeman/nginxconf/internal/lex"
)

// corpusDir returns the directory of real configurations, or skips.
func corpusDir(tb testing.TB) string {
	dir := os.Getenv("EDGEMAN_NGINX_CORPUS")
	if dir == "" {
		dir = "../../../../shared/corpus/nginx"
	}
	if _, err := os.Stat(dir); err != nil {
		tb.Skipf("no corpus of nginx configurations: %v (set EDGEMAN_NGINX_CORPUS)", err)
	}
	return dir
}

func TestCorpusTilesAndPairs(t *testing.T) {
	var files, rejected int
	err := filepath.WalkDir(corpusDir(t), func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || filepath.Base(path) == "SOURCES.txt" {
			return err
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		f, err := Parse(path, src)
		if err != nil {
			rejected++
			t.Log(err)
			return nil
		}
		if got := concat(f); got != string(src) {
			t.Errorf("%s: tokens do not tile the file", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d files, %d rejected", files, rejected)
	if files < 900 || rejected > 40 {
		t.Errorf("%d files, %d rejected", files, rejected)
	}
}

func concat(f *File) string {
	var b strings.Builder
	end := int32(0)
	for _, tok := range f.Tokens {
		if tok.Start != end || tok.End <= tok.Start {
			return "gap"
		}
		end = tok.End
		b.Write(f.Src[tok.Start:tok.End])
	}
	return b.String()
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"a;", "a b \"c;\" 'd\\'e' {f;}", "a ${b} #c\n;", "a b}c;", "a \\;;", "x_by_lua_block { if a then -- }\n end }",
		"a \"b\"){}", "set $a \"${b}\";", "a{b{c{}}}", "\xef\xbb\xbfa;", "a\x00b;", "a `b c`;", "a\r\n# x\ry\n;", "a \xffb;",
		"location foo_by_lua_block { a; }", "set_by_lua_block $x { return \"}\" }", "a \"\";",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		file, err := Parse("f", src)
		if err != nil {
			if strings.Contains(err.Error(), "second reader") {
				t.Fatalf("readers disagree on %q: %v", src, err)
			}
			return
		}
		if concat(file) != string(src) {
			t.Fatalf("tokens do not tile %q", src)
		}
		walk(t, file.Directives)
	})
}

func walk(t *testing.T, ds []*Directive) {
	for _, d := range ds {
		for i, want := range d.Args {
			start, end := d.Arg(i).Inner()
			if got := lex.Decode(d.File.Src[start:end]); got != want {
				t.Fatalf("argument %d of %s: %q, want %q", i, d.Name, got, want)
			}
		}
		if d.Start() >= d.HeadEnd() || d.HeadEnd() > d.End() {
			t.Fatalf("bad span of %s", d.Name)
		}
		walk(t, d.Children)
	}
}
